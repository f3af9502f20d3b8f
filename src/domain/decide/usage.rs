//! The app reports how somebody used what they bought.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::id::Person;
use crate::domain::usage::{Scope, Usage, Used};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SayUsage {
    pub person: Person,
    pub scope: Scope,
    pub used: Used,
}

pub struct UsageFacts {
    /// What was said before, of all their ids.
    pub said: Vec<Usage>,
}

/// Scopes that are kept of one person: apps may let users speak for themselves.
const MOST: usize = 500;

pub struct UsageFamily;

impl Family for UsageFamily {
    type Command = SayUsage;
    type Facts = UsageFacts;

    fn decide(facts: &UsageFacts, command: &SayUsage, stamp: Stamp) -> Result<Decision, Refusal> {
        let known = facts.said.iter().filter(|row| row.scope == command.scope).cloned().reduce(Usage::merged);
        if known.is_none() && facts.said.len() >= MOST {
            return Err(Refusal::TooMuchUsage);
        }
        let said = Usage::said(command.person, command.scope.clone(), &command.used, stamp.at);
        let holds = match known.clone() {
            Some(known) => Usage { person: command.person, ..known }.merged(said),
            None => said,
        };
        let mut decision = Decision::same(Reply::Usage(holds.clone()));
        if known.is_none_or(|known| known.used() != holds.used()) {
            decision.put(Put::Usage(holds));
        }
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{NOON, day, person, stamp};

    fn minutes(play_minutes: u32) -> Used {
        Used { play_minutes: Some(play_minutes), ..Used::default() }
    }

    fn decide(said: Vec<Usage>, scope: Scope, used: Used) -> Result<Decision, Refusal> {
        UsageFamily::decide(&UsageFacts { said }, &SayUsage { person: person(1), scope, used }, stamp(NOON))
    }

    #[test]
    fn what_is_said_joins_what_is_known() {
        let row = |who: u8, scope, used: &Used| Usage::said(person(who), scope, used, day(-1));
        let sampled = Used { sample_content: Some(true), ..Used::default() };
        let both = Used { sample_content: Some(true), ..minutes(7) };
        for (known, used, holds, is_new) in [
            (vec![], minutes(7), minutes(7), true),
            (vec![row(1, Scope::All, &minutes(5))], minutes(7), minutes(7), true),
            (vec![row(1, Scope::All, &minutes(7))], minutes(7), minutes(7), false),
            (vec![row(2, Scope::All, &minutes(7))], minutes(7), minutes(7), false),
            (vec![row(2, Scope::All, &sampled)], minutes(7), both, true),
            (vec![row(1, Scope::Product("coins".into()), &sampled)], minutes(7), minutes(7), true),
        ] {
            let decision = decide(known.clone(), Scope::All, used).unwrap();
            let Reply::Usage(told) = &decision.reply else { panic!("{:?}", decision.reply) };
            assert_eq!((told.person, told.used()), (person(1), holds), "{known:?}");
            assert_eq!(decision.puts.len(), usize::from(is_new), "{known:?}");
        }
    }

    #[test]
    fn only_so_much_is_kept() {
        let row = |n: usize| Usage::said(person(1), Scope::Transaction(n.to_string()), &minutes(1), day(-1));
        let full: Vec<Usage> = (0..MOST).map(row).collect();
        assert_eq!(decide(full.clone(), Scope::All, minutes(2)), Err(Refusal::TooMuchUsage));
        assert!(decide(full.clone(), Scope::Transaction("7".into()), minutes(2)).is_ok());
        assert!(decide(full[1..].to_vec(), Scope::All, minutes(2)).is_ok());
    }
}
