//! The journal as it is kept: entries by number, and which are about what. All other tables follow
//! from it, and `explain` reads it.

use super::Error;
use super::key::Key;
use super::load::circle;
use super::record::decode;
use super::store::Store;
use super::table::Tab;
use crate::domain::code::CodeText;
pub use crate::domain::entry::{Entry, Subject};
use crate::domain::id::UserId;
use std::collections::BTreeSet;
use std::ops::Bound;

fn subject_prefix(subject: &Subject) -> Vec<u8> {
    match subject {
        Subject::Person(person) => Key::new().bytes(b"p").bytes(person.as_bytes()).done(),
        Subject::Code(text) => Key::new().bytes(b"c").text(text.as_str()).done(),
        // A peer chooses this text, so it is hashed to a length.
        Subject::Transaction(text) => {
            let name = crate::domain::id::Id::of("transaction", &[text.as_bytes()]);
            Key::new().bytes(b"t").bytes(name.as_bytes()).done()
        }
    }
}

pub fn about_key(subject: &Subject, seq: u64) -> Vec<u8> {
    Key::new().bytes(&subject_prefix(subject)).u64(seq).done()
}

/// The sequence numbers of the entries about a subject, in order, from `after` on.
pub fn about(store: &impl Store, subject: &Subject, after: u64, limit: usize) -> Result<Vec<u64>, Error> {
    let prefix = subject_prefix(subject);
    let from = Key::new().bytes(&prefix).u64(after).done();
    let to = Key::new().bytes(&prefix).u64(u64::MAX).done();
    let rows = store.range(Tab::About, Bound::Excluded(&from), Bound::Included(&to), limit)?;
    Ok(rows.iter().filter_map(|(key, _)| seq_of(&key[prefix.len()..])).collect())
}

/// The numbers of the entries behind one, in order.
pub fn after(store: &impl Store, after: u64, limit: usize) -> Result<Vec<u64>, Error> {
    let from = Key::new().u64(after).done();
    let rows = store.range(Tab::Journal, Bound::Excluded(&from), Bound::Unbounded, limit)?;
    Ok(rows.iter().filter_map(|(key, _)| seq_of(key)).collect())
}

/// Everything about a code, a user or a transaction, whichever the text names.
pub fn explain(store: &impl Store, text: &str) -> Result<Vec<(u64, Entry)>, Error> {
    let mut subjects = vec![Subject::Transaction(text.to_owned())];
    if let Some(code) = CodeText::parse(text) {
        subjects.extend([Subject::Code(code.upper()), Subject::Code(code)]);
    }
    if let Ok(user) = UserId::parse(text) {
        let person = store.names().person(&user);
        subjects.extend(circle(store, person)?.members().iter().map(|member| Subject::Person(*member)));
    }
    let mut seqs = BTreeSet::new();
    for subject in &subjects {
        seqs.extend(about(store, subject, 0, MOST)?);
    }
    let read = |seq: u64| Ok(entry(store, seq)?.map(|entry| (seq, entry)));
    seqs.into_iter().filter_map(|seq| read(seq).transpose()).collect()
}

/// Entries read about one subject.
const MOST: usize = 10_000;

pub fn seq_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

pub fn entry(store: &impl Store, seq: u64) -> Result<Option<Entry>, Error> {
    let bytes = store.get(Tab::Journal, &Key::new().u64(seq).done())?;
    bytes.map(|bytes| decode(&bytes, Tab::Journal.name())).transpose()
}
