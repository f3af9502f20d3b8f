use super::*;
use crate::domain::at::Span;
use crate::domain::consumption::Preference;
use crate::domain::delivery::ItemId;
use crate::domain::outcome::Answer;
use crate::domain::purchase::{RefundRequest, Requested, Share};
use crate::domain::question::{Decided, Verdict};
use crate::domain::sample::{NOON, person};
use crate::domain::subscription::Owner;
use crate::domain::usage::{Delivery, Scope};

fn hours(n: i64) -> At {
    NOON.plus(Span::hours(n))
}

fn told(hour: i64, what: Requested) -> Purchase {
    Purchase {
        transaction_id: "T1".into(),
        original_transaction_id: "T0".into(),
        product_id: "coins".into(),
        purchased_at: Some(hours(hour)),
        refund_request: Some(RefundRequest { is_renewing: false, what }),
        ..Purchase::default()
    }
}

/// A question, as it was asked some hours after noon.
fn asked(hour: i64) -> Question {
    Question::reported(&told(hour, Requested::Asked { reason: None }), hours(hour)).expect("it asks")
}

fn with(state: State, question: Question) -> Question {
    Question { state, ..question }
}

fn consent(given: bool) -> Vec<Consent> {
    vec![Consent { person: person(2), purpose: Purpose::RefundData, given, at: NOON }]
}

/// All that an answer needs.
fn known(before: Option<Question>) -> Known {
    let owner = Some(Owner { is_told: true, at: NOON, person: person(1) });
    Known {
        before,
        rules: RefundRules { answer: true, preference: Some(Preference::Decline), products: Vec::new() },
        subscription: Some(Subscription { owner, ..Subscription::new("T0") }),
        consents: consent(true),
        refund: None,
        alert: None,
    }
}

fn silent(why: Silence) -> State {
    State::Silent { why }
}

/// The state after, whether an effect and an alert came of it, and whether the alert was cleared.
fn followed(question: &Question, known: &Known, hour: i64) -> (State, bool, Option<bool>) {
    let mut decision = Decision::same(Reply::Nothing);
    follow(question, known, hours(hour), &mut decision);
    let state = decision.puts.iter().find_map(|put| match put {
        Put::Question(row) => Some(row.state.clone()),
        _ => None,
    });
    let alert = decision.puts.iter().find_map(|put| match put {
        Put::Alert(alert) => Some(alert.is_open()),
        _ => None,
    });
    let dues = decision.puts.iter().filter(|put| matches!(put, Put::Due(_))).count();
    assert_eq!(dues, decision.effects.len(), "what is sent is watched");
    let unchanged = || known.before.as_ref().expect("nothing was put").state.clone();
    (state.unwrap_or_else(unchanged), !decision.effects.is_empty(), alert)
}

#[test]
fn a_question_that_comes_is_answered_or_not() {
    let nobody = || Known { subscription: Some(Subscription::new("T0")), ..known(None) };
    let unwanted = || Known { rules: RefundRules::default(), ..known(None) };
    let refused = || Known { consents: consent(false), ..known(None) };
    let refund = |hour| Refund {
        transaction_id: "T1".into(),
        original_transaction_id: "T0".into(),
        told_at: hours(hour),
        word: crate::domain::purchase::RefundWord::Refunded { at: hours(hour) },
        share: None,
        reversed_at: None,
    };
    let refunded = |hour| Known { refund: Some(refund(hour)), ..known(None) };
    for (known, hour, state, is_sent, alert) in [
        (known(None), 0, State::Waiting, true, None),
        (known(None), 11, State::Waiting, true, None),
        (known(None), 12, State::Late { at: hours(12) }, false, Some(true)),
        (nobody(), 0, silent(Silence::UnknownUser), false, None),
        (Known { subscription: None, ..nobody() }, 13, silent(Silence::UnknownUser), false, None),
        (unwanted(), 0, silent(Silence::NotWanted), false, None),
        (refused(), 0, silent(Silence::NoConsent), false, None),
        (Known { consents: vec![], ..refused() }, 0, silent(Silence::NoConsent), false, None),
        (refunded(1), 2, silent(Silence::Decided), false, None),
        (refunded(-1), 2, State::Waiting, true, None),
    ] {
        assert_eq!(followed(&asked(0), &known, hour), (state, is_sent, alert), "{hour}");
    }
    let declined = Question::reported(&told(0, Requested::Declined), NOON).expect("it says something");
    assert_eq!(followed(&declined, &known(None), 0), (silent(Silence::NotAsked), false, None));
}

