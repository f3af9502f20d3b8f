//! What is to be looked at when its time has come. It stands in the due list until it is done.

use super::at::{At, Date, Span};
use super::claim::Claim;
use super::id::{Id, Person};
use super::winback::Lapse;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    pub at: At,
    pub what: DueWhat,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DueWhat {
    /// The batch's codes are too near their end to be handed out.
    TakeOff { campaign: String, batch: Id },
    /// The batch's codes end: those handed out and not used, chunk by chunk.
    Expire { batch: Id, chunk: u32 },
    /// The hold of a completion ends.
    Release { completion: Id },
    /// The claims of a network on a day are asked for no more.
    Forget { network: Id },
    /// A claim that still waits: others are asked what its referee bought.
    LookUp { campaign: String, referee: Person, claimed_at: At, round: u8 },
    /// What was redeemed with a partner's own offer before it was known as such, piece by piece.
    Attribute { coupon: Id, after: Option<(Date, Id)> },
    /// A payout that is on its way: the payment service is asked about it.
    AskPayout { payout: Id },
    /// A subscription ended some time ago: its owner may get a code to come back with.
    WinBack { campaign: String, lapse: Lapse },
    /// The time in which Apple takes an answer is nearly over.
    AnswerRefund { transaction_id: String, deadline: At },
}

/// How long after the claim others are asked. RevenueCat gives up after some three hours, Apple after a week.
const ROUNDS: [Span; 3] = [Span::hours(1), Span::days(1), Span::days(7)];

impl Due {
    /// Nothing where all rounds are over.
    pub fn look_up(claim: &Claim, round: u8) -> Option<Due> {
        let after = ROUNDS.get(usize::from(round))?;
        let what =
            DueWhat::LookUp { campaign: claim.campaign.clone(), referee: claim.referee, claimed_at: claim.at, round };
        Some(Due { at: claim.at.plus(*after), what })
    }
}
