//! What a user allows, by whichever of their ids it was said.

use super::Load;
use super::case::circle;
use crate::domain::at::At;
use crate::domain::consent::{Consent, Purpose};
use crate::domain::decide::consent::{ConsentFacts, ConsentFamily, SayConsent};
use crate::domain::person::Circle;
use crate::ledger::Error;
use crate::ledger::rows::consent_key;
use crate::ledger::store::Store;

impl Load for ConsentFamily {
    fn load<S: Store>(store: &S, command: &SayConsent, _: At) -> Result<ConsentFacts, Error> {
        Ok(ConsentFacts { said: consents(store, &circle(store, command.person)?)? })
    }
}

/// Read by their keys: a decision that is not written yet has no index.
pub fn consents<S: Store>(store: &S, circle: &Circle) -> Result<Vec<Consent>, Error> {
    let mut said = Vec::new();
    for person in circle.members() {
        for purpose in Purpose::ALL {
            said.extend(store.row::<Consent>(&consent_key(*person, purpose))?);
        }
    }
    Ok(said)
}
