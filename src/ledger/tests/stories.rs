//! What CONTRACT §5 and §6 say, as it happens to people.

use super::*;

#[test]
fn three_completions_in_a_second_are_one_grant_of_ninety_days() {
    let house = House::of(9);
    for name in ["a", "b", "c"] {
        let code = house.my_code("jo");
        house.buy(&[name]);
        assert_eq!(house.claim(name, &code), Ok(ClaimState::Completed));
        house.wait(Span::millis(300));
    }
    let items = house.items("grant");
    let end = NOON.plus(Span::days(90));
    assert!(matches!(&items[..], [item] if matches!(item.effect, Effect::Grant { end: at, .. } if at == end)));
    assert_eq!(house.account("jo"), Some((90, 90)));
}

#[test]
fn an_offers_name_credits_nobody_however_many_codes_are_pending() {
    let house = House::of(9);
    let (jo, _) = (house.my_code("jo"), house.my_code("max"));
    house.buy(&["kim"]);
    assert_eq!(house.credited(), 0);
    assert_eq!(house.redemption("T-kim").state.word(), "unattributed");
    house.wait(Span::days(29));
    assert_eq!(house.claim("kim", &jo), Ok(ClaimState::Completed));
    assert_eq!(house.completions(&["jo", "kim"]), ["jo for kim: credited claim+revenuecat 30"]);
    assert_eq!(house.redemption("T-kim").state.word(), "attributed");
}

#[test]
fn the_window_is_closed_at_both_ends() {
    let day = Span::days(1).0;
    // (from claim to purchase, credited)
    for (apart, credited) in [(30 * day, 1), (30 * day + 1, 0), (-30 * day, 1), (-30 * day - 1, 0), (0, 1)] {
        let house = House::of(9);
        let code = house.my_code("jo");
        if apart >= 0 {
            house.claim("kim", &code).unwrap();
            house.wait(Span(apart));
            house.buy(&["kim"]);
        } else {
            house.buy(&["kim"]);
            house.wait(Span(-apart));
            house.claim("kim", &code).unwrap();
        }
        assert_eq!(house.credited(), credited, "{apart}");
    }
}

#[test]
fn a_late_report_counts_from_the_purchase() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.claim("kim", &code).unwrap();
    house.wait(Span::days(60));
    let purchase = sample::purchase("T1", Some("REF30"), NOON.plus(Span::days(2)));
    house.tell(
        "late",
        house.clock.now(),
        About::Purchase { people: house.people(&["kim"]), token: None, purchase: Box::new(purchase) },
    );
    assert_eq!(house.credited(), 1);
}

#[test]
fn a_claim_holds_its_code_for_the_window_only() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.claim("kim", &code).unwrap();
    assert_eq!(house.claim("lee", &code), Err(Refusal::AlreadyClaimed));
    house.wait(Span::days(30));
    assert_eq!(house.claim("lee", &code), Err(Refusal::AlreadyClaimed));
    house.wait(Span::millis(1));
    assert_eq!(house.claim("lee", &code), Ok(ClaimState::Pending));
    assert_eq!(house.claim("kim", &code), Err(Refusal::AlreadyClaimed));
    house.buy(&["lee"]);
    assert_eq!(house.completions(&["jo", "lee"]), ["jo for lee: credited claim+revenuecat 30"]);
}

#[test]
fn evidence_beats_a_rivals_claim() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.claim("kim", &code).unwrap();
    assert_eq!(house.claim("lee", &code), Err(Refusal::AlreadyClaimed));
    house.buy(&["lee"]);
    assert_eq!(house.claim("lee", &code), Ok(ClaimState::Completed));
    house.buy(&["kim"]);
    assert_eq!(house.credited(), 1);
    assert_eq!(house.redemption("T-kim").state.word(), "unattributed");
    assert_eq!(house.claim("kim", &code), Err(Refusal::CodeUsed));
    let next = house.my_code("jo");
    assert_ne!(next, code);
    assert_eq!(house.claim("kim", &next), Ok(ClaimState::Completed), "who lost the race may use another code");
}

