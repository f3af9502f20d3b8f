//! Double entry: what a partner earned goes from account to account in movements whose lines sum to zero in every
//! currency. What stands in an account follows from the conversions and the payouts too, and both must agree.

use super::at::At;
use super::id::Id;
use super::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Account {
    /// The other side of all that is owed: what commissions cost, as a negative number.
    Earned,
    /// Owed, and not looked at.
    Pending,
    /// Owed, to be paid.
    Approved,
    /// Carried over: below zero what was paid for sales that were refunded later.
    Carried,
    /// On its way.
    Paying,
    Paid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    pub partner: Id,
    pub account: Account,
    pub money: Money,
}

/// What one decision moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    pub seq: u64,
    pub at: At,
    pub lines: Vec<Line>,
}

impl Account {
    pub const ALL: [Account; 6] =
        [Account::Earned, Account::Pending, Account::Approved, Account::Carried, Account::Paying, Account::Paid];

    pub fn word(self) -> &'static str {
        match self {
            Account::Earned => "earned",
            Account::Pending => "pending",
            Account::Approved => "approved",
            Account::Carried => "clawed_back",
            Account::Paying => "paying",
            Account::Paid => "paid",
        }
    }
}

/// What these lines leave in each account; nothing where it is zero.
pub fn totals(lines: impl IntoIterator<Item = Line>) -> BTreeMap<(Id, Currency, Account), i64> {
    let mut totals = BTreeMap::new();
    for line in lines {
        *totals.entry((line.partner, line.money.currency, line.account)).or_default() += line.money.minor;
    }
    totals.retain(|_, total| *total != 0);
    totals
}

/// The lines that lead from what stood there to what stands there.
pub fn moved(before: Vec<Line>, after: Vec<Line>) -> Vec<Line> {
    let back = before.into_iter().map(|line| Line { money: Money { minor: -line.money.minor, ..line.money }, ..line });
    let line = |((partner, currency, account), minor)| Line { partner, account, money: Money::new(minor, currency) };
    totals(back.chain(after)).into_iter().map(line).collect()
}

pub fn is_balanced(lines: &[Line]) -> bool {
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    lines.iter().for_each(|line| *sums.entry(line.money.currency).or_default() += line.money.minor);
    sums.values().all(|sum| *sum == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_from_one_to_the_other() {
        let line = |account, minor, code: &str| Line {
            partner: Id([1; 16]),
            account,
            money: Money::new(minor, Currency::parse(code).unwrap()),
        };
        let before = vec![line(Account::Earned, -200, "USD"), line(Account::Pending, 200, "USD")];
        let after = vec![line(Account::Earned, -150, "USD"), line(Account::Approved, 150, "USD")];
        let lines = moved(before.clone(), after.clone());
        let expected = [
            line(Account::Earned, 50, "USD"),
            line(Account::Pending, -200, "USD"),
            line(Account::Approved, 150, "USD"),
        ];
        assert_eq!(lines, expected);
        assert!(is_balanced(&lines) && is_balanced(&before));
        assert_eq!(moved(after.clone(), after), []);
        assert!(!is_balanced(&[line(Account::Earned, -1, "USD"), line(Account::Pending, 1, "JPY")]));
    }
}
