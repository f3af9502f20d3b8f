//! Apple's questions about refunds, what they are answered by, and what Apple decided.

use super::{View, tested, time};
use crate::domain::consumption::Consumption;
use crate::domain::purchase::Share;
use crate::domain::question::{Decided, Question, State, Verdict};
use crate::domain::usage::{Scope, Usage};
use serde_json::{Value, json};

impl View<'_> {
    pub fn question(&self, row: &Question) -> Value {
        let asked = row.asked.as_ref();
        let answered_at = match row.state {
            State::Answered { at } => Some(at),
            State::Silent { .. } | State::Waiting | State::Late { .. } | State::Failed { .. } => None,
        };
        let why = match &row.state {
            State::Silent { why } => Some(why.word()),
            State::Failed { why, .. } => Some(why.as_str()),
            State::Waiting | State::Answered { .. } | State::Late { .. } => None,
        };
        json!({
            "transaction_id": row.transaction_id, "original_transaction_id": row.original_transaction_id,
            "product_id": row.product_id, "is_auto_renewable": row.is_renewing, "user": row.owner.map(self.name),
            "environment": tested(row.is_test), "is_test": row.is_test,
            "reason": asked.and_then(|asked| asked.reason.as_deref()), "times_asked": asked.map_or(0, |asked| asked.times),
            "asked_at": time(asked.map(|asked| asked.first_at)), "asked_again_at": time(asked.map(|asked| asked.last_at)),
            "deadline": time(row.deadline()), "status": row.state.word(), "why": why,
            "answer": row.answer.as_ref().map(consumption), "answered_at": time(answered_at),
            "decision": row.verdict.map(|verdict| verdict.what.word()),
            "decided_at": time(row.verdict.map(|verdict| verdict.at)),
            "refunded_percent": row.verdict.and_then(refunded).map(Share::percent),
        })
    }
}

fn refunded(verdict: Verdict) -> Option<Share> {
    match verdict.what {
        Decided::Refunded { share } => Some(share),
        Decided::Declined | Decided::Reversed => None,
    }
}

/// In words of ours, whichever shape it was sent in.
fn consumption(answer: &Consumption) -> Value {
    json!({
        "delivery": answer.delivery.word(), "consumed_percent": answer.consumed.map(Share::percent),
        "sample_content": answer.sample_content, "preference": answer.preference.map(|wish| wish.word()),
    })
}

pub fn usage(row: &Usage) -> Value {
    let used = row.used();
    let (product_id, transaction_id) = match &row.scope {
        Scope::All => (None, None),
        Scope::Product(id) => (Some(id), None),
        Scope::Transaction(id) => (None, Some(id)),
    };
    json!({
        "product_id": product_id, "transaction_id": transaction_id,
        "delivery": used.delivery.map(|delivery| delivery.word()),
        "consumed_percent": used.consumed.map(Share::percent), "sample_content": used.sample_content,
        "play_minutes": used.play_minutes, "account_created_at": time(used.account_created_at),
    })
}
