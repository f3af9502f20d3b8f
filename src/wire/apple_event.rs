//! What Apple signed, as domain values: server notifications (App Store Server Notifications V2), transactions,
//! renewals and app transactions. Every part is verified before it is read, and tied to what it stands in.

mod app_transaction;
mod transaction;

pub use app_transaction::{AppTransaction, app_transaction};
pub use transaction::{RenewalInfo, Transaction, renewal, status, transaction};

use super::fields::Fields;
use super::jws::{self, Signed};
use crate::domain::at::{At, Span};
use crate::domain::ending::Ending;
use crate::domain::id::{Id, UserId};
use crate::domain::policy::Environment;
use crate::domain::purchase::{About, Purchase, RefundRequest, RefundWord, Report, Requested, Source};
use serde::Deserialize;
use serde_json::json;
use std::fmt;

/// Gives the payload of a JWS whose signature holds.
pub type Open<'a> = &'a dyn Fn(&str) -> Result<Signed, jws::Fault>;

/// A compact JWS, not verified yet. It names a customer's purchases, so it does not show itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Jws(String);

impl Jws {
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The body in which Apple sends it.
    pub fn body(&self) -> Vec<u8> {
        json!({ "signedPayload": self.0 }).to_string().into_bytes()
    }
}

impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jws(…)")
    }
}

/// The app and the environment that a notification must be of.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub bundle_id: &'a str,
    pub apple_id: u64,
    pub environment: Environment,
}

/// When something may have been signed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub now: At,
    /// None: at any time before, as is right for what Apple gives when it is asked.
    pub max_age: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the body is no server notification")]
    Body,
    #[error("not exactly one of data, summary, externalPurchaseToken and appData")]
    Parts,
    #[error("it was signed too long ago")]
    TooOld,
    /// Apple's clock is right, so this one is not: worth another try.
    #[error("it was signed in the future, so this clock is wrong")]
    FromTheFuture,
    #[error("{0}")]
    Payload(#[from] Flaw),
    #[error("what is signed inside: {0}")]
    Nested(Flaw),
}

/// What is wrong with one signed payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("{0}")]
    Signature(jws::Fault),
    #[error("the payload is no JSON object")]
    Shape,
    #[error("it is of another app, by its bundle id")]
    Bundle,
    #[error("it is of another app, by its Apple ID")]
    App,
    #[error("it is of another environment")]
    Environment,
    #[error("it does not say when it was signed")]
    Undated,
    #[error("it does not say what it is about")]
    Incomplete,
    #[error("transaction and renewal are not of one subscription")]
    Subscription,
}

impl Fault {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Body => "body",
            Fault::Parts => "parts",
            Fault::TooOld => "too-old",
            Fault::FromTheFuture => "from-the-future",
            Fault::Payload(flaw) => flaw.words().0,
            Fault::Nested(flaw) => flaw.words().1,
        }
    }
}

impl Flaw {
    /// The words for it in metrics: outside, and inside of something else.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Flaw::Signature(fault) => (fault.word(), "nested-signature"),
            Flaw::Shape => ("payload", "nested-payload"),
            Flaw::Bundle => ("bundle", "nested-bundle"),
            Flaw::App => ("app", "nested-app"),
            Flaw::Environment => ("environment", "nested-environment"),
            Flaw::Undated => ("undated", "nested-undated"),
            Flaw::Incomplete => ("incomplete", "nested-incomplete"),
            Flaw::Subscription => ("subscription", "nested-subscription"),
        }
    }
}

/// Clocks of two machines differ, but not by a day.
const SKEW: Span = Span::days(1);

impl Limits {
    fn allow(self, signed_at: At) -> Result<(), Fault> {
        if signed_at > self.now.plus(SKEW) {
            return Err(Fault::FromTheFuture);
        }
        match self.max_age {
            Some(age) if signed_at < self.now.minus(age) => Err(Fault::TooOld),
            _ => Ok(()),
        }
    }
}

/// The body of a notification.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    V2(Jws),
    /// The version of before 2021, which is not signed: nothing of it can be believed.
    V1,
}

