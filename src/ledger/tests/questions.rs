//! Apple's questions about refunds: whatever becomes known in whichever order.

use super::orders::orders;
use super::*;
use crate::domain::consent::Purpose;
use crate::domain::consumption::RefundRules;
use crate::domain::decide::consent::SayConsent;
use crate::domain::decide::delivery::Begin;
use crate::domain::purchase::{Purchase, RefundRequest, Requested};
use crate::domain::question::{Question, Silence, State};
use sound::replays;

#[derive(Clone, Copy, Debug)]
enum Fact {
    Asked,
    AskedAgain,
    Declined,
    /// RevenueCat names an id of its own as the owner.
    Owner,
    /// And says that it is kim's.
    Link,
    Consent(&'static str, bool),
}

fn tell(house: &House, fact: Fact) {
    let request = |what| {
        let mut purchase = sample::purchase("T1", None, NOON);
        purchase.refund_request = Some(RefundRequest { is_renewing: true, what });
        About::Purchase { people: vec![], token: None, purchase: Box::new(purchase) }
    };
    let asked = || request(Requested::Asked { reason: Some("OTHER".into()) });
    let minute = |n| NOON.plus(Span::minutes(n));
    match fact {
        Fact::Asked => _ = house.tell_by(Source::Apple, "asked", NOON, asked()),
        Fact::AskedAgain => _ = house.tell_by(Source::Apple, "asked again", minute(1), asked()),
        Fact::Declined => _ = house.tell_by(Source::Apple, "declined", minute(2), request(Requested::Declined)),
        Fact::Owner => {
            let purchase = Box::new(Purchase { is_test: false, ..sample::purchase("T1", None, NOON) });
            let people = house.people(&["anonymous-7"]);
            _ = house.tell("owner", NOON, About::Purchase { people, token: None, purchase });
        }
        Fact::Link => _ = house.link(&["anonymous-7", "kim"]),
        Fact::Consent(name, given) => {
            let given = [(Purpose::RefundData, given)].into();
            house.ask(Command::SayConsent(SayConsent { person: house.person(name), given })).unwrap();
        }
    }
}

/// The facts in every order; then every delivery begins. What stands in the end is the same, and is one question.
fn check(facts: &[Fact], state: &State, sent: usize) {
    let mut books = None;
    for order in orders(facts.len()) {
        let house = House::of(0);
        house.ask(Command::AdoptRefunds(RefundRules { answer: true, ..RefundRules::default() })).unwrap();
        order.iter().for_each(|at| tell(&house, facts[*at]));
        for item in house.items("answer_refund") {
            _ = house.ask(Command::Begin(Begin { item: item.id }));
        }
        let shown: Vec<Fact> = order.iter().map(|at| facts[*at]).collect();
        let questions = house.all::<Question>();
        assert_eq!(questions.len(), 1, "{shown:?}");
        assert_eq!((&questions[0].state, house.items("answer_refund").len()), (state, sent), "{shown:?}");
        assert_eq!(books.get_or_insert_with(|| questions.clone()), &questions, "{shown:?}");
        replays(&house);
    }
}

#[test]
fn an_answer_needs_question_owner_and_consent_in_any_order() {
    let (given, no_consent) = (Fact::Consent("kim", true), State::Silent { why: Silence::NoConsent });
    check(&[Fact::Asked, Fact::Owner, Fact::Link, given], &State::Waiting, 1);
    check(&[Fact::Asked, Fact::AskedAgain, Fact::Owner, Fact::Consent("anonymous-7", true)], &State::Waiting, 1);
    check(&[Fact::Asked, Fact::Owner, given], &no_consent, 0);
    check(&[Fact::Asked, Fact::Owner, Fact::Link], &no_consent, 0);
    check(&[Fact::Asked, given, Fact::Link], &State::Silent { why: Silence::UnknownUser }, 0);
    let decided = State::Silent { why: Silence::Decided };
    check(&[Fact::Asked, Fact::Owner, Fact::Consent("anonymous-7", true), Fact::Declined], &decided, 0);
}

#[test]
fn the_latest_word_of_any_id_counts() {
    for (words, state) in [
        ([("kim", true), ("anonymous-7", false)], State::Silent { why: Silence::NoConsent }),
        ([("anonymous-7", false), ("kim", true)], State::Waiting),
    ] {
        let house = House::of(0);
        house.ask(Command::AdoptRefunds(RefundRules { answer: true, ..RefundRules::default() })).unwrap();
        tell(&house, Fact::Link);
        for (name, given) in words {
            tell(&house, Fact::Consent(name, given));
            house.wait(Span::seconds(1));
        }
        tell(&house, Fact::Owner);
        tell(&house, Fact::Asked);
        assert_eq!(house.all::<Question>()[0].state, state, "{words:?}");
    }
}
