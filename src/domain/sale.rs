//! One transaction as it was sold: for how much, to be paid once or again. Each part is kept as of the best word on
//! it, what Apple signed above what RevenueCat tells, so that the order of the reports leaves no trace.

use super::at::At;
use super::id::Id;
use super::money::Money;
use super::purchase::{Purchase, Source};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    pub transaction_id: String,
    pub original_transaction_id: String,
    /// Absent where nobody told of a sale yet.
    pub what: Option<Told<What>>,
    pub price: Option<Told<Money>>,
    /// What is left of the price, as RevenueCat estimates it.
    pub proceeds: Option<Told<Money>>,
    pub is_test: bool,
    pub is_family_shared: bool,
    pub is_upgraded: bool,
    /// The partner whose it is.
    pub partner: Option<Id>,
}

/// The greater word holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Told<T> {
    pub is_signed: bool,
    pub at: At,
    pub value: T,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct What {
    pub purchased_at: At,
    pub product_id: String,
    pub is_one_time: bool,
}

impl Sale {
    pub fn id(transaction_id: &str) -> Id {
        Id::of("sale", &[transaction_id.as_bytes()])
    }

    /// What a report says, if it says anything of a sale.
    pub fn reported(purchase: &Purchase, source: Source, told_at: At) -> Option<Sale> {
        if purchase.sold.is_none() && !purchase.is_upgraded {
            return None;
        }
        let is_signed = source != Source::RevenueCat;
        let sold = purchase.sold.as_ref();
        let price = |money: Option<Money>| money.map(|value| Told { is_signed, at: told_at, value });
        let what = sold.map(|sold| What {
            purchased_at: purchase.purchased_at.unwrap_or(told_at),
            product_id: purchase.product_id.clone(),
            is_one_time: sold.is_one_time,
        });
        Some(Sale {
            transaction_id: purchase.transaction_id.clone(),
            original_transaction_id: purchase.original_transaction_id.clone(),
            what: what.map(|value| Told { is_signed, at: told_at, value }),
            price: price(sold.and_then(|sold| sold.price)),
            proceeds: price(sold.and_then(|sold| sold.proceeds)),
            is_test: purchase.is_test,
            is_family_shared: purchase.is_family_shared,
            is_upgraded: purchase.is_upgraded,
            partner: None,
        })
    }

    pub fn merged(self, other: Sale) -> Sale {
        assert_eq!(self.transaction_id, other.transaction_id);
        Sale {
            original_transaction_id: self.original_transaction_id.min(other.original_transaction_id),
            what: self.what.max(other.what),
            price: self.price.max(other.price),
            proceeds: self.proceeds.max(other.proceeds),
            is_test: self.is_test || other.is_test,
            is_family_shared: self.is_family_shared || other.is_family_shared,
            is_upgraded: self.is_upgraded || other.is_upgraded,
            partner: self.partner.or(other.partner),
            transaction_id: self.transaction_id,
        }
    }

    /// What was paid: nothing where it was free, or nobody knows yet.
    pub fn paid(&self) -> Option<Money> {
        self.price.as_ref().map(|told| told.value).filter(|price| price.minor > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;
    use crate::domain::purchase::Sold;
    use crate::domain::sample::{NOON, day};

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::parse("USD").unwrap())
    }

    fn purchase(price: Option<i64>) -> Purchase {
        Purchase {
            transaction_id: "T1".into(),
            original_transaction_id: "T0".into(),
            product_id: "monthly".into(),
            purchased_at: Some(NOON),
            sold: Some(Sold { is_one_time: false, price: price.map(usd), proceeds: None }),
            ..Purchase::default()
        }
    }

    #[test]
    fn words_merge_in_any_order() {
        let estimated = Sold { is_one_time: false, price: Some(usd(998)), proceeds: Some(usd(699)) };
        let words = [
            Sale::reported(&Purchase { sold: Some(estimated), ..purchase(None) }, Source::RevenueCat, day(9)),
            Sale::reported(&purchase(Some(999)), Source::Apple, day(1)),
            Sale::reported(&Purchase { sold: None, is_upgraded: true, ..purchase(None) }, Source::Apple, day(2)),
            Sale::reported(&Purchase { is_test: true, ..purchase(None) }, Source::RevenueCat, day(3)),
        ];
        let merged = |order: &[usize]| {
            order.iter().filter_map(|n| words[*n].clone()).reduce(Sale::merged).expect("there are words")
        };
        let first = merged(&[0, 1, 2, 3]);
        for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            assert_eq!(merged(&order), first, "{order:?}");
        }
        assert_eq!((first.paid(), first.is_upgraded, first.is_test), (Some(usd(999)), true, true));
        assert_eq!(first.proceeds.map(|told| told.value), Some(usd(699)));
    }

    #[test]
    fn what_tells_of_no_sale() {
        let later = Purchase { sold: None, ..purchase(None) };
        assert_eq!(Sale::reported(&later, Source::Apple, NOON), None);
        for (price, paid) in [(None, None), (Some(0), None), (Some(-999), None), (Some(1), Some(usd(1)))] {
            let sale = Sale::reported(&purchase(price), Source::Apple, NOON).expect("a sale");
            assert_eq!(sale.paid(), paid, "{price:?}");
        }
    }
}
