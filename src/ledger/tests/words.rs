//! Who told it: RevenueCat, Apple or the app, and what Apple says of refunds and Apple Accounts, in every order.

use super::facts::*;
use super::orders::{Same, Story, check, usual};
use super::*;
use crate::domain::due::{Due, DueWhat};
use crate::domain::purchase::RefundWord;
use crate::domain::subscription::Period;

const CREDITED: &str = "jo for kim: credited * 30";
const REVERSED: &str = "jo for kim: reversed * 30";

fn claim() -> Fact {
    Fact::Claim("kim", "jo")
}

/// Apple's own word, which names nobody.
fn apple(transaction: &'static str) -> Fact {
    but(buy(&[], transaction), |bought| bought.by = Source::Apple)
}

fn named(who: &'static str, transaction: &'static str) -> Fact {
    but(apple(transaction), |bought| bought.token = Some(who))
}

fn app(who: &'static str, transaction: &'static str) -> Fact {
    but(buy(&[who], transaction), |bought| bought.by = Source::App)
}

/// Says whose it is, and nothing of an offer.
fn owned(fact: Fact) -> Fact {
    but(fact, |bought| bought.offer = Offer::None)
}

fn of_account(fact: Fact, account: &'static str) -> Fact {
    but(fact, |bought| bought.account = Some(account))
}

fn refunded(fact: Fact, minute: i64) -> Fact {
    but(fact, |bought| (bought.refund, bought.minute) = (Some(RefundWord::Refunded { at: NOON }), minute))
}

fn restored(fact: Fact, minute: i64) -> Fact {
    but(fact, |bought| (bought.refund, bought.minute) = (Some(RefundWord::Reversed), minute))
}

