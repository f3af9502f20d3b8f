//! Tremendous' webhook: who may tell, and what comes of it.

use super::stage::{Till, told};
use crate::support::world::{TREMENDOUS_HOOK, World};
use referd::fake::tremendous::signature;
use serde_json::json;

const EVENT: &str = "REWARDS.DELIVERY.SUCCEEDED";

#[tokio::test]
async fn only_tremendous_is_heard() {
    let mut till = Till::by_email().await;
    till.play("delivers later; ready; send; settle; delivers").await;
    let world = till.world();
    let order = world.tremendous.orders().remove(0);
    let (good, body) = world.tremendous.webhook(EVENT, &order.id).expect("there is an order");
    let mut other = body.to_vec();
    other.push(b' ');
    let of_another = signature("tremendous-hook-of-another", &body);
    let journal = world.journal();
    for (signed, body) in [
        (Some(of_another.as_str()), body.clone()),
        (None, body.clone()),
        (Some(""), body.clone()),
        (Some("sha256="), body.clone()),
        (Some(good.trim_start_matches("sha256=")), body.clone()),
        (Some(&good[..good.len() - 2]), body.clone()),
        (Some(good.as_str()), other.into()),
        (Some(good.as_str()), body.slice(1..)),
        (Some(good.as_str()), "".into()),
    ] {
        told(world, signed, body).await.problem(401, "bad-signature");
    }
    world.settle().await;
    assert_eq!(world.journal(), journal, "nothing came of it");
    assert_eq!(till.payouts().await[0]["status"], "sent");
    told(world, Some(&good), body).await.is(200);
    world.settle().await;
    assert_eq!(till.payouts().await[0]["status"], "settled");
    till.done().await;
}

#[tokio::test]
async fn what_changes_nothing() {
    let mut till = Till::by_email().await;
    till.play("delivers later; ready; send; settle; delivers").await;
    let world = till.world();
    let asked = || world.tremendous.calls().len();
    let (before, journal) = (asked(), world.journal());
    for body in [
        json!({"event": EVENT, "uuid": "u1", "payload": {"resource": {"id": "NOBODYKNOWSIT", "type": "rewards"}}}),
        json!({"event": EVENT, "uuid": "u2", "payload": {"resource": {"type": "rewards"}}}),
        json!({"event": "FUNDING_SOURCES.LOW", "uuid": "u3", "payload": {}}),
        json!({"event": 7}),
        json!({}),
    ] {
        let body = body.to_string();
        told(world, Some(&signature(TREMENDOUS_HOOK, body.as_bytes())), body).await.is(200);
    }
    told(world, Some(&signature(TREMENDOUS_HOOK, b"[]")), "[]").await.is(400);
    world.settle().await;
    assert_eq!((asked(), world.journal()), (before, journal));

    // Its word alone changes nothing: the order is read.
    let order = world.tremendous.orders().remove(0);
    let (signed, body) = world.tremendous.webhook("ORDERS.CANCELED", &order.id).expect("there is an order");
    for _ in 0..3 {
        told(world, Some(&signed), body.clone()).await.is(200);
    }
    world.settle().await;
    assert_eq!(till.payouts().await[0]["status"], "settled");
    assert_eq!(asked(), before + 1, "asked once for all three");

    let (after, journal) = (asked(), world.journal());
    for _ in 0..3 {
        told(world, Some(&signed), body.clone()).await.is(200);
        world.settle().await;
    }
    assert_eq!((asked(), world.journal()), (after, journal), "a repeat changes nothing");
    assert_eq!(world.tremendous.orders().len(), 1);
    till.done().await;
}

#[tokio::test]
async fn without_a_key_nobody_is_heard() {
    for has_table in [true, false] {
        let world = World::with_partners(|config| {
            let app = &mut config.apps[0];
            match has_table {
                true => app.tremendous.as_mut().expect("there is one").webhook_key = None,
                false => app.tremendous = None,
            }
        })
        .await;
        let body = json!({"event": EVENT, "payload": {"resource": {"id": "X", "type": "orders"}}}).to_string();
        for key in [TREMENDOUS_HOOK, ""] {
            told(&world, Some(&signature(key, body.as_bytes())), body.clone()).await.problem(404, "not-found");
        }
        told(&world, None, body).await.problem(404, "not-found");
        world.done().await;
    }
}
