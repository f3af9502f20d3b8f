//! What completions come to: held and released, milestones, limits, doubts, and what people decide.

use super::facts::*;
use super::sound::{Watch, replays};
use super::*;
use crate::domain::completion::Reason;
use crate::domain::decide::review::{Review, Verdict};
use crate::domain::policy::{Expiry, Milestone};
use crate::domain::purchase::{Purchase, RefundWord, Share};

fn with(change: impl Fn(&mut Policy)) -> Told {
    let mut policy = sample::policy();
    change(&mut policy);
    Told::to(policy, &["jo", "max"])
}

/// Somebody claims a fresh code of jo's and buys with it.
fn completes(told: &Told, who: &'static str) {
    let code = told.house.my_code("jo");
    told.house.claim(who, &code).unwrap();
    told.house.buy(&[who]);
}

fn part_refunded(told: &Told, who: &str, share: i64) {
    refund(told, who, RefundWord::Refunded { at: told.house.clock.now() }, Some(share));
}

pub fn refund(told: &Told, who: &str, word: RefundWord, share: Option<i64>) {
    // A later word than the one before.
    told.house.wait(Span::seconds(1));
    let now = told.house.clock.now();
    let mut purchase = sample::purchase(&format!("T-{who}"), None, now);
    (purchase.refund, purchase.refunded_share) = (Some(word), share.map(Share::new));
    let event = format!("{word:?} of {who} at {}", now.0);
    let about = About::Purchase { people: vec![], token: None, purchase: Box::new(purchase) };
    told.house.tell_by(Source::Apple, &event, now, about);
}

fn refunded(told: &Told, who: &str) {
    refund(told, who, RefundWord::Refunded { at: told.house.clock.now() }, None);
}

fn restored(told: &Told, who: &str) {
    refund(told, who, RefundWord::Reversed, None);
}

fn of(told: &Told, who: &str) -> Completion {
    let referee = told.house.person(who);
    told.house.all::<Completion>().into_iter().find(|row| row.referee == referee).expect("they completed")
}

fn stands(told: &Told, who: &str) -> (&'static str, Vec<&'static str>) {
    let row = of(told, who);
    (row.state.word(), row.reasons.iter().map(|reason| reason.word()).collect())
}

fn review(told: &Told, who: &str, verdict: Verdict) -> Result<(), Refusal> {
    let completion = of(told, who).id;
    told.house.ask(Command::Review(Review { completion, verdict })).map(|_| ())
}

fn later(told: &Told, days: i64) {
    told.house.wait(Span::days(days));
    super::properties::fire(&told.house);
}

fn figures(told: &Told) -> (u32, u32, u32, u32) {
    let jo = told.house.person("jo");
    let row = told.house.all::<Referrer>().into_iter().find(|row| row.person == jo).expect("jo shares");
    (row.credited, row.held, row.reversed, row.days)
}

#[test]
fn a_hold_ends_by_itself() {
    let told = with(|policy| policy.reward.hold_days = 7);
    completes(&told, "kim");
    assert_eq!((stands(&told, "kim"), figures(&told)), (("held", vec![]), (0, 1, 0, 0)));
    later(&told, 6);
    assert_eq!(stands(&told, "kim").0, "held");
    later(&told, 1);
    assert_eq!((stands(&told, "kim").0, figures(&told)), ("credited", (1, 0, 0, 30)));
    assert_eq!(told.house.account("jo"), Some((30, 37)));
    later(&told, 100);
    assert_eq!(figures(&told), (1, 0, 0, 30));
    replays(&told.house);
}

#[test]
fn a_refund_before_during_and_after_the_hold() {
    // (days until the refund, until it is reversed) -> after each, and in the end
    for (refunded_after, restored_after, middle, end, days) in [
        (0, 1, "reversed", "held", 0),
        (3, 2, "reversed", "held", 0),
        (3, 20, "reversed", "credited", 30),
        (10, 1, "reversed", "credited", 30),
    ] {
        let told = with(|policy| policy.reward.hold_days = 7);
        completes(&told, "kim");
        later(&told, refunded_after);
        refunded(&told, "kim");
        assert_eq!(stands(&told, "kim"), (middle, vec!["refund"]));
        later(&told, restored_after);
        restored(&told, "kim");
        assert_eq!(stands(&told, "kim"), (end, vec![]), "{refunded_after} {restored_after}");
        assert_eq!(told.house.account("jo").map_or(0, |(days, _)| days), days);
        later(&told, 30);
        assert_eq!(stands(&told, "kim").0, "credited");
        replays(&told.house);
    }
}

