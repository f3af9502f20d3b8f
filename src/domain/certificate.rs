//! How long a certificate is good for, when the next one is asked for, and how things stand with it.

use super::at::{At, Span, Stretch};

/// What is known of a certificate that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub valid: Stretch,
    /// The names it is for, in lower case and in order.
    pub names: Vec<String>,
}

impl Certificate {
    /// When two thirds of its time are over: of ninety days thirty are left to try in, of six days two.
    pub fn renew_at(&self) -> At {
        let Stretch { from, until } = self.valid;
        from.plus(Span(until.0.saturating_sub(from.0) / 3 * 2))
    }

    pub fn is_for(&self, domains: &[String]) -> bool {
        let mut domains = domains.to_vec();
        domains.sort();
        domains.dedup();
        self.names == domains
    }
}

/// Until the next attempt, after so many that failed in a row. Let's Encrypt refuses a name for an hour when it
/// failed five times.
pub fn pause(failures: u32) -> Span {
    let minutes = 4i64.checked_pow(failures.saturating_sub(1)).unwrap_or(i64::MAX);
    Span::minutes(minutes.min(60))
}

/// Days within which somebody who renews a certificate by hand wants to know.
const SOON: i64 = 20;

/// Where certificates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Acme,
    Files,
}

impl Source {
    pub fn word(self) -> &'static str {
        match self {
            Source::Acme => "acme",
            Source::Files => "files",
        }
    }
}

/// How things stand, for those who look after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub source: Source,
    /// Until when the one that is shown is good; absent where there is none.
    pub until: Option<At>,
    /// Attempts at a new one that failed since the start.
    pub failures: u64,
    /// Why the last attempt failed, where it did.
    pub trouble: Option<String>,
}

impl Standing {
    /// Why nobody who checks it would connect.
    pub fn fault(&self, now: At) -> Option<&'static str> {
        match self.until {
            None => Some("there is no certificate yet"),
            Some(until) if until <= now => Some("the certificate has expired"),
            Some(_) => None,
        }
    }

    /// What somebody has to look at, before it is too late or after.
    pub fn warning(&self, now: At) -> Option<String> {
        match (self.fault(now), &self.trouble, self.days_left(now)) {
            (Some(fault), Some(trouble), _) => Some(format!("{fault}: {trouble}")),
            (Some(fault), None, _) => Some(fault.to_owned()),
            (None, Some(trouble), _) => Some(format!("there is no newer one: {trouble}")),
            (None, None, Some(days)) if self.source == Source::Files && days < SOON => {
                Some(format!("{days} days are left, and nobody renewed it"))
            }
            (None, None, _) => None,
        }
    }

    /// Whole days; below zero where it is over.
    pub fn days_left(&self, now: At) -> Option<i64> {
        self.until.map(|until| until.0.saturating_sub(now.0).div_euclid(Span::days(1).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = Span::days(1).0;

    #[test]
    fn renewal_comes_when_a_third_is_left() {
        for (from, until, expected) in [
            (0, 90 * DAY, 60 * DAY),
            (100 * DAY, 106 * DAY, 104 * DAY),
            (0, 0, 0),
            (0, -3, -2),
            (i64::MIN, i64::MAX, i64::MIN + i64::MAX / 3 * 2),
        ] {
            let valid = Stretch { from: At(from), until: At(until) };
            assert_eq!(Certificate { valid, names: vec![] }.renew_at(), At(expected), "{from} {until}");
        }
    }

    #[test]
    fn somebody_is_warned_before_it_is_too_late() {
        let why = || Some("no key".to_owned());
        for (source, days, trouble, expected) in [
            (Source::Files, Some(20), None, None),
            (Source::Files, Some(19), None, Some("19 days are left, and nobody renewed it")),
            (Source::Acme, Some(19), None, None),
            (Source::Acme, Some(29), why(), Some("there is no newer one: no key")),
            (Source::Files, Some(-1), None, Some("the certificate has expired")),
            (Source::Acme, Some(-1), why(), Some("the certificate has expired: no key")),
            (Source::Acme, None, None, Some("there is no certificate yet")),
        ] {
            let standing = Standing { source, until: days.map(|days| At(days * DAY)), failures: 0, trouble };
            assert_eq!(standing.warning(At(0)).as_deref(), expected, "{standing:?}");
        }
    }

    #[test]
    fn names_are_all_or_it_is_another() {
        let certificate = |names: &[&str]| Certificate {
            valid: Stretch { from: At(0), until: At(0) },
            names: names.iter().map(ToString::to_string).collect(),
        };
        for (names, domains, same) in [
            (&["a.example"][..], &["a.example"][..], true),
            (&["a.example", "b.example"], &["b.example", "a.example"], true),
            (&["a.example"], &["a.example", "a.example"], true),
            (&["a.example", "b.example"], &["a.example"], false),
            (&["a.example"], &["a.example", "b.example"], false),
            (&[], &["a.example"], false),
        ] {
            let domains: Vec<String> = domains.iter().map(ToString::to_string).collect();
            assert_eq!(certificate(names).is_for(&domains), same, "{names:?} {domains:?}");
        }
    }

    #[test]
    fn pauses_grow_to_an_hour() {
        for (failures, minutes) in [(0, 1), (1, 1), (2, 4), (3, 16), (4, 60), (5, 60), (100, 60), (u32::MAX, 60)] {
            assert_eq!(pause(failures), Span::minutes(minutes), "{failures}");
        }
    }

    #[test]
    fn standings() {
        for (until, days, is_good) in [
            (None, None, false),
            (Some(-DAY), Some(-1), false),
            (Some(-1), Some(-1), false),
            (Some(0), Some(0), false),
            (Some(1), Some(0), true),
            (Some(DAY), Some(1), true),
            (Some(i64::MAX), Some(i64::MAX / DAY), true),
        ] {
            let now = At(5 * DAY);
            let until = until.map(|left: i64| At(left.saturating_add(now.0)));
            let standing = Standing { source: Source::Acme, until, failures: 0, trouble: None };
            let days = if until == Some(At(i64::MAX)) { Some((i64::MAX - now.0) / DAY) } else { days };
            assert_eq!((standing.days_left(now), standing.fault(now).is_none()), (days, is_good), "{until:?}");
        }
    }
}
