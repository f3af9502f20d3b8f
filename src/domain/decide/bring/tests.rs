use super::*;
use crate::domain::completion::Reason;
use crate::domain::policy::{Kind, Milestone, Policy};
use crate::domain::reward::Part;
use crate::domain::sample::{self, NOON, circle, day, person, stamp};

fn seat(referrer: Option<Referrer>) -> Seat {
    Seat { circle: circle(&[1, 2]), referrer, slug: "slug-1".into() }
}

fn sharing() -> Referrer {
    Referrer::new("friends", person(1), "slug-1".into())
}

const USED: CodeState = CodeState::Used { at: NOON };

fn bring(state: CodeState) -> BringCode {
    let text = CodeText::parse("CODE000").unwrap();
    let (expires_at, assigned_at) = (day(100), Some(day(-5)));
    BringCode { campaign: "friends".into(), text, holder: person(1), expires_at, assigned_at, state }
}

fn code_facts(known: Option<Code>) -> BringCodeFacts {
    let rules = Some(sample::rules(sample::policy()));
    BringCodeFacts { rules, known, holder: seat(None), current: None }
}

fn reply(decision: Result<Decision, Refusal>) -> Brought {
    match decision.unwrap().reply {
        Reply::Brought(brought) => brought,
        other => panic!("{other:?}"),
    }
}

#[test]
fn codes_that_are_here_already() {
    let claimed = |code: Code| Code { claimed_by: Some(person(5)), ..code };
    let ended = CodeState::Expired { at: NOON };
    let (of_another, waits) = (Brought::Clash(Clash::OfAnother), Brought::Clash(Clash::Claimed));
    // (here, there) -> what becomes of it
    for (known, state, expected) in [
        (None, CodeState::Pending, Brought::Taken),
        (Some(sample::code(0, 1, CodeState::Pending)), CodeState::Pending, Brought::Known),
        (Some(sample::code(0, 2, CodeState::Pending)), CodeState::Pending, Brought::Known),
        (Some(sample::code(0, 3, CodeState::Pending)), CodeState::Pending, of_another),
        (Some(Code { campaign: "foes".into(), ..sample::code(0, 1, USED) }), USED, of_another),
        (Some(Code { is_custom: true, ..sample::code(0, 1, USED) }), USED, of_another),
        (Some(sample::code(0, 1, CodeState::Pending)), USED, Brought::Taken),
        (Some(sample::code(0, 1, ended)), USED, Brought::Taken),
        (Some(sample::code(0, 1, CodeState::Pending)), CodeState::Void { at: NOON }, Brought::Taken),
        (Some(claimed(sample::code(0, 1, CodeState::Pending))), USED, waits),
        (Some(claimed(sample::code(0, 1, USED))), CodeState::Pending, Brought::Known),
        (Some(sample::code(0, 1, USED)), CodeState::Pending, Brought::Known),
        (Some(sample::code(0, 1, USED)), USED, Brought::Known),
    ] {
        let facts = code_facts(known.clone());
        let decision = BringCodeFamily::decide(&facts, &bring(state), stamp(NOON));
        let is_same = decision.as_ref().unwrap().is_same();
        assert_eq!((reply(decision), is_same), (expected, expected != Brought::Taken), "{known:?} {state:?}");
    }
}

#[test]
fn a_code_comes_with_who_has_it() {
    let lasting = || Some(sample::code(9, 1, CodeState::Pending));
    let ended = CodeState::Expired { at: day(100) };
    // (its state there, now, the code that is shown) -> its state here, whether it is shown, whether it will end
    for (state, now, current, stands, shown, ends) in [
        (CodeState::Pending, NOON, None, CodeState::Pending, true, true),
        (CodeState::Pending, NOON, lasting(), CodeState::Pending, false, true),
        (CodeState::Pending, NOON, Some(sample::code(9, 1, USED)), CodeState::Pending, true, true),
        (CodeState::Pending, day(100), None, ended, false, false),
        (USED, NOON, None, USED, false, false),
        (ended, NOON, None, ended, false, false),
    ] {
        let facts = BringCodeFacts { current: current.clone(), ..code_facts(None) };
        let decision = BringCodeFamily::decide(&facts, &bring(state), stamp(now)).unwrap();
        let (mut code, mut referrer, mut due) = (None, None, None);
        for put in decision.puts {
            match put {
                Put::Code(row) => code = Some(row),
                Put::Referrer(row) => referrer = Some(row),
                Put::Due(row) => due = Some(row.at),
                Put::Chunk(row) => assert_eq!(row.codes.iter().collect::<Vec<_>>(), ["CODE000"]),
                other => panic!("{other:?}"),
            }
        }
        let (code, referrer) = (code.unwrap(), referrer.unwrap());
        assert_eq!((code.state, code.assigned_at, code.assigned_to), (stands, day(-5), person(1)));
        assert_eq!((referrer.shared, referrer.current.is_some()), (1, shown), "{state:?} {current:?}");
        assert_eq!(due, ends.then_some(day(100)), "{state:?}");
        assert!(decision.effects.is_empty());
    }
}

