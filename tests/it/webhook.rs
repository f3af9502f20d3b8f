//! RevenueCat's events: kept once, whatever they hold, and understood as far as the rules say.

use crate::support::caller::{HOOK_AUTHORIZATION, together};
use crate::support::world::{OFFER, World};
use referd::config::Secret;
use referd::domain::at::Span;
use referd::fake::revenuecat_event::{Event, SIGNATURE_HEADER, signature};
use serde_json::{Value, json};

#[tokio::test]
async fn every_event_is_kept_and_lands_where_it_belongs() {
    let world = World::stocked(3).await;
    let now = world.now();
    // (event, redemptions that come of it)
    let rows = [
        (Event::initial_purchase("a", now).offer(OFFER), 1),
        (Event::renewal("b", now).offer(OFFER), 1),
        (Event::non_renewing_purchase("c", now).offer(OFFER), 1),
        (Event::initial_purchase("d", now).offer("OTHER"), 1),
        (Event::initial_purchase("e", now).offer(OFFER).sandbox(), 1),
        (Event::initial_purchase("f", now).offer(OFFER).set("store", json!("MAC_APP_STORE")), 1),
        (Event::initial_purchase("g", now), 0),
        (Event::initial_purchase("h", now).offer(OFFER).set("store", json!("PLAY_STORE")), 0),
        (Event::product_change("i", "yearly", now).offer(OFFER), 0),
        (Event::cancellation("j", "UNSUBSCRIBE", now).offer(OFFER), 0),
        (Event::cancellation("j", "CUSTOMER_SUPPORT", now).offer(OFFER), 0),
        (Event::uncancellation("k", now).offer(OFFER), 0),
        (Event::expiration("l", "UNSUBSCRIBE", now).offer(OFFER), 0),
        (Event::billing_issue("m", now).offer(OFFER), 0),
        (Event::subscription_extended("n", now).offer(OFFER), 0),
        (Event::refund_reversed("o", now).offer(OFFER), 0),
        (Event::transfer(&["p"], &["q"], now), 0),
        (Event::transfer(&[], &[], now), 0),
        (Event::temporary_entitlement_grant("r", now), 0),
        (Event::test(now), 0),
        (Event::test(now).offer(OFFER), 0),
        (Event::promotional("s", "premium", None, now), 0),
        (Event::promotional("t", "premium", Some(now), now).offer(OFFER), 0),
        (Event::purchase("SOMETHING_NEW", "u", now).offer(OFFER), 0),
        (Event::initial_purchase("guest", now).offer(OFFER).set("aliases", json!([])), 1),
        (Event::initial_purchase("v", now).set("offer_code", json!(7)).set("price", json!({})), 0),
    ];
    let mut redemptions = 0;
    for (event, more) in rows {
        let journal = world.journal();
        let reply = world.webhook(&event).await.is(200);
        let what = reply.json();
        assert_eq!(what["status"], "kept");
        assert!(world.journal() > journal, "each is an entry");
        redemptions += more;
        let found = world.all("redemptions").await.len();
        assert_eq!(found, redemptions, "{:?}", String::from_utf8_lossy(&event.body()));
    }
    let stats = world.admin("stats").await;
    assert_eq!(stats["campaigns"]["friends"]["redemptions"]["unattributed"], 6);
    assert_eq!(stats["redemptions_of_other_offers"], 1);
    assert_eq!(stats["last_webhook"]["revenuecat"], "2026-09-21T14:13:20Z");
    assert_eq!(world.counts().await["completions"]["credited"], 0);
    assert!(world.metrics().await.contains("SOMETHING_NEW"));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_at_once_have_one_effect() {
    let world = World::stocked(3).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "friend").await.is(201);
    let (caller, now) = (world.caller(), world.now());
    let journal = world.journal();
    let event = Event::initial_purchase("friend", now).offer(OFFER);
    let said = together((0..10).map(|_| {
        let (caller, event) = (caller.clone(), event.clone());
        async move { caller.deliver(&event, now).await.is(200).json()["status"].clone() }
    }))
    .await;
    assert_eq!(said.iter().filter(|status| **status == "kept").count(), 1, "{said:?}");
    assert_eq!(world.journal(), journal + 1);
    assert_eq!(world.all("completions").await.len(), 1);
    world.later(Span::minutes(1)).await;
    assert_eq!(world.revenuecat.grants("ann"), 1);
    world.done().await;
}

#[tokio::test]
async fn the_first_of_two_contents_stands() {
    let world = World::stocked(3).await;
    let event = Event::initial_purchase("friend", world.now()).offer(OFFER).set("id", json!("EVENT-1"));
    world.webhook(&event).await.is(200);
    let journal = world.journal();
    let reply = world.webhook(&event.clone().offer("OTHER")).await.is(200).json();
    assert_eq!((&reply["status"], world.journal()), (&json!("repeated"), journal));
    assert_eq!(world.all("redemptions").await[0]["offer"], OFFER);
    world.done().await;
}

