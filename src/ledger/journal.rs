//! The journal as it is kept: entries by number, and which are about whom. All other tables follow
//! from it, and `explain` reads it.

use super::Error;
use super::about::place;
use super::key::Key;
use super::list::Page;
use super::load::{circle, code, rows_of};
use super::record::decode;
use super::store::{Pair, Store};
use super::table::Tab;
use crate::domain::code::CodeText;
pub use crate::domain::entry::{Entry, Subject};
use crate::domain::id::{Id, UserId};
use crate::domain::partner::Partner;
use crate::domain::subscription::Subscription;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The numbers of the entries about a person or a transaction, in order, from behind `after` on.
pub fn about(store: &impl Store, subject: &Subject, after: u64, limit: usize) -> Result<Vec<u64>, Error> {
    let Some((tab, prefix)) = place(subject) else { return Ok(Vec::new()) };
    let from = Key::new().bytes(&prefix).u64(after).done();
    let to = Key::new().bytes(&prefix).u64(u64::MAX).done();
    let rows = store.range(tab, Bound::Excluded(&from), Bound::Included(&to), limit)?;
    Ok(rows.iter().filter_map(|(key, _)| seq_of(&key[prefix.len()..])).collect())
}

/// The numbers of the entries behind one, in order.
pub fn after(store: &impl Store, after: u64, limit: usize) -> Result<Vec<u64>, Error> {
    let from = Key::new().u64(after).done();
    let rows = store.range(Tab::Journal, Bound::Excluded(&from), Bound::Unbounded, limit)?;
    Ok(rows.iter().filter_map(|(key, _)| seq_of(key)).collect())
}

/// The entries behind one, in order.
pub fn page(store: &impl Store, behind: u64, limit: usize) -> Result<Page<(u64, Entry)>, Error> {
    let from = Key::new().u64(behind).done();
    let rows = store.range(Tab::Journal, Bound::Excluded(&from), Bound::Unbounded, limit)?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|(key, _)| key.clone());
    let read = |(key, bytes): &Pair| {
        let seq = seq_of(key).ok_or(Error::Broken("a journal key that is no number"))?;
        Ok((seq, decode(bytes, Tab::Journal.name())?))
    };
    Ok(Page { items: rows.iter().map(read).collect::<Result<_, Error>>()?, next })
}

/// Everything about a code, a user or a transaction, whichever the text names.
pub fn explain(store: &impl Store, text: &str) -> Result<Vec<(u64, Entry)>, Error> {
    let mut entries = BTreeMap::new();
    let mut subjects = vec![Subject::Transaction(text.to_owned())];
    if let Ok(user) = UserId::parse(text) {
        let person = store.names().person(&user);
        subjects.extend(circle(store, person)?.members().iter().map(|member| Subject::Person(*member)));
    }
    if let Some(partner) = Id::parse(text) {
        subjects.push(Subject::Person(Partner::person(partner)));
    }
    for subject in &subjects {
        read(store, subject, |_| true, &mut entries)?;
    }
    let row = CodeText::parse(text).map(|text| code(store, &text)).transpose()?.flatten();
    if let Some(row) = row {
        let wanted = Subject::Code(row.text.clone());
        for person in [Some(row.assigned_to), row.claimed_by].into_iter().flatten() {
            let names_it = |entry: &Entry| entry.subjects().contains(&wanted);
            read(store, &Subject::Person(person), names_it, &mut entries)?;
        }
    }
    Ok(entries.into_iter().collect())
}

/// The subscriptions of a user, or the one of an original transaction, as they stand.
pub fn subscriptions(store: &impl Store, text: &str) -> Result<Vec<Subscription>, Error> {
    let mut found: Vec<Subscription> = store.row(Subscription::id(text).as_bytes())?.into_iter().collect();
    if let Ok(user) = UserId::parse(text) {
        found.extend(rows_of(store, &circle(store, store.names().person(&user))?)?);
    }
    Ok(found)
}

/// Entries read about one subject.
const MOST: usize = 10_000;

fn read(
    store: &impl Store,
    subject: &Subject,
    keep: impl Fn(&Entry) -> bool,
    into: &mut BTreeMap<u64, Entry>,
) -> Result<(), Error> {
    for seq in about(store, subject, 0, MOST)? {
        if let Some(found) = entry(store, seq)?.filter(&keep) {
            into.insert(seq, found);
        }
    }
    Ok(())
}

pub fn seq_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

pub fn entry(store: &impl Store, seq: u64) -> Result<Option<Entry>, Error> {
    let bytes = store.get(Tab::Journal, &Key::new().u64(seq).done())?;
    bytes.map(|bytes| decode(&bytes, Tab::Journal.name())).transpose()
}
