//! Where the journal ends.

use super::Error;
use super::record::{decode, encode};
use super::step::Tables;
use super::store::Store;
use super::table::Tab;
use crate::domain::at::At;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub seq: u64,
    pub at: At,
}

pub fn write(tables: &mut Tables<'_>, mark: Mark) -> Result<(), Error> {
    tables.insert(Tab::Meta, b"mark", &encode(&mark))
}

pub fn read(store: &impl Store) -> Result<Mark, Error> {
    let bytes = store.get(Tab::Meta, b"mark")?;
    bytes.map_or(Ok(Mark::default()), |bytes| decode(&bytes, Tab::Meta.name()))
}
