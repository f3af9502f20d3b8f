//! Instants and days. A decision gets its time as an argument; nothing here reads a clock.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(pub i64);

/// Days since 1970-01-01, for the date-only fields of App Store Connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(pub i32);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

/// A stretch of time, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stretch {
    pub from: At,
    pub until: At,
}

impl Stretch {
    /// The same time, in order and without overlap.
    pub fn union(mut all: Vec<Stretch>) -> Vec<Stretch> {
        all.retain(|one| one.from < one.until);
        all.sort();
        let mut joined: Vec<Stretch> = Vec::with_capacity(all.len());
        for one in all {
            match joined.last_mut() {
                Some(last) if one.from <= last.until => last.until = last.until.max(one.until),
                _ => joined.push(one),
            }
        }
        joined
    }
    /// How much of it lies in another.
    pub fn within(self, other: Stretch) -> Span {
        Span((self.until.min(other.until).0 - self.from.max(other.from).0).max(0))
    }
}

impl Span {
    pub const ZERO: Span = Span(0);
    pub const fn millis(n: i64) -> Span {
        Span(n)
    }
    pub const fn seconds(n: i64) -> Span {
        Span(n * 1_000)
    }
    pub const fn minutes(n: i64) -> Span {
        Span::seconds(n * 60)
    }
    pub const fn hours(n: i64) -> Span {
        Span::minutes(n * 60)
    }
    pub const fn days(n: i64) -> Span {
        Span::hours(n * 24)
    }
}

impl At {
    pub const fn plus(self, span: Span) -> At {
        At(self.0.saturating_add(span.0))
    }
    pub const fn minus(self, span: Span) -> At {
        At(self.0.saturating_sub(span.0))
    }
    /// As many calendar months later (UTC); where that month has no such day, on its last one.
    pub fn plus_months(self, months: u32) -> At {
        let later = jiff::Timestamp::from_millisecond(self.0).ok().and_then(|at| {
            let at = at.to_zoned(jiff::tz::TimeZone::UTC);
            at.checked_add(jiff::Span::new().try_months(months).ok()?).ok()
        });
        later.map_or(At(i64::MAX), |later| At(later.timestamp().as_millisecond()))
    }
    /// The absolute distance to another instant.
    pub fn apart(self, other: At) -> Span {
        Span(self.0.saturating_sub(other.0).saturating_abs())
    }
    /// The day in California, which is the day of Apple's reports.
    pub fn pacific_date(self) -> Date {
        let zone = jiff::tz::TimeZone::posix("PST8PDT,M3.2.0,M11.1.0").expect("a time zone");
        let offset = jiff::Timestamp::from_millisecond(self.0).map_or(0, |at| zone.to_offset(at).seconds());
        self.plus(Span::seconds(offset.into())).date()
    }
    pub fn date(self) -> Date {
        Date(self.0.div_euclid(Span::days(1).0).clamp(i32::MIN.into(), i32::MAX.into()) as i32)
    }
}

/// As ISO 8601 writes a day.
impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let days = jiff::Span::new().try_days(self.0);
        let day = days.and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days));
        let edge = if self.0 < 0 { jiff::civil::Date::MIN } else { jiff::civil::Date::MAX };
        write!(f, "{}", day.unwrap_or(edge))
    }
}

impl Date {
    /// The first day of its month in the Gregorian calendar, by the days of its 400-year cycle.
    pub const fn first_of_month(self) -> Date {
        // Days since 0000-03-01, so that a leap day ends its year.
        let days = self.0 + 719_468;
        let of_cycle = days.rem_euclid(146_097);
        let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        Date(self.0 - (of_year - (153 * month + 2) / 5))
    }
    pub const fn plus_days(self, days: i32) -> Date {
        Date(self.0.saturating_add(days))
    }
    /// Midnight UTC at the start of the day.
    pub const fn start(self) -> At {
        At(self.0 as i64 * Span::days(1).0)
    }
    /// Codes stop at midnight Pacific time on their expiration date. 07:00Z is that midnight in
    /// summer and an hour before it in winter, so a code is never taken for longer than it lives.
    pub const fn codes_stop(self) -> At {
        self.start().plus(Span::hours(7))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_join() {
        let all = |pairs: &[(i64, i64)]| {
            pairs.iter().map(|(from, until)| Stretch { from: At(*from), until: At(*until) }).collect()
        };
        for (one, joined) in [
            (&[][..], &[][..]),
            (&[(5, 9), (1, 3)], &[(1, 3), (5, 9)]),
            (&[(3, 9), (1, 3)], &[(1, 9)]),
            (&[(1, 9), (2, 3), (8, 12)], &[(1, 12)]),
            (&[(4, 4), (7, 6)], &[]),
        ] {
            let joined: Vec<Stretch> = all(joined);
            assert_eq!(Stretch::union(all(one)), joined);
        }
        let one = |from, until| Stretch { from: At(from), until: At(until) };
        assert_eq!((one(1, 5).within(one(3, 9)), one(1, 3).within(one(3, 9))), (Span(2), Span::ZERO));
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let day = |date: i32| Date(date).start();
        // 2024-01-31 is day 19753.
        for (from, months, to) in [(19_753, 0, 19_753), (19_753, 1, 19_782), (19_753, 2, 19_813), (19_753, 12, 20_119)]
        {
            assert_eq!(day(from).plus_months(months), day(to), "{months}");
        }
        assert_eq!(At(i64::MAX).plus_months(1), At(i64::MAX));
    }

    #[test]
    fn days_in_california() {
        // Midnight is 08:00Z in winter and 07:00Z in summer.
        for (day, hour, back) in [(19_737, 7, 1), (19_737, 8, 0), (19_905, 6, 1), (19_905, 7, 0)] {
            let at = Date(day).start().plus(Span::hours(hour));
            assert_eq!(at.pacific_date(), Date(day - back), "{day} {hour}");
        }
    }

    #[test]
    fn days_and_instants_agree() {
        for (at, date) in [(0, 0), (86_399_999, 0), (86_400_000, 1), (-1, -1), (-86_400_001, -2)] {
            assert_eq!(At(at).date(), Date(date), "{at}");
        }
        assert_eq!(Date(20_000).start().date(), Date(20_000));
        assert_eq!(Date(1).codes_stop(), At(86_400_000 + 7 * 3_600_000));
        assert_eq!(At(i64::MAX).plus(Span::days(1)), At(i64::MAX));
        assert_eq!(At(5).apart(At(9)), At(9).apart(At(5)));
    }
}