pub fn body(bytes: &[u8]) -> Result<Body, Fault> {
    let fields = Fields::parse(bytes).ok_or(Fault::Body)?;
    match fields.document("signedPayload") {
        Some(jws) if !jws.is_empty() => Ok(Body::V2(Jws(jws))),
        None if fields.raw("notification_type").is_some() => Ok(Body::V1),
        _ => Err(Fault::Body),
    }
}

/// A notification and what is signed inside of it. Types and subtypes that came after this was written are kept.
pub fn notification(jws: &str, expected: &Expected, limits: Limits, open: Open) -> Result<Report<UserId>, Fault> {
    let signed = open(jws).map_err(Flaw::Signature)?;
    let payload = Fields::parse(&signed.payload).ok_or(Flaw::Shape)?;
    let part = Part::of(&payload)?;
    part.is_expected(expected)?;
    let at = payload.instant("signedDate").ok_or(Flaw::Undated)?;
    limits.allow(at)?;
    let kind = payload.word("notificationType").unwrap_or_else(|| "unrecognised".to_owned());
    let subtype = payload.word("subtype");
    let about = part.about(&kind, subtype.as_deref(), expected, open).map_err(Fault::Nested)?;
    let digest = digest(&signed);
    Ok(Report {
        source: Source::Apple,
        event: payload.text("notificationUUID").unwrap_or_else(|| digest.to_string()),
        digest,
        kind: subtype.map_or(kind.clone(), |subtype| format!("{kind}/{subtype}")),
        at: Some(at),
        about,
        hand_on: Vec::new(),
    })
}

/// The others repeat a transaction whose sale was told before, or say what became of it.
fn tells_of_a_sale(kind: &str, subtype: Option<&str>) -> bool {
    match kind {
        "SUBSCRIBED" | "DID_RENEW" | "OFFER_REDEEMED" | "ONE_TIME_CHARGE" => true,
        // Apple charges for it at once, and for a downgrade with the next period.
        "DID_CHANGE_RENEWAL_PREF" => subtype == Some("UPGRADE"),
        _ => false,
    }
}

/// Why a subscription ended, where the subtype says so.
fn ending(kind: &str, subtype: Option<&str>) -> Option<Ending> {
    match (kind, subtype?) {
        ("EXPIRED", "VOLUNTARY") => Some(Ending::Voluntary),
        ("EXPIRED", "BILLING_RETRY") => Some(Ending::Billing),
        ("EXPIRED", "PRICE_INCREASE") => Some(Ending::PriceIncrease),
        ("EXPIRED", "PRODUCT_NOT_FOR_SALE") => Some(Ending::Unavailable),
        _ => None,
    }
}

/// Of what was signed: each new signature of the same payload is another JWS.
fn digest(signed: &Signed) -> Id {
    Id::of("apple", &[&signed.payload])
}

/// What a notification is about (Apple, responseBodyV2DecodedPayload).
struct Part<'a> {
    kind: PartKind,
    fields: Fields<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Data,
    Summary,
    ExternalPurchaseToken,
    AppData,
}

const PARTS: [(&str, PartKind); 4] = [
    ("data", PartKind::Data),
    ("summary", PartKind::Summary),
    ("externalPurchaseToken", PartKind::ExternalPurchaseToken),
    ("appData", PartKind::AppData),
];

