//! What was missed is read again, and counts once: notifications from Apple's history, purchases behind claims that
//! wait.

use crate::support::world::{NOW, OFFER, World};
use referd::domain::at::{At, Span};
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat::StoreSubscription;
use referd::fake::revenuecat_event::Event;
use referd::wire::text::rfc3339;
use serde_json::{Value, json};
use std::pin::pin;
use std::time::Duration;

/// Referees, each with a code of their own referrer; some of them in the sandbox.
const REFEREES: usize = 20;
const TESTERS: usize = 3;

/// A user id that Apple can be told.
fn referee(n: usize) -> String {
    format!("e621e1f8-c36c-495a-93fc-{n:012}")
}

fn bought(n: usize, at: At) -> Transaction {
    let bought = Transaction::purchase(&format!("20000000000{n:05}"), at).offer_code(OFFER).token(&referee(n));
    if n < TESTERS { bought.sandbox() } else { bought }
}

/// Everybody claims.
async fn claimed() -> World {
    let world = World::with_apple(|_| {}).await;
    for n in 0..REFEREES {
        let code = world.my_code(&format!("referrer-{n}")).await;
        world.claim(&code, &referee(n)).await.is(201);
    }
    world
}

/// Everybody buys, turns off the renewal, and turns it on again: three notifications each, one a minute.
async fn busy(world: &World) -> usize {
    let mut sent = 0;
    for n in 0..REFEREES {
        let bought = bought(n, world.now());
        for notification in [
            Notification::subscribed,
            |of: &Transaction, at| Notification::renewal_turned(of, false, at),
            |of: &Transaction, at| Notification::renewal_turned(of, true, at),
        ] {
            world.store.notify(&notification(&bought, world.now())).await;
            world.advance(Span::minutes(1));
            sent += 1;
        }
    }
    sent
}

/// Days pass, and Apple tries again whenever it is due.
async fn days(world: &World, days: i64) {
    for _ in 0..days * 24 {
        world.advance(Span::hours(1));
        world.store.send_due().await;
    }
}

/// Notifications in the books, by their counts.
async fn kept(world: &World) -> u64 {
    let metrics = world.metrics().await;
    let of_apple =
        metrics.lines().filter(|line| line.starts_with("referd_events{") && line.contains("source=\"apple\""));
    let of_apple = of_apple.filter(|line| !line.contains("kind=\"TRANSACTION\""));
    of_apple.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).expect("a count")).sum()
}

async fn catch_up(world: &World, since: At) {
    let both = [json!("PRODUCTION"), json!("SANDBOX")];
    assert_eq!(asked(world, json!({ "since": rfc3339(since), "reason": "an outage" })).await, both);
}

/// Only the one environment.
async fn catch_up_in(world: &World, environment: &str, since: At) {
    let body = json!({ "since": rfc3339(since), "environment": environment });
    assert_eq!(asked(world, body).await, [json!(environment)]);
}

/// What is to be read.
async fn asked(world: &World, body: Value) -> Vec<Value> {
    let asked = world.admin_post("/admin/notifications/catch-up", body.to_string()).await.is(202).json();
    let items = asked["items"].as_array().expect("a list");
    assert!(items.iter().all(|item| item["kind"] == "catch_up"), "{asked}");
    items.iter().map(|item| item["target"].clone()).collect()
}

/// Everybody is credited once, and rewarded once unless it was a test.
async fn healed(world: &World, sent: usize) {
    let completions = world.all("completions").await;
    assert_eq!(completions.len(), REFEREES);
    assert!(completions.iter().all(|one| one["status"] == "credited" && one["method"] == "claim+notification"));
    assert_eq!(completions.iter().filter(|one| one["is_test"] == true).count(), TESTERS);
    assert_eq!(kept(world).await, sent as u64);
    world.rest().await;
    for n in 0..REFEREES {
        let grants = world.revenuecat.grants(&format!("referrer-{n}"));
        assert_eq!(grants, usize::from(n >= TESTERS), "{n}");
        let told = world.admin(&format!("users/{}", referee(n))).await["subscriptions"][0].clone();
        assert_eq!((&told["auto_renew"], &told["status"]), (&json!(true), &json!("active")), "{n}");
    }
}

#[tokio::test]
async fn an_outage_of_three_days_is_healed_by_one_reading() {
    let world = claimed().await;
    let began = world.now();
    world.unreachable();
    let sent = busy(&world).await;
    days(&world, 3).await;
    assert!(world.store.next_attempt().is_some(), "in production Apple still tries");
    assert_eq!((world.all("completions").await.len(), kept(&world).await), (0, 0));
    world.reachable();
    catch_up(&world, began).await;
    world.settle().await;
    healed(&world, sent).await;
    let histories = world.store.calls().iter().filter(|call| call.path.ends_with("/notifications/history")).count();
    assert_eq!(histories, 3 + 1, "51 in production and 9 in the sandbox, twenty a page");

    // What Apple tries again by itself is a repeat.
    let journal = world.journal();
    world.advance(Span::days(3));
    let late = world.store.send_due().await;
    assert_eq!(late, 3 * (REFEREES - TESTERS));
    assert_eq!((world.webhooks("apple", "repeated").await, world.journal()), (late as u64, journal));
    // And so is what is read again.
    catch_up(&world, began).await;
    world.settle().await;
    healed(&world, sent).await;
    let read = world.all("journal").await;
    let summary = |text: &str| {
        read.iter().filter(|entry| entry["summary"].as_str().is_some_and(|one| one.contains(text))).count()
    };
    assert_eq!(summary(", 0 of them new"), 2);
    world.done().await;
}

