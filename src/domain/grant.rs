//! Days that were granted are taken back. RevenueCat lets the furthest end win and revokes all grants of an entitlement
//! at once, so it is read first: time that somebody else granted stays.

use super::at::{At, Span};
use serde::{Deserialize, Serialize};

/// A grant of the entitlement, as RevenueCat shows it. Of the grants with an absolute end it shows the furthest only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub end: At,
    /// It was asked for by its end, as ours are.
    pub is_custom: bool,
}

/// What is to be granted until `end`, where more was granted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeBack {
    /// How far anything of ours may reach.
    pub over: At,
    /// How far the grants of somebody else reach, as far as that was seen before they were revoked with ours.
    pub others: Option<At>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing reaches further than it may: this is the end that is there.
    Done(At),
    /// To be kept on disk before anything is revoked: afterwards nobody could know it.
    Remember {
        others: At,
    },
    /// All is revoked, and granted until then if that is yet to come.
    Revoke {
        until: At,
    },
    Grant {
        until: At,
    },
}

/// RevenueCat takes two ends this close for one, and leaves the one it has.
pub const ONE_GRANT: Span = Span::hours(2);
/// RevenueCat gives whole seconds.
pub const ROUNDING: Span = Span::seconds(1);

impl TakeBack {
    pub fn over(over: At) -> TakeBack {
        TakeBack { over, others: None }
    }

    /// Two wishes that were not fulfilled yet: what either has to take back.
    pub fn and(self, other: TakeBack) -> TakeBack {
        TakeBack { over: self.over.max(other.over), others: self.others.max(other.others) }
    }

    /// What to do next, with what is shown now.
    pub fn next(self, end: At, shown: &[Shown], now: At) -> Next {
        let is_foreign = |grant: &&Shown| !grant.is_custom || grant.end > self.over.plus(ROUNDING);
        let foreign = shown.iter().filter(is_foreign).map(|grant| grant.end);
        let others = foreign.chain(self.others).filter(|end| *end > now).max();
        let until = others.map_or(end, |others| others.max(end));
        let Some(there) = shown.iter().map(|grant| grant.end).filter(|end| *end > now).max() else {
            return if until > now { Next::Grant { until } } else { Next::Done(end) };
        };
        let (too_far, too_near) = (there > until.plus(ROUNDING), there.plus(ROUNDING) < until);
        let is_in_the_way = too_far || (too_near && until.apart(there) <= ONE_GRANT);
        match others.filter(|others| self.others < Some(*others)) {
            Some(others) if is_in_the_way => Next::Remember { others },
            _ if is_in_the_way => Next::Revoke { until },
            _ if too_near => Next::Grant { until },
            _ => Next::Done(there),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_granted_stays() {
        let day = |n: i64| At(0).plus(Span::days(n));
        let custom = |n| Shown { end: day(n), is_custom: true };
        let named = |n| Shown { end: day(n), is_custom: false };
        let (revoke, grant, done) =
            (|n| Next::Revoke { until: day(n) }, |n| Next::Grant { until: day(n) }, |n| Next::Done(day(n)));
        let remember = |n| Next::Remember { others: day(n) };
        // On day 10, sixty days of ours are to be thirty, or none: (end, remembered, shown) -> next
        type Row<'a> = (&'a str, i64, Option<i64>, Vec<Shown>, Next);
        let rows: Vec<Row<'_>> = vec![
            ("ours alone", 30, None, vec![custom(60)], revoke(30)),
            ("ours alone, all of it", 5, None, vec![custom(60)], revoke(5)),
            ("a part that was sent", 30, None, vec![custom(40)], revoke(30)),
            ("revoked, not granted", 30, None, vec![custom(10)], grant(30)),
            ("revoked", 5, None, vec![custom(10)], done(5)),
            ("nothing was sent", 30, None, vec![], grant(30)),
            ("taken back", 30, None, vec![custom(30)], done(30)),
            ("a month of somebody's", 30, None, vec![custom(60), named(41)], remember(41)),
            ("a month of somebody's, remembered", 30, Some(41), vec![custom(60), named(41)], revoke(41)),
            ("extended since", 30, Some(41), vec![custom(60), named(45)], remember(45)),
            ("revoked with ours", 30, Some(41), vec![custom(10), named(10)], grant(41)),
            ("revoked and kept", 30, Some(41), vec![custom(41), named(10)], done(41)),
            ("shorter than ours", 30, None, vec![custom(60), named(20)], remember(20)),
            ("shorter than ours, remembered", 30, Some(20), vec![custom(60), named(20)], revoke(30)),
            (
                "an end that RevenueCat takes for the other",
                30,
                None,
                vec![Shown { end: day(30).minus(Span::hours(2)), is_custom: true }],
                revoke(30),
            ),
            (
                "somebody's end that RevenueCat takes for the other",
                30,
                None,
                vec![Shown { end: day(30).minus(Span::hours(1)), is_custom: false }],
                Next::Remember { others: day(30).minus(Span::hours(1)) },
            ),
            (
                "an end just far enough",
                30,
                None,
                vec![Shown { end: day(30).minus(Span::hours(3)), is_custom: true }],
                grant(30),
            ),
            ("past", 30, None, vec![custom(60), named(9)], revoke(30)),
            ("further than anything of ours", 30, None, vec![custom(90)], done(90)),
            (
                "for ever",
                30,
                None,
                vec![custom(60), Shown { end: At(i64::MAX), is_custom: false }],
                Next::Done(At(i64::MAX)),
            ),
        ];
        for (what, end, others, shown, next) in rows {
            let wish = TakeBack { over: day(60), others: others.map(day) };
            assert_eq!(wish.next(day(end), &shown, day(10)), next, "{what}");
        }
    }
}
