//! One paid transaction attributed to a partner.

use super::at::At;
use super::books::{Account, Line};
use super::code::CodeText;
use super::id::Id;
use super::money::Money;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    pub transaction_id: String,
    pub original_transaction_id: String,
    pub product_id: String,
    pub campaign: String,
    pub partner: Id,
    pub via: Via,
    pub kind: Kind,
    pub price: Money,
    /// By the terms, for the whole price. It stays as it was when it was approved.
    pub whole: Money,
    /// Without the part of a prorated refund.
    pub commission: Money,
    /// Why it earns nothing, or less.
    pub reasons: Vec<Reason>,
    pub approved_at: Option<At>,
    pub counted: Option<Counted>,
    pub is_test: bool,
    pub purchased_at: At,
}

/// What brought the customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Via {
    /// The reference name of the partner's own offer.
    Offer(String),
    /// A one-time code of the partner's, or a custom one.
    Code(CodeText),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The customer's first payment under this partner.
    First,
    Renewal,
    OneTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    Refund,
    /// Part of the price went back: the commission is less by as much.
    ProratedRefund,
    /// The subscriber moved up before the period ended, and another transaction took its place.
    Upgraded,
    FamilyShared,
    /// The partner's terms do not reach that far.
    NotCovered,
    ByHand,
}

/// The payout that it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub payout: Id,
    /// What the payout counts for it.
    pub minor: i64,
    pub paid_at: Option<At>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConversionState {
    Pending,
    Approved,
    Rejected,
    Paid,
}

impl Via {
    pub fn word(&self) -> &str {
        match self {
            Via::Offer(name) => name,
            Via::Code(code) => code.as_str(),
        }
    }
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::First => "first",
            Kind::Renewal => "renewal",
            Kind::OneTime => "one_time",
        }
    }
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Reason::Refund => "refund",
            Reason::ProratedRefund => "prorated_refund",
            Reason::Upgraded => "upgraded",
            Reason::FamilyShared => "family_shared",
            Reason::NotCovered => "not_covered",
            Reason::ByHand => "by_hand",
        }
    }
    /// Whether it earns nothing by that.
    fn bars(self) -> bool {
        self != Reason::ProratedRefund
    }
}

impl ConversionState {
    pub fn word(self) -> &'static str {
        match self {
            ConversionState::Pending => "pending",
            ConversionState::Approved => "approved",
            ConversionState::Rejected => "rejected",
            ConversionState::Paid => "paid",
        }
    }
}

impl Conversion {
    pub fn id(transaction_id: &str) -> Id {
        Id::of("conversion", &[transaction_id.as_bytes()])
    }

    pub fn state(&self) -> ConversionState {
        match (&self.counted, self.approved_at) {
            _ if self.reasons.iter().any(|reason| reason.bars()) => ConversionState::Rejected,
            (Some(Counted { paid_at: Some(_), .. }), _) => ConversionState::Paid,
            (_, Some(_)) => ConversionState::Approved,
            (_, None) => ConversionState::Pending,
        }
    }

    /// Somebody agreed to it, or more: later words change what is owed, not whose it is.
    pub fn is_settled(&self) -> bool {
        self.approved_at.is_some() || self.counted.is_some()
    }

    /// Somebody decided on it, this way or that.
    pub fn is_looked_at(&self) -> bool {
        self.is_settled() || self.reasons.contains(&Reason::ByHand)
    }

    /// It can be counted in a payout.
    pub fn is_payable(&self) -> bool {
        self.state() == ConversionState::Approved && self.counted.is_none() && !self.is_test
    }

    /// For these reasons and no others it earns less, or nothing. What was agreed to and not counted yet is to be looked
    /// at again when it earns something again.
    pub fn because(mut self, reasons: Vec<Reason>, commission: Money) -> Conversion {
        (self.reasons, self.commission) = (reasons, commission);
        if self.state() == ConversionState::Rejected && self.counted.is_none() {
            self.approved_at = None;
        }
        self
    }

    /// The payout did not come about.
    pub fn uncounted(mut self) -> Conversion {
        self.counted = None;
        let (reasons, commission) = (self.reasons.clone(), self.commission);
        self.because(reasons, commission)
    }

    /// What is owed for it.
    pub fn owed(&self) -> Money {
        match self.state() {
            ConversionState::Rejected => Money::zero(self.commission.currency),
            ConversionState::Pending | ConversionState::Approved | ConversionState::Paid => self.commission,
        }
    }

