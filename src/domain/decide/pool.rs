//! The stock: campaign rules adopted, batches asked for, lists of codes taken in.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::at::{At, Span};
use crate::domain::batch::{Batch, BatchState, CHUNK, Chunk, Packed};
use crate::domain::code::CodeText;
use crate::domain::due::{Due, DueWhat};
use crate::domain::policy::{Policy, PoolRules, Rules};
use crate::domain::pool::Pool;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The configuration's rules of one campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    pub policy: Policy,
}

/// Time to look at the stock; by hand, whatever its level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refill {
    pub campaign: String,
    pub by_hand: bool,
}

/// A piece of a list of codes. The codes can be handed out when the last piece is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub batch: Batch,
    pub first_chunk: u32,
    pub codes: Vec<CodeText>,
    pub last: bool,
}

pub struct StockFacts {
    pub rules: Option<Arc<Rules>>,
    pub pool: Option<Pool>,
    /// For an import: the batch, if a piece of it came before.
    pub batch: Option<Batch>,
}

pub struct AdoptFamily;

impl Family for AdoptFamily {
    type Command = Adopt;
    type Facts = StockFacts;

    fn decide(facts: &StockFacts, command: &Adopt, _: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        let version = match &facts.rules {
            Some(rules) if rules.policy == command.policy => return Ok(decision),
            Some(rules) => rules.version + 1,
            None => 1,
        };
        decision.put(Put::Rules(Rules { version, policy: command.policy.clone() }));
        if facts.pool.is_none() {
            decision.put(Put::Pool(Pool::new(&command.policy.campaign)));
        }
        Ok(decision)
    }
}

pub struct RefillFamily;

impl Family for RefillFamily {
    type Command = Refill;
    type Facts = StockFacts;

    fn decide(facts: &StockFacts, command: &Refill, stamp: Stamp) -> Result<Decision, Refusal> {
        let (Some(rules), Some(pool)) = (&facts.rules, &facts.pool) else { return Err(Refusal::UnknownCampaign) };
        let mut decision = Decision::same(Reply::Nothing);
        let mut asked = None;
        if pool.clone().reorder(&rules.policy, stamp.at, command.by_hand).is_some() {
            asked = decision.put_pool(pool.clone(), &rules.policy, stamp.at, command.by_hand);
        }
        decision.reply = Reply::Refill { asked, coming: asked.or(pool.coming) };
        Ok(decision)
    }
}

pub struct ImportFamily;

impl Family for ImportFamily {
    type Command = Import;
    type Facts = StockFacts;

    fn decide(facts: &StockFacts, command: &Import, stamp: Stamp) -> Result<Decision, Refusal> {
        let (Some(rules), Some(pool)) = (&facts.rules, &facts.pool) else { return Err(Refusal::UnknownCampaign) };
        let mut decision = Decision::same(Reply::Nothing);
        if facts.batch.as_ref().is_some_and(|batch| matches!(batch.state, BatchState::Ready { .. })) {
            return Ok(decision);
        }
        let mut batch = facts.batch.clone().unwrap_or_else(|| command.batch.clone());
        decision.puts.extend(chunks(&batch, command.first_chunk, &command.codes).map(Put::Chunk));
        if command.last {
            let mut pool = pool.clone();
            shelve(&mut batch, &mut pool, &rules.policy.pool, stamp.at, &mut decision);
            decision.put(Put::Pool(pool));
        } else {
            batch.state = BatchState::Generating;
        }
        decision.put(Put::Batch(batch));
        Ok(decision)
    }
}

pub fn chunks<'a>(batch: &'a Batch, first: u32, codes: &'a [CodeText]) -> impl Iterator<Item = Chunk> + 'a {
    let chunk = move |(n, codes)| Chunk { batch: batch.id, number: first + n as u32, codes: Packed::of(codes) };
    codes.chunks(CHUNK).enumerate().map(chunk)
}

