//! What was said of a transaction's refund last. It may be said before the transaction means anything here.

use super::at::At;
use super::id::Id;
use super::purchase::{Purchase, RefundWord};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub transaction_id: String,
    pub original_transaction_id: String,
    pub told_at: At,
    pub word: RefundWord,
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
        })
    }

    /// Of two reports of one transaction the latest holds, in whichever order they came.
    pub fn merged(self, other: Refund) -> Refund {
        assert_eq!(self.transaction_id, other.transaction_id);
        if (other.told_at, other.word) > (self.told_at, self.word) { other } else { self }
    }

    pub fn is_refunded(&self) -> bool {
        matches!(self.word, RefundWord::Refunded { .. })
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
            assert_eq!(one.merged(other).is_refunded(), holds);
        }
    }
}
