//! Which entries of the journal are about whom.

use super::key::Key;
use super::rows::of_person_prefix;
use super::table::Tab;
use crate::domain::entry::Subject;
use crate::domain::id::Id;

/// Where it stands that an entry is about a subject. Codes have no rows of their own: an entry about a
/// code is about its people too.
pub fn place(subject: &Subject) -> Option<(Tab, Vec<u8>)> {
    match subject {
        Subject::Person(person) => Some((Tab::OfPerson, of_person_prefix(*person, Tab::Journal))),
        // A peer chooses this text, so it is hashed to a length.
        Subject::Transaction(text) => {
            let name = Id::of("transaction", &[text.as_bytes()]);
            Some((Tab::OfTransaction, name.as_bytes().to_vec()))
        }
        Subject::Code(_) => None,
    }
}

pub fn key(subject: &Subject, seq: u64) -> Option<(Tab, Vec<u8>)> {
    place(subject).map(|(tab, prefix)| (tab, Key::new().bytes(&prefix).u64(seq).done()))
}
