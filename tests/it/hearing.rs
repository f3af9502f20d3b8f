//! Whether Apple's notifications come here: a TEST that is asked for, and a source that has fallen silent.

use crate::support::world::World;
use referd::domain::at::Span;
use referd::domain::policy::Environment;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

async fn test(world: &World, environment: Environment) -> Value {
    let word = if environment == Environment::Production { "PRODUCTION" } else { "SANDBOX" };
    let body = json!({ "environment": word, "reason": "a new address" }).to_string();
    let asked = world.admin_post("/admin/notifications/test", body).await.is(202).json();
    assert_eq!(asked["items"][0]["kind"], "request_test");
    world.rest().await;
    let all = world.admin("notifications").await["items"].clone();
    let one = all.as_array().and_then(|items| items.iter().find(|item| item["environment"] == word));
    one.expect("both environments are listed")["test"].clone()
}

#[tokio::test]
async fn a_test_goes_all_the_way_round() {
    for environment in [Environment::Production, Environment::Sandbox] {
        let world = World::with_apple(|_| {}).await;
        let end = test(&world, environment).await;
        assert_eq!((&end["result"], &end["arrived"]), (&json!("SUCCESS"), &json!(true)));
        assert_eq!(world.webhooks("apple", "kept").await, 1);

        // It goes to another house, which takes it in.
        let other = World::with_apple(|_| {}).await;
        let url = format!("{}/livez", other.public);
        world.store.set_notification_url(environment, Some(&url));
        let end = test(&world, environment).await;
        let is_success = end["result"] == "SUCCESS";
        assert!(!is_success && end["arrived"] == false, "{end}");

        world.unreachable();
        let end = test(&world, environment).await;
        assert_eq!((&end["result"], &end["arrived"]), (&json!("SOCKET_ISSUE"), &json!(false)));

        world.store.set_notification_url(environment, None);
        let end = test(&world, environment).await;
        assert!(end["result"].as_str().is_some_and(|why| why.contains("4040007")), "{end}");
        assert_eq!(end["arrived"], false);

        // The journal has who asked, and why.
        let journal = world.all("journal").await;
        let asked: Vec<&Value> = journal.iter().filter(|entry| entry["reason"] == "a new address").collect();
        assert_eq!(asked.len(), 4);
        assert!(asked.iter().all(|entry| entry["by"].as_str().is_some_and(|by| by.starts_with("admin:"))));
        other.done().await;
        world.done().await;
    }
}

#[tokio::test]
async fn a_test_that_another_house_takes_in() {
    let world = World::with_apple(|_| {}).await;
    let elsewhere = crate::support::listener::yes().await;
    world.store.set_notification_url(Environment::Production, Some(&elsewhere));
    let end = test(&world, Environment::Production).await;
    assert_eq!((&end["result"], &end["arrived"]), (&json!("SUCCESS"), &json!(false)));
    world.done().await;
}

#[tokio::test]
async fn a_test_that_takes_its_time() {
    let world = World::with_apple(|_| {}).await;
    world.store.hold(true);
    world.store.faults().next(Some(Op::RequestTest), 1, Fault::Status(503));
    world.store.faults().next(Some(Op::TestStatus), 2, Fault::DropBefore);
    let end = test(&world, Environment::Production).await;
    assert_eq!(end["ended_at"], Value::Null);
    assert_eq!(world.store.send_due().await, 1);
    world.later(Span::hours(2)).await;
    let end = world.admin("notifications").await["items"][0]["test"].clone();
    assert_eq!((&end["result"], &end["arrived"]), (&json!("SUCCESS"), &json!(true)));
    world.done().await;
}

#[tokio::test]
async fn what_cannot_be_asked() {
    let world = World::start().await;
    for path in ["/admin/notifications/test", "/admin/notifications/catch-up"] {
        world.admin_post(path, "{}").await.problem(404, "not-found");
    }
    world.done().await;
    let world = World::with_apple(|_| {}).await;
    let journal = world.journal();
    for body in [
        r#"{"since":"yesterday"}"#,
        r#"{"since":7}"#,
        r#"{"environment":"Production"}"#,
        r#"{"until":"2026-01-01T00:00:00Z"}"#,
        "[]",
        "{",
    ] {
        world.admin_post("/admin/notifications/catch-up", body).await.problem(400, "bad-request");
    }
    world.admin_post("/admin/notifications/test", r#"{"environment":"XCODE"}"#).await.problem(400, "bad-request");
    assert_eq!(world.journal(), journal);
    world.done().await;
}

#[tokio::test]
async fn a_source_that_falls_silent_is_seen() {
    let mut world = World::with_apple(|_| {}).await;
    let quiet = |source: &str, value: u8| format!("referd_source_quiet{{app=\"alma\",source=\"{source}\"}} {value}");
    for n in 0..20 {
        world.advance(Span::minutes(10));
        let bought = Transaction::purchase(&format!("20000000000{n:05}"), world.now());
        world.apple(&Notification::subscribed(&bought, world.now())).await.is(200);
        world.webhook(&Event::initial_purchase(&format!("user-{n}"), world.now())).await.is(200);
    }
    world.advance(Span::hours(3));
    assert_eq!(world.admin("stats").await["quiet_sources"], json!([]));
    world.webhook(&Event::initial_purchase("late", world.now())).await.is(200);
    world.advance(Span::minutes(1));
    for _ in 0..2 {
        assert_eq!(world.admin("stats").await["quiet_sources"], json!(["apple"]));
        let metrics = world.metrics().await;
        assert!(metrics.contains(&quiet("apple", 1)) && metrics.contains(&quiet("revenuecat", 0)), "{metrics}");
        world.house().watch().await;
        let open = world.admin("alerts?status=open").await;
        let about = |at: usize| (open["items"][at]["kind"].clone(), open["items"][at]["about"].clone());
        assert_eq!(
            (about(0), open["items"].as_array().map(Vec::len)),
            ((json!("source_quiet"), json!("apple")), Some(1))
        );
        // It is known after a restart too.
        world.restart().await;
    }
    world.apple(&Notification::test(world.now())).await.is(200);
    world.house().watch().await;
    assert_eq!(world.admin("alerts?status=open").await["items"], json!([]));
    assert_eq!(world.admin("stats").await["quiet_sources"], json!([]));
    assert!(world.metrics().await.contains(&quiet("apple", 0)));
    world.done().await;
}

#[tokio::test]
async fn what_is_read_again_was_not_heard() {
    let world = World::with_apple(|_| {}).await;
    let sent = async |n: i64| {
        world.advance(Span::minutes(30));
        let bought = Transaction::purchase(&format!("20000000000{n:05}"), world.now());
        world.store.notify(&Notification::subscribed(&bought, world.now())).await;
    };
    for n in 0..25 {
        sent(n).await;
    }
    assert_eq!(world.admin("stats").await["quiet_sources"], json!([]));
    let heard = world.admin("stats").await["last_webhook"]["apple"].clone();
    // The address is wrong from now on, and everything is read again every four hours.
    world.unreachable();
    for n in 25..45 {
        sent(n).await;
        if n % 8 == 0 {
            referd::motor::catch_up(&world.house().apps[0].ledger).await;
            world.settle().await;
        }
    }
    assert!(world.admin("explain/2000000000000040").await["items"][0]["summary"].is_string(), "it was read");
    let stats = world.admin("stats").await;
    assert_eq!((&stats["last_webhook"]["apple"], &stats["quiet_sources"]), (&heard, &json!(["apple"])));
    world.done().await;
}
