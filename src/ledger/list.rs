//! Lists by cursor: each page reads a fresh snapshot, from where the last one ended.

use super::Error;
use super::key::item_of;
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
    let mut keys = Vec::new();
    for member in circle(store, person)?.members() {
        let prefix = of_person_prefix(*member, R::TAB);
        let found = store.prefix(Tab::OfPerson, &prefix, LOOK)?;
        keys.extend(found.into_iter().map(|(key, _)| key[prefix.len()..].to_vec()));
    }
    keys.sort();
    keys.dedup();
    let mut page = Page { items: Vec::new(), next: None };
    let mut after = None;
    for key in keys.into_iter().filter(|key| from.is_none_or(|from| key.as_slice() > from)) {
        if page.items.len() == limit {
            page.next = after;
            break;
        }
        let row: R = store.row(&key)?.ok_or(Error::Broken("an index row without its record"))?;
        if keep(&row) {
            page.items.push(row);
        }
        after = Some(key);
    }
    Ok(page)
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
