//! What follows for Apple's questions about refunds, whatever became known: that one was asked, whose the purchase is, what
//! they allow, what Apple decided.

use super::Ahead;
use crate::domain::decide::question::follow as decide;
use crate::domain::decide::{Decision, Put, Stamp};
use crate::domain::question::Question;
use crate::ledger::Error;
use crate::ledger::load::{circle, known};
use crate::ledger::rows::{Row, asked_of_prefix, of_person_prefix};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use std::collections::BTreeSet;

pub fn follow<S: Store>(store: &S, stamp: Stamp, decision: &mut Decision) -> Result<(), Error> {
    let ahead = Ahead::of(store, &decision.puts);
    for key in touched(&ahead, &decision.puts)? {
        let Some(question) = ahead.row::<Question>(&key)? else { continue };
        let known = known(&ahead, &question, store.row(&key)?)?;
        decide(&question, &known, stamp.at, decision);
    }
    Ok(())
}

/// The questions of which something became known.
fn touched<S: Store>(ahead: &Ahead<'_, S>, puts: &[Put]) -> Result<BTreeSet<Vec<u8>>, Error> {
    let mut keys = BTreeSet::new();
    let mut indexed = |tab, prefix: Vec<u8>| -> Result<(), Error> {
        let found = ahead.prefix(tab, &prefix, usize::MAX)?;
        keys.extend(found.into_iter().map(|(key, _)| key[prefix.len()..].to_vec()));
        Ok(())
    };
    for put in puts {
        match put {
            Put::Subscription(row) => indexed(Tab::AskedOf, asked_of_prefix(&row.original_transaction_id))?,
            Put::Alias(row) => indexed(Tab::OfPerson, of_person_prefix(row.person, Tab::Question))?,
            Put::Consent(row) => {
                for member in circle(ahead, row.person)?.members() {
                    indexed(Tab::OfPerson, of_person_prefix(*member, Tab::Question))?;
                }
            }
            _ => {}
        }
    }
    keys.extend(puts.iter().filter_map(|put| match put {
        Put::Question(row) => Some(row.key()),
        Put::Refund(row) => Some(Question::id(&row.transaction_id).as_bytes().to_vec()),
        _ => None,
    }));
    Ok(keys)
}
