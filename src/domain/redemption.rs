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
    /// Who owns the purchase, as far as anybody said.
    pub user: Option<Person>,
    /// Everybody who was said to own its subscription, by now or before.
    pub owners: Vec<Person>,
    pub sources: Vec<Source>,
    pub is_test: bool,
    pub is_family_shared: bool,
    pub redeemed_at: At,
    /// Apple's notifications of it name a user, or never can, or Apple was asked to name one.
    pub is_bound: bool,
    pub state: RedemptionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedemptionState {
    Unattributed,
    Attributed {
        completion: Id,
    },
    Rejected {
        completion: Id,
    },
    /// A partner's own offer: no claim is asked for.
    Sold {
        coupon: Id,
    },
}

impl RedemptionState {
    pub fn word(self) -> &'static str {
        match self {
            RedemptionState::Unattributed => "unattributed",
            RedemptionState::Attributed { .. } | RedemptionState::Sold { .. } => "attributed",
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
    pub fn reported(purchase: &Purchase, offer: &str, source: Source, told_at: At) -> Redemption {
        Redemption {
            id: Redemption::id(&purchase.original_transaction_id, offer),
            original_transaction_id: purchase.original_transaction_id.clone(),
            transaction_id: purchase.transaction_id.clone(),
            product_id: purchase.product_id.clone(),
            offer: offer.to_owned(),
            campaign: None,
            user: None,
            owners: Vec::new(),
            sources: vec![source],
            is_test: purchase.is_test,
            is_family_shared: purchase.is_family_shared,
            redeemed_at: purchase.purchased_at.unwrap_or(told_at),
            is_bound: false,
            state: RedemptionState::Unattributed,
        }
    }

    /// Two reports of the same redemption: the earliest purchase is the redemption. The order of the
    /// reports leaves no trace.
    pub fn merged(mut self, other: Redemption) -> Redemption {
        assert_eq!(self.id, other.id);
        if (other.redeemed_at, &other.transaction_id) < (self.redeemed_at, &self.transaction_id) {
            self.redeemed_at = other.redeemed_at;
            self.transaction_id = other.transaction_id;
            self.product_id = other.product_id;
        }
        self.is_test |= other.is_test;
        self.is_family_shared |= other.is_family_shared;
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
            ..Purchase::default()
        };
        let report = |transaction: &str, at, source, told| {
            Redemption::reported(&purchase(transaction, at), "REF30", source, At(told))
        };
        let a = report("1000", 10, Source::RevenueCat, 11);
        let (b, c) = (report("1001", 20, Source::Apple, 21), report("1000", 10, Source::App, 30));
        let all = [
            a.clone().merged(b.clone()).merged(c.clone()),
            c.clone().merged(b.clone()).merged(a.clone()),
            b.merged(c).merged(a),
        ];
        assert!(all.iter().all(|one| *one == all[0]));
        assert_eq!((all[0].redeemed_at, &*all[0].transaction_id, all[0].sources.len()), (At(10), "1000", 3));
    }
}
