//! What referd has granted one person, as one absolute end. RevenueCat does not add grants up, so
//! the sum is kept here and the end is what is sent.

use super::at::{At, Span, Stretch};
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
    /// The times that the person pays for, where a part has to wait for their end.
    pub paid: Vec<Stretch>,
    /// How far grants by somebody else reach, as far as that was seen before they were revoked with ours.
    pub others: Option<At>,
}

/// What was given for one completion, or one milestone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    pub at: At,
    pub id: Id,
    pub span: Span,
    /// It passes only where nothing is paid for.
    pub after_paid: bool,
}

/// The end of what was granted elsewhere, where nobody told of it.
const UNKNOWN: At = At(0);

/// Older parts cannot be told from one another any more: they end some thirty years on.
const MOST: usize = 400;

impl Account {
    pub fn empty(person: Person, to: Person, floor: At) -> Account {
        Account { person, to, end: floor, days: 0, floor, parts: Vec::new(), paid: Vec::new(), others: None }
    }

    /// `end = max(now, end of what was granted before) + what is given`: the days earned, or what is left of
    /// them. `to` is who earned them.
    pub fn earn(before: Option<Account>, person: Person, to: Person, days: u32, part: Part) -> Account {
        let mut account = before.unwrap_or(Account::empty(person, to, part.at));
        account.others = account.others.filter(|end| *end > part.at);
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

    /// Days that were granted elsewhere count, and what is granted from now on comes after their end, as far as that is
    /// known.
    pub fn elsewhere(before: Option<Account>, person: Person, to: Person, days: u32, until: Option<At>) -> Account {
        let mut account = before.unwrap_or(Account::empty(person, to, UNKNOWN));
        if account.parts.is_empty() {
            account.floor = account.floor.max(until.unwrap_or(UNKNOWN));
        }
        account.days += days;
        account.to = account.to.min(to);
        account.in_order()
    }

    /// How far it reaches, where there are any days and that is known.
    pub fn granted_until(&self) -> Option<At> {
        Some(self.end).filter(|end| self.days > 0 && *end > UNKNOWN)
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

    /// The same, by what is known now of the times that the person pays for.
    pub fn after(mut self, paid: Vec<Stretch>) -> Account {
        self.paid = paid;
        self.in_order()
    }

    /// Nothing of it matters any more.
    pub fn is_gone(&self) -> bool {
        self.days == 0 && self.others.is_none()
    }

    /// What is yet to pass.
    pub fn left(&self, now: At) -> Span {
        let before = (self.floor.0 - now.0).max(0);
        let parts = self.parts.iter().zip(self.ends());
        Span(before + parts.map(|(part, (begin, _))| self.left_of(part, begin, now).0).sum::<i64>())
    }

    fn in_order(mut self) -> Account {
        self.parts.sort();
        let surplus = self.parts.len().saturating_sub(MOST);
        if let Some((_, end)) = self.ends()[..surplus].last() {
            self.floor = *end;
        }
        self.parts.drain(..surplus);
        let waiting = self.parts.iter().filter(|part| part.after_paid).map(|part| part.at).min();
        self.paid.retain(|time| waiting.is_some_and(|first| time.until > first));
        self.end = self.ends().last().map_or(self.floor, |(_, end)| *end);
        self
    }

    /// When each part begins, and when it has passed.
    fn ends(&self) -> Vec<(At, At)> {
        let mut end = self.floor;
        let mut next = |part: &Part| {
            let begin = end.max(part.at);
            end = self.end_of(part, begin);
            (begin, end)
        };
        self.parts.iter().map(&mut next).collect()
    }

    fn waits_for(&self, part: &Part) -> &[Stretch] {
        if part.after_paid { &self.paid } else { &[] }
    }

    fn end_of(&self, part: &Part, begin: At) -> At {
        let (mut at, mut left) = (begin, part.span);
        for time in self.waits_for(part).iter().filter(|time| time.until > begin) {
            let free = Span((time.from.0 - at.0).max(0));
            if free >= left {
                break;
            }
            (at, left) = (time.until, Span(left.0 - free.0));
        }
        at.plus(left)
    }

    fn left_of(&self, part: &Part, begin: At, now: At) -> Span {
        let so_far = Stretch { from: begin, until: now.max(begin) };
        let paid: i64 = self.waits_for(part).iter().map(|time| time.within(so_far).0).sum();
        Span((part.span.0 - (so_far.until.0 - so_far.from.0 - paid)).max(0))
    }

    /// Two ids turned out to be one person: what is left on both adds up.
    pub fn joined(person: Person, accounts: &[Account], now: At) -> Option<Account> {
        let longest = accounts.iter().max_by_key(|account| account.end)?;
        let mut joined = Account { person, ..longest.clone() };
        for other in accounts.iter().filter(|account| account.person != longest.person) {
            for (part, (begin, _)) in other.parts.iter().zip(other.ends()) {
                let span = other.left_of(part, begin, now);
                if span > Span::ZERO {
                    joined.parts.push(Part { at: now, span, ..part.clone() });
                }
            }
        }
        joined.to = accounts.iter().map(|account| account.to).min()?;
        joined.days = accounts.iter().map(|account| account.days).sum();
        joined.others = accounts.iter().filter_map(|account| account.others).max();
        joined.paid = Stretch::union(accounts.iter().flat_map(|account| account.paid.clone()).collect());
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
        let part = |(at, day): (usize, &i64)| Part {
            at: At(day * DAY),
            id: Id([at as u8; 16]),
            span: Span::days(30),
            after_paid: false,
        };
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

    fn days(pairs: &[(i64, i64)]) -> Vec<Stretch> {
        let stretch = |(from, until): &(i64, i64)| Stretch { from: At(from * DAY), until: At(until * DAY) };
        Stretch::union(pairs.iter().map(stretch).collect())
    }

    /// The same account with parts that wait for the end of what is paid.
    fn waiting(moments: &[i64], paid: &[(i64, i64)]) -> Account {
        let mut account = account(1, moments);
        account.parts.iter_mut().for_each(|part| part.after_paid = true);
        account.after(days(paid))
    }

    #[test]
    fn days_wait_for_the_end_of_what_is_paid() {
        // (earned on, paid) -> end
        for (moments, paid, end) in [
            (&[0][..], &[][..], 30),
            (&[0], &[(-10, 20)], 50),
            (&[0, 0], &[(-10, 20)], 80),
            (&[0], &[(-40, -10)], 30),
            (&[0], &[(-10, 20), (20, 50)], 80),
            // Ten days passed before they paid again, and twenty after it.
            (&[0], &[(10, 40)], 60),
            (&[0], &[(10, 15), (20, 25), (90, 120)], 40),
            (&[0], &[(30, 60)], 30),
            (&[0, 5], &[(0, 5)], 65),
        ] {
            assert_eq!(waiting(moments, paid).end, At(end * DAY), "{moments:?} {paid:?}");
            let mixed = waiting(moments, &[]).after(days(paid));
            assert_eq!(mixed, waiting(moments, paid), "when it is known leaves no trace");
            let gone = mixed.after(Vec::new());
            assert_eq!(gone.end, account(1, moments).end, "nothing is lost where a period turns out to be none");
        }
        assert!(account(1, &[0]).after(days(&[(0, 90)])).paid.is_empty(), "nothing waits for it");
    }

    #[test]
    fn what_is_left_does_not_count_what_is_paid() {
        // Thirty days earned on day 0, paid from 10 to 40: (now) -> left
        for (now, left) in [(0, 30), (10, 20), (25, 20), (40, 20), (50, 10), (60, 0), (70, 0)] {
            let account = waiting(&[0], &[(10, 40)]);
            assert_eq!(account.left(At(now * DAY)), Span::days(left), "{now}");
            let (_, taken) = account.lose(Id([0; 16]), 30, None, At(now * DAY));
            assert_eq!(taken, Span::days(left), "{now}");
        }
    }
}
