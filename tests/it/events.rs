//! What the team's own server is told, and what becomes of it when nobody listens.

use crate::support::world::{NOW, World};
use referd::clock::ManualClock;
use referd::config::{Secret, Webhook};
use referd::domain::at::Span;
use referd::fake::faults::{Fault, Op};
use referd::fake::receiver::{Received, Receiver};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn receiver() -> Receiver {
    Receiver::start(Arc::new(ManualClock::at(NOW))).await.expect("the team's server starts")
}

fn webhook(receiver: &Receiver, secrets: &[&str], events: &[&str]) -> Webhook {
    Webhook {
        url: format!("{}/referd?key=secret", receiver.base_url()),
        secrets: secrets.iter().copied().map(Secret::new).collect(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
    }
}

async fn world(webhooks: Vec<Webhook>) -> World {
    World::stocked_with(20, |config| {
        let notifications = &mut config.apps[0].notifications;
        (notifications.webhooks, notifications.allow_private_forwards) = (webhooks, true);
    })
    .await
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).expect("an event is JSON")
}

/// What was taken, in order.
fn told(receiver: &Receiver) -> Vec<Value> {
    receiver.received().iter().filter(|one| one.status == Some(204)).map(body).collect()
}

fn words(receiver: &Receiver) -> Vec<String> {
    told(receiver).iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
}

fn ids(receiver: &Receiver) -> Vec<String> {
    receiver.received().iter().map(|one| one.header("webhook-id").expect("an id").to_owned()).collect()
}

/// As the official library signs.
fn is_signed(received: &Received, secret: &str) -> bool {
    let header = |name| received.header(name).expect(name);
    let timestamp = header("webhook-timestamp").parse().expect("seconds");
    let library = standardwebhooks::Webhook::new(secret).expect("a secret");
    let signature = library.sign(header("webhook-id"), timestamp, &received.body).expect("text");
    header("webhook-signature").split(' ').any(|given| given == signature)
}

async fn webhooks(world: &World) -> Vec<Value> {
    world.admin("webhooks").await["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn the_loop_is_told() {
    let team = receiver().await;
    let world = world(vec![webhook(&team, &[SECRET], &[])]).await;
    world.settle().await;
    let before = words(&team).len();
    world.completes("ann", "bob").await;
    world.rest().await;
    let events = told(&team).split_off(before);
    let of = |word: &str| {
        let found: Vec<&Value> = events.iter().filter(|event| event["type"] == word).collect();
        assert_eq!(found.len(), 1, "{word}: {events:?}");
        found[0]["data"].clone()
    };
    assert_eq!(of("completion.credited"), world.only("completions").await);
    assert_eq!((&of("claim.made")["referee"], &of("claim.made")["status"]), (&json!("bob"), &json!("pending")));
    assert_eq!((&of("reward.granted")["user"], &of("reward.granted")["taken_back"]), (&json!("ann"), &json!(false)));
    let code = of("code.assigned");
    assert!(code["redeem_url"].as_str().is_some_and(|url| url.ends_with(code["code"].as_str().expect("a code"))));
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(events.iter().all(|event| event["app"] == "alma" && event["timestamp"].is_string()));
    let all = team.received();
    assert!(all.iter().all(|one| is_signed(one, SECRET) && !is_signed(one, OTHER)));
    assert_eq!(ids(&team).iter().collect::<BTreeSet<_>>().len(), all.len());
    assert!(all.iter().all(|one| one.header("content-type") == Some("application/json")));
    let journal = serde_json::to_string(&world.all("journal").await).expect("JSON");
    assert!(!journal.contains("secret"), "an address may hold a secret");
    world.done().await;
}

#[tokio::test]
async fn everybody_is_told_what_they_want() {
    let (all, some, family) = (receiver().await, receiver().await, receiver().await);
    let chosen = vec![
        webhook(&all, &[SECRET, OTHER], &[]),
        webhook(&some, &[OTHER], &["claim.made", "pool.empty"]),
        webhook(&family, &[OTHER], &["completion.*"]),
    ];
    let world = world(chosen).await;
    world.completes("ann", "bob").await;
    world.rest().await;
    assert_eq!(words(&some), ["claim.made"]);
    assert_eq!(words(&family), ["completion.credited"]);
    assert!(words(&all).len() > 3);
    let both = all.received();
    assert!(both.iter().all(|one| is_signed(one, SECRET) && is_signed(one, OTHER)), "while one key replaces the other");
    let of = |receiver: &Receiver, word: &str| {
        let found = receiver.received().into_iter().find(|one| body(one)["type"] == word);
        found.and_then(|one| one.header("webhook-id").map(str::to_owned))
    };
    assert_eq!(of(&all, "claim.made"), of(&some, "claim.made"), "one event has one name");
    world.done().await;
}

#[tokio::test]
async fn one_that_is_refused_lets_the_others_pass_and_comes_again() {
    let team = receiver().await;
    let mut world = world(vec![webhook(&team, &[SECRET], &["code.assigned"])]).await;
    team.faults().next(None, 1, Fault::Status(500));
    for user in ["ann", "bob", "cid", "dan"] {
        world.my_code(user).await;
    }
    world.settle().await;
    assert_eq!(told(&team).len(), 3, "one was refused");
    world.later(Span::seconds(4)).await;
    assert_eq!(told(&team).len(), 3, "five seconds first");
    world.restart().await;
    world.later(Span::seconds(3)).await;
    assert_eq!(told(&team).len(), 4);
    let ids = ids(&team);
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (5, 4), "the id stays");
    world.done().await;
}

