//! Once a redemption is attributed, Apple is told whose it is, so that what it says later names the user.

use crate::support::world::{NOW, OFFER, World};
use referd::domain::at::Span;
use referd::domain::policy::Environment;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

const ID: &str = "2000000000000001";
/// A user id that Apple can be told.
const BOB: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
/// What the team's server calls a user whose id is no UUID.
const TOKEN: &str = "C621E1F8-C36C-495A-93FC-0C247A3E6E5C";

fn bought() -> Transaction {
    Transaction::purchase(ID, NOW).offer_code(OFFER)
}

fn event(user: &str) -> Event {
    Event::initial_purchase(user, NOW).offer(OFFER).transaction(ID, ID)
}

/// The requests that set a token: where, for which transaction, and the token.
fn puts(world: &World) -> Vec<(Environment, String, String)> {
    let calls = world.store.calls().into_iter().filter(|call| call.method == "PUT");
    let one = |call: referd::fake::app_store_server::Call| {
        let id = call.path.split('/').nth(4).expect("the path names a transaction").to_owned();
        assert_eq!(call.path, format!("/inApps/v1/transactions/{id}/appAccountToken"));
        let body: Value = serde_json::from_slice(&call.body).expect("a body");
        (call.environment, id, body["appAccountToken"].as_str().expect("a token").to_lowercase())
    };
    calls.map(one).collect()
}

fn bound(environment: Environment, token: &str) -> Vec<(Environment, String, String)> {
    vec![(environment, ID.to_owned(), token.to_lowercase())]
}

#[tokio::test]
async fn a_user_whose_id_is_a_uuid_is_named_once() {
    for claims_first in [true, false] {
        let mut world = World::with_apple(|_| {}).await;
        world.store.add(&bought(), None);
        let code = world.my_code("ann").await;
        if claims_first {
            world.claim(&code, BOB).await.is(201);
        }
        world.webhook(&event(BOB)).await.is(200);
        assert_eq!(puts(&world), vec![]);
        if !claims_first {
            world.settle().await;
            assert_eq!(puts(&world), vec![], "what is not attributed is not bound");
            world.claim(&code, BOB).await.is(201);
        }
        world.settle().await;
        assert_eq!(puts(&world), bound(Environment::Production, BOB));
        assert!(world.store.token(Environment::Production, ID).is_some());

        // Told again, by others, and after a restart: there is nothing left to do.
        world.restart().await;
        world.webhook(&event(BOB).set("id", json!("AGAIN"))).await.is(200);
        world.shows(&code, BOB, &bought()).await.is(200);
        world.store.notify(&Notification::subscribed(&bought(), NOW)).await;
        // From now on Apple names the user itself.
        world.advance(Span::days(1));
        let renewed = Transaction::renewal_of(&bought(), "2000000000000002");
        world.store.notify(&Notification::did_renew(&renewed, world.now())).await;
        let told = world.admin(&format!("users/{BOB}")).await["subscriptions"][0].clone();
        assert_eq!((&told["transaction_id"], &told["user"]), (&json!("2000000000000002"), &json!(BOB)));
        world.rest().await;
        assert_eq!(puts(&world).len(), 1);
        assert_eq!(world.only("completions").await["referee"], BOB);
        world.done().await;
    }
}

#[tokio::test]
async fn the_evidence_of_an_app_binds_too() {
    for transaction in [bought(), bought().sandbox()] {
        let world = World::with_apple(|_| {}).await;
        world.store.add(&transaction, None);
        let code = world.my_code("ann").await;
        world.shows(&code, BOB, &transaction).await.is(200);
        world.rest().await;
        assert_eq!(puts(&world), bound(transaction.environment(), BOB));
        world.done().await;
    }
}

#[tokio::test]
async fn the_teams_server_gives_another_name() {
    for (on_claim, again) in [(true, false), (true, true), (false, false), (false, true)] {
        let world = World::with_apple(|_| {}).await;
        world.store.add(&bought(), None);
        let code = world.my_code("ann").await;
        let body = json!({ "code": code, "app_account_token": TOKEN });
        if again {
            // The name is given when everything is settled.
            world.claim(&code, "bob").await.is(201);
            world.webhook(&event("bob")).await.is(200);
            world.rest().await;
            assert_eq!(puts(&world), vec![], "bob is no UUID");
        }
        let status = match on_claim {
            true => world.post("/referral/claim", "bob", &body).await.status,
            false => world.confirm_with(&code, "bob", &json!({ "app_account_token": TOKEN })).await.status,
        };
        assert!((200..300).contains(&status), "{status}");
        if !again {
            world.webhook(&event("bob")).await.is(200);
        }
        world.rest().await;
        assert_eq!(puts(&world), bound(Environment::Production, TOKEN), "{on_claim} {again}");

        // Apple names the user by it from now on, which changes nobody's purchase.
        world.advance(Span::days(1));
        let renewed = Transaction::renewal_of(&bought(), "2000000000000002");
        world.store.notify(&Notification::did_renew(&renewed, world.now())).await;
        let told = world.admin("users/bob").await["subscriptions"].clone();
        assert_eq!(
            (&told[0]["transaction_id"], &told[0]["user"]),
            (&json!("2000000000000002"), &json!("bob")),
            "{told}"
        );
        world.rest().await;
        assert_eq!(puts(&world).len(), 1);
        world.done().await;
    }
}

