//! What came of an attempt to deliver something.

use super::at::{At, Span};
use super::code::CodeText;
use super::payout::Order;
use super::reconciliation::Reported;
use serde::{Deserialize, Serialize};

/// What an attempt came to, chosen where the failure is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Done(Answer),
    /// Not done; worth another try, not before `after` if that was said.
    Again {
        after: Option<Span>,
        why: String,
    },
    /// It will not work the next time either.
    Never {
        why: String,
    },
    /// Sent, and the answer was lost.
    Unsure {
        why: String,
    },
    /// Looked for after a lost answer, and not there.
    Absent,
    /// Before anything is revoked: somebody else's grants reach until then.
    Found {
        others: At,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Granted {
        end: At,
    },
    BatchMade {
        apple_id: String,
    },
    Codes(Vec<CodeText>),
    /// Nothing more is to be known of it.
    Sent,
    /// This many purchases were found and reported.
    LookedUp {
        purchases: u32,
    },
    /// The renewal date, as it is now.
    Extended {
        until: At,
    },
    CustomCodeMade {
        apple_id: String,
    },
    /// The redemptions of a day; absent where Apple has no report of it.
    Report(Option<Vec<Reported>>),
    /// The order, as the payment service knows it.
    Ordered(Order),
    /// Something else is ordered under this name.
    Disputed {
        why: String,
    },
    /// The two bits of a device.
    Device {
        bit0: bool,
        bit1: bool,
    },
    /// Every notification up to then was read; some were new.
    CaughtUp {
        until: At,
        read: u32,
        new: u32,
    },
    TestRequested {
        token: String,
    },
    /// How Apple's attempt ended, and whether it came here.
    TestSent {
        result: String,
        has_arrived: bool,
    },
}
