//! The second kind of reward: Apple moves the renewal date of a referrer who pays (`reward.kind = "extend"`).

use crate::support::world::{NOW, OFFER, World};
use referd::config::Config;
use referd::domain::at::{At, Span};
use referd::domain::policy::Milestone;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

/// A referrer that Apple can name.
const ANN: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const BOUGHT: &str = "2000000000000001";

fn extends(config: &mut Config) {
    config.apps[0].campaigns[0].policy.reward.extend = Some(1);
    config.apps[0].notifications.max_age_days = 0;
}

/// A month that she pays for, and that renews.
fn month() -> Transaction {
    Transaction::purchase(BOUGHT, NOW.minus(Span::days(10))).token(ANN)
}

async fn paying(change: impl FnOnce(&mut Config)) -> World {
    let world = World::with_apple(|config| {
        extends(config);
        change(config);
    })
    .await;
    let bought = Notification::did_renew(&month(), NOW);
    world.store.add(&month(), bought.renewal());
    world.apple(&bought).await.is(200);
    world
}

fn friend(name: &str) -> String {
    format!("T-{name}")
}

async fn completes(world: &World, name: &str) {
    let code = world.my_code(ANN).await;
    world.claim(&code, name).await.is(201);
    let event = Event::initial_purchase(name, world.now()).offer(OFFER).transaction(&friend(name), &friend(name));
    world.webhook(&event).await.is(200);
}

async fn refunded(world: &World, name: &str) {
    world.advance(Span::seconds(1));
    let event = Event::cancellation(name, "CUSTOMER_SUPPORT", world.now());
    world.webhook(&event.transaction(&friend(name), &friend(name))).await.is(200);
}

async fn restored(world: &World, name: &str) {
    world.advance(Span::seconds(1));
    let event = Event::refund_reversed(name, world.now());
    world.webhook(&event.transaction(&friend(name), &friend(name))).await.is(200);
}

/// The days that Apple extended, and those granted from now, with what she is told.
async fn given(world: &World) -> (Vec<u32>, i64) {
    let extended: Vec<u32> = world.store.extensions(BOUGHT).iter().map(|(days, ..)| *days).collect();
    let told = world.get("/referral/stats", ANN).await.is(200).json();
    assert_eq!(told["days_extended"], extended.iter().sum::<u32>(), "{told}");
    let end = world.revenuecat.promo_end(ANN).unwrap_or(At(0));
    (extended, (end.0 - world.now().0 + Span::hours(12).0).max(0) / Span::days(1).0)
}

async fn states(world: &World) -> Vec<Value> {
    let held = world.admin(&format!("users/{ANN}")).await;
    held["extensions"].as_array().expect("a list").iter().map(|one| one["status"].clone()).collect()
}

#[tokio::test]
async fn a_referrer_who_pays_pays_later() {
    let world = paying(|_| {}).await;
    for (name, extended, granted) in
        [("bob", vec![30], 0), ("eve", vec![30, 30], 0), ("kim", vec![30, 30], 30), ("max", vec![30, 30], 60)]
    {
        completes(&world, name).await;
        world.rest().await;
        assert_eq!(given(&world).await, (extended, granted), "two in a year: {name}");
    }
    let requests = world.store.extensions(BOUGHT);
    assert!(requests.iter().all(|(_, reason, request)| *reason == 1 && request.len() == 32), "{requests:?}");
    let held = world.admin(&format!("users/{ANN}")).await;
    let renews_at = At(NOW.0 + Span::days(20 + 60).0);
    assert_eq!(held["subscriptions"][0]["expires_at"], referd::wire::text::rfc3339(renews_at), "Apple told it");
    assert_eq!(world.get("/referral/stats", ANN).await.is(200).json()["days_earned"], 120);
    world.done().await;
}

#[tokio::test]
async fn who_does_not_pay_is_granted_days() {
    let world = World::with_apple(extends).await;
    completes(&world, "bob").await;
    world.rest().await;
    assert_eq!(given(&world).await, (vec![], 30));
    world.done().await;

    // A year is more than Apple gives.
    let year = Milestone { referrals: 1, days: 365 };
    let world = paying(|config| config.apps[0].campaigns[0].policy.reward.milestones = vec![year]).await;
    completes(&world, "bob").await;
    world.rest().await;
    assert_eq!(given(&world).await, (vec![30], 365));
    world.done().await;
}

