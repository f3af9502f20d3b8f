//! What other rules would have made of what happened (`referd rules simulate`).

use crate::support::appliance::{OFFER, Site};
use crate::support::world::{NOW, World};
use referd::clock::{Clock, SystemClock};
use referd::domain::at::Span;
use referd::domain::policy::{Expiry, Policy};
use referd::fake::revenuecat_event::Event;
use referd::wire::text::rfc3339;
use serde_json::{Value, json};

/// What would be under these rules since the n-th day: the counts, and the difference in days.
async fn simulated(world: &World, since: i64, change: impl FnOnce(&mut Policy)) -> ([u64; 4], i64, Value) {
    let mut policy = world.house().apps[0].config.campaigns[0].policy.clone();
    change(&mut policy);
    let body = json!({"since": rfc3339(NOW.plus(Span::days(since))), "campaigns": [policy]}).to_string();
    let found = world.admin_post("/admin/rules/simulate", body).await.is(200).json();
    let counts = ["held", "released", "refused", "other"].map(|word| found[word].as_u64().expect("a count"));
    let days = |name: &str| found[name].as_i64().expect("days");
    (counts, days("days_then") - days("days"), found["items"].clone())
}

/// Three friends on one day, one on another; the third is held for that.
async fn history() -> World {
    let world = World::stocked_with(20, |config| {
        let policy = &mut config.apps[0].campaigns[0].policy;
        (policy.fraud.max_per_referrer_per_day, policy.fraud.flags_expire_days) = (2, 30);
    })
    .await;
    for friend in ["bob", "eve", "kim"] {
        world.completes("ann", friend).await;
        world.later(Span::seconds(9)).await;
    }
    world.later(Span::days(2)).await;
    world.completes("ann", "max").await;
    world.rest().await;
    world
}

#[tokio::test]
async fn other_rules() {
    let world = history().await;
    let journal = world.journal();
    type Change = fn(&mut Policy);
    let rows: [(&str, i64, Change, [u64; 4], i64); 9] = [
        ("the same", 0, |_| {}, [0; 4], 0),
        ("nothing is asked", 0, |policy| policy.fraud.max_per_referrer_per_day = 0, [0, 1, 0, 0], 30),
        ("one a day", 0, |policy| policy.fraud.max_per_referrer_per_day = 1, [1, 0, 0, 0], -30),
        ("one a day, since then", 1, |policy| policy.fraud.max_per_referrer_per_day = 1, [0; 4], 0),
        ("one in all", 0, |policy| policy.reward.max_total = 1, [2, 0, 0, 1], -60),
        ("more days", 0, |policy| policy.reward.days = 40, [0, 0, 0, 4], 30),
        ("a hold", 0, |policy| policy.reward.hold_days = 7, [3, 0, 0, 0], -90),
        ("a hold that is over", 0, |policy| policy.reward.hold_days = 1, [1, 0, 0, 0], -30),
        ("too late to expire", 0, |policy| policy.fraud.flags_expire_days = 1, [0, 1, 0, 0], 30),
    ];
    for (what, since, change, counts, days) in rows {
        let (found, difference, items) = simulated(&world, since, change).await;
        assert_eq!((found, difference), (counts, days), "{what}: {items:#}");
    }
    let refuses: Change = |policy| {
        (policy.fraud.flags_expire_days, policy.fraud.flags_expire_to) = (1, Expiry::Rejected);
    };
    let (found, days, items) = simulated(&world, 0, refuses).await;
    assert_eq!((found, days), ([0, 0, 1, 0], 0));
    let kim = &items[0];
    assert_eq!(
        (&kim["referrer"], &kim["referee"], &kim["would_be"]),
        (&json!("ann"), &json!("kim"), &json!("refused"))
    );
    assert_eq!(kim["was"], json!({"status": "held", "days": 30, "reasons": ["max_per_referrer_per_day"]}));
    assert_eq!(world.journal(), journal, "nothing is kept of it");
    world.done().await;
}

#[tokio::test]
async fn what_is_asked() {
    let world = history().await;
    let running = world.admin_post("/admin/alma/rules/simulate", r#"{"since":"2026-01-01"}"#).await.is(200).json();
    assert_eq!((&running["items"], &running["days"]), (&json!([]), &json!(90)));
    assert!(running["commands"].as_u64().is_some_and(|commands| commands >= 12), "{running}");
    for body in ["", "[]", "{}", r#"{"since":"yesterday"}"#, r#"{"since":"2026-01-01","campaigns":[{}]}"#] {
        world.admin_post("/admin/rules/simulate", body).await.problem(400, "bad-request");
    }
    world.done().await;
}

/// The command says the same of a running appliance and of a file.
#[tokio::test(flavor = "multi_thread")]
async fn as_a_command() {
    let site = Site::asking_apple().await;
    let appliance = site.start().await;
    let now = SystemClock.now();
    appliance.caller.deliver(&Event::initial_purchase("bob", now).offer(OFFER), now).await.is(200);
    let running = site.says(&["rules", "simulate", "--since", "2026-01-01"]).await;
    assert_eq!((running.0, &running.1[0]["commands"], &running.1[0]["held"]), (0, &json!(1), &json!(0)));
    appliance.stop().await;
    assert_eq!(site.says(&["rules", "simulate", "--since", "2026-01-01T00:00:00Z"]).await, running);
    assert_eq!(site.says(&["rules", "simulate", "--since", "yesterday"]).await.0, 2);
}
