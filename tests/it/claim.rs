//! What counts: a claim and a redemption that match, in any order, however often they are told.

use crate::support::caller::together;
use crate::support::world::{OFFER, World};
use referd::domain::at::Span;
use referd::domain::policy::Accept;
use referd::fake::revenuecat_event::Event;
use referd::ledger::Store;
use referd::ledger::table::Tab;
use serde_json::{Value, json};
use std::ops::Bound;

/// The completions as (referrer, referee, status, method or reason).
async fn completions(world: &World) -> Vec<(String, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let why = |item: &Value| text(if item["method"].is_null() { &item["reasons"][0] } else { &item["method"] });
    let one = |item: &Value| (text(&item["referrer"]), text(&item["referee"]), text(&item["status"]), why(item));
    let mut all: Vec<_> = world.all("completions").await.iter().map(one).collect();
    all.sort();
    all
}

fn row(referrer: &str, referee: &str, status: &str, why: &str) -> (String, String, String, String) {
    (referrer.to_owned(), referee.to_owned(), status.to_owned(), why.to_owned())
}

#[tokio::test]
async fn claim_and_purchase_complete_in_either_order() {
    let kinds: [fn(&str, referd::domain::at::At) -> Event; 3] =
        [Event::initial_purchase, Event::renewal, Event::non_renewing_purchase];
    for kind in kinds {
        for claim_first in [true, false] {
            let world = World::stocked(5).await;
            let code = world.my_code("ann").await;
            let event = kind("friend", world.now()).offer(OFFER);
            if claim_first {
                let reply = world.claim(&code, "friend").await.is(201).json();
                assert_eq!(reply["claim"], json!({"campaign": "friends", "code": code, "status": "pending"}));
                assert!(reply["redeem_url"].as_str().is_some_and(|url| url.ends_with(&code)));
                assert!(reply.get("completion").is_none());
                world.confirm(&code, "friend").await.is(202);
                world.webhook(&event).await.is(200);
            } else {
                world.webhook(&event).await.is(200);
                assert_eq!(world.counts().await["redemptions"]["unattributed"], 1);
                let reply = world.claim(&code, "friend").await.is(201).json();
                assert_eq!(reply["completion"]["status"], "credited");
                assert!(reply["completion"].get("referrer").is_none(), "a referee is not told who");
            }
            assert_eq!(completions(&world).await, [row("ann", "friend", "credited", "claim+revenuecat")]);
            world.claim(&code, "friend").await.is(200);
            assert_eq!(world.confirm(&code, "friend").await.is(200).json()["status"], "credited");
            let item = world.all("codes?status=used").await.remove(0);
            assert_eq!((&item["claimed_by"], &item["assigned_to"]), (&json!("friend"), &json!("ann")));
            let redemption = world.all("redemptions").await.remove(0);
            assert_eq!((&redemption["status"], &redemption["user"]), (&json!("attributed"), &json!("friend")));
            world.done().await;
        }
    }
}

/// The rows that say how things stand, whatever led to it.
fn standing(world: &World) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let tabs = [Tab::Code, Tab::Claim, Tab::Redemption, Tab::Completion, Tab::Referrer, Tab::Account, Tab::Pool];
    let store = world.house().apps[0].ledger.snapshot();
    let rows = |tab: Tab| {
        let rows = store.range(tab, Bound::Unbounded, Bound::Unbounded, usize::MAX).expect("the ledger can be read");
        rows.into_iter().map(move |(key, value)| (tab.name(), key, value))
    };
    tabs.into_iter().flat_map(rows).collect()
}

#[tokio::test]
async fn both_orders_end_in_the_same_bytes() {
    let mut ends = Vec::new();
    for claim_first in [true, false] {
        let world = World::stocked(5).await;
        let code = world.my_code("ann").await;
        let event = Event::initial_purchase("friend", world.now()).offer(OFFER);
        if claim_first {
            world.claim(&code, "friend").await.is(201);
            world.webhook(&event).await.is(200);
        } else {
            world.webhook(&event).await.is(200);
            world.claim(&code, "friend").await.is(201);
        }
        ends.push(standing(&world));
        world.done().await;
    }
    assert!(ends[0].len() > 5);
    assert!(ends[0] == ends[1], "the rows differ");
}

#[tokio::test]
async fn a_code_in_the_place_of_the_offer_completes_by_itself() {
    let world = World::stocked(5).await;
    let code = world.my_code("ann").await;
    world.webhook(&Event::initial_purchase("friend", world.now()).offer(&code)).await.is(200);
    assert_eq!(completions(&world).await, [row("ann", "friend", "credited", "code")]);
    assert_eq!(world.confirm(&code, "friend").await.is(200).json()["status"], "credited");
    world.claim(&code, "other").await.problem(409, "code-used");
    world.done().await;
}

