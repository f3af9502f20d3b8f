//! How well the sources are heard: when each spoke last, and how far Apple's notifications were read again.

use super::at::{At, Span};
use serde::{Deserialize, Serialize};

/// Apple's notifications of one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hearing {
    pub is_test: bool,
    /// All that Apple sent until then was taken in.
    pub caught_up: At,
    pub test: Option<Test>,
}

/// A TEST notification that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    pub asked_at: At,
    pub token: Option<String>,
    pub end: Option<TestEnd>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestEnd {
    pub at: At,
    /// Apple's word (`sendAttemptResult`), or why it could not be asked.
    pub result: String,
    /// Whether the notification was taken in here.
    pub has_arrived: bool,
}

/// A source's webhooks: the last one, and the longest silence between two of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub last: At,
    pub longest: Span,
    pub count: u32,
}

/// Fewer say nothing about what is usual.
const FEW: u32 = 20;
/// Apple retries after an hour and RevenueCat for more than two: a shorter silence may end by itself.
const PATIENCE: Span = Span::hours(3);

impl Heard {
    pub fn first(at: At) -> Heard {
        Heard { last: at, longest: Span::ZERO, count: 1 }
    }

    /// One more. What was long once is forgotten by and by.
    pub fn again(self, at: At) -> Heard {
        let gap = Span::millis((at.0 - self.last.0).max(0));
        let faded = Span::millis(self.longest.0 - self.longest.0 / 64);
        Heard { last: self.last.max(at), longest: gap.max(faded), count: self.count.saturating_add(1) }
    }

    /// Whether it has been silent for much longer than it ever was.
    pub fn is_quiet(self, now: At) -> bool {
        let silence = now.0.saturating_sub(self.last.0);
        self.count >= FEW && silence > PATIENCE.0.max(self.longest.0.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn against_its_own_past() {
        // (events, minutes between two, minutes of silence) -> quiet
        for (events, every, silence, is_quiet) in [
            (19, 1, 100_000, false),
            (20, 1, 181, true),
            (20, 1, 180, false),
            (50, 300, 600, false),
            (50, 300, 601, true),
            (500, 0, 181, true),
        ] {
            let at = |minute: i64| At(Span::minutes(minute).0);
            let heard = (1..events).fold(Heard::first(at(0)), |heard, n| heard.again(at(n * every)));
            assert_eq!(heard.is_quiet(at((events - 1) * every + silence)), is_quiet, "{events} {every} {silence}");
        }
    }

    #[test]
    fn what_was_long_fades() {
        let hour = |n: i64| At(Span::hours(n).0);
        let outage = (1..30).fold(Heard::first(hour(0)).again(hour(72)), |heard, n| heard.again(hour(72 + n)));
        assert!(!outage.is_quiet(hour(101 + 70)));
        let later = (1..400).fold(outage, |heard, n| heard.again(hour(101 + n)));
        assert!(later.is_quiet(hour(500 + 12)) && !later.is_quiet(hour(500 + 3)));
    }

    #[test]
    fn a_clock_that_steps_back_is_no_silence() {
        let heard = Heard::first(At(1_000_000)).again(At(5));
        assert_eq!((heard.last, heard.longest), (At(1_000_000), Span::ZERO));
    }
}
