//! Completions that are held: they show, end by themselves, and are decided by hand.

use crate::support::world::World;
use referd::config::Config;
use referd::domain::at::Span;
use referd::domain::policy::{Milestone, Policy};
use serde_json::{Value, json};

async fn with(change: impl Fn(&mut Policy)) -> World {
    World::stocked_with(20, |config: &mut Config| change(&mut config.apps[0].campaigns[0].policy)).await
}

async fn decide(world: &World, verdict: &str, status: u16) -> Value {
    let id = world.all("completions").await.remove(0)["id"].as_str().expect("an id").to_owned();
    let path = format!("/admin/completions/{id}/{verdict}");
    world.admin_post(&path, r#"{"reason":"looked at"}"#).await.is(status).json()
}

async fn figures(world: &World) -> Value {
    world.get("/referral/stats", "ann").await.is(200).json()
}

#[tokio::test]
async fn a_held_completion_shows_and_ends_by_itself() {
    let world = with(|policy| policy.reward.hold_days = 7).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "bob").await.is(201);
    world.buys("bob").await;
    let completion = world.only("completions").await;
    assert_eq!((&completion["status"], &completion["reasons"]), (&json!("held"), &json!([])));
    assert_eq!(completion["hold_until"], "2026-09-28T14:13:20Z");
    assert_eq!(figures(&world).await["completions"], json!({"credited": 0, "held": 1, "reversed": 0}));
    let again = world.confirm(&code, "bob").await.is(200).json();
    assert_eq!(again["status"], "held");
    world.rest().await;
    assert_eq!(world.revenuecat.grants("ann"), 0);
    world.later(Span::days(7)).await;
    world.rest().await;
    assert_eq!(world.only("completions").await["status"], "credited");
    assert_eq!((world.revenuecat.grants("ann"), &figures(&world).await["days_earned"]), (1, &json!(30)));
    world.done().await;
}

#[tokio::test]
async fn a_doubtful_one_waits_for_somebody() {
    let world = with(|policy| policy.fraud.too_fast_seconds = 60).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "bob").await.is(201);
    world.advance(Span::seconds(10));
    world.buys("bob").await;
    let completion = world.only("completions").await;
    assert_eq!((&completion["status"], &completion["reasons"]), (&json!("held"), &json!(["too_fast"])));
    assert_eq!(decide(&world, "approve", 200).await["status"], "credited");
    decide(&world, "approve", 409).await;
    world.rest().await;
    assert_eq!(world.revenuecat.grants("ann"), 1);
    assert_eq!(decide(&world, "reverse", 200).await["reasons"], json!(["too_fast", "by_hand"]));
    world.rest().await;
    assert!(world.revenuecat.promo_end("ann").is_none_or(|end| end <= world.now()), "nothing is left of it");
    assert_eq!(figures(&world).await["days_earned"], 0);
    let entries = world.admin("explain/bob").await["items"].as_array().expect("entries").clone();
    let by_hand = entries.iter().filter(|entry| entry["by"] == "admin:admin" && entry["reason"] == "looked at");
    assert_eq!(by_hand.count(), 2);
    world.admin_post("/admin/completions/00/approve", "").await.problem(404, "not-found");
    world.done().await;
}

#[tokio::test]
async fn milestones_show_and_are_granted() {
    let world = with(|policy| policy.reward.milestones = vec![Milestone { referrals: 2, days: 365 }]).await;
    assert_eq!(figures(&world).await["next_milestone"], json!({"referrals": 2, "days": 365, "missing": 2}));
    world.completes("ann", "bob").await;
    world.completes("ann", "eve").await;
    world.rest().await;
    let stats = figures(&world).await;
    assert_eq!((&stats["days_earned"], &stats["next_milestone"]), (&json!(425), &Value::Null));
    let end = world.revenuecat.promo_end("ann").expect("a grant");
    assert!(end.0 - world.now().0 > Span::days(424).0);
    world.done().await;
}