#[tokio::test]
async fn a_redemption_without_a_claim_credits_nobody() {
    let world = World::stocked(5).await;
    let (code, _) = (world.my_code("ann").await, world.my_code("bob").await);
    world.buys("friend").await;
    assert_eq!(completions(&world).await, []);
    let counts = world.counts().await;
    assert_eq!((&counts["redemptions"]["unattributed"], &counts["codes"]["pending"]), (&json!(1), &json!(2)));
    world.later(Span::days(29)).await;
    world.claim(&code, "friend").await.is(201);
    assert_eq!(completions(&world).await, [row("ann", "friend", "credited", "claim+revenuecat")]);

    let code = world.my_code("ann").await;
    world.buys("early").await;
    world.later(Span::days(31)).await;
    world.claim(&code, "early").await.is(201);
    assert_eq!(completions(&world).await.len(), 1, "too far apart");
    world.done().await;
}

#[tokio::test]
async fn a_confirmation_alone_waits_unless_the_word_is_enough() {
    let world = World::stocked(5).await;
    let code = world.my_code("ann").await;
    let reply = world.confirm(&code, "friend").await.is(202).json();
    assert_eq!((&reply["status"], &reply["claim"]["status"]), (&json!("awaiting_purchase"), &json!("pending")));
    assert_eq!(completions(&world).await, []);
    world.done().await;

    let world = World::stocked_with(5, |config| {
        config.apps[0].campaigns[0].policy.attribution.accept = Accept::Confirm;
    })
    .await;
    let code = world.my_code("ann").await;
    world.claim(&code, "friend").await.is(201);
    assert_eq!(completions(&world).await, [], "a claim is no word that it was redeemed");
    assert_eq!(world.confirm(&code, "friend").await.is(200).json()["status"], "credited");
    assert_eq!(completions(&world).await, [row("ann", "friend", "credited", "confirm")]);
    // The evidence comes later and belongs there: it credits nobody else.
    world.buys("friend").await;
    let next = world.my_code("bob").await;
    world.claim(&next, "friend").await.problem(409, "already-claimed");
    assert_eq!(completions(&world).await, [row("ann", "friend", "credited", "claim+revenuecat")]);
    world.done().await;
}

#[tokio::test]
async fn nobody_refers_themselves() {
    let world = World::stocked(9).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "ann").await.problem(422, "self-referral");
    assert_eq!(completions(&world).await, [row("ann", "ann", "rejected", "self_referral")]);
    world.confirm(&code, "ann").await.problem(422, "self-referral");
    world.buys("ann").await;
    let counts = world.counts().await;
    assert_eq!((&counts["completions"]["credited"], &counts["codes"]["used"]), (&json!(0), &json!(1)));
    assert_eq!(counts["redemptions"]["rejected"], 1);
    assert_ne!(world.my_code("ann").await, code);

    // The two turn out to be one: before the claim, and after it.
    let alias = |user: &str, field: &str, value: Value| {
        Event::initial_purchase(user, world.now()).offer(OFFER).set(field, value)
    };
    let code = world.my_code("bob").await;
    world.webhook(&alias("bob-2", "aliases", json!(["bob-2", "bob"]))).await.is(200);
    world.claim(&code, "bob-2").await.problem(422, "self-referral");
    let slug = world.get("/referral/my-code", "bob").await.is(200).json()["share_url"].clone();
    let slug = slug.as_str().and_then(|url| url.split_once("/r/")).expect("a share link").1.to_owned();
    world.claim_slug(&slug, "bob-2").await.problem(422, "self-referral");
    let code = world.my_code("cleo").await;
    world.claim(&code, "cleo-2").await.is(201);
    world.webhook(&alias("cleo-2", "original_app_user_id", json!("cleo"))).await.is(200);
    let all = completions(&world).await;
    let credited = all.iter().filter(|(_, _, status, _)| status == "credited").count();
    assert_eq!((all.len(), credited), (3, 0), "{all:?}");
    world.settle().await;
    assert!(world.revenuecat.calls().is_empty());
    world.done().await;
}

