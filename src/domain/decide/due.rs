//! Things whose time has come.

use super::payout::look;
use super::question::warn;
use super::review::release;
use super::winback::{self, Candidate};
use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::case::Case;
use crate::domain::claim::{Claim, ClaimState};
use crate::domain::code::Code;
use crate::domain::delivery::Effect;
use crate::domain::due::{Due, DueWhat};
use crate::domain::payout::Payout;
use crate::domain::policy::Rules;
use crate::domain::pool::Pool;
use crate::domain::question::Question;
use crate::domain::redemption::Redemption;
use std::sync::Arc;

/// Redemptions of one piece.
pub const PIECE: usize = 100;

#[derive(Default)]
pub struct DueFacts {
    /// Whether it still stands in the list.
    pub stands: bool,
    pub stock: Option<(Arc<Rules>, Pool)>,
    /// The codes of the chunk that were handed out; absent where the batch has no such chunk.
    pub codes: Option<Vec<Code>>,
    /// The case of the completion's referee.
    pub case: Option<Case>,
    /// The claim that is to be looked up, and the rules it stands under.
    pub claim: Option<(Claim, Arc<Rules>)>,
    /// The next piece of what was redeemed with an offer.
    pub redeemed: Vec<Redemption>,
    pub payout: Option<Payout>,
    /// Whose subscription ended.
    pub candidate: Option<Candidate>,
    pub question: Option<Question>,
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
            DueWhat::Release { completion } => {
                let changes = facts.case.as_ref().and_then(|case| release(case, *completion, stamp.at));
                changes.into_iter().for_each(|changes| decision.take(changes));
            }
            // Whatever is put is looked at for partners.
            DueWhat::Attribute { coupon, .. } => {
                decision.puts.extend(facts.redeemed.iter().cloned().map(Put::Redemption));
                if let Some(last) = facts.redeemed.last().filter(|_| facts.redeemed.len() == PIECE) {
                    let after = Some((last.redeemed_at.pacific_date(), last.id));
                    let what = DueWhat::Attribute { coupon: *coupon, after };
                    decision.put(Put::Due(Due { at: stamp.at, what }));
                }
            }
            DueWhat::AskPayout { .. } => {
                facts.payout.iter().for_each(|payout| look(payout, stamp.at, &mut decision));
            }
            DueWhat::WinBack { campaign, lapse } => {
                let candidate = facts.candidate.iter();
                candidate.for_each(|one| winback::look(one, campaign, lapse, stamp.at, &mut decision));
            }
            DueWhat::AnswerRefund { deadline, .. } => {
                facts.question.iter().for_each(|question| warn(question, *deadline, stamp.at, &mut decision));
            }
            DueWhat::Forget { network } => decision.put(Put::NetworkGone(*network)),
            DueWhat::LookUp { referee, claimed_at, round, .. } => {
                let waits = |claim: &Claim| claim.state == ClaimState::Pending && claim.at == *claimed_at;
                let found = facts.claim.as_ref().filter(|(claim, _)| waits(claim));
                if let Some((claim, rules)) = found.filter(|(_, rules)| rules.policy.attribution.asks_apple) {
                    decision.effects.push(Effect::LookUp { person: *referee });
                    let next = Due::look_up(claim, round + 1);
                    let next = next.filter(|next| claim.binds(next.at, &rules.policy.attribution));
                    decision.puts.extend(next.map(Put::Due));
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
    use crate::domain::id::Id;
    use crate::domain::sample::{self, NOON, day, stamp};

    fn facts() -> DueFacts {
        DueFacts { stands: true, ..DueFacts::default() }
    }

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
        let decision = decide(&DueFacts { codes: Some(codes), ..facts() }, &expire());
        let next = Due { at: day(100), what: DueWhat::Expire { batch: Id([1; 16]), chunk: 5 } };
        let ended = sample::code(0, 1, CodeState::Expired { at: day(100) });
        assert_eq!(decision.puts, [Put::DueGone(expire()), Put::Code(ended), Put::Due(next)]);
    }

    #[test]
    fn the_last_chunk_ends_the_list_and_what_is_gone_is_done() {
        for (stands, puts) in [(true, vec![Put::DueGone(expire())]), (false, vec![])] {
            assert_eq!(decide(&DueFacts { stands, ..facts() }, &expire()).puts, puts);
        }
    }

    #[test]
    fn a_batch_near_its_end_leaves_the_stock() {
        let shelf = sample::shelf(sample::policy(), 10, 0);
        let due = Due { at: day(86), what: DueWhat::TakeOff { campaign: "friends".into(), batch: Id([1; 16]) } };
        let facts = DueFacts { stock: Some((shelf.rules, shelf.pool)), ..facts() };
        let decision = decide(&facts, &due);
        let left = decision.puts.iter().find_map(|put| match put {
            Put::Pool(pool) => Some((pool.shelves.len(), pool.lapsed)),
            _ => None,
        });
        assert_eq!(left, Some((0, 10)));
    }

    #[test]
    fn a_claim_that_waits_is_looked_up() {
        let asking = |asks_apple, claim_window_days| {
            let mut policy = sample::policy();
            (policy.attribution.asks_apple, policy.attribution.claim_window_days) = (asks_apple, claim_window_days);
            sample::rules(policy)
        };
        let claim = |state| sample::claim(&sample::code(0, 100, CodeState::Pending), 1, NOON, state);
        let pending = ClaimState::Pending;
        let newer = Claim { at: day(1), ..claim(pending) };
        // (the claim, its rules, the round) -> asked, the next round
        for (claim, rules, round, asked, next) in [
            (claim(pending), asking(true, 30), 0, true, Some(day(1))),
            (claim(pending), asking(true, 30), 1, true, Some(day(7))),
            (claim(pending), asking(true, 30), 2, true, None),
            (claim(pending), asking(true, 3), 1, true, None),
            (claim(pending), asking(false, 30), 0, false, None),
            (claim(ClaimState::Completed), asking(true, 30), 0, false, None),
            (newer, asking(true, 30), 0, false, None),
        ] {
            let asked_of = sample::claim(&sample::code(0, 100, CodeState::Pending), 1, NOON, pending);
            let due = Due::look_up(&asked_of, round).unwrap();
            let facts = DueFacts { claim: Some((claim.clone(), rules)), ..facts() };
            let decision = decide(&facts, &due);
            assert_eq!(!decision.effects.is_empty(), asked, "{claim:?} {round}");
            let put = decision.puts.iter().find_map(|put| match put {
                Put::Due(due) => Some(due.at),
                _ => None,
            });
            assert_eq!(put, next, "{claim:?} {round}");
        }
    }
}
