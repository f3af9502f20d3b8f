//! What was said of a transaction's refund last. It may be said before the transaction means anything here.

use super::at::At;
use super::id::Id;
use super::purchase::{Purchase, RefundWord, Share};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub transaction_id: String,
    pub original_transaction_id: String,
    pub told_at: At,
    pub word: RefundWord,
    /// How much of the price it was, as told then. Only Apple tells.
    pub share: Option<(At, Share)>,
    /// When a reversal was told last: what was told of the share before is over.
    pub reversed_at: Option<At>,
}

impl Refund {
    pub fn id(transaction_id: &str) -> Id {
        Id::of("refund", &[transaction_id.as_bytes()])
    }

    /// What a report says, if it says anything.
    pub fn reported(purchase: &Purchase, told_at: At) -> Option<Refund> {
        Some(Refund {
            transaction_id: purchase.transaction_id.clone(),
            original_transaction_id: purchase.original_transaction_id.clone(),
            told_at,
            word: purchase.refund?,
            share: purchase.refunded_share.map(|share| (told_at, share)),
            reversed_at: (purchase.refund == Some(RefundWord::Reversed)).then_some(told_at),
        })
    }

    /// Of two reports of one transaction the latest holds, in whichever order they came.
    pub fn merged(self, other: Refund) -> Refund {
        assert_eq!(self.transaction_id, other.transaction_id);
        let (share, reversed_at) = (self.share.max(other.share), self.reversed_at.max(other.reversed_at));
        let latest = if (other.told_at, other.word) > (self.told_at, self.word) { other } else { self };
        Refund { share, reversed_at, ..latest }
    }

    /// How much of the price went back and stayed there.
    pub fn refunded(&self) -> Option<Share> {
        match self.word {
            RefundWord::Refunded { .. } => {
                let told = self.share.filter(|(at, _)| self.reversed_at.is_none_or(|reversed| reversed < *at));
                Some(told.map_or(Share::ALL, |(_, share)| share))
            }
            RefundWord::Reversed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_word_holds() {
        let refund = |told, word| Refund {
            transaction_id: "T1".into(),
            original_transaction_id: "T0".into(),
            told_at: At(told),
            word,
            share: None,
            reversed_at: None,
        };
        let refunded = RefundWord::Refunded { at: At(5) };
        for (one, other, holds) in [
            ((10, refunded), (20, RefundWord::Reversed), false),
            ((30, refunded), (20, RefundWord::Reversed), true),
            ((10, refunded), (10, RefundWord::Reversed), false),
            ((10, refunded), (20, refunded), true),
        ] {
            let (one, other) = (refund(one.0, one.1), refund(other.0, other.1));
            assert_eq!(one.clone().merged(other.clone()), other.clone().merged(one.clone()));
            assert_eq!(one.merged(other).refunded().is_some(), holds);
        }
    }

    #[test]
    fn only_apple_tells_how_much() {
        let told = |at: i64, share: Option<i64>, word| Refund {
            transaction_id: "T1".into(),
            original_transaction_id: "T0".into(),
            told_at: At(at),
            word,
            share: share.map(|share| (At(at), Share::new(share))),
            reversed_at: (word == RefundWord::Reversed).then_some(At(at)),
        };
        let refunded = RefundWord::Refunded { at: At(5) };
        for (one, other, left) in [
            (told(10, Some(50_000), refunded), told(20, None, refunded), Some(50_000)),
            (told(20, Some(50_000), refunded), told(10, None, refunded), Some(50_000)),
            (told(10, Some(50_000), refunded), told(20, Some(100_000), refunded), Some(100_000)),
            (told(10, None, refunded), told(20, None, refunded), Some(100_000)),
            (told(10, Some(50_000), refunded), told(20, None, RefundWord::Reversed), None),
        ] {
            assert_eq!(one.clone().merged(other.clone()), other.clone().merged(one.clone()));
            assert_eq!(one.merged(other).refunded(), left.map(Share::new));
        }
        let half = told(10, Some(50_000), refunded);
        let (back, all) = (told(20, None, RefundWord::Reversed), told(30, None, refunded));
        let orders = [[&half, &back, &all], [&all, &back, &half], [&back, &all, &half], [&half, &all, &back]];
        for order in orders {
            let end = order.into_iter().cloned().reduce(Refund::merged).expect("three");
            assert_eq!(end.refunded(), Some(Share::ALL), "the half was reversed");
        }
        for (share, days, taken) in [(50_000, 30, 15), (33_333, 30, 9), (100_000, 30, 30), (1, 30, 0), (0, 30, 0)] {
            assert_eq!(Share::new(share).of_days(days), taken, "{share}");
        }
    }
}