    /// What it puts into the accounts. A tester's is nowhere. What a payout counts and is no longer owed is carried over.
    pub fn lines(&self) -> Vec<Line> {
        if self.is_test {
            return Vec::new();
        }
        let owed = self.owed();
        let line = |account, minor| Line { partner: self.partner, account, money: Money { minor, ..owed } };
        let earned = line(Account::Earned, -owed.minor);
        match (&self.counted, self.state()) {
            (Some(counted), _) => {
                vec![earned, line(Account::Approved, counted.minor), line(Account::Carried, owed.minor - counted.minor)]
            }
            (None, ConversionState::Pending) => vec![earned, line(Account::Pending, owed.minor)],
            (None, ConversionState::Approved) => vec![earned, line(Account::Approved, owed.minor)],
            (None, ConversionState::Rejected | ConversionState::Paid) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::books::{is_balanced, totals};
    use crate::domain::money::Currency;
    use crate::domain::sample::NOON;

    fn conversion(reasons: &[Reason], approved: bool, counted: Option<bool>) -> Conversion {
        let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
        Conversion {
            transaction_id: "T1".into(),
            original_transaction_id: "T1".into(),
            product_id: "monthly".into(),
            campaign: "creators".into(),
            partner: Id([1; 16]),
            via: Via::Offer("PARTNER_JEN".into()),
            kind: Kind::First,
            price: usd(999),
            whole: usd(200),
            commission: if reasons.contains(&Reason::ProratedRefund) { usd(150) } else { usd(200) },
            reasons: reasons.to_vec(),
            approved_at: approved.then_some(NOON),
            counted: counted.map(|paid| Counted { payout: Id([9; 16]), minor: 200, paid_at: paid.then_some(NOON) }),
            is_test: false,
            purchased_at: NOON,
        }
    }

    #[test]
    fn states_and_where_the_money_stands() {
        use Account::{Approved, Carried, Earned, Pending};
        type Row = (&'static [Reason], bool, Option<bool>, &'static str, &'static [(Account, i64)]);
        let rows: [Row; 10] = [
            (&[], false, None, "pending", &[(Earned, -200), (Pending, 200)]),
            (&[], true, None, "approved", &[(Earned, -200), (Approved, 200)]),
            (&[], true, Some(false), "approved", &[(Earned, -200), (Approved, 200)]),
            (&[], true, Some(true), "paid", &[(Earned, -200), (Approved, 200)]),
            (&[Reason::Refund], false, None, "rejected", &[]),
            (&[Reason::ByHand], true, None, "rejected", &[]),
            (&[Reason::Refund], true, Some(false), "rejected", &[(Approved, 200), (Carried, -200)]),
            (&[Reason::Refund], true, Some(true), "rejected", &[(Approved, 200), (Carried, -200)]),
            (&[Reason::ProratedRefund], false, None, "pending", &[(Earned, -150), (Pending, 150)]),
            (&[Reason::ProratedRefund], true, Some(true), "paid", &[(Earned, -150), (Approved, 200), (Carried, -50)]),
        ];
        for (reasons, approved, counted, word, accounts) in rows {
            let one = conversion(reasons, approved, counted);
            assert_eq!(one.state().word(), word, "{reasons:?} {approved} {counted:?}");
            let lines = one.lines();
            assert!(is_balanced(&lines), "{reasons:?}");
            let got: Vec<(Account, i64)> =
                totals(lines).into_iter().map(|((_, _, account), minor)| (account, minor)).collect();
            assert_eq!(got, accounts, "{reasons:?} {approved} {counted:?}");
            assert!(Conversion { is_test: true, ..one }.lines().is_empty());
        }
    }

    #[test]
    fn what_was_rejected_is_looked_at_again() {
        let approved = conversion(&[], true, None);
        let commission = approved.commission;
        let back = approved.because(vec![Reason::Refund], commission).because(Vec::new(), commission);
        assert_eq!(back.state(), ConversionState::Pending);
        let paid = conversion(&[], true, Some(true));
        let back = paid.because(vec![Reason::Refund], commission).because(Vec::new(), commission);
        assert_eq!(back.state(), ConversionState::Paid, "what was paid is paid");
        let failed = conversion(&[], true, Some(false)).uncounted();
        assert!(failed.is_payable());
        let failed = conversion(&[Reason::Refund], true, Some(false)).uncounted();
        assert_eq!((failed.state(), failed.approved_at), (ConversionState::Rejected, None));
    }
}
