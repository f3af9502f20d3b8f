//! The completion that somebody looks at, with the case of its referee.

use super::Load;
use super::case::case_of;
use crate::domain::at::At;
use crate::domain::decide::review::{Review, ReviewFacts, ReviewFamily};
use crate::ledger::Error;
use crate::ledger::store::Store;

impl Load for ReviewFamily {
    fn load<S: Store>(store: &S, command: &Review, _: At) -> Result<ReviewFacts, Error> {
        Ok(ReviewFacts { case: case_of(store, command.completion)? })
    }
}
