//! DeviceCheck: a device with which something was redeemed before holds a completion for review, and who does not
//! answer holds nobody.

use crate::support::world::{NOW, OFFER, World};
use referd::domain::at::Span;
use referd::fake::apple_event::Transaction;
use referd::fake::device_check::token;
use referd::fake::faults::{Fault, Op};
use serde_json::{Value, json};

/// Two users of one phone, and another's.
const BOB: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const EVE: &str = "F621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const PHONE: &str = "phone";

fn bought(user: &str) -> Transaction {
    let id = if user == BOB { "2000000000000001" } else { "2000000000000002" };
    Transaction::purchase(id, NOW).offer_code(OFFER).token(user)
}

/// Confirms with the transaction and a token of the phone.
async fn shows(world: &World, code: &str, user: &str, nonce: u32) -> Value {
    let signed = world.signed(&bought(user));
    let body = json!({"signed_transaction": signed, "device_token": token(PHONE, nonce)});
    world.confirm_with(code, user, &body).await.is(200).json()
}

async fn stands(world: &World, user: &str) -> (String, Vec<String>) {
    let row = world.only(&format!("completions?user={user}")).await;
    let reasons = row["reasons"].as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned);
    (row["status"].as_str().expect("a word").to_owned(), reasons.collect())
}

fn is(status: &str, reasons: &[&str]) -> (String, Vec<String>) {
    (status.to_owned(), reasons.iter().map(|reason| (*reason).to_owned()).collect())
}

