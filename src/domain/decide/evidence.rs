//! What the app shows for a code, and what the team's server calls a user.

use super::report::{ReportFacts, ReportFamily};
use super::{Decision, Family, Refusal, Reply, Stamp};
use crate::domain::code::{Code, CodeText};
use crate::domain::completion::Completion;
use crate::domain::id::{Id, Person};
use crate::domain::person::Circle;
use crate::domain::purchase::{About, Report, Source};
use serde::{Deserialize, Serialize};

/// Evidence that somebody redeemed this code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Show {
    pub person: Person,
    pub code: CodeText,
    pub report: Report,
}

pub struct ShowFacts {
    /// The code, if anybody was given it.
    pub code: Option<Code>,
    /// What the purchase completed in the code's campaign.
    pub completed: Option<Completion>,
    pub circle: Circle,
    pub report: ReportFacts,
}

pub struct ShowFamily;

impl Family for ShowFamily {
    type Command = Show;
    type Facts = ShowFacts;

    /// Nothing is filed for a code that nobody was given, or of a purchase that completed something for another.
    fn decide(facts: &ShowFacts, command: &Show, stamp: Stamp) -> Result<Decision, Refusal> {
        if facts.code.is_none() {
            return Err(Refusal::UnknownCode);
        }
        if facts.completed.as_ref().is_some_and(|completed| !facts.circle.has(completed.referee)) {
            return Err(Refusal::AlreadyClaimed);
        }
        ReportFamily::decide(&facts.report, &command.report, stamp)
    }
}

/// What Apple is to call this user: from now on both are one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameUser {
    pub person: Person,
    /// The `appAccountToken`, as a user's id.
    pub token: Person,
}

impl NameUser {
    pub fn report(&self) -> Report {
        let event = Id::of("app account token", &[self.person.as_bytes(), self.token.as_bytes()]);
        Report {
            source: Source::App,
            event: event.to_string(),
            digest: event,
            kind: "APP_ACCOUNT_TOKEN".to_owned(),
            at: None,
            about: About::People(vec![self.person, self.token]),
            hand_on: Vec::new(),
        }
    }
}

pub struct NameUserFacts {
    pub circle: Circle,
    /// All ids of whom the token names by now.
    pub named: Circle,
    /// Somebody goes by the token already.
    pub is_known: bool,
    pub report: ReportFacts,
}

pub struct NameUserFamily;

impl Family for NameUserFamily {
    type Command = NameUser;
    type Facts = NameUserFacts;

    /// Two who are known already do not become one person by this: it may be a mistake.
    fn decide(facts: &NameUserFacts, command: &NameUser, stamp: Stamp) -> Result<Decision, Refusal> {
        if facts.circle.has(command.token) {
            return Ok(Decision::same(Reply::Nothing));
        }
        if facts.is_known || facts.named.members().len() > 1 {
            return Err(Refusal::TokenTaken);
        }
        ReportFamily::decide(&facts.report, &command.report(), stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::CodeState;
    use crate::domain::completion::{CompletionState, Method};
    use crate::domain::decide::Put;
    use crate::domain::sample::{self, NOON, circle, person, stamp};

    fn completed_by(referee: u8) -> Completion {
        let code = sample::code(0, 100, CodeState::Used { at: NOON });
        Completion {
            id: Completion::id(&code.campaign, person(100), person(referee)),
            campaign: code.campaign,
            policy: 1,
            referrer: person(100),
            referee: person(referee),
            code: code.text,
            state: CompletionState::Credited { at: NOON },
            method: Some(Method::ClaimTransaction),
            reasons: vec![],
            held_until: None,
            is_test: false,
            days: 30,
            counts: true,
            taken: None,
            cut: None,
            redemption: None,
            original_transaction_id: Some("T1".into()),
            claimed_at: None,
            redeemed_at: None,
        }
    }

    fn filed(decided: Result<Decision, Refusal>) -> Result<bool, Refusal> {
        decided.map(|decision| decision.puts.iter().any(|put| matches!(put, Put::Seen(_))))
    }

    #[test]
    fn what_is_shown() {
        let code = || Some(sample::code(0, 100, CodeState::Pending));
        for (what, code, completed, expected) in [
            ("fresh", code(), None, Ok(true)),
            ("a code of nobody", None, None, Err(Refusal::UnknownCode)),
            ("their own before", code(), Some(completed_by(1)), Ok(true)),
            ("by another id of theirs", code(), Some(completed_by(2)), Ok(true)),
            ("another's", code(), Some(completed_by(9)), Err(Refusal::AlreadyClaimed)),
        ] {
            let show = Show {
                person: person(1),
                code: sample::code(0, 100, CodeState::Pending).text,
                report: NameUser { person: person(1), token: person(3) }.report(),
            };
            let facts = ShowFacts { code, completed, circle: circle(&[1, 2]), report: ReportFacts::default() };
            assert_eq!(filed(ShowFamily::decide(&facts, &show, stamp(NOON))), expected, "{what}");
        }
    }

    #[test]
    fn what_a_user_is_called() {
        for (what, own, named, is_known, expected) in [
            ("nobody's", &[1][..], &[3][..], false, Ok(true)),
            ("theirs already", &[1, 3], &[1, 3], true, Ok(false)),
            ("a user's", &[1], &[3], true, Err(Refusal::TokenTaken)),
            ("one of another's ids", &[1], &[3, 4], false, Err(Refusal::TokenTaken)),
        ] {
            let facts =
                NameUserFacts { circle: circle(own), named: circle(named), is_known, report: ReportFacts::default() };
            let command = NameUser { person: person(1), token: person(3) };
            assert_eq!(filed(NameUserFamily::decide(&facts, &command, stamp(NOON))), expected, "{what}");
        }
    }
}
