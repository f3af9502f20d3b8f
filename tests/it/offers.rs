//! Promotional offers: who may have which, and what the app shows Apple for one.

use crate::support::tokens::public_point;
use crate::support::world::{NOW, World};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use referd::domain::at::Span;
use referd::domain::offer::{Offer, Standing};
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

const BOB: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const ID: &str = "2000000000000001";

fn offer(id: &str, eligible: &[Standing], lapsed_days_min: u32, per_user: u32) -> Offer {
    Offer { id: id.into(), product_id: "monthly".into(), eligible: eligible.to_vec(), lapsed_days_min, per_user }
}

async fn world() -> World {
    World::with_apple(|config| {
        config.apps[0].notifications.max_age_days = 0;
        config.apps[0].offers = vec![
            offer("COMEBACK50", &[Standing::Lapsed, Standing::AutoRenewOff], 3, 1),
            offer("STAY", &[Standing::Active, Standing::BillingRetry], 0, 0),
        ];
    })
    .await
}

fn bought() -> Transaction {
    Transaction::purchase(ID, NOW).token(BOB)
}

async fn may(world: &World, user: &str) -> Vec<Value> {
    let body = world.post("/offers/eligibility", user, &json!({})).await.is(200).json();
    let word = |row: &Value| if row["eligible"] == json!(true) { json!("yes") } else { row["reason"].clone() };
    body["offers"].as_array().expect("offers").iter().map(word).collect()
}

#[tokio::test]
async fn who_may_have_an_offer_follows_from_what_apple_says() {
    let world = world().await;
    assert_eq!(may(&world, BOB).await, ["never_subscribed", "never_subscribed"]);
    world.apple(&Notification::subscribed(&bought(), world.now())).await.is(200);
    assert_eq!(may(&world, BOB).await, ["active", "yes"]);
    world.advance(Span::hours(1));
    world.apple(&Notification::renewal_turned(&bought(), false, world.now())).await.is(200);
    assert_eq!(may(&world, BOB).await, ["yes", "auto_renew_off"]);
    world.advance(Span::days(31));
    world.apple(&Notification::expired(&bought(), world.now())).await.is(200);
    assert_eq!(may(&world, BOB).await, ["too_soon", "lapsed"]);
    world.advance(Span::days(3));
    assert_eq!(may(&world, BOB).await, ["yes", "lapsed"]);
    let back = Transaction::renewal_of(&bought(), "2000000000000002")
        .offer(2, "COMEBACK50")
        .set("purchaseDate", json!(world.now().0))
        .set("expiresDate", json!(world.now().plus(Span::days(30)).0));
    world.apple(&Notification::resubscribed(&back, world.now())).await.is(200);
    assert_eq!(may(&world, BOB).await, ["active", "other_offer"]);
    world.advance(Span::days(40));
    world.apple(&Notification::expired(&back, world.now())).await.is(200);
    assert_eq!(may(&world, BOB).await, ["had_before", "lapsed"], "it is had once");
    world.apple(&Notification::refund(&back, world.now())).await.is(200);
    assert_eq!(may(&world, "somebody else").await, ["never_subscribed", "never_subscribed"]);
    world.done().await;
}

#[tokio::test]
async fn a_signature_holds_over_what_apple_reads() {
    let world = world().await;
    let ask = json!({"offer_id": "STAY", "product_id": "monthly", "app_account_token": BOB});
    let refused = world.post("/offers/signature", BOB, &ask).await.problem(403, "not-eligible");
    assert_eq!(refused["reason"], "never_subscribed");
    world.apple(&Notification::subscribed(&bought(), world.now())).await.is(200);
    let journal = world.journal();
    let signed = world.post("/offers/signature", BOB, &ask).await.is(200).json();
    assert_eq!(world.journal(), journal + 1, "each signature is an entry");
    let text = |name: &str| signed[name].as_str().expect("a text").to_owned();
    let token = BOB.to_lowercase();
    assert_eq!(text("app_account_token"), token);
    let fields = [
        "com.example.alma",
        &text("key_id"),
        "monthly",
        "STAY",
        &token,
        &text("nonce"),
        &signed["timestamp"].to_string(),
    ];
    let bytes = fields.join("\u{2063}");
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_point(7));
    let signature = STANDARD.decode(text("signature")).expect("base64");
    key.verify(bytes.as_bytes(), &signature).expect("the signature holds");
    let jws = text("jws");
    let claims = jws.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).expect("a JWS");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!((&claims["aud"], &claims["offerIdentifier"]), (&json!("promotional-offer"), &json!("STAY")));
    assert_eq!(claims["transactionId"], ID, "the subscription's last one, where the app names none");
    let again = world.post("/offers/signature", BOB, &ask).await.is(200).json();
    assert_ne!(again["nonce"], signed["nonce"], "each signature has a nonce of its own");
    world.done().await;
}

#[tokio::test]
async fn what_cannot_be_asked() {
    let world = world().await;
    world.webhook(&Event::initial_purchase(BOB, world.now())).await.is(200);
    for (body, status, name) in [
        (json!({"offer_id": "NONE", "product_id": "monthly"}), 404, "not-found"),
        (json!({"offer_id": "STAY", "product_id": "yearly"}), 400, "bad-request"),
        (json!({"offer_id": "STAY", "app_account_token": "a\u{2063}b"}), 400, "bad-request"),
        (json!({"product_id": "monthly"}), 400, "bad-request"),
        (json!({"offer_id": "COMEBACK50"}), 403, "not-eligible"),
    ] {
        world.post("/offers/signature", BOB, &body).await.problem(status, name);
    }
    let mut last = 0;
    for n in 0..25 {
        last = world.post("/offers/signature", BOB, &json!({"offer_id": "STAY"})).await.status;
        assert_eq!(last, if n < 20 { 200 } else { 403 }, "{n}");
    }
    assert_eq!(last, 403, "so many in a day serve no purchase");
    world.advance(Span::days(1));
    world.post("/offers/signature", BOB, &json!({"offer_id": "STAY"})).await.is(200);
    world.done().await;
}

#[tokio::test]
async fn introductory_offers_are_for_those_who_never_subscribed() {
    let world = world().await;
    let ask = json!({"product_id": "monthly", "transaction_id": "704289572311513293"});
    let body = world.post("/offers/introductory", BOB, &ask).await.is(200).json();
    assert_eq!(body["allowed"], true);
    world.apple(&Notification::subscribed(&bought(), world.now())).await.is(200);
    let body = world.post("/offers/introductory", BOB, &ask).await.is(200).json();
    assert_eq!(body["allowed"], false);
    world.done().await;
}