fn completed(days: u32) -> BringCompletion {
    BringCompletion {
        campaign: "friends".into(),
        referrer: person(1),
        referee: person(5),
        code: CodeText::parse("CODE000").unwrap(),
        at: day(-40),
        days,
        granted_until: None,
    }
}

fn facts() -> BringCompletionFacts {
    BringCompletionFacts {
        rules: Some(sample::rules(sample::policy())),
        code: None,
        referee: circle(&[5, 6]),
        claims: Vec::new(),
        known: None,
        referrer: seat(None),
        account: None,
    }
}

fn brought(facts: &BringCompletionFacts, command: &BringCompletion) -> Brought {
    let decision = BringCompletionFamily::decide(facts, command, stamp(NOON));
    let is_same = decision.as_ref().unwrap().is_same();
    let reply = reply(decision);
    assert_eq!(is_same, reply != Brought::Taken, "{reply:?}");
    reply
}

/// What another completion of the same two would be here.
fn credited(method: Method) -> Completion {
    let claim = Claim::of(&sample::code(0, 1, USED), person(5), day(-40));
    let rules = Rules { version: 3, policy: sample::policy() };
    Completion { method: Some(method), ..completion(&claim, &completed(30), &rules) }
}

#[test]
fn completions_that_meet_others() {
    let code = |holder| sample::code(0, holder, CodeState::Pending);
    let claim = |code: &Code, state| sample::claim(code, 5, NOON, state);
    let held_by = |who, state| Some(Code { claimed_by: Some(person(who)), ..sample::code(0, 1, state) });
    let with = |claim, completion| BringCompletionFacts { claims: vec![(claim, completion)], ..facts() };
    let mine = |method| with(claim(&code(1), ClaimState::Completed), Some(credited(method)));
    let rejected = Completion {
        state: CompletionState::Rejected { at: NOON },
        reasons: vec![Reason::SelfReferral],
        ..credited(Method::Code)
    };
    let clash = Brought::Clash;
    let (one, other) = (completed(30), sample::code(7, 1, CodeState::Pending));
    let rows: Vec<(&str, BringCompletionFacts, BringCompletion, Brought)> = vec![
        ("nothing is known", facts(), one.clone(), Brought::Taken),
        ("its code", BringCompletionFacts { code: Some(code(1)), ..facts() }, one.clone(), Brought::Taken),
        ("an alias's code", BringCompletionFacts { code: Some(code(2)), ..facts() }, one.clone(), Brought::Taken),
        ("used", BringCompletionFacts { code: held_by(6, USED), ..facts() }, one.clone(), Brought::Taken),
        ("another's", BringCompletionFacts { code: Some(code(3)), ..facts() }, one.clone(), clash(Clash::OfAnother)),
        (
            "claimed by another",
            BringCompletionFacts { code: held_by(7, CodeState::Pending), ..facts() },
            one.clone(),
            clash(Clash::Claimed),
        ),
        ("claimed by them", with(claim(&code(1), ClaimState::Pending), None), one.clone(), Brought::Taken),
        ("something else claimed", with(claim(&other, ClaimState::Pending), None), one.clone(), clash(Clash::Claimed)),
        ("lost to a rival", with(claim(&other, ClaimState::Superseded), None), one.clone(), Brought::Taken),
        (
            "something else completed",
            with(claim(&other, ClaimState::Completed), None),
            one.clone(),
            clash(Clash::Completed),
        ),
        ("by another", with(claim(&code(3), ClaimState::Completed), None), one.clone(), clash(Clash::Completed)),
        ("rejected", with(claim(&code(1), ClaimState::Rejected), None), one.clone(), clash(Clash::Rejected)),
        (
            "rejected before",
            BringCompletionFacts { known: Some(rejected), ..facts() },
            one.clone(),
            clash(Clash::Rejected),
        ),
        ("brought before", mine(Method::Import), one.clone(), Brought::Known),
        ("with other days", mine(Method::Import), completed(60), clash(Clash::Differs)),
        (
            "at another time",
            mine(Method::Import),
            BringCompletion { at: day(-41), ..one.clone() },
            clash(Clash::Differs),
        ),
        ("credited here", mine(Method::Code), completed(60), Brought::Known),
        ("oneself", facts(), BringCompletion { referee: person(2), ..one.clone() }, clash(Clash::SelfReferral)),
        (
            "an alias of oneself",
            BringCompletionFacts { referee: circle(&[1, 5]), ..facts() },
            one,
            clash(Clash::SelfReferral),
        ),
    ];
    for (what, facts, command, expected) in rows {
        assert_eq!(brought(&facts, &command), expected, "{what}");
    }
}