/// The batch is complete: its codes can be handed out until the reserve, and live until their end.
pub fn shelve(batch: &mut Batch, pool: &mut Pool, rules: &PoolRules, now: At, decision: &mut Decision) {
    batch.state = BatchState::Ready { at: now };
    pool.stock(batch, batch.asked);
    let ends = batch.expires.codes_stop();
    let off = ends.minus(Span::days(rules.reserve_days.into())).max(now);
    let campaign = batch.campaign.clone();
    decision.put(Put::Due(Due { at: off, what: DueWhat::TakeOff { campaign, batch: batch.id } }));
    decision.put(Put::Due(Due { at: ends.max(now), what: DueWhat::Expire { batch: batch.id, chunk: 0 } }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{self, NOON, day, stamp};

    fn facts(policy: Option<Policy>, batch: Option<Batch>) -> StockFacts {
        let pool = policy.as_ref().map(|policy| Pool::new(&policy.campaign));
        StockFacts { rules: policy.map(sample::rules), pool, batch }
    }

    #[test]
    fn rules_get_a_version_when_they_change() {
        let mut other = sample::policy();
        other.reward.days = 60;
        for (known, asked, version, new_pool) in [
            (None, sample::policy(), Some(1), true),
            (Some(sample::policy()), sample::policy(), None, false),
            (Some(sample::policy()), other, Some(4), false),
        ] {
            let decision = AdoptFamily::decide(&facts(known, None), &Adopt { policy: asked }, stamp(NOON)).unwrap();
            let put = decision.puts.iter().find_map(|put| match put {
                Put::Rules(rules) => Some(rules.version),
                _ => None,
            });
            assert_eq!(put, version);
            assert_eq!(decision.puts.iter().any(|put| matches!(put, Put::Pool(_))), new_pool);
        }
    }

    #[test]
    fn a_refill_is_asked_for() {
        let hungry = || {
            let mut policy = sample::policy();
            policy.pool.low_water = 1;
            policy
        };
        for (policy, by_hand, asked) in [
            (Some(sample::policy()), false, Ok(false)),
            (Some(sample::policy()), true, Ok(true)),
            (Some(hungry()), false, Ok(true)),
            (None, true, Err(Refusal::UnknownCampaign)),
        ] {
            let command = Refill { campaign: "friends".into(), by_hand };
            let decided = RefillFamily::decide(&facts(policy, None), &command, stamp(NOON));
            assert_eq!(decided.map(|decision| decision.effects.len() == 1), asked);
        }
    }

    #[test]
    fn pieces_of_a_list() {
        let codes = |n: u8| (0..n).map(|n| sample::code(n, 1, crate::domain::code::CodeState::Pending).text).collect();
        let batch = |state| Some(Batch { state, ..sample::batch(3, day(100)) });
        // (known batch, last piece, codes end) -> the batch, its codes in stock, when they leave it and end
        for (known, last, ends, word, there, due) in [
            (None, false, 100, Some("generating"), None, None),
            (None, true, 100, Some("ready"), Some(3), Some((day(100).date().codes_stop(), 14))),
            (
                batch(BatchState::Generating),
                true,
                100,
                Some("ready"),
                Some(3),
                Some((day(100).date().codes_stop(), 14)),
            ),
            (batch(BatchState::Ready { at: NOON }), true, 100, None, None, None),
            (None, true, 5, Some("ready"), Some(3), Some((day(5).date().codes_stop(), 0))),
            (None, true, -5, Some("ready"), Some(3), Some((NOON, 0))),
        ] {
            let import = Import { batch: sample::batch(3, day(ends)), first_chunk: 0, codes: codes(3), last };
            let facts = facts(Some(sample::policy()), known);
            let decision = ImportFamily::decide(&facts, &import, stamp(NOON)).unwrap();
            let (mut put, mut size, mut dues) = (None, None, Vec::new());
            for one in &decision.puts {
                match one {
                    Put::Batch(batch) => put = Some(batch.state.word()),
                    Put::Pool(pool) => size = pool.shelves.first().map(|shelf| shelf.size),
                    Put::Due(due) => dues.push(due.at),
                    _ => {}
                }
            }
            assert_eq!((put, size), (word, there), "{ends}");
            let off = |(end, reserve): (At, i64)| vec![end.minus(Span::days(reserve)).max(NOON), end];
            let expected = match due {
                Some((end, 0)) => vec![NOON, end],
                Some(due) => off(due),
                None => Vec::new(),
            };
            assert_eq!(dues, expected, "{ends}");
        }
    }
}
