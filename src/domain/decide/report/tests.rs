use super::*;
use crate::domain::at::Stretch;
use crate::domain::id::Id;
use crate::domain::purchase::Source;
use crate::domain::sample::{self, NOON, circle, day, person};
use crate::domain::subscription::Paid;

fn report(about: About) -> Report {
    let digest = Id([1; 16]);
    Report {
        source: Source::RevenueCat,
        event: "e1".into(),
        digest,
        kind: "RENEWAL".into(),
        at: Some(NOON),
        about,
        hand_on: Vec::new(),
    }
}

fn bought(users: &[u8], offer: &str) -> Report {
    let people = users.iter().map(|n| person(*n)).collect();
    report(About::Purchase { people, token: None, purchase: Box::new(sample::purchase("T1", Some(offer), NOON)) })
}

fn facts(cases: Vec<Case>) -> ReportFacts {
    ReportFacts { rules: vec![sample::rules(sample::policy())], cases, ..ReportFacts::default() }
}

fn one(ids: &[u8]) -> Case {
    sample::case(sample::policy(), ids)
}

fn with_claim(mut case: Case, referee: u8) -> Case {
    let code = sample::code(0, 100, CodeState::Pending);
    let claim = sample::claim(&code, referee, NOON, ClaimState::Pending);
    case.claims.push(Filed { claim, code, completion: None });
    case
}

fn decide(facts: &ReportFacts, report: &Report) -> Decision {
    ReportFamily::decide(facts, report, sample::stamp(NOON)).unwrap()
}

