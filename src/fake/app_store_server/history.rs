//! What the two histories are asked for: notifications (Get Notification History), and transactions of a customer
//! (Get Transaction History V2), each twenty a page.

use super::outbox::Sent;
use super::refusal::Refusal;
use crate::domain::at::{At, Span};
use crate::fake::apple_event::Transaction;
use crate::fake::{digest, hex};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub const PAGE: usize = 20;
const OLDEST: Span = Span::days(180);

/// Apple refuses any other.
const KINDS: [&str; 23] = [
    "SUBSCRIBED",
    "DID_CHANGE_RENEWAL_PREF",
    "DID_CHANGE_RENEWAL_STATUS",
    "OFFER_REDEEMED",
    "DID_RENEW",
    "EXPIRED",
    "DID_FAIL_TO_RENEW",
    "GRACE_PERIOD_EXPIRED",
    "PRICE_INCREASE",
    "REFUND",
    "REFUND_DECLINED",
    "REFUND_REVERSED",
    "CONSUMPTION_REQUEST",
    "RENEWAL_EXTENDED",
    "RENEWAL_EXTENSION",
    "REVOKE",
    "TEST",
    "EXTERNAL_PURCHASE_TOKEN",
    "ONE_TIME_CHARGE",
    "RESCIND_CONSENT",
    "METADATA_UPDATE",
    "MIGRATION",
    "PRICE_CHANGE",
];

/// Which notifications are wanted.
pub struct Wanted {
    start: At,
    end: At,
    kind: Option<String>,
    subtype: Option<String>,
    transaction: Option<String>,
    only_failures: bool,
    /// Of the body: a token continues the list it comes from, and no other.
    digest: String,
}

impl Wanted {
    pub fn read(body: &[u8], now: At) -> Result<Wanted, Refusal> {
        let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::BAD_REQUEST)?;
        let time = |name: &str| body.get(name).and_then(Value::as_i64).filter(|ms| *ms >= 0).map(At);
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let start = time("startDate").ok_or(Refusal::START)?;
        let end = time("endDate").ok_or(Refusal::END)?;
        let (kind, subtype) = (text("notificationType"), text("notificationSubtype"));
        let transaction = text("transactionId");
        if end <= start {
            return Err(Refusal::START_AFTER_END);
        }
        if start < now.minus(OLDEST) {
            return Err(Refusal::START_TOO_EARLY);
        }
        if kind.is_some() && transaction.is_some() {
            return Err(Refusal::TWO_FILTERS);
        }
        let known = kind.as_ref().is_none_or(|kind| KINDS.contains(&kind.as_str()));
        if !known || (subtype.is_some() && kind.is_none()) {
            return Err(Refusal::NOTIFICATION_TYPE);
        }
        let only_failures = body.get("onlyFailures").and_then(Value::as_bool).unwrap_or(false);
        let digest = hex(&digest(&[b"history", body.to_string().as_bytes()])[..8]);
        Ok(Wanted { start, end: end.min(now), kind, subtype, transaction, only_failures, digest })
    }

    /// A page of a list that is newest first, from the start or from where a token says.
    pub fn page(&self, history: Vec<(usize, &Sent)>, token: Option<&str>) -> Result<Value, Refusal> {
        let before = token.map(|token| self.read_token(token).ok_or(Refusal::PAGINATION_TOKEN)).transpose()?;
        let rest = |(place, sent): &(usize, &Sent)| before.is_none_or(|before| (sent.at, *place) < before);
        let mut found: Vec<(usize, &Sent)> =
            history.into_iter().filter(|(_, sent)| self.fits(sent)).filter(rest).take(PAGE + 1).collect();
        let has_more = found.len() > PAGE;
        found.truncate(PAGE);
        let items: Vec<Value> = found.iter().map(|(_, sent)| sent.render()).collect();
        let mut page = json!({"notificationHistory": items, "hasMore": has_more});
        if let Some((place, last)) = found.last().filter(|_| has_more) {
            page["paginationToken"] = json!(self.token(last.at, *place));
        }
        Ok(page)
    }

    fn fits(&self, sent: &Sent) -> bool {
        (self.start..=self.end).contains(&sent.at)
            && self.kind.as_ref().is_none_or(|kind| *kind == sent.kind)
            && (self.subtype.is_none() || self.subtype == sent.subtype)
            && self.transaction.as_ref().is_none_or(|id| sent.transactions.contains(id))
            && !(self.only_failures && sent.has_arrived())
    }
    fn token(&self, at: At, place: usize) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{place}:{}", at.0, self.digest))
    }
    fn read_token(&self, token: &str) -> Option<(At, usize)> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (at, rest) = text.split_once(':')?;
        let (place, digest) = rest.split_once(':')?;
        if digest != self.digest {
            return None;
        }
        Some((At(at.parse().ok()?), place.parse().ok()?))
    }
}

