//! What is known around Apple's questions about refunds: the rules, the owner, what they allow, what they used.

use super::Load;
use super::case::{circle, rows_of};
use super::consent::consents;
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::At;
use crate::domain::consumption::RefundRules;
use crate::domain::decide::question::{Answering, Known, RefundRulesFamily};
use crate::domain::decide::usage::{SayUsage, UsageFacts, UsageFamily};
use crate::domain::question::Question;
use crate::domain::refund::Refund;
use crate::domain::subscription::Subscription;
use crate::ledger::Error;
use crate::ledger::rows::REFUND_RULES;
use crate::ledger::store::Store;

impl Load for RefundRulesFamily {
    fn load<S: Store>(store: &S, _: &RefundRules, _: At) -> Result<Option<RefundRules>, Error> {
        store.row(REFUND_RULES)
    }
}

impl Load for UsageFamily {
    fn load<S: Store>(store: &S, command: &SayUsage, _: At) -> Result<UsageFacts, Error> {
        Ok(UsageFacts { said: rows_of(store, &circle(store, command.person)?)? })
    }
}

/// `before` is the question as it stands on disk.
pub fn known<S: Store>(store: &S, question: &Question, before: Option<Question>) -> Result<Known, Error> {
    let subscription: Option<Subscription> =
        store.row(Subscription::id(&question.original_transaction_id).as_bytes())?;
    let consents = match subscription.as_ref().and_then(Subscription::person) {
        Some(owner) => consents(store, &circle(store, owner)?)?,
        None => Vec::new(),
    };
    let alert = Alert::id(AlertKind::RefundUnanswered, &question.transaction_id);
    Ok(Known {
        before,
        rules: store.row::<RefundRules>(REFUND_RULES)?.unwrap_or_default(),
        subscription,
        consents,
        refund: store.row::<Refund>(Refund::id(&question.transaction_id).as_bytes())?,
        alert: store.row(alert.as_bytes())?,
    })
}

pub fn answering<S: Store>(store: &S, transaction_id: &str) -> Result<Answering, Error> {
    let question: Question =
        store.row(Question::id(transaction_id).as_bytes())?.ok_or(Error::Broken("a delivery about no question"))?;
    let known = known(store, &question, None)?;
    let usage = match question.owner {
        Some(owner) => rows_of(store, &circle(store, owner)?)?,
        None => Vec::new(),
    };
    Ok(Answering { question, known, usage })
}
