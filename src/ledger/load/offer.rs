//! What somebody bought, and what was signed for them.

use super::Load;
use super::case::{circle, rows_of};
use crate::domain::at::At;
use crate::domain::decide::offer::{OfferFacts, SignOffer, SignOfferFamily};
use crate::domain::id::Person;
use crate::ledger::Error;
use crate::ledger::store::Store;

impl Load for SignOfferFamily {
    fn load<S: Store>(store: &S, command: &SignOffer, _: At) -> Result<OfferFacts, Error> {
        standing_of(store, command.person)
    }
}

pub fn standing_of<S: Store>(store: &S, person: Person) -> Result<OfferFacts, Error> {
    let circle = circle(store, person)?;
    Ok(OfferFacts { bought: rows_of(store, &circle)?, signed: rows_of(store, &circle)? })
}