#[test]
fn what_becomes_known_later_counts_within_the_window() {
    let no_consent = || with(silent(Silence::NoConsent), asked(0));
    let late = || with(State::Late { at: hours(12) }, asked(0));
    let failed = || with(State::Failed { at: hours(1), why: "400".into() }, asked(0));
    let answered = || with(State::Answered { at: hours(1) }, asked(0));
    let waiting = || with(State::Waiting, asked(0));
    let again = |question: Question, hour| question.merged(asked(hour));
    // (as it stood, as it is told now, the hour) -> as it stands, whether it is sent, whether an alert is raised
    for (before, now, hour, state, is_sent, alert) in [
        (no_consent(), no_consent(), 11, State::Waiting, true, None),
        (no_consent(), no_consent(), 12, silent(Silence::NoConsent), false, None),
        (no_consent(), again(no_consent(), 20), 20, State::Waiting, true, None),
        (no_consent(), again(no_consent(), 20), 33, State::Late { at: hours(33) }, false, Some(true)),
        (late(), late(), 12, State::Late { at: hours(12) }, false, None),
        (late(), again(late(), 13), 13, State::Waiting, true, None),
        (failed(), failed(), 2, State::Failed { at: hours(1), why: "400".into() }, false, None),
        (failed(), again(failed(), 2), 2, State::Waiting, true, None),
        (answered(), again(answered(), 20), 20, State::Answered { at: hours(1) }, false, None),
        (waiting(), waiting(), 2, State::Waiting, false, None),
        (waiting(), again(waiting(), 2), 2, State::Waiting, true, None),
    ] {
        let found = followed(&now, &known(Some(before)), hour);
        assert_eq!(found, (state, is_sent, alert), "{now:?} at {hour}");
    }
    // Consent that is withdrawn while an answer is on its way is looked at when an attempt begins.
    let withdrawn = Known { consents: consent(false), ..known(Some(waiting())) };
    assert_eq!(followed(&waiting(), &withdrawn, 2), (State::Waiting, false, None));
}

#[test]
fn the_alert_ends_with_its_cause() {
    let alert = Alert::raise(AlertKind::RefundUnanswered, "T1", String::new(), NOON);
    let alerted = |before: &Question| Known { alert: Some(alert.clone()), ..known(Some(before.clone())) };
    let waiting = with(State::Waiting, asked(0));
    let late = with(State::Late { at: hours(12) }, asked(0));
    let declined = |question: &Question| Question { declined_at: Some(hours(14)), ..question.clone() };
    for (before, now, cleared) in [
        (&waiting, waiting.clone(), None),
        (&waiting, with(State::Answered { at: hours(2) }, asked(0)), Some(false)),
        (&waiting, with(silent(Silence::NoConsent), asked(0)), Some(false)),
        (&waiting, declined(&waiting), Some(false)),
        (&waiting, with(State::Failed { at: hours(2), why: "400".into() }, asked(0)), Some(true)),
        (&late, late.clone(), None),
        (&late, declined(&late), Some(false)),
    ] {
        let mut known = alerted(before);
        known.consents = consent(false);
        let (_, _, alert) = followed(&now, &known, 2);
        assert_eq!(alert, cleared, "{now:?}");
    }
    let settled = Known { alert: Some(alert.clone().cleared(NOON)), ..known(Some(waiting.clone())) };
    assert_eq!(followed(&with(State::Answered { at: hours(2) }, asked(0)), &settled, 2).2, None);
}

#[test]
fn a_warning_is_of_the_window_that_stands() {
    let waiting = with(State::Waiting, asked(0));
    let decided = Some(Verdict { at: hours(1), what: Decided::Declined });
    for (question, deadline, is_warned) in [
        (waiting.clone(), 12, true),
        (waiting.clone(), 11, false),
        (with(State::Answered { at: hours(1) }, asked(0)), 12, false),
        (with(silent(Silence::NoConsent), asked(0)), 12, false),
        (Question { verdict: decided, ..waiting }, 12, false),
    ] {
        let mut decision = Decision::same(Reply::Nothing);
        warn(&question, hours(deadline), hours(9), &mut decision);
        assert_eq!(!decision.puts.is_empty(), is_warned, "{question:?}");
    }
}