#[tokio::test]
async fn purchases_follow_a_transfer_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let world = World::stocked(3).await;
        let code = world.my_code("ann").await;
        let bought = Event::initial_purchase("old", world.now()).offer(OFFER);
        let moved = Event::transfer(&["old"], &["new"], world.now().plus(Span::seconds(9)));
        world.advance(Span::seconds(10));
        for step in order {
            match step {
                0 => _ = world.webhook(&bought).await.is(200),
                1 => _ = world.webhook(&moved).await.is(200),
                _ => _ = world.claim(&code, "new").await.is(201),
            }
        }
        let all = world.all("completions").await;
        assert_eq!(all.len(), 1, "{order:?}");
        assert_eq!((&all[0]["referee"], &all[0]["status"]), (&json!("new"), &json!("credited")), "{order:?}");
        world.done().await;
    }
}

#[tokio::test]
async fn a_person_is_found_by_every_name() {
    for field in ["app_user_id", "original_app_user_id", "aliases"] {
        let world = World::stocked(3).await;
        let code = world.my_code("ann").await;
        world.claim(&code, "friend").await.is(201);
        let anonymous = Event::initial_purchase("$RCAnonymousID:0a1b2c", world.now()).offer(OFFER);
        let value = if field == "aliases" { json!(["$RCAnonymousID:0a1b2c", "friend"]) } else { json!("friend") };
        world.webhook(&anonymous.set(field, value)).await.is(200);
        let all = world.all("completions").await;
        assert_eq!((all.len(), &all[0]["status"]), (1, &json!("credited")), "{field}");
        assert_eq!(world.all("completions?user=friend").await.len(), 1);
        world.done().await;
    }
}

#[tokio::test]
async fn the_signature_is_required_where_it_is_configured() {
    let world = World::with(|config| {
        let revenuecat = config.apps[0].revenuecat.as_mut().expect("there is RevenueCat");
        revenuecat.webhook_signing_secret = Some(Secret::new("signing-secret-of-the-tests"));
    })
    .await;
    let (body, now) = (Event::test(world.now()).body(), world.now());
    let journal = world.journal();
    let good = signature("signing-secret-of-the-tests", now, &body);
    let old = signature("signing-secret-of-the-tests", now.minus(Span::hours(1)), &body);
    let forged = signature("another-secret", now, &body);
    let url = format!("{}/webhooks/revenuecat", world.public);
    let authorization = ("authorization", HOOK_AUTHORIZATION);
    for bad in [vec![], vec![old], vec![forged], vec![good.clone(), good.clone()], vec![good[..30].to_owned()]] {
        let mut headers = vec![authorization];
        headers.extend(bad.iter().map(|value| (SIGNATURE_HEADER, value.as_str())));
        world.raw("POST", &url, &headers, body.clone()).await.problem(401, "unauthenticated");
    }
    let headers = [authorization, (SIGNATURE_HEADER, good.as_str())];
    world.raw("POST", &url, &headers, "{}").await.problem(401, "unauthenticated");
    assert_eq!(world.journal(), journal);
    world.raw("POST", &url, &headers, body).await.is(200);
    world.webhook(&Event::initial_purchase("a", now)).await.is(200);
    world.done().await;
}

#[tokio::test]
async fn objects_are_kept_and_the_rest_is_refused() {
    let world = World::start().await;
    let wide: Value = (0..5000).map(|n| (format!("field-{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
    let kept = [
        json!({}),
        json!({"hello": "world"}),
        json!({"event": null}),
        json!({"event": []}),
        json!({"event": {"type": 7, "id": {}}}),
        json!({"event": {"type": "INITIAL_PURCHASE"}}),
        json!({"event": {"type": "TRANSFER", "transferred_from": "x"}}),
        json!({"event": {"type": "INITIAL_PURCHASE", "app_user_id": "a\u{0}b", "offer_code": OFFER}}),
        json!({"event": {"type": "x".repeat(100_000)}}),
        wide,
    ];
    for body in kept {
        let journal = world.journal();
        let text = body.to_string();
        let reply = world.deliver_body(text.clone().into(), world.now()).await.is(200).json();
        assert_eq!(reply["status"], "kept");
        assert!(world.journal() > journal);
        let again = world.deliver_body(text.into(), world.now()).await.is(200).json();
        assert_eq!(again["status"], "repeated");
    }
    let journal = world.journal();
    for body in ["", "null", "[]", "7", "\"text\"", "{", "{\"event\":}", "{} {}", "\u{0}"] {
        world.deliver_body(body.to_owned().into(), world.now()).await.problem(400, "bad-request");
    }
    let large = json!({"event": {"type": "x".repeat(1 << 20)}}).to_string();
    world.deliver_body(large.into(), world.now()).await.problem(413, "too-large");
    world.deliver_body(vec![b' '; 4 << 20].into(), world.now()).await.problem(413, "too-large");
    assert_eq!(world.journal(), journal);
    let almost = json!({"event": {"type": "NEW", "more": "x".repeat((1 << 20) - 100)}}).to_string();
    world.deliver_body(almost.into(), world.now()).await.is(200);
    world.done().await;
}
