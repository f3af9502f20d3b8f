//! A backup put in the place of a database: made ready under another name, told what was handed out since it was made,
//! and then swapped in. The one that was there is kept.

use super::copy::Label;
use super::draws::{self, Log, Reached, Reading, Record, State};
use super::epoch::{self, Beside, Epoch};
use super::error::at;
use super::file::{Home, Place, compact};
use super::names::Names;
use super::step::Tables;
use super::store::{Snapshot, Store};
use super::table::Tab;
use super::{Entry, Error, Fail, Ledger, mark, migrate, parcel, writer};
use crate::clock::Clock;
use crate::domain::at::{At, Span};
use crate::domain::code::Handed;
use crate::domain::decide::erasure::EraseUser;
use crate::domain::decide::partner::ErasePartner;
use crate::domain::decide::restore::{Return, Withhold};
use crate::domain::decide::{By, Command, Refusal};
use crate::domain::entry::{Forgotten, Lasting};
use crate::domain::id::Id;
use crate::domain::pool::Pool;
use crate::entropy::Entropy;
use redb::{Builder, Database};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Codes in one command.
const PIECE: usize = 500;

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Ledger(#[from] Error),
    #[error(transparent)]
    Fail(#[from] Fail),
    #[error("this is a backup of the app {0}")]
    OtherApp(String),
}

/// A database that is ready to take its place.
pub struct Ready {
    place: Place,
    part: PathBuf,
    epoch: Epoch,
    /// Where the books of the backup end.
    seq: u64,
    now: At,
    log: Found,
    /// Of when the books are.
    pub at: At,
    /// Codes of the draw log that the backup did not know.
    pub returned: usize,
    /// How many who were erased since then were erased again.
    pub erased: usize,
    /// Partners who were, too, and cannot be again: they have open payouts in these books.
    pub still_named: Vec<Id>,
    /// What the log was worth.
    pub state: Option<State>,
    /// Campaign, and how many of its next codes are not given to anybody.
    pub withheld: Vec<(String, u32)>,
}

/// The draw log beside the database that is replaced.
struct Found {
    reading: Option<Reading>,
    /// Nobody opens it meanwhile.
    _lock: File,
}

impl Ready {
    /// The file, for a last look before it is swapped in.
    pub fn file(&self) -> &Path {
        &self.part
    }

    /// Copies a backup beside the database and makes it ready. Nothing that is there is changed.
    pub fn make(
        data: &Path,
        app: &str,
        backup: &mut File,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Ready, RestoreError> {
        let place = Place { folder: data.to_owned(), app: app.to_owned() };
        let log = Found::take(&place)?;
        let part = place.restoring();
        let mut copy = parcel::private(&part)?;
        std::io::copy(backup, &mut copy).and_then(|_| copy.sync_all()).map_err(at(&part))?;
        drop(copy);
        let db = Builder::new().open(&part).map_err(Error::from)?;
        migrate::bring_up(&db, None, clock.now())?;
        let snapshot = Snapshot::nameless(&db)?;
        let label = Label::read(&snapshot)?;
        if let Some(other) = label.as_ref().filter(|label| label.app != app) {
            return Err(RestoreError::OtherApp(other.app.clone()));
        }
        let beside = Beside::read(&place).unwrap_or(None);
        let mark = mark::read(&snapshot)?;
        let own = epoch::read(&snapshot)?.unwrap_or_else(|| Epoch::first(entropy));
        let reached = log.reading.as_ref().map(|reading| reading.reached().epoch);
        let last = [Some(own.number), beside.map(|beside| beside.epoch.number), reached];
        let epoch = Epoch { number: last.into_iter().flatten().max().unwrap_or(0) + 1, ..own };
        let tail = Label::draws(&snapshot)?;
        drop(snapshot);
        unlabel(&db, epoch)?;

        let mut ready = Ready {
            place,
            part,
            epoch,
            seq: mark.seq,
            now: clock.now(),
            at: label.map_or(mark.at, |label| label.at),
            returned: 0,
            erased: 0,
            still_named: Vec::new(),
            state: log.reading.as_ref().map(|reading| reading.state),
            withheld: Vec::new(),
            log,
        };
        let ledger = Ledger::start(db, clock, entropy, Home::none(Box::new(|| Ok(()))))?;
        ready.give_back(&ledger, &tail)?;
        ready.withhold(&ledger)?;
        ready.forget(&ledger, Reached { epoch: own.number, seq: mark.seq }, &tail)?;
        ledger.close();
        Ok(ready)
    }

    fn submit(&self, ledger: &Ledger, command: Command) -> Result<(), Fail> {
        let reason = format!("restored from a backup of {}", compact(self.at));
        let by = By::Admin { token: "command line".to_owned(), reason: Some(reason) };
        ledger.submit_blocking(Entry::new(command, by)).map(|_| ())
    }

    /// What the log knows and the books do not.
    fn give_back(&mut self, ledger: &Ledger, tail: &[Record]) -> Result<(), RestoreError> {
        let store = ledger.snapshot();
        let mut unknown: Vec<Handed> = Vec::new();
        let known = self.log.reading.iter().flat_map(Reading::codes).cloned();
        for code in known.chain(tail.iter().flat_map(|record| record.lasting.codes.clone())) {
            if super::load::code(&*store, &code.text)?.is_none() {
                unknown.push(code);
            }
        }
        unknown.sort_by(|a, b| a.text.cmp(&b.text));
        unknown.dedup_by(|a, b| a.text == b.text);
        self.returned = unknown.len();
        for codes in unknown.chunks(PIECE) {
            self.submit(ledger, Command::Return(Return { codes: codes.to_vec() }))?;
        }
        Ok(())
    }

    /// Who was forgotten since then is forgotten again.
    fn forget(&mut self, ledger: &Ledger, books: Reached, tail: &[Record]) -> Result<(), RestoreError> {
        let records = self.log.reading.iter().flat_map(|reading| &reading.records).chain(tail);
        let since = records.filter(|record| record.reached > books);
        let forgotten: BTreeSet<Forgotten> = since.flat_map(|record| record.lasting.forgotten.clone()).collect();
        for who in forgotten {
            let command = match who {
                Forgotten::User(person) => Command::EraseUser(EraseUser { person }),
                Forgotten::Partner(partner) => Command::ErasePartner(ErasePartner { partner }),
            };
            let before = *ledger.changed().borrow();
            match (self.submit(ledger, command), who) {
                (Ok(()), _) => self.erased += usize::from(*ledger.changed().borrow() > before),
                // These books do not know them yet.
                (Err(Fail::Refused(Refusal::UnknownUser | Refusal::UnknownPartner)), _) => {}
                (Err(Fail::Refused(Refusal::WrongState)), Forgotten::Partner(partner)) => {
                    self.still_named.push(partner)
                }
                (Err(fail), _) => return Err(fail.into()),
            }
        }
        Ok(())
    }

    /// Where the log does not tell all, the next codes of each stock may be somebody's.
    fn withhold(&mut self, ledger: &Ledger) -> Result<(), RestoreError> {
        let age = match self.state {
            Some(State::Whole) => return Ok(()),
            // One commit is missing at most.
            Some(State::Torn) => Span::ZERO,
            Some(State::Damaged) | None => self.now.apart(self.at),
        };
        let pools = ledger.snapshot().prefix(Tab::Pool, &[], usize::MAX)?;
        for (_, bytes) in pools {
            let pool: Pool = super::record::decode(&bytes, Tab::Pool.name())?;
            let doubtful = pool.doubtful(age);
            let mut left = doubtful;
            while left > 0 {
                let count = left.min(PIECE as u32);
                let campaign = pool.campaign.clone();
                self.submit(ledger, Command::Withhold(Withhold { campaign, count }))?;
                left -= count;
            }
            self.withheld.push((pool.campaign, doubtful));
        }
        Ok(())
    }

    /// Swaps it in, and says where the old database is kept. A crash in between is put right by another restore.
    pub fn swap(self) -> Result<Option<PathBuf>, Error> {
        let Ready { place, part, epoch, seq, now, log, .. } = self;
        let is_own = log
            .reading
            .as_ref()
            .is_some_and(|reading| reading.instance == Some(epoch.instance) && reading.state != State::Damaged);
        let draws = place.draws();
        if log.reading.is_some() && !is_own {
            std::fs::rename(&draws, place.before(&draws, now)).map_err(at(&draws))?;
        }
        drop(log);
        let db = Builder::new().open(&part)?;
        let snapshot = Snapshot::nameless(&db)?;
        let mark = mark::read(&snapshot)?;
        let mut log = Log::open(&draws, epoch.instance)?;
        log.follow(&snapshot, if is_own { seq } else { 0 }, epoch.number)?;
        let reached = Reached { epoch: epoch.number, seq: mark.seq };
        log.append(&Record { reached, at: mark.at, lasting: Lasting::default() })?;
        drop(snapshot);
        db.close()?;

        let path = place.database();
        let kept = match path.exists() {
            true => {
                let kept = place.before(&path, now);
                std::fs::hard_link(&path, &kept).map_err(at(&kept))?;
                Some(kept)
            }
            false => None,
        };
        std::fs::rename(&part, &path).map_err(at(&path))?;
        parcel::sync_folder(&path)?;
        Beside::new(epoch, mark.seq, &place)?.write(&place)?;
        Ok(kept)
    }
}

impl Found {
    /// Takes the log of a ledger that nobody has open. Its database may be gone, or broken.
    fn take(place: &Place) -> Result<Found, Error> {
        let (path, database) = (place.draws(), place.database());
        let is_there = path.exists();
        let lock = draws::lock(&path)?;
        if database.exists() {
            let file = File::open(&database).map_err(at(&database))?;
            if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock_shared() {
                return Err(Error::InUse { path: database.display().to_string() });
            }
        }
        let is_there = is_there && lock.metadata().map_err(at(&path))?.len() > 0;
        let reading = if is_there { Some(draws::read(&path)?) } else { None };
        Ok(Found { reading, _lock: lock })
    }
}

/// Makes a ledger of a backup.
fn unlabel(db: &Database, epoch: Epoch) -> Result<(), Error> {
    let (nothing, names) = (Mutex::new(None), Arc::new(Names::new([0; 32])));
    let txn = writer::begin(db)?;
    {
        let mut tables = Tables::open(&txn, names, &nothing)?;
        tables.remove(Tab::Meta, Label::KEY)?;
        tables.remove(Tab::Meta, Label::DRAWS)?;
        epoch::write(&mut tables, epoch)?;
    }
    txn.commit()?;
    Ok(())
}
