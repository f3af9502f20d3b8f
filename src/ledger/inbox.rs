//! Bodies as they came, beside the books, for a month.

use super::Error;
use super::key::Key;
use super::step::Tables;
use super::store::Store;
use super::table::Tab;
use crate::domain::at::{At, Span};
use crate::domain::decide::Stamp;
use std::ops::Bound;

const KEPT: Span = Span::days(30);

fn key(at: At, seq: u64) -> Vec<u8> {
    Key::new().at(at).u64(seq).done()
}

/// What came in with an entry of the journal, as long as it is kept.
pub fn body(store: &impl Store, at: At, seq: u64) -> Result<Option<Vec<u8>>, Error> {
    store.get(Tab::Inbox, &key(at, seq))
}

pub fn remove(tables: &mut Tables<'_>, at: At, seq: u64) -> Result<(), Error> {
    tables.remove(Tab::Inbox, &key(at, seq))
}

/// Two old ones go for each new one.
pub fn keep(tables: &mut Tables<'_>, stamp: Stamp, body: &[u8]) -> Result<(), Error> {
    tables.insert(Tab::Inbox, &key(stamp.at, stamp.seq), body)?;
    let limit = Key::new().at(stamp.at.minus(KEPT)).done();
    for (key, _) in tables.range(Tab::Inbox, Bound::Unbounded, Bound::Excluded(&limit), 2)? {
        tables.remove(Tab::Inbox, &key)?;
    }
    Ok(())
}
