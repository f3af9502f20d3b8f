//! What is taken away of somebody who is erased: what they call themselves, what Apple calls them, and the bodies that
//! came about them; of a partner, how they are reached and where their payouts could be collected.

use super::Error;
use super::inbox;
use super::journal::{about, entry};
use super::load::{circle, of_partner, rows_of};
use super::step::Tables;
use super::table::Tab;
use crate::domain::entry::Subject;
use crate::domain::id::Id;
use crate::domain::payout::Payout;
use crate::domain::person::Erasure;
use crate::domain::subscription::Subscription;
use std::collections::BTreeSet;

pub fn forget(tables: &mut Tables<'_>, erasure: &Erasure) -> Result<(), Error> {
    let own = circle(tables, erasure.person)?;
    let bought: Vec<Subscription> = rows_of(tables, &own)?;
    let people = erasure.members.iter().map(|member| Subject::Person(*member));
    let transactions = bought.into_iter().map(|row| Subject::Transaction(row.original_transaction_id));
    let mut entries = BTreeSet::new();
    for subject in people.chain(transactions) {
        entries.extend(about(tables, &subject, 0, usize::MAX)?);
    }
    for seq in entries {
        if let Some(entry) = entry(tables, seq)? {
            inbox::remove(tables, entry.at, seq)?;
        }
    }
    for member in &erasure.members {
        for tab in [Tab::People, Tab::Token] {
            tables.remove(tab, member.as_bytes())?;
        }
    }
    Ok(())
}

pub fn forget_partner(tables: &mut Tables<'_>, partner: Id) -> Result<(), Error> {
    for payout in of_partner::<_, Payout>(tables, partner)? {
        tables.remove(Tab::Contact, payout.id.as_bytes())?;
    }
    tables.remove(Tab::Contact, partner.as_bytes())
}
