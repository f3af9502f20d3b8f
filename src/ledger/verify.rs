//! The books checked against themselves: the journal is replayed into an empty store, and every table
//! must come out byte for byte as it stands.

pub(super) mod draws;
pub(super) mod money;

use super::error::Error;
use super::journal::{self, Entry};
use super::names::Names;
use super::rows::redemption_key;
use super::step::Tables;
use super::store::{Snapshot, Store};
use super::table::{Role, Tab};
use super::writer;
use crate::domain::completion::{Completion, CompletionState};
use crate::domain::redemption::Redemption;
use crate::domain::subscription::Subscription;
use redb::{Database, ReadableDatabase};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

/// What was looked at, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub entries: u64,
    pub rows: u64,
    pub faults: Vec<String>,
}

/// Entries replayed in one transaction.
const STEP: usize = 1000;
/// Faults that are named one by one.
const NAMED: usize = 20;

pub fn verify(snapshot: &Snapshot) -> Result<Report, Error> {
    let mut report = Report::default();
    let db = Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())?;
    let names = Arc::new(Names::new([0; 32]));
    let nothing = Mutex::new(None);
    // Books without an entry have their tables too.
    let txn = writer::begin(&db)?;
    drop(Tables::open(&txn, names.clone(), &nothing)?);
    txn.commit()?;
    let mut after = 0;
    loop {
        let from = after.to_owned() + 1;
        let rows = snapshot.range(Tab::Journal, Bound::Included(&u64::to_be_bytes(from)), Bound::Unbounded, STEP)?;
        let Some((last, _)) = rows.last() else { break };
        after = journal::seq_of(last).ok_or(Error::Broken("a journal key that is no number"))?;
        let txn = writer::begin(&db)?;
        {
            let mut tables = Tables::open(&txn, names.clone(), &nothing)?;
            for (key, bytes) in &rows {
                let seq = journal::seq_of(key).ok_or(Error::Broken("a journal key that is no number"))?;
                report.entries += 1;
                if seq != report.entries {
                    let what = format!("the journal jumps to {seq} where {} was expected", report.entries);
                    fault(&mut report, what);
                    report.entries = seq;
                }
                let entry: Entry = super::record::decode(bytes, Tab::Journal.name())?;
                tables.replay(seq, &entry)?;
            }
            tables.finish()?;
        }
        txn.commit()?;
    }
    let replayed = Snapshot::new(db.begin_read()?, names);
    for tab in Tab::ALL.iter().filter(|tab| tab.role() != Role::Beside) {
        compare(&mut report, *tab, snapshot, &replayed)?;
    }
    invariants(&mut report, snapshot)?;
    Ok(report)
}

pub(super) fn fault(report: &mut Report, what: String) {
    if report.faults.len() < NAMED {
        report.faults.push(what);
    }
}

/// Both sides in key order, page by page.
fn compare(report: &mut Report, tab: Tab, kept: &Snapshot, replayed: &Snapshot) -> Result<(), Error> {
    let mut from: Option<Vec<u8>> = None;
    loop {
        let bound = || from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let here = kept.range(tab, bound(), Bound::Unbounded, STEP)?;
        let there = replayed.range(tab, bound(), Bound::Unbounded, STEP)?;
        report.rows += here.len() as u64;
        if here != there {
            let at = here.iter().zip(&there).position(|(a, b)| a != b).unwrap_or(here.len().min(there.len()));
            fault(report, format!("{}: a row differs from its journal ({} of this page agree)", tab.name(), at));
            return Ok(());
        }
        match here.into_iter().next_back() {
            Some((key, _)) => from = Some(key),
            None => return Ok(()),
        }
    }
}

/// What must hold whatever happened.
fn invariants(report: &mut Report, store: &Snapshot) -> Result<(), Error> {
    let mut of_transaction: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut of_referee: BTreeMap<(String, [u8; 16]), u32> = BTreeMap::new();
    for (_, bytes) in store.prefix(Tab::Completion, &[], usize::MAX)? {
        let row: Completion = super::record::decode(&bytes, Tab::Completion.name())?;
        if matches!(row.state, CompletionState::Rejected { .. }) {
            continue;
        }
        *of_referee.entry((row.campaign.clone(), row.referee.0)).or_default() += 1;
        if let Some(transaction) = row.original_transaction_id {
            *of_transaction.entry((row.campaign, transaction)).or_default() += 1;
        }
    }
    redemptions(report, store)?;
    money::check(report, store)?;
    if of_referee.values().any(|n| *n > 1) {
        fault(report, "a referee completed twice in a campaign".to_owned());
    }
    if of_transaction.values().any(|n| *n > 1) {
        fault(report, "a transaction completed twice in a campaign".to_owned());
    }
    Ok(())
}

/// Each redemption is of its subscription's owner, and both know of each other.
fn redemptions(report: &mut Report, store: &Snapshot) -> Result<(), Error> {
    let (mut known, mut found) = (0, 0);
    for (_, bytes) in store.prefix(Tab::Subscription, &[], usize::MAX)? {
        let row: Subscription = super::record::decode(&bytes, Tab::Subscription.name())?;
        known += row.offers.len();
        for offer in &row.offers {
            let id = Redemption::id(&row.original_transaction_id, offer);
            let redemption: Option<Redemption> = store.row(&redemption_key(id))?;
            found += usize::from(redemption.is_some_and(|redemption| redemption.user == row.person()));
        }
    }
    if known != found || known != store.prefix(Tab::Redemption, &[], usize::MAX)?.len() {
        fault(report, "a redemption and its subscription do not agree".to_owned());
    }
    Ok(())
}
