//! What a referrer gets, by whichever way: days that wait, days that Apple extends, devices that are asked about, and
//! deliveries that end in every way. Histories nobody thought of, from a fixed seed.

use super::facts::*;
use super::properties::{fire, run};
use super::rewards::refund;
use super::sound::{figures_are_the_rows, replays};
use super::*;
use crate::domain::decide::claim::{ClaimBy, MakeClaim};
use crate::domain::decide::delivery::{Begin, Recover, Settle};
use crate::domain::decide::review::{Review, Verdict};
use crate::domain::delivery::{Effect, ItemState};
use crate::domain::extension::{Extension, ExtensionState};
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::policy::{Anchor, FraudRules, Milestone};
use crate::domain::purchase::{Purchase, RefundWord, Source};
use crate::domain::subscription::{Period, Renewal};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Those whom jo refers.
const FRIENDS: [&str; 5] = ["a", "b", "kim", "lee", "kim2"];

#[derive(Clone, Debug)]
enum Step {
    /// A friend claims a code of jo's, with a token of the device or without, and buys.
    Completes(&'static str, bool),
    Refunded(&'static str, Option<i64>),
    Restored(&'static str),
    /// Apple says that jo paid for the n-th month, or that it was refunded.
    Pays(i64),
    Wait(Span),
    Review(Index, Verdict),
    /// One of the deliveries that are due is tried, and ends like this.
    Deliver(Index, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let friend = || select(&FRIENDS[..]);
    let share = select(&[None, Some(50_000), Some(100_000)][..]);
    prop_oneof![
        4 => (friend(), any::<bool>()).prop_map(|(who, shows)| Step::Completes(who, shows)),
        2 => (friend(), share).prop_map(|(who, share)| Step::Refunded(who, share)),
        2 => friend().prop_map(Step::Restored),
        3 => (0..4i64).prop_map(Step::Pays),
        2 => (1..9i64).prop_map(|days| Step::Wait(Span::days(days))),
        1 => (any::<Index>(), select(&[Verdict::Approve, Verdict::Reject, Verdict::Reverse][..]))
            .prop_map(|(which, verdict)| Step::Review(which, verdict)),
        8 => (any::<Index>(), 0..8u8).prop_map(|(which, luck)| Step::Deliver(which, luck)),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let mut waits = sample::policy();
    waits.reward.anchor = Anchor::Paid;
    waits.reward.milestones = vec![Milestone { referrals: 2, days: 100 }];
    waits.fraud = FraudRules { device_check: true, flags_expire_days: 10, ..FraudRules::NONE };
    let mut extends = waits.clone();
    (extends.reward.extend, extends.reward.hold_days) = (Some(1), 3);
    let mut both = extends.clone();
    (both.reward.anchor, both.reward.milestones[0].days) = (Anchor::Promo, 60);
    select(vec![waits, extends, both])
}

fn pays(told: &Told, month: i64) {
    let at = |days: i64| NOON.plus(Span::days(days));
    let period = Period {
        purchased_at: at(30 * month),
        told_at: at(30 * month),
        transaction_id: format!("P-{month}"),
        product_id: "monthly".into(),
        expires_at: Some(at(30 * month + 30)),
        offer: None,
        revoked_at: None,
        is_family_shared: false,
    };
    let renewal = Renewal {
        told_at: at(30 * month),
        auto_renew: true,
        product_id: "monthly".into(),
        renews_at: period.expires_at,
        offer: None,
        is_in_billing_retry: false,
        grace_until: None,
    };
    let purchase = Purchase {
        original_transaction_id: "P-0".to_owned(),
        transaction_id: period.transaction_id.clone(),
        product_id: "monthly".into(),
        purchased_at: Some(period.purchased_at),
        period: Some(period),
        renewal: Some(renewal),
        ..Purchase::default()
    };
    let about = About::Purchase { people: told.house.people(&["jo"]), token: None, purchase: Box::new(purchase) };
    told.house.tell_by(Source::App, &format!("jo pays {month}"), at(30 * month), about);
}

fn deliver(told: &Told, which: Index, luck: u8) {
    let (house, now) = (&told.house, told.house.clock.now());
    let due: Vec<Item> = house.all::<Item>().into_iter().filter(|item| item.is_due(now)).collect();
    if due.is_empty() {
        return;
    }
    let item = which.get(&due).id;
    let Ok(Reply::Item(begun)) = house.ask(Command::Begin(Begin { item })) else { return };
    assert!(matches!(begun.state, ItemState::Begun { .. }));
    let done = match &begun.effect {
        Effect::Grant { end, .. } => Answer::Granted { end: *end },
        Effect::Extend { .. } => Answer::Extended { until: now.plus(Span::days(60)) },
        Effect::AskDevice { .. } => Answer::Device { bit0: luck == 0, bit1: true },
        _ => Answer::Sent,
    };
    let why = || "trouble".to_owned();
    let outcome = match (luck, &begun.effect) {
        (0..=3, _) => Outcome::Done(done),
        (4, _) => Outcome::Never { why: why() },
        (5, _) => Outcome::Unsure { why: why() },
        (6, Effect::Grant { take_back: Some(_), .. }) => Outcome::Found { others: now.plus(Span::days(5)) },
        (6, Effect::Extend { .. }) if begun.unsure => Outcome::Absent,
        (7, _) => return drop(house.ask(Command::Recover(Recover { item })).unwrap()),
        _ => Outcome::Again { after: None, why: why() },
    };
    house.ask(Command::Settle(Settle { item, outcome })).unwrap();
}

fn take(told: &Told, step: &Step) {
    match step {
        Step::Completes(who, shows) => {
            let Some(code) = told.house.draw("jo") else { return };
            let device_token = shows.then(|| "dG9rZW4=".to_owned());
            let claim = MakeClaim { device_token, ..MakeClaim::of(ClaimBy::Code(code.text), told.house.person(who)) };
            _ = told.house.ask(Command::Claim(claim));
            told.house.buy(&[who]);
        }
        Step::Refunded(who, share) => refund(told, who, RefundWord::Refunded { at: told.house.clock.now() }, *share),
        Step::Restored(who) => refund(told, who, RefundWord::Reversed, None),
        Step::Pays(month) => pays(told, *month),
        Step::Wait(span) => told.house.wait(*span),
        Step::Review(which, verdict) => {
            let all: Vec<Completion> = told.house.all();
            if !all.is_empty() {
                let review = Review { completion: which.get(&all).id, verdict: *verdict };
                _ = told.house.ask(Command::Review(review));
            }
        }
        Step::Deliver(which, luck) => deliver(told, *which, *luck),
    }
}

/// What is granted and what Apple has or is to extend is what the figures say; and Apple is asked at most twice a year.
fn nothing_is_given_twice(told: &Told) {
    let extensions: Vec<Extension> = told.house.all();
    let earned: u32 = told.house.all::<Referrer>().iter().map(|row| row.days).sum();
    let granted: u32 = told.house.all::<Account>().iter().map(|row| row.days).sum();
    let asked: u32 = extensions.iter().filter(|one| one.state == ExtensionState::Asked).map(|one| one.days).sum();
    let made: u32 =
        extensions.iter().filter(|one| matches!(one.state, ExtensionState::Extended { .. })).map(|one| one.days).sum();
    // What Apple was asked for, or extended, stays although a part of it was taken back.
    assert!(granted <= earned, "{granted} granted, of {earned}");
    assert!(earned <= granted + asked + made, "{earned} earned, {granted} granted, {asked} asked, {made} extended");
    let parts: Vec<Id> =
        told.house.all::<Account>().iter().flat_map(|row| row.parts.clone()).map(|part| part.id).collect();
    for one in &extensions {
        let more = |row: &Completion| row.id == one.id && row.days > one.days;
        let is_more = told.house.all::<Completion>().iter().any(more);
        assert!(!one.stands() || is_more || !parts.contains(&one.id), "granted, and extended too");
        let same = extensions.iter().filter(|other| {
            other.stands()
                && other.original_transaction_id == one.original_transaction_id
                && (other.asked_at.0 - one.asked_at.0).abs() < Span::days(182).0
        });
        assert!(same.count() <= 2, "Apple extends twice a year");
    }
}

#[test]
fn whatever_way_it_is_given() {
    let histories = (policy(), prop::collection::vec(step(), 1..40));
    let extended = std::cell::Cell::new(0);
    run(300, histories, |(policy, steps)| {
        let told = Told::to(policy, &["jo"]);
        pays(&told, 0);
        for step in &steps {
            take(&told, step);
            fire(&told.house);
            figures_are_the_rows(&told.house);
            nothing_is_given_twice(&told);
        }
        replays(&told.house);
        let made = |one: &&Extension| matches!(one.state, ExtensionState::Extended { .. });
        extended.set(extended.get() + told.house.all::<Extension>().iter().filter(made).count());
    });
    assert!(extended.get() > 30, "the histories extend too little: {}", extended.get());
}
