//! The one way in and the one way out: a command, the facts it needs, and what follows.
//! All enums here are closed, so that a new variant makes the compiler list the work.

pub mod alert;
pub mod bring;
pub mod claim;
pub mod consent;
pub mod conversion;
pub mod delivery;
pub mod due;
pub mod erasure;
pub mod evidence;
pub mod hearing;
pub mod offer;
pub mod outcome;
pub mod partner;
pub mod payout;
pub mod pool;
pub mod question;
pub mod reconciliation;
pub mod report;
pub mod restore;
pub mod review;
pub mod share;
pub mod webhook;
pub mod usage;
pub mod winback;

use super::alert::Alert;
use super::at::At;
use super::batch::{Batch, Chunk};
use super::books::Movement;
use super::case::Changes;
use super::claim::Claim;
use super::code::{Code, CodeText};
use super::completion::Completion;
use super::consent::Consent;
use super::consumption::RefundRules;
use super::conversion::Conversion;
use super::delivery::{Effect, Item, ItemId};
use super::download::Download;
use super::due::{Due, DueWhat};
use super::extension::Extension;
use super::hearing::Hearing;
use super::id::{Id, Person};
use super::network::Network;
use super::offer::{Ineligible, Signing};
use super::outcome::Outcome;
use super::partner::{Coupon, Partner};
use super::payout::Payout;
use super::person::{Alias, Erasure, Move};
use super::policy::{Policy, Rules};
use super::pool::{Place, Pool};
use super::purchase::{Report, Source};
use super::question::Question;
use super::reconciliation::Reconciliation;
use super::redemption::Redemption;
use super::referrer::Referrer;
use super::refund::Refund;
use super::reward::Account;
use super::sale::Sale;
use super::subscription::Subscription;
use super::usage::Usage;
use super::webhook::Webhook;
use super::winback::{Declined, WinBack};
use serde::{Deserialize, Serialize};

/// What a decision is stamped with: its place in the order of things, and the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub seq: u64,
    pub at: At,
}

/// One kind of decision: what it is asked, what it must know, and what follows.
pub trait Family {
    type Command;
    type Facts;
    fn decide(facts: &Self::Facts, command: &Self::Command, stamp: Stamp) -> Result<Decision, Refusal>;
}

/// Everything that can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    MyCode(share::MyCode),
    Issue(share::Issue),
    Claim(claim::MakeClaim),
    Report(Report),
    Show(evidence::Show),
    NameUser(evidence::NameUser),
    Adopt(pool::Adopt),
    Refill(pool::Refill),
    Import(pool::Import),
    BringCode(bring::BringCode),
    BringCompletion(bring::BringCompletion),
    Begin(delivery::Begin),
    Settle(delivery::Settle),
    Recover(delivery::Recover),
    Retry(delivery::Retry),
    Discard(delivery::Discard),
    Fire(Due),
    CatchUp(hearing::CatchUp),
    AskTest(hearing::AskTest),
    Review(review::Review),
    MakePartner(partner::MakePartner),
    ChangePartner(partner::ChangePartner),
    ErasePartner(partner::ErasePartner),
    AddCoupon(partner::AddCoupon),
    EndCoupon(partner::EndCoupon),
    Judge(conversion::Judge),
    Draft(payout::Draft),
    Advance(payout::Advance),
    AskPayout(payout::AskPayout),
    AskReports(reconciliation::AskReports),
    Clear(alert::Clear),
    Watch(alert::Watch),
    SignOffer(offer::SignOffer),
    AdoptWebhooks(webhook::AdoptWebhooks),
    EnableWebhook(webhook::EnableWebhook),
    TestWebhooks(webhook::TestWebhooks),
    EraseUser(erasure::EraseUser),
    AdoptRefunds(RefundRules),
    SayConsent(consent::SayConsent),
    SayUsage(usage::SayUsage),
    GiveCode(winback::GiveCode),
    Return(restore::Return),
    Withhold(restore::Withhold),
}

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// The app or the team's backend, for a user.
    App,
    Source(Source),
    /// An administrator, by the name of the token, and why, if they said.
    Admin {
        token: String,
        reason: Option<String>,
    },
    /// The payment service.
    Tremendous,
    /// referd itself: the courier, a timer, a bell, the start.
    House,
}

/// A row as it stands from now on, or a row that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Put {
    Rules(Rules),
    Pool(Pool),
    Batch(Batch),
    Chunk(Chunk),
    Code(Code),
    Referrer(Referrer),
    Alias(Alias),
    Move(Move),
    Erasure(Erasure),
    Claim(Claim),
    Subscription(Subscription),
    Refund(Refund),
    RefundRules(RefundRules),
    Consent(Consent),
    Usage(Usage),
    Question(Question),
    WinBack(WinBack),
    Download(Download),
    Hearing(Hearing),
    Network(Network),
    NetworkGone(Id),
    Redemption(Redemption),
    Completion(Completion),
    Extension(Extension),
    Sale(Sale),
    Partner(Partner),
    Coupon(Coupon),
    Conversion(Conversion),
    ConversionGone(Id),
    Payout(Payout),
    Movement(Movement),
    Signing(Signing),
    Alert(Alert),
    Webhook(Webhook),
    WebhookGone(Id),
    Reconciliation(Reconciliation),
    Account(Account),
    AccountGone(Person),
    Seen(Seen),
    Item(Item),
    ItemGone(ItemId),
    Due(Due),
    DueGone(Due),
}

