//! The books of what partners are owed: what was moved, what stands in the accounts, and what should.

use super::{Report, fault};
use crate::domain::books::{Account, Line, Movement, is_balanced, totals};
use crate::domain::conversion::{Conversion, ConversionState};
use crate::domain::id::Id;
use crate::domain::money::Currency;
use crate::domain::partner::Partner;
use crate::domain::payout::{Payout, PayoutState};
use crate::domain::sale::Sale;
use crate::ledger::error::Error;
use crate::ledger::load::balances;
use crate::ledger::record::decode;
use crate::ledger::rows::Row;
use crate::ledger::store::{Snapshot, Store};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Rows read at once.
const STEP: usize = 1000;

pub fn check(report: &mut Report, store: &Snapshot) -> Result<(), Error> {
    let mut stands: BTreeMap<(Id, Currency, Account), i64> = BTreeMap::new();
    let mut add = |lines: Vec<Line>| {
        for (key, amount) in totals(lines) {
            *stands.entry(key).or_default() += amount;
        }
    };
    let mut counted: BTreeMap<Id, (i64, u32, bool)> = BTreeMap::new();
    each(store, |row: Conversion| {
        if let Some(part) = row.counted {
            let (sum, count, is_agreed) = counted.entry(part.payout).or_insert((0, 0, true));
            (*sum, *count) = (*sum + part.minor, *count + 1);
            *is_agreed &= row.approved_at.is_some() && !row.is_test;
        }
        let sale: Option<Sale> = store.row(Sale::id(&row.transaction_id).as_bytes())?;
        if sale.and_then(|sale| sale.what).is_none() {
            fault(report, "a conversion without its sale".to_owned());
        }
        if row.state() == ConversionState::Paid && row.is_test {
            fault(report, "a tester's purchase was paid for".to_owned());
        }
        add(row.lines());
        Ok(())
    })?;
    let mut payouts: BTreeMap<Id, Payout> = BTreeMap::new();
    each(store, |row: Payout| {
        add(row.lines());
        payouts.insert(row.id, row);
        Ok(())
    })?;
    for payout in payouts.values() {
        let is_alive = !matches!(payout.state, PayoutState::Failed { .. } | PayoutState::Cancelled { .. });
        let expected = if is_alive { (payout.counted, payout.conversions, true) } else { (0, 0, true) };
        if counted.remove(&payout.id).unwrap_or((0, 0, true)) != expected {
            fault(report, "a payout and its conversions do not agree".to_owned());
        }
    }
    if !counted.is_empty() {
        fault(report, "a conversion is in a payout that is not there".to_owned());
    }
    each(store, |row: Movement| {
        if !is_balanced(&row.lines) {
            fault(report, format!("the movement of entry {} does not sum to zero", row.seq));
        }
        Ok(())
    })?;
    stands.retain(|_, amount| *amount != 0);
    let mut kept: BTreeMap<(Id, Currency, Account), i64> = BTreeMap::new();
    each(store, |partner: Partner| {
        for (currency, accounts) in balances(store, partner.id)? {
            kept.extend(accounts.into_iter().map(|(account, amount)| ((partner.id, currency, account), amount)));
        }
        Ok(())
    })?;
    if kept != stands {
        fault(report, "the accounts of partners are not what conversions and payouts come to".to_owned());
    }
    let owes = |account: &Account| !matches!(account, Account::Earned | Account::Carried);
    if kept.iter().any(|((_, _, account), amount)| owes(account) && *amount < 0) {
        fault(report, "an account is below zero".to_owned());
    }
    Ok(())
}

fn each<R: Row>(store: &Snapshot, mut look: impl FnMut(R) -> Result<(), Error>) -> Result<(), Error> {
    let mut from: Option<Vec<u8>> = None;
    loop {
        let bound = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = store.range(R::TAB, bound, Bound::Unbounded, STEP)?;
        for (_, bytes) in &rows {
            look(decode(bytes, R::TAB.name())?)?;
        }
        match rows.into_iter().next_back() {
            Some((key, _)) => from = Some(key),
            None => return Ok(()),
        }
    }
}
