//! Who is whom.

use super::Row;
use crate::domain::id::Person;
use crate::domain::person::{Alias, Move};
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

impl Row for Alias {
    const TAB: Tab = Tab::Alias;
    fn key(&self) -> Vec<u8> {
        self.person.as_bytes().to_vec()
    }
}

impl Row for Move {
    const TAB: Tab = Tab::Move;
    fn key(&self) -> Vec<u8> {
        Key::new().bytes(&move_prefix(self.from)).at(self.at).done()
    }
}

pub fn move_prefix(from: Person) -> Vec<u8> {
    from.as_bytes().to_vec()
}
