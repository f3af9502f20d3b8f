//! What is kept: one file for each app, one writer, snapshots to read from, the journal that all else
//! follows from. Synchronous; the only room that knows the database.

mod about;
pub mod backup;
pub mod bring;
mod copy;
mod drawer;
pub mod draws;
mod epoch;
mod erase;
mod error;
mod file;
mod follow;
pub mod inbox;
pub mod inspect;
pub mod intake;
pub mod journal;
pub mod key;
pub mod list;
mod load;
mod look;
mod mark;
mod migrate;
pub mod names;
pub mod parcel;
pub mod people;
mod record;
pub mod restore;
pub mod rows;
pub mod simulate;
mod step;
pub mod store;
pub mod table;
mod tell;
#[cfg(test)]
mod tests;
pub mod verify;
mod writer;

pub use drawer::Drawer;
pub use error::{Error, Fail};
pub use file::{Disk, Home, open_file, room};
pub use load::{balances, candidate, circle, code, of_partner, referrer, rows_of as of_person, standing_of};
pub use mark::Mark;
pub use migrate::SCHEMA;
pub use store::{Snapshot, Store};
pub use tell::webhooks;
pub use writer::{Envelope, Pulse};

use crate::clock::Clock;
use crate::domain::decide::evidence::Show;
use crate::domain::decide::{By, Command, Reply, Seen};
use crate::domain::id::{Id, Person, UserId};
use crate::domain::partner::Contact;
use crate::entropy::Entropy;
use arc_swap::ArcSwap;
use copy::Label;
use draws::{Draws, Log};
use epoch::{Beside, Epoch};
use file::Place;
use names::Names;
use redb::{Database, ReadableDatabase};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use step::Tables;
use table::Tab;
use tokio::sync::{oneshot, watch};
use writer::{Ask, Writer};

/// Commands that may wait; more are told to come back.
const QUEUE: usize = 4096;

/// A handle to one app's ledger. Cheap to share; the writer ends when it is closed.
pub struct Ledger {
    asks: Mutex<Option<SyncSender<Ask>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    view: Arc<ArcSwap<Snapshot>>,
    names: Arc<Names>,
    changed: watch::Receiver<u64>,
    failed: watch::Receiver<bool>,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
    db: Arc<Database>,
    /// What stands beside the database, and where.
    beside: Option<(Place, Beside)>,
    /// Lists are taken in one after another: each must see the codes of the one before.
    intake: tokio::sync::Mutex<()>,
}

/// What erasure may take away of a partner.
#[derive(Clone)]
pub enum Aside {
    /// Of the partner that the decision puts.
    Contact(Contact),
    /// Where a payout can be collected.
    Link(Id, String),
}

/// A command with who asked and what stays beside the books.
pub struct Entry {
    pub command: Command,
    pub by: By,
    pub people: Vec<UserId>,
    /// The `appAccountToken` that the app gave for the first of them.
    pub token: Option<String>,
    pub aside: Option<Aside>,
    pub raw: Option<Vec<u8>>,
}

impl Entry {
    pub fn new(command: Command, by: By) -> Entry {
        Entry { command, by, people: Vec::new(), token: None, aside: None, raw: None }
    }
    pub fn token(mut self, token: Option<String>) -> Entry {
        self.token = token;
        self
    }
    pub fn aside(mut self, aside: Option<Aside>) -> Entry {
        self.aside = aside;
        self
    }
    pub fn naming(mut self, people: impl IntoIterator<Item = UserId>) -> Entry {
        self.people.extend(people);
        self
    }
    pub fn raw(mut self, body: &[u8]) -> Entry {
        self.raw = Some(body.to_vec());
        self
    }
}