#[tokio::test]
async fn nobody_is_named_who_cannot_be_or_is_already() {
    let named = || Notification::subscribed(&bought().token(BOB), NOW);
    let shared = || Notification::subscribed(&bought().family_shared(), NOW);
    // (what, the referee, what Apple says, whether before the rest)
    for (what, user, notification, before) in [
        ("no UUID", "bob", None, true),
        ("named by the app", BOB, Some(named()), true),
        ("named by the app, another", BOB, Some(Notification::subscribed(&bought().token(TOKEN), NOW)), true),
        ("shared in the family", BOB, Some(shared()), true),
        ("shared in the family, told later", BOB, Some(shared()), false),
    ] {
        let world = World::with_apple(|_| {}).await;
        world.store.add(&bought(), None);
        let code = world.my_code("ann").await;
        if let Some(notification) = notification.as_ref().filter(|_| before) {
            world.apple(notification).await.is(200);
        }
        world.webhook(&event(user)).await.is(200);
        if let Some(notification) = notification.as_ref().filter(|_| !before) {
            world.apple(notification).await.is(200);
        }
        world.claim(&code, user).await.is(201);
        assert_eq!(world.only("completions").await["status"], "credited", "{what}");
        world.rest().await;
        assert_eq!(puts(&world), vec![], "{what}");
        world.done().await;
    }
}

#[tokio::test]
async fn without_the_server_api_nobody_is_named() {
    let world = World::stocked(5).await;
    let code = world.my_code("ann").await;
    world.claim(&code, BOB).await.is(201);
    world.webhook(&event(BOB)).await.is(200);
    world.rest().await;
    assert_eq!(world.only("completions").await["status"], "credited");
    assert!(world.store.calls().is_empty());
    world.done().await;
}

#[tokio::test]
async fn trouble_on_apples_side_is_waited_out() {
    for (fault, times) in [
        (Fault::Status(500), 1),
        (Fault::Code(4_040_002), 2),
        (Fault::TooManyUntil(NOW.plus(Span::minutes(10))), 1),
        (Fault::DropBefore, 1),
        (Fault::AcceptThenDrop, 1),
        (Fault::Html, 1),
    ] {
        let world = World::with_apple(|_| {}).await;
        world.store.add(&bought(), None);
        let code = world.my_code("ann").await;
        world.store.faults().next(Some(Op::SetToken), times, fault.clone());
        world.shows(&code, BOB, &bought()).await.is(200);
        world.settle().await;
        if let Fault::TooManyUntil(_) = fault {
            world.later(Span::minutes(9)).await;
            assert_eq!(puts(&world).len(), 1, "not before Apple said");
        }
        world.rest().await;
        let token = world.store.token(Environment::Production, ID);
        assert_eq!(token.map(|token| token.to_lowercase()), Some(BOB.to_lowercase()), "{fault:?}");
        world.done().await;
    }
    // A transaction that Apple does not know is given up, and the rest goes on.
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.shows(&code, BOB, &bought()).await.is(200);
    world.rest().await;
    assert_eq!(puts(&world).len(), 1);
    assert_eq!(world.only("outbox?status=dead").await["kind"], "set_app_account_token");
    assert_eq!(world.revenuecat.grants("ann"), 1);
    world.done().await;
}

#[tokio::test]
async fn the_users_own_spelling_stands() {
    // Apple writes small letters; to RevenueCat another spelling is another customer.
    let (own, apples) = (BOB, BOB.to_lowercase());
    for apple_first in [true, false] {
        let mut world = World::with_apple(|_| {}).await;
        let theirs = Transaction::purchase("2000000000000007", NOW).token(&apples);
        if apple_first {
            world.apple(&Notification::subscribed(&theirs, NOW)).await.is(200);
        }
        let code = world.my_code(own).await;
        if !apple_first {
            world.apple(&Notification::subscribed(&theirs, NOW)).await.is(200);
        }
        world.shows(&code, "eve", &bought()).await.is(200);
        world.rest().await;
        assert_eq!((world.revenuecat.grants(own), world.revenuecat.grants(&apples)), (1, 0), "{apple_first}");
        let told = world.admin(&format!("users/{own}")).await;
        assert_eq!(told["subscriptions"][0]["user"], own, "{apple_first}");
        assert_eq!(world.only("completions").await["referrer"], own, "{apple_first}");
        world.restart().await;
        world.done().await;
    }
}
