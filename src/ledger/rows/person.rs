//! Who is whom, and who was forgotten.

use super::Row;
use crate::domain::at::At;
use crate::domain::id::Person;
use crate::domain::person::{Alias, Erasure, Move};
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
        move_key(self.from, self.at)
    }
}

impl Row for Erasure {
    const TAB: Tab = Tab::Erasure;
    fn key(&self) -> Vec<u8> {
        self.person.as_bytes().to_vec()
    }
}

pub fn move_key(from: Person, at: At) -> Vec<u8> {
    Key::new().bytes(from.as_bytes()).at(at).done()
}
