//! The stock: how codes come in, go out and end.

use super::*;
use crate::domain::decide::delivery::{Begin, Discard, Recover, Retry, Settle};
use crate::domain::delivery::ItemId;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::pool::Pool;

/// A campaign whose stock is below its mark from the start.
fn hungry() -> House {
    let mut policy = sample::policy();
    policy.pool.low_water = 5;
    House::with(policy, 0)
}

impl House {
    fn pool(&self) -> Pool {
        self.all::<Pool>().remove(0)
    }
    fn refill(&self, by_hand: bool) -> (bool, bool) {
        match self.ask(Command::Refill(Refill { campaign: CAMPAIGN.into(), by_hand })).unwrap() {
            Reply::Refill { asked, coming } => (asked.is_some(), coming.is_some()),
            other => panic!("{other:?}"),
        }
    }
    /// The open item of a kind.
    fn open(&self, kind: &str) -> Item {
        let mut open: Vec<Item> = self.items(kind).into_iter().filter(|item| item.state.is_open()).collect();
        assert_eq!(open.len(), 1, "{kind}");
        open.remove(0)
    }
    fn begin(&self, item: ItemId) -> Result<Item, Refusal> {
        match self.ask(Command::Begin(Begin { item }))? {
            Reply::Item(item) => Ok(item),
            other => panic!("{other:?}"),
        }
    }
    /// Waits until the item is due, and tries it.
    fn attempt(&self, kind: &str, outcome: Outcome) -> Item {
        let item = self.open(kind);
        if let crate::domain::delivery::ItemState::Waiting { next } = item.state {
            self.clock.set(self.clock.now().max(next));
        }
        self.begin(item.id).unwrap();
        match self.ask(Command::Settle(Settle { item: item.id, outcome })).unwrap() {
            Reply::Item(item) => item,
            other => panic!("{other:?}"),
        }
    }
    fn batch_words(&self) -> Vec<&'static str> {
        self.all::<Batch>().iter().map(|batch| batch.state.word()).collect()
    }
}

fn codes(n: std::ops::Range<u32>) -> Outcome {
    Outcome::Done(Answer::Codes(n.map(code_text).collect()))
}

fn made() -> Outcome {
    Outcome::Done(Answer::BatchMade { apple_id: "batch-1".into() })
}

fn later(seconds: i64) -> Outcome {
    Outcome::Again { after: Some(Span::seconds(seconds)), why: "429".into() }
}

#[test]
fn a_code_goes_to_one_person_and_the_pool_ends() {
    let house = House::of(3);
    let mut given: Vec<CodeText> = ["a", "b", "c"].iter().map(|name| house.my_code(name)).collect();
    assert_eq!(house.my_code("a"), given[0], "the same one until it is used");
    given.dedup();
    assert_eq!(given.len(), 3);
    assert_eq!(house.draw("d"), None);
    sound::replays(&house);
}

#[test]
fn lists_that_overlap_hand_out_no_code_twice() {
    let house = House::of(3);
    house.import("first", 0..3, 100);
    house.import("again", 0..3, 100);
    house.import("more", 1..5, 90);
    let names = ["a", "b", "c", "d", "e"];
    let mut given: Vec<CodeText> = names.iter().map(|name| house.my_code(name)).collect();
    given.sort();
    assert_eq!(given, (0..5).map(code_text).collect::<Vec<CodeText>>());
    assert_eq!(house.draw("f"), None);
}

#[test]
fn a_list_in_pieces_counts_when_it_is_whole() {
    let house = House::of(0);
    let all: Vec<CodeText> = (0..450).map(code_text).collect();
    let batch = Batch {
        id: Id::of("import", &[b"pieces"]),
        campaign: CAMPAIGN.into(),
        origin: Origin::Import,
        environment: Environment::Production,
        expires: NOON.plus(Span::days(100)).date(),
        asked: 450,
        requested_at: NOON,
        apple_id: None,
        state: BatchState::Generating,
    };
    let piece = |first_chunk: u32, codes: &[CodeText], last| {
        Command::Import(Import { batch: batch.clone(), first_chunk, codes: codes.to_vec(), last })
    };
    for (first_chunk, range, last, there) in
        [(0, 0..400, false, 0), (0, 0..400, false, 0), (2, 400..450, true, 450), (2, 400..450, true, 450)]
    {
        house.ask(piece(first_chunk, &all[range], last)).unwrap();
        assert_eq!(house.pool().available(&sample::policy().pool, NOON), there);
    }
    assert_eq!(house.my_code("jo"), all[0]);
    sound::replays(&house);
}

