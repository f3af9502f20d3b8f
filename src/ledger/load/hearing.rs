//! How far Apple's notifications were read.

use super::Load;
use crate::domain::at::At;
use crate::domain::decide::hearing::{AskTest, AskTestFamily, CatchUp, CatchUpFamily, HearingFacts};
use crate::ledger::Error;
use crate::ledger::rows::hearing_key;
use crate::ledger::store::Store;

impl Load for CatchUpFamily {
    fn load<S: Store>(store: &S, command: &CatchUp, _: At) -> Result<HearingFacts, Error> {
        Ok(HearingFacts { hearing: store.row(&hearing_key(command.is_test))? })
    }
}

impl Load for AskTestFamily {
    fn load<S: Store>(store: &S, command: &AskTest, _: At) -> Result<HearingFacts, Error> {
        Ok(HearingFacts { hearing: store.row(&hearing_key(command.is_test))? })
    }
}