impl<'a> Part<'a> {
    fn of(payload: &Fields<'a>) -> Result<Part<'a>, Fault> {
        let mut found = PARTS.into_iter().filter(|(name, _)| payload.raw(name).is_some());
        let (Some((name, kind)), None) = (found.next(), found.next()) else { return Err(Fault::Parts) };
        Ok(Part { kind, fields: payload.object(name).ok_or(Fault::Parts)? })
    }

    fn is_expected(&self, expected: &Expected) -> Result<(), Flaw> {
        of_bundle(&self.fields, expected.bundle_id)?;
        if self.environment()? != expected.environment {
            return Err(Flaw::Environment);
        }
        of_app(&self.fields, expected.apple_id, expected.environment)
    }

    /// A token of an external purchase tells it by its id only.
    fn environment(&self) -> Result<Environment, Flaw> {
        if self.kind != PartKind::ExternalPurchaseToken {
            return environment(&self.fields, "environment");
        }
        let id = self.fields.text("externalPurchaseId").unwrap_or_default();
        Ok(if id.starts_with("SANDBOX") { Environment::Sandbox } else { Environment::Production })
    }

    fn about(&self, kind: &str, subtype: Option<&str>, expected: &Expected, open: Open) -> Result<About<UserId>, Flaw> {
        match self.kind {
            PartKind::Data => self.data(kind, subtype, expected, open),
            PartKind::AppData => self.app_data(expected, open).map(|()| About::Nothing),
            PartKind::Summary | PartKind::ExternalPurchaseToken => Ok(About::Nothing),
        }
    }

    fn data(&self, kind: &str, subtype: Option<&str>, expected: &Expected, open: Open) -> Result<About<UserId>, Flaw> {
        let document = |name| self.fields.document(name);
        let transaction =
            document("signedTransactionInfo").map(|jws| Transaction::read(&jws, expected.bundle_id, open));
        let renewal = document("signedRenewalInfo").map(|jws| RenewalInfo::read(&jws, open));
        let (transaction, renewal) = (transaction.transpose()?, renewal.transpose()?);
        let mut environments =
            transaction.iter().map(|of| of.environment).chain(renewal.iter().map(|of| of.environment));
        if environments.any(|environment| environment != expected.environment) {
            return Err(Flaw::Environment);
        }
        let transaction = match (transaction, renewal) {
            (Some(transaction), Some(renewal)) => Some(transaction.with(renewal)?),
            (transaction, _) => transaction,
        };
        // Whatever a test carries is made up.
        let Some(mut transaction) = transaction.filter(|_| kind != "TEST") else { return Ok(About::Nothing) };
        transaction.purchase.status = self.fields.number("status").and_then(status);
        transaction.purchase.ended = ending(kind, subtype).or(transaction.purchase.ended);
        if kind == "REFUND_REVERSED" {
            (transaction.purchase.refund, transaction.purchase.refunded_share) = (Some(RefundWord::Reversed), None);
        }
        transaction.purchase.refund_request = self.refund_request(kind, &transaction.purchase);
        if !tells_of_a_sale(kind, subtype) {
            transaction.purchase.sold = None;
        }
        Ok(transaction.about(Vec::new()))
    }

    /// What is not known as bought once is taken for a subscription, of which less can be said.
    fn refund_request(&self, kind: &str, purchase: &Purchase) -> Option<RefundRequest> {
        let what = match kind {
            "CONSUMPTION_REQUEST" => Requested::Asked { reason: self.fields.word("consumptionRequestReason") },
            "REFUND_DECLINED" => Requested::Declined,
            _ => return None,
        };
        let is_renewing = purchase.sold.as_ref().is_none_or(|sold| !sold.is_one_time);
        Some(RefundRequest { is_renewing, what })
    }

    /// Consent that was taken back: nothing follows from it, but nothing unverified is kept either.
    fn app_data(&self, expected: &Expected, open: Open) -> Result<(), Flaw> {
        let Some(jws) = self.fields.document("signedAppTransactionInfo") else { return Ok(()) };
        let signed = open(&jws).map_err(Flaw::Signature)?;
        let fields = Fields::parse(&signed.payload).ok_or(Flaw::Shape)?;
        let environment = app_transaction::tied(&fields, expected.bundle_id, expected.apple_id)?;
        if environment == expected.environment { Ok(()) } else { Err(Flaw::Environment) }
    }
}

fn of_bundle(fields: &Fields, bundle_id: &str) -> Result<(), Flaw> {
    if fields.word("bundleId").as_deref() == Some(bundle_id) { Ok(()) } else { Err(Flaw::Bundle) }
}

/// Apple says that there is none in the sandbox, and sends one for apps that were released: there it is not looked at.
fn of_app(fields: &Fields, apple_id: u64, environment: Environment) -> Result<(), Flaw> {
    let is_named = || fields.text("appAppleId") == Some(apple_id.to_string());
    if environment == Environment::Sandbox || is_named() { Ok(()) } else { Err(Flaw::App) }
}

/// `Xcode` and `LocalTesting` are signed by whoever likes to: they are no environments here.
fn environment(fields: &Fields, name: &str) -> Result<Environment, Flaw> {
    match fields.word(name).as_deref() {
        Some("Production") => Ok(Environment::Production),
        Some("Sandbox") => Ok(Environment::Sandbox),
        _ => Err(Flaw::Environment),
    }
}

#[cfg(test)]
mod tests;
