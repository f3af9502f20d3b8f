//! Notifications handed on: the bytes as they came, in order, whatever becomes of a target.

use crate::support::world::{NOW, World};
use referd::clock::ManualClock;
use referd::domain::at::Span;
use referd::fake::apple_event::{Notification, Transaction, body};
use referd::fake::faults::Fault;
use referd::fake::receiver::Receiver;
use std::sync::Arc;

const JSON: &str = "application/json; charset=utf-8";

async fn receiver() -> Receiver {
    Receiver::start(Arc::new(ManualClock::at(NOW))).await.expect("the team's server starts")
}

async fn world(targets: &[&Receiver]) -> World {
    let urls: Vec<String> = targets.iter().map(|one| format!("{}/apple?key=secret", one.base_url())).collect();
    World::with_apple(|config| {
        let notifications = &mut config.apps[0].notifications;
        (notifications.forward_to, notifications.allow_private_forwards) = (urls, true);
        notifications.max_age_days = 0;
    })
    .await
}

/// The n-th notification of a subscription, as Apple sends it. What it consists of.
async fn apple(world: &World, n: u32) -> Vec<u8> {
    let transaction = Transaction::purchase(&format!("20000000000000{n:02}"), world.now());
    let signed = Notification::subscribed(&transaction, world.now()).signed(world.store.chain(), world.store.app());
    let sent = body(&signed);
    let url = format!("{}/webhooks/apple", world.public);
    world.raw("POST", &url, &[("content-type", JSON)], sent.clone()).await.is(200);
    sent.to_vec()
}

fn got(target: &Receiver) -> Vec<Vec<u8>> {
    let taken = target.received().into_iter().filter(|one| one.status == Some(204));
    taken.map(|one| one.body.to_vec()).collect()
}

#[tokio::test]
async fn every_target_gets_what_apple_sent() {
    let (one, other) = (receiver().await, receiver().await);
    let world = world(&[&one, &other]).await;
    let sent = apple(&world, 1).await;
    assert!(one.received().is_empty(), "Apple is answered before");
    world.settle().await;
    for target in [&one, &other] {
        assert_eq!(got(target), std::slice::from_ref(&sent));
        let received = target.received().remove(0);
        assert_eq!((received.path.as_str(), received.header("content-type")), ("/apple?key=secret", Some(JSON)));
    }
    // The same again goes nowhere, nor does what is refused.
    let url = format!("{}/webhooks/apple", world.public);
    world.raw("POST", &url, &[], sent).await.is(200);
    world.raw("POST", &url, &[], r#"{"signedPayload":"a.b.c"}"#).await.is(401);
    world.settle().await;
    assert_eq!((one.received().len(), other.received().len()), (1, 1));
    let items = world.all("outbox").await;
    let targets: Vec<&str> = items.iter().filter_map(|item| item["target"].as_str()).collect();
    assert!(targets.iter().all(|target| !target.contains("secret")), "{targets:?}");
    let journal = serde_json::to_string(&world.all("journal").await).expect("JSON");
    assert!(!journal.contains("secret"), "an address may hold a secret");
    world.done().await;
}

#[tokio::test]
async fn a_target_that_was_down_for_a_day_gets_all_in_order() {
    let (down, up) = (receiver().await, receiver().await);
    let mut world = world(&[&down, &up]).await;
    down.faults().until_cleared(None, Fault::Status(503));
    let mut sent = Vec::new();
    for n in 0..24 {
        sent.push(apple(&world, n).await);
        world.settle().await;
        assert_eq!(got(&up), sent, "the others never wait");
        world.later(Span::hours(1)).await;
        if n == 12 {
            world.restart().await;
        }
    }
    assert!(got(&down).is_empty());
    let tries = down.received().len();
    assert!(tries < 60, "only the first of the queue is tried: {tries}");
    down.faults().clear();
    world.later(Span::hours(2)).await;
    assert_eq!(got(&down), sent);
    world.done().await;
}

#[tokio::test]
async fn whatever_a_target_answers_nothing_is_lost_or_out_of_order() {
    for fault in [
        Fault::Status(301),
        Fault::Status(404),
        Fault::Status(410),
        Fault::Status(429),
        Fault::Status(500),
        Fault::DropBefore,
        Fault::AcceptThenDrop,
    ] {
        let target = receiver().await;
        let mut world = world(&[&target]).await;
        target.faults().next(None, 2, fault.clone());
        let mut sent = Vec::new();
        for n in 0..4 {
            sent.push(apple(&world, n).await);
        }
        world.restart().await;
        world.rest().await;
        // What was taken without an answer came again at once.
        let mut all: Vec<Vec<u8>> = target.received().into_iter().map(|one| one.body.to_vec()).collect();
        all.dedup();
        assert_eq!(all, sent, "{fault:?}");
        assert!(target.received().iter().all(|one| one.path != "/elsewhere"), "{fault:?}");
        world.done().await;
    }
}

#[tokio::test]
async fn a_dead_one_lets_the_next_go() {
    let target = receiver().await;
    let world = world(&[&target]).await;
    target.faults().until_cleared(None, Fault::Status(500));
    let (first, second) = (apple(&world, 1).await, apple(&world, 2).await);
    for _ in 0..110 {
        world.later(Span::minutes(80)).await;
    }
    let of = |status: &'static str| {
        let world = &world;
        async move { world.all(&format!("outbox?status={status}")).await }
    };
    let dead = of("dead").await;
    assert_eq!(dead.len(), 1, "a hundred attempts, and then the next");
    target.faults().clear();
    world.later(Span::hours(2)).await;
    assert_eq!(got(&target), std::slice::from_ref(&second));
    let id = dead[0]["id"].as_str().expect("an id");
    world.admin_post(&format!("/admin/outbox/{id}/retry"), "{}").await.is(200);
    world.settle().await;
    assert_eq!(got(&target), [second, first]);
    world.done().await;
}