impl Ledger {
    /// Starts the writer over an open database.
    pub fn start(db: Database, clock: Arc<dyn Clock>, entropy: &dyn Entropy, home: Home) -> Result<Ledger, Error> {
        let Home { disk, place } = home;
        migrate::bring_up(&db, place.as_ref(), clock.now())?;
        let (names, draws) = prepare(&db, entropy, place.as_ref())?;
        let (draws, beside) = draws.unzip();
        let beside = place.zip(beside);
        let names = Arc::new(names);
        let db = Arc::new(db);
        let snapshot = Snapshot::new(db.begin_read()?, names.clone());
        let mark = mark::read(&snapshot)?;
        let view = Arc::new(ArcSwap::from_pointee(snapshot));
        let (changed_in, changed) = watch::channel(mark.seq);
        let (failed_in, failed) = watch::channel(false);
        let pulse = Arc::new(Pulse::default());
        let writer = Writer {
            db: db.clone(),
            names: names.clone(),
            clock: clock.clone(),
            view: view.clone(),
            changed: changed_in,
            failed: failed_in,
            pulse: pulse.clone(),
            disk,
            unwritable: None,
            draws,
            mark,
            rules: Mutex::new(None),
        };
        let (asks, queue) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| Error::File { path: "the writer's thread".into(), why: error.to_string() })?;
        let (asks, thread) = (Mutex::new(Some(asks)), Mutex::new(Some(thread)));
        let intake = tokio::sync::Mutex::new(());
        Ok(Ledger { asks, thread, view, names, changed, failed, pulse, clock, db, beside, intake })
    }

    /// Decides a command. The answer comes when what follows is on disk.
    pub async fn submit(&self, entry: Entry) -> Result<Reply, Fail> {
        self.send(entry)?.await.unwrap_or(Err(Fail::Unknown))
    }

    /// The same for callers without a runtime.
    pub fn submit_blocking(&self, entry: Entry) -> Result<Reply, Fail> {
        self.send(entry)?.blocking_recv().unwrap_or(Err(Fail::Unknown))
    }

    fn send(&self, entry: Entry) -> Result<oneshot::Receiver<Result<Reply, Fail>>, Fail> {
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Command(Box::new(Envelope { entry, reply })))?;
        Ok(answer)
    }

    /// A durable write with no content.
    pub async fn beat(&self) -> Result<(), Fail> {
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Beat(reply))?;
        answer.await.unwrap_or(Err(Fail::Unknown)).map(|_| ())
    }

    /// The answer to a repeat, from what is durable already: it need not wait for the writer.
    pub fn repeated(&self, command: &Command) -> Result<Option<Reply>, Error> {
        let snapshot = self.snapshot();
        match command {
            Command::MyCode(my_code) => Ok(load::standing(&*snapshot, my_code)?.reply(self.clock.now())),
            Command::Report(report) | Command::Show(Show { report, .. }) => {
                let seen: Option<Seen> = snapshot.row(&rows::seen_key(report.source, &report.event))?;
                Ok(seen.map(|seen| seen.reply(report)))
            }
            _ => Ok(None),
        }
    }

    fn ask(&self, ask: Ask) -> Result<(), Fail> {
        let asks = self.asks.lock().expect("no panic holds this lock");
        match asks.as_ref().map(|asks| asks.try_send(ask)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(Fail::Busy),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(Fail::Closed),
        }
    }

    /// The state after the last commit.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.view.load_full()
    }
    pub fn person(&self, user: &UserId) -> Person {
        self.names.person(user)
    }
    /// Lists are taken in one after another, while this is held.
    pub async fn one_at_a_time(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.intake.lock().await
    }
    /// What only this ledger can say of these bytes.
    pub fn seal(&self, what: &str, bytes: &[u8]) -> [u8; 32] {
        self.names.seal(what, bytes)
    }
    /// Changes with every commit, to the journal's last sequence number.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }
    /// Becomes true when the disk failed: the process must end and start again from the file.
    pub fn failed(&self) -> watch::Receiver<bool> {
        self.failed.clone()
    }
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }
    /// How long ago the last durable write was, in milliseconds.
    pub fn silence(&self) -> i64 {
        self.clock.now().0 - self.pulse.last_commit.load(Ordering::Relaxed) as i64
    }
    /// Bytes that can be written to the disk; unknown where there is none, or it does not say.
    pub fn free(&self) -> Option<u64> {
        self.beside.as_ref().and_then(|(place, _)| file::free(&place.folder).ok())
    }
    pub fn cache_bytes(&self) -> usize {
        self.db.cache_stats().used_bytes()
    }

    /// Ends the writer after what waits is done.
    pub fn close(&self) {
        self.asks.lock().expect("no panic holds this lock").take();
        let thread = self.thread.lock().expect("no panic holds this lock").take();
        let Some(thread) = thread else { return };
        _ = thread.join();
        if let Some((place, beside)) = &self.beside {
            let seq = *self.changed.borrow();
            if let Err(error) = (Beside { seq, ..beside.clone() }).write(place) {
                tracing::warn!(%error, "the end of the books was not noted beside them");
            }
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

/// Makes what a new file lacks, and refuses a backup. On a disk this is where the books' next life
/// begins, and what the draw log lacks is made good.
fn prepare(
    db: &Database,
    entropy: &dyn Entropy,
    place: Option<&Place>,
) -> Result<(Names, Option<(Draws, Beside)>), Error> {
    let txn = writer::begin(db)?;
    let mut key = [0; 32];
    let mut draws = None;
    {
        let nothing = Mutex::new(None);
        let mut tables = Tables::open(&txn, Arc::new(Names::new(key)), &nothing)?;
        match tables.get(Tab::Meta, b"schema")? {
            Some(_) => {
                let kept = tables.get(Tab::Meta, b"key")?.ok_or(Error::Broken("no key of names"))?;
                key = kept[..].try_into().map_err(|_| Error::Broken("no key of names"))?;
            }
            None => {
                entropy.fill(&mut key);
                tables.insert(Tab::Meta, b"schema", &SCHEMA.to_be_bytes())?;
                tables.insert(Tab::Meta, b"key", &key)?;
            }
        }
        // Whoever cannot read the file is told which version can.
        tables.insert(Tab::Meta, b"version", env!("CARGO_PKG_VERSION").as_bytes())?;
        if let Some(label) = Label::read(&tables)? {
            return Err(Error::Backup { at: file::compact(label.at) });
        }
        if let Some(place) = place {
            let mark = mark::read(&tables)?;
            let before = last_epoch(&tables, entropy, place, mark.seq)?;
            let mut log = Log::open(&place.draws(), before.instance)?;
            log.complete(&tables, before.number, mark)?;
            let epoch = before.next();
            epoch::write(&mut tables, epoch)?;
            draws = Some((Draws { log, epoch: epoch.number }, Beside::new(epoch, mark.seq, place)?));
        }
    }
    txn.commit()?;
    // The database is never behind the file beside it, whenever a crash comes.
    if let (Some(place), Some((_, beside))) = (place, &draws) {
        beside.write(place)?;
    }
    Ok((Names::new(key), draws))
}

/// The books' last life, of which the file beside them knows as well.
fn last_epoch(tables: &Tables<'_>, entropy: &dyn Entropy, place: &Place, seq: u64) -> Result<Epoch, Error> {
    let beside = Beside::read(place)?;
    let epoch = match (epoch::read(tables)?, &beside) {
        (Some(known), Some(_)) => known,
        (Some(_), None) => return Err(Error::Stray { path: place.database().display().to_string() }),
        // A first start that did not come to its end.
        (None, Some(beside)) => beside.epoch,
        (None, None) => {
            let first = Epoch::first(entropy);
            Beside::new(first, 0, place)?.write(place)?;
            first
        }
    };
    beside.map_or(Ok(()), |beside| beside.check(epoch, seq, place))?;
    Ok(epoch)
}
