//! What can go wrong in the house.

use crate::domain::decide::Refusal;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database failed: {0}")]
    Database(redb::Error),
    #[error("a record of {what} cannot be read: {why}")]
    Record { what: &'static str, why: String },
    #[error("the books contradict themselves: {0}")]
    Broken(&'static str),
    #[error(
        "the file is of schema {found}, written by referd {by}; this version reads schemas {first} to {known}. Run \
         referd {by} or, if the file is the newer one, a later version"
    )]
    Schema { found: u32, first: u32, known: u32, by: String },
    #[error("{path}: {why}")]
    File { path: String, why: String },
    #[error("{path} is in use: another process has this ledger open")]
    InUse { path: String },
    #[error("{0}")]
    Unsound(String),
    #[error("there is not enough free space for a backup in {path}")]
    NoRoom { path: String },
    #[error("encryption: {0}")]
    Sealed(String),
    #[error("this file is a backup of {at}, and no ledger to start from: run `referd restore --from` with it")]
    Backup { at: String },
    #[error("{0}: put it back as it was, or run `referd restore`")]
    Draws(String),
    #[error("{path} is gone, and what stood beside it is there: run `referd restore`")]
    Gone { path: String },
    #[error("{path} has no epoch file beside it, so nobody knows how old it is: run `referd restore --from` with it")]
    Stray { path: String },
    #[error(
        "this folder is a copy: {of} is still there, and two of them would hand out the same codes. Remove one; to \
         begin from a copy on purpose, `referd restore --from` a backup"
    )]
    Copied { of: String },
    #[error("{path} goes further than the database beside it, which is an old one: run `referd restore`")]
    Old { path: String },
}

impl From<redb::Error> for Error {
    fn from(error: redb::Error) -> Error {
        Error::Database(error)
    }
}

macro_rules! from_redb {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Error {
            fn from(error: $kind) -> Error {
                Error::Database(error.into())
            }
        }
    )*};
}

from_redb!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::CompactionError,
    redb::SetDurabilityError
);

/// A failure of the file system, with its place.
pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::File { path, why: error.to_string() }
}

/// Why a command has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fail {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("too many commands wait")]
    Busy,
    #[error("the disk is nearly full")]
    NoSpace,
    #[error("the disk can only be read")]
    ReadOnly,
    #[error("the write failed and may or may not be there: ask again")]
    Unknown,
    #[error("a defect stopped this command; it is kept for inspection")]
    Defect,
    #[error("the ledger is closed")]
    Closed,
}
