//! What was sold, whose it is, what is owed and what was paid.

use super::{Row, count_key, of_person};
use crate::domain::alert::Alert;
use crate::domain::at::Date;
use crate::domain::books::{Account, Movement};
use crate::domain::conversion::Conversion;
use crate::domain::id::Id;
use crate::domain::money::Currency;
use crate::domain::partner::{Coupon, Partner};
use crate::domain::payout::Payout;
use crate::domain::reconciliation::Reconciliation;
use crate::domain::sale::Sale;
use crate::domain::subscription::Subscription;
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

type Index = Vec<(Tab, Vec<u8>, Vec<u8>)>;

impl Row for Sale {
    const TAB: Tab = Tab::Sale;
    fn key(&self) -> Vec<u8> {
        Sale::id(&self.transaction_id).as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        let prefix = of_subscription_prefix(&self.original_transaction_id);
        vec![(Tab::OfSubscription, Key::new().bytes(&prefix).bytes(&self.key()).done(), Vec::new())]
    }
    fn count(&self) -> Option<Vec<u8>> {
        self.what.as_ref()?;
        let status = if self.partner.is_some() { "attributed" } else { "unattributed" };
        Some(count_key("sale", if self.is_test { "test" } else { "" }, status))
    }
}

impl Row for Partner {
    const TAB: Tab = Tab::Partner;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("partner", &self.campaign, self.state.word()))
    }
}

impl Row for Coupon {
    const TAB: Tab = Tab::Coupon;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        vec![of_person(Partner::person(self.partner), Tab::Coupon, &self.key())]
    }
    fn count(&self) -> Option<Vec<u8>> {
        let status = match (self.ended_at, self.is_own_offer()) {
            (Some(_), _) => "ended",
            (None, true) => "own_offer",
            (None, false) => "custom_code",
        };
        Some(count_key("coupon", "", status))
    }
}

impl Row for Conversion {
    const TAB: Tab = Tab::Conversion;
    fn key(&self) -> Vec<u8> {
        Conversion::id(&self.transaction_id).as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        let key = self.key();
        let mut rows = vec![of_person(Partner::person(self.partner), Tab::Conversion, &key)];
        if self.is_payable() {
            let prefix = payable_prefix(self.partner, Some(self.commission.currency));
            rows.push((Tab::Payable, Key::new().bytes(&prefix).at(self.purchased_at).bytes(&key).done(), Vec::new()));
        }
        if let Some(counted) = &self.counted {
            let of = Key::new().bytes(counted.payout.as_bytes()).bytes(&key).done();
            rows.push((Tab::OfPayout, of, Vec::new()));
        }
        rows
    }
    fn count(&self) -> Option<Vec<u8>> {
        let status = if self.is_test { "test" } else { self.state().word() };
        Some(count_key("conversion", &self.campaign, status))
    }
}

impl Row for Payout {
    const TAB: Tab = Tab::Payout;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        let key = self.key();
        let names = self.order.iter().flat_map(|order| std::iter::once(&order.id).chain(&order.reward));
        let mut rows: Index = names.map(|name| (Tab::OfOrder, of_order_key(name), key.clone())).collect();
        rows.push(of_person(Partner::person(self.partner), Tab::Payout, &key));
        rows
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("payout", &self.campaign, self.state.word()))
    }
}

impl Row for Movement {
    const TAB: Tab = Tab::Movement;
    fn key(&self) -> Vec<u8> {
        Key::new().u64(self.seq).done()
    }
    fn sums(&self) -> Vec<(Vec<u8>, i64)> {
        let line = |line: &crate::domain::books::Line| {
            (balance_key(line.partner, line.money.currency, line.account), line.money.minor)
        };
        self.lines.iter().map(line).collect()
    }
}

impl Row for Alert {
    const TAB: Tab = Tab::Alert;
    fn key(&self) -> Vec<u8> {
        Alert::id(self.kind, &self.about).as_bytes().to_vec()
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("alert", self.kind.word(), if self.is_open() { "open" } else { "cleared" }))
    }
}

impl Row for Reconciliation {
    const TAB: Tab = Tab::Reconciliation;
    fn key(&self) -> Vec<u8> {
        reconciliation_key(self.date)
    }
}

pub fn of_subscription_prefix(original_transaction_id: &str) -> Vec<u8> {
    Subscription::id(original_transaction_id).as_bytes().to_vec()
}

/// Others choose these texts, so they are hashed to a length.
pub fn of_offer_prefix(offer: &str, day: Option<Date>) -> Vec<u8> {
    let key = Key::new().bytes(Id::of("offer", &[offer.as_bytes()]).as_bytes());
    match day {
        Some(day) => key.at(day.start()).done(),
        None => key.done(),
    }
}

pub fn of_order_key(name: &str) -> Vec<u8> {
    Id::of("order", &[name.as_bytes()]).as_bytes().to_vec()
}

pub fn reconciliation_key(date: Date) -> Vec<u8> {
    Key::new().at(date.start()).done()
}

/// What can be paid to a partner, in one currency or in any.
pub fn payable_prefix(partner: Id, currency: Option<Currency>) -> Vec<u8> {
    let key = Key::new().bytes(partner.as_bytes());
    match currency {
        Some(currency) => key.bytes(currency.as_str().as_bytes()).done(),
        None => key.done(),
    }
}

pub fn balance_key(partner: Id, currency: Currency, account: Account) -> Vec<u8> {
    let text = currency.as_str().as_bytes();
    Key::new().bytes(partner.as_bytes()).bytes(text).bytes(&[account as u8]).done()
}
