//! What referd has granted one person, as one absolute end. RevenueCat does not add grants up, so
//! the sum is kept here and the end is what is sent.

use super::at::{At, Span};
use super::id::Person;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The person's circle.
    pub person: Person,
    /// The id that the grants are sent to: the first in order of those that earned.
    pub to: Person,
    pub end: At,
    pub days: u32,
}

impl Account {
    /// `end = max(now, end of what was granted before) + what is given`: the days earned, or what is left of
    /// them.
    pub fn earn(before: Option<Account>, person: Person, to: Person, days: u32, given: Span, now: At) -> Account {
        let mut account = before.unwrap_or(Account { person, to, end: now, days: 0 });
        account.end = account.end.max(now).plus(given);
        account.days += days;
        account.to = account.to.min(to);
        account
    }

    /// Days that were earned are taken back.
    pub fn lose(mut self, days: u32) -> Account {
        self.end = self.end.minus(Span::days(days.into()));
        self.days -= days;
        self
    }

    pub fn left(&self, now: At) -> Span {
        Span::millis((self.end.0 - now.0).max(0))
    }

    /// Two ids turned out to be one person: what is left on both adds up.
    pub fn joined(person: Person, accounts: &[Account], now: At) -> Option<Account> {
        let longest = accounts.iter().max_by_key(|account| account.end)?;
        let left = |account: &Account| account.left(now).0;
        let rest: i64 = accounts.iter().map(left).sum::<i64>() - left(longest);
        Some(Account {
            person,
            to: accounts.iter().map(|account| account.to).min()?,
            end: longest.end.plus(Span::millis(rest)),
            days: accounts.iter().map(|account| account.days).sum(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = Span::days(1).0;

    #[test]
    fn days_stack_without_loss() {
        let me = Person([1; 16]);
        // (moments at which 30 days are earned) -> end, in days
        for (moments, end) in [
            (vec![0], 30),
            (vec![0, 0, 0], 90),
            (vec![0, 10], 60),
            (vec![0, 30], 60),
            (vec![0, 40], 70),
            (vec![0, 40, 41], 100),
        ] {
            let account = moments
                .iter()
                .fold(None, |before, day| Some(Account::earn(before, me, me, 30, Span::days(30), At(day * DAY))));
            assert_eq!(account.unwrap().end, At(end * DAY), "{moments:?}");
        }
    }

    #[test]
    fn two_accounts_of_one_person_add_up() {
        let account =
            |n: u8, end| Account { person: Person([n; 16]), to: Person([n; 16]), end: At(end * DAY), days: 30 };
        for (ends, now, end) in [((30, 30), 0, 60), ((30, 60), 10, 80), ((5, 30), 10, 30), ((5, 6), 10, 6)] {
            let both = [account(1, ends.0), account(2, ends.1)];
            let joined = Account::joined(Person([1; 16]), &both, At(now * DAY)).unwrap();
            assert_eq!(joined.end, At(end * DAY), "{ends:?} at {now}");
            assert_eq!(joined.days, 60);
        }
        assert!(Account::joined(Person([1; 16]), &[], At(0)).is_none());
    }
}
