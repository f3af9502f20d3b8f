//! Lists by cursor: each page reads a fresh snapshot, from where the last one ended.

use super::Error;
use super::key::{after_prefix, item_of};
use super::load::circle;
use super::record::decode;
use super::rows::{Row, count_key, item_key, of_person_prefix};
use super::step::{last_key, number, read_heard};
use super::store::Store;
use super::table::Tab;
use crate::domain::delivery::Item;
use crate::domain::hearing::Heard;
use crate::domain::id::Person;
use crate::domain::purchase::Source;
use std::collections::BTreeSet;
use std::ops::Bound;

pub struct Page<R> {
    pub items: Vec<R>,
    /// Where the next page begins; absent at the end.
    pub next: Option<Vec<u8>>,
}

/// Rows looked at for one page. A filter that lets few through gives a short page with a cursor.
const LOOK: usize = 20_000;
const READ: usize = 500;

/// Rows of a table after `from`, that `keep` lets through.
pub fn rows<S: Store, R: Row>(
    store: &S,
    from: Option<&[u8]>,
    limit: usize,
    mut keep: impl FnMut(&R) -> bool,
) -> Result<Page<R>, Error> {
    let mut page = Page { items: Vec::new(), next: None };
    let mut after = from.map(<[u8]>::to_vec);
    let mut looked = 0;
    loop {
        let bound = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let pairs = store.range(R::TAB, bound, Bound::Unbounded, READ)?;
        let is_last = pairs.len() < READ;
        for (key, bytes) in pairs {
            if page.items.len() == limit || looked == LOOK {
                page.next = after;
                return Ok(page);
            }
            looked += 1;
            let row: R = decode(&bytes, R::TAB.name())?;
            if keep(&row) {
                page.items.push(row);
            }
            after = Some(key);
        }
        if is_last {
            return Ok(page);
        }
    }
}

/// A person's rows, through all their ids.
pub fn rows_of<S: Store, R: Row>(
    store: &S,
    person: Person,
    from: Option<&[u8]>,
    limit: usize,
    mut keep: impl FnMut(&R) -> bool,
) -> Result<Page<R>, Error> {
    let members = circle(store, person)?;
    let mut page = Page { items: Vec::new(), next: None };
    let mut after = from.map(<[u8]>::to_vec);
    let mut looked = 0;
    loop {
        let (keys, is_last) = keys_of(store, members.members(), R::TAB, after.as_deref())?;
        for key in keys {
            if page.items.len() == limit || looked == LOOK {
                page.next = after;
                return Ok(page);
            }
            looked += 1;
            let row: R = store.row(&key)?.ok_or(Error::Broken("an index row without its record"))?;
            if keep(&row) {
                page.items.push(row);
            }
            after = Some(key);
        }
        if is_last {
            return Ok(page);
        }
    }
}

/// The next keys of these people's rows, in order, and whether they are the last. Of each as far as it was read of all.
fn keys_of<S: Store>(
    store: &S,
    members: &[Person],
    tab: Tab,
    after: Option<&[u8]>,
) -> Result<(BTreeSet<Vec<u8>>, bool), Error> {
    let (mut keys, mut known_until): (BTreeSet<Vec<u8>>, Option<Vec<u8>>) = (BTreeSet::new(), None);
    for member in members {
        let prefix = of_person_prefix(*member, tab);
        let begin = [prefix.as_slice(), after.unwrap_or_default()].concat();
        let from = if after.is_some() { Bound::Excluded(&*begin) } else { Bound::Included(&*begin) };
        let end = after_prefix(&prefix);
        let rows = store.range(Tab::OfPerson, from, end.as_deref().map_or(Bound::Unbounded, Bound::Excluded), READ)?;
        let read: Vec<Vec<u8>> = rows.iter().map(|(key, _)| key[prefix.len()..].to_vec()).collect();
        if let (READ, Some(last)) = (read.len(), read.last()) {
            let nearer = known_until.as_ref().is_none_or(|known| last < known);
            known_until = if nearer { Some(last.clone()) } else { known_until };
        }
        keys.extend(read);
    }
    if let Some(until) = &known_until {
        keys.retain(|key| key <= until);
    }
    Ok((keys, known_until.is_none()))
}

pub fn count(store: &impl Store, noun: &str, group: &str, status: &str) -> Result<u64, Error> {
    let bytes = store.get(Tab::Count, &count_key(noun, group, status))?;
    Ok(bytes.map_or(0, |bytes| number(&bytes) as u64))
}

/// All counts of a noun: group, status, how many.
pub fn counts(store: &impl Store, noun: &str) -> Result<Vec<(String, String, u64)>, Error> {
    let prefix = [noun.as_bytes(), &[0]].concat();
    let mut out = Vec::new();
    for (key, value) in store.prefix(Tab::Count, &prefix, usize::MAX)? {
        let text = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let mut parts = text.split('\0');
        let (group, status) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        out.push((group.to_owned(), status.to_owned(), number(&value) as u64));
    }
    Ok(out)
}

/// The open items that `keep` lets through.
pub fn open(store: &impl Store, keep: impl Fn(&Item) -> bool) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    for (key, _) in store.prefix(Tab::Lane, &[], LOOK)? {
        let id =
            key.len().checked_sub(10).and_then(|at| item_of(&key[at..])).ok_or(Error::Broken("a lane of nothing"))?;
        items.extend(store.row::<Item>(&item_key(id))?.filter(&keep));
    }
    Ok(items)
}

/// How a source's webhooks came in.
pub fn heard(store: &impl Store, source: Source) -> Result<Option<Heard>, Error> {
    Ok(store.get(Tab::Count, &last_key(source))?.and_then(|bytes| read_heard(&bytes)))
}