/// An event of a source that was taken in. Never pruned: it is what makes a repeat a repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub source: Source,
    pub event: String,
    /// The event type in the source's words.
    pub kind: String,
    pub digest: Id,
    pub seq: u64,
}

impl Seen {
    /// What the sender of a repeat is told.
    pub fn reply(&self, again: &Report) -> Reply {
        Reply::Kept { repeated: true, differs: self.digest != again.digest }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub puts: Vec<Put>,
    pub effects: Vec<Effect>,
    pub reply: Reply,
}

impl Decision {
    /// A repeat, or nothing to do.
    pub fn same(reply: Reply) -> Decision {
        Decision { puts: Vec::new(), effects: Vec::new(), reply }
    }
    pub fn is_same(&self) -> bool {
        self.puts.is_empty() && self.effects.is_empty()
    }
    pub fn put(&mut self, put: Put) {
        self.puts.push(put);
    }
    pub fn take(&mut self, changes: Changes) {
        self.puts.extend(changes.codes.into_iter().map(Put::Code));
        self.puts.extend(changes.claims.into_iter().map(Put::Claim));
        self.puts.extend(changes.redemptions.into_iter().map(Put::Redemption));
        self.puts.extend(changes.completions.into_iter().map(Put::Completion));
        self.puts.extend(changes.referrers.into_iter().map(Put::Referrer));
        self.puts.extend(changes.accounts.into_iter().map(|account| match account.is_gone() {
            true => Put::AccountGone(account.person),
            false => Put::Account(account),
        }));
        self.puts.extend(changes.extensions.into_iter().map(Put::Extension));
        let release = |(at, completion)| Put::Due(Due { at, what: DueWhat::Release { completion } });
        self.puts.extend(changes.releases.into_iter().map(release));
        self.effects.extend(changes.effects);
    }
    /// Asks for a batch if the stock wants one; an unchanged pool is not put.
    pub fn reorder(&mut self, pool: &Pool, policy: &Policy, at: At) {
        if pool.clone().reorder(policy, at, false).is_some() {
            self.put_pool(pool.clone(), policy, at, false);
        }
    }
    /// The pool as it stands, and the batch that it asks for by that.
    pub fn put_pool(&mut self, mut pool: Pool, policy: &Policy, at: At, by_hand: bool) -> Option<Id> {
        let batch = pool.reorder(policy, at, by_hand);
        let id = batch.as_ref().map(|batch| batch.id);
        self.put(Put::Pool(pool));
        if let Some(batch) = batch {
            self.effects.push(Effect::RequestBatch { campaign: batch.campaign.clone(), batch: batch.id });
            self.put(Put::Batch(batch));
        }
        id
    }
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Nothing,
    Code {
        code: Code,
        slug: String,
    },
    /// No code to give; the slug still works.
    Empty {
        campaign: String,
        slug: String,
    },
    Claim {
        claim: Claim,
        completion: Option<Completion>,
        fresh: bool,
    },
    SelfReferral,
    Kept {
        repeated: bool,
        differs: bool,
    },
    Issued(Vec<Code>),
    /// A code to come back with; not fresh where they had it already.
    WinBack {
        code: Code,
        fresh: bool,
    },
    Refill {
        asked: Option<Id>,
        coming: Option<Id>,
    },
    Item(Item),
    Completion(Completion),
    Partner(Partner),
    Coupon {
        coupon: Coupon,
        fresh: bool,
        offers: partner::OwnOffers,
    },
    /// Those that somebody decided on, as they stand.
    Judged(Vec<Conversion>),
    /// Absent where there is nothing to be paid.
    Payout(Option<Payout>),
    Alert(Alert),
    Signing(Signing),
    Webhooks(Vec<Webhook>),
    Erased(Erasure),
    /// What they allow by now, by purpose.
    Consents(Vec<Consent>),
    Usage(Usage),
    Brought(bring::Brought),
}

/// The rule says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("no such campaign")]
    UnknownCampaign,
    #[error("nobody was given this code")]
    UnknownCode,
    #[error("no such share link")]
    UnknownSlug,
    #[error("no such delivery")]
    UnknownItem,
    #[error("no such completion")]
    UnknownCompletion,
    #[error("no such partner")]
    UnknownPartner,
    #[error("no such coupon")]
    UnknownCoupon,
    #[error("no such conversion")]
    UnknownConversion,
    #[error("no such payout")]
    UnknownPayout,
    #[error("no such alert")]
    UnknownAlert,
    #[error("no such webhook")]
    UnknownWebhook,
    #[error("nothing is known of this user")]
    UnknownUser,
    #[error("this campaign pays no partners")]
    NotForPartners,
    #[error("something else is identified by it already")]
    Taken,
    #[error("as many offers of their own as may be active are in use: end one that is not needed")]
    TooManyOffers,
    #[error("there is no offer to make codes of: give offer_code_id, here or in the campaign")]
    NoOffer,
    #[error("a tester's purchase is never paid")]
    NeverPaid,
    #[error("it is not in a state that allows this")]
    WrongState,
    #[error("the same person cannot be referrer and referee")]
    SelfReferral,
    #[error("there is a claim already")]
    AlreadyClaimed,
    #[error("the appAccountToken is another user's")]
    TokenTaken,
    #[error("the code was used")]
    CodeUsed,
    #[error("the code's time ran out")]
    CodeExpired,
    #[error("no code is available")]
    PoolEmpty,
    #[error("of so many products and transactions nothing more is kept for one user")]
    TooMuchUsage,
    #[error("this user may not have the offer now")]
    Ineligible(Ineligible),
    #[error("this user gets no code to come back with now")]
    NotWonBack(Declined),
    #[error("this code was given to one user to come back with: nobody claims it")]
    NotForClaims,
    #[error("codes of this campaign are given to those who lapsed: POST /admin/winback")]
    OnlyForTheLapsed,
}

