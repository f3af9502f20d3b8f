//! What users allow.

use super::{Row, count_key, of_person};
use crate::domain::consent::{Consent, Purpose};
use crate::domain::id::Person;
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

impl Row for Consent {
    const TAB: Tab = Tab::Consent;
    fn key(&self) -> Vec<u8> {
        consent_key(self.person, self.purpose)
    }
    fn index(&self) -> Vec<(Tab, Vec<u8>, Vec<u8>)> {
        vec![of_person(self.person, Tab::Consent, &self.key())]
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("consent", self.purpose.word(), if self.given { "given" } else { "withdrawn" }))
    }
}

pub fn consent_key(person: Person, purpose: Purpose) -> Vec<u8> {
    Key::new().bytes(person.as_bytes()).text(purpose.word()).done()
}
