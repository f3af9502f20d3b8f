//! Ends that became known by a decision, and who came back by it.

use super::Ahead;
use crate::domain::code::{Code, CodeState};
use crate::domain::decide::winback::ended;
use crate::domain::decide::{Decision, Put, Stamp};
use crate::domain::id::Person;
use crate::domain::person::Circle;
use crate::domain::policy::Rules;
use crate::domain::subscription::Subscription;
use crate::domain::winback::WinBack;
use crate::ledger::Error;
use crate::ledger::load::{circle, rows_of};
use crate::ledger::rows::{Row, code_key};
use crate::ledger::store::Store;
use std::sync::Arc;

pub fn follow<S: Store>(store: &S, stamp: Stamp, decision: &mut Decision) -> Result<(), Error> {
    let rules = store.rules()?;
    if !rules.iter().any(|rules| rules.policy.wins_back()) {
        return Ok(());
    }
    let mut puts = Vec::new();
    let (mut told, mut circles): (Vec<&Subscription>, Vec<Circle>) = (Vec::new(), Vec::new());
    let ahead = Ahead::of(store, &decision.puts);
    let mut touch = |person: Person| -> Result<(), Error> {
        let whole = circle(&ahead, person)?;
        if !circles.contains(&whole) {
            circles.push(whole);
        }
        Ok(())
    };
    for put in &decision.puts {
        match put {
            Put::Subscription(after) => {
                let before: Option<Subscription> = store.row(&after.key())?;
                puts.extend(ended(&rules, before.as_ref(), after).into_iter().map(Put::Due));
                after.person().map(&mut touch).transpose()?;
                told.push(after);
            }
            Put::Alias(row) => touch(row.person)?,
            _ => {}
        }
    }
    for circle in circles {
        puts.extend(returned(&ahead, &circle, &told, &rules, stamp)?);
    }
    decision.puts.extend(puts);
    Ok(())
}

/// Who came back by what they bought, and the codes that they redeemed.
fn returned<S: Store>(
    store: &Ahead<'_, S>,
    circle: &Circle,
    told: &[&Subscription],
    rules: &[Arc<Rules>],
    stamp: Stamp,
) -> Result<Vec<Put>, Error> {
    let (mut puts, mut rows) = (Vec::new(), rows_of::<_, WinBack>(store, circle)?);
    rows.retain(|row| row.code().is_some());
    if rows.is_empty() {
        return Ok(puts);
    }
    // The index is that of before: what is told now may have been another's.
    let mut bought: Vec<Subscription> = rows_of(store, circle)?;
    bought.retain(|one| told.iter().all(|told| told.original_transaction_id != one.original_transaction_id));
    let is_theirs = |one: &&&Subscription| one.person().is_some_and(|person| circle.has(person));
    bought.extend(told.iter().filter(is_theirs).map(|one| (*one).clone()));
    for row in &rows {
        let Some(known) = rules.iter().find(|rules| rules.policy.campaign == row.campaign) else { continue };
        let (after, is_redeemed) = row.after(&known.policy, &rows, &bought);
        if after != *row {
            puts.push(Put::WinBack(after));
        }
        let Some(code) = row.code() else { continue };
        let code: Code = store.row(&code_key(code))?.ok_or(Error::Broken("a win-back without its code"))?;
        if is_redeemed && !matches!(code.state, CodeState::Used { .. }) {
            puts.push(Put::Code(code.used(row.person, stamp.at)));
        }
    }
    Ok(puts)
}