#[test]
fn a_prorated_refund_takes_its_share() {
    // (days until half goes back, until all does, until that is reversed) -> the end in days
    type Row<'a> = (i64, Option<i64>, i64, &'a str, u32, i64);
    let rows: [Row<'_>; 6] = [
        (0, None, 0, "credited", 30, 30),
        (0, None, 10, "credited", 30, 30),
        (20, None, 5, "credited", 30, 35),
        (40, None, 5, "credited", 30, 15),
        (5, Some(2), 3, "credited", 30, 33),
        (0, Some(0), 0, "credited", 30, 30),
    ];
    for (half, all, reversed, state, days, end) in rows {
        let told = with(|_| {});
        completes(&told, "kim");
        later(&told, half);
        part_refunded(&told, "kim", 50_000);
        assert_eq!(stands(&told, "kim"), ("credited", vec!["prorated_refund"]));
        assert_eq!((of(&told, "kim").days, figures(&told)), (15, (1, 0, 0, 15)));
        assert_eq!(told.house.account("jo"), Some((15, 15)));
        if let Some(all) = all {
            later(&told, all);
            part_refunded(&told, "kim", 100_000);
            assert_eq!((stands(&told, "kim").0, told.house.account("jo")), ("reversed", None));
        }
        later(&told, reversed);
        restored(&told, "kim");
        assert_eq!((stands(&told, "kim"), figures(&told)), ((state, vec![]), (1, 0, 0, days)));
        assert_eq!(told.house.account("jo"), Some((days, end)), "{half} {all:?} {reversed}");
        replays(&told.house);
    }
    let told = with(|policy| policy.reward.hold_days = 7);
    completes(&told, "kim");
    part_refunded(&told, "kim", 33_333);
    assert_eq!((stands(&told, "kim").0, of(&told, "kim").days), ("held", 21));
    later(&told, 7);
    assert_eq!((stands(&told, "kim").0, told.house.account("jo")), ("credited", Some((21, 28))));
    part_refunded(&told, "kim", 50_000);
    assert_eq!(told.house.account("jo"), Some((15, 22)), "of the whole, not of the rest");
    replays(&told.house);
}

#[test]
fn milestones_are_reached_once() {
    let milestones = vec![Milestone { referrals: 2, days: 100 }, Milestone { referrals: 3, days: 10 }];
    let told = with(|policy| policy.reward.milestones.clone_from(&milestones));
    completes(&told, "a");
    assert_eq!(told.house.account("jo"), Some((30, 30)));
    completes(&told, "b");
    assert_eq!(told.house.account("jo"), Some((160, 160)));
    completes(&told, "kim");
    assert_eq!(told.house.account("jo"), Some((200, 200)));
    for _ in 0..3 {
        refunded(&told, "b");
        assert_eq!((told.house.account("jo").map(|account| account.0), figures(&told).3), (Some(160), 160));
        refunded(&told, "a");
        assert_eq!((told.house.account("jo").map(|account| account.0), figures(&told).3), (Some(30), 30));
        restored(&told, "b");
        restored(&told, "a");
        assert_eq!((told.house.account("jo").map(|account| account.0), figures(&told)), (Some(200), (3, 0, 0, 200)));
    }
    let (_, end) = told.house.account("jo").unwrap();
    assert!(end <= 200, "no cycle makes it longer: {end}");
    replays(&told.house);
}

#[test]
fn a_tester_reaches_no_milestone() {
    let told = with(|policy| policy.reward.milestones = vec![Milestone { referrals: 1, days: 100 }]);
    told.tell(&Fact::Claim("kim", "jo")).unwrap();
    told.tell(&but(buy(&["kim"], "T1"), |bought| bought.is_test = true)).unwrap();
    assert_eq!((stands(&told, "kim").0, told.house.account("jo")), ("credited", None));
}

#[test]
fn limits_hold_what_is_beyond_them() {
    let day = |policy: &mut Policy| policy.fraud.max_per_referrer_per_day = 2;
    let month = |policy: &mut Policy| policy.reward.max_per_month = 2;
    let total = |policy: &mut Policy| policy.reward.max_total = 2;
    type Rule = fn(&mut Policy);
    let rows: [(Rule, &str, i64); 3] =
        [(day, "max_per_referrer_per_day", 1), (month, "max_per_month", 31), (total, "max_total", 5000)];
    for (limit, reason, days) in rows {
        let told = with(limit);
        completes(&told, "a");
        completes(&told, "b");
        completes(&told, "kim");
        assert_eq!(stands(&told, "kim"), ("held", vec![reason]));
        assert_eq!(of(&told, "kim").held_until, None, "for review, without an end");
        told.house.import("more", 40..80, days + 100);
        told.house.wait(Span::days(days));
        completes(&told, "lee");
        let passes = reason != "max_total";
        assert_eq!(stands(&told, "lee").0 == "credited", passes, "{reason} after {days} days");
        replays(&told.house);
    }
}

