//! A person is forgotten: nothing names them any more, what they allowed is over, and the books stand.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::consent::{Consent, Purpose};
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
    /// What they were said to allow.
    pub said: Vec<Consent>,
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
        let (person, at) = (command.person, stamp.at);
        let erasure = Erasure { person, members, at };
        let mut decision = Decision::same(Reply::Erased(erasure.clone()));
        decision.put(Put::Erasure(erasure));
        let given = Purpose::ALL.into_iter().filter(|purpose| Consent::is_given(&facts.said, *purpose));
        decision.puts.extend(given.map(|purpose| Put::Consent(Consent { person, purpose, given: false, at })));
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
            let (circle, said) = (circle(&[1, 2]), Vec::new());
            let facts = ErasureFacts { circle, is_known, is_named, before, said };
            let decided = EraseUserFamily::decide(&facts, &EraseUser { person: person(1) }, stamp(day(1)));
            let got = decided.map(|decision| match &decision.reply {
                Reply::Erased(row) if *row == erased(row.at) => (row.at, !decision.is_same()),
                other => panic!("{other:?}"),
            });
            assert_eq!(got, expected, "{is_known} {is_named}");
        }
    }

    #[test]
    fn what_they_allowed_is_over() {
        let said = |who: u8, at, given| Consent { person: person(who), purpose: Purpose::RefundData, given, at };
        for (words, is_taken_back) in [
            (vec![], false),
            (vec![said(2, NOON, true)], true),
            (vec![said(2, NOON, true), said(1, NOON, false)], false),
        ] {
            let (circle, before) = (circle(&[1, 2]), None);
            let facts = ErasureFacts { circle, is_known: true, is_named: true, before, said: words };
            let decision = EraseUserFamily::decide(&facts, &EraseUser { person: person(1) }, stamp(day(1))).unwrap();
            let taken_back = decision.puts.contains(&Put::Consent(said(1, day(1), false)));
            assert_eq!((taken_back, decision.puts.len()), (is_taken_back, 1 + usize::from(is_taken_back)));
        }
    }
}
