//! The engine by itself, over memory.

use super::store::Store;
use super::*;
use crate::clock::ManualClock;
use crate::domain::at::{At, Span};
use crate::domain::batch::{Batch, BatchState, Origin};
use crate::domain::claim::ClaimState;
use crate::domain::code::CodeText;
use crate::domain::completion::Completion;
use crate::domain::decide::Refusal;
use crate::domain::decide::claim::{ClaimBy, MakeClaim};
use crate::domain::decide::pool::{Adopt, Import};
use crate::domain::decide::share::MyCode;
use crate::domain::id::Id;
use crate::domain::policy::*;
use crate::domain::purchase::{About, Purchase, Report, Source};
use crate::entropy::SeededEntropy;

const NOON: At = At(1_790_000_000_000);

fn policy() -> Policy {
    Policy {
        campaign: "friends".into(),
        kind: Kind::Referral,
        offer: "REF30".into(),
        offer_code_id: "offer-1".into(),
        product_ids: vec![],
        pool: PoolRules {
            environment: Environment::Production,
            low_water: 0,
            batch_size: 10,
            expires_in_days: 180,
            reserve_days: 14,
        },
        attribution: AttributionRules { accept: Accept::Evidence, claim_window_days: 30 },
        reward: RewardRules { days: 30, test_rewards: false },
    }
}

fn ledger(codes: u32) -> Ledger {
    let db = Database::builder().create_with_backend(redb::backends::InMemoryBackend::new()).unwrap();
    let clock = Arc::new(ManualClock::at(NOON));
    let ledger = Ledger::start(db, clock, &SeededEntropy::new(1), Box::new(|| true)).unwrap();
    ask(&ledger, Command::Adopt(Adopt { policy: policy() })).unwrap();
    let codes: Vec<CodeText> = (0..codes).map(|n| CodeText::parse(&format!("CODE{n:014}")).unwrap()).collect();
    let batch = Batch {
        id: Id::of("import", &[b"test"]),
        campaign: "friends".into(),
        origin: Origin::Import,
        environment: Environment::Production,
        expires: NOON.plus(Span::days(100)).date(),
        asked: codes.len() as u32,
        requested_at: NOON,
        apple_id: None,
        state: BatchState::Generating,
    };
    ask(&ledger, Command::Import(Import { batch, first_chunk: 0, codes, last: true })).unwrap();
    ledger
}

fn ask(ledger: &Ledger, command: Command) -> Result<Reply, Fail> {
    ledger.submit_blocking(super::Entry::new(command, By::House))
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn my_code(ledger: &Ledger, name: &str) -> Result<CodeText, Fail> {
    let person = ledger.person(&user(name));
    match ask(ledger, Command::MyCode(MyCode { campaign: "friends".into(), person }))? {
        Reply::Code { code, .. } => Ok(code.text),
        other => panic!("{other:?}"),
    }
}

fn claim(ledger: &Ledger, name: &str, code: &CodeText) -> Result<(ClaimState, Option<Completion>), Fail> {
    let person = ledger.person(&user(name));
    match ask(ledger, Command::Claim(MakeClaim { by: ClaimBy::Code(code.clone()), person, confirm: false }))? {
        Reply::Claim { claim, completion, .. } => Ok((claim.state, completion)),
        Reply::SelfReferral => Err(Fail::Refused(Refusal::SelfReferral)),
        other => panic!("{other:?}"),
    }
}

fn buy(ledger: &Ledger, event: &str, names: &[&str]) {
    let purchase = Purchase {
        original_transaction_id: format!("T{}", names[0]),
        transaction_id: format!("T{}", names[0]),
        product_id: "monthly".into(),
        offer: Some("REF30".into()),
        purchased_at: Some(NOON),
        is_test: false,
    };
    let people = names.iter().map(|name| ledger.person(&user(name))).collect();
    let report = Report {
        source: Source::RevenueCat,
        event: event.into(),
        digest: Id::of("digest", &[event.as_bytes()]),
        kind: "INITIAL_PURCHASE".into(),
        at: Some(NOON),
        about: About::Purchase { people, purchase },
    };
    ask(ledger, Command::Report(report)).unwrap();
}

/// Every row of the books.
fn books(ledger: &Ledger) -> Vec<(Tab, store::Pair)> {
    let snapshot = ledger.snapshot();
    let rows = Tab::ALL.iter().filter(|tab| tab.role() == table::Role::Rows && **tab != Tab::Seen);
    rows.flat_map(|tab| snapshot.prefix(*tab, &[], usize::MAX).unwrap().into_iter().map(|pair| (*tab, pair))).collect()
}

#[test]
fn claim_and_purchase_meet_in_either_order() {
    let (first, second) = (ledger(3), ledger(3));
    let code = my_code(&first, "jo").unwrap();
    assert_eq!(claim(&first, "kim", &code).unwrap().0, ClaimState::Pending);
    buy(&first, "e1", &["kim"]);
    assert_eq!(my_code(&second, "jo").unwrap(), code);
    buy(&second, "e1", &["kim"]);
    assert_eq!(claim(&second, "kim", &code).unwrap().0, ClaimState::Completed);
    assert_eq!(books(&first), books(&second));
    for ledger in [&first, &second] {
        assert_eq!(list::count(&*ledger.snapshot(), "completion", "friends", "credited").unwrap(), 1);
        let report = verify::verify(&ledger.snapshot()).unwrap();
        assert!(report.faults.is_empty(), "{report:?}");
    }
}

#[test]
fn an_alias_of_the_referrer_earns_nothing_in_either_order() {
    let (first, second) = (ledger(3), ledger(3));
    let code = my_code(&first, "jo").unwrap();
    claim(&first, "jo2", &code).unwrap();
    buy(&first, "e1", &["jo2", "jo"]);
    my_code(&second, "jo").unwrap();
    buy(&second, "e1", &["jo2", "jo"]);
    assert_eq!(claim(&second, "jo2", &code).unwrap_err(), Fail::Refused(Refusal::SelfReferral));
    assert_eq!(books(&first), books(&second));
    assert_eq!(list::count(&*first.snapshot(), "completion", "friends", "rejected").unwrap(), 1);
    assert_eq!(list::count(&*first.snapshot(), "code", "friends", "used").unwrap(), 1);
}

#[test]
fn a_code_goes_to_one_person_and_the_pool_ends() {
    let ledger = ledger(3);
    let mut codes: Vec<CodeText> = ["a", "b", "c"].iter().map(|name| my_code(&ledger, name).unwrap()).collect();
    assert_eq!(my_code(&ledger, "a").unwrap(), codes[0], "the same one until it is used");
    codes.dedup();
    assert_eq!(codes.len(), 3);
    let person = ledger.person(&user("d"));
    let reply = ask(&ledger, Command::MyCode(MyCode { campaign: "friends".into(), person })).unwrap();
    assert!(matches!(reply, Reply::Empty { .. }), "{reply:?}");
    assert!(verify::verify(&ledger.snapshot()).unwrap().faults.is_empty());
}

#[test]
fn books_without_an_entry_are_in_order() {
    let db = Database::builder().create_with_backend(redb::backends::InMemoryBackend::new()).unwrap();
    let clock = Arc::new(ManualClock::at(NOON));
    let ledger = Ledger::start(db, clock, &SeededEntropy::new(1), Box::new(|| true)).unwrap();
    assert_eq!(verify::verify(&ledger.snapshot()).unwrap(), verify::Report::default());
}
