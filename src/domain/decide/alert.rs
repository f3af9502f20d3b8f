//! What the appliance sees of itself becomes alerts; somebody has looked at one.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::alert::{Alert, AlertKind};
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

/// One look at the appliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    pub seen: Vec<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub kind: AlertKind,
    pub about: String,
    /// What is wrong; none where all is well.
    pub trouble: Option<String>,
}

pub struct WatchFacts {
    /// What is known of each thing that was looked at, in the same order.
    pub known: Vec<Option<Alert>>,
}

pub struct WatchFamily;

impl Family for WatchFamily {
    type Command = Watch;
    type Facts = WatchFacts;

    /// An alert stands as long as the trouble does: one that was cleared by hand before comes again.
    fn decide(facts: &WatchFacts, command: &Watch, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        for (seen, known) in command.seen.iter().zip(&facts.known) {
            let open = known.as_ref().filter(|alert| alert.is_open());
            match (&seen.trouble, open) {
                (Some(trouble), None) => {
                    decision.put(Put::Alert(Alert::raise(seen.kind, &seen.about, trouble.clone(), stamp.at)));
                }
                (None, Some(open)) => decision.put(Put::Alert(open.clone().cleared(stamp.at))),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{NOON, day, stamp};

    #[test]
    fn an_alert_stands_as_long_as_the_trouble() {
        let raised = |at| Alert::raise(AlertKind::SourceQuiet, "apple", "none since noon".into(), at);
        // (known, in trouble) -> what is written
        for (known, in_trouble, expected) in [
            (None, false, None),
            (None, true, Some(raised(day(1)))),
            (Some(raised(NOON)), true, None),
            (Some(raised(NOON)), false, Some(raised(NOON).cleared(day(1)))),
            (Some(raised(NOON).cleared(NOON)), false, None),
            (Some(raised(NOON).cleared(NOON)), true, Some(raised(day(1)))),
        ] {
            let trouble = in_trouble.then(|| "none since noon".to_owned());
            let seen = Seen { kind: AlertKind::SourceQuiet, about: "apple".into(), trouble };
            let facts = WatchFacts { known: vec![known.clone()] };
            let decision = WatchFamily::decide(&facts, &Watch { seen: vec![seen] }, stamp(day(1))).unwrap();
            let written: Vec<Put> = expected.into_iter().map(Put::Alert).collect();
            assert_eq!(decision.puts, written, "{known:?} {in_trouble}");
        }
    }
}
