//! The process ends in the middle of a payout, at each of its steps: it is one order, and it is paid.

use super::PAID;
use super::stage::Till;
use crate::support::world::World;
use referd::domain::at::Span;
use referd::domain::decide::delivery::Begin;
use referd::domain::decide::{By, Command};
use referd::domain::delivery::ItemId;
use referd::fake::faults::{Fault, Op};
use referd::ledger::Entry;
use std::time::Duration;

/// Works, and ends as it is when this holds.
async fn cut(world: &World, mut holds: impl FnMut() -> bool) {
    tokio::select! {
        biased;
        () = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        } => {}
        _ = async {
            loop {
                world.settle().await;
                world.advance(Span::seconds(1));
                tokio::task::yield_now().await;
            }
        } => {}
    }
}

async fn begun(till: &Till) -> usize {
    let begun = till.world().all("outbox?status=begun").await;
    begun.iter().filter(|item| ["pay_out", "ask_payout"].iter().any(|kind| item["kind"] == *kind)).count()
}

/// After the end one order is there, and it is paid in the books.
async fn ends(mut till: Till, what: &str) {
    till.play("restart").await;
    assert_eq!(begun(&till).await, 0, "{what}");
    till.play("faults end; rest; delivers; minutes 60").await;
    assert_eq!(till.stands().await, PAID, "{what}");
    till.done().await;
}

fn slow() -> Fault {
    Fault::Slow(Duration::from_secs(600))
}

#[tokio::test]
async fn before_anything_was_begun() {
    let mut till = Till::by_email().await;
    till.play("ready; send").await;
    ends(till, "sent").await;
}

#[tokio::test]
async fn begun_and_not_called() {
    let mut till = Till::by_email().await;
    till.play("ready; send").await;
    let world = till.world();
    let waiting = world.only("outbox?status=waiting").await;
    let (seq, n) = waiting["id"].as_str().and_then(|id| id.split_once('-')).expect("an id");
    let item = ItemId { seq: seq.parse().expect("a number"), n: n.parse().expect("a number") };
    let begin = Entry::new(Command::Begin(Begin { item }), By::House);
    world.house().apps[0].ledger.submit(begin).await.expect("it is due");
    assert_eq!((begun(&till).await, till.posts()), (1, 0));
    ends(till, "begun").await;
}

#[tokio::test]
async fn called_and_not_worked() {
    let mut till = Till::by_email().await;
    till.play("ready; send").await;
    let world = till.world();
    world.tremendous.faults().next(Some(Op::CreateOrder), 1, slow());
    cut(world, || till.posts() == 1).await;
    assert_eq!((begun(&till).await, world.tremendous.orders().len()), (1, 0));
    ends(till, "called").await;
}

/// From the moment the order is there over its answer to its being kept.
#[tokio::test]
async fn made_and_answered_and_kept() {
    let mut found = Vec::new();
    for more in [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256] {
        let mut till = Till::by_email().await;
        till.play("ready; send").await;
        let world = till.world();
        let mut left = more;
        cut(world, || {
            let is_made = !world.tremendous.orders().is_empty();
            left -= i32::from(is_made);
            is_made && left < 0
        })
        .await;
        assert_eq!(world.tremendous.orders().len(), 1);
        found.push(begun(&till).await);
        till.play("restart; rest").await;
        assert_eq!((till.stands().await.as_str(), till.posts()), (PAID, 1), "{more} steps later");
        till.done().await;
    }
    println!("begun, and not kept: {found:?}");
    assert_eq!(found[0], 1, "cut off before the answer was kept: {found:?}");
}

/// Its answer is lost, and the process ends while it is looked for: once, and again after that.
#[tokio::test]
async fn lost_and_looked_for() {
    for fault in [Fault::AcceptThenDrop, Fault::CutBody, Fault::DropBefore] {
        for rounds in [1, 3] {
            let mut till = Till::by_email().await;
            till.play("ready; send").await;
            till.world().tremendous.faults().next(Some(Op::CreateOrder), 1, fault.clone());
            for round in 1..=rounds {
                till.world().tremendous.faults().next(Some(Op::GetOrder), 1, slow());
                let looks = || till.world().tremendous.calls().iter().filter(|call| call.method == "GET").count();
                cut(till.world(), || looks() == round).await;
                assert_eq!(begun(&till).await, 1);
                till.play("restart").await;
            }
            till.play("rest").await;
            assert_eq!(till.stands().await, PAID, "{fault:?}");
            assert_eq!(till.posts(), if fault == Fault::DropBefore { 2 } else { 1 }, "{fault:?}");
            till.done().await;
        }
    }
}

#[tokio::test]
async fn on_its_way() {
    let stories = [
        "restart; delivers; minutes 60",
        "restart; delivers; hook REWARDS.DELIVERY.SUCCEEDED; settle",
        "delivers; hook REWARDS.DELIVERY.SUCCEEDED; restart; settle",
        "minutes 60; restart; minutes 30; restart; delivers; minutes 30",
        // An hour and more, while nobody is there.
        "delivers; restart; minutes 600",
    ];
    for story in stories {
        let mut till = Till::by_email().await;
        till.play("delivers later; ready; send; settle").await;
        till.play(story).await;
        assert_eq!((till.stands().await.as_str(), till.posts()), (PAID, 1), "{story}");
        till.done().await;
    }
    // While it is asked about.
    let mut till = Till::by_email().await;
    till.play("delivers later; ready; send; settle; delivers").await;
    let world = till.world();
    let before = world.tremendous.calls().len();
    world.tremendous.faults().next(Some(Op::GetOrder), 1, slow());
    world.advance(Span::hours(1));
    cut(world, || world.tremendous.calls().len() > before).await;
    assert_eq!(begun(&till).await, 1);
    till.play("restart; rest").await;
    assert_eq!((till.stands().await.as_str(), till.posts()), (PAID, 1));
    till.done().await;
}