#[test]
fn one_request_however_many_ask() {
    let house = hungry();
    assert_eq!(house.refill(false), (true, true));
    assert_eq!(house.refill(false), (false, true));
    assert_eq!(house.refill(true), (false, true));
    for name in ["a", "b"] {
        assert_eq!(house.draw(name), None);
    }
    assert_eq!(house.come_by("kim", &house.slug("a")).unwrap_err(), Refusal::PoolEmpty);
    assert_eq!((house.items("request_batch").len(), house.all::<Batch>().len()), (1, 1));
}

#[test]
fn a_refill_from_request_to_codes() {
    let house = hungry();
    house.refill(false);
    let lost = house.attempt("request_batch", Outcome::Unsure { why: "timeout".into() });
    assert!(lost.unsure);
    for looks in 1..=3 {
        let item = house.attempt("request_batch", Outcome::Absent);
        assert_eq!((item.looks, item.unsure), (looks, looks < 3), "sent again only after the third look");
    }
    house.attempt("request_batch", made());
    assert_eq!(house.batch_words(), ["generating"]);
    assert_eq!(house.refill(true), (false, true), "it is on its way still");
    let short = house.attempt("fetch_codes", codes(0..7));
    assert_eq!((short.state.word(), house.batch_words()), ("waiting", vec!["generating"]));
    assert_eq!(house.attempt("fetch_codes", codes(0..10)).state.word(), "done");
    assert_eq!(house.batch_words(), ["ready"]);
    let pool = house.pool();
    assert_eq!((pool.available(&sample::policy().pool, house.clock.now()), pool.coming), (10, None));
    assert_eq!(house.refill(false), (false, false), "the stock is above its mark");
    for name in ["a", "b", "c", "d", "e"] {
        house.my_code(name);
    }
    assert_eq!(house.all::<Batch>().len(), 1);
    house.my_code("f");
    assert_eq!(house.all::<Batch>().len(), 2, "the sixth of ten brings the stock below five");
    sound::replays(&house);
    sound::Watch::default().look(&house);
}

#[test]
fn failures_space_out_the_requests() {
    let house = hungry();
    house.refill(false);
    for hours in [1, 2, 4] {
        let dead = house.attempt("request_batch", Outcome::Never { why: "409".into() });
        assert_eq!(dead.state.word(), "dead");
        assert_eq!(house.refill(false), (false, false));
        house.wait(Span::millis(Span::hours(hours).0 - 1));
        assert_eq!(house.refill(false), (false, false), "{hours}");
        house.wait(Span::millis(1));
        assert_eq!(house.refill(false), (true, true), "{hours}");
    }
    house.attempt("request_batch", Outcome::Never { why: "409".into() });
    assert_eq!(house.refill(true), (true, true), "by hand it does not wait");
    assert_eq!(house.batch_words().iter().filter(|word| **word == "failed").count(), 4);
    house.attempt("request_batch", made());
    house.attempt("fetch_codes", codes(0..10));
    assert_eq!(house.pool().failures, 0);
}

#[test]
fn a_dead_request_can_be_tried_again_by_hand() {
    let house = hungry();
    house.refill(false);
    let dead = house.attempt("request_batch", Outcome::Never { why: "403".into() });
    house.ask(Command::Retry(Retry { item: dead.id })).unwrap();
    assert_eq!((house.batch_words(), house.pool().coming.is_some()), (vec!["requested"], true));
    let dead = house.attempt("request_batch", Outcome::Never { why: "403".into() });
    house.refill(true);
    assert_eq!(house.ask(Command::Retry(Retry { item: dead.id })), Err(Refusal::WrongState), "another is coming");
    let open = house.open("request_batch");
    house.ask(Command::Discard(Discard { item: open.id })).unwrap();
    assert_eq!(house.pool().coming, None);
    assert_eq!(house.ask(Command::Discard(Discard { item: open.id })), Err(Refusal::UnknownItem));
}

