//! What other rules would have made of what happened, completion by completion.

use super::completion::{Completion, CompletionState};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// Commands that were decided again, and those that the rules refuse by now.
    pub commands: u64,
    pub refused: u64,
    /// Completions that would be otherwise, or not at all, or only then.
    pub changes: Vec<Change>,
    /// What all referrers have earned, and would have.
    pub days: (u64, u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub was: Option<Completion>,
    pub would: Option<Completion>,
}

/// What the other rules come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Held,
    Released,
    Refused,
    /// Other days, or other reasons.
    Other,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::Released => "released",
            Verdict::Refused => "refused",
            Verdict::Other => "other",
        }
    }
}

impl Simulation {
    pub fn count(&self, verdict: Verdict) -> usize {
        self.changes.iter().filter(|change| change.verdict() == verdict).count()
    }
}

impl Change {
    /// Whether anything that anybody sees is otherwise.
    pub fn is_one(&self) -> bool {
        let seen = |row: &Completion| {
            let mut reasons = row.reasons.clone();
            reasons.sort();
            (row.state.word(), row.days, reasons)
        };
        self.was.as_ref().map(seen) != self.would.as_ref().map(seen)
    }

    pub fn verdict(&self) -> Verdict {
        use CompletionState::{Credited, Held, Rejected};
        let state = |row: &Option<Completion>| row.as_ref().map(|row| row.state);
        match (state(&self.was), state(&self.would)) {
            (Some(Held { .. }), Some(Held { .. })) | (Some(Credited { .. }), Some(Credited { .. })) => Verdict::Other,
            (Some(Rejected { .. }), Some(Rejected { .. })) => Verdict::Other,
            (_, Some(Held { .. })) => Verdict::Held,
            (_, Some(Credited { .. })) => Verdict::Released,
            (_, Some(Rejected { .. }) | None) => Verdict::Refused,
            _ => Verdict::Other,
        }
    }
}
