//! Partners, what they are owed, and what was paid.

use super::time;
use crate::domain::alert::Alert;
use crate::domain::at::At;
use crate::domain::books::Account;
use crate::domain::commission::{Base, Rate, Recurring, Terms};
use crate::domain::conversion::{Conversion, Counted};
use crate::domain::money::Currency;
use crate::domain::partner::{Contact, Coupon, Partner, Token};
use crate::domain::payout::{Payout, PayoutState, Progress};
use crate::domain::reconciliation::{Gap, Reconciliation, Reported};
use crate::wire::text::{date, rfc3339};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn rate(rate: &Rate) -> Value {
    match rate {
        Rate::Share { of, share } => {
            let of = match of {
                Base::Price => "price",
                Base::Proceeds => "proceeds",
            };
            json!({"basis_points": share.get(), "of": of})
        }
        Rate::Fixed(amount) => json!({"amount": amount.minor, "currency": amount.currency.as_str()}),
    }
}

fn recurring(row: Recurring) -> Value {
    match row {
        Recurring::First => "first".into(),
        Recurring::Always => "always".into(),
        Recurring::Months(months) => json!({"months": months}),
    }
}

fn terms(row: &Terms) -> Map<String, Value> {
    let products: Map<String, Value> =
        row.products.iter().map(|(product, other)| (product.clone(), rate(other))).collect();
    let members = [
        ("commission", rate(&row.rate)),
        ("recurring", recurring(row.recurring)),
        ("products", Value::Object(products)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Without a contact, as the books know them.
pub fn partner(row: &Partner, contact: Option<&Contact>) -> Value {
    let current = row.terms.last().map(|(_, current)| terms(current)).unwrap_or_default();
    let history = row.terms.iter().map(|(since, one)| {
        let mut one = terms(one);
        one.insert("since".to_owned(), rfc3339(*since).into());
        Value::Object(one)
    });
    let mut members = current;
    let more = json!({
        "id": row.id.to_string(), "campaign": row.campaign, "status": row.state.word(),
        "name": contact.map(|contact| &contact.name), "email": contact.and_then(|contact| contact.email.as_ref()),
        "country": contact.and_then(|contact| contact.country.as_ref()),
        "has_tax_form": contact.map(|contact| contact.has_tax_form),
        "payout": {
            "rail": row.rail.word(), "email": contact.and_then(|contact| contact.payout_email.as_ref()),
        },
        "terms": history.collect::<Vec<_>>(), "created_at": rfc3339(row.made_at),
        "changed_at": rfc3339(row.changed_at),
    });
    if let Value::Object(more) = more {
        members.extend(more);
    }
    Value::Object(members)
}

pub fn coupon(row: &Coupon, now: At) -> Value {
    let (kind, offer, custom) = match &row.what {
        Token::Offer(name) => ("offer", Some(name), None),
        Token::Custom(custom) => ("custom_code", None, Some(custom)),
    };
    let status = match (custom, row.ended_at) {
        (_, Some(_)) => "ended",
        (Some(custom), None) if custom.expires.is_some_and(|end| end.codes_stop() <= now) => "expired",
        (Some(custom), None) => custom.state.word(),
        (None, None) => "active",
    };
    json!({
        "id": row.id.to_string(), "partner": row.partner.to_string(), "campaign": row.campaign, "kind": kind,
        "offer": offer, "custom_code": custom.map(|custom| custom.code.as_str()), "status": status,
        "count": custom.map(|custom| custom.count), "expires_at": custom.and_then(|custom| custom.expires).map(date),
        "at_apple": custom.map(|custom| custom.state.word()),
        "terms": row.terms.as_ref().map(terms), "created_at": rfc3339(row.made_at), "ended_at": time(row.ended_at),
    })
}

pub fn conversion(row: &Conversion) -> Value {
    let reasons: Vec<&str> = row.reasons.iter().map(|reason| reason.word()).collect();
    let paid_at = row.counted.and_then(|counted| counted.paid_at);
    json!({
        "transaction_id": row.transaction_id, "original_transaction_id": row.original_transaction_id,
        "partner": row.partner.to_string(), "campaign": row.campaign, "coupon": row.via.word(),
        "kind": row.kind.word(), "product_id": row.product_id, "price": row.price.minor,
        "currency": row.price.currency.as_str(), "commission": row.commission.minor,
        "commission_currency": row.commission.currency.as_str(), "status": row.state().word(), "reasons": reasons,
        "is_test": row.is_test, "purchased_at": rfc3339(row.purchased_at), "approved_at": time(row.approved_at),
        "paid_at": time(paid_at), "payout": row.counted.map(|Counted { payout, .. }| payout.to_string()),
    })
}

/// `link` is where it can be collected, for those who may know.
pub fn payout(row: &Payout, link: Option<&str>) -> Value {
    let why = match &row.state {
        PayoutState::Failed { why, .. } => Some(why),
        _ => None,
    };
    let (sent_at, ended_at) = match row.state {
        PayoutState::Sent { at } => (Some(at), None),
        PayoutState::Failed { at, .. } | PayoutState::Cancelled { at } => (None, Some(at)),
        _ => (None, None),
    };
    let order = row.order.as_ref().map(|order| {
        let progress = match order.progress {
            Progress::Open => "open",
            Progress::Settled => "settled",
            Progress::Undelivered => "undelivered",
            Progress::Failed => "failed",
            Progress::Cancelled => "cancelled",
        };
        json!({"id": order.id, "reward": order.reward, "progress": progress})
    });
    json!({
        "id": row.id.to_string(), "partner": row.partner.to_string(), "campaign": row.campaign,
        "amount": row.money.minor, "currency": row.money.currency.as_str(), "status": row.state.word(),
        "rail": row.rail.word(), "external_id": row.id.to_string(), "conversions": row.conversions,
        "counted": row.counted, "carried": row.money.minor - row.counted, "order": order, "link": link,
        "trouble": row.trouble, "error": why, "created_at": rfc3339(row.made_at), "sent_at": time(sent_at),
        "settled_at": time(row.settled_at()), "ended_at": time(ended_at),
    })
}

/// What stands in a partner's accounts, one object for each currency.
pub fn balances(all: &BTreeMap<Currency, BTreeMap<Account, i64>>) -> Value {
    let one = |(currency, accounts): (&Currency, &BTreeMap<Account, i64>)| {
        let shown = Account::ALL.iter().filter(|account| **account != Account::Earned);
        let amount = |account: &Account| Value::from(accounts.get(account).copied().unwrap_or(0));
        let mut members: Map<String, Value> =
            shown.map(|account| (account.word().to_owned(), amount(account))).collect();
        members.insert("currency".to_owned(), currency.as_str().into());
        members.insert("earned".to_owned(), (-accounts.get(&Account::Earned).copied().unwrap_or(0)).into());
        Value::Object(members)
    };
    Value::Array(all.iter().map(one).collect())
}

pub fn alert(row: &Alert) -> Value {
    json!({
        "id": Alert::id(row.kind, &row.about).to_string(), "kind": row.kind.word(), "about": row.about, "detail": row.detail,
        "status": if row.is_open() { "open" } else { "cleared" }, "raised_at": rfc3339(row.raised_at),
        "cleared_at": time(row.cleared_at),
    })
}

pub fn reconciliation(row: &Reconciliation) -> Value {
    let code = |code: &Option<crate::domain::code::CodeText>| code.as_ref().map(|code| code.as_str().to_owned());
    let line = |line: &Reported| json!({"offer": line.offer, "custom_code": code(&line.code), "count": line.count});
    let gap = |gap: &Gap| json!({"offer": gap.offer, "custom_code": code(&gap.code), "reported": gap.reported, "known": gap.known});
    json!({
        "date": date(row.date), "reported": row.reported.iter().map(line).collect::<Vec<_>>(),
        "gaps": row.gaps.iter().map(gap).collect::<Vec<_>>(), "read_at": rfc3339(row.at),
    })
}
