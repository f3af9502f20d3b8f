//! A verified fact: a user bought with an offer code. It names the offer, never the code.

use super::at::At;
use super::id::{Id, Person};
use super::purchase::{Purchase, Source};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    pub id: Id,
    pub original_transaction_id: String,
    pub transaction_id: String,
    pub product_id: String,
    pub offer: String,
    pub campaign: Option<String>,
    /// Who owns the purchase, as far as was reported by `owned_at`.
    pub user: Person,
    pub owned_at: At,
    pub sources: Vec<Source>,
    pub is_test: bool,
    pub redeemed_at: At,
    pub state: RedemptionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedemptionState {
    Unattributed,
    Attributed { completion: Id },
    Rejected { completion: Id },
}

impl RedemptionState {
    pub fn word(self) -> &'static str {
        match self {
            RedemptionState::Unattributed => "unattributed",
            RedemptionState::Attributed { .. } => "attributed",
            RedemptionState::Rejected { .. } => "rejected",
        }
    }
}

impl Redemption {
    /// One subscription redeems one offer once, whoever reports it and however often.
    pub fn id(original_transaction_id: &str, offer: &str) -> Id {
        Id::of("redemption", &[original_transaction_id.as_bytes(), offer.as_bytes()])
    }

    /// What one report says. `told_at` is when the source made its report.
    pub fn reported(purchase: &Purchase, offer: &str, user: Person, source: Source, told_at: At) -> Redemption {
        Redemption {
            id: Redemption::id(&purchase.original_transaction_id, offer),
            original_transaction_id: purchase.original_transaction_id.clone(),
            transaction_id: purchase.transaction_id.clone(),
            product_id: purchase.product_id.clone(),
            offer: offer.to_owned(),
            campaign: None,
            user,
            owned_at: told_at,
            sources: vec![source],
            is_test: purchase.is_test,
            redeemed_at: purchase.purchased_at.unwrap_or(told_at),
            state: RedemptionState::Unattributed,
        }
    }

    /// Two reports of the same redemption: the earliest purchase is the redemption, the latest word
    /// on the owner holds. The order of the reports leaves no trace.
    pub fn merged(mut self, other: Redemption) -> Redemption {
        assert_eq!(self.id, other.id);
        if (other.redeemed_at, &other.transaction_id) < (self.redeemed_at, &self.transaction_id) {
            self.redeemed_at = other.redeemed_at;
            self.transaction_id = other.transaction_id;
            self.product_id = other.product_id;
            self.is_test = other.is_test;
        }
        if (other.owned_at, other.user) > (self.owned_at, self.user) {
            (self.owned_at, self.user) = (other.owned_at, other.user);
        }
        self.sources.extend(other.sources);
        self.sources.sort();
        self.sources.dedup();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_merge_in_any_order() {
        let purchase = |transaction: &str, at| Purchase {
            original_transaction_id: "1000".into(),
            transaction_id: transaction.into(),
            product_id: "monthly".into(),
            offer: Some("REF30".into()),
            purchased_at: Some(At(at)),
            is_test: false,
        };
        let report = |transaction: &str, at, user: u8, told| {
            Redemption::reported(&purchase(transaction, at), "REF30", Person([user; 16]), Source::RevenueCat, At(told))
        };
        let (a, b, c) = (report("1000", 10, 1, 11), report("1001", 20, 1, 21), report("1000", 10, 2, 30));
        let all = [
            a.clone().merged(b.clone()).merged(c.clone()),
            c.clone().merged(b.clone()).merged(a.clone()),
            b.merged(c).merged(a),
        ];
        assert!(all.iter().all(|one| *one == all[0]));
        assert_eq!((all[0].redeemed_at, all[0].user, all[0].sources.len()), (At(10), Person([2; 16]), 1));
    }
}
