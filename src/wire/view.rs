//! Our own nouns as JSON: the objects that administrators and clients read.

mod event;
mod journal;
mod partner;
mod winback;
mod question;

pub use partner::{alert, balances, conversion, coupon, partner, payout, reconciliation};
pub use question::usage;

use super::text::{date, redeem_url, rfc3339};
use crate::domain::at::At;
use crate::domain::batch::{Batch, BatchState, Origin};
use crate::domain::claim::Claim;
use crate::domain::code::{Code, CodeState};
use crate::domain::completion::{Completion, CompletionState};
use crate::domain::consent::Consent;
use crate::domain::delivery::{Effect, Item, ItemState};
use crate::domain::device::Device;
use crate::domain::extension::{Extension, ExtensionState};
use crate::domain::hearing::Hearing;
use crate::domain::id::Person;
use crate::domain::policy::{Environment, Policy};
use crate::domain::pool::{Pool, Stocked};
use crate::domain::purchase::{RefundWord, Share};
use crate::domain::redemption::Redemption;
use crate::domain::referrer::Referrer;
use crate::domain::refund::Refund;
use crate::domain::simulation::{Change, Simulation, Verdict as Changed};
use crate::domain::subscription::{Offer, Subscription};
use crate::domain::webhook::Webhook;
use serde_json::{Map, Value, json};

/// How people are called: by their user id, or by a hash where they were erased.
pub struct View<'a> {
    pub name: &'a dyn Fn(Person) -> String,
}

fn time(at: Option<At>) -> Value {
    at.map_or(Value::Null, |at| rfc3339(at).into())
}

fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "PRODUCTION",
        Environment::Sandbox => "SANDBOX",
    }
}

fn tested(is_test: bool) -> &'static str {
    environment(if is_test { Environment::Sandbox } else { Environment::Production })
}

/// A completion as its referee may see it: not whose it is.
pub fn own_completion(row: &Completion) -> Value {
    json!({
        "id": row.id.to_string(), "campaign": row.campaign, "code": row.code.as_str(), "status": row.state.word(),
        "method": row.method.map(|method| method.word()), "is_test": row.is_test,
        "claimed_at": time(row.claimed_at), "redeemed_at": time(row.redeemed_at),
        "credited_at": time(row.credited_at()),
    })
}

/// What a user allows, by purpose; nothing of what nobody said anything.
pub fn consents(rows: &[Consent]) -> Value {
    let mut said = Map::new();
    for row in rows {
        said.insert(row.purpose.word().to_owned(), row.given.into());
        said.insert(format!("{}_at", row.purpose.word()), time(Some(row.at)));
    }
    Value::Object(said)
}

pub fn batch(row: &Batch) -> Value {
    let (ended, error) = match &row.state {
        BatchState::Requested | BatchState::Generating => (None, None),
        BatchState::Ready { at } | BatchState::Deactivated { at } => (Some(*at), None),
        BatchState::Failed { at, why } => (Some(*at), Some(why)),
    };
    json!({
        "id": row.id.to_string(), "campaign": row.campaign, "status": row.state.word(),
        "origin": match row.origin { Origin::Apple => "apple", Origin::Import => "import" },
        "environment": environment(row.environment), "codes": row.asked, "expires": date(row.expires),
        "requested_at": rfc3339(row.requested_at), "settled_at": time(ended), "error": error,
        "app_store_connect_id": row.apple_id,
    })
}

/// Codes of a campaign that were handed out, by status.
pub struct Handed {
    pub pending: u64,
    pub used: u64,
    pub expired: u64,
    pub void: u64,
}

pub fn pool(row: &Pool, policy: &Policy, handed: &Handed, batches: &[Batch], now: At) -> Value {
    json!({
        "campaign": row.campaign,
        "available": row.available(&policy.pool, now),
        "pending": handed.pending, "used": handed.used,
        "expired": handed.expired + u64::from(row.lapsed), "void": handed.void,
        "low_water": policy.pool.low_water,
        "batches": batches.iter().map(batch).collect::<Vec<_>>(),
        "days_to_empty": row.days_to_empty(&policy.pool, now),
        "next_request_not_before": time(Some(row.not_before).filter(|at| *at > now)),
    })
}

/// A code of the stock beside those that were handed out.
pub fn stocked(row: &Stocked) -> Value {
    json!({
        "code": row.text.as_str(), "campaign": row.campaign, "batch": row.batch.to_string(), "status": "available",
        "assigned_to": null, "label": null, "claimed_by": null, "expires_at": rfc3339(row.expires_at),
        "assigned_at": null, "used_at": null,
    })
}

