//! "This referee uses this code." One claim of a referee stands in a campaign at a time.

use super::at::{At, Span};
use super::code::{Code, CodeText};
use super::device::Device;
use super::id::Person;
use super::policy::AttributionRules;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub campaign: String,
    pub referee: Person,
    pub referrer: Person,
    pub code: CodeText,
    pub at: At,
    /// Too many claims came from its network that day.
    pub is_crowded: bool,
    /// What is known of the referee's device, where the campaign asks.
    pub device: Option<Device>,
    pub state: ClaimState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimState {
    /// Waits for a redemption.
    Pending,
    Completed,
    /// The referee turned out to be the referrer.
    Rejected,
    /// Another referee showed that they redeemed the code.
    Superseded,
}

impl ClaimState {
    pub fn word(self) -> &'static str {
        match self {
            ClaimState::Pending => "pending",
            ClaimState::Completed => "completed",
            ClaimState::Rejected => "rejected",
            ClaimState::Superseded => "superseded",
        }
    }
}

impl Claim {
    pub fn of(code: &Code, referee: Person, at: At) -> Claim {
        Claim {
            campaign: code.campaign.clone(),
            referee,
            referrer: code.assigned_to,
            code: code.text.clone(),
            at,
            is_crowded: false,
            device: None,
            state: ClaimState::Pending,
        }
    }
    /// Whether a redemption at this time is near enough to belong to the claim.
    pub fn meets(&self, redeemed_at: At, rules: &AttributionRules) -> bool {
        self.at.apart(redeemed_at) <= window(rules)
    }
    /// Whether it keeps its referee from making another claim.
    pub fn binds(&self, now: At, rules: &AttributionRules) -> bool {
        match self.state {
            ClaimState::Completed => true,
            ClaimState::Pending => self.at.plus(window(rules)) >= now,
            ClaimState::Rejected | ClaimState::Superseded => false,
        }
    }
}

fn window(rules: &AttributionRules) -> Span {
    Span::days(rules.claim_window_days.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Accept;

    #[test]
    fn the_window_is_closed_at_both_ends() {
        let rules = AttributionRules { accept: Accept::Evidence, claim_window_days: 30, asks_apple: false };
        let day = Span::days(1).0;
        let claim = |state| Claim {
            campaign: "friends".into(),
            referee: Person([1; 16]),
            referrer: Person([2; 16]),
            code: CodeText::parse("ABCDEF").unwrap(),
            at: At(100 * day),
            is_crowded: false,
            device: None,
            state,
        };
        for (redeemed, near) in
            [(100 * day, true), (130 * day, true), (130 * day + 1, false), (70 * day, true), (69 * day, false)]
        {
            assert_eq!(claim(ClaimState::Pending).meets(At(redeemed), &rules), near, "{redeemed}");
        }
        for (state, now, binds) in [
            (ClaimState::Pending, 130 * day, true),
            (ClaimState::Pending, 131 * day, false),
            (ClaimState::Completed, 900 * day, true),
            (ClaimState::Rejected, 100 * day, false),
            (ClaimState::Superseded, 100 * day, false),
        ] {
            assert_eq!(claim(state).binds(At(now), &rules), binds, "{state:?} {now}");
        }
    }
}
