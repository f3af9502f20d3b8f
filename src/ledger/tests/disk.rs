//! A disk that takes no writes for a while.

use super::*;

#[test]
fn a_full_or_locked_disk_is_told_and_nothing_needs_to_start_again() {
    let db = Database::builder().create_with_backend(redb::backends::InMemoryBackend::new()).unwrap();
    let clock = Arc::new(ManualClock::at(NOON));
    let state = Arc::new(Mutex::new(Ok(())));
    let asked = state.clone();
    let home = Home::none(Box::new(move || asked.lock().unwrap().clone()));
    let ledger = Ledger::start(db, clock.clone(), &SeededEntropy::new(1), home).unwrap();
    let house = House { ledger, clock };
    house.ask(Command::Adopt(Adopt { policy: sample::policy() })).unwrap();
    house.import("first", 0..5, 100);
    let first = house.my_code("ann");
    let mut refused = 0;
    for fail in [Fail::NoSpace, Fail::ReadOnly] {
        *state.lock().unwrap() = Err(fail.clone());
        let seq = *house.ledger.changed().borrow();
        for name in ["ben", "ann"] {
            let ask = MyCode { campaign: CAMPAIGN.into(), person: house.person(name) };
            let entry = super::Entry::new(Command::MyCode(ask), By::App);
            assert_eq!(house.ledger.submit_blocking(entry), Err(fail.clone()), "{name}");
        }
        let ask = MyCode { campaign: CAMPAIGN.into(), person: house.person("ann") };
        assert!(house.ledger.repeated(&Command::MyCode(ask)).unwrap().is_some(), "what is known is told");
        assert_eq!((*house.ledger.changed().borrow(), *house.ledger.failed().borrow()), (seq, false));
        refused += 2;
        assert_eq!(house.ledger.pulse().refused.load(Ordering::Relaxed), refused);
        *state.lock().unwrap() = Ok(());
        assert_eq!(house.my_code("ann"), first);
        assert_ne!(house.my_code(&format!("after {fail}")), first);
    }
    sound::replays(&house);
}
