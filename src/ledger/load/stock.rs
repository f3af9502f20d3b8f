//! A campaign's rules and pool.

use super::Load;
use super::share::stock as known;
use crate::domain::at::At;
use crate::domain::decide::pool::{Adopt, AdoptFamily, Import, ImportFamily, Refill, RefillFamily, StockFacts};
use crate::domain::id::Id;
use crate::ledger::Error;
use crate::ledger::store::Store;

impl Load for AdoptFamily {
    fn load<S: Store>(store: &S, command: &Adopt, _: At) -> Result<StockFacts, Error> {
        stock(store, &command.policy.campaign, None)
    }
}

impl Load for RefillFamily {
    fn load<S: Store>(store: &S, command: &Refill, _: At) -> Result<StockFacts, Error> {
        stock(store, &command.campaign, None)
    }
}

impl Load for ImportFamily {
    fn load<S: Store>(store: &S, command: &Import, _: At) -> Result<StockFacts, Error> {
        stock(store, &command.batch.campaign, Some(command.batch.id))
    }
}

fn stock<S: Store>(store: &S, campaign: &str, batch: Option<Id>) -> Result<StockFacts, Error> {
    let batch = match batch {
        Some(id) => store.row(id.as_bytes())?,
        None => None,
    };
    let (rules, pool) = known(store, campaign)?.unzip();
    Ok(StockFacts { rules, pool, batch })
}