#[tokio::test]
async fn one_that_was_down_for_a_day_is_told_all() {
    let team = receiver().await;
    let mut world = world(vec![webhook(&team, &[SECRET], &["code.assigned"])]).await;
    team.faults().until_cleared(None, Fault::Status(503));
    for hour in 0..12 {
        world.my_code(&format!("user-{hour}")).await;
        world.later(Span::hours(2)).await;
        if hour == 6 {
            world.restart().await;
        }
    }
    assert_eq!(webhooks(&world).await[0]["status"], "failing");
    assert!(team.received().len() < 12 * 9, "{}", team.received().len());
    team.faults().clear();
    for _ in 0..24 {
        world.later(Span::hours(1)).await;
    }
    let users: BTreeSet<String> =
        told(&team).iter().map(|event| event["data"]["assigned_to"].as_str().expect("a user").to_owned()).collect();
    assert_eq!((users.len(), told(&team).len()), (12, 12));
    assert_eq!(webhooks(&world).await[0]["status"], "active");
    world.done().await;
}

#[tokio::test]
async fn who_wants_nothing_is_told_nothing_until_enabled() {
    let (gone, other) = (receiver().await, receiver().await);
    let world = world(vec![webhook(&gone, &[SECRET], &["code.*"]), webhook(&other, &[SECRET], &["alert.*"])]).await;
    gone.faults().next(None, 1, Fault::Status(410));
    for user in ["ann", "bob", "cid"] {
        world.my_code(user).await;
    }
    world.rest().await;
    assert_eq!(told(&gone).len(), 0, "one 410 ends it");
    assert_eq!(words(&other), ["alert.raised"]);
    let alert = &told(&other)[0]["data"];
    assert_eq!((&alert["kind"], &alert["status"]), (&json!("webhook_disabled"), &json!("open")));
    world.my_code("dan").await;
    world.rest().await;
    assert_eq!(gone.received().len(), 1);
    let all = webhooks(&world).await;
    let it = all.iter().find(|one| one["status"] == "disabled").expect("one is disabled");
    let id = it["id"].as_str().expect("an id");
    let test = format!(r#"{{"webhook": "{id}"}}"#);
    world.admin_post("/admin/webhooks/test", test.clone()).await.problem(409, "wrong-state");

    let enabled = world.admin_post(&format!("/admin/webhooks/{id}/enable"), "").await.is(200).json();
    assert_eq!(enabled["status"], "active");
    world.rest().await;
    assert_eq!(told(&gone).len(), 2, "what waited goes on; what came meanwhile was not kept");
    assert_eq!(words(&other), ["alert.raised", "alert.cleared"]);
    world.admin_post("/admin/webhooks/test", test).await.is(202);
    world.rest().await;
    assert_eq!(words(&gone).last().map(String::as_str), Some("webhook.test"));
    world.admin_post("/admin/webhooks/00000000000000000000000000000000/enable", "").await.problem(404, "not-found");
    world.done().await;
}

#[tokio::test]
async fn who_takes_nothing_for_five_days_is_disabled() {
    let team = receiver().await;
    let world = world(vec![webhook(&team, &[SECRET], &["code.assigned"])]).await;
    team.faults().until_cleared(None, Fault::DropBefore);
    for day in 0..6 {
        world.my_code(&format!("user-{day}")).await;
        for _ in 0..4 {
            world.later(Span::hours(6)).await;
        }
    }
    assert_eq!(webhooks(&world).await[0]["status"], "disabled");
    let alert = world.only("alerts").await;
    assert_eq!(alert["kind"], "webhook_disabled");
    let tried = team.received().len();
    world.later(Span::days(3)).await;
    assert_eq!(team.received().len(), tried, "nothing more is tried");

    team.faults().clear();
    let id = webhooks(&world).await[0]["id"].as_str().expect("an id").to_owned();
    world.admin_post(&format!("/admin/webhooks/{id}/enable"), "").await.is(200);
    world.rest().await;
    assert_eq!(told(&team).len(), 5, "those of before the fifth day were kept, but for what was tried ten times");
    world.done().await;
}

#[tokio::test]
async fn a_test_goes_to_all_and_to_nobody_who_is_not_there() {
    let (one, other) = (receiver().await, receiver().await);
    let mut world = world(vec![webhook(&one, &[SECRET], &["pool.low"]), webhook(&other, &[SECRET], &[])]).await;
    world.rest().await;
    let asked = world.admin_post("/admin/webhooks/test", "{}").await.is(202).json();
    let items = asked["items"].as_array().expect("deliveries");
    assert_eq!(items.len(), 2, "{asked}");
    assert!(items.iter().all(|item| item["event"] == "webhook.test" && item["kind"] == "webhook"), "{asked}");
    world.rest().await;
    assert_eq!(words(&one), ["webhook.test"]);
    assert_eq!(words(&other).last().map(String::as_str), Some("webhook.test"));

    // Taken out of the configuration, it is told nothing, and what waits for it is given up.
    one.faults().until_cleared(None, Fault::Status(500));
    world.admin_post("/admin/webhooks/test", "{}").await.is(202);
    world.settle().await;
    world.stop().await;
    world.config.apps[0].notifications.webhooks.remove(0);
    world.begin().await;
    world.later(Span::hours(1)).await;
    assert_eq!(webhooks(&world).await.len(), 1);
    assert_eq!(world.all("outbox?status=dead").await.len(), 1);
    world.done().await;

    let nobody = World::start().await;
    nobody.admin_post("/admin/webhooks/test", "").await.problem(404, "not-found");
    nobody.done().await;
}

#[tokio::test]
async fn what_ails_the_appliance_is_told() {
    let team = receiver().await;
    let world = world(vec![webhook(&team, &[SECRET], &["alert.*"])]).await;
    let look = async || {
        world.house().watch().await;
        world.settle().await;
    };
    look().await;
    assert_eq!(words(&team), [""; 0], "all is well");

    // Where backups belong stands a file.
    let folder = world.data_dir().join("backups");
    std::fs::write(&folder, "").expect("the folder can be written");
    world.admin_post("/admin/backup", "").await.problem(500, "internal");
    for _ in 0..2 {
        look().await;
        assert_eq!(words(&team), ["alert.raised"], "once");
    }
    let alert = told(&team)[0]["data"].clone();
    assert_eq!((&alert["kind"], &alert["status"]), (&json!("backup_failed"), &json!("open")));
    assert!(alert["detail"].as_str().is_some_and(|detail| detail.contains("backups")), "{alert}");

    // Looking away mends nothing.
    let id = alert["id"].as_str().expect("an id");
    world.admin_post(&format!("/admin/alerts/{id}/clear"), "").await.is(200);
    look().await;
    assert_eq!(words(&team), ["alert.raised", "alert.cleared", "alert.raised"]);
    std::fs::remove_file(&folder).expect("it is ours");
    world.admin_post("/admin/backup", "").await.is(200);
    look().await;
    assert_eq!(words(&team).last().map(String::as_str), Some("alert.cleared"));
    assert_eq!(world.admin("alerts?status=open").await["items"], json!([]));
    world.done().await;
}

#[tokio::test]
async fn a_delivery_that_is_given_up_is_told() {
    let team = receiver().await;
    let world = world(vec![webhook(&team, &[SECRET], &["alert.*"])]).await;
    world.revenuecat.faults().next(Some(Op::Grant), 1, Fault::Status(404));
    world.completes("ann", "bob").await;
    world.rest().await;
    world.house().watch().await;
    world.settle().await;
    let alert = told(&team)[0]["data"].clone();
    assert_eq!((&alert["kind"], &alert["about"]), (&json!("delivery_dead"), &json!("outbox")));
    let dead = world.admin("outbox?status=dead").await["items"][0]["id"].as_str().expect("one").to_owned();
    world.admin_post(&format!("/admin/outbox/{dead}/retry"), "").await.is(200);
    world.rest().await;
    world.house().watch().await;
    world.settle().await;
    assert_eq!(words(&team), ["alert.raised", "alert.cleared"]);
    world.done().await;
}
