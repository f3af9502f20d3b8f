//! What an administrator sees.

use crate::support::world::{OFFER, World};
use referd::domain::at::Span;
use serde_json::{Value, json};

async fn explained(world: &World, subject: &str) -> Vec<Value> {
    world.admin(&format!("explain/{subject}")).await["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn lists_come_page_by_page_and_filtered() {
    let world = World::stocked(30).await;
    for n in 0..25 {
        world.my_code(&format!("user-{n}")).await;
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = world.admin(&format!("codes?limit=10{cursor}")).await;
        seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["code"].to_string()));
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(pages, 3);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    world.completes("user-3", "friend").await;
    for (list, count) in [
        ("codes?status=used", 1),
        ("codes?status=pending", 24),
        ("codes?user=user-3", 1),
        ("codes?campaign=friends", 25),
        ("codes?campaign=other", 0),
        ("codes?user=nobody", 0),
        ("claims?user=friend", 1),
        ("claims?status=completed", 1),
        ("completions?user=friend", 1),
        ("completions?user=user-3&status=credited", 1),
        ("completions?user=user-4", 0),
        ("redemptions?status=attributed&campaign=friends", 1),
        ("outbox?user=user-3", 1),
        ("outbox?user=friend", 0),
    ] {
        assert_eq!(world.all(list).await.len(), count, "{list}");
    }
    let journal = world.all("journal").await;
    assert_eq!(journal.len() as u64, world.journal());
    let seqs: Vec<u64> = journal.iter().filter_map(|entry| entry["seq"].as_u64()).collect();
    assert!(seqs.iter().copied().eq(1..=journal.len() as u64));
    for field in ["seq", "at", "kind", "by", "subjects", "summary", "detail"] {
        assert!(journal.iter().all(|entry| !entry[field].is_null()), "{field}");
    }
    world.done().await;
}

#[tokio::test]
async fn a_code_a_user_and_a_transaction_are_explained() {
    let world = World::stocked(5).await;
    let code = world.my_code("ann").await;
    world.claim(&code, "friend").await.is(201);
    world.buys("friend").await;
    world.later(Span::seconds(3)).await;
    let transaction = world.all("completions").await[0]["original_transaction_id"].as_str().expect("text").to_owned();
    for (subject, kinds) in [
        (code.as_str(), vec!["my_code", "claim", "report"]),
        ("ann", vec!["my_code", "claim", "report"]),
        ("friend", vec!["claim", "report"]),
        (&transaction, vec!["report"]),
    ] {
        let items = explained(&world, subject).await;
        let found: Vec<&str> = items.iter().filter_map(|item| item["kind"].as_str()).collect();
        assert!(kinds.iter().all(|kind| found.contains(kind)), "{subject}: {found:?}");
    }
    let last = explained(&world, &transaction).await.pop().expect("an entry");
    let summary = last["summary"].as_str().expect("text");
    assert!(summary.contains("credited") && summary.contains("30 days"), "{summary}");
    assert_eq!(explained(&world, &code.to_lowercase()).await.len(), explained(&world, &code).await.len());
    world.done().await;
}

#[tokio::test]
async fn figures_add_up() {
    let world = World::stocked(10).await;
    world.completes("ann", "one").await;
    let code = world.my_code("bob").await;
    world.claim(&code, "two").await.is(201);
    world.buys("three").await;
    world.claim(&world.my_code("cleo").await, "cleo").await.problem(422, "self-referral");
    let counts = world.counts().await;
    assert_eq!(counts["codes"], json!({"pending": 1, "used": 2, "expired": 0, "void": 0}));
    assert_eq!(counts["claims"], json!({"pending": 1, "completed": 1, "rejected": 1, "superseded": 0}));
    assert_eq!(counts["redemptions"], json!({"unattributed": 1, "attributed": 1, "rejected": 0}));
    assert_eq!(counts["completions"], json!({"held": 0, "credited": 1, "reversed": 0, "rejected": 1}));
    let stats = world.admin("alma/stats").await;
    assert_eq!(stats["outbox"]["waiting"], 1);
    let pool = world.pool().await;
    assert_eq!((&pool["available"], &pool["pending"], &pool["used"]), (&json!(7), &json!(1), &json!(2)));
    assert_eq!(pool["days_to_empty"], 2);
    let metrics = world.metrics().await;
    for line in [
        r#"referd_pool_codes{app="alma",campaign="friends",status="available"} 7"#,
        r#"referd_completions{app="alma",campaign="friends",status="credited"} 1"#,
        r#"referd_outbox_items{app="alma",kind="grant",status="waiting"} 1"#,
        r#"referd_claims{app="alma",campaign="friends",status="pending"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("ann") && !metrics.contains(&code), "figures name nobody");
    assert_eq!(world.all("completions?status=credited").await[0]["method"], "claim+revenuecat");
    assert_eq!(world.all("redemptions?status=unattributed").await[0]["offer"], OFFER);
    world.done().await;
}