impl View<'_> {
    pub fn code(&self, row: &Code) -> Value {
        let used_at = match row.state {
            CodeState::Used { at } => Some(at),
            CodeState::Pending | CodeState::Expired { .. } | CodeState::Void { .. } => None,
        };
        json!({
            "code": row.text.as_str(), "campaign": row.campaign, "batch": row.batch.to_string(),
            "status": row.state.word(), "assigned_to": (self.name)(row.assigned_to), "label": row.label,
            "claimed_by": row.claimed_by.map(self.name), "expires_at": rfc3339(row.expires_at),
            "assigned_at": rfc3339(row.assigned_at), "used_at": time(used_at),
        })
    }

    pub fn claim(&self, row: &Claim) -> Value {
        json!({
            "campaign": row.campaign, "referee": (self.name)(row.referee), "referrer": (self.name)(row.referrer),
            "code": row.code.as_str(), "status": row.state.word(), "claimed_at": rfc3339(row.at),
            "device": row.device.as_ref().map(Device::word),
        })
    }

    pub fn completion(&self, row: &Completion) -> Value {
        let is_held = matches!(row.state, CompletionState::Held { .. });
        json!({
            "id": row.id.to_string(), "campaign": row.campaign, "referrer": (self.name)(row.referrer),
            "referee": (self.name)(row.referee), "code": row.code.as_str(), "status": row.state.word(),
            "method": row.method.map(|method| method.word()),
            "reasons": row.reasons.iter().map(|reason| reason.word()).collect::<Vec<_>>(),
            "is_test": row.is_test, "days": row.days, "original_transaction_id": row.original_transaction_id,
            "claimed_at": time(row.claimed_at), "redeemed_at": time(row.redeemed_at),
            "credited_at": time(row.credited_at()), "hold_until": time(row.held_until.filter(|_| is_held)), "rules": row.policy,
        })
    }

    pub fn redemption(&self, row: &Redemption) -> Value {
        let sources: Vec<&str> = row.sources.iter().map(|source| source.word()).collect();
        json!({
            "original_transaction_id": row.original_transaction_id, "transaction_id": row.transaction_id,
            "user": row.user.map(self.name), "offer": row.offer, "campaign": row.campaign,
            "product_id": row.product_id, "source": sources.first(), "sources": sources,
            "environment": tested(row.is_test), "is_test": row.is_test,
            "status": row.state.word(), "redeemed_at": rfc3339(row.redeemed_at),
        })
    }

    pub fn referrer(&self, row: &Referrer) -> Value {
        json!({
            "campaign": row.campaign, "user": (self.name)(row.person), "slug": row.slug,
            "code": row.current.as_ref().map(|code| code.as_str()), "credited": row.credited,
            "held": row.held, "reversed": row.reversed, "days": row.days,
            "milestones": row.milestones.iter().map(|known| json!({
                "referrals": known.referrals, "days": known.days, "granted": known.taken.is_none(),
            })).collect::<Vec<_>>(),
        })
    }

    pub fn subscription(&self, row: &Subscription, now: At) -> Value {
        let (period, renewal) = (row.period.as_ref(), row.renewal.as_ref());
        json!({
            "original_transaction_id": row.original_transaction_id, "user": row.person().map(self.name),
            "environment": tested(row.is_test), "is_test": row.is_test, "status": row.status(now).map(|status| status.word()),
            "product_id": period.map(|period| &period.product_id),
            "transaction_id": period.map(|period| &period.transaction_id),
            "purchased_at": time(period.map(|period| period.purchased_at)),
            "expires_at": time(period.and_then(|period| period.expires_at)),
            "revoked_at": time(period.and_then(|period| period.revoked_at)),
            "family_shared": row.is_family_shared(), "offer": period.and_then(|period| offer(period.offer.as_ref())),
            "auto_renew": renewal.map(|renewal| renewal.auto_renew),
            "paid_until": time(row.times().map(|paid| paid.until).max()),
            "renews_at": time(renewal.and_then(|renewal| renewal.renews_at)),
            "renews_to": renewal.map(|renewal| &renewal.product_id),
            "next_offer": renewal.and_then(|renewal| offer(renewal.offer.as_ref())),
            "grace_until": time(renewal.and_then(|renewal| renewal.grace_until)),
            "ended_because": row.ended().map(|(_, why)| why.word()),
            "redeemed_offers": row.offers,
        })
    }

    pub fn extension(&self, row: &Extension) -> Value {
        let until = match row.state {
            ExtensionState::Extended { until } => Some(until),
            ExtensionState::Asked | ExtensionState::Refused | ExtensionState::Withdrawn => None,
        };
        json!({
            "user": (self.name)(row.to), "original_transaction_id": row.original_transaction_id, "days": row.days,
            "status": row.state.word(), "asked_at": rfc3339(row.asked_at), "renews_at": time(until),
        })
    }

    /// What would be otherwise, one by one and in sum.
    pub fn simulation(&self, found: &Simulation) -> Value {
        let state = |row: &Option<Completion>| {
            row.as_ref().map(|row| {
                let reasons: Vec<&str> = row.reasons.iter().map(|reason| reason.word()).collect();
                json!({"status": row.state.word(), "days": row.days, "reasons": reasons})
            })
        };
        let change = |change: &Change| {
            let row = change.was.as_ref().or(change.would.as_ref())?;
            Some(json!({
                "completion": row.id.to_string(), "campaign": row.campaign, "referrer": (self.name)(row.referrer),
                "referee": (self.name)(row.referee), "would_be": change.verdict().word(),
                "was": state(&change.was), "would": state(&change.would),
            }))
        };
        let count = |verdict| found.count(verdict);
        json!({
            "items": found.changes.iter().filter_map(change).collect::<Vec<_>>(),
            "commands": found.commands, "commands_refused": found.refused,
            "held": count(Changed::Held), "released": count(Changed::Released), "refused": count(Changed::Refused),
            "other": count(Changed::Other), "days": found.days.0, "days_then": found.days.1,
        })
    }

    fn refund(&self, row: &Refund) -> Value {
        let refunded_at = match row.word {
            RefundWord::Refunded { at } => Some(at),
            RefundWord::Reversed => None,
        };
        json!({
            "transaction_id": row.transaction_id, "original_transaction_id": row.original_transaction_id,
            "refunded_at": time(refunded_at), "told_at": rfc3339(row.told_at),
            "refunded_percent": row.refunded().map(Share::percent),
        })
    }

    pub fn item(&self, row: &Item) -> Value {
        let next = match row.state {
            ItemState::Waiting { next } => Some(next).filter(|_| !row.is_behind()),
            ItemState::Begun { .. } | ItemState::Done { .. } | ItemState::Dead { .. } => None,
        };
        let end = match &row.effect {
            Effect::Grant { end, .. } => Some(*end),
            _ => None,
        };
        let since = match &row.effect {
            Effect::CatchUp { since, .. } => Some(*since),
            _ => None,
        };
        let event = match &row.effect {
            Effect::Tell { event, .. } => Some(event.word()),
            _ => None,
        };
        json!({
            "id": format!("{}-{}", row.id.seq, row.id.n), "kind": row.effect.kind(), "event": event,
            "target": self.target(&row.effect), "end": time(end), "since": time(since), "status": row.state.word(),
            "attempts": row.attempts, "next_at": time(next), "last_error": row.last_error,
            "caused_by": row.caused_by, "made_at": rfc3339(row.made_at),
        })
    }

    fn target(&self, effect: &Effect) -> String {
        match effect {
            Effect::Grant { to, .. } => (self.name)(*to),
            Effect::RequestBatch { campaign, .. } => campaign.clone(),
            Effect::FetchCodes { batch, .. } => batch.to_string(),
            Effect::SetAppAccountToken { original_transaction_id, .. }
            | Effect::Extend { original_transaction_id, .. } => original_transaction_id.clone(),
            Effect::LookUp { person: who }
            | Effect::AskDevice { referee: who, .. }
            | Effect::MarkDevice { referee: who, .. } => (self.name)(*who),
            Effect::CatchUp { is_test, .. } | Effect::RequestTest { is_test } | Effect::CheckTest { is_test, .. } => {
                tested(*is_test).to_owned()
            }
            Effect::MakeCustomCode { coupon: id }
            | Effect::EndCustomCode { coupon: id }
            | Effect::PayOut { payout: id }
            | Effect::AskPayout { payout: id } => id.to_string(),
            Effect::FetchReport { date } => date.to_string(),
            Effect::AnswerRefund { transaction_id, .. } => transaction_id.clone(),
            Effect::Forward { to, .. } => to.host.clone(),
            Effect::Tell { host, .. } => host.clone(),
        }
    }
}

