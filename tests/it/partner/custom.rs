//! Custom codes: made through App Store Connect, claimed by many, ended at Apple.

use super::*;
use crate::support::world::CREATORS_OFFER_ID;
use referd::fake::faults::{Fault, Op};

async fn wish(world: &World, partner: &str, body: Value) -> crate::support::caller::Reply {
    ask(world, &format!("partners/{partner}/coupons"), body).await
}

async fn shown(world: &World, partner: &str) -> Value {
    world.admin(&format!("partners/{partner}/statement")).await["coupons"][0].clone()
}

async fn end(world: &World, partner: &str) -> Value {
    let id = shown(world, partner).await["id"].as_str().expect("an id").to_owned();
    ask(world, &format!("partners/{partner}/coupons/{id}/end"), json!({})).await.is(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_made_claimed_by_many_and_bought_with() {
    let mut world = World::with_creators(|_| {}).await;
    let (jen, max) = (partner(&world, "Jen", "20% always").await, partner(&world, "Max", "20% always").await);
    for bad in [
        json!({"custom_code": "JEN20", "count": 499}),
        json!({"custom_code": "JEN20", "count": 1_000_001}),
        json!({"custom_code": "JEN 20", "count": 500}),
        json!({"custom_code": "", "count": 500}),
        json!({"custom_code": "JEN20", "expires_at": "2020-01-01"}),
        json!({"custom_code": "JEN20", "expires_at": "soon"}),
    ] {
        wish(&world, &jen, bad).await.problem(400, "bad-request");
    }
    let made = wish(&world, &jen, json!({"custom_code": "Jen20", "count": 500})).await.is(201).json();
    assert_eq!(
        (&made["custom_code"], &made["status"], &made["count"]),
        (&json!("JEN20"), &json!("requested"), &json!(500))
    );
    assert_eq!(made["own_offers"]["in_use"], 0, "a custom code is no offer");
    world.settle().await;
    let at_apple = world.apple.custom_codes();
    let seen: Vec<_> =
        at_apple.iter().map(|one| (one.code.as_str(), one.offer.as_str(), one.number, one.active)).collect();
    assert_eq!(seen, [("JEN20", CREATORS_OFFER_ID, 500, true)]);
    assert_eq!(shown(&world, &jen).await["status"], "active");
    for code in ["JEN20", "jen20"] {
        wish(&world, &jen, json!({"custom_code": code, "count": 500})).await.is(200);
        wish(&world, &max, json!({"custom_code": code, "count": 500})).await.problem(409, "taken");
    }
    let one_time = issued(&world, &max, 1).await.remove(0);
    wish(&world, &jen, json!({"custom_code": one_time})).await.problem(409, "taken");

    for (user, code) in [("ann", "JEN20"), ("bob", "jen20"), ("cleo", " Jen20 ")] {
        let claimed = world.claim(code, user).await.is(201).json();
        assert_eq!((&claimed["claim"]["code"], &claimed["claim"]["campaign"]), (&json!("JEN20"), &json!("creators")));
        assert_eq!(world.claim(code, user).await.is(200).json(), claimed);
    }
    buys(&world, "ann").await;
    world.restart().await;
    buys(&world, "bob").await;
    // Bought first, and claimed afterwards.
    buys(&world, "dan").await;
    world.claim("jen20", "dan").await.is(201);
    buys(&world, "eve").await;
    assert_eq!(sold(&world, &jen).await, ["JEN20 first 200 pending"; 3]);
    assert_eq!(balances(&world, &jen).await, "USD pending 600");
    assert_eq!(world.admin("stats").await["sales"], json!({"attributed": 3, "unattributed": 1}));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_partner_leads_to_their_custom_code() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    issued(&world, &jen, 1).await;
    let link = async || world.admin(&format!("partners/{jen}/statement")).await["share_url"].clone();
    assert_eq!(link().await, Value::Null, "codes of one use are nobody's to show");
    wish(&world, &jen, json!({"custom_code": "JEN20", "count": 500})).await.is(201);
    world.settle().await;
    let path = path_of(&link().await);
    let look = async || world.raw("GET", &format!("{}{path}", world.public), &[], "").await;
    let page = look().await.is(200);
    assert!(page.text.contains("JEN20") && !page.text.contains("once"), "{}", page.text);
    let slug = path.strip_prefix("/r/").expect("a share link");
    for user in ["ann", "bob"] {
        let claimed = world.claim_slug(slug, user).await.is(201).json();
        assert_eq!(claimed["claim"]["code"], "JEN20");
        world.claim_slug(slug, user).await.is(200);
        buys(&world, user).await;
    }
    assert_eq!(sold(&world, &jen).await, ["JEN20 first 200 pending"; 2]);
    end(&world, &jen).await;
    look().await.is(503);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_without_an_offer_is_asked_which() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let refused = wish(&world, &jen, json!({"custom_code": "JEN20"})).await.problem(400, "bad-request");
    assert!(refused["detail"].as_str().expect("a detail").contains("offer_code_id"), "{refused}");
    let given = json!({"custom_code": "JEN20", "offer_code_id": CREATORS_OFFER_ID, "expires_at": "2026-12-24"});
    assert_eq!(wish(&world, &jen, given).await.is(201).json()["expires_at"], "2026-12-24");
    world.settle().await;
    let made = world.apple.custom_codes().remove(0);
    assert_eq!((made.number, made.expires.map(|day| day.to_string())), (500, Some("2026-12-24".to_owned())));
    world.claim("JEN20", "ann").await.is(201);
    world.later(Span::days(120)).await;
    world.claim("JEN20", "bob").await.problem(410, "code-expired");
    assert_eq!(shown(&world, &jen).await["status"], "expired");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apple_refuses_is_an_alert_until_it_is_made_after_all() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    world.apple.faults().next(Some(Op::CreateCustomCode), 1, Fault::Status(409));
    wish(&world, &jen, json!({"custom_code": "JEN20", "count": 500})).await.is(201);
    world.settle().await;
    let coupon = shown(&world, &jen).await;
    assert_eq!(coupon["status"], "failed", "{coupon}");
    let alert = world.only("alerts?status=open").await;
    assert_eq!((&alert["kind"], &alert["about"]), (&json!("custom_code_failed"), &coupon["id"]));
    assert_eq!(world.admin("stats").await["open_alerts"], 1);
    world.claim("JEN20", "ann").await.problem(410, "code-expired");
    assert!(world.apple.custom_codes().is_empty());

    let item = world.only("outbox?status=dead").await["id"].as_str().expect("an id").to_owned();
    ask(&world, &format!("outbox/{item}/retry"), json!({})).await.is(200);
    world.settle().await;
    assert_eq!(shown(&world, &jen).await["status"], "active");
    assert_eq!(world.apple.custom_codes().len(), 1);
    world.claim("JEN20", "ann").await.is(201);
    assert_eq!(world.only("alerts").await["status"], "cleared", "it is settled");
    assert_eq!(world.admin("stats").await["open_alerts"], 0);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apple_refused_can_be_let_go() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    world.apple.faults().next(Some(Op::CreateCustomCode), 1, Fault::Status(409));
    wish(&world, &jen, json!({"custom_code": "JEN20", "count": 500})).await.is(201);
    world.settle().await;
    for _ in 0..2 {
        assert_eq!(end(&world, &jen).await["status"], "ended");
    }
    assert_eq!(world.only("alerts").await["status"], "cleared", "there is nothing to be looked at");
    assert!(world.apple.calls().iter().all(|call| call.method != "PATCH"), "there is nothing to be ended at Apple");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_answer_was_lost_is_adopted_and_not_made_twice() {
    let mut world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    world.apple.faults().next(Some(Op::CreateCustomCode), 1, Fault::AcceptThenDrop);
    world.apple.faults().next(Some(Op::ListCustomCodes), 1, Fault::Status(500));
    wish(&world, &jen, json!({"custom_code": "JEN20", "count": 500})).await.is(201);
    world.settle().await;
    // It is there already, whether we know or not.
    world.claim("JEN20", "ann").await.is(201);
    world.restart().await;
    world.rest().await;
    assert_eq!(world.apple.custom_codes().len(), 1);
    let asked =
        world.apple.calls().iter().filter(|call| call.path.ends_with("CustomCodes") && call.method == "POST").count();
    assert_eq!((asked, &shown(&world, &jen).await["status"]), (1, &json!("active")));
    buys(&world, "ann").await;
    assert_eq!(sold(&world, &jen).await, ["JEN20 first 200 pending"]);

    // Lost before anything was done: it is made then.
    let max = partner(&world, "Max", "20% always").await;
    world.apple.faults().next(Some(Op::CreateCustomCode), 1, Fault::DropBefore);
    wish(&world, &max, json!({"custom_code": "MAX20", "count": 500})).await.is(201);
    world.rest().await;
    assert_eq!(shown(&world, &max).await["status"], "active");
    assert_eq!(world.apple.custom_codes().len(), 2);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_ended_is_ended_at_apple_and_claimed_by_nobody() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    wish(&world, &jen, json!({"custom_code": "JEN20", "count": 500})).await.is(201);
    world.settle().await;
    world.claim("JEN20", "ann").await.is(201);
    buys(&world, "ann").await;
    world.apple.faults().next(Some(Op::EndCustomCode), 1, Fault::AcceptThenDrop);
    assert_eq!(end(&world, &jen).await["status"], "ended");
    world.rest().await;
    assert_eq!(end(&world, &jen).await["at_apple"], "deactivated");
    assert!(!world.apple.custom_codes()[0].active);
    let patches = world.apple.calls().iter().filter(|call| call.method == "PATCH").count();
    assert_eq!(patches, 2, "the lost one and the next");
    for user in ["bob", "cleo"] {
        world.claim("jen20", user).await.problem(410, "code-expired");
    }
    world.claim("jen20", "ann").await.is(200);
    wish(&world, &jen, json!({"custom_code": "JEN20", "count": 500})).await.problem(409, "taken");
    // Whoever it brought stays theirs.
    let renewal = Event::renewal("ann", world.now());
    let original = Event::initial_purchase("ann", world.now()).body();
    let original: Value = serde_json::from_slice(&original).expect("an event is JSON");
    let original = original["event"]["original_transaction_id"].as_str().expect("an id").to_owned();
    world.webhook(&renewal.transaction("900000000000001", &original)).await.is(200);
    assert_eq!(sold(&world, &jen).await, ["JEN20 first 200 pending", "JEN20 renewal 200 pending"]);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_ended_before_apple_made_it_is_ended_then() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    world.apple.faults().next(Some(Op::CreateCustomCode), 1, Fault::Status(503));
    wish(&world, &jen, json!({"custom_code": "JEN20", "count": 500})).await.is(201);
    world.settle().await;
    end(&world, &jen).await;
    world.claim("JEN20", "ann").await.problem(410, "code-expired");
    world.rest().await;
    let left: Vec<_> = world.apple.custom_codes().into_iter().filter(|code| code.active).collect();
    assert!(left.is_empty());
    assert_eq!(shown(&world, &jen).await["status"], "ended");
    world.done().await;
}
