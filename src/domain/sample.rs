//! Small things to test decisions with.

use super::alert::{Alert, AlertKind};
use super::at::{At, Span};
use super::batch::{Batch, BatchState, Origin};
use super::case::Case;
use super::claim::{Claim, ClaimState};
use super::code::{Code, CodeState, CodeText};
use super::completion::{Completion, CompletionState};
use super::conversion::{self, Conversion};
use super::decide::share::Shelf;
use super::decide::{Draw, Stamp};
use super::ending::Ending;
use super::event::{Event, Level, RefundStep};
use super::extension::{Extension, ExtensionState};
use super::id::{Id, Person};
use super::money::{Currency, Money};
use super::partner::Rail;
use super::payout::{Payout, PayoutState};
use super::person::Circle;
use super::policy::*;
use super::pool::Pool;
use super::purchase::{Purchase, Source};
use super::question::{Asked, Decided, Question, State, Verdict};
use super::redemption::Redemption;
use super::referrer::{Reached, Referrer};
use super::reward::{Account, Part};
use super::winback::{How, Lapse, Return, WinBack, WinBackState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub fn policy() -> Policy {
    Policy {
        campaign: "friends".into(),
        kind: Kind::Referral,
        offer: "REF30".into(),
        offer_code_id: "offer-1".into(),
        product_ids: vec![],
        pool: PoolRules {
            environment: Environment::Production,
            low_water: 0,
            batch_size: 10,
            expires_in_days: 180,
            reserve_days: 14,
        },
        attribution: AttributionRules { accept: Accept::Evidence, claim_window_days: 30, asks_apple: false },
        reward: RewardRules::of_days(30),
        fraud: FraudRules::NONE,
        payout: None,
        winback: None,
    }
}

/// The app's word is enough.
pub fn trusting() -> Policy {
    let policy = policy();
    Policy { attribution: AttributionRules { accept: Accept::Confirm, ..policy.attribution }, ..policy }
}

pub fn purchase(transaction: &str, offer: Option<&str>, at: At) -> Purchase {
    Purchase {
        original_transaction_id: transaction.into(),
        transaction_id: transaction.into(),
        product_id: "monthly".into(),
        offer: offer.map(str::to_owned),
        purchased_at: Some(at),
        ..Purchase::default()
    }
}

pub const NOON: At = At(1_790_000_000_000);

pub fn day(n: i64) -> At {
    NOON.plus(Span::days(n))
}

pub fn stamp(at: At) -> Stamp {
    Stamp { seq: 7, at }
}

/// Persons in the order of their numbers.
pub fn person(n: u8) -> Person {
    Person([n; 16])
}

pub fn circle(numbers: &[u8]) -> Circle {
    Circle::of(numbers.iter().map(|n| person(*n)).collect())
}

pub fn rules(policy: Policy) -> Arc<Rules> {
    Arc::new(Rules { version: 3, policy })
}

/// The n-th code; it belongs to a person and ends after a hundred days.
pub fn code(n: u8, holder: u8, state: CodeState) -> Code {
    Code {
        text: CodeText::parse(&format!("CODE{n:03}")).expect("it is a code"),
        campaign: "friends".into(),
        batch: Id([1; 16]),
        expires_at: day(100),
        assigned_to: person(holder),
        assigned_at: NOON,
        label: None,
        claimed_by: None,
        is_custom: false,
        state,
    }
}

pub fn claim(code: &Code, referee: u8, at: At, state: ClaimState) -> Claim {
    Claim { state, ..Claim::of(code, person(referee), at) }
}

/// A redemption of the campaign's offer, in a transaction of its own.
pub fn redemption(transaction: &str, user: u8, at: At) -> Redemption {
    let purchase = purchase(transaction, Some("REF30"), at);
    Redemption { user: Some(person(user)), ..Redemption::reported(&purchase, "REF30", Source::RevenueCat, at) }
}

/// A person with these ids, of whom nothing else is known; the persons from 100 to 109 share.
pub fn case(policy: Policy, ids: &[u8]) -> Case {
    let mut case = Case {
        rules: vec![rules(policy)],
        circle: circle(ids),
        claims: Vec::new(),
        redemptions: Vec::new(),
        spent: BTreeSet::new(),
        kin: BTreeSet::new(),
        tokens: BTreeSet::new(),
        refunds: BTreeMap::new(),
        rings: BTreeSet::new(),
        bought: BTreeMap::new(),
        referrers: BTreeMap::new(),
        circles: BTreeMap::new(),
        accounts: BTreeMap::new(),
        bought_by: BTreeMap::new(),
        extensions: BTreeMap::new(),
    };
    for n in (100..110).chain(ids.iter().copied()) {
        let referrer = Referrer::new("friends", person(n), format!("slug-{n}"));
        case.referrers.insert(("friends".into(), person(n)), referrer);
        case.circles.insert(person(n), if ids.contains(&n) { circle(ids) } else { circle(&[n]) });
    }
    case
}

/// An account of thirty days that end then.
pub fn account(n: u8, end: At) -> Account {
    let part = Part { at: end.minus(Span::days(30)), id: Id([n; 16]), span: Span::days(30), after_paid: false };
    Account::earn(None, person(n), person(n), 30, part)
}

/// An imported list that is on its way in.
pub fn batch(asked: u32, expires: At) -> Batch {
    Batch {
        id: Id([1; 16]),
        campaign: "friends".into(),
        origin: Origin::Import,
        environment: Environment::Production,
        expires: expires.date(),
        asked,
        requested_at: NOON,
        apple_id: None,
        state: BatchState::Generating,
    }
}

/// A stock of this many codes, the next of which are drawn.
pub fn shelf(policy: Policy, size: u32, draw: u32) -> Shelf {
    let mut pool = Pool::new("friends");
    pool.stock(&batch(size, day(100)), size);
    let mut after = pool.clone();
    let taken =
        (0..draw).map_while(|n| Some((code(n as u8, 0, CodeState::Pending).text, after.take(&policy.pool, NOON)?)));
    let taken = taken.collect();
    Shelf { rules: rules(policy), pool, draw: Draw { pool: after, taken } }
}

/// One of every kind.
pub fn events() -> Vec<Event> {
    let usd = |minor| Money::new(minor, Currency::parse("USD").expect("a currency"));
    let code = code(1, 2, CodeState::Pending);
    let completion = |state| Completion {
        id: Id([3; 16]),
        campaign: "friends".into(),
        policy: 1,
        referrer: person(1),
        referee: person(2),
        code: code.text.clone(),
        state,
        method: None,
        reasons: Vec::new(),
        held_until: None,
        is_test: false,
        days: 30,
        counts: true,
        taken: None,
        cut: None,
        redemption: None,
        original_transaction_id: Some("T1".into()),
        claimed_at: Some(NOON),
        redeemed_at: Some(NOON),
    };
    let conversion = |approved_at, paid_at: Option<At>, reasons: &[conversion::Reason]| Conversion {
        transaction_id: "T1".into(),
        original_transaction_id: "T1".into(),
        product_id: "monthly".into(),
        campaign: "creators".into(),
        partner: Id([1; 16]),
        via: conversion::Via::Offer("PARTNER_JEN".into()),
        kind: conversion::Kind::First,
        price: usd(999),
        whole: usd(200),
        commission: usd(200),
        reasons: reasons.to_vec(),
        approved_at,
        counted: paid_at.map(|at| conversion::Counted { payout: Id([9; 16]), minor: 200, paid_at: Some(at) }),
        is_test: false,
        purchased_at: NOON,
    };
    let payout = |state| Payout {
        id: Id([9; 16]),
        partner: Id([1; 16]),
        campaign: "creators".into(),
        money: usd(700),
        counted: 700,
        conversions: 5,
        rail: Rail::Csv,
        state,
        order: None,
        trouble: None,
        made_at: NOON,
    };
    let extension = Extension {
        id: Id([4; 16]),
        to: person(1),
        original_transaction_id: "T1".into(),
        days: 30,
        round: 1,
        reason: 0,
        after_paid: false,
        asked_at: NOON,
        state: ExtensionState::Extended { until: day(60) },
    };
    let pool = |level| Event::Pool { campaign: "friends".into(), level, available: 3, low_water: 10 };
    let alert = Alert::raise(AlertKind::PayoutFailed, "9", "refused".into(), NOON);
    let reached = Reached { referrals: 5, days: 365, taken: None };
    let lapse = Lapse { original_transaction_id: "T1".into(), ended_at: NOON, why: Ending::Voluntary };
    let winback = |state| WinBack {
        id: Id([5; 16]),
        campaign: "return".into(),
        person: person(1),
        lapse: lapse.clone(),
        how: How::Rule,
        at: NOON,
        state,
    };
    let by = Return { at: NOON, transaction_id: "T2".into(), product_id: "monthly".into(), with_offer: true };
    let asked = Asked { reason: Some("UNINTENDED_PURCHASE".into()), first_at: NOON, last_at: NOON, times: 1 };
    let question = Question {
        transaction_id: "T1".into(),
        original_transaction_id: "T1".into(),
        product_id: "monthly".into(),
        is_renewing: true,
        is_test: false,
        owner: Some(person(1)),
        asked: Some(asked),
        state: State::Answered { at: NOON },
        answer: None,
        declined_at: Some(NOON),
        verdict: Some(Verdict { at: NOON, what: Decided::Declined }),
    };
    let refund = |step| Event::Refund { step, question: question.clone() };
    let why = "refused".to_owned();
    vec![
        Event::CodeAssigned(code.clone()),
        Event::ClaimMade(claim(&code, 2, NOON, ClaimState::Pending)),
        Event::Completion(completion(CompletionState::Held { until: Some(day(3)) })),
        Event::Completion(completion(CompletionState::Credited { at: NOON })),
        Event::Completion(completion(CompletionState::Reversed { at: NOON })),
        Event::Completion(completion(CompletionState::Rejected { at: NOON })),
        Event::Granted { person: person(1), until: day(30), is_less: false },
        Event::Extended(extension),
        Event::MilestoneReached { campaign: "friends".into(), person: person(1), reached },
        pool(Level::Low),
        pool(Level::Empty),
        pool(Level::Refilled),
        Event::Conversion(conversion(None, None, &[])),
        Event::Conversion(conversion(Some(NOON), None, &[])),
        Event::Conversion(conversion(Some(NOON), Some(NOON), &[])),
        Event::Conversion(conversion(None, None, &[conversion::Reason::Refund])),
        Event::ConversionWithdrawn(conversion(None, None, &[])),
        Event::Payout(payout(PayoutState::Draft)),
        Event::Payout(payout(PayoutState::Approved { at: NOON })),
        Event::Payout(payout(PayoutState::Sent { at: NOON })),
        Event::Payout(payout(PayoutState::Settled { at: NOON })),
        Event::Payout(payout(PayoutState::Failed { at: NOON, why })),
        Event::Payout(payout(PayoutState::Cancelled { at: NOON })),
        Event::Alert(alert.clone()),
        Event::Alert(alert.cleared(NOON)),
        Event::WinBack { row: winback(WinBackState::Issued { code: code.text.clone() }), expires_at: Some(day(90)) },
        Event::WinBack { row: winback(WinBackState::CameBack { code: code.text, by }), expires_at: None },
        refund(RefundStep::Requested),
        refund(RefundStep::Answered),
        refund(RefundStep::Decided),
        Event::Test,
    ]
}