/// Codes taken from the stock, and the pool as it stands after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    pub pool: Pool,
    pub taken: Vec<(CodeText, Place)>,
}

impl Draw {
    pub fn hand_out(&self, at: usize, to: Person, label: Option<String>, now: At) -> Code {
        let (text, place) = &self.taken[at];
        Code {
            text: text.clone(),
            campaign: self.pool.campaign.clone(),
            batch: place.batch,
            expires_at: place.expires_at,
            assigned_to: to,
            assigned_at: now,
            label,
            claimed_by: None,
            is_custom: false,
            state: super::code::CodeState::Pending,
        }
    }
}

impl Command {
    /// The word for this command in journals and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Command::MyCode(_) => "my_code",
            Command::Issue(_) => "issue",
            Command::Claim(_) => "claim",
            Command::Report(_) => "report",
            Command::Show(_) => "show",
            Command::NameUser(_) => "name_user",
            Command::Adopt(_) => "adopt",
            Command::Refill(_) => "refill",
            Command::Import(_) => "import",
            Command::BringCode(_) => "bring_code",
            Command::BringCompletion(_) => "bring_completion",
            Command::Begin(_) => "begin",
            Command::Settle(_) => "settle",
            Command::Recover(_) => "recover",
            Command::Retry(_) => "retry",
            Command::Discard(_) => "discard",
            Command::Fire(_) => "fire",
            Command::CatchUp(_) => "catch_up",
            Command::AskTest(_) => "ask_test",
            Command::Review(_) => "review",
            Command::MakePartner(_) => "make_partner",
            Command::ChangePartner(_) => "change_partner",
            Command::ErasePartner(_) => "erase_partner",
            Command::AddCoupon(_) => "add_coupon",
            Command::EndCoupon(_) => "end_coupon",
            Command::Judge(_) => "judge",
            Command::Draft(_) => "draft",
            Command::Advance(_) => "advance",
            Command::AskPayout(_) => "ask_payout",
            Command::AskReports(_) => "ask_reports",
            Command::Clear(_) => "clear",
            Command::Watch(_) => "watch",
            Command::SignOffer(_) => "sign_offer",
            Command::AdoptWebhooks(_) => "adopt_webhooks",
            Command::EnableWebhook(_) => "enable_webhook",
            Command::TestWebhooks(_) => "test_webhooks",
            Command::EraseUser(_) => "erase_user",
            Command::AdoptRefunds(_) => "adopt_refunds",
            Command::SayConsent(_) => "say_consent",
            Command::SayUsage(_) => "say_usage",
            Command::GiveCode(_) => "give_code",
            Command::Return(_) => "return_codes",
            Command::Withhold(_) => "withhold_codes",
        }
    }

    /// It tells of what was before, which is no news to anybody.
    pub fn is_history(&self) -> bool {
        matches!(self, Command::BringCode(_) | Command::BringCompletion(_))
    }

    /// As the journal keeps it: lists of codes stand in the chunks that were put, a device's token in the claim.
    pub fn brief(&self) -> Command {
        match self {
            Command::Claim(claim) => {
                let device_token = claim.device_token.as_ref().map(|_| String::new());
                Command::Claim(claim::MakeClaim { device_token, ..claim.clone() })
            }
            Command::Import(import) => Command::Import(pool::Import { codes: Vec::new(), ..import.clone() }),
            Command::Settle(settle) => match &settle.outcome {
                Outcome::Done(super::outcome::Answer::Codes(_)) => Command::Settle(delivery::Settle {
                    item: settle.item,
                    outcome: Outcome::Done(super::outcome::Answer::Codes(Vec::new())),
                }),
                _ => self.clone(),
            },
            _ => self.clone(),
        }
    }
}
