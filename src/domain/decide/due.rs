//! Things whose time has come. They stand in the due list until they are done.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::at::At;
use crate::domain::code::Code;
use crate::domain::id::Id;
use crate::domain::policy::Rules;
use crate::domain::pool::Pool;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    pub at: At,
    pub what: DueWhat,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DueWhat {
    /// The batch's codes are too near their end to be handed out.
    TakeOff { campaign: String, batch: Id },
    /// The batch's codes end: those handed out and not used, chunk by chunk.
    Expire { batch: Id, chunk: u32 },
}

pub struct DueFacts {
    /// Whether it still stands in the list.
    pub stands: bool,
    pub stock: Option<(Arc<Rules>, Pool)>,
    /// The codes of the chunk that were handed out; absent where the batch has no such chunk.
    pub codes: Option<Vec<Code>>,
}

pub struct DueFamily;

impl Family for DueFamily {
    type Command = Due;
    type Facts = DueFacts;

    fn decide(facts: &DueFacts, due: &Due, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        if !facts.stands {
            return Ok(decision);
        }
        decision.put(Put::DueGone(due.clone()));
        match &due.what {
            DueWhat::TakeOff { batch, .. } => {
                if let Some((rules, pool)) = &facts.stock {
                    let mut pool = pool.clone();
                    pool.unstock(*batch);
                    decision.put_pool(pool, &rules.policy, stamp.at, false);
                }
            }
            DueWhat::Expire { batch, chunk } => {
                if let Some(codes) = &facts.codes {
                    let pending = codes.iter().filter(|code| code.is_pending());
                    decision.puts.extend(pending.map(|code| Put::Code(code.clone().expired(stamp.at))));
                    let what = DueWhat::Expire { batch: *batch, chunk: chunk + 1 };
                    decision.put(Put::Due(Due { at: due.at, what }));
                }
            }
        }
        Ok(decision)
    }
}