#[tokio::test]
async fn after_apple_gave_up_a_restart_heals() {
    let mut world = claimed().await;
    world.stop().await;
    let sent = busy(&world).await;
    days(&world, 8).await;
    assert_eq!(world.store.next_attempt(), None, "Apple gave up");
    world.begin().await;
    world.settle().await;
    healed(&world, sent).await;
    world.restart().await;
    world.settle().await;
    healed(&world, sent).await;
    world.done().await;
}

#[tokio::test]
async fn the_schedule_heals() {
    let world = claimed().await;
    world.unreachable();
    let sent = busy(&world).await;
    days(&world, 1).await;
    for _ in 0..2 {
        referd::motor::catch_up(&world.house().apps[0].ledger).await;
        world.settle().await;
        healed(&world, sent).await;
    }
    let heard = world.admin("notifications").await["items"].clone();
    assert_eq!(heard.as_array().map(Vec::len), Some(2));
    world.done().await;
}

#[tokio::test]
async fn trouble_while_reading_is_waited_out() {
    let slow = || Fault::Slow(Duration::ZERO);
    for faults in [
        vec![Fault::Status(500)],
        vec![slow(), Fault::Status(503), Fault::Status(500)],
        vec![Fault::Code(5_000_001), Fault::Code(4_040_002)],
        vec![Fault::DropBefore, Fault::AcceptThenDrop, Fault::CutBody],
        vec![slow(), slow(), Fault::CutBody],
        vec![Fault::Html, slow(), Fault::Html],
        // The name of the next page is no good any more.
        vec![slow(), Fault::Code(4_000_017)],
        vec![slow(), slow(), Fault::Code(4_000_017), slow(), Fault::Code(4_000_017)],
        vec![Fault::TooMany { retry_after: None }],
        vec![Fault::Status(401)],
    ] {
        let world = claimed().await;
        let began = world.now();
        world.unreachable();
        let sent = busy(&world).await;
        catch_up_in(&world, "SANDBOX", began).await;
        world.settle().await;
        // What is answered to each page of the other in turn.
        for fault in &faults {
            world.store.faults().next(Some(Op::NotificationHistory), 1, fault.clone());
        }
        catch_up_in(&world, "PRODUCTION", began).await;
        world.settle().await;
        assert!(world.all("completions").await.len() < REFEREES, "{faults:?}: nothing was in the way");
        world.rest().await;
        assert_eq!(world.all("completions").await.len(), REFEREES, "{faults:?}");
        healed(&world, sent).await;
        assert_eq!(world.all("outbox?status=dead").await, Vec::<Value>::new());
        world.done().await;
    }
}

#[tokio::test]
async fn a_pause_that_apple_asks_for_is_kept() {
    let world = claimed().await;
    let began = world.now();
    world.unreachable();
    let sent = busy(&world).await;
    let until = world.now().plus(Span::minutes(25));
    world.store.faults().next(Some(Op::NotificationHistory), 2, Fault::TooManyUntil(until));
    catch_up(&world, began).await;
    world.settle().await;
    for item in world.all("outbox?status=waiting").await.iter().filter(|item| item["kind"] == "catch_up") {
        assert_eq!(item["next_at"], rfc3339(until));
        assert!(item["last_error"].as_str().is_some_and(|why| why.contains("429")), "{item}");
    }
    world.later(Span::minutes(24)).await;
    assert_eq!(world.all("completions").await.len(), 0);
    world.later(Span::minutes(2)).await;
    healed(&world, sent).await;
    world.done().await;
}

#[tokio::test]
async fn a_reading_that_was_cut_off_is_done_again() {
    let mut world = claimed().await;
    let began = world.now();
    world.unreachable();
    let sent = busy(&world).await;
    // The first page comes, and then nothing more.
    world.store.faults().next(Some(Op::NotificationHistory), 2, Fault::Slow(Duration::ZERO));
    world.store.faults().until_cleared(Some(Op::NotificationHistory), Fault::Slow(Duration::from_secs(3600)));
    catch_up(&world, began).await;
    {
        let mut settling = pin!(world.settle());
        let halfway = async { while kept(&world).await < 20 {} };
        tokio::select! {
            _ = &mut settling => panic!("nothing was in the way"),
            () = halfway => {}
        }
    }
    assert!(!world.all("outbox?status=begun").await.is_empty());
    world.store.faults().clear();
    world.restart().await;
    world.unreachable();
    world.rest().await;
    healed(&world, sent).await;
    world.done().await;
}