#[tokio::test]
async fn what_apple_does_not_extend_is_granted() {
    for fault in [Fault::NotExtending, Fault::Status(400), Fault::Status(404)] {
        let world = paying(|_| {}).await;
        world.store.faults().until_cleared(Some(Op::Extend), fault.clone());
        completes(&world, "bob").await;
        world.rest().await;
        assert_eq!(given(&world).await, (vec![], 30), "{fault:?}");
        assert_eq!(states(&world).await, ["refused"], "{fault:?}");
        assert!(world.all("outbox?status=dead").await.is_empty(), "{fault:?}: nobody has to deal with it");
        world.done().await;
    }
}

#[tokio::test]
async fn a_lost_answer_extends_once() {
    for fault in [
        Fault::AcceptThenDrop,
        Fault::DropBefore,
        Fault::CutBody,
        Fault::Html,
        Fault::Status(500),
        Fault::TooMany { retry_after: None },
        Fault::Status(401),
    ] {
        let world = paying(|_| {}).await;
        world.store.faults().next(Some(Op::Extend), 1, fault.clone());
        completes(&world, "bob").await;
        world.rest().await;
        assert_eq!(given(&world).await, (vec![30], 0), "{fault:?}");
        assert_eq!(states(&world).await, ["extended"], "{fault:?}");
        world.done().await;
    }
}

/// The process ends while Apple answers, and another extension waits behind.
#[tokio::test]
async fn an_end_in_the_middle_extends_once() {
    for fault in [Fault::AcceptThenDrop, Fault::DropBefore] {
        let mut world = paying(|_| {}).await;
        world.store.faults().next(Some(Op::Extend), 1, fault.clone());
        completes(&world, "bob").await;
        world.settle().await;
        completes(&world, "eve").await;
        world.restart().await;
        world.rest().await;
        assert_eq!(given(&world).await, (vec![30, 30], 0), "{fault:?}");
        world.done().await;
    }
}

#[tokio::test]
async fn what_was_extended_stays_and_is_given_once() {
    let world = paying(|_| {}).await;
    completes(&world, "bob").await;
    world.rest().await;
    for _ in 0..3 {
        refunded(&world, "bob").await;
        world.rest().await;
        assert_eq!(world.only("completions").await["status"], "reversed");
        assert_eq!(given(&world).await, (vec![30], 0), "Apple takes nothing back");
        restored(&world, "bob").await;
        world.rest().await;
        assert_eq!(world.only("completions").await["status"], "credited");
        assert_eq!(given(&world).await, (vec![30], 0), "and it is there already");
    }
    assert_eq!(world.get("/referral/stats", ANN).await.is(200).json()["days_earned"], 30);
    world.done().await;
}

#[tokio::test]
async fn what_is_taken_back_before_apple_is_asked() {
    let world = paying(|_| {}).await;
    completes(&world, "bob").await;
    refunded(&world, "bob").await;
    world.settle().await;
    assert_eq!((given(&world).await, states(&world).await), ((vec![], 0), vec![json!("withdrawn")]));
    restored(&world, "bob").await;
    refunded(&world, "bob").await;
    restored(&world, "bob").await;
    world.rest().await;
    assert_eq!((given(&world).await, states(&world).await), ((vec![30], 0), vec![json!("extended")]));
    world.done().await;
}

#[tokio::test]
async fn nobody_can_tell_whether_it_was_extended() {
    let world = paying(|_| {}).await;
    world.store.faults().next(Some(Op::Extend), 1, Fault::DropBefore);
    world.store.faults().until_cleared(Some(Op::Statuses), Fault::Status(503));
    completes(&world, "bob").await;
    world.later(Span::seconds(1)).await;
    // Before it can be looked for, the next month begins.
    let next = Transaction::renewal_of(&month(), "2000000000000002");
    let renewed = Notification::did_renew(&next, world.now());
    world.store.add(&next, renewed.renewal());
    world.store.faults().clear();
    world.rest().await;
    assert_eq!(given(&world).await, (vec![], 0));
    let dead = world.only("outbox?status=dead").await;
    assert!(dead["last_error"].as_str().is_some_and(|why| why.contains("nobody can tell")), "{dead}");
    let path = format!("/admin/outbox/{}/discard", dead["id"].as_str().expect("an id"));
    world.admin_post(&path, r#"{"reason":"App Store Connect shows none"}"#).await.is(200);
    world.rest().await;
    assert_eq!((given(&world).await, states(&world).await), ((vec![], 30), vec![json!("refused")]));
    world.done().await;
}