#[tokio::test]
async fn nothing_counts_twice() {
    let world = World::stocked(9).await;
    let (code, other) = (world.my_code("ann").await, world.my_code("bob").await);
    world.claim(&code, "friend").await.is(201);
    world.claim(&other, "friend").await.problem(409, "already-claimed");
    world.claim(&code, "rival").await.problem(409, "already-claimed");
    world.buys("friend").await;
    world.claim(&code, "rival").await.problem(409, "code-used");
    world.claim(&other, "friend").await.problem(409, "already-claimed");
    world.webhook(&Event::renewal("friend", world.now()).offer(OFFER)).await.is(200);

    // The same purchase is reported for somebody else.
    let transaction = world.all("redemptions").await[0]["original_transaction_id"].as_str().expect("text").to_owned();
    world.claim(&other, "thief").await.is(201);
    let stolen = Event::renewal("thief", world.now()).offer(OFFER).transaction("renewed-1", &transaction);
    world.webhook(&stolen).await.is(200);
    assert_eq!(completions(&world).await, [row("ann", "friend", "credited", "claim+revenuecat")]);
    world.claim("NOSUCHCODE00000000", "other").await.problem(404, "unknown-code");
    world.claim_slug("nosuchslug", "other").await.problem(404, "not-found");
    world.done().await;
}

#[tokio::test]
async fn codes_are_typed_as_people_type() {
    let world = World::stocked(5).await;
    let code = world.my_code("ann").await;
    let reply = world.claim(&format!(" {} ", code.to_lowercase()), "friend").await.is(201).json();
    assert_eq!(reply["claim"]["code"], code);
    world.claim(&code, "friend").await.is(200);
    world.done().await;
}

#[tokio::test]
async fn a_link_gives_every_referee_a_code_of_their_own() {
    let world = World::stocked(5).await;
    let shared = world.get("/referral/my-code", "ann").await.is(200).json();
    let slug = shared["share_url"].as_str().and_then(|url| url.split_once("/r/")).expect("a share link").1.to_owned();
    let mut codes = vec![shared["code"].clone()];
    for friend in ["one", "two"] {
        codes.push(world.claim_slug(&slug, friend).await.is(201).json()["claim"]["code"].clone());
        let again = world.claim_slug(&slug, friend).await.is(200).json();
        assert_eq!(Some(&again["claim"]["code"]), codes.last());
        world.buys(friend).await;
    }
    codes.dedup();
    assert_eq!(codes.len(), 3);
    assert_eq!(completions(&world).await.len(), 2);
    world.claim_slug(&slug, "ann").await.problem(422, "self-referral");
    world.claim_slug(&slug, "three").await.is(201);
    world.claim_slug(&slug, "four").await.is(201);
    let empty = world.claim_slug(&slug, "five").await;
    assert!(empty.header("retry-after").is_some());
    empty.problem(503, "pool-empty");
    world.done().await;
}

#[tokio::test]
async fn sandbox_evidence_is_kept_and_earns_nothing() {
    let world = World::stocked(5).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "friend").await.is(201);
    world.webhook(&Event::initial_purchase("friend", world.now()).offer(OFFER).sandbox()).await.is(200);
    let completion = world.all("completions").await.remove(0);
    assert_eq!((&completion["is_test"], &completion["days"]), (&json!(true), &json!(0)));
    world.later(Span::minutes(1)).await;
    assert!(world.revenuecat.calls().is_empty());
    assert_eq!(world.all("redemptions").await[0]["environment"], "SANDBOX");
    world.done().await;

    let world = World::stocked_with(5, |config| {
        config.apps[0].campaigns[0].policy.reward.test_rewards = true;
    })
    .await;
    let code = world.my_code("ann").await;
    world.claim(&code, "friend").await.is(201);
    world.webhook(&Event::initial_purchase("friend", world.now()).offer(OFFER).sandbox()).await.is(200);
    world.later(Span::minutes(1)).await;
    assert_eq!(world.revenuecat.grants("ann"), 1);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_gets_the_code() {
    let world = World::stocked(5).await;
    let (code, caller) = (world.my_code("ann").await, world.caller());
    let mut statuses = together((0..40).map(|n| {
        let (caller, code) = (caller.clone(), code.clone());
        async move { caller.claim(&code, &format!("friend-{n}")).await.status }
    }))
    .await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[39]), (201, 409, 409));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_and_purchases_at_once_complete_once_each() {
    let world = World::stocked(40).await;
    let mut codes = Vec::new();
    for n in 0..40 {
        codes.push(world.my_code(&format!("referrer-{n}")).await);
    }
    let (caller, now) = (world.caller(), world.now());
    let statuses = together((0..160).map(|n| {
        let (caller, who) = (caller.clone(), format!("friend-{}", n / 4));
        let code = codes[n / 4].clone();
        async move {
            match n % 4 {
                0 | 1 => caller.claim(&code, &who).await.status,
                2 => caller.confirm(&code, &who).await.status,
                _ => caller.deliver(&Event::initial_purchase(&who, now).offer(OFFER), now).await.status,
            }
        }
    }))
    .await;
    assert!(statuses.iter().all(|status| (200..300).contains(status)), "{statuses:?}");
    assert_eq!(completions(&world).await.len(), 40);
    assert_eq!(world.counts().await["codes"]["used"], 40);
    world.done().await;
}