#[test]
fn one_claim_one_transaction_one_use() {
    let house = House::of(9);
    let (jo, max) = (house.my_code("jo"), house.my_code("max"));
    house.claim("kim", &jo).unwrap();
    assert_eq!(house.claim("kim", &jo), Ok(ClaimState::Pending), "a repeat is no second claim");
    assert_eq!(house.claim("kim", &max), Err(Refusal::AlreadyClaimed));
    assert_eq!(house.come_by("kim", &house.slug("max")).unwrap_err(), Refusal::AlreadyClaimed);
    house.buy(&["kim"]);
    assert!(!house.buy(&["kim"]), "an event is taken in once");
    assert_eq!(house.claim("kim", &jo), Ok(ClaimState::Completed));
    assert_eq!(house.claim("kim", &max), Err(Refusal::AlreadyClaimed));
    assert_eq!(house.claim("lee", &jo), Err(Refusal::CodeUsed));
    house.claim("lee", &max).unwrap();
    house.buy_with(&["lee"], "T-kim", "REF30");
    assert_eq!(house.credited(), 1, "the transaction was kim's");
    assert_eq!(house.code_word(&max), "pending");
    let unknown = code_text(999);
    assert_eq!(house.claim("lee", &unknown), Err(Refusal::UnknownCode));
    assert_eq!(house.claim("lee", &code_text(8)), Err(Refusal::UnknownCode), "nobody was given this one");
}

#[test]
fn an_expired_code_counts_with_evidence_only() {
    // (bought before the claim, the timer fired) -> what the claim comes to
    for fired in [false, true] {
        for (bought, state) in [(false, Err(Refusal::CodeExpired)), (true, Ok(ClaimState::Completed))] {
            let house = House::of(9);
            let code = house.my_code("jo");
            house.wait(Span::days(90));
            if bought {
                house.buy(&["kim"]);
            }
            house.wait(Span::days(11));
            if fired {
                super::properties::fire(&house);
                assert_eq!(house.code_word(&code), "expired");
            }
            assert_eq!(house.claim("kim", &code), state, "{bought} {fired}");
            assert_eq!(
                house.code_word(&code),
                if bought {
                    "used"
                } else if fired {
                    "expired"
                } else {
                    "pending"
                }
            );
        }
    }
}

#[test]
fn a_claimed_code_that_expires_still_completes() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.wait(Span::days(90));
    house.claim("kim", &code).unwrap();
    house.wait(Span::days(11));
    super::properties::fire(&house);
    assert_eq!(house.code_word(&code), "expired");
    let purchase = sample::purchase("T1", Some("REF30"), NOON.plus(Span::days(95)));
    house.tell(
        "late",
        house.clock.now(),
        About::Purchase { people: house.people(&["kim"]), token: None, purchase: Box::new(purchase) },
    );
    assert_eq!((house.credited(), house.code_word(&code)), (1, "used"));
}

#[test]
fn a_link_hands_the_referee_a_code_of_their_own() {
    let house = House::of(3);
    let shown = house.my_code("jo");
    let slug = house.slug("jo");
    let first = house.come_by("kim", &slug).unwrap();
    assert_ne!(first.code, shown);
    assert_eq!(house.come_by("kim", &slug).unwrap().code, first.code);
    let second = house.come_by("lee", &slug).unwrap();
    assert_ne!(second.code, first.code);
    assert_eq!(house.come_by("max", &slug).unwrap_err(), Refusal::PoolEmpty);
    assert_eq!(house.come_by("jo", &slug).unwrap_err(), Refusal::SelfReferral);
    assert_eq!(house.come_by("jo", "nobody").unwrap_err(), Refusal::UnknownSlug);
    house.buy(&["kim"]);
    let done = house.come_by("kim", &slug).unwrap();
    assert_eq!((done.state, done.completed.unwrap().days), (ClaimState::Completed, 30));
    assert_eq!(house.all::<Referrer>()[0].shared, 3);
}

#[test]
fn ones_own_code_is_used_up_once() {
    let house = House::of(9);
    let code = house.my_code("jo");
    assert_eq!(house.claim("jo", &code), Err(Refusal::SelfReferral));
    assert_eq!(house.code_word(&code), "used");
    let next = house.my_code("jo");
    assert_ne!(next, code);
    assert_eq!(house.claim("jo", &next), Err(Refusal::SelfReferral));
    assert_eq!(house.code_word(&next), "pending", "the stock cannot be drained like that");
    house.buy(&["jo"]);
    assert_eq!(house.redemption("T-jo").state.word(), "rejected");
    assert_eq!(house.completions(&["jo"]), ["jo for jo: rejected - 0"]);
}

#[test]
fn ones_own_code_stays_with_whom_claimed_it() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.claim("kim", &code).unwrap();
    assert_eq!(house.claim("jo", &code), Err(Refusal::SelfReferral));
    house.buy(&["kim"]);
    assert_eq!(house.completions(&["jo", "kim"]), ["jo for kim: credited claim+revenuecat 30"]);
}