/// The last state of the redemption, its owner, and the completions.
fn ends(decision: &Decision) -> (Option<(&'static str, Person)>, Vec<&'static str>) {
    let redemption = decision.puts.iter().rev().find_map(|put| match put {
        Put::Redemption(row) => Some((row.state.word(), row.user.expect("it has an owner"))),
        _ => None,
    });
    let completions = decision.puts.iter().filter_map(|put| match put {
        Put::Completion(row) => Some(row.state.word()),
        _ => None,
    });
    (redemption, completions.collect())
}

#[test]
fn purchases() {
    let named = |state| Named { code: sample::code(0, 100, state), holder: None };
    let gone = |to: u8| vec![Move { from: person(1), at: day(1), to: person(to) }];
    let spent = || {
        let mut case = with_claim(one(&[1]), 1);
        case.spent.insert(("friends".into(), "T1".into()));
        facts(vec![case])
    };
    let code = |facts: ReportFacts| ReportFacts { named: Some(named(CodeState::Pending)), ..facts };
    let used = ReportFacts { named: Some(named(CodeState::Used { at: NOON })), ..facts(vec![one(&[1])]) };
    let rows = [
        ("unclaimed", facts(vec![one(&[1])]), "REF30", "unattributed", 1, vec![]),
        ("claimed", facts(vec![with_claim(one(&[1]), 1)]), "REF30", "attributed", 1, vec!["credited"]),
        ("another offer", facts(vec![with_claim(one(&[1]), 1)]), "SPRING", "unattributed", 1, vec![]),
        ("spent", spent(), "REF30", "unattributed", 1, vec![]),
        (
            "moved on",
            ReportFacts { moves: gone(2), ..facts(vec![with_claim(one(&[2]), 2)]) },
            "REF30",
            "attributed",
            2,
            vec!["credited"],
        ),
        ("named", code(facts(vec![one(&[1])])), "CODE000", "attributed", 1, vec!["credited"]),
        ("named, claimed", code(facts(vec![with_claim(one(&[1]), 1)])), "CODE000", "attributed", 1, vec!["credited"]),
        ("named, own", code(facts(vec![one(&[1, 100])])), "CODE000", "rejected", 1, vec!["rejected"]),
        (
            "named, moved on",
            code(ReportFacts { moves: gone(2), ..facts(vec![one(&[2])]) }),
            "CODE000",
            "attributed",
            2,
            vec!["credited"],
        ),
        ("named, spent", code(spent()), "CODE000", "unattributed", 1, vec![]),
        ("named, used", used, "CODE000", "unattributed", 1, vec![]),
    ];
    for (what, facts, offer, state, owner, completions) in rows {
        let decision = decide(&facts, &bought(&[1], offer));
        assert_eq!(ends(&decision), (Some((state, person(owner))), completions,), "{what}");
    }
}

#[test]
fn a_named_code_is_taken_from_whom_claimed_it() {
    let code = sample::code(0, 100, CodeState::Pending);
    let holder = Some(sample::claim(&code, 9, NOON, ClaimState::Pending));
    let facts = ReportFacts { named: Some(Named { code, holder }), ..facts(vec![one(&[1])]) };
    let decision = decide(&facts, &bought(&[1], "CODE000"));
    let lost = |put: &Put| matches!(put, Put::Claim(claim) if claim.referee == person(9) && claim.state == ClaimState::Superseded);
    assert!(decision.puts.iter().any(lost));
}

#[test]
fn a_repeat_changes_nothing() {
    let digest = Id([1; 16]);
    let seen = Seen { source: Source::RevenueCat, event: "e1".into(), kind: "RENEWAL".into(), digest, seq: 1 };
    for (kept, differs) in [(digest, false), (Id([2; 16]), true)] {
        let seen = Some(Seen { digest: kept, ..seen.clone() });
        let decision = decide(&ReportFacts { seen, ..facts(Vec::new()) }, &bought(&[1], "REF30"));
        assert_eq!(decision, Decision::same(Reply::Kept { repeated: true, differs }));
    }
}

#[test]
fn what_concerns_nobody_is_kept() {
    for about in [About::Nothing, About::OwnGrant, About::People(Vec::new())] {
        let decision = decide(&facts(Vec::new()), &report(about));
        assert!(matches!(&decision.puts[..], [Put::Seen(_)]) && decision.effects.is_empty());
    }
}

#[test]
fn accounts_of_one_person() {
    let account = sample::account;
    // (accounts) -> the account after, and whether something is to be granted
    for (accounts, after, granted) in [
        (vec![], None, false),
        (vec![account(1, day(30))], None, false),
        (vec![account(2, day(30))], Some((30, day(30))), false),
        (vec![account(1, day(30)), account(2, day(40))], Some((60, day(70))), true),
        (vec![account(1, day(-9)), account(2, day(40))], Some((60, day(40))), false),
        (vec![account(1, day(-9)), account(2, day(-8))], Some((60, day(-8))), false),
    ] {
        let link = Link { circle: circle(&[1, 2]), before: vec![circle(&[1]), circle(&[2])], accounts };
        let facts = ReportFacts { links: vec![link], ..facts(vec![one(&[1, 2])]) };
        let decision = decide(&facts, &report(About::People(vec![person(1), person(2)])));
        let put = decision.puts.iter().find_map(|put| match put {
            Put::Account(row) => Some((row.days, row.end)),
            _ => None,
        });
        assert_eq!((put, !decision.effects.is_empty()), (after, granted));
        assert_eq!(decision.puts.iter().filter(|put| matches!(put, Put::Alias(_))).count(), 2);
    }
}

#[test]
fn days_wait_for_the_end_of_what_is_paid() {
    let day_of = |n: i64, until: i64| Stretch { from: day(n), until: day(until) };
    let paid = |id: &str, time| Paid::of(id, time, NOON);
    let of = |person: Option<u8>, paid: Vec<Paid>| {
        let owner = person.map(|n| Owner { is_told: true, at: NOON, person: sample::person(n) });
        Subscription { owner, paid, ..Subscription::new("T1") }
    };
    // Thirty days earned at noon: (bought before, told now) -> end, whether something is taken back
    for (known, told, end, takes) in [
        (None, Some(day_of(-5, 25)), Some(55), false),
        (Some(of(Some(1), vec![paid("T1", day_of(-5, 25))])), Some(day_of(-5, 25)), None, false),
        (Some(of(Some(1), vec![paid("T0", day_of(-5, 25))])), Some(day_of(25, 55)), Some(85), false),
        (Some(of(Some(9), vec![paid("T0", day_of(-5, 25))])), None, None, false),
        (None, None, None, false),
    ] {
        let mut account = sample::account(1, day(30));
        account.parts[0].after_paid = true;
        let earlier = known.iter().flat_map(|known| known.times()).collect();
        let is_theirs = known.as_ref().and_then(Subscription::person) == Some(person(1));
        let account = account.after(if is_theirs { earlier } else { Vec::new() });
        let payer =
            Payer { circle: circle(&[1]), account: Some(account), subscriptions: known.clone().into_iter().collect() };
        let facts = ReportFacts { subscription: known.clone(), payers: vec![payer], ..facts(vec![one(&[1])]) };
        let mut report = bought(&[1], "SPRING");
        if let About::Purchase { purchase, .. } = &mut report.about {
            purchase.paid = told;
        }
        let decision = decide(&facts, &report);
        let granted = decision.effects.iter().find_map(|effect| match effect {
            Effect::Grant { end, take_back, .. } => Some((*end, take_back.is_some())),
            _ => None,
        });
        assert_eq!(granted, end.map(|end| (day(end), takes)), "{known:?} {told:?}");
    }
}

#[test]
fn transfers() {
    let to_two = report(About::Transfer { from: vec![person(1)], to: vec![person(2)] });
    let on = vec![Move { from: person(2), at: day(1), to: person(3) }];
    // (owned since, moved on, new owner's ids) -> owner, completions
    for (owned_at, moves, ids, owner, completions) in [
        (NOON, vec![], 2, Some(2), vec!["credited"]),
        (day(-1), vec![], 2, Some(2), vec!["credited"]),
        (At(NOON.0 + 1), vec![], 2, None, vec![]),
        (NOON, on, 3, Some(3), vec!["credited"]),
    ] {
        let first = Some(Owner { is_told: true, at: owned_at, person: person(1) });
        let lost = Some(vec![Subscription { owner: first, ..Subscription::new("T1") }]);
        let redemptions = vec![sample::redemption("T1", 1, NOON)];
        let facts = ReportFacts { lost, redemptions, moves, ..facts(vec![with_claim(one(&[ids]), ids)]) };
        let decision = decide(&facts, &to_two);
        assert!(decision.puts.iter().any(|put| matches!(put, Put::Move(one) if one.to == person(2))));
        let (redemption, done) = ends(&decision);
        assert_eq!((redemption.map(|(_, user)| user), done), (owner.map(person), completions));
    }
}

#[test]
fn everybody_who_became_one_is_looked_at() {
    // The purchase moved on to 3; that 1 and 2 are one person completes 2's claim with 1's other purchase.
    let mut both = with_claim(one(&[1, 2]), 2);
    both.redemptions.push(sample::redemption("T2", 1, NOON));
    let moves = vec![Move { from: person(1), at: day(1), to: person(3) }];
    let facts = ReportFacts { moves, ..facts(vec![one(&[3]), both]) };
    assert_eq!(ends(&decide(&facts, &bought(&[1, 2], "REF30"))).1, ["credited"]);
}
