//! Win-backs as people read them.

use super::{View, time};
use crate::domain::winback::{WinBack, WinBackState};
use crate::wire::text::rfc3339;
use serde_json::{Value, json};

impl View<'_> {
    pub fn winback(&self, row: &WinBack) -> Value {
        let reason = match &row.state {
            WinBackState::Declined { why } => Some(why.word()),
            WinBackState::Issued { .. } | WinBackState::CameBack { .. } => None,
        };
        let by = row.came_back();
        json!({
            "id": row.id.to_string(), "campaign": row.campaign, "user": (self.name)(row.person),
            "original_transaction_id": row.lapse.original_transaction_id, "ended_at": rfc3339(row.lapse.ended_at),
            "ended_because": row.lapse.why.word(), "how": row.how.word(), "decided_at": rfc3339(row.at),
            "status": row.state.word(), "reason": reason, "code": row.code().map(|code| code.as_str()),
            "came_back_at": time(by.map(|by| by.at)), "transaction_id": by.map(|by| &by.transaction_id),
            "product_id": by.map(|by| &by.product_id), "with_offer": by.map(|by| by.with_offer),
        })
    }
}
