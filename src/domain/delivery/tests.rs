use super::*;

fn item() -> Item {
    let effect = Effect::Grant { account: Person([1; 16]), to: Person([1; 16]), end: At(9), take_back: None };
    Item::new(ItemId { seq: 7, n: 0 }, effect, At(0))
}

#[test]
fn outcomes_lead_to_states() {
    let lost = || Outcome::Unsure { why: "timeout".into() };
    let later = |s| Outcome::Again { after: Some(Span::seconds(s)), why: "429".into() };
    let rows: Vec<(Vec<Outcome>, &str, bool)> = vec![
        (vec![Outcome::Done(Answer::Granted { end: At(9) })], "done", false),
        (vec![later(60)], "waiting", false),
        (vec![Outcome::Never { why: "404".into() }], "dead", false),
        (vec![lost()], "waiting", true),
        (vec![lost(), Outcome::Absent], "waiting", true),
        (vec![lost(), Outcome::Absent, Outcome::Absent, Outcome::Absent], "waiting", false),
        (vec![lost(), later(1)], "waiting", true),
        (vec![lost(), Outcome::Done(Answer::Granted { end: At(9) })], "done", false),
        ((0..ATTEMPTS).map(|_| later(1)).collect(), "dead", false),
    ];
    for (outcomes, word, unsure) in rows {
        let mut one = item();
        for outcome in &outcomes {
            one = one.begun(At(1)).settled(outcome, At(2));
        }
        assert_eq!((one.state.word(), one.unsure), (word, unsure), "{outcomes:?}");
    }
}

#[test]
fn an_event_is_told_ten_times_at_most() {
    let event = Box::new(Event::Test);
    let effect = Effect::Tell { webhook: Id([1; 16]), host: "h".into(), event, at: At(0), seq: 7, n: 0 };
    let mut one = Item::new(ItemId { seq: 7, n: 1 }, effect, At(0));
    let mut now = At(0);
    let refused = || Outcome::Again { after: None, why: "500".into() };
    for base in SCHEDULE {
        one = one.begun(now).settled(&refused(), now);
        let ItemState::Waiting { next } = one.state else { panic!("{base:?}: {:?}", one.state) };
        assert!((base.0..=base.0 + base.0 / 5).contains(&(next.0 - now.0)), "{base:?}: {next:?}");
        now = next;
    }
    assert_eq!(one.begun(now).settled(&refused(), now).state, ItemState::Dead { at: now });
}

#[test]
fn a_window_has_a_last_attempt_and_ends() {
    let (hour, minute) = (|n| At(0).plus(Span::hours(n)), Span::minutes);
    let (person, deadline) = (Person([1; 16]), hour(12));
    let effect = Effect::AnswerRefund { transaction_id: "T1".into(), person, is_test: false, deadline };
    let again = |after| Outcome::Again { after, why: "503".into() };
    for (at, outcome, next) in [
        (hour(11), again(None), Some(hour(12).minus(minute(5)))),
        (hour(11), Outcome::Unsure { why: "timeout".into() }, Some(hour(12).minus(minute(5)))),
        (hour(12).minus(minute(5)), again(None), None),
        (hour(11), again(Some(Span::hours(2))), None),
    ] {
        let mut one = Item { attempts: 30, ..Item::new(ItemId { seq: 7, n: 0 }, effect.clone(), At(0)) };
        one = one.begun(at).settled(&outcome, at);
        let waits = match one.state {
            ItemState::Waiting { next } => Some(next),
            _ => None,
        };
        assert_eq!((waits, one.state.is_open()), (next, next.is_some()), "{at:?} {outcome:?}");
    }
}

#[test]
fn a_pause_that_was_asked_for_is_kept() {
    let one = item().begun(At(0)).settled(&Outcome::Again { after: Some(Span::hours(2)), why: "429".into() }, At(0));
    assert!(!one.is_due(At(0).plus(Span::hours(2)).minus(Span(1))));
    let newer =
        one.renewed(Effect::Grant { account: Person([1; 16]), to: Person([1; 16]), end: At(10), take_back: None }, 8);
    assert!(!newer.is_due(At(0).plus(Span::hours(1))) && newer.is_due(At(0).plus(Span::hours(2))));
    assert_eq!(newer.caused_by, 8);
}

#[test]
fn back_off_grows_to_an_hour_and_spreads() {
    let id = |n| ItemId { seq: n, n: 0 };
    for attempts in 1..40 {
        let pause = back_off(attempts, id(1)).0;
        let base = (1000i64 << (attempts - 1).min(12)).min(Span::hours(1).0);
        assert!((base..=base + base / 5).contains(&pause), "{attempts}: {pause}");
    }
    assert_ne!(back_off(9, id(1)), back_off(9, id(2)));
}

#[test]
fn after_a_kill_it_is_looked_for() {
    let one = item().begun(At(0)).interrupted(At(5));
    assert!(one.unsure && one.is_due(At(5)));
}
