//! Somebody looks at a completion, or its hold ends.

use super::{Decision, Family, Refusal, Reply, Stamp};
use crate::domain::at::At;
use crate::domain::case::{Case, Changes};
use crate::domain::completion::{Completion, CompletionState, Reason};
use crate::domain::id::Id;
use crate::domain::purchase::Share;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub completion: Id,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// What is held is credited; what was reversed by hand is credited again.
    Approve,
    /// It earns nothing, and its redemption can complete nothing else.
    Reject,
    /// Its days are taken back.
    Reverse,
}

pub struct ReviewFacts {
    /// The case of the completion's referee.
    pub case: Option<Case>,
}

pub struct ReviewFamily;

impl Family for ReviewFamily {
    type Command = Review;
    type Facts = ReviewFacts;

    fn decide(facts: &ReviewFacts, command: &Review, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut case = facts.case.clone().ok_or(Refusal::UnknownCompletion)?;
        let (at, mut completion) = found(&case, command.completion).ok_or(Refusal::UnknownCompletion)?;
        let by_hand = completion.reasons.contains(&Reason::ByHand);
        let state = match (command.verdict, completion.state) {
            (Verdict::Approve, CompletionState::Held { .. }) => CompletionState::Credited { at: stamp.at },
            (Verdict::Approve, CompletionState::Reversed { .. })
                if by_hand && refunded(&case, &completion) != Some(Share::ALL) =>
            {
                CompletionState::Credited { at: stamp.at }
            }
            (Verdict::Reject, state) if !matches!(state, CompletionState::Rejected { .. }) => {
                CompletionState::Rejected { at: stamp.at }
            }
            (Verdict::Reverse, CompletionState::Held { .. } | CompletionState::Credited { .. }) => {
                CompletionState::Reversed { at: stamp.at }
            }
            _ => return Err(Refusal::WrongState),
        };
        let is_over = |reason: &Reason| *reason == Reason::ByHand || *reason == Reason::DeviceAsked;
        completion.reasons.retain(|reason| !is_over(reason));
        completion.reasons.extend((command.verdict != Verdict::Approve).then_some(Reason::ByHand));
        let mut changes = Changes::default();
        let completion = close(&mut case, at, completion, state, stamp.at, &mut changes);
        let mut decision = Decision::same(Reply::Completion(completion));
        decision.take(changes);
        Ok(decision)
    }
}

/// The hold of a completion ends.
pub fn release(case: &Case, id: Id, now: At) -> Option<Changes> {
    let mut case = case.clone();
    let (at, completion) = found(&case, id)?;
    let is_due = completion.held_until.is_some_and(|until| until <= now);
    if !is_due || !matches!(completion.state, CompletionState::Held { .. }) {
        return None;
    }
    let (state, mut changes) = (case.due_state(&completion, now), Changes::default());
    close(&mut case, at, completion, state, now, &mut changes);
    Some(changes)
}

fn found(case: &Case, id: Id) -> Option<(usize, Completion)> {
    let is_it = |completion: &&Completion| completion.id == id;
    let of = |filed: &crate::domain::case::Filed| filed.completion.as_ref().filter(is_it).cloned();
    case.claims.iter().enumerate().find_map(|(at, filed)| Some((at, of(filed)?)))
}

fn refunded(case: &Case, completion: &Completion) -> Option<Share> {
    let found = completion.redemption.and_then(|id| case.redemption_at(id))?;
    case.refunded(&case.redemptions[found])
}

fn close(
    case: &mut Case,
    at: usize,
    mut completion: Completion,
    state: CompletionState,
    now: At,
    changes: &mut Changes,
) -> Completion {
    case.turn(&mut completion, state, now, changes);
    let refunded = refunded(case, &completion);
    case.prorate(&mut completion, refunded, now, changes);
    let found = completion.redemption.and_then(|id| case.redemption_at(id));
    case.settle(at, found, completion.clone(), now, changes);
    case.mark_device(at, changes);
    completion
}
