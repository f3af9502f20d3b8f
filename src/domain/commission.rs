//! What a partner earns for a sale.

use super::at::At;
use super::money::{BasisPoints, Money};
use super::sale::Sale;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub rate: Rate,
    pub recurring: Recurring,
    /// Other rates for some products.
    pub products: BTreeMap<String, Rate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    Share { of: Base, share: BasisPoints },
    Fixed(Money),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Base {
    Price,
    /// What is left of the price after taxes and the store's commission.
    Proceeds,
}

/// Which of a customer's payments earn something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recurring {
    First,
    /// Those within so many calendar months of the first.
    Months(u32),
    Always,
}

impl Recurring {
    pub fn covers(self, first_at: At, at: At, is_first: bool) -> bool {
        match self {
            Recurring::First => is_first,
            Recurring::Months(months) => at < first_at.plus_months(months),
            Recurring::Always => true,
        }
    }
}

impl Terms {
    /// The commission for a sale, in the currency that it was sold in, or that of the fixed amount. `left` is what is
    /// taken to be left of a price where nobody told.
    pub fn commission(&self, sale: &Sale, left: BasisPoints) -> Option<Money> {
        let (price, product) = (sale.paid()?, sale.what.as_ref()?.value.product_id.as_str());
        Some(match self.products.get(product).unwrap_or(&self.rate) {
            Rate::Fixed(amount) => *amount,
            Rate::Share { of: Base::Price, share } => share.of(price),
            Rate::Share { of: Base::Proceeds, share } => {
                let told = sale.proceeds.as_ref().map(|told| told.value);
                share.of(told.filter(|told| told.currency == price.currency).unwrap_or_else(|| left.of(price)))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::Span;
    use crate::domain::money::Currency;
    use crate::domain::sale::{Told, What};
    use crate::domain::sample::{NOON, day};

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, Currency::parse(currency).unwrap())
    }

    fn sale(price: Option<Money>, proceeds: Option<Money>, product: &str) -> Sale {
        let told = |value: Money| Told { is_signed: true, at: NOON, value };
        let what = What { purchased_at: NOON, product_id: product.into(), is_one_time: false };
        Sale {
            transaction_id: "T1".into(),
            original_transaction_id: "T1".into(),
            what: Some(Told { is_signed: true, at: NOON, value: what }),
            price: price.map(told),
            proceeds: proceeds.map(told),
            is_test: false,
            is_family_shared: false,
            is_upgraded: false,
            partner: None,
        }
    }

    #[test]
    fn commissions() {
        let share = |of, points| Rate::Share { of, share: BasisPoints::new(points).unwrap() };
        let (price, proceeds) = (share(Base::Price, 2_000), share(Base::Proceeds, 2_000));
        let fixed = Rate::Fixed(money(1_500, "USD"));
        let (usd, jpy) = (Some(money(999, "USD")), Some(money(300, "JPY")));
        for (rate, sale, commission) in [
            (price, sale(usd, None, "monthly"), Some(money(200, "USD"))),
            (price, sale(jpy, None, "monthly"), Some(money(60, "JPY"))),
            (price, sale(Some(money(1, "USD")), None, "monthly"), Some(money(0, "USD"))),
            (price, sale(Some(money(0, "USD")), None, "monthly"), None),
            (price, sale(None, None, "monthly"), None),
            (price, sale(usd, None, "yearly"), Some(money(100, "USD"))),
            (proceeds, sale(usd, None, "monthly"), Some(money(140, "USD"))),
            (proceeds, sale(usd, Some(money(588, "USD")), "monthly"), Some(money(118, "USD"))),
            (proceeds, sale(usd, Some(money(588, "EUR")), "monthly"), Some(money(140, "USD"))),
            (fixed, sale(jpy, None, "monthly"), Some(money(1_500, "USD"))),
            (fixed, sale(None, None, "monthly"), None),
        ] {
            let products = BTreeMap::from([("yearly".to_owned(), share(Base::Price, 1_000))]);
            let terms = Terms { rate, recurring: Recurring::Always, products };
            assert_eq!(terms.commission(&sale, BasisPoints::new(7_000).unwrap()), commission, "{rate:?} {sale:?}");
        }
    }

    #[test]
    fn which_payments() {
        let year = NOON.plus_months(12);
        for (recurring, at, is_first, covers) in [
            (Recurring::First, NOON, true, true),
            (Recurring::First, day(30), false, false),
            (Recurring::Months(12), NOON, true, true),
            (Recurring::Months(12), year.minus(Span(1)), false, true),
            (Recurring::Months(12), year, false, false),
            (Recurring::Always, day(4_000), false, true),
        ] {
            assert_eq!(recurring.covers(NOON, at, is_first), covers, "{recurring:?} {at:?}");
        }
    }
}
