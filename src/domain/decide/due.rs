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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::CodeState;
    use crate::domain::sample::{self, NOON, day, stamp};

    fn expire() -> Due {
        Due { at: day(100), what: DueWhat::Expire { batch: Id([1; 16]), chunk: 4 } }
    }

    fn decide(facts: &DueFacts, due: &Due) -> Decision {
        DueFamily::decide(facts, due, stamp(day(100))).unwrap()
    }

    #[test]
    fn codes_end_chunk_by_chunk() {
        let states = [
            CodeState::Pending,
            CodeState::Used { at: NOON },
            CodeState::Void { at: NOON },
            CodeState::Expired { at: NOON },
        ];
        let codes: Vec<Code> = states.into_iter().map(|state| sample::code(0, 1, state)).collect();
        let decision = decide(&DueFacts { stands: true, stock: None, codes: Some(codes) }, &expire());
        let next = Due { at: day(100), what: DueWhat::Expire { batch: Id([1; 16]), chunk: 5 } };
        let ended = sample::code(0, 1, CodeState::Expired { at: day(100) });
        assert_eq!(decision.puts, [Put::DueGone(expire()), Put::Code(ended), Put::Due(next)]);
    }

    #[test]
    fn the_last_chunk_ends_the_list_and_what_is_gone_is_done() {
        for (stands, puts) in [(true, vec![Put::DueGone(expire())]), (false, vec![])] {
            assert_eq!(decide(&DueFacts { stands, stock: None, codes: None }, &expire()).puts, puts);
        }
    }

    #[test]
    fn a_batch_near_its_end_leaves_the_stock() {
        let shelf = sample::shelf(sample::policy(), 10, 0);
        let due = Due { at: day(86), what: DueWhat::TakeOff { campaign: "friends".into(), batch: Id([1; 16]) } };
        let facts = DueFacts { stands: true, stock: Some((shelf.rules, shelf.pool)), codes: None };
        let decision = decide(&facts, &due);
        let left = decision.puts.iter().find_map(|put| match put {
            Put::Pool(pool) => Some((pool.shelves.len(), pool.lapsed)),
            _ => None,
        });
        assert_eq!(left, Some((0, 10)));
    }
}