#[tokio::test]
async fn a_reading_by_hand_leaves_no_gap() {
    let world = claimed().await;
    world.unreachable();
    let sent = busy(&world).await;
    world.advance(Span::days(1));
    // Too late a start finds nothing; what lies before it is not known to be complete by that.
    catch_up(&world, world.now().minus(Span::hours(1))).await;
    world.settle().await;
    assert_eq!(world.all("completions").await.len(), 0);
    referd::motor::catch_up(&world.house().apps[0].ledger).await;
    world.settle().await;
    healed(&world, sent).await;
    world.done().await;
}

#[tokio::test]
async fn what_is_not_apples_is_left_out_of_a_reading() {
    let world = World::with_apple(|_| {}).await;
    world.unreachable();
    let now = world.now();
    let one = |n: usize| Notification::subscribed(&bought(n + TESTERS, now), now);
    for notification in [
        one(0),
        one(1).set_about("bundleId", json!("com.example.other")),
        one(2).set_about("appAppleId", json!(7)),
        one(3).set_about("environment", json!("Sandbox")),
        one(4).set_about("signedTransactionInfo", json!("a.b.c")),
        one(5),
    ] {
        world.store.notify(&notification).await;
    }
    // Apple keeps half a year.
    catch_up(&world, At(0)).await;
    world.settle().await;
    assert_eq!(world.all("outbox?status=dead").await, Vec::<Value>::new());
    assert_eq!((world.all("redemptions").await.len(), kept(&world).await), (2, 2));
    world.done().await;
}

/// A purchase as RevenueCat lists it for its customer.
fn listed(transaction: &Transaction) -> StoreSubscription {
    StoreSubscription {
        product_id: transaction.product_id().to_owned(),
        entitlement: "premium".to_owned(),
        transaction_id: transaction.id().to_owned(),
        purchased: transaction.purchased_at(),
        expires: transaction.purchased_at().plus(Span::days(30)),
        sandbox: false,
    }
}

#[tokio::test]
async fn a_claim_that_waits_is_looked_up() {
    let named = |id: &str| Transaction::purchase(id, NOW).offer_code(OFFER);
    for is_test in [false, true] {
        let world = World::with_apple(|_| {}).await;
        let code = world.my_code("ann").await;
        world.claim(&code, "bob").await.is(201);
        let found = if is_test { named("2000000000000001").sandbox() } else { named("2000000000000001") };
        world.store.add(&found, None);
        // Another purchase, which Apple does not know here.
        world
            .revenuecat
            .buy("bob", StoreSubscription { product_id: "other".into(), ..listed(&named("2000000000000009")) });
        world.revenuecat.buy("bob", listed(&found));
        world.later(Span::minutes(59)).await;
        assert_eq!(world.all("completions").await, Vec::<Value>::new());
        assert!(world.store.calls().is_empty());
        world.later(Span::minutes(2)).await;
        let completion = world.only("completions").await;
        assert_eq!((&completion["status"], &completion["method"]), (&json!("credited"), &json!("claim+notification")));
        assert_eq!(completion["is_test"], is_test);
        world.rest().await;
        assert_eq!(world.revenuecat.grants("ann"), usize::from(!is_test));
        // Nobody looks again.
        let calls = world.store.calls().len();
        world.later(Span::days(8)).await;
        assert_eq!(world.store.calls().len(), calls);
        world.done().await;
    }
}

#[tokio::test]
async fn a_known_transaction_is_asked_about() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "bob").await.is(201);
    // RevenueCat told of the purchase without its offer.
    let found = Transaction::purchase("2000000000000001", NOW).offer_code(OFFER);
    world.webhook(&Event::initial_purchase("bob", NOW).transaction(found.id(), found.id())).await.is(200);
    world.store.add(&found, None);
    world.store.faults().next(Some(Op::TransactionInfo), 2, Fault::Status(500));
    world.revenuecat.faults().next(Some(Op::GetSubscriber), 1, Fault::Status(503));
    world.later(Span::minutes(61)).await;
    world.rest().await;
    assert_eq!(world.only("completions").await["status"], "credited");
    assert_eq!(world.revenuecat.grants("ann"), 1);
    world.done().await;
}

#[tokio::test]
async fn a_later_purchase_is_found_in_a_later_round() {
    let mut world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "bob").await.is(201);
    world.later(Span::hours(2)).await;
    let found = Transaction::purchase("2000000000000001", world.now()).offer_code(OFFER);
    world.store.add(&found, None);
    world.revenuecat.buy("bob", listed(&found));
    world.later(Span::hours(20)).await;
    assert_eq!(world.all("completions").await.len(), 0);
    world.restart().await;
    world.later(Span::hours(3)).await;
    assert_eq!(world.only("completions").await["status"], "credited");
    world.done().await;
}
