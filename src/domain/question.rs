//! Apple's question what it should know of a purchase, before it decides on a refund (Apple, CONSUMPTION_REQUEST): one for
//! each transaction, what was answered, and what Apple decided.

use super::at::{At, Span};
use super::consumption::Consumption;
use super::id::{Id, Person};
use super::purchase::{Purchase, RefundWord, Requested, Share};
use super::refund::Refund;
use serde::{Deserialize, Serialize};

/// Apple waits for an answer for so long (Apple, Send Consumption Information).
const WINDOW: Span = Span::hours(12);
/// So long before its end somebody is told that it is not answered.
const WARNING: Span = Span::hours(3);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub transaction_id: String,
    pub original_transaction_id: String,
    pub product_id: String,
    pub is_renewing: bool,
    pub is_test: bool,
    /// Whose purchase it is, where anybody knows.
    pub owner: Option<Person>,
    /// Absent where Apple declined, and its question was not heard.
    pub asked: Option<Asked>,
    pub state: State,
    /// What was answered, from the first attempt on.
    pub answer: Option<Consumption>,
    /// When Apple said last that it declines.
    pub declined_at: Option<At>,
    /// What Apple decided last.
    pub verdict: Option<Verdict>,
}

/// That Apple asked: again for the same refund under another name, or for another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The customer's, in Apple's words; known to us or not.
    pub reason: Option<String>,
    pub first_at: At,
    pub last_at: At,
    pub times: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It is not answered.
    Silent { why: Silence },
    /// An answer is on its way.
    Waiting,
    /// Apple has taken it.
    Answered { at: At },
    /// The time for it ran out.
    Late { at: At },
    /// Apple does not take it, or somebody discarded it.
    Failed { at: At, why: String },
}

/// Why a question is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Silence {
    NotAsked,
    /// By the rules of the app.
    NotWanted,
    UnknownUser,
    NoConsent,
    /// Apple did not wait.
    Decided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Verdict {
    pub at: At,
    pub what: Decided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Decided {
    Refunded { share: Share },
    Declined,
    Reversed,
}

impl State {
    pub fn word(&self) -> &'static str {
        match self {
            State::Silent { .. } => "silent",
            State::Waiting => "waiting",
            State::Answered { .. } => "answered",
            State::Late { .. } => "late",
            State::Failed { .. } => "failed",
        }
    }
}

impl Silence {
    pub fn word(self) -> &'static str {
        match self {
            Silence::NotAsked => "not_asked",
            Silence::NotWanted => "not_wanted",
            Silence::UnknownUser => "unknown_user",
            Silence::NoConsent => "no_consent",
            Silence::Decided => "decided",
        }
    }
}

impl Decided {
    pub fn word(self) -> &'static str {
        match self {
            Decided::Refunded { .. } => "refunded",
            Decided::Declined => "declined",
            Decided::Reversed => "reversed",
        }
    }
}

impl Question {
    pub fn id(transaction_id: &str) -> Id {
        Id::of("question", &[transaction_id.as_bytes()])
    }

    /// What a report says, if it says anything. What becomes of it is decided when all that is known is at hand.
    pub fn reported(purchase: &Purchase, told_at: At) -> Option<Question> {
        let request = purchase.refund_request.as_ref()?;
        let (asked, declined_at) = match &request.what {
            Requested::Asked { reason } => {
                (Some(Asked { reason: reason.clone(), first_at: told_at, last_at: told_at, times: 1 }), None)
            }
            Requested::Declined => (None, Some(told_at)),
        };
        Some(Question {
            transaction_id: purchase.transaction_id.clone(),
            original_transaction_id: purchase.original_transaction_id.clone(),
            product_id: purchase.product_id.clone(),
            is_renewing: request.is_renewing,
            is_test: purchase.is_test,
            owner: None,
            asked,
            state: State::Silent { why: Silence::NotAsked },
            answer: None,
            declined_at,
            verdict: None,
        })
    }

    /// The same with what is reported now.
    pub fn merged(self, reported: Question) -> Question {
        assert_eq!(self.transaction_id, reported.transaction_id);
        let asked = match (self.asked, reported.asked) {
            (Some(known), Some(again)) => Some(known.again(again)),
            (known, asked) => known.or(asked),
        };
        Question { asked, declined_at: self.declined_at.max(reported.declined_at), ..self }
    }

    /// No attempt to answer begins at or after it.
    pub fn deadline(&self) -> Option<At> {
        self.asked.as_ref().map(|asked| asked.last_at.plus(WINDOW))
    }
    pub fn is_open(&self, now: At) -> bool {
        self.deadline().is_some_and(|deadline| now < deadline)
    }
    /// When somebody is told that an answer still waits: where it is late already, after half of what is left.
    pub fn warning(deadline: At, now: At) -> At {
        deadline.minus(WARNING).max(now.plus(Span((deadline.0 - now.0) / 2)))
    }