fn answering(question: Question, known: Known) -> Answering {
    let used = Used { delivery: Some(Delivery::WrongItem), ..Used::default() };
    let usage = vec![Usage::said(person(2), Scope::Product("coins".into()), &used, NOON)];
    Answering { question, known, usage }
}

#[test]
fn an_attempt_begins_if_there_is_still_something_to_say() {
    let waiting = || with(State::Waiting, asked(0));
    let said = Some(RefundRules::default().consumption(
        &Bought { product_id: "coins", is_renewing: false, had_free_period: false },
        &Used::default(),
        NOON,
    ));
    let sent = || Question { answer: said.clone(), ..waiting() };
    let refused = || Known { consents: consent(false), ..known(None) };
    let unwanted = || Known { rules: RefundRules::default(), ..known(None) };
    for (question, known, is_unsure, hour, state) in [
        (waiting(), known(None), false, 11, Some(State::Waiting)),
        (waiting(), known(None), false, 12, Some(State::Late { at: hours(12) })),
        (waiting(), refused(), false, 1, Some(silent(Silence::NoConsent))),
        (waiting(), unwanted(), false, 1, Some(silent(Silence::NotWanted))),
        (sent(), known(None), true, 1, Some(State::Waiting)),
        (with(State::Answered { at: NOON }, asked(0)), known(None), false, 1, None),
        (with(silent(Silence::NoConsent), asked(0)), known(None), false, 1, None),
    ] {
        let begun = answering(question.clone(), known).begin(is_unsure, hours(hour));
        let found = begun.question.as_ref().map(|question| question.state.clone());
        assert_eq!((begun.is_answer, &found), (found == Some(State::Waiting), &state), "{question:?}");
    }
    // What is said is what is known now; but after a lost answer the same is said again.
    let fresh = answering(sent(), known(None)).begin(false, hours(1)).question.and_then(|question| question.answer);
    assert_eq!(fresh.map(|answer| (answer.delivery, answer.consumed)), Some((Delivery::WrongItem, Some(Share::NONE))));
    let again = answering(sent(), known(None)).begin(true, hours(1)).question.and_then(|question| question.answer);
    assert_eq!(again, said);
    // Whether Apple got it nobody knows, and it must not be said again.
    let lost = answering(sent(), refused()).begin(true, hours(1)).question.map(|question| question.state);
    assert!(matches!(&lost, Some(State::Failed { why, .. }) if why.contains("no_consent")), "{lost:?}");
}

#[test]
fn what_comes_of_an_attempt() {
    let effect =
        Effect::AnswerRefund { transaction_id: "T1".into(), person: person(1), is_test: false, deadline: hours(12) };
    let begun = || Item::new(ItemId { seq: 1, n: 0 }, effect.clone(), NOON).begun(NOON);
    let lost = Outcome::Unsure { why: "timeout".into() };
    let later = |hours| Outcome::Again { after: Some(Span::hours(hours)), why: "429".into() };
    let never = Outcome::Never { why: "400".into() };
    let waiting = || with(State::Waiting, asked(0));
    let anew = || waiting().merged(asked(2));
    for (question, outcome, state) in [
        (waiting(), Outcome::Done(Answer::Sent), Some(State::Answered { at: hours(1) })),
        (waiting(), later(2), None),
        (waiting(), lost, None),
        (waiting(), later(12), Some(State::Late { at: hours(1) })),
        (anew(), later(12), None),
        (waiting(), never, Some(State::Failed { at: hours(1), why: "400".into() })),
        (with(State::Late { at: NOON }, asked(0)), Outcome::Done(Answer::Sent), Some(State::Answered { at: hours(1) })),
    ] {
        let item = begun().settled(&outcome, hours(1));
        let mut decision = Decision::same(Reply::Nothing);
        answering(question, known(None)).settled(&item, &outcome, hours(1), &mut decision);
        let found = decision.puts.into_iter().find_map(|put| match put {
            Put::Question(row) => Some(row.state),
            _ => None,
        });
        assert_eq!(found, state, "{outcome:?}");
    }
}
