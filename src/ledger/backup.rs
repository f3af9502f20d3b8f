//! Snapshots of a ledger that runs: one state of it, copied table by table into a file of its own, checked, and kept for
//! a while. The file of a ledger that runs is never copied: such a copy is broken.

use super::copy::{self, Label};
use super::draws::{self, Reached};
use super::file::{FLOOR, Place, compact, free, make_folder, read_compact, remove};
use super::inspect::verify_file;
use super::{Error, Ledger, epoch, mark, parcel};
use crate::clock::Stopwatch;
use crate::domain::at::At;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub path: PathBuf,
    pub at: At,
    pub bytes: u64,
    pub sha256: String,
    pub millis: u64,
}

/// How an app's backups go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When the newest that is kept was made.
    pub last: Option<At>,
    /// What this process made last.
    pub made: Option<Made>,
    pub failures: u64,
    /// Why the last attempt failed, where it did.
    pub trouble: Option<String>,
}

/// One app's backups.
pub struct Backups {
    place: Place,
    folder: PathBuf,
    keep: usize,
    /// For whom they are encrypted.
    recipient: Option<String>,
    /// One is made at a time.
    turn: Mutex<()>,
    standing: Mutex<Standing>,
}

/// What must be free on the disk for a backup of so large a database. What is encrypted is written twice.
pub fn needed(size: u64, is_encrypted: bool) -> u64 {
    FLOOR + size * if is_encrypted { 2 } else { 1 }
}

impl Backups {
    pub fn new(data: &Path, app: &str, keep: usize, recipient: Option<String>) -> Backups {
        let place = Place { folder: data.to_owned(), app: app.to_owned() };
        let folder = place.backups();
        let last = kept(&folder, app).last().map(|(at, _)| *at);
        let standing = Mutex::new(Standing { last, ..Standing::default() });
        Backups { place, folder, keep, recipient, turn: Mutex::new(()), standing }
    }

    pub fn standing(&self) -> Standing {
        self.standing_mut().clone()
    }
    fn standing_mut(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().expect("no panic holds this lock")
    }

    /// Makes one, verifies it, and drops those that are too many.
    pub fn make(&self, ledger: &Ledger) -> Result<Made, Error> {
        // Whoever panicked in a turn left nothing but a part that the next one removes.
        let _turn = self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let app = &self.place.app;
        match self.write(ledger) {
            Ok(made) => {
                tracing::info!(app, bytes = made.bytes, millis = made.millis, "a backup was made and verified");
                let mut standing = self.standing_mut();
                (standing.last, standing.trouble) = (Some(made.at), None);
                standing.made = Some(made.clone());
                Ok(made)
            }
            Err(error) => {
                tracing::error!(app, %error, "no backup was made");
                let mut standing = self.standing_mut();
                standing.failures += 1;
                standing.trouble = Some(error.to_string());
                Err(error)
            }
        }
    }

    fn write(&self, ledger: &Ledger) -> Result<Made, Error> {
        let watch = Stopwatch::start();
        let folder = &self.folder;
        make_folder(folder)?;
        let part = folder.join(format!(".{}.part", self.place.app));
        let sealed = parcel::added(&part, ".age");
        for left in [&part, &sealed] {
            remove(left)?;
        }
        let size = std::fs::metadata(self.place.database()).map_or(0, |file| file.len());
        if free(folder)? < needed(size, self.recipient.is_some()) {
            return Err(Error::NoRoom { path: folder.display().to_string() });
        }
        let now = self.copy(ledger, &part)?;
        if let Some(fault) = verify_file(&part)?.faults.into_iter().next() {
            return Err(Error::Unsound(format!("the copy is not sound: {fault}")));
        }
        let whole = match &self.recipient {
            Some(recipient) => {
                parcel::encrypt(&part, &sealed, recipient)?;
                remove(&part)?;
                sealed
            }
            None => part,
        };
        let (bytes, sha256) = parcel::sum(&whole)?;
        let (path, at) = self.free_name(now);
        parcel::put(&whole, &path, &sha256)?;
        self.drop_old()?;
        Ok(Made { path, at, bytes, sha256, millis: watch.micros() / 1000 })
    }

    /// Copies the state after the last commit, and says of when it is.
    fn copy(&self, ledger: &Ledger, part: &Path) -> Result<At, Error> {
        let snapshot = ledger.snapshot();
        let now = ledger.clock.now();
        let mark = mark::read(&*snapshot)?;
        let reached = Reached { epoch: epoch::read(&*snapshot)?.map_or(0, |epoch| epoch.number), seq: mark.seq };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let label = Label { app: self.place.app.clone(), version, at: now, seq: mark.seq };
        let drawn = || draws::since(&self.place.draws(), reached);
        copy::write(snapshot.transaction(), &label, drawn, part)?;
        Ok(now)
    }

    fn free_name(&self, now: At) -> (PathBuf, At) {
        let ending = if self.recipient.is_some() { "redb.age" } else { "redb" };
        let name = |at: At| self.folder.join(format!("{}-{}.{ending}", self.place.app, compact(at)));
        parcel::free_name(now, name)
    }

    fn drop_old(&self) -> Result<(), Error> {
        let all = kept(&self.folder, &self.place.app);
        for (_, path) in &all[..all.len().saturating_sub(self.keep)] {
            remove(path)?;
            remove(&parcel::sum_path(path))?;
        }
        Ok(())
    }
}

/// The backups of an app in a folder, the oldest first.
fn kept(folder: &Path, app: &str) -> Vec<(At, PathBuf)> {
    let made = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".redb").or(name.strip_suffix(".redb.age"))?;
        read_compact(name.strip_prefix(app)?.strip_prefix('-')?)
    };
    let all = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<(At, PathBuf)> = all.filter_map(|path| Some((made(&path)?, path))).collect();
    all.sort();
    all
}
