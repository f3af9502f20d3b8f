//! A user allows something, or no longer.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::consent::{Consent, Purpose};
use crate::domain::id::Person;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SayConsent {
    pub person: Person,
    pub given: BTreeMap<Purpose, bool>,
}

pub struct ConsentFacts {
    /// What was said before, of all their ids.
    pub said: Vec<Consent>,
}

pub struct ConsentFamily;

impl Family for ConsentFamily {
    type Command = SayConsent;
    type Facts = ConsentFacts;

    fn decide(facts: &ConsentFacts, command: &SayConsent, stamp: Stamp) -> Result<Decision, Refusal> {
        let (mut new, mut holds) = (Vec::new(), Vec::new());
        for purpose in Purpose::ALL {
            let known = Consent::latest(&facts.said, purpose);
            let given = command.given.get(&purpose).filter(|given| known.is_none_or(|known| known.given != **given));
            let said = given.map(|given| Consent { person: command.person, purpose, given: *given, at: stamp.at });
            new.extend(said.clone());
            holds.extend(said.or(known.cloned()));
        }
        let puts = new.into_iter().map(Put::Consent).collect();
        Ok(Decision { puts, effects: Vec::new(), reply: Reply::Consents(holds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{NOON, day, person, stamp};

    #[test]
    fn a_word_that_changes_nothing_is_not_kept() {
        let said = |who: u8, at, given| Consent { person: person(who), purpose: Purpose::WinBack, given, at };
        for (known, given, put, holds) in [
            (vec![], Some(true), Some(true), Some(true)),
            (vec![], Some(false), Some(false), Some(false)),
            (vec![], None, None, None),
            (vec![said(2, day(-1), true)], Some(true), None, Some(true)),
            (vec![said(2, day(-1), true)], Some(false), Some(false), Some(false)),
            (vec![said(1, day(-2), true), said(2, day(-1), false)], Some(true), Some(true), Some(true)),
            (vec![said(1, day(-2), true)], None, None, Some(true)),
        ] {
            let given = given.map(|given| (Purpose::WinBack, given)).into_iter().collect();
            let command = SayConsent { person: person(1), given };
            let decision = ConsentFamily::decide(&ConsentFacts { said: known }, &command, stamp(NOON)).unwrap();
            let expected: Vec<Put> = put.into_iter().map(|given| Put::Consent(said(1, NOON, given))).collect();
            assert_eq!(decision.puts, expected, "{command:?}");
            let Reply::Consents(told) = decision.reply else { panic!("{:?}", decision.reply) };
            assert_eq!(told.first().map(|one| one.given), holds, "{command:?}");
        }
    }
}