#[test]
fn one_attempt_of_a_lane_at_a_time() {
    let house = House::of(9);
    let earn = |name: &str| {
        let code = house.my_code("jo");
        house.claim(name, &code).unwrap();
        house.buy(&[name]);
    };
    earn("kim");
    let first = house.open("grant");
    assert_eq!(house.begin(first.id), Err(Refusal::WrongState), "a newer wish may come yet");
    house.wait(Span::seconds(2));
    house.begin(first.id).unwrap();
    assert_eq!(house.begin(first.id), Err(Refusal::WrongState));
    earn("lee");
    house.wait(Span::seconds(2));
    let second = house.items("grant").into_iter().find(|item| item.id != first.id).unwrap();
    assert_eq!(house.begin(second.id), Err(Refusal::WrongState), "its lane is busy");
    house.ask(Command::Settle(Settle { item: first.id, outcome: later(60) })).unwrap();
    let sent = house.begin(second.id).unwrap();
    let end = |item: &Item| match item.effect {
        Effect::Grant { end, .. } => (end.0 - NOON.0) / Span::days(1).0,
        _ => 0,
    };
    assert_eq!(end(&sent), 60);
    let short = Outcome::Done(Answer::Granted { end: NOON.plus(Span::days(30)) });
    house.ask(Command::Settle(Settle { item: second.id, outcome: short })).unwrap();
    let waiting: Vec<Item> = house.items("grant").into_iter().filter(|item| item.state.word() == "waiting").collect();
    assert_eq!(waiting.len(), 1, "not extended, and the older wish has nothing left to do");
    house.wait(Span::minutes(5));
    assert_eq!(end(&house.begin(second.id).unwrap()), 60);
    house.ask(Command::Recover(Recover { item: second.id })).unwrap();
    assert!(house.items("grant").iter().any(|item| item.id == second.id && item.unsure));
}

#[test]
fn what_was_taken_back_stays_so_on_the_way_out() {
    let house = House::of(9);
    let code = house.my_code("jo");
    house.claim("jo2", &code).unwrap();
    house.buy(&["jo2"]);
    house.wait(Span::seconds(2));
    let first = house.open("grant");
    house.begin(first.id).unwrap();
    house.link(&["jo", "jo2"]);
    assert_eq!(house.account("jo"), None);
    house.ask(Command::Settle(Settle { item: first.id, outcome: later(1) })).unwrap();
    house.wait(Span::minutes(5));
    for item in house.items("grant") {
        let sent = house.begin(item.id).unwrap();
        assert!(matches!(sent.effect, Effect::Grant { take_back: Some(_), .. }), "{sent:?}");
        house.ask(Command::Settle(Settle { item: item.id, outcome: later(3600) })).unwrap();
    }
    let next = house.my_code("jo");
    house.claim("kim", &next).unwrap();
    house.buy(&["kim"]);
    let kept = |item: &Item| matches!(item.effect, Effect::Grant { take_back: Some(_), .. });
    assert!(house.items("grant").iter().all(kept), "what is still to be revoked is not forgotten");
}

#[test]
fn timers_end_what_has_had_its_time() {
    let house = House::of(450);
    let codes: Vec<CodeText> = (0..450).map(|n| house.my_code(&format!("user-{n}"))).collect();
    house.claim("kim", &codes[0]).unwrap();
    house.buy(&["kim"]);
    house.import("more", 450..460, 200);
    house.wait(Span::days(86));
    assert_eq!(house.pool().lapsed, 0);
    properties::fire(&house);
    assert_eq!((house.code_word(&codes[0]), house.code_word(&codes[1])), ("used", "pending"));
    house.wait(Span::days(15));
    // A chunk at a time: three chunks and the end of the list.
    (0..4).for_each(|_| properties::fire(&house));
    let words = |word| house.all::<Code>().iter().filter(|code| code.state.word() == word).count();
    assert_eq!((words("used"), words("expired"), words("pending")), (1, 449, 0));
    assert_ne!(house.my_code("user-7"), codes[7], "the next one");
    properties::fire(&house);
    sound::replays(&house);
}

#[test]
fn codes_near_their_end_leave_the_stock() {
    let house = House::of(3);
    let code = house.my_code("jo");
    house.wait(Span::days(87));
    properties::fire(&house);
    assert_eq!((house.pool().lapsed, house.pool().shelves.len()), (2, 0));
    assert_eq!(house.my_code("jo"), code, "near its end is better than none");
    assert_eq!(house.draw("kim"), None);
    house.import("more", 10..12, 150);
    assert_eq!(house.my_code("jo"), code_text(10));
}