#[test]
fn after_an_own_code_a_friends_may_be_used() {
    // Under the same id, and under another of the same person.
    for id in ["jo", "jo2"] {
        let house = House::of(9);
        let (own, friends) = (house.my_code("jo"), house.my_code("kim"));
        house.link(&["jo", "jo2"]);
        assert_eq!(house.claim("jo", &own), Err(Refusal::SelfReferral));
        assert_eq!(house.claim(id, &friends), Ok(ClaimState::Pending));
        house.buy(&[id]);
        let credited = format!("kim for {id}: credited claim+revenuecat 30");
        assert!(house.completions(&["jo", "jo2", "kim"]).contains(&credited), "{id}");
    }
}

#[test]
fn who_turns_out_to_be_the_referrer_loses_the_days() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.claim("jo2", &code).unwrap();
    house.buy(&["jo2"]);
    let other = house.my_code("jo");
    house.claim("kim", &other).unwrap();
    house.buy(&["kim"]);
    assert_eq!(house.account("jo"), Some((60, 60)));
    house.wait(Span::days(1));
    house.link(&["jo2", "jo"]);
    let names = ["jo", "jo2", "kim"];
    assert_eq!(house.completions(&names), ["jo for jo2: rejected - 0", "jo for kim: credited claim+revenuecat 30"]);
    assert_eq!(house.account("jo"), Some((30, 30)));
    assert_eq!(house.redemption("T-jo2").state.word(), "rejected");
    let end = NOON.plus(Span::days(30));
    let is_it = |item: &Item| matches!(item.effect, Effect::Grant { end: at, take_back: Some(_), .. } if at == end);
    assert!(house.items("grant").iter().any(is_it));
}

#[test]
fn two_accounts_of_one_person_add_up() {
    let house = House::of(9);
    for (name, friend) in [("jo", "kim"), ("jo2", "lee")] {
        let code = house.my_code(name);
        house.claim(friend, &code).unwrap();
        house.buy(&[friend]);
        house.wait(Span::days(10));
    }
    assert_eq!((house.account("jo"), house.account("jo2")), (Some((30, 30)), Some((30, 40))));
    house.link(&["jo", "jo2"]);
    assert_eq!((house.account("jo"), house.account("jo2")), (Some((60, 50)), Some((60, 50))));
    house.wait(Span::days(60));
    let grants = house.items("grant").len();
    let code = house.my_code("jo");
    house.claim("max", &code).unwrap();
    house.buy(&["max"]);
    assert_eq!(house.account("jo2"), Some((90, 110)), "from now, when all was used up");
    assert_eq!(house.items("grant").len(), grants, "one wish a lane");
}

#[test]
fn accounts_that_ran_out_are_not_granted_again() {
    let house = House::of(9);
    for (name, friend) in [("jo", "kim"), ("jo2", "lee")] {
        let code = house.my_code(name);
        house.claim(friend, &code).unwrap();
        house.buy(&[friend]);
    }
    house.wait(Span::days(50));
    let before = house.items("grant");
    house.link(&["jo", "jo2"]);
    assert_eq!(house.items("grant"), before, "RevenueCat takes no end in the past");
}

#[test]
fn a_purchase_that_moved_on_completes_the_new_owners_code() {
    let house = House::of(9);
    let (jo, max) = (house.my_code("jo"), house.my_code("max"));
    house.claim("kim", &jo).unwrap();
    house.buy(&["kim"]);
    house.wait(Span::minutes(5));
    house.transfer(&["kim"], &["lee"]);
    // Kim's second purchase, of before the transfer, names a code: it is lee's by now.
    let purchase = sample::purchase("T2", Some(max.as_str()), NOON);
    house.tell(
        "second",
        NOON,
        About::Purchase { people: house.people(&["kim"]), token: None, purchase: Box::new(purchase) },
    );
    let names = ["jo", "kim", "lee", "max"];
    assert_eq!(
        house.completions(&names),
        ["jo for kim: credited claim+revenuecat 30", "max for lee: credited code 30"]
    );
    assert_eq!(house.claim("kim", &jo), Ok(ClaimState::Completed));
}

