//! Whether somebody is known, and whether anything names them.

use super::Load;
use super::case::circle;
use super::consent::consents;
use crate::domain::at::At;
use crate::domain::decide::erasure::{EraseUser, EraseUserFamily, ErasureFacts};
use crate::ledger::Error;
use crate::ledger::store::Store;
use crate::ledger::table::Tab;

impl Load for EraseUserFamily {
    fn load<S: Store>(store: &S, command: &EraseUser, _: At) -> Result<ErasureFacts, Error> {
        let circle = circle(store, command.person)?;
        let (mut is_named, mut is_known) = (false, circle.members().len() > 1);
        for member in circle.members() {
            for tab in [Tab::People, Tab::Token] {
                is_named |= store.get(tab, member.as_bytes())?.is_some();
            }
            is_known |= is_named || !store.prefix(Tab::OfPerson, member.as_bytes(), 1)?.is_empty();
        }
        let said = consents(store, &circle)?;
        Ok(ErasureFacts { circle, is_known, is_named, before: store.row(command.person.as_bytes())?, said })
    }
}
