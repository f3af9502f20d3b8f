//! A referrer's own code.

use crate::support::caller::together;
use crate::support::world::{PUBLIC_URL, World};
use serde_json::json;
use std::collections::HashSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_users_at_once_get_a_thousand_codes() {
    let world = World::stocked(1000).await;
    let caller = world.caller();
    let codes = together((0..1000).map(|n| {
        let caller = caller.clone();
        async move { caller.my_code(&format!("user-{n}")).await }
    }))
    .await;
    let different: HashSet<&String> = codes.iter().collect();
    assert_eq!(different.len(), 1000);
    let made: HashSet<String> = world.apple.codes(&world.apple.batches()[0].id).into_iter().collect();
    assert!(codes.iter().all(|code| made.contains(code)));

    let reply = world.get("/referral/my-code", "user-1000").await;
    assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)));
    let problem = reply.problem(503, "pool-empty");
    let slug = problem["share_url"].as_str().and_then(|url| url.strip_prefix(&format!("{PUBLIC_URL}/r/")));
    let slug = slug.expect("the link is in the problem");
    let page = world.raw("GET", &format!("{}/r/{slug}", world.public), &[], "").await;
    page.is(503);

    // The link works as soon as there is a code again.
    world.refill().await;
    world.claim_slug(slug, "friend").await.is(201);
    world.my_code("user-1000").await;
    world.raw("GET", &format!("{}/r/{slug}", world.public), &[], "").await.is(200);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_calls_of_one_user_get_one_code() {
    let world = World::stocked(100).await;
    let caller = world.caller();
    let codes = together((0..100).map(|n| {
        let caller = caller.clone();
        async move { caller.my_code(if n % 2 == 0 { "ann" } else { "bob" }).await }
    }))
    .await;
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 2);
    assert_eq!(world.pool().await["available"], 98);
    world.done().await;
}

#[tokio::test]
async fn the_code_stays_until_it_is_used() {
    let world = World::stocked(5).await;
    let reply = world.get("/referral/my-code", "ann").await.is(200).json();
    let code = reply["code"].as_str().expect("a code is text");
    let redeem = format!("https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code={code}");
    assert_eq!(
        (&reply["campaign"], &reply["status"], &reply["redeem_url"]),
        (&json!("friends"), &json!("pending"), &json!(redeem))
    );
    assert_eq!(reply["share_text"], format!("Use code {code} for a free month: {redeem}"));
    assert!(reply["expires_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{reply}");
    let journal = world.journal();
    assert_eq!(world.get("/referral/my-code?campaign=friends", "ann").await.is(200).json(), reply);
    assert_eq!(world.journal(), journal, "asking again writes nothing");
    world.get("/referral/my-code?campaign=other", "ann").await.problem(404, "not-found");

    world.claim(code, "friend").await.is(201);
    assert_eq!(world.my_code("ann").await, code, "a claim alone does not use it up");
    world.buys("friend").await;
    let next = world.get("/referral/my-code", "ann").await.is(200).json();
    assert_ne!(next["code"], reply["code"]);
    assert_eq!(next["share_url"], reply["share_url"], "the link outlives the code");
    world.done().await;
}

#[tokio::test]
async fn progress_is_told() {
    let world = World::stocked(5).await;
    let fresh = world.get("/referral/stats", "ann").await.is(200).json();
    assert_eq!(fresh["completions"], json!({"credited": 0, "held": 0, "reversed": 0}));
    assert_eq!((&fresh["shared_codes"], &fresh["days_earned"]), (&json!(0), &json!(0)));
    assert!(fresh["granted_until"].is_null());
    world.completes("ann", "friend").await;
    world.completes("ann", "other").await;
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    assert_eq!((&stats["shared_codes"], &stats["days_earned"]), (&json!(2), &json!(60)));
    assert_eq!(stats["completions"]["credited"], 2);
    assert_eq!(stats["granted_until"], "2026-11-20T14:13:20Z");
    world.done().await;
}
