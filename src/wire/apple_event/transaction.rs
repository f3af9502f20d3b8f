//! Signed transactions and renewals (Apple, JWSTransactionDecodedPayload and JWSRenewalInfoDecodedPayload).

use super::{Fault, Flaw, Limits, Open, digest, environment, of_bundle};
use crate::domain::at::At;
use crate::domain::ending::Ending;
use crate::domain::id::{Id, Person, UserId};
use crate::domain::money::{Currency, Money};
use crate::domain::policy::Environment;
use crate::domain::purchase::{About, Purchase, RefundWord, Report, Share, Sold, Source};
use crate::domain::subscription::{Offer, OfferKind, Period, Renewal, Status};
use crate::wire::fields::Fields;
use crate::wire::text;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub purchase: Purchase,
    /// The `appAccountToken`.
    pub token: Option<UserId>,
    pub environment: Environment,
    pub signed_at: At,
    digest: Id,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalInfo {
    pub original_transaction_id: String,
    pub environment: Environment,
    pub renewal: Renewal,
    pub ended: Option<Ending>,
}

/// A transaction that a device showed, or that Apple gave when it was asked.
pub fn transaction(jws: &str, bundle_id: &str, limits: Limits, open: Open) -> Result<Transaction, Fault> {
    let transaction = Transaction::read(jws, bundle_id, open)?;
    limits.allow(transaction.signed_at)?;
    Ok(transaction)
}

/// It names no app: what it belongs to is shown by [`Transaction::with`].
pub fn renewal(jws: &str, limits: Limits, open: Open) -> Result<RenewalInfo, Fault> {
    let renewal = RenewalInfo::read(jws, open)?;
    limits.allow(renewal.renewal.told_at)?;
    Ok(renewal)
}

/// Apple's numbers for it (Apple, status).
pub fn status(number: i64) -> Option<Status> {
    Some(match number {
        1 => Status::Active,
        2 => Status::Expired,
        3 => Status::BillingRetry,
        4 => Status::GracePeriod,
        5 => Status::Revoked,
        _ => return None,
    })
}

impl Transaction {
    pub(super) fn read(jws: &str, bundle_id: &str, open: Open) -> Result<Transaction, Flaw> {
        let signed = open(jws).map_err(Flaw::Signature)?;
        let fields = Fields::parse(&signed.payload).ok_or(Flaw::Shape)?;
        of_bundle(&fields, bundle_id)?;
        let environment = environment(&fields, "environment")?;
        let signed_at = fields.instant("signedDate").ok_or(Flaw::Undated)?;
        let mut purchase = purchase(&fields, signed_at).ok_or(Flaw::Incomplete)?;
        purchase.is_test = environment != Environment::Production;
        Ok(Transaction { purchase, token: token(&fields), environment, signed_at, digest: digest(&signed) })
    }

    /// The same with what is said of its renewal, if both are of one subscription.
    pub fn with(mut self, renewal: RenewalInfo) -> Result<Transaction, Flaw> {
        if renewal.environment != self.environment {
            return Err(Flaw::Environment);
        }
        if renewal.original_transaction_id != self.purchase.original_transaction_id {
            return Err(Flaw::Subscription);
        }
        (self.purchase.renewal, self.purchase.ended) = (Some(renewal.renewal), renewal.ended);
        Ok(self)
    }

    /// `shown_by` keeps apart two users who show the same transaction. The event's name stays in the books, so it is
    /// made of the person and not of the user id.
    pub fn report(self, source: Source, people: Vec<UserId>, shown_by: Option<Person>, kind: &str) -> Report<UserId> {
        let signed_at = self.signed_at.0.to_be_bytes();
        let shown_by = shown_by.as_ref().map_or(&[][..], |person| person.as_bytes());
        let event = Id::of("transaction", &[self.purchase.transaction_id.as_bytes(), &signed_at, shown_by]);
        Report {
            source,
            event: event.to_string(),
            digest: self.digest,
            kind: kind.to_owned(),
            at: Some(self.signed_at),
            about: self.about(people),
            hand_on: Vec::new(),
        }
    }

    pub(super) fn about(self, people: Vec<UserId>) -> About<UserId> {
        About::Purchase { people, token: self.token, purchase: Box::new(self.purchase) }
    }
}

