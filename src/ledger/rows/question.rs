//! Apple's questions about refunds, and what they are answered by: rules and usage.

use super::{Row, count_key, of_person};
use crate::domain::consumption::RefundRules;
use crate::domain::id::Id;
use crate::domain::question::{Question, Verdict};
use crate::domain::subscription::Subscription;
use crate::domain::usage::{Scope, Usage};
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

type Index = Vec<(Tab, Vec<u8>, Vec<u8>)>;

impl Row for RefundRules {
    const TAB: Tab = Tab::RefundRules;
    fn key(&self) -> Vec<u8> {
        REFUND_RULES.to_vec()
    }
}

/// An app has these rules once.
pub const REFUND_RULES: &[u8] = b"now";

impl Row for Usage {
    const TAB: Tab = Tab::Usage;
    /// A peer chooses what it is of, so that is hashed to a length.
    fn key(&self) -> Vec<u8> {
        let (kind, name) = match &self.scope {
            Scope::All => ("all", ""),
            Scope::Product(id) => ("product", id.as_str()),
            Scope::Transaction(id) => ("transaction", id.as_str()),
        };
        let scope = Id::of("usage", &[kind.as_bytes(), name.as_bytes()]);
        Key::new().bytes(self.person.as_bytes()).bytes(scope.as_bytes()).done()
    }
    fn index(&self) -> Index {
        vec![of_person(self.person, Tab::Usage, &self.key())]
    }
}

impl Row for Question {
    const TAB: Tab = Tab::Question;
    fn key(&self) -> Vec<u8> {
        Question::id(&self.transaction_id).as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        let key = self.key();
        let of = Key::new().bytes(&asked_of_prefix(&self.original_transaction_id)).bytes(&key).done();
        let owner = self.owner.map(|person| of_person(person, Tab::Question, &key));
        owner.into_iter().chain([(Tab::AskedOf, of, Vec::new())]).collect()
    }
    /// By what the customer says, what became of it here, and what Apple decided. Those that nobody asked do not count.
    fn count(&self) -> Option<Vec<u8>> {
        let reason = self.asked.as_ref()?.reason.as_deref().unwrap_or_default().replace(['\0', ' '], "");
        let noun = if self.is_test { "test_question" } else { "question" };
        let verdict = self.verdict.map_or("", |Verdict { what, .. }| what.word());
        Some(count_key(noun, &reason, &format!("{} {verdict}", self.state.word())))
    }
}

/// The questions about the transactions of one original transaction.
pub fn asked_of_prefix(original_transaction_id: &str) -> Vec<u8> {
    Subscription::id(original_transaction_id).as_bytes().to_vec()
}
