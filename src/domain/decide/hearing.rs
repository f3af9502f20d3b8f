//! What Apple sent is read again, and a TEST notification is asked for.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::at::{At, Span};
use crate::domain::delivery::Effect;
use crate::domain::hearing::{Hearing, Test};
use serde::{Deserialize, Serialize};

/// Reads the notifications since then, or since they were read last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUp {
    pub is_test: bool,
    pub since: Option<At>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskTest {
    pub is_test: bool,
}

pub struct HearingFacts {
    pub hearing: Option<Hearing>,
}

/// Apple keeps its history for 180 days (Apple, Get Notification History); a little less, for clocks differ.
const HISTORY: Span = Span::hours(180 * 24 - 1);
/// Apple takes no question about no time at all.
const SHORTEST: Span = Span::minutes(1);
/// What Apple sent shortly before the last reading may have been listed after it.
const OVERLAP: Span = Span::hours(1);

pub struct CatchUpFamily;

impl Family for CatchUpFamily {
    type Command = CatchUp;
    type Facts = HearingFacts;

    fn decide(facts: &HearingFacts, command: &CatchUp, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        let known = facts.hearing.as_ref().map(|hearing| hearing.caught_up.minus(OVERLAP));
        match command.since.or(known) {
            Some(since) => {
                let since = since.max(stamp.at.minus(HISTORY)).min(stamp.at.minus(SHORTEST));
                decision.effects.push(Effect::CatchUp { is_test: command.is_test, since });
            }
            // The first start: nothing was missed yet.
            None => {
                let hearing = Hearing { is_test: command.is_test, caught_up: stamp.at, test: None };
                decision.put(Put::Hearing(hearing));
            }
        }
        Ok(decision)
    }
}

pub struct AskTestFamily;

impl Family for AskTestFamily {
    type Command = AskTest;
    type Facts = HearingFacts;

    fn decide(facts: &HearingFacts, command: &AskTest, stamp: Stamp) -> Result<Decision, Refusal> {
        let is_test = command.is_test;
        let test = Some(Test { asked_at: stamp.at, token: None, end: None });
        let caught_up = facts.hearing.as_ref().map_or(stamp.at, |hearing| hearing.caught_up);
        let mut decision = Decision::same(Reply::Nothing);
        decision.put(Put::Hearing(Hearing { is_test, caught_up, test }));
        decision.effects.push(Effect::RequestTest { is_test });
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{NOON, day, stamp};

    #[test]
    fn how_far_back() {
        let known = |day_of: i64| Some(Hearing { is_test: false, caught_up: day(day_of), test: None });
        let oldest = NOON.minus(HISTORY);
        // (read until, asked for) -> since
        for (hearing, since, expected) in [
            (None, None, None),
            (known(-3), None, Some(day(-3).minus(OVERLAP))),
            (known(-3), Some(day(-30)), Some(day(-30))),
            (None, Some(day(-30)), Some(day(-30))),
            (known(-300), None, Some(oldest)),
            (None, Some(day(-200)), Some(oldest)),
            (None, Some(day(2)), Some(NOON.minus(SHORTEST))),
        ] {
            let facts = HearingFacts { hearing: hearing.clone() };
            let decision = CatchUpFamily::decide(&facts, &CatchUp { is_test: false, since }, stamp(NOON)).unwrap();
            let asked = decision.effects.first().map(|effect| match effect {
                Effect::CatchUp { since, .. } => *since,
                other => panic!("{other:?}"),
            });
            assert_eq!(asked, expected, "{hearing:?} {since:?}");
            assert_eq!(decision.puts.is_empty(), expected.is_some());
        }
    }

    #[test]
    fn a_test_is_asked_for() {
        let hearing = Hearing { is_test: true, caught_up: day(-1), test: None };
        let facts = HearingFacts { hearing: Some(hearing) };
        let decision = AskTestFamily::decide(&facts, &AskTest { is_test: true }, stamp(NOON)).unwrap();
        assert_eq!(decision.effects, [Effect::RequestTest { is_test: true }]);
        let test = Some(Test { asked_at: NOON, token: None, end: None });
        assert_eq!(decision.puts, [Put::Hearing(Hearing { is_test: true, caught_up: day(-1), test })]);
    }
}