#[tokio::test]
async fn what_was_missed_is_handed_on_when_it_is_read() {
    let target = receiver().await;
    let world = world(&[&target]).await;
    world.unreachable();
    let transaction = Transaction::purchase("2000000000000077", world.now());
    world.store.notify(&Notification::subscribed(&transaction, world.now())).await;
    world.later(Span::minutes(1)).await;
    world.reachable();
    world.admin_post("/admin/notifications/catch-up", "{}").await.is(202);
    world.rest().await;
    assert_eq!(got(&target).len(), 1);
    assert!(got(&target)[0].starts_with(br#"{"signedPayload":"#));
    world.done().await;
}

/// RevenueCat, Adapty and Qonversion hand on what Apple sent: the bytes, or the same JSON written anew.
#[tokio::test]
async fn who_hands_on_to_us_is_believed_for_apples_signature_alone() {
    let target = receiver().await;
    let world = world(&[&target]).await;
    let url = format!("{}/webhooks/apple", world.public);
    let post = |headers: &'static [(&'static str, &'static str)], body: Vec<u8>| world.raw("POST", &url, headers, body);
    let mut sent = Vec::new();
    let relays: [&[(&str, &str)]; 4] = [
        &[("content-type", "application/json"), ("user-agent", "RevenueCat")],
        &[("content-type", "text/plain"), ("authorization", "Bearer adapty")],
        &[("content-type", "application/octet-stream"), ("x-forwarded-for", "17.58.0.1")],
        &[],
    ];
    for (n, headers) in relays.into_iter().enumerate() {
        let transaction = Transaction::purchase(&format!("200000000000010{n}"), world.now());
        let signed = Notification::subscribed(&transaction, world.now()).signed(world.store.chain(), world.store.app());
        let as_sent = body(&signed).to_vec();
        let anew =
            format!("{{\n  \"signedPayload\" : {}\n}}\n", serde_json::to_string(&signed).expect("text")).into_bytes();
        let first = if n % 2 == 0 { &as_sent } else { &anew };
        post(headers, first.clone()).await.is(200);
        sent.push(first.clone());
        // The same from Apple itself, and by the other way, is known.
        post(&[("content-type", JSON)], as_sent.clone()).await.is(200);
        post(headers, anew).await.is(200);
    }
    for forged in [r#"{"signedPayload":"e30.e30.e30"}"#, r#"{"notificationUUID":"x","data":{}}"#] {
        post(&[("x-relay-signature", "sha256=00")], forged.as_bytes().to_vec()).await.is(401);
    }
    world.settle().await;
    assert_eq!(got(&target), sent, "and handed on once");
    assert_eq!(world.webhooks("apple", "kept").await, 4);
    world.done().await;
}
