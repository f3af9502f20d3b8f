//! A person is forgotten: nothing names them any more, and the books stand.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::id::Person;
use crate::domain::person::{Circle, Erasure};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraseUser {
    pub person: Person,
}

pub struct ErasureFacts {
    /// All ids of the person.
    pub circle: Circle,
    /// Something is known of them.
    pub is_known: bool,
    /// Something still names them.
    pub is_named: bool,
    pub before: Option<Erasure>,
}

pub struct EraseUserFamily;

impl Family for EraseUserFamily {
    type Command = EraseUser;
    type Facts = ErasureFacts;

    /// Who was named again since is erased again.
    fn decide(facts: &ErasureFacts, command: &EraseUser, stamp: Stamp) -> Result<Decision, Refusal> {
        match &facts.before {
            Some(before) if !facts.is_named => return Ok(Decision::same(Reply::Erased(before.clone()))),
            None if !facts.is_known => return Err(Refusal::UnknownUser),
            _ => {}
        }
        let members = facts.circle.members().to_vec();
        let erasure = Erasure { person: command.person, members, at: stamp.at };
        let mut decision = Decision::same(Reply::Erased(erasure.clone()));
        decision.put(Put::Erasure(erasure));
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{NOON, circle, day, person, stamp};

    #[test]
    fn who_is_erased() {
        let members = || vec![person(1), person(2)];
        let erased = |at| Erasure { person: person(1), members: members(), at };
        let before = || Some(erased(NOON));
        // (known, named, before) -> when, and whether anything is written
        for (is_known, is_named, before, expected) in [
            (false, false, None, Err(Refusal::UnknownUser)),
            (true, true, None, Ok((day(1), true))),
            (true, false, None, Ok((day(1), true))),
            (true, false, before(), Ok((NOON, false))),
            (true, true, before(), Ok((day(1), true))),
        ] {
            let facts = ErasureFacts { circle: circle(&[1, 2]), is_known, is_named, before };
            let decided = EraseUserFamily::decide(&facts, &EraseUser { person: person(1) }, stamp(day(1)));
            let got = decided.map(|decision| match &decision.reply {
                Reply::Erased(row) if *row == erased(row.at) => (row.at, !decision.is_same()),
                other => panic!("{other:?}"),
            });
            assert_eq!(got, expected, "{is_known} {is_named}");
        }
    }
}
