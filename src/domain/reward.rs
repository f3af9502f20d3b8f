//! What referd has granted one person, as one absolute end. RevenueCat does not add grants up, so
//! the sum is kept here and the end is what is sent.

use super::at::{At, Span};
use super::id::{Id, Person};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The person's circle.
    pub person: Person,
    /// The id that the grants are sent to: the first in order of those that earned.
    pub to: Person,
    pub end: At,
    pub days: u32,
    /// Where the oldest part begins at the earliest: the end of what came before it.
    pub floor: At,
    /// What was given, in order. What is taken back leaves an end as if it had never been given, so that days which
    /// others earned are never touched.
    pub parts: Vec<Part>,
}

/// What was given for one completion, or one milestone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    pub at: At,
    pub id: Id,
    pub span: Span,
}

/// Older parts cannot be told from one another any more: they end some thirty years on.
const MOST: usize = 400;

impl Account {
    fn empty(person: Person, to: Person, floor: At) -> Account {
        Account { person, to, end: floor, days: 0, floor, parts: Vec::new() }
    }

    /// `end = max(now, end of what was granted before) + what is given`: the days earned, or what is left of
    /// them. `to` is who earned them.
    pub fn earn(before: Option<Account>, person: Person, to: Person, days: u32, part: Part) -> Account {
        let mut account = before.unwrap_or(Account::empty(person, to, part.at));
        if part.span > Span::ZERO {
            if account.end <= part.at {
                (account.floor, account.parts) = (account.end, Vec::new());
            }
            account.parts.push(part);
        }
        account.days += days;
        account.to = account.to.min(to);
        account.in_order()
    }

    /// Days that were earned are taken back: all that was given for something, or so much of it. What had not passed
    /// of them by now is given with what is left.
    pub fn lose(mut self, id: Id, days: u32, part: Option<Span>, now: At) -> (Account, Span) {
        let before = self.left(now);
        let mut owed = part.unwrap_or(Span(i64::MAX));
        for part in self.parts.iter_mut().rev().filter(|part| part.id == id) {
            let taken = owed.min(part.span);
            (part.span, owed) = (Span(part.span.0 - taken.0), Span(owed.0 - taken.0));
        }
        self.parts.retain(|part| part.span > Span::ZERO);
        self.days -= days;
        let after = self.in_order();
        let left = Span::millis(before.0 - after.left(now).0);
        (after, left)
    }

    pub fn left(&self, now: At) -> Span {
        Span::millis((self.end.0 - now.0).max(0))
    }

    fn in_order(mut self) -> Account {
        self.parts.sort();
        let surplus = self.parts.len().saturating_sub(MOST);
        for part in self.parts.drain(..surplus) {
            self.floor = self.floor.max(part.at).plus(part.span);
        }
        self.end = self.ends().last().map_or(self.floor, |(_, end)| *end);
        self
    }

    /// When each part ends, with when it begins.
    fn ends(&self) -> Vec<(At, At)> {
        let mut end = self.floor;
        let mut next = |part: &Part| {
            let begin = end.max(part.at);
            end = begin.plus(part.span);
            (begin, end)
        };
        self.parts.iter().map(&mut next).collect()
    }

    /// Two ids turned out to be one person: what is left on both adds up.
    pub fn joined(person: Person, accounts: &[Account], now: At) -> Option<Account> {
        let longest = accounts.iter().max_by_key(|account| account.end)?;
        let mut joined = Account { person, ..longest.clone() };
        for other in accounts.iter().filter(|account| account.person != longest.person) {
            for (part, (begin, end)) in other.parts.iter().zip(other.ends()) {
                let span = Span::millis(end.0 - begin.max(now).0);
                if span <= Span::ZERO {
                    continue;
                }
                joined.parts.push(Part { at: now, span, ..part.clone() });
            }
        }
        joined.to = accounts.iter().map(|account| account.to).min()?;
        joined.days = accounts.iter().map(|account| account.days).sum();
        Some(joined.in_order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = Span::days(1).0;

    /// An account by the days on which thirty days each were earned.
    fn account(n: u8, moments: &[i64]) -> Account {
        let me = Person([n; 16]);
        let part = |(at, day): (usize, &i64)| Part { at: At(day * DAY), id: Id([at as u8; 16]), span: Span::days(30) };
        let all = moments.iter().enumerate().map(part);
        all.fold(None, |before, part| Some(Account::earn(before, me, me, 30, part))).expect("something was earned")
    }

    #[test]
    fn days_stack_without_loss() {
        // (moments at which 30 days are earned) -> end, in days
        for (moments, end) in [
            (vec![0], 30),
            (vec![0, 0, 0], 90),
            (vec![0, 10], 60),
            (vec![0, 30], 60),
            (vec![0, 40], 70),
            (vec![0, 40, 41], 100),
        ] {
            assert_eq!(account(1, &moments).end, At(end * DAY), "{moments:?}");
        }
    }

    #[test]
    fn what_is_taken_back_touches_nothing_else() {
        // (earned on, which is taken back, when) -> end, and what was left of it
        for (moments, which, now, end, left) in [
            (vec![0], 0, 0, 0, 30),
            (vec![0], 0, 10, 0, 20),
            (vec![0], 0, 40, 0, 0),
            (vec![0, 0], 0, 0, 30, 30),
            (vec![0, 0], 1, 10, 30, 30),
            (vec![0, 25], 0, 26, 55, 5),
            (vec![0, 25], 1, 26, 30, 30),
            (vec![0, 40], 0, 41, 70, 0),
            (vec![0, 40], 1, 41, 30, 29),
            (vec![0, 10, 20], 1, 50, 60, 30),
        ] {
            let account = account(1, &moments);
            let (after, taken) = account.clone().lose(Id([which; 16]), 30, None, At(now * DAY));
            assert_eq!(taken, Span::days(left), "{moments:?} {which} on {now}");
            assert_eq!(after.days, account.days - 30);
            let is_over = after.end.0 <= now * DAY && end <= now;
            assert!(is_over || after.end == At(end * DAY), "{moments:?} {which} on {now}: {}", after.end.0 / DAY);
        }
    }

    #[test]
    fn two_accounts_of_one_person_add_up() {
        // (earned on, by two ids) at a time -> end
        for ((one, two), now, end) in [
            ((vec![0], vec![0]), 0, 60),
            ((vec![0], vec![0, 0]), 10, 80),
            ((vec![-25], vec![0]), 10, 30),
            ((vec![-25], vec![-24]), 10, 6),
        ] {
            let both = [account(1, &one), account(2, &two)];
            let joined = Account::joined(Person([1; 16]), &both, At(now * DAY)).unwrap();
            assert_eq!(joined.end, At(end * DAY), "{one:?} {two:?} at {now}");
            assert_eq!(joined.days, both[0].days + both[1].days);
        }
        assert!(Account::joined(Person([1; 16]), &[], At(0)).is_none());
    }

    #[test]
    fn very_many_parts_are_still_a_sum() {
        let many = account(1, &vec![0; MOST + 50]);
        assert_eq!((many.parts.len(), many.end), (MOST, At((MOST as i64 + 50) * 30 * DAY)));
    }
}
