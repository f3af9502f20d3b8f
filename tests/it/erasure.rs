//! A person is erased: nothing names them, the books stand, and who comes again is credited for nothing twice.

use crate::support::world::World;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::revenuecat_event::Event;
use referd::ledger::store::Store;
use referd::ledger::table::Tab;
use serde_json::{Value, json};

const BOB: &str = "bob-who-wants-to-be-forgotten-8131";
const ALSO: &str = "e621e1f8-c36c-495a-93fc-0c247a3e6e5f";

/// The tables in which this text stands, in capitals or not.
fn naming(world: &World, text: &str) -> Vec<&'static str> {
    let snapshot = world.house().apps[0].ledger.snapshot();
    let text = text.to_lowercase().into_bytes();
    let holds = |bytes: &[u8]| bytes.to_ascii_lowercase().windows(text.len()).any(|part| part == text);
    let in_table = |tab: &&Tab| {
        let rows = snapshot.prefix(**tab, &[], usize::MAX).expect("the file is read");
        rows.iter().any(|(key, value)| holds(key) || holds(value))
    };
    Tab::ALL.iter().filter(in_table).map(|tab| tab.name()).collect()
}

async fn erase(world: &World, user: &str) -> Value {
    world.admin_delete(&format!("/admin/users/{user}")).await.is(200).json()
}

#[tokio::test]
async fn nothing_names_them_and_the_books_stand() {
    let world = World::with_apple(|_| {}).await;
    world.refill().await;
    let code = world.my_code("ann").await;
    world.claim(&code, BOB).await.is(201);
    world.deliver(&Event::transfer(&["somebody"], &[BOB], world.now()), world.now()).await.is(200);
    let transaction = Transaction::purchase("2000000000000077", world.now()).offer_code("REF30").token(ALSO);
    let bought = Event::initial_purchase(BOB, world.now())
        .offer("REF30")
        .set("aliases", json!([BOB, ALSO]))
        .set("transaction_id", json!("2000000000000077"))
        .set("original_transaction_id", json!("2000000000000077"))
        .set("subscriber_attributes", json!({"$email": {"value": "bob@example.com", "updated_at_ms": 1}}));
    world.webhook(&bought).await.is(200);
    world.apple(&Notification::subscribed(&transaction, world.now())).await.is(200);
    world.rest().await;
    let (counts, completion) = (world.counts().await, world.only("completions").await);
    assert_eq!((&completion["status"], &completion["referee"]), (&json!("credited"), &json!(BOB)));
    assert_eq!(naming(&world, BOB), ["person-1", "inbox-1"]);
    assert_eq!(naming(&world, "bob@example.com"), ["inbox-1"]);
    assert!(!naming(&world, ALSO).is_empty());
    assert!(!naming(&world, "ann").is_empty());

    let erased = erase(&world, BOB).await;
    assert_eq!(erased["ids"], 2, "with all that they were called");
    for text in [BOB, ALSO, "bob@example.com"] {
        assert_eq!(naming(&world, text), [""; 0], "{text}");
    }
    // What Apple signed shows nothing to the eye.
    let bodies = world.house().apps[0].ledger.snapshot().prefix(Tab::Inbox, &[], 9).expect("the file is read");
    assert_eq!(bodies.len(), 0);
    assert_eq!(world.counts().await, counts);
    let after = world.only("completions").await;
    assert_eq!((&after["status"], &after["referrer"]), (&json!("credited"), &json!("ann")));
    assert!(after["referee"].as_str().is_some_and(|name| name.starts_with("person ")), "{after}");
    let held = world.admin(&format!("users/{BOB}")).await;
    assert_eq!((&held["erased_at"], &held["app_account_token"]), (&erased["erased_at"], &Value::Null));
    assert_eq!(held["completions"].as_array().map(Vec::len), Some(1), "what is held is shown under no name");
    assert_eq!(erase(&world, BOB).await, erased, "asked again, nothing is left to do");
    let journal = serde_json::to_string(&world.all("journal").await).expect("JSON");
    assert!(!journal.contains(BOB) && journal.contains("was erased"));
    world.done().await;
}

#[tokio::test]
async fn who_comes_again_is_credited_for_nothing_twice() {
    let world = World::stocked(10).await;
    world.completes("ann", BOB).await;
    world.rest().await;
    erase(&world, BOB).await;
    let code = world.my_code("ann").await;
    world.claim(&code, BOB).await.problem(409, "already-claimed");
    let other = world.my_code("cid").await;
    world.claim(&other, BOB).await.problem(409, "already-claimed");
    world.buys(BOB).await;
    world.rest().await;
    assert_eq!(world.all("completions").await.len(), 1);
    assert_eq!(naming(&world, BOB), ["person-1", "inbox-1"], "they are here again");
    assert_eq!(world.admin(&format!("users/{BOB}")).await["user"], BOB);
    erase(&world, BOB).await;
    assert_eq!(naming(&world, BOB), [""; 0]);
    world.done().await;
}

#[tokio::test]
async fn a_referrer_who_is_erased_keeps_their_place_in_the_books() {
    let world = World::stocked(10).await;
    world.completes("ann-who-goes-4711", BOB).await;
    world.rest().await;
    let before = world.counts().await;
    erase(&world, "ann-who-goes-4711").await;
    assert_eq!(naming(&world, "ann-who-goes-4711"), [""; 0]);
    assert_eq!(world.counts().await, before);
    world.admin_delete("/admin/users/nobody-at-all").await.problem(404, "not-found");
    world.done().await;
}
