//! A file that nobody uses, checked in full and left as it is: a ledger or a backup.

use super::copy::Label;
use super::error::{Error, at};
use super::look::Look;
use super::store::Snapshot;
use super::verify::{self, Report, fault, verify};
use super::{draws, migrate, parcel};
use redb::Database;
use std::fs::{File, TryLockError};
use std::path::Path;

/// The books with the storage below them and the draw log beside them.
pub fn verify_file(path: &Path) -> Result<Report, Error> {
    let file = File::open(path).map_err(at(path))?;
    let mut report = Report::default();
    let (_db, snapshot) = look(file, path, &mut report)?;
    let log = path.with_extension("draws");
    if log.exists() {
        verify::draws::check(&mut report, &snapshot, &draws::read(&log)?)?;
    }
    Ok(report)
}

/// Of a backup, encrypted or not: its checksum first, if it has one.
pub fn verify_backup(path: &Path, identity: Option<&Path>, scratch: &Path) -> Result<Backup, Error> {
    let has_sum = parcel::check(path)?;
    let file = parcel::open(path, identity, scratch)?;
    let mut report = Report::default();
    let (_db, snapshot) = look(file, path, &mut report)?;
    let label = Label::read(&snapshot)?;
    Label::draws(&snapshot)?;
    Ok(Backup { report, has_sum, label })
}

/// What was found of a backup.
pub struct Backup {
    pub report: Report,
    /// Without a checksum beside it, what no table uses cannot be checked.
    pub has_sum: bool,
    /// Absent where the file is no backup but a ledger.
    pub label: Option<Label>,
}

/// A snapshot reads as long as its database is open.
fn look(file: File, path: &Path, report: &mut Report) -> Result<(Database, Snapshot), Error> {
    if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
        return Err(Error::InUse { path: path.display().to_string() });
    }
    let look = Look::at(file).map_err(at(path))?;
    let mut db = Database::builder().set_cache_size(64 << 20).create_with_backend(look)?;
    let sound = db.check_integrity()?;
    let snapshot = Snapshot::nameless(&db)?;
    // The books of an older file are verified when it was brought up to date.
    if !migrate::is_older(snapshot.transaction())? {
        *report = verify(&snapshot)?;
    }
    if !sound {
        fault(report, "the storage had to be repaired".to_owned());
    }
    Ok((db, snapshot))
}
