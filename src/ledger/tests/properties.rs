//! Histories nobody thought of, from a fixed seed.

use super::facts::*;
use super::sound::{Watch, replays};
use super::*;
use crate::domain::decide::review::{Review, Verdict};
use crate::domain::due::Due;
use crate::domain::policy::{Expiry, FraudRules, Milestone};
use crate::domain::purchase::{RefundWord, Share};
use crate::ledger::simulate::simulate;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const SHARERS: [&str; 3] = ["jo", "kim", "max"];
const USERS: [&str; 6] = ["jo", "jo2", "kim", "kim2", "max", "$RCAnonymousID:7"];
const TRANSACTIONS: [&str; 3] = ["T1", "T2", "T3"];

pub fn run<T: std::fmt::Debug>(cases: u32, strategy: impl Strategy<Value = T>, test: impl Fn(T)) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(fault) = result {
        panic!("{fault}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Tell(Fact),
    /// The fact of an earlier step, again.
    Again(prop::sample::Index),
    Draw(&'static str),
    Wait(Span),
    /// Everything whose time has come.
    Fire,
    /// Somebody decides about one of the completions.
    Review(prop::sample::Index, Verdict),
}

fn user() -> impl Strategy<Value = &'static str> {
    select(&USERS[..])
}

fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(all, 1..=2).prop_shuffle()
}

fn bought() -> impl Strategy<Value = Fact> {
    let offer = prop_oneof![
        6 => Just(Offer::Campaign),
        1 => select(&SHARERS[..]).prop_map(Offer::CodeOf),
        1 => Just(Offer::Other),
    ];
    let told = prop_oneof![
        4 => some_of(&USERS).prop_map(|ids| (ids, Source::RevenueCat, None)),
        2 => user().prop_map(|who| (vec![who], Source::App, None)),
        2 => prop::option::of(user()).prop_map(|token| (vec![], Source::Apple, token)),
    ];
    let refund = prop_oneof![
        8 => Just((None, None)),
        3 => select(&[None, Some(50_000), Some(90_000), Some(100_000)][..])
            .prop_map(|share| (Some(RefundWord::Refunded { at: NOON }), share.map(Share::new))),
        1 => Just((Some(RefundWord::Reversed), None)),
    ];
    let renewal = prop::option::weighted(0.2, Just("T4"));
    let account = prop::option::weighted(0.3, select(&["D1", "D2"][..]));
    let what = (select(&TRANSACTIONS[..]), offer, prop::bool::weighted(0.1), 0..10i64);
    (told, what, refund, renewal, account).prop_map(|(told, what, refund, renewal, account)| {
        let ((ids, by, token), (transaction, offer, is_test, minute), (refund, share)) = (told, what, refund);
        let offer = if by == Source::RevenueCat || offer == Offer::Campaign { offer } else { Offer::None };
        Fact::Buy(Bought { ids, transaction, offer, is_test, minute, by, token, account, renewal, refund, share })
    })
}

pub fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        4 => (user(), select(&SHARERS[..])).prop_map(|(who, whose)| Fact::Claim(who, whose)),
        1 => (user(), select(&SHARERS[..])).prop_map(|(who, whose)| Fact::Confirm(who, whose)),
        1 => (user(), select(&SHARERS[..])).prop_map(|(who, whose)| Fact::ComeBy(who, whose)),
        5 => bought(),
        2 => some_of(&USERS).prop_map(Fact::Link),
        1 => (user(), select(&["D1", "D2"][..])).prop_map(|(who, account)| Fact::Account(who, account)),
        1 => (some_of(&USERS), some_of(&USERS), 0..10i64)
            .prop_map(|(from, to, minute)| Fact::Transfer { from, to, minute }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => fact().prop_map(Step::Tell),
        3 => any::<prop::sample::Index>().prop_map(Step::Again),
        2 => user().prop_map(Step::Draw),
        1 => (1..40i64).prop_map(|days| Step::Wait(Span::days(days))),
        2 => Just(Step::Fire),
        1 => (any::<prop::sample::Index>(), select(&[Verdict::Approve, Verdict::Reject, Verdict::Reverse][..]))
            .prop_map(|(which, verdict)| Step::Review(which, verdict)),
    ]
}

/// The usual rules, the app's word, and everything that can hold a completion.
fn policy() -> impl Strategy<Value = Policy> {
    let mut strict = sample::policy();
    strict.reward.milestones = vec![Milestone { referrals: 1, days: 10 }, Milestone { referrals: 2, days: 100 }];
    (strict.reward.hold_days, strict.reward.max_per_month) = (3, 2);
    strict.fraud = FraudRules {
        max_per_referrer_per_day: 2,
        require_new_customer: true,
        family_sharing: true,
        rings: true,
        flags_expire_days: 10,
        ..FraudRules::NONE
    };
    let severe =
        Policy { fraud: FraudRules { flags_expire_to: Expiry::Rejected, ..strict.fraud.clone() }, ..strict.clone() };
    select(vec![sample::policy(), sample::trusting(), strict, severe])
}