    /// The latest of what Apple is known to have decided.
    pub fn verdict_with(&self, refund: Option<&Refund>) -> Option<Verdict> {
        let refunded = refund.map(|refund| match refund.word {
            RefundWord::Refunded { at } => {
                Verdict { at, what: Decided::Refunded { share: refund.refunded().unwrap_or(Share::ALL) } }
            }
            RefundWord::Reversed => Verdict { at: refund.told_at, what: Decided::Reversed },
        });
        refunded.max(self.declined_at.map(|at| Verdict { at, what: Decided::Declined }))
    }
    /// Apple decided since it asked last.
    pub fn is_decided(&self) -> bool {
        let asked = self.asked.as_ref().map(|asked| asked.last_at);
        self.verdict.is_some_and(|verdict| asked.is_none_or(|asked| asked <= verdict.at))
    }
}

impl Asked {
    fn again(self, other: Asked) -> Asked {
        let reason =
            if other.last_at >= self.last_at { other.reason.or(self.reason) } else { self.reason.or(other.reason) };
        Asked {
            reason,
            first_at: self.first_at.min(other.first_at),
            last_at: self.last_at.max(other.last_at),
            times: self.times + other.times,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::purchase::RefundRequest;

    fn told(at: i64, what: Requested) -> Question {
        let purchase = Purchase {
            transaction_id: "T1".into(),
            original_transaction_id: "T0".into(),
            refund_request: Some(RefundRequest { is_renewing: false, what }),
            ..Purchase::default()
        };
        Question::reported(&purchase, At(at)).expect("it says something")
    }

    fn asked(at: i64, reason: Option<&str>) -> Question {
        told(at, Requested::Asked { reason: reason.map(str::to_owned) })
    }

    #[test]
    fn the_latest_question_counts_in_whichever_order() {
        let legal = Some("LEGAL".to_owned());
        for (one, other, reason, times, declined_at) in [
            (asked(5, Some("OTHER")), asked(9, Some("LEGAL")), legal.clone(), 2, None),
            (asked(5, Some("LEGAL")), asked(9, None), legal.clone(), 2, None),
            (asked(5, Some("LEGAL")), told(7, Requested::Declined), legal, 1, Some(At(7))),
        ] {
            let (first, last) = (At(5), if times == 2 { At(9) } else { At(5) });
            for merged in [one.clone().merged(other.clone()), other.merged(one)] {
                let known = merged.asked.clone().expect("it was asked");
                assert_eq!((known.reason, known.first_at, known.last_at), (reason.clone(), first, last));
                assert_eq!((known.times, merged.declined_at), (times, declined_at));
                assert_eq!(merged.deadline(), Some(last.plus(Span::hours(12))));
            }
        }
        assert_eq!(Question::reported(&Purchase::default(), At(1)), None);
        assert_eq!(told(7, Requested::Declined).deadline(), None);
    }

    #[test]
    fn what_apple_decided_last() {
        let refund = |told: i64, word, share: Option<i64>| {
            Some(Refund {
                transaction_id: "T1".into(),
                original_transaction_id: "T0".into(),
                told_at: At(told),
                word,
                share: share.map(|share| (At(told), Share::new(share))),
                reversed_at: None,
            })
        };
        let refunded = RefundWord::Refunded { at: At(20) };
        let part = |share| Decided::Refunded { share: Share::new(share) };
        // (the refund, when it was declined) -> what was decided, when, and whether since the question of 10
        for (refund, declined_at, expected, is_decided) in [
            (None, None, None, false),
            (None, Some(9), Some((9, Decided::Declined)), false),
            (None, Some(15), Some((15, Decided::Declined)), true),
            (refund(21, refunded, Some(50_000)), None, Some((20, part(50_000))), true),
            (refund(21, refunded, None), Some(15), Some((20, part(100_000))), true),
            (refund(99, refunded, None), Some(25), Some((25, Decided::Declined)), true),
            (refund(5, RefundWord::Refunded { at: At(5) }, None), None, Some((5, part(100_000))), false),
            (refund(30, RefundWord::Reversed, None), Some(25), Some((30, Decided::Reversed)), true),
        ] {
            let mut question = Question { declined_at: declined_at.map(At), ..asked(10, None) };
            question.verdict = question.verdict_with(refund.as_ref());
            assert_eq!(question.verdict, expected.map(|(at, what)| Verdict { at: At(at), what }), "{refund:?}");
            assert_eq!(question.is_decided(), is_decided, "{refund:?} {declined_at:?}");
        }
    }

    #[test]
    fn the_window_and_the_warning() {
        let question = asked(0, None);
        for (hours, is_open) in [(0, true), (11, true), (12, false), (13, false)] {
            assert_eq!(question.is_open(At(0).plus(Span::hours(hours))), is_open, "{hours}");
        }
        let hour = |n| At(0).plus(Span::hours(n));
        for (now, warning) in [(0, 9), (5, 9), (10, 11)] {
            assert_eq!(Question::warning(hour(12), hour(now)), hour(warning), "{now}");
        }
    }
}