#[test]
fn doubts() {
    type Plant = fn(&Told);
    type Row<'a> = (&'static str, fn(&mut Policy), &'a [Plant], &'a [&'static str]);
    let claims: Plant = |told| told.tell(&Fact::Claim("kim", "jo")).unwrap();
    let buys: Plant = |told| told.tell(&buy(&["kim"], "T1")).unwrap();
    let waits: Plant = |told| told.house.wait(Span::seconds(9));
    let buys_later: Plant = |told| told.house.buy_with(&["kim"], "T1", "REF30").then_some(()).unwrap();
    let bought_before: Plant = |told| {
        told.tell(&but(buy(&["kim"], "T0"), |bought| (bought.offer, bought.minute) = (Offer::None, -600))).unwrap();
    };
    let bought_after: Plant = |told| {
        told.tell(&but(buy(&["kim"], "T9"), |bought| (bought.offer, bought.minute) = (Offer::None, 600))).unwrap();
    };
    let renews: Plant = |told| told.tell(&but(buy(&["kim"], "T1"), |bought| bought.renewal = Some("T1-7"))).unwrap();
    let referred: Plant = |told| {
        let code = told.house.my_code("kim");
        told.house.claim("jo", &code).unwrap();
        told.house.buy(&["jo"]);
    };
    let shares: Plant = |told| _ = told.house.my_code("kim");
    let new_only = |policy: &mut Policy| policy.fraud.require_new_customer = true;
    let fast = |policy: &mut Policy| policy.fraud.too_fast_seconds = 9;
    let rings = |policy: &mut Policy| policy.fraud.rings = true;
    let rows: [Row<'_>; 9] = [
        ("at once", fast, &[claims, buys], &["too_fast"]),
        ("in time", fast, &[claims, waits, buys_later], &[]),
        ("before the claim", fast, &[buys, waits, claims], &[]),
        ("a customer before", new_only, &[bought_before, claims, buys], &["not_new_customer"]),
        ("a lapsed customer", new_only, &[claims, renews], &["not_new_customer"]),
        ("a customer after", new_only, &[bought_after, claims, buys], &[]),
        ("a new customer", new_only, &[claims, buys], &[]),
        ("a ring", rings, &[referred, claims, buys], &["ring"]),
        ("no ring", rings, &[shares, claims, buys], &[]),
    ];
    for (what, rule, plants, reasons) in rows {
        let told = with(rule);
        plants.iter().for_each(|plant| plant(&told));
        let state = if reasons.is_empty() { "credited" } else { "held" };
        assert_eq!(stands(&told, "kim"), (state, reasons.to_vec()), "{what}");
        let off = with(|_| {});
        plants.iter().for_each(|plant| plant(&off));
        assert_eq!(stands(&off, "kim"), ("credited", vec![]), "{what}, not asked");
    }
}

#[test]
fn a_purchase_shared_in_a_family_earns_nothing() {
    for (rule, days, reasons) in [(true, 0, vec!["family_shared"]), (false, 30, vec![])] {
        let told = with(|policy| policy.fraud.family_sharing = rule);
        told.tell(&Fact::Claim("kim", "jo")).unwrap();
        let purchase = Purchase { is_family_shared: true, ..sample::purchase("T1", Some("REF30"), NOON) };
        let about = About::Purchase { people: told.house.people(&["kim"]), token: None, purchase: Box::new(purchase) };
        told.house.tell_by(Source::App, "shared", NOON, about);
        assert_eq!(stands(&told, "kim"), ("credited", reasons));
        assert_eq!(told.house.account("jo").map_or(0, |account| account.0), days);
    }
}

#[test]
fn doubts_end_in_time() {
    for (expires_to, hold, end, days) in
        [(Expiry::Credited, 0, "credited", 30), (Expiry::Rejected, 0, "rejected", 0), (Expiry::Credited, 40, "held", 0)]
    {
        let told = with(|policy| {
            (policy.fraud.too_fast_seconds, policy.fraud.flags_expire_days) = (60, 30);
            (policy.fraud.flags_expire_to, policy.reward.hold_days) = (expires_to, hold);
        });
        completes(&told, "kim");
        assert_eq!(stands(&told, "kim"), ("held", vec!["too_fast"]));
        later(&told, 30);
        assert_eq!(stands(&told, "kim"), (end, vec!["too_fast"]));
        assert_eq!(told.house.account("jo").map_or(0, |account| account.0), days);
        let redemption = told.house.redemption("T-kim").state.word();
        assert_eq!(redemption == "rejected", end == "rejected");
        replays(&told.house);
    }
}

#[test]
fn what_people_decide() {
    use Verdict::{Approve, Reject, Reverse};
    let held = || {
        let told = with(|policy| policy.reward.hold_days = 7);
        completes(&told, "kim");
        told
    };
    let credited = || {
        let told = with(|_| {});
        completes(&told, "kim");
        told
    };
    type Start<'a> = &'a dyn Fn() -> Told;
    let rows: [(&str, Start, &[Verdict], &str, u32); 7] = [
        ("approved", &held, &[Approve], "credited", 30),
        ("rejected", &held, &[Reject], "rejected", 0),
        ("reversed while held", &held, &[Reverse], "reversed", 0),
        ("reversed", &credited, &[Reverse], "reversed", 0),
        ("reversed and approved", &credited, &[Reverse, Approve], "credited", 30),
        ("reversed and rejected", &credited, &[Reverse, Reject], "rejected", 0),
        ("rejected when credited", &credited, &[Reject], "rejected", 0),
    ];
    for (what, start, verdicts, end, days) in rows {
        let told = start();
        verdicts.iter().for_each(|verdict| review(&told, "kim", *verdict).unwrap());
        assert_eq!(stands(&told, "kim").0, end, "{what}");
        assert_eq!(of(&told, "kim").reasons.contains(&Reason::ByHand), end != "credited", "{what}");
        assert_eq!(told.house.account("jo").map_or(0, |account| account.0), days, "{what}");
        later(&told, 30);
        assert_eq!(stands(&told, "kim").0, end, "{what}, a month later");
        replays(&told.house);
    }
    let told = credited();
    assert_eq!(review(&told, "kim", Approve), Err(Refusal::WrongState));
    review(&told, "kim", Reverse).unwrap();
    refunded(&told, "kim");
    assert_eq!(review(&told, "kim", Approve), Err(Refusal::WrongState), "it was refunded meanwhile");
    restored(&told, "kim");
    assert_eq!(stands(&told, "kim"), ("reversed", vec!["by_hand"]), "a person's word stands");
    let unknown = Command::Review(Review { completion: Id([9; 16]), verdict: Approve });
    assert_eq!(told.house.ask(unknown), Err(Refusal::UnknownCompletion));
}

#[test]
fn claims_of_one_network() {
    let told = with(|policy| policy.fraud.max_claims_per_network_per_day = 2);
    let claim = |who: &str, network: u8| {
        let by = ClaimBy::Code(told.house.my_code("jo"));
        let network = Some(Id([network; 16]));
        told.house.ask(Command::Claim(MakeClaim { network, ..MakeClaim::of(by, told.house.person(who)) })).unwrap();
        told.house.buy(&[who]);
    };
    for (who, network) in [("a", 1), ("b", 1), ("kim", 2), ("lee", 1)] {
        claim(who, network);
    }
    let states = ["a", "b", "kim", "lee"].map(|who| stands(&told, who).0);
    assert_eq!(states, ["credited", "credited", "credited", "held"]);
    assert_eq!(stands(&told, "lee").1, ["max_claims_per_network_per_day"]);
    later(&told, 1);
    assert!(told.house.all::<crate::domain::network::Network>().is_empty(), "kept a day");
}

#[test]
fn figures_hold_under_everything() {
    let told = with(|policy| {
        policy.reward.milestones = vec![Milestone { referrals: 2, days: 100 }];
        (policy.reward.hold_days, policy.fraud.max_per_referrer_per_day) = (3, 3);
    });
    let mut watch = Watch::default();
    let people = ["a", "b", "kim", "lee", "kim2"];
    for who in people {
        completes(&told, who);
        watch.look(&told.house);
    }
    for step in 0..40i64 {
        let who = people[step as usize % people.len()];
        match step % 7 {
            0 | 3 => refunded(&told, who),
            1 | 5 => restored(&told, who),
            2 => _ = review(&told, who, Verdict::Approve),
            _ => later(&told, step % 4),
        }
        watch.look(&told.house);
    }
    replays(&told.house);
}