fn take(told: &Told, step: &Step, past: &[Fact]) {
    match step {
        Step::Tell(fact) => _ = told.tell(fact),
        Step::Again(which) if !past.is_empty() => _ = told.tell(which.get(past)),
        Step::Again(_) => {}
        Step::Draw(name) => _ = told.house.draw(name),
        Step::Wait(span) => told.house.wait(*span),
        Step::Fire => fire(&told.house),
        Step::Review(which, verdict) => {
            let all: Vec<Completion> = told.house.all();
            if !all.is_empty() {
                let review = Review { completion: which.get(&all).id, verdict: *verdict };
                _ = told.house.ask(Command::Review(review));
            }
        }
    }
}

pub fn fire(house: &House) {
    let now = house.clock.now();
    for due in house.all::<Due>().into_iter().filter(|due| due.at <= now) {
        house.ask(Command::Fire(due)).unwrap();
    }
}

#[test]
fn whatever_happens_the_books_are_sound() {
    let histories = (policy(), prop::collection::vec(step(), 1..24));
    run(150, histories, |(policy, steps)| {
        let told = Told::to(policy, &SHARERS);
        let mut watch = Watch::default();
        let mut past = Vec::new();
        for step in &steps {
            take(&told, step, &past);
            watch.look(&told.house);
            if let Step::Tell(fact) = step {
                past.push(fact.clone());
            }
        }
        replays(&told.house);
    });
}

/// A person with all their ids.
const PEOPLE: [&[&str]; 3] = [&["kim", "kim2", "$RCAnonymousID:7"], &["lee", "lee2"], &["jo", "jo2"]];

/// What comes to be known of one person: one claim, one transaction reported any number of times under
/// any of their ids, and, sooner or later, who is whom. Two claims, or two transactions, are a race that the
/// first wins; these are not.
fn person(
    ids: &'static [&'static str],
    transaction: &'static str,
    whose: &'static str,
) -> impl Strategy<Value = Vec<Fact>> {
    let claim = prop::option::weighted(0.8, select(ids).prop_map(move |who| Fact::Claim(who, whose)));
    let all = Fact::Link(ids.to_vec());
    let ids = move || subsequence(ids, 1..=ids.len()).prop_shuffle();
    let bought =
        (ids(), 0..10i64).prop_map(move |(ids, minute)| but(buy(&ids, transaction), |one| one.minute = minute));
    let told = prop_oneof![3 => bought, 2 => ids().prop_map(Fact::Link)];
    (claim, prop::collection::vec(told, 0..4))
        .prop_map(move |(claim, told)| claim.into_iter().chain(told).chain([all.clone()]).collect())
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    Just(SHARERS.to_vec()).prop_shuffle().prop_flat_map(|whose| {
        let of = |n: usize| person(PEOPLE[n], TRANSACTIONS[n], whose[n]);
        (of(0), of(1), of(2)).prop_map(|(a, b, c)| [a, b, c].concat())
    })
}

#[test]
fn the_order_of_facts_leaves_no_trace() {
    let orders = facts().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle()));
    run(70, orders, |(one, other)| {
        let ends = [one, other].map(|facts| {
            let told = Told::to(sample::policy(), &SHARERS);
            let mut watch = Watch::default();
            for fact in facts.iter().chain(&facts) {
                _ = told.tell(fact);
            }
            watch.look(&told.house);
            told.house.books()
        });
        let differ = ends[0].iter().zip(&ends[1]).find(|(a, b)| a != b);
        assert!(ends[0] == ends[1], "another {:?}", differ.map(|(a, _)| a.0));
    });
}

#[test]
fn the_same_rules_make_the_same_of_it() {
    let histories = (policy(), prop::collection::vec(step(), 1..24), any::<prop::sample::Index>());
    run(60, histories, |(policy, steps, since)| {
        let told = Told::to(policy.clone(), &SHARERS);
        let (mut past, mut times) = (Vec::new(), vec![told.house.clock.now()]);
        for step in &steps {
            take(&told, step, &past);
            fire(&told.house);
            times.push(told.house.clock.now());
            if let Step::Tell(fact) = step {
                past.push(fact.clone());
            }
        }
        let (since, now) = (*since.get(&times), told.house.clock.now());
        let found = simulate(&told.house.ledger.snapshot(), &[policy], since, now).unwrap();
        assert_eq!(found.changes, [], "since {since:?}");
        assert_eq!((found.refused, found.days.0), (0, found.days.1));
    });
}
