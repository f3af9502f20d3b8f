//! What the routes of one app know.

use super::peer::Trusted;
use super::problem::Problem;
use super::rate::Rate;
use crate::clock::Clock;
use crate::config;
use crate::domain::code::Code;
use crate::domain::decide::{By, Command, Refusal, Reply};
use crate::domain::id::UserId;
use crate::domain::policy::Environment;
use crate::entropy::Entropy;
use crate::ledger::backup::Backups;
use crate::ledger::intake::IntakeError;
use crate::ledger::{Entry, Fail, Ledger};
use crate::wire::apple_event::Expected;
use crate::wire::jws;
use crate::wire::private_key::PrivateKey;
use crate::wire::text::{redeem_url, rfc3339};
use crate::wire::user_token::Verifier;
use crate::wire::view::share_text;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The In-App Purchase key.
pub struct Signer {
    pub key: PrivateKey,
    pub key_id: String,
    pub issuer: String,
}

/// One app as its routes see it.
pub struct App {
    pub config: config::App,
    /// Where its routes start, seen from outside.
    pub public_url: String,
    pub ledger: Arc<Ledger>,
    pub backups: Arc<Backups>,
    pub verifier: Option<Arc<Verifier>>,
    /// Knows what Apple signed.
    pub apple: Arc<jws::Verifier>,
    /// Signs promotional offers.
    pub signer: Option<Signer>,
    pub entropy: Arc<dyn Entropy>,
    pub clock: Arc<dyn Clock>,
    pub meter: Arc<super::meter::Meter>,
    pub rate: Rate,
    /// The team's own proxies.
    pub trusted: Trusted,
}

impl App {
    /// The campaign asked for, or the usual one.
    pub fn campaign(&self, asked: Option<&str>) -> Result<&config::Campaign, Problem> {
        let id = asked.unwrap_or(&self.config.default_campaign);
        let found = self.config.campaigns.iter().find(|campaign| campaign.policy.campaign == id);
        found.ok_or_else(|| Problem::not_found("there is no such campaign"))
    }

    /// What Apple's notifications of an environment must be about.
    pub fn expects(&self, environment: Environment) -> Expected<'_> {
        Expected { bundle_id: &self.config.bundle_id, apple_id: self.config.apple_id, environment }
    }

    pub fn opener(&self) -> impl Fn(&str) -> Result<jws::Signed, jws::Fault> {
        let now = self.clock.now();
        move |text| self.apple.verify(text, now)
    }

    pub fn share_url(&self, slug: &str) -> String {
        format!("{}/r/{slug}", self.public_url)
    }

    /// A code as its referrer gets it.
    pub fn shared(&self, code: &Code, slug: &str) -> Map<String, Value> {
        let share_url = self.share_url(slug);
        let template = self.config.campaigns.iter().find(|campaign| campaign.policy.campaign == code.campaign);
        let words = template.map_or("{redeem_url}", |campaign| &campaign.share_text);
        let body = json!({
            "code": code.text.as_str(), "campaign": code.campaign, "status": code.state.word(),
            "expires_at": rfc3339(code.expires_at),
            "redeem_url": redeem_url(self.config.apple_id, code.text.as_str()),
            "share_text": share_text(words, self.config.apple_id, code.text.as_str(), &share_url),
            "share_url": share_url,
        });
        match body {
            Value::Object(members) => members,
            _ => unreachable!("an object was written"),
        }
    }

    /// A repeat is answered from what is durable; the rest goes to the writer.
    pub async fn submit(
        &self,
        command: Command,
        by: By,
        people: Vec<UserId>,
        raw: Option<&[u8]>,
    ) -> Result<Reply, Problem> {
        match self.ledger.repeated(&command) {
            Ok(Some(reply)) => return Ok(reply),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "the ledger cannot be read");
                return Err(Problem::internal("the ledger cannot be read"));
            }
        }
        let mut entry = Entry::new(command, by).naming(people);
        entry.raw = raw.map(<[u8]>::to_vec);
        self.ledger.submit(entry).await.map_err(Problem::from)
    }

    pub fn empty(&self, slug: &str) -> Problem {
        let detail = "no code is available now; more are on their way";
        Problem::pool_empty(detail).with("share_url", self.share_url(slug)).retry_after(60)
    }
}

/// A refusal of the rules, as its caller is told.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let detail = refusal.to_string();
        match refusal {
            Refusal::UnknownCampaign
            | Refusal::UnknownSlug
            | Refusal::UnknownItem
            | Refusal::UnknownCompletion
            | Refusal::UnknownPartner
            | Refusal::UnknownCoupon
            | Refusal::UnknownConversion
            | Refusal::UnknownPayout
            | Refusal::UnknownAlert
            | Refusal::UnknownWebhook
            | Refusal::UnknownUser => Problem::not_found(detail),
            Refusal::NotForPartners | Refusal::NoOffer | Refusal::OnlyForTheLapsed | Refusal::TooMuchUsage => {
                Problem::bad_request(detail)
            }
            Refusal::Taken => Problem::taken(detail),
            Refusal::TooManyOffers => Problem::too_many_offers(detail),
            Refusal::NeverPaid => Problem::wrong_state(detail),
            Refusal::Ineligible(why) => Problem::not_eligible(detail).with("reason", why.word()),
            Refusal::UnknownCode => Problem::unknown_code(detail),
            Refusal::SelfReferral => Problem::self_referral(detail),
            Refusal::NotWonBack(why) => Problem::not_eligible(detail).with("reason", why.word()),
            Refusal::TokenTaken | Refusal::NotForClaims => Problem::not_eligible(detail),
            Refusal::AlreadyClaimed => Problem::already_claimed(detail),
            Refusal::CodeUsed => Problem::code_used(detail),
            Refusal::CodeExpired => Problem::code_expired(detail),
            Refusal::PoolEmpty => Problem::pool_empty(detail).retry_after(60),
            Refusal::WrongState => Problem::wrong_state(detail),
        }
    }
}

impl From<Fail> for Problem {
    fn from(fail: Fail) -> Problem {
        match fail {
            Fail::Refused(refusal) => refusal.into(),
            Fail::Defect => Problem::internal(fail.to_string()),
            Fail::Busy | Fail::NoSpace | Fail::ReadOnly | Fail::Unknown | Fail::Closed => {
                Problem::unavailable(fail.to_string())
            }
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Problem {
        match error {
            IntakeError::Fail(fail) => fail.into(),
            IntakeError::Ledger(error) => error.into(),
        }
    }
}

impl From<crate::ledger::Error> for Problem {
    fn from(error: crate::ledger::Error) -> Problem {
        tracing::error!(%error, "the ledger cannot be read");
        Problem::internal("the ledger cannot be read")
    }
}
