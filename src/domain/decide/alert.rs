//! Somebody has looked at an alert.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::alert::Alert;
use crate::domain::id::Id;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clear {
    pub alert: Id,
}

pub struct ClearFacts {
    pub alert: Option<Alert>,
}

pub struct ClearFamily;

impl Family for ClearFamily {
    type Command = Clear;
    type Facts = ClearFacts;

    fn decide(facts: &ClearFacts, _: &Clear, stamp: Stamp) -> Result<Decision, Refusal> {
        let known = facts.alert.clone().ok_or(Refusal::UnknownAlert)?;
        if !known.is_open() {
            return Ok(Decision::same(Reply::Alert(known)));
        }
        let cleared = Alert { cleared_at: Some(stamp.at), ..known };
        let mut decision = Decision::same(Reply::Alert(cleared.clone()));
        decision.put(Put::Alert(cleared));
        Ok(decision)
    }
}
