//! How each noun is kept: its table, its key, the index rows that follow from it, and what it counts
//! as.

mod code;
mod completion;
mod consent;
mod delivery;
mod partner;
mod person;
mod purchase;
mod question;
mod stock;
mod winback;

use super::key::Key;
use super::table::Tab;
use crate::domain::decide::Seen;
use crate::domain::id::Person;
use crate::domain::purchase::Source;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use code::{claim_key, code_key, referrer_key};
pub use completion::{redemption_key, spent_key};
pub use consent::consent_key;
pub use delivery::{BEHIND, due_key, item_key, lane_prefix, webhook_lane};
pub use partner::{
    balance_key, of_offer_prefix, of_order_key, of_subscription_prefix, payable_prefix, reconciliation_key,
};
pub use person::move_key;
pub use purchase::hearing_key;
pub use question::{REFUND_RULES, asked_of_prefix};
pub use stock::chunk_key;

pub trait Row: Serialize + DeserializeOwned {
    const TAB: Tab;
    fn key(&self) -> Vec<u8>;
    /// Rows of derived tables: table, key, value.
    fn index(&self) -> Vec<(Tab, Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
    /// What it adds to balances.
    fn sums(&self) -> Vec<(Vec<u8>, i64)> {
        Vec::new()
    }
    /// What this row is counted under, as it stands.
    fn count(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Row for Seen {
    const TAB: Tab = Tab::Seen;
    fn key(&self) -> Vec<u8> {
        seen_key(self.source, &self.event)
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("event", self.source.word(), &self.kind.replace('\0', "")))
    }
}

/// A source chooses its event ids, so they are hashed to a length.
pub fn seen_key(source: Source, event: &str) -> Vec<u8> {
    let name = crate::domain::id::Id::of("event", &[event.as_bytes()]);
    Key::new().text(source.word()).bytes(name.as_bytes()).done()
}

pub fn count_key(noun: &str, group: &str, status: &str) -> Vec<u8> {
    Key::new().text(noun).text(group).text(status).done()
}

fn of_person(person: Person, tab: Tab, key: &[u8]) -> (Tab, Vec<u8>, Vec<u8>) {
    (Tab::OfPerson, Key::new().bytes(&of_person_prefix(person, tab)).bytes(key).done(), Vec::new())
}

pub fn of_person_prefix(person: Person, tab: Tab) -> Vec<u8> {
    Key::new().bytes(person.as_bytes()).text(tab.name()).done()
}