#[test]
fn a_transfer_takes_a_purchase_from_its_first_claim() {
    let house = House::of(9);
    let (jo, max) = (house.my_code("jo"), house.my_code("max"));
    house.claim("lee", &max).unwrap();
    house.buy(&["kim"]);
    house.wait(Span::minutes(5));
    house.transfer(&["kim"], &["lee"]);
    assert_eq!(house.completions(&["lee", "max"]), ["max for lee: credited claim+revenuecat 30"]);
    assert_eq!(house.claim("kim", &jo), Ok(ClaimState::Pending), "kim owns no purchase any more");
}

#[test]
fn a_transaction_completes_once_under_any_offer() {
    let house = House::of(9);
    let (jo, max) = (house.my_code("jo"), house.my_code("max"));
    house.claim("kim", &jo).unwrap();
    house.buy_with(&["kim"], "T1", "REF30");
    let mut policy = sample::policy();
    policy.offer = "REF60".into();
    house.ask(Command::Adopt(Adopt { policy })).unwrap();
    house.wait(Span::days(1));
    house.claim("lee", &max).unwrap();
    house.buy_with(&["lee"], "T1", "REF60");
    house.buy_with(&["lee"], "T1", max.as_str());
    assert_eq!(house.credited(), 1);
    house.buy_with(&["ann"], "T2", "REF60");
    house.transfer(&["ann"], &["lee"]);
    assert_eq!(house.credited(), 2, "another transaction does");
    sound::replays(&house);
}

#[test]
fn own_grants_and_tests_earn_nothing() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.claim("kim", &code).unwrap();
    house.tell("own", NOON, About::OwnGrant);
    house.tell("other", NOON, About::People(house.people(&["kim"])));
    assert_eq!(house.credited(), 0);
    let purchase = crate::domain::purchase::Purchase { is_test: true, ..sample::purchase("T1", Some("REF30"), NOON) };
    house.tell(
        "sandbox",
        NOON,
        About::Purchase { people: house.people(&["kim"]), token: None, purchase: Box::new(purchase) },
    );
    let completion = &house.all::<Completion>()[0];
    assert!(completion.is_test && completion.days == 0 && completion.credited_at().is_some());
    assert_eq!((house.account("jo"), house.items("grant").len()), (None, 0));
}

#[test]
fn a_testers_set_up_rewards_tests() {
    let mut policy = sample::policy();
    policy.reward.test_rewards = true;
    let house = House::with(policy, 9);
    let code = house.my_code("jo");
    house.claim("kim", &code).unwrap();
    let purchase = crate::domain::purchase::Purchase { is_test: true, ..sample::purchase("T1", Some("REF30"), NOON) };
    house.tell(
        "sandbox",
        NOON,
        About::Purchase { people: house.people(&["kim"]), token: None, purchase: Box::new(purchase) },
    );
    assert_eq!(house.account("jo"), Some((30, 30)));
}

#[test]
fn an_event_resent_otherwise_is_told_apart() {
    let house = House::of(3);
    let report = |digest: &str| {
        Command::Report(Report {
            source: Source::RevenueCat,
            event: "e1".into(),
            digest: Id::of("digest", &[digest.as_bytes()]),
            kind: "RENEWAL".into(),
            at: None,
            about: About::Nothing,
            hand_on: Vec::new(),
        })
    };
    let kept = |repeated, differs| Ok(Reply::Kept { repeated, differs });
    assert_eq!(house.ask(report("a")), kept(false, false));
    assert_eq!(house.ask(report("a")), kept(true, false));
    assert_eq!(house.ask(report("b")), kept(true, true));
}

#[test]
fn names_that_nobody_has_are_refused() {
    let house = House::of(3);
    for campaign in ["foes", "", "fri\u{0}ends"] {
        let ask = MyCode { campaign: campaign.into(), person: house.person("jo") };
        assert_eq!(house.ask(Command::MyCode(ask)).unwrap_err(), Refusal::UnknownCampaign, "{campaign:?}");
        let ask = Refill { campaign: campaign.into(), by_hand: true };
        assert_eq!(house.ask(Command::Refill(ask)).unwrap_err(), Refusal::UnknownCampaign, "{campaign:?}");
        let ask =
            Issue { campaign: campaign.into(), holder: house.person("jo"), label: None, count: 1, for_partner: false };
        assert_eq!(house.ask(Command::Issue(ask)).unwrap_err(), Refusal::UnknownCampaign, "{campaign:?}");
    }
}

#[test]
fn books_without_an_entry_are_in_order() {
    assert_eq!(verify::verify(&House::empty().ledger.snapshot()).unwrap(), verify::Report::default());
}