/// By whichever method: that depends on who came first.
fn told(facts: Vec<Fact>, end: &[&'static str]) -> Story {
    Story { same: Same::ButTheMethod, ..usual(facts, end) }
}

#[test]
fn one_story_told_by_three() {
    let revenuecat = || buy(&["kim"], "T1");
    check(vec![
        ("by RevenueCat", usual(vec![claim(), revenuecat()], &["jo for kim: credited claim+revenuecat 30"])),
        ("by the app", usual(vec![claim(), app("kim", "T1")], &["jo for kim: credited claim+transaction 30"])),
        (
            "by Apple, of a user",
            usual(vec![claim(), named("kim", "T1")], &["jo for kim: credited claim+notification 30"]),
        ),
        (
            "by Apple, of a purchase that RevenueCat reported",
            usual(vec![claim(), apple("T1"), owned(revenuecat())], &["jo for kim: credited claim+notification 30"]),
        ),
        (
            "by Apple, of a purchase that the app showed",
            usual(vec![claim(), apple("T1"), owned(app("kim", "T1"))], &["jo for kim: credited claim+notification 30"]),
        ),
        ("by Apple, of nobody", usual(vec![claim(), apple("T1")], &[])),
        ("by all", told(vec![claim(), revenuecat(), apple("T1"), app("kim", "T1")], &[CREDITED])),
        (
            "by all, and of two purchases",
            told(vec![claim(), revenuecat(), named("kim", "T1"), app("kim", "T1")], &[CREDITED]),
        ),
    ]);
}

#[test]
fn whom_apple_names() {
    let later = |fact| but(fact, |bought| bought.minute = 5);
    let transferred = vec![claim(), apple("T1"), buy(&["lee"], "T1"), transfer(&["lee"], &["kim"], 5)];
    check(vec![
        ("an alias", told(vec![claim(), named("kim2", "T1"), link(&["kim", "kim2"])], &[CREDITED])),
        ("another than RevenueCat", told(vec![claim(), later(named("lee", "T1")), buy(&["kim"], "T1")], &[CREDITED])),
        ("nobody, and then a transfer", told(transferred, &[CREDITED])),
    ]);
}

#[test]
fn refunds() {
    let bought = || buy(&["kim"], "T1");
    let other = |fact| but(fact, |bought| (bought.renewal, bought.offer) = (Some("T1-2"), Offer::None));
    check(vec![
        ("refunded", told(vec![claim(), bought(), refunded(owned(apple("T1")), 5)], &[REVERSED])),
        ("refunded, told by itself", told(vec![claim(), refunded(buy(&["kim"], "T1"), 5)], &[REVERSED])),
        (
            "refunded, and given back",
            told(
                vec![claim(), bought(), refunded(owned(apple("T1")), 5), restored(owned(apple("T1")), 9)],
                &[CREDITED],
            ),
        ),
        (
            "refunded, given back, and refunded",
            told(
                vec![bought(), claim(), refunded(apple("T1"), 5), restored(apple("T1"), 7), refunded(apple("T1"), 9)],
                &[REVERSED],
            ),
        ),
        ("a renewal refunded", told(vec![claim(), bought(), refunded(other(apple("T1")), 5)], &[CREDITED])),
        (
            "refunded, of a tester",
            told(
                vec![claim(), but(bought(), |bought| bought.is_test = true), refunded(owned(apple("T1")), 5)],
                &["jo for kim: reversed * 0"],
            ),
        ),
        (
            "refunded, of oneself",
            told(
                vec![Fact::Claim("jo", "jo"), buy(&["jo"], "T1"), refunded(apple("T1"), 5)],
                &["jo for jo: rejected - 0"],
            ),
        ),
    ]);
}

#[test]
fn one_apple_account() {
    use Fact::Account;
    let own = |story: &[&'static str]| story.to_vec();
    let jo2 = own(&["jo for jo2: rejected - 0"]);
    let story = |facts, end: &Vec<&'static str>| Story { end: end.clone(), ..usual(facts, &[]) };
    check(vec![
        (
            "the referrer's own",
            story(vec![Fact::Claim("jo2", "jo"), of_account(buy(&["jo2"], "T1"), "D1"), Account("jo", "D1")], &jo2),
        ),
        (
            "seen by the app, twice",
            story(vec![Fact::Claim("jo2", "jo"), buy(&["jo2"], "T1"), Account("jo", "D1"), Account("jo2", "D1")], &jo2),
        ),
        (
            "told by Apple, with the owner later",
            story(
                vec![Fact::Claim("jo2", "jo"), of_account(apple("T1"), "D1"), buy(&["jo2"], "T1"), Account("jo", "D1")],
                &jo2,
            ),
        ),
        (
            "of an alias of the referrer",
            story(
                vec![
                    Fact::Claim("kim", "jo"),
                    app("kim", "T1"),
                    Account("kim", "D1"),
                    Account("jo3", "D1"),
                    link(&["jo", "jo3"]),
                ],
                &own(&["jo for kim: rejected - 0"]),
            ),
        ),
        (
            "of somebody else",
            story(
                vec![claim(), app("kim", "T1"), Account("kim", "D1"), Account("lee", "D1")],
                &own(&["jo for kim: credited claim+transaction 30"]),
            ),
        ),
        (
            "another one",
            story(
                vec![claim(), app("kim", "T1"), Account("kim", "D1"), Account("jo", "D2")],
                &own(&["jo for kim: credited claim+transaction 30"]),
            ),
        ),
    ]);
}

#[test]
fn a_refund_finds_whom_it_was_credited_for() {
    let house = Told::to(sample::policy(), &["jo"]);
    let tell = |fact: Fact| house.tell(&fact).unwrap();
    tell(claim());
    tell(buy(&["kim"], "T1"));
    tell(transfer(&["kim"], &["lee"], 5));
    assert_eq!(house.house.account("jo"), Some((30, 30)));
    tell(refunded(owned(apple("T1")), 9));
    assert_eq!(house.house.completions(&["jo", "kim", "lee"]), ["jo for kim: reversed claim+revenuecat 30"]);
    assert_eq!(house.house.account("jo"), None);
}

#[test]
fn a_reversed_refund_gives_back_what_was_left() {
    let told = Told::to(sample::policy(), &["jo"]);
    let (house, tell) = (&told.house, |fact: Fact| told.tell(&fact).unwrap());
    tell(claim());
    tell(buy(&["kim"], "T1"));
    house.wait(Span::days(10));
    tell(refunded(owned(apple("T1")), 5));
    assert_eq!(house.account("jo"), None);
    house.wait(Span::days(10));
    tell(restored(owned(apple("T1")), 9));
    assert_eq!(house.account("jo"), Some((30, 40)), "ten days were had, twenty were left");
    for round in 1..5 {
        tell(refunded(owned(apple("T1")), 10 * round));
        tell(restored(owned(apple("T1")), 10 * round + 5));
    }
    assert_eq!(house.account("jo"), Some((30, 40)), "no round makes it longer");
}

#[test]
fn what_was_shown_by_another_is_no_evidence() {
    let told = Told::to(sample::policy(), &["jo", "max"]);
    told.tell(&claim()).unwrap();
    told.tell(&app("kim", "T1")).unwrap();
    told.tell(&app("lee", "T1")).unwrap();
    let code = told.house.my_code("max");
    let shows = Some("T1".to_owned());
    let person = told.house.person("lee");
    let shown = MakeClaim { confirm: true, shows, ..MakeClaim::of(ClaimBy::Code(code), person) };
    assert_eq!(told.house.ask(Command::Claim(shown)), Err(Refusal::AlreadyClaimed));
    assert_eq!(told.house.completions(&["jo", "kim", "max", "lee"]), ["jo for kim: credited claim+transaction 30"]);
}

/// A house that asks Apple, with a user whose id Apple can be told.
fn asking(asks_apple: bool, who: &'static str) -> House {
    let mut policy = sample::policy();
    policy.attribution.asks_apple = asks_apple;
    let house = House::with(policy, 10);
    let (by, person) = (ClaimBy::Code(house.my_code("jo")), house.person(who));
    let claim = MakeClaim { has_token: who == UUID, ..MakeClaim::of(by, person) };
    let named = super::super::Entry::new(Command::Claim(claim), By::App).naming(UserId::parse(who));
    house.ledger.submit_blocking(named).unwrap();
    house
}

const UUID: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";

#[test]
fn apple_is_told_who_it_is_once() {
    let told = |source, offer: &str| (source, sample::purchase("T1", Some(offer), NOON));
    let by_app = || told(Source::App, "REF30");
    let shared = || {
        let (source, mut purchase) = by_app();
        purchase.period = Some(Period { is_family_shared: true, ..super::golden::period() });
        (source, purchase)
    };
    // (the claim's user, whether Apple is asked, who tells what, whether Apple named the user) -> calls
    for (what, who, asks_apple, reports, token, calls) in [
        ("redeemed", UUID, true, vec![by_app()], false, 1),
        ("told again", UUID, true, vec![by_app(), told(Source::RevenueCat, "REF30")], false, 1),
        ("named by Apple already", UUID, true, vec![by_app()], true, 0),
        ("shared in a family", UUID, true, vec![shared()], false, 0),
        ("no name for Apple", "kim", true, vec![by_app()], false, 0),
        ("Apple is not asked", UUID, false, vec![by_app()], false, 0),
        ("another offer", UUID, true, vec![told(Source::App, "SPRING")], false, 0),
    ] {
        let house = asking(asks_apple, who);
        for (source, purchase) in reports {
            let (people, token) = (house.people(&[who]), token.then(|| house.person(who)));
            house.tell_by(
                source,
                &format!("{source:?}"),
                NOON,
                About::Purchase { people, token, purchase: Box::new(purchase) },
            );
        }
        assert_eq!(house.items("set_app_account_token").len(), calls, "{what}");
    }
}

#[test]
fn one_user_in_capitals_and_small_letters() {
    let house = asking(true, UUID);
    let small = UUID.to_ascii_lowercase();
    assert_eq!(house.person(&small), house.person(UUID));
    assert_ne!(house.person("Jo"), house.person("jo"));
}

#[test]
fn a_claim_that_waits_is_looked_up_until_it_is_met() {
    let house = asking(true, UUID);
    let looks = || house.items("look_up").len();
    super::properties::fire(&house);
    assert_eq!(looks(), 0);
    house.wait(Span::hours(1));
    super::properties::fire(&house);
    assert_eq!(looks(), 1);
    house.tell_by(
        Source::App,
        "found",
        NOON,
        About::Purchase {
            people: house.people(&[UUID]),
            token: None,
            purchase: Box::new(sample::purchase("T1", Some("REF30"), NOON)),
        },
    );
    house.wait(Span::days(30));
    super::properties::fire(&house);
    let is_look = |due: &Due| matches!(due.what, DueWhat::LookUp { .. });
    assert_eq!((looks(), house.all::<Due>().iter().filter(|due| is_look(due)).count()), (1, 0));
}
