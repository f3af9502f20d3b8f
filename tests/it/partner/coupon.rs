//! Offers of partners' own.

use super::*;
use crate::support::caller::together;
use crate::support::world::OFFER;

async fn add(world: &World, partner: &str, offer: &str) -> crate::support::caller::Reply {
    ask(world, &format!("partners/{partner}/coupons"), json!({"offer": offer})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_one_partners_and_compared_byte_for_byte() {
    let world = World::with_creators(|_| {}).await;
    let (jen, max) = (partner(&world, "Jen", "20% always").await, partner(&world, "Max", "20% always").await);
    let made = add(&world, &jen, "PARTNER_JEN").await.is(201).json();
    assert_eq!((&made["kind"], &made["offer"]), (&json!("offer"), &json!("PARTNER_JEN")));
    assert_eq!(
        (&made["partner"], &made["status"], &made["campaign"]),
        (&json!(jen), &json!("active"), &json!("creators"))
    );
    assert_eq!(made["own_offers"], json!({"in_use": 1, "limit": 10}));
    assert_eq!(add(&world, &jen, "PARTNER_JEN").await.is(200).json(), made);
    for (who, offer) in [(&max, "PARTNER_JEN"), (&max, OFFER), (&jen, OFFER), (&jen, CREATORS_OFFER)] {
        add(&world, who, offer).await.problem(409, "taken");
    }
    add(&world, &max, "partner_jen").await.is(201);
    for (place, offer) in
        ["PARTNER_JEN", "partner_jen", "Partner_Jen", "PARTNER_JEN ", " PARTNER_JEN"].iter().enumerate()
    {
        subscribes(&world, &format!("20000000000000{place}"), offer).await;
        buys_with(&world, &format!("user{place}"), offer).await;
    }
    world.settle().await;
    assert_eq!(sold(&world, &jen).await, ["PARTNER_JEN first 200 pending"; 2]);
    assert_eq!(sold(&world, &max).await, ["partner_jen first 200 pending"; 2]);
    assert_eq!(world.admin("stats").await["sales"], json!({"attributed": 4, "unattributed": 6}));
    let path = format!("partners/{jen}/coupons");
    for body in [
        json!({}),
        json!({"offer": ""}),
        json!({"offer": "a\nb"}),
        json!({"offer": "A", "custom_code": "B"}),
        json!({"offer": "x".repeat(256)}),
    ] {
        ask(&world, &path, body).await.problem(400, "bad-request");
    }
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_are_in_use_and_one_that_ends_makes_room() {
    let mut world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let max = partner(&world, "Max", "20% always").await;
    let mut first = Value::Null;
    for n in 1..=10 {
        let who = if n % 2 == 0 { &jen } else { &max };
        let made = add(&world, who, &format!("OWN_{n}")).await.is(201).json();
        assert_eq!(made["own_offers"], json!({"in_use": n, "limit": 10}));
        if n == 1 {
            first = made["id"].clone();
        }
    }
    world.restart().await;
    add(&world, &jen, "OWN_11").await.problem(409, "too-many-offers");
    assert_eq!(add(&world, &jen, "OWN_2").await.is(200).json()["own_offers"], json!({"in_use": 10, "limit": 10}));
    // Custom codes are no offers.
    let custom = json!({"custom_code": "JEN20", "offer_code_id": crate::support::world::CREATORS_OFFER_ID});
    ask(&world, &format!("partners/{jen}/coupons"), custom).await.is(201);

    subscribes(&world, "200000000000001", "OWN_1").await;
    world.advance(Span::days(1));
    let first = first.as_str().expect("an id");
    ask(&world, &format!("partners/{jen}/coupons/{first}/end"), json!({})).await.problem(404, "not-found");
    for _ in 0..2 {
        let ended = ask(&world, &format!("partners/{max}/coupons/{first}/end"), json!({})).await.is(200).json();
        assert_eq!((&ended["status"], &ended["own_offers"]), (&json!("ended"), &json!({"in_use": 9, "limit": 10})));
    }
    assert_eq!(add(&world, &jen, "OWN_11").await.is(201).json()["own_offers"], json!({"in_use": 10, "limit": 10}));
    add(&world, &jen, "OWN_12").await.problem(409, "too-many-offers");
    // What was redeemed before it ended stays theirs, and goes on; what is redeemed later is nobody's.
    let bought = Transaction::purchase("200000000000001", world.now().minus(Span::days(1))).offer_code("OWN_1");
    renews(&world, &bought, "200000000000002").await;
    subscribes(&world, "300000000000001", "OWN_1").await;
    assert_eq!(sold(&world, &max).await, ["OWN_1 first 200 pending", "OWN_1 renewal 200 pending"]);
    assert_eq!(sold(&world, &jen).await, [""; 0]);
    assert_eq!(world.admin("stats").await["sales"], json!({"attributed": 2, "unattributed": 1}));
    // It is theirs for good: whoever had it can have it again, when there is room.
    add(&world, &jen, "OWN_1").await.problem(409, "taken");
    add(&world, &max, "OWN_1").await.problem(409, "too-many-offers");
    let other = world.admin(&format!("partners/{jen}/statement")).await["coupons"][0]["id"].clone();
    ask(&world, &format!("partners/{jen}/coupons/{}/end", other.as_str().expect("an id")), json!({})).await.is(200);
    let again = add(&world, &max, "OWN_1").await.is(201).json();
    assert_eq!((&again["id"], &again["status"], &again["ended_at"]), (&json!(first), &json!("active"), &Value::Null));
    world.settle().await;
    assert_eq!(sold(&world, &max).await.len(), 3, "what was bought meanwhile is theirs too");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_redeemed_before_it_was_registered_is_theirs_too() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    // More than one piece on a day, and days of exactly a piece.
    for (day, count) in [150, 100, 1].into_iter().enumerate() {
        let calls = (0..count).map(|n| {
            let (caller, now) = (world.caller(), world.now());
            async move {
                let event = Event::initial_purchase(&format!("user-{day}-{n}"), now).offer("PARTNER_JEN");
                caller.deliver(&event, now).await.is(200);
            }
        });
        together(calls).await;
        world.later(Span::days(1)).await;
    }
    assert_eq!(world.admin("stats").await["sales"], json!({"attributed": 0, "unattributed": 251}));
    own_offer(&world, &jen, "PARTNER_JEN").await;
    world.settle().await;
    assert_eq!(balances(&world, &jen).await, "USD pending 50200");
    assert_eq!(world.admin("stats").await["sales"], json!({"attributed": 251, "unattributed": 0}));
    assert_eq!(world.all("redemptions?status=attributed").await.len(), 251);
    // The same again is no second time.
    let before = world.journal();
    add(&world, &jen, "PARTNER_JEN").await.is(200);
    world.settle().await;
    assert_eq!(world.journal(), before);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_registered_and_ended_with_its_purchases_unread() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    subscribes(&world, "200000000000001", "PARTNER_JEN").await;
    world.advance(Span::days(1));
    let coupon = own_offer(&world, &jen, "PARTNER_JEN").await["id"].as_str().expect("an id").to_owned();
    ask(&world, &format!("partners/{jen}/coupons/{coupon}/end"), json!({})).await.is(200);
    subscribes(&world, "300000000000001", "PARTNER_JEN").await;
    world.settle().await;
    assert_eq!(sold(&world, &jen).await, ["PARTNER_JEN first 200 pending"], "it was bought before the end");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_may_have_terms_of_its_own() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let body = json!({"offer": "LAUNCH", "commission": {"basis_points": 5000, "of": "price"}, "recurring": "first"});
    let made = ask(&world, &format!("partners/{jen}/coupons"), body).await.is(201).json();
    assert_eq!(made["terms"]["commission"]["basis_points"], 5000, "{made}");
    own_offer(&world, &jen, "USUAL").await;
    let launch = subscribes(&world, "200000000000001", "LAUNCH").await;
    let usual = subscribes(&world, "300000000000001", "USUAL").await;
    world.advance(Span::days(30));
    renews(&world, &launch, "200000000000002").await;
    renews(&world, &usual, "300000000000002").await;
    let expected = ["LAUNCH first 500 pending", "USUAL first 200 pending", "USUAL renewal 200 pending"];
    assert_eq!(sold(&world, &jen).await, expected);
    world.done().await;
}
