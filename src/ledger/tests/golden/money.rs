//! The records of what is sold, owed and paid.

use super::*;
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::books::{Account, Line, Movement};
use crate::domain::commission::{Base, Rate, Recurring, Terms};
use crate::domain::conversion::{Conversion, Counted, Kind, Reason, Via};
use crate::domain::money::{BasisPoints, Currency, Money};
use crate::domain::partner::{Contact, Coupon, Custom, CustomState, Partner, PartnerState, Rail, Token};
use crate::domain::payout::{Order, Payout, PayoutState, Progress};
use crate::domain::reconciliation::{Gap, Reconciliation, Reported};
use crate::domain::sale::{Sale, Told, What};
use std::collections::BTreeMap;

#[test]
fn every_record_of_money_is_read_as_it_was_written() {
    let (id, usd) = (Id([3; 16]), Currency::parse("USD").unwrap());
    let code = || CodeText::parse("JEN20").unwrap();
    let told = |value| Some(Told { is_signed: true, at: NOON, value });
    let what = What { purchased_at: NOON, product_id: "monthly".into(), is_one_time: false };
    check(
        "sale-1",
        &Sale {
            transaction_id: "2000000000000002".into(),
            original_transaction_id: "2000000000000001".into(),
            what: Some(Told { is_signed: true, at: NOON, value: what }),
            price: told(Money::new(999, usd)),
            proceeds: told(Money::new(588, usd)),
            is_test: true,
            is_family_shared: true,
            is_upgraded: true,
            partner: Some(id),
        },
    );
    let share = Rate::Share { of: Base::Proceeds, share: BasisPoints::new(2_000).unwrap() };
    let terms = Terms {
        rate: Rate::Fixed(Money::new(1_500, usd)),
        recurring: Recurring::Months(12),
        products: BTreeMap::from([("yearly".to_owned(), share)]),
    };
    check(
        "partner-1",
        &Partner {
            id,
            campaign: "creators".into(),
            terms: vec![(NOON, terms.clone())],
            rail: Rail::Tremendous,
            state: PartnerState::Erased { at: NOON },
            made_at: NOON,
            changed_at: NOON,
        },
    );
    let contact = Contact {
        name: "Jen".into(),
        email: Some("jen@example.com".into()),
        payout_email: Some("pay@example.com".into()),
        country: Some("DE".into()),
        has_tax_form: true,
    };
    check("contact-1", &contact);
    let custom = Custom {
        code: code(),
        count: 500,
        expires: Some(Date(20_000)),
        offer_code_id: "offer-1".into(),
        state: CustomState::Made { apple_id: "code-1".into() },
    };
    check(
        "coupon-1",
        &Coupon {
            id,
            partner: id,
            campaign: "creators".into(),
            what: Token::Custom(custom),
            terms: Some(terms),
            made_at: NOON,
            ended_at: Some(NOON),
        },
    );
    check(
        "conversion-1",
        &Conversion {
            transaction_id: "2000000000000002".into(),
            original_transaction_id: "2000000000000001".into(),
            product_id: "monthly".into(),
            campaign: "creators".into(),
            partner: id,
            via: Via::Code(code()),
            kind: Kind::Renewal,
            price: Money::new(999, usd),
            whole: Money::new(200, usd),
            commission: Money::new(100, usd),
            reasons: vec![Reason::ProratedRefund],
            approved_at: Some(NOON),
            counted: Some(Counted { payout: id, minor: 200, paid_at: Some(NOON) }),
            is_test: true,
            purchased_at: NOON,
        },
    );
    check(
        "payout-1",
        &Payout {
            id,
            partner: id,
            campaign: "creators".into(),
            money: Money::new(700, usd),
            counted: 1_000,
            conversions: 5,
            rail: Rail::Tremendous,
            state: PayoutState::Failed { at: NOON, why: "422".into() },
            order: Some(Order { id: "ORDER1".into(), reward: Some("REWARD1".into()), progress: Progress::Undelivered }),
            trouble: Some("bounced".into()),
            made_at: NOON,
        },
    );
    let line = Line { partner: id, account: Account::Carried, money: Money::new(-200, usd) };
    check("movement-1", &Movement { seq: 7, at: NOON, lines: vec![line] });
    let mut alert = Alert::raise(AlertKind::RedemptionsDiffer, "2026-11-22 JEN", "3 and 2".into(), NOON);
    alert.cleared_at = Some(NOON);
    check("alert-1", &alert);
    let reported = vec![Reported { offer: "JEN".into(), code: Some(code()), count: 3 }];
    let gaps = vec![Gap { offer: "JEN".into(), code: Some(code()), reported: 3, known: 2 }];
    check("reconciliation-1", &Reconciliation { date: Date(20_000), reported, gaps, at: NOON });
}
