//! One payment to one partner, made in deliberate steps.

use super::at::At;
use super::books::{Account, Line};
use super::id::Id;
use super::money::Money;
use super::partner::Rail;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// Its name at the payment service too, never used for another amount or recipient.
    pub id: Id,
    pub partner: Id,
    pub campaign: String,
    /// What is sent.
    pub money: Money,
    /// What the conversions in it come to: more or less than is sent by what was carried over.
    pub counted: i64,
    pub conversions: u32,
    pub rail: Rail,
    pub state: PayoutState,
    /// As the payment service knows it.
    pub order: Option<Order>,
    /// Why somebody has to look at it.
    pub trouble: Option<String>,
    pub made_at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PayoutState {
    Draft,
    Approved { at: At },
    Sent { at: At },
    Settled { at: At },
    Failed { at: At, why: String },
    Cancelled { at: At },
}

/// An order at Tremendous.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: String,
    pub reward: Option<String>,
    pub progress: Progress,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    Open,
    Settled,
    /// It was paid for, and cannot be delivered.
    Undelivered,
    Failed,
    Cancelled,
}

impl PayoutState {
    pub fn is_open(&self) -> bool {
        matches!(self, PayoutState::Draft | PayoutState::Approved { .. } | PayoutState::Sent { .. })
    }
    pub fn word(&self) -> &'static str {
        match self {
            PayoutState::Draft => "draft",
            PayoutState::Approved { .. } => "approved",
            PayoutState::Sent { .. } => "sent",
            PayoutState::Settled { .. } => "settled",
            PayoutState::Failed { .. } => "failed",
            PayoutState::Cancelled { .. } => "cancelled",
        }
    }
}

impl Payout {
    pub fn id(partner: Id, seq: u64) -> Id {
        Id::of("payout", &[partner.as_bytes(), &seq.to_be_bytes()])
    }

    /// It may still come about.
    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Whether a person says how it ended, and not the payment service.
    pub fn is_by_hand(&self) -> bool {
        self.rail != Rail::Tremendous || self.trouble.is_some()
    }

    pub fn settled_at(&self) -> Option<At> {
        match self.state {
            PayoutState::Settled { at } => Some(at),
            _ => None,
        }
    }

    /// What it takes out of the accounts, and what was carried over with it.
    pub fn lines(&self) -> Vec<Line> {
        let line = |account, minor| Line { partner: self.partner, account, money: Money { minor, ..self.money } };
        let to = match self.state {
            PayoutState::Draft | PayoutState::Approved { .. } | PayoutState::Sent { .. } => Account::Paying,
            PayoutState::Settled { .. } => Account::Paid,
            PayoutState::Failed { .. } | PayoutState::Cancelled { .. } => return Vec::new(),
        };
        vec![
            line(Account::Approved, -self.counted),
            line(Account::Carried, self.counted - self.money.minor),
            line(to, self.money.minor),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::books::is_balanced;
    use crate::domain::money::Currency;
    use crate::domain::sample::NOON;

    #[test]
    fn where_the_money_stands() {
        let payout = |state| Payout {
            id: Id([9; 16]),
            partner: Id([1; 16]),
            campaign: "creators".into(),
            money: Money::new(700, Currency::parse("USD").unwrap()),
            counted: 1_000,
            conversions: 5,
            rail: Rail::Csv,
            state,
            order: None,
            trouble: None,
            made_at: NOON,
        };
        for (state, account) in [
            (PayoutState::Draft, Some(Account::Paying)),
            (PayoutState::Approved { at: NOON }, Some(Account::Paying)),
            (PayoutState::Sent { at: NOON }, Some(Account::Paying)),
            (PayoutState::Settled { at: NOON }, Some(Account::Paid)),
            (PayoutState::Failed { at: NOON, why: "no".into() }, None),
            (PayoutState::Cancelled { at: NOON }, None),
        ] {
            let lines = payout(state).lines();
            assert!(is_balanced(&lines));
            assert_eq!(lines.last().map(|line| line.account), account);
        }
    }
}
