//! What other rules would have made of what happened: the journal's commands are decided again under them, in a store
//! of its own. Nothing leaves the house, and nothing of it is kept.

use super::Error;
use super::journal::{self, Entry};
use super::load::{case, circle};
use super::record::decode;
use super::rows::Row;
use super::step::Tables;
use super::store::{Pair, Snapshot, Store};
use super::table::Tab;
use super::writer::{self, decide};
use crate::domain::at::At;
use crate::domain::case::Changes;
use crate::domain::completion::Completion;
use crate::domain::decide::pool::Adopt;
use crate::domain::decide::{By, Command, Decision, Put, Reply, Stamp};
use crate::domain::due::Due;
use crate::domain::id::Id;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::policy::Policy;
use crate::domain::referrer::Referrer;
use crate::domain::simulation::{Change, Simulation};
use redb::Database;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;

/// Entries in one transaction.
const STEP: usize = 500;

/// What would stand now if these had been the rules since then. Codes and stocks are as they were.
pub fn simulate(snapshot: &Snapshot, policies: &[Policy], since: At, now: At) -> Result<Simulation, Error> {
    let db = Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())?;
    let rules = Mutex::new(None);
    let (mut after, mut seq, mut is_adopted) = (0, 0, false);
    let mut simulation = Simulation::default();
    let mut rows = page(snapshot, after)?;
    loop {
        let txn = writer::begin(&db)?;
        let is_last = rows.is_empty();
        {
            let mut again =
                Again { tables: Tables::open(&txn, snapshot.shared_names(), &rules)?, found: &mut simulation };
            for (key, bytes) in &rows {
                seq = journal::seq_of(key).ok_or(Error::Broken("a journal key that is no number"))?;
                let entry: Entry = decode(bytes, Tab::Journal.name())?;
                if entry.at < since {
                    again.tables.replay(seq, &entry)?;
                    continue;
                }
                if !is_adopted {
                    again.adopt(policies, Stamp { seq, at: since })?;
                    is_adopted = true;
                }
                again.fire(seq, entry.at)?;
                again.take(seq, entry)?;
            }
            if is_last && is_adopted {
                again.fire(seq, now)?;
            }
            if is_last {
                again.compare(snapshot)?;
            }
            again.tables.finish()?;
        }
        txn.commit()?;
        if is_last {
            return Ok(simulation);
        }
        after = seq;
        rows = page(snapshot, after)?;
    }
}

fn page(snapshot: &Snapshot, after: u64) -> Result<Vec<Pair>, Error> {
    snapshot.range(Tab::Journal, Bound::Excluded(&after.to_be_bytes()), Bound::Unbounded, STEP)
}

struct Again<'txn, 'a> {
    tables: Tables<'txn>,
    found: &'a mut Simulation,
}

impl Again<'_, '_> {
    fn adopt(&mut self, policies: &[Policy], stamp: Stamp) -> Result<(), Error> {
        for policy in policies {
            let known = self.tables.rules_of(&policy.campaign)?;
            let pool = known.map_or(policy.pool.clone(), |rules| rules.policy.pool.clone());
            let policy = Policy { pool, ..policy.clone() };
            self.decide(Command::Adopt(Adopt { policy }), stamp)?;
        }
        Ok(())
    }

    /// Everything whose time comes before that.
    fn fire(&mut self, seq: u64, until: At) -> Result<(), Error> {
        loop {
            let first = self.tables.range(Tab::Due, Bound::Unbounded, Bound::Unbounded, 1)?;
            let Some((_, bytes)) = first.first() else { return Ok(()) };
            let due: Due = decode(bytes, Tab::Due.name())?;
            if due.at > until {
                return Ok(());
            }
            let at = due.at;
            self.decide(Command::Fire(due), Stamp { seq, at })?;
        }
    }

