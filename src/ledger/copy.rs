//! One state of a ledger as a file of its own, with a label that says what it is.

use super::Error;
use super::draws::Record;
use super::error::at;
use super::file::private;
use super::record::{decode, encode};
use super::store::Store;
use super::table::Tab;
use super::writer::begin;
use crate::domain::at::At;
use redb::{Builder, Database, ReadTransaction, TableDefinition, TableHandle};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Bytes copied in one transaction: much less than what the disk takes while the writer waits for a moment.
const STEP: usize = 1 << 20;
const CACHE: usize = 16 << 20;

/// What stands in a backup about itself. A file with it is no ledger to start from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub app: String,
    /// Of the program that wrote it.
    pub version: String,
    pub at: At,
    pub seq: u64,
}

impl Label {
    pub const KEY: &[u8] = b"backup";
    /// What was drawn while the copy was written: it is not in its books.
    pub const DRAWS: &[u8] = b"draws";

    pub fn read(store: &impl Store) -> Result<Option<Label>, Error> {
        store.get(Tab::Meta, Label::KEY)?.map(|bytes| decode(&bytes, Tab::Meta.name())).transpose()
    }
    /// Draws that a backup has beside its books.
    pub fn draws(store: &impl Store) -> Result<Vec<Record>, Error> {
        let text = store.get(Tab::Meta, Label::DRAWS)?.unwrap_or_default();
        let text = String::from_utf8(text).map_err(|_| Error::Broken("draws that are no text"))?;
        let read = text.lines().map(Record::parse).collect::<Option<_>>();
        read.ok_or(Error::Broken("draws that cannot be read"))
    }
}

/// Writes one state into a file of its own, with its label and what was drawn since then.
pub fn write(
    state: &ReadTransaction,
    label: &Label,
    drawn: impl FnOnce() -> Result<Vec<Record>, Error>,
    part: &Path,
) -> Result<(), Error> {
    let db = Builder::new().set_cache_size(CACHE).create(part)?;
    private(part).map_err(at(part))?;
    copy_tables(state, &db)?;
    let drawn: Vec<String> = drawn()?.iter().map(Record::body).collect();
    let txn = begin(&db)?;
    {
        let mut meta = txn.open_table(Tab::Meta.definition())?;
        meta.insert(Label::KEY, &encode(label)[..])?;
        meta.insert(Label::DRAWS, drawn.join("\n").as_bytes())?;
    }
    txn.commit()?;
    db.close()?;
    Ok(())
}

/// Everything that one state holds, in the order of the keys.
fn copy_tables(from: &ReadTransaction, into: &Database) -> Result<(), Error> {
    let names: Vec<String> = from.list_tables()?.map(|table| table.name().to_owned()).collect();
    let mut txn = begin(into)?;
    let mut size = 0;
    for name in &names {
        let definition = TableDefinition::<&[u8], &[u8]>::new(name);
        let source = from.open_table(definition)?;
        let mut rows = source.range::<&[u8]>(..)?;
        let mut is_over = false;
        while !is_over {
            {
                let mut target = txn.open_table(definition)?;
                is_over = true;
                for pair in rows.by_ref() {
                    let (key, value) = pair?;
                    target.insert(key.value(), value.value())?;
                    size += key.value().len() + value.value().len();
                    if size >= STEP {
                        is_over = false;
                        break;
                    }
                }
            }
            if !is_over {
                txn.commit()?;
                (txn, size) = (begin(into)?, 0);
            }
        }
    }
    txn.commit()?;
    Ok(())
}
