//! Apple's own word: what it signs is taken in, and what it did not sign is not.

use crate::support::world::{OFFER, World};
use referd::fake::apple_event::{Notification, Transaction};
use serde_json::json;

/// A user id that Apple can be told.
const REFEREE: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";

#[tokio::test]
async fn a_purchase_that_only_apple_tells_of() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, REFEREE).await.is(201);
    let bought = Transaction::purchase("2000000000000001", world.now()).offer_code(OFFER).token(REFEREE);
    let uuid = world.store.notify(&Notification::subscribed(&bought, world.now())).await;
    assert_eq!(world.store.attempts(&uuid)[0].result, "SUCCESS");
    let completion = world.all("completions").await.remove(0);
    assert_eq!(completion["method"], "claim+notification");
    assert_eq!(completion["status"], "credited");
    world.settle().await;
    let user = world.admin(&format!("users/{REFEREE}")).await;
    assert_eq!(user["subscriptions"][0]["status"], "active");
    assert_eq!(user["subscriptions"][0]["offer"], json!({"type": "code", "id": OFFER}));
    world.done().await;
}