#[test]
fn a_completion_counts_and_grants_nothing() {
    let mut policy = sample::policy();
    policy.reward.milestones =
        [(1, 10), (2, 20), (3, 30)].map(|(referrals, days)| Milestone { referrals, days }).to_vec();
    let known = Referrer { credited: 1, counted: 1, days: 30, ..sharing() };
    let facts = BringCompletionFacts {
        rules: Some(sample::rules(policy)),
        code: Some(Code { claimed_by: None, ..sample::code(0, 1, USED) }),
        referrer: seat(Some(known)),
        ..facts()
    };
    let decision = BringCompletionFamily::decide(&facts, &completed(30), stamp(NOON)).unwrap();
    assert!(decision.effects.is_empty());
    let mut words = Vec::new();
    for put in &decision.puts {
        match put {
            Put::Referrer(row) => {
                assert_eq!((row.credited, row.counted, row.days, row.shared), (2, 2, 60, 0));
                let reached: Vec<(u32, u32)> = row.milestones.iter().map(|one| (one.referrals, one.days)).collect();
                assert_eq!(reached, [(1, 0), (2, 0)], "none of them is granted, now or later");
                assert!(row.pace.is_empty(), "it is long past");
            }
            Put::Completion(row) => {
                assert_eq!((row.state, row.days, row.counts), (CompletionState::Credited { at: day(-40) }, 30, true));
                assert_eq!((row.method, row.redeemed_at), (Some(Method::Import), None));
            }
            Put::Code(row) => assert_eq!((row.state, row.claimed_by), (USED, Some(person(5)))),
            Put::Claim(row) => assert_eq!((row.state, row.referrer), (ClaimState::Completed, person(1))),
            Put::Account(row) => assert_eq!((row.person, row.days, row.granted_until()), (person(1), 30, None)),
            other => panic!("{other:?}"),
        }
        words.push(format!("{put:?}").split('(').next().unwrap_or_default().to_owned());
    }
    words.sort();
    assert_eq!(words, ["Account", "Claim", "Code", "Completion", "Referrer"]);
}

#[test]
fn what_was_granted_elsewhere_comes_first() {
    let known = |end, span: i64| {
        let part = Part { at: NOON, id: Id([1; 16]), span: Span::days(span), after_paid: false };
        let account = Account::earn(None, person(1), person(1), 30, part);
        Account { floor: end, ..account }
    };
    // (what was granted here, told of the end, days) -> days in all, the end
    for (account, until, days, expected) in [
        (None, None, 0, None),
        (None, None, 30, Some((30, None))),
        (None, Some(day(20)), 30, Some((30, Some(day(20))))),
        (None, Some(day(20)), 0, Some((0, None))),
        (
            Some(Account::elsewhere(None, person(1), person(1), 30, Some(day(5)))),
            Some(day(20)),
            30,
            Some((60, Some(day(20)))),
        ),
        (
            Some(Account::elsewhere(None, person(1), person(1), 30, Some(day(20)))),
            Some(day(5)),
            30,
            Some((60, Some(day(20)))),
        ),
        (Some(known(NOON, 30)), Some(day(50)), 30, Some((60, Some(day(30))))),
    ] {
        let facts = BringCompletionFacts { account: account.clone(), ..facts() };
        let command = BringCompletion { granted_until: until, ..completed(days) };
        let decision = BringCompletionFamily::decide(&facts, &command, stamp(NOON)).unwrap();
        let found = decision.puts.iter().find_map(|put| match put {
            Put::Account(row) => Some((row.days, row.granted_until())),
            _ => None,
        });
        assert_eq!(found, expected, "{account:?} {until:?}");
    }
}

#[test]
fn users_share_in_campaigns_of_users() {
    let of = |kind| Some(sample::rules(Policy { kind, ..sample::policy() }));
    for rules in [None, of(Kind::Partner), of(Kind::Winback)] {
        let code = BringCodeFacts { rules: rules.clone(), ..code_facts(None) };
        let completion = BringCompletionFacts { rules, ..facts() };
        let refused = Err(Refusal::UnknownCampaign);
        assert_eq!(BringCodeFamily::decide(&code, &bring(USED), stamp(NOON)), refused);
        assert_eq!(BringCompletionFamily::decide(&completion, &completed(30), stamp(NOON)), refused);
    }
}

#[test]
fn a_completion_of_this_month_counts_in_it() {
    let command = BringCompletion { at: day(-3), ..completed(30) };
    let decision = BringCompletionFamily::decide(&facts(), &command, stamp(NOON)).unwrap();
    let pace = decision.puts.into_iter().find_map(|put| match put {
        Put::Referrer(row) => Some(row.pace),
        _ => None,
    });
    assert_eq!(pace, Some(vec![(day(-3).date(), 1)]));
}