fn offer(row: Option<&Offer>) -> Option<Value> {
    row.map(|row| json!({"type": row.kind.word(), "id": row.id}))
}

/// How far Apple's notifications of an environment were read, and the last TEST.
pub fn hearing(row: &Hearing) -> Value {
    let test = row.test.as_ref().map(|test| {
        let end = test.end.as_ref();
        json!({
            "asked_at": rfc3339(test.asked_at), "ended_at": time(end.map(|end| end.at)),
            "result": end.map(|end| &end.result), "arrived": end.map(|end| end.has_arrived),
        })
    });
    json!({ "environment": tested(row.is_test), "caught_up_until": rfc3339(row.caught_up), "test": test })
}

/// One who is told of events.
pub fn webhook(row: &Webhook) -> Value {
    let end = row.disabled.as_ref();
    json!({
        "id": row.id.to_string(), "host": row.host, "events": row.events, "status": row.word(),
        "failing_since": time(row.failing_since), "disabled_at": time(end.map(|end| end.at)),
        "error": end.map(|end| &end.why),
    })
}

/// Words for a share sheet, with the names in braces filled in.
pub fn share_text(template: &str, apple_id: u64, code: &str, share_url: &str) -> String {
    let redeem = redeem_url(apple_id, code);
    template.replace("{code}", code).replace("{redeem_url}", &redeem).replace("{share_url}", share_url)
}