    fn take(&mut self, seq: u64, entry: Entry) -> Result<(), Error> {
        let stamp = Stamp { seq, at: entry.at };
        match entry.command {
            Command::MyCode(_)
            | Command::Issue(_)
            | Command::Claim(_)
            | Command::Report(_)
            | Command::Show(_)
            | Command::NameUser(_)
            | Command::Review(_)
            | Command::BringCode(_)
            | Command::BringCompletion(_)
            | Command::MakePartner(_)
            | Command::ChangePartner(_)
            | Command::ErasePartner(_)
            | Command::AddCoupon(_)
            | Command::EndCoupon(_) => {
                self.found.commands += 1;
                self.decide(entry.command, stamp)
            }
            // What is due is due here by itself, and the rules are these.
            Command::Fire(_) | Command::Adopt(_) => Ok(()),
            // Money is paid to partners as it was, who left is won back and Apple's questions are answered as they were.
            Command::Judge(_)
            | Command::Draft(_)
            | Command::Advance(_)
            | Command::AskPayout(_)
            | Command::AskReports(_)
            | Command::Clear(_)
            | Command::Watch(_)
            | Command::SignOffer(_)
            | Command::AdoptWebhooks(_)
            | Command::EnableWebhook(_)
            | Command::TestWebhooks(_)
            | Command::EraseUser(_)
            | Command::AdoptRefunds(_)
            | Command::SayConsent(_)
            | Command::SayUsage(_)
            | Command::GiveCode(_) => Ok(()),
            // Who has which code is as it was.
            Command::Return(_) | Command::Withhold(_) => self.write(entry, seq),
            Command::Refill(_)
            | Command::Import(_)
            | Command::Begin(_)
            | Command::Settle(_)
            | Command::Recover(_)
            | Command::Retry(_)
            | Command::Discard(_)
            | Command::CatchUp(_)
            | Command::AskTest(_) => {
                let mut puts = self.heard_of_device(&entry)?;
                puts.extend(entry.puts.into_iter().filter(is_stock));
                self.write(Entry { puts, ..entry }, seq)
            }
        }
    }

    /// What Apple said of a device is as it was.
    fn heard_of_device(&mut self, entry: &Entry) -> Result<Vec<Put>, Error> {
        let asked = entry.puts.iter().find_map(|put| match put {
            Put::Claim(claim) => claim.device.as_ref().map(|_| (&claim.campaign, claim.referee)),
            _ => None,
        });
        let (Some((campaign, referee)), Command::Settle(settle)) = (asked, &entry.command) else {
            return Ok(Vec::new());
        };
        let bits = match settle.outcome {
            Outcome::Done(Answer::Device { bit0, bit1 }) => Some((bit0, bit1)),
            _ => None,
        };
        let (mut case, mut changes) = (case(&self.tables, circle(&self.tables, referee)?)?, Changes::default());
        case.answer_device(campaign, referee, bits, entry.at, &mut changes);
        let mut decision = Decision::same(Reply::Nothing);
        decision.take(changes);
        Ok(decision.puts)
    }

    /// What follows, but for what would leave the house.
    fn decide(&mut self, command: Command, stamp: Stamp) -> Result<(), Error> {
        match decide(&self.tables, &command, stamp)? {
            Ok(Ok(decision)) => {
                self.write(Entry { at: stamp.at, by: By::House, command, puts: decision.puts }, stamp.seq)
            }
            Ok(Err(_)) | Err(_) => {
                self.found.refused += 1;
                Ok(())
            }
        }
    }

    fn write(&mut self, entry: Entry, seq: u64) -> Result<(), Error> {
        self.tables.replay(seq, &entry)
    }

    fn compare(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut all: BTreeMap<Id, Change> = BTreeMap::new();
        let nothing = || Change { was: None, would: None };
        for row in rows::<Completion>(snapshot)? {
            let id = row.id;
            all.entry(id).or_insert_with(nothing).was = Some(row);
        }
        for row in rows::<Completion>(&self.tables)? {
            let id = row.id;
            all.entry(id).or_insert_with(nothing).would = Some(row);
        }
        self.found.changes = all.into_values().filter(Change::is_one).collect();
        let earned = |rows: Vec<Referrer>| rows.iter().map(|row| u64::from(row.days)).sum();
        self.found.days = (earned(rows(snapshot)?), earned(rows(&self.tables)?));
        Ok(())
    }
}

fn rows<R: Row>(store: &impl Store) -> Result<Vec<R>, Error> {
    let all = store.prefix(R::TAB, &[], usize::MAX)?;
    all.iter().map(|(_, bytes)| decode(bytes, R::TAB.name())).collect()
}

/// Codes come as they came.
fn is_stock(put: &Put) -> bool {
    matches!(put, Put::Pool(_) | Put::Batch(_) | Put::Chunk(_) | Put::Due(_) | Put::Hearing(_))
}
