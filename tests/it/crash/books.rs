//! What a ledger holds, and whether a disk after a power cut holds a beginning of it.

use super::campaign::{NOON, adopt, my_code};
use super::story::Promise;
use crate::support::disk::{Disk, Image, Tape};
use redb::Database;
use referd::clock::ManualClock;
use referd::domain::code::{Code, CodeText};
use referd::domain::decide::{Put, Reply, Seen};
use referd::domain::id::Person;
use referd::entropy::SeededEntropy;
use referd::ledger::journal::{self, Subject};
use referd::ledger::rows::{claim_key, code_key, seen_key};
use referd::ledger::store::{Pair, Store};
use referd::ledger::table::Tab;
use referd::ledger::{Home, Ledger, Snapshot, verify};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The journal with what stands beside it.
pub struct Books {
    journal: Vec<Pair>,
    inbox: Vec<Pair>,
    people: Vec<Pair>,
    /// The entry that first names a person.
    named: BTreeMap<Vec<u8>, u64>,
    /// The entry that gave a code away, and to whom.
    given: BTreeMap<CodeText, (u64, Person)>,
    /// The kinds of commands that were taken.
    pub kinds: BTreeSet<&'static str>,
}

/// What a disk must hold at least.
pub struct Expected<'a> {
    pub books: &'a Books,
    /// Entries that were certain.
    pub seq: u64,
    pub promises: &'a [&'a Promise],
}

/// A ledger that was opened again, took a command, and was closed.
pub struct Reopened {
    /// The entries that were found.
    pub found: u64,
    pub books: Books,
    pub tape: Tape,
    /// Places on the tape: the start was done, the command was answered.
    pub started: usize,
    pub answered: usize,
}

fn all(snapshot: &Snapshot, tab: Tab) -> Result<Vec<Pair>, String> {
    snapshot.prefix(tab, &[], usize::MAX).map_err(|error| error.to_string())
}

impl Books {
    pub fn read(ledger: &Ledger) -> Result<Books, String> {
        let snapshot = ledger.snapshot();
        let mut books = Books {
            journal: all(&snapshot, Tab::Journal)?,
            inbox: all(&snapshot, Tab::Inbox)?,
            people: all(&snapshot, Tab::People)?,
            named: BTreeMap::new(),
            given: BTreeMap::new(),
            kinds: BTreeSet::new(),
        };
        for seq in 1..=books.len() {
            let entry = journal::entry(&*snapshot, seq).map_err(|error| error.to_string())?;
            let entry = entry.ok_or_else(|| format!("no entry {seq}"))?;
            books.kinds.insert(entry.command.kind());
            for subject in entry.subjects() {
                if let Subject::Person(person) = subject {
                    books.named.entry(person.as_bytes().to_vec()).or_insert(seq);
                }
            }
            for put in entry.puts {
                let Put::Code(code) = put else { continue };
                let (_, to) = *books.given.entry(code.text).or_insert((seq, code.assigned_to));
                if to != code.assigned_to {
                    return Err(format!("entry {seq} gives a code to a second person"));
                }
            }
        }
        Ok(books)
    }

    pub fn len(&self) -> u64 {
        self.journal.len() as u64
    }

    /// Whether the other books are the first entries of these; how many.
    fn begin_with(&self, other: &Snapshot) -> Result<u64, String> {
        let journal = all(other, Tab::Journal)?;
        let found = journal.len() as u64;
        if let Some(at) = journal.iter().enumerate().position(|(at, entry)| self.journal.get(at) != Some(entry)) {
            return Err(format!("entry {} differs", at + 1));
        }
        let until = |seq: Option<u64>| seq.is_some_and(|seq| seq <= found);
        let inbox = self.inbox.iter().filter(|(key, _)| until(key.get(8..).and_then(journal::seq_of)));
        if !all(other, Tab::Inbox)?.iter().eq(inbox) {
            return Err("the inbox differs".into());
        }
        let people = self.people.iter().filter(|(key, _)| until(self.named.get(key).copied()));
        if !all(other, Tab::People)?.iter().eq(people) {
            return Err("the people differ".into());
        }
        if !all(other, Tab::Quarantine)?.is_empty() {
            return Err("a command is in quarantine".into());
        }
        Ok(found)
    }
}

fn is_kept(promise: &Promise, in_: &Snapshot) -> Result<bool, String> {
    let kept = match promise {
        Promise::Assigned(text, to) => {
            in_.row::<Code>(&code_key(text)).map(|code| code.is_some_and(|code| code.assigned_to == *to))
        }
        Promise::Claimed(campaign, referee) => {
            in_.get(Tab::Claim, &claim_key(campaign, *referee)).map(|row| row.is_some())
        }
        Promise::Seen(source, event) => in_.row::<Seen>(&seen_key(*source, event)).map(|seen| seen.is_some()),
    };
    kept.map_err(|error| error.to_string())
}

/// Opens what a disk holds, as the next start of the process would, and says what is wrong with it.
pub fn reopen(image: Image, expected: &Expected<'_>) -> Result<Reopened, String> {
    let disk = Disk::over(image);
    let db = Database::builder().create_with_backend(disk.clone()).map_err(|error| format!("open: {error}"))?;
    // Other entropy than before: the key of names must come from the file.
    let (clock, entropy) = (Arc::new(ManualClock::at(NOON)), SeededEntropy::new(u64::MAX));
    let ledger = Ledger::start(db, clock, &entropy, Home::none(Box::new(|| Ok(()))))
        .map_err(|error| format!("start: {error}"))?;
    let started = disk.place();

    let snapshot = ledger.snapshot();
    let found = expected.books.begin_with(&snapshot)?;
    if found < expected.seq {
        return Err(format!("{found} entries, and {} were acknowledged", expected.seq));
    }
    if *ledger.changed().borrow() != found {
        return Err("the mark is not the journal's end".into());
    }
    for promise in expected.promises {
        if !is_kept(promise, &snapshot)? {
            return Err(format!("not kept: {promise:?}"));
        }
    }
    let report = verify::verify(&snapshot).map_err(|error| format!("verify: {error}"))?;
    if !report.faults.is_empty() || report.entries != found {
        return Err(format!("verify: {report:?}"));
    }
    drop(snapshot);

    let next = if found == 0 { adopt() } else { my_code(&ledger, &format!("newcomer-{found}")) };
    let reply = ledger.submit_blocking(next).map_err(|fail| format!("the next command: {fail}"))?;
    let answered = disk.place();
    if let Reply::Code { code, .. } = &reply
        && expected.books.given.get(&code.text).is_some_and(|(seq, _)| *seq <= found)
    {
        return Err("the next command was given a code that somebody has".into());
    }
    let books = Books::read(&ledger)?;
    if books.len() != found + 1 {
        return Err(format!("{} entries after the next command, of {found} before", books.len()));
    }
    drop(ledger);
    let closed = Disk::over(disk.now());
    let mut db = Database::builder().create_with_backend(closed).map_err(|error| format!("open again: {error}"))?;
    match db.check_integrity() {
        Ok(true) => Ok(Reopened { found, books, tape: disk.take_tape(), started, answered }),
        Ok(false) => Err("check_integrity had to repair".into()),
        Err(error) => Err(format!("check_integrity: {error}")),
    }
}