#[tokio::test]
async fn a_device_is_asked_about_and_marked() {
    // (what the phone's bits are) -> the completion, and the bits then
    for (before, after, bits) in [
        (None, is("credited", &[]), (true, false)),
        (Some((false, true)), is("credited", &[]), (true, true)),
        (Some((true, false)), is("held", &["device_seen"]), (true, false)),
        (Some((true, true)), is("held", &["device_seen"]), (true, true)),
    ] {
        let mut world = World::with_devices(|_| {}).await;
        if let Some((bit0, bit1)) = before {
            world.devices.set(PHONE, bit0, bit1);
        }
        let code = world.my_code("ann").await;
        let said = shows(&world, &code, BOB, 1).await;
        assert_eq!(said["status"], "held", "until Apple answered");
        assert_eq!(stands(&world, BOB).await, is("held", &["device_asked"]));
        world.restart().await;
        world.rest().await;
        assert_eq!((stands(&world, BOB).await, world.devices.bits(PHONE)), (after.clone(), Some(bits)), "{before:?}");
        let is_credited = after.0 == "credited";
        assert_eq!(world.revenuecat.promo_end("ann").is_some(), is_credited);
        if !is_credited {
            let id = world.only(&format!("completions?user={BOB}")).await["id"].as_str().map(str::to_owned);
            let path = format!("/admin/completions/{}/approve", id.expect("an id"));
            world.admin_post(&path, r#"{"reason":"a family"}"#).await.is(200);
            assert_eq!(stands(&world, BOB).await.0, "credited");
        }
        let asked = world.devices.calls().len();
        shows(&world, &code, BOB, 2).await;
        world.rest().await;
        assert_eq!(world.devices.calls().len(), asked, "asked once");
        assert_eq!(stands(&world, BOB).await.0, "credited");
        world.done().await;
    }
}

#[tokio::test]
async fn a_second_account_on_one_phone() {
    let world = World::with_devices(|_| {}).await;
    for (user, nonce, after) in [(BOB, 1, is("credited", &[])), (EVE, 2, is("held", &["device_seen"]))] {
        let code = world.my_code("ann").await;
        shows(&world, &code, user, nonce).await;
        world.rest().await;
        assert_eq!(stands(&world, user).await, after);
    }
    world.done().await;
}

#[tokio::test]
async fn who_does_not_answer_holds_nobody() {
    for (fault, minutes) in [
        (Fault::Status(500), 6),
        (Fault::Status(503), 6),
        (Fault::DropBefore, 6),
        (Fault::Status(400), 0),
        (Fault::Status(401), 0),
        (Fault::TooMany { retry_after: Some(900) }, 0),
    ] {
        let world = World::with_devices(|_| {}).await;
        world.devices.faults().until_cleared(Some(Op::QueryBits), fault.clone());
        let code = world.my_code("ann").await;
        shows(&world, &code, BOB, 1).await;
        world.settle().await;
        for _ in 0..minutes {
            world.later(Span::minutes(1)).await;
        }
        assert_eq!(stands(&world, BOB).await, is("credited", &["device_unanswered"]), "{fault:?}");
        assert_eq!(world.devices.bits(PHONE), None, "{fault:?}");
        world.rest().await;
        assert!(world.all("outbox?status=dead").await.is_empty());
        let explained = world.admin(&format!("explain/{BOB}")).await.to_string();
        assert!(explained.contains("device_unanswered"), "{fault:?}");
        world.done().await;
    }
}

#[tokio::test]
async fn a_moment_of_trouble_changes_nothing() {
    for op in [Op::QueryBits, Op::UpdateBits] {
        for fault in [Fault::Status(500), Fault::AcceptThenDrop, Fault::Html, Fault::TooMany { retry_after: None }] {
            let world = World::with_devices(|_| {}).await;
            world.devices.faults().next(Some(op), 2, fault.clone());
            let code = world.my_code("ann").await;
            shows(&world, &code, BOB, 1).await;
            world.rest().await;
            assert_eq!(stands(&world, BOB).await, is("credited", &[]), "{op:?} {fault:?}");
            assert_eq!(world.devices.bits(PHONE), Some((true, false)), "{op:?} {fault:?}");
            world.done().await;
        }
    }
}

/// The device is asked about when the app confirms, whenever the purchase is told.
#[tokio::test]
async fn before_and_after_the_purchase() {
    for (seen, after) in [(false, is("credited", &[])), (true, is("held", &["device_seen"]))] {
        for bought_first in [true, false] {
            let world = World::with_devices(|_| {}).await;
            world.devices.set(PHONE, seen, false);
            let code = world.my_code("ann").await;
            if bought_first {
                world.claim(&code, BOB).await.is(201);
                world.buys(BOB).await;
                world.rest().await;
                assert_eq!(stands(&world, BOB).await.0, "credited", "nobody asked yet");
            }
            let said = world.confirm_with(&code, BOB, &json!({"device_token": token(PHONE, 1)})).await;
            assert_eq!(said.status, if bought_first { 200 } else { 202 });
            world.rest().await;
            if !bought_first {
                world.buys(BOB).await;
                world.rest().await;
            }
            assert_eq!(stands(&world, BOB).await, after, "{seen} {bought_first}");
            assert_eq!(world.devices.bits(PHONE), Some((true, false)));
            let granted = world.revenuecat.promo_end("ann").is_some_and(|end| end > world.now());
            assert_eq!(granted, !seen, "{seen} {bought_first}");
            world.done().await;
        }
    }
}

#[tokio::test]
async fn what_is_held_is_marked_when_it_is_credited() {
    let world = World::with_devices(|config| config.apps[0].campaigns[0].policy.reward.hold_days = 7).await;
    let code = world.my_code("ann").await;
    shows(&world, &code, BOB, 1).await;
    world.rest().await;
    assert_eq!((stands(&world, BOB).await.0.as_str(), world.devices.bits(PHONE)), ("held", None));
    world.later(Span::days(8)).await;
    world.rest().await;
    assert_eq!((stands(&world, BOB).await.0.as_str(), world.devices.bits(PHONE)), ("credited", Some((true, false))));
    world.done().await;
}

#[tokio::test]
async fn tokens_that_are_none_and_campaigns_that_do_not_ask() {
    let world = World::with_devices(|_| {}).await;
    let code = world.my_code("ann").await;
    for odd in ["", "not base64!", "bm8=\n", "bm8"] {
        let body = json!({"device_token": odd});
        world.confirm_with(&code, BOB, &body).await.problem(400, "bad-request");
    }
    let signed = world.signed(&bought(BOB));
    world.confirm_with(&code, BOB, &json!({"signed_transaction": signed})).await.is(200);
    assert_eq!(stands(&world, BOB).await, is("credited", &[]));
    world.done().await;

    let world = World::with_devices(|config| config.apps[0].campaigns[0].policy.fraud.device_check = false).await;
    world.devices.set(PHONE, true, false);
    let code = world.my_code("ann").await;
    assert_eq!(shows(&world, &code, BOB, 1).await["status"], "credited");
    world.rest().await;
    assert!(world.devices.calls().is_empty());
    let kept = world.all("journal").await.iter().any(|entry| entry.to_string().contains(&token(PHONE, 1)));
    assert!(!kept, "a device's token stays out of the journal's words");
    world.done().await;
}