impl RenewalInfo {
    pub(super) fn read(jws: &str, open: Open) -> Result<RenewalInfo, Flaw> {
        let signed = open(jws).map_err(Flaw::Signature)?;
        let fields = Fields::parse(&signed.payload).ok_or(Flaw::Shape)?;
        let environment = environment(&fields, "environment")?;
        let told_at = fields.instant("signedDate").ok_or(Flaw::Undated)?;
        let original_transaction_id = fields.text("originalTransactionId").ok_or(Flaw::Incomplete)?;
        let product_id = fields.text("autoRenewProductId").or_else(|| fields.text("productId")).unwrap_or_default();
        let renewal = Renewal {
            told_at,
            auto_renew: fields.number("autoRenewStatus").ok_or(Flaw::Incomplete)? == 1,
            product_id,
            renews_at: fields.instant("renewalDate"),
            offer: offer(&fields),
            is_in_billing_retry: fields.is_true("isInBillingRetryPeriod"),
            grace_until: fields.instant("gracePeriodExpiresDate"),
        };
        Ok(RenewalInfo { original_transaction_id, environment, renewal, ended: intent(&fields) })
    }
}

fn purchase(fields: &Fields, signed_at: At) -> Option<Purchase> {
    let (original, transaction) = (fields.text("originalTransactionId"), fields.text("transactionId"));
    let original_transaction_id = original.clone().or_else(|| transaction.clone())?;
    // Every period of a subscription has that original: it names no sale.
    let sold = transaction.is_some().then(|| sold(fields));
    let transaction_id = transaction.or(original)?;
    let product_id = fields.text("productId").unwrap_or_default();
    let purchased_at = fields.instant("purchaseDate");
    let revoked_at = fields.instant("revocationDate");
    let is_family_shared = fields.word("inAppOwnershipType").as_deref() == Some("FAMILY_SHARED");
    let offer = offer(fields);
    let period = purchased_at.map(|purchased_at| Period {
        purchased_at,
        told_at: signed_at,
        transaction_id: transaction_id.clone(),
        product_id: product_id.clone(),
        expires_at: fields.instant("expiresDate"),
        offer: offer.clone(),
        revoked_at,
        is_family_shared,
    });
    let redeemed = offer.filter(|offer| offer.kind == OfferKind::Code);
    Some(Purchase {
        original_transaction_id,
        transaction_id,
        product_id,
        offer: redeemed.and_then(|offer| offer.id),
        purchased_at,
        app_transaction_id: fields.text("appTransactionId"),
        is_family_shared,
        refund: revoked_at.map(|at| RefundWord::Refunded { at }),
        refunded_share: revoked_at.map(|_| refunded_share(fields)),
        period,
        sold,
        is_upgraded: fields.is_true("isUpgraded"),
        is_free: fields.word("offerDiscountType").as_deref() == Some("FREE_TRIAL"),
        ..Purchase::default()
    })
}

fn sold(fields: &Fields) -> Sold {
    let is_one_time = match fields.word("type") {
        Some(kind) => kind != "Auto-Renewable Subscription",
        None => ["expiresDate", "subscriptionGroupIdentifier"].iter().all(|name| fields.raw(name).is_none()),
    };
    let currency = fields.word("currency").and_then(|code| Currency::parse(&code));
    let milliunits = fields.number("price").filter(|price| *price >= 0);
    let price = milliunits.zip(currency).and_then(|(price, currency)| Money::of_milliunits(price, currency));
    Sold { is_one_time, price, proceeds: None }
}

/// A percentage stands beside a prorated refund (Apple, revocationType); without one it is all.
fn refunded_share(fields: &Fields) -> Share {
    match (fields.word("revocationType").as_deref(), fields.number("revocationPercentage")) {
        (None | Some("REFUND_PRORATED"), Some(part)) => Share::new(part),
        _ => Share::ALL,
    }
}

fn offer(fields: &Fields) -> Option<Offer> {
    let kind = match fields.number("offerType")? {
        1 => OfferKind::Introductory,
        2 => OfferKind::Promotional,
        3 => OfferKind::Code,
        4 => OfferKind::WinBack,
        other => OfferKind::Other(other),
    };
    Some(Offer { kind, id: fields.word("offerIdentifier") })
}

/// Why it ended, or is about to (Apple, expirationIntent).
fn intent(fields: &Fields) -> Option<Ending> {
    Some(match fields.number("expirationIntent")? {
        1 => Ending::Voluntary,
        2 => Ending::Billing,
        3 => Ending::PriceIncrease,
        4 => Ending::Unavailable,
        _ => Ending::Other,
    })
}

/// Apple takes UUIDs only. The one of nothing but noughts is what an app sends that has no user yet.
fn token(fields: &Fields) -> Option<UserId> {
    let token = fields.word("appAccountToken").filter(|token| text::is_uuid(token))?;
    if token.bytes().all(|byte| matches!(byte, b'0' | b'-')) { None } else { UserId::parse(&token).ok() }
}

#[cfg(test)]
mod tests;
