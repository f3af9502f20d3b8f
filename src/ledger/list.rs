//! Lists by cursor: each page reads a fresh snapshot, from where the last one ended.

use super::Error;
use super::key::{Key, after_prefix, item_of};
use super::load::circle;
use super::record::decode;
use super::rows::{Row, chunk_key, code_key, count_key, item_key, of_person_prefix};
use super::step::{last_key, number, read_heard};
use super::store::Store;
use super::table::Tab;
use crate::domain::batch::{CHUNK, Chunk};
use crate::domain::code::CodeText;
use crate::domain::delivery::Item;
use crate::domain::hearing::Heard;
use crate::domain::id::Person;
use crate::domain::pool::{Pool, Shelf, Stocked};
use crate::domain::purchase::Source;
use std::collections::BTreeSet;
use std::ops::Bound;

pub struct Page<R> {
    pub items: Vec<R>,
    /// Where the next page begins; absent at the end.
    pub next: Option<Vec<u8>>,
}

impl<R> Page<R> {
    /// The same page, its rows as they are shown.
    pub fn shown<T>(self, show: impl FnMut(&R) -> Result<T, Error>) -> Result<Page<T>, Error> {
        Ok(Page { items: self.items.iter().map(show).collect::<Result<_, _>>()?, next: self.next })
    }
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

/// The next codes that nobody has yet, a chunk for a page.
pub fn stocked<S: Store>(store: &S, from: Option<&[u8]>) -> Result<Page<Stocked>, Error> {
    for (_, bytes) in store.prefix(Tab::Pool, &[], usize::MAX)? {
        let pool: Pool = decode(&bytes, Tab::Pool.name())?;
        for shelf in &pool.shelves {
            let place = Key::new().text(&pool.campaign).at(shelf.expires_at).bytes(shelf.batch.as_bytes());
            let place = place.done();
            let begins = shelf.next / CHUNK as u32;
            let number = match from {
                Some(from) if from.starts_with(&place) => begins.max(chunk_after(&from[place.len()..])),
                Some(from) if place.as_slice() < from => continue,
                Some(_) | None => begins,
            };
            if number < shelf.size.div_ceil(CHUNK as u32) {
                let next = Some(Key::new().bytes(&place).u32(number).done());
                return Ok(Page { items: on_shelf(store, &pool.campaign, shelf, number)?, next });
            }
        }
    }
    Ok(Page { items: Vec::new(), next: None })
}

fn chunk_after(number: &[u8]) -> u32 {
    number.try_into().map_or(0, |bytes| u32::from_be_bytes(bytes).saturating_add(1))
}

/// Of one chunk; what somebody has already, because it stood in two lists, is passed by.
fn on_shelf<S: Store>(store: &S, campaign: &str, shelf: &Shelf, number: u32) -> Result<Vec<Stocked>, Error> {
    let chunk: Option<Chunk> = store.row(&chunk_key(shelf.batch, number))?;
    let chunk = chunk.ok_or(Error::Broken("a place in the stock without a code"))?;
    let passed = shelf.next.saturating_sub(number * CHUNK as u32) as usize;
    let mut codes = Vec::new();
    for text in chunk.codes.iter().skip(passed).filter_map(CodeText::parse) {
        if store.get(Tab::Code, &code_key(&text))?.is_none() {
            let (campaign, batch, expires_at) = (campaign.to_owned(), shelf.batch, shelf.expires_at);
            codes.push(Stocked { text, campaign, batch, expires_at });
        }
    }
    Ok(codes)
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