/// Which transactions of a customer are wanted, and from where on.
#[derive(Default)]
pub struct Filter {
    start: Option<At>,
    end: Option<At>,
    products: Vec<String>,
    kinds: Vec<&'static str>,
    groups: Vec<String>,
    ownership: Option<String>,
    revoked: Option<bool>,
    descending: bool,
    from: usize,
}

impl Filter {
    pub fn read(query: &str) -> Result<Filter, Refusal> {
        let mut filter = Filter::default();
        for (name, value) in pairs(query) {
            let time = || value.parse().ok().filter(|ms: &i64| *ms >= 0).map(At);
            match name {
                "startDate" => filter.start = Some(time().ok_or(Refusal::START)?),
                "endDate" => filter.end = Some(time().ok_or(Refusal::END)?),
                "productId" => filter.products.push(value.to_owned()),
                "productType" => filter.kinds.push(product_type(value).ok_or(Refusal::PRODUCT_TYPE)?),
                "subscriptionGroupIdentifier" => filter.groups.push(value.to_owned()),
                "inAppOwnershipType" => match value {
                    "PURCHASED" | "FAMILY_SHARED" => filter.ownership = Some(value.to_owned()),
                    _ => return Err(Refusal::OWNERSHIP),
                },
                "revoked" => filter.revoked = Some(value.parse().map_err(|_| Refusal::REVOKED)?),
                "sort" => match value {
                    "ASCENDING" => filter.descending = false,
                    "DESCENDING" => filter.descending = true,
                    _ => return Err(Refusal::SORT),
                },
                "revision" => filter.from = from_revision(value).ok_or(Refusal::REVISION)?,
                _ => {}
            }
        }
        match (filter.start, filter.end) {
            (Some(start), Some(end)) if end <= start => Err(Refusal::START_AFTER_END),
            _ => Ok(filter),
        }
    }
    /// The page, the revision that follows it, and whether more is there already.
    pub fn page(&self, all: Vec<Transaction>) -> (Vec<Transaction>, String, bool) {
        let mut fitting: Vec<Transaction> = all.into_iter().filter(|one| self.fits(one)).collect();
        if self.descending {
            fitting.reverse();
        }
        let total = fitting.len();
        let page: Vec<Transaction> = fitting.into_iter().skip(self.from).take(PAGE).collect();
        let next = self.from + page.len();
        (page, URL_SAFE_NO_PAD.encode(format!("revision:{next}")), next < total)
    }

    fn fits(&self, transaction: &Transaction) -> bool {
        let at = transaction.purchased_at();
        let text = |field: &str| transaction.text(field).unwrap_or_default();
        let among = |wanted: &[String], field: &str| wanted.is_empty() || wanted.iter().any(|one| one == text(field));
        self.start.is_none_or(|start| start <= at)
            && self.end.is_none_or(|end| at < end)
            && among(&self.products, "productId")
            && among(&self.groups, "subscriptionGroupIdentifier")
            && (self.kinds.is_empty() || self.kinds.contains(&text("type")))
            && self.ownership.as_ref().is_none_or(|wanted| wanted == text("inAppOwnershipType"))
            && self.revoked.is_none_or(|wanted| wanted == transaction.is_revoked())
    }
}

pub fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

fn product_type(word: &str) -> Option<&'static str> {
    Some(match word {
        "AUTO_RENEWABLE" => "Auto-Renewable Subscription",
        "NON_RENEWABLE" => "Non-Renewing Subscription",
        "CONSUMABLE" => "Consumable",
        "NON_CONSUMABLE" => "Non-Consumable",
        _ => return None,
    })
}

fn from_revision(revision: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(revision).ok()?).ok()?;
    text.strip_prefix("revision:")?.parse().ok()
}
