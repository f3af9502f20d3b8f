//! The stock: asked of Apple once, whatever goes wrong on the way, and taken in from files.

use crate::support::caller::{Reply, together};
use crate::support::world::World;
use referd::config::Config;
use referd::domain::at::Span;
use referd::fake::app_store_connect::Csv;
use referd::fake::faults::{Fault, Op};
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

fn low_water(mark: u32, size: u32) -> impl FnOnce(&mut Config) {
    move |config| {
        let pool = &mut config.apps[0].campaigns[0].policy.pool;
        (pool.low_water, pool.batch_size) = (mark, size);
    }
}

#[tokio::test]
async fn an_empty_pool_is_filled_in_every_form_that_apple_may_answer() {
    for redeem_urls in [false, true] {
        for (header, bom, crlf) in
            [(false, false, false), (true, true, true), (false, true, false), (false, false, true)]
        {
            let world = World::with(low_water(5, 25)).await;
            world.apple.set_csv(Csv { redeem_urls, header, bom, crlf });
            world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
            assert!(world.settle().await >= 2, "asked for, and read");
            let pool = world.pool().await;
            assert_eq!((&pool["available"], &pool["batches"][0]["status"]), (&json!(25), &json!("ready")));
            let made = world.apple.codes(&world.apple.batches()[0].id);
            assert_eq!(world.my_code("ann").await, made[0]);
            world.done().await;
        }
    }
}

#[tokio::test]
async fn a_batch_is_complete_only_when_all_its_codes_are_there() {
    let world = World::with(low_water(5, 25)).await;
    let faults = world.apple.faults();
    faults.next(Some(Op::Values), 1, Fault::ValuesDelay);
    faults.next(Some(Op::Values), 1, Fault::EmptyValues);
    faults.next(Some(Op::Values), 1, Fault::ShortValues { missing: 1 });
    faults.next(Some(Op::Values), 1, Fault::CutBody);
    faults.next(Some(Op::Values), 1, Fault::Html);
    faults.next(Some(Op::Values), 1, Fault::Status(500));
    faults.next(Some(Op::Values), 1, Fault::AcceptThenDrop);
    world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
    world.settle().await;
    for round in 0..7 {
        let pool = world.pool().await;
        assert_eq!((&pool["available"], &pool["batches"][0]["status"]), (&json!(0), &json!("generating")), "{round}");
        world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
        world.later(Span::hours(1)).await;
    }
    assert_eq!(world.pool().await["available"], 25);
    assert_eq!((world.posts_to_apple(), world.apple.batches().len()), (1, 1));
    world.done().await;
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_adopted() {
    for fault in [Fault::AcceptThenDrop, Fault::CutBody] {
        let world = World::with(low_water(5, 25)).await;
        world.apple.faults().next(Some(Op::CreateBatch), 1, fault);
        world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
        world.settle().await;
        assert_eq!(world.pool().await["batches"][0]["status"], "requested");
        world.later(Span::seconds(5)).await;
        let pool = world.pool().await;
        assert_eq!((&pool["available"], &pool["batches"].as_array().unwrap().len()), (&json!(25), &1));
        assert_eq!((world.posts_to_apple(), world.apple.batches().len()), (1, 1));
        world.done().await;
    }
}

#[tokio::test]
async fn a_request_that_never_arrived_is_looked_for_three_times_and_then_sent_again_once() {
    // 500 does not say whether the work was done.
    for fault in [Fault::DropBefore, Fault::Status(500), Fault::Status(503), Fault::Html] {
        let world = World::with(low_water(5, 25)).await;
        world.apple.faults().next(Some(Op::CreateBatch), 1, fault.clone());
        world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
        world.settle().await;
        for _ in 0..12 {
            world.later(Span::seconds(25)).await;
        }
        let looks = world.apple.calls().iter().filter(|call| call.path.ends_with("/oneTimeUseCodes")).count();
        assert_eq!((looks, world.posts_to_apple(), world.apple.batches().len()), (3, 2, 1), "{fault:?}");
        assert_eq!(world.pool().await["available"], 25);
        world.done().await;
    }
}

#[tokio::test]
async fn looking_again_after_a_second_lost_answer_still_finds_the_one_batch() {
    let world = World::with(low_water(5, 25)).await;
    let faults = world.apple.faults();
    faults.next(Some(Op::CreateBatch), 1, Fault::AcceptThenDrop);
    faults.next(Some(Op::ListBatches), 1, Fault::AcceptThenDrop);
    faults.next(Some(Op::ListBatches), 1, Fault::Status(500));
    faults.next(Some(Op::ListBatches), 1, Fault::TooMany { retry_after: Some(60) });
    world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
    world.rest().await;
    assert_eq!((world.posts_to_apple(), world.apple.batches().len()), (1, 1));
    assert_eq!(world.pool().await["available"], 25);
    world.done().await;
}

#[tokio::test]
async fn refusals_wait_as_they_ask() {
    // (fault, too early, late enough)
    let rows = [
        (Fault::TooMany { retry_after: Some(600) }, 599, 601),
        (Fault::TooMany { retry_after: None }, 59, 75),
        (Fault::Status(401), 599, 601),
        (Fault::Status(403), 599, 601),
    ];
    for (fault, early, late) in rows {
        let world = World::with(low_water(5, 25)).await;
        world.apple.faults().next(Some(Op::CreateBatch), 1, fault.clone());
        world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
        world.settle().await;
        let item = world.all("outbox?status=waiting").await.remove(0);
        assert!(item["last_error"].as_str().is_some_and(|why| why.contains("App Store Connect answered")), "{item}");
        assert_eq!(world.later(Span::seconds(early)).await, 0, "{fault:?}");
        assert!(world.later(Span::seconds(late - early)).await >= 2, "{fault:?}");
        assert_eq!((world.apple.batches().len(), &world.pool().await["available"]), (1, &json!(25)), "{fault:?}");
        world.done().await;
    }
}

#[tokio::test]
async fn an_offer_that_ended_fails_the_batch_visibly() {
    let world = World::with(low_water(5, 25)).await;
    let offer = world.house().apps[0].config.campaigns[0].policy.offer_code_id.clone();
    world.apple.deactivate_offer(&offer);
    world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
    world.settle().await;
    let pool = world.pool().await;
    assert_eq!(pool["batches"][0]["status"], "failed");
    assert!(pool["batches"][0]["error"].as_str().is_some_and(|why| why.contains("409")), "{pool}");
    assert!(pool["next_request_not_before"].is_string(), "{pool}");
    let dead = world.all("outbox?status=dead").await;
    assert_eq!((dead.len(), &dead[0]["kind"]), (1, &json!("request_batch")));
    assert!(world.metrics().await.contains(r#"status="dead"} 1"#));

    world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
    world.settle().await;
    assert_eq!(world.posts_to_apple(), 1, "the pause holds");
    world.refill().await;
    assert_eq!(world.posts_to_apple(), 2, "by hand it does not");
    world.later(Span::hours(3)).await;
    world.get("/referral/my-code", "ann").await.problem(503, "pool-empty");
    world.settle().await;
    assert_eq!(world.posts_to_apple(), 3, "after the pause it is tried again");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_triggers_make_one_request() {
    let world = World::with(low_water(100, 60)).await;
    let (caller, hand) = (world.caller(), world.caller());
    let asked = together((0..50).map(|n| {
        let caller = caller.clone();
        async move { caller.get("/referral/my-code", &format!("user-{n}")).await.status }
    }));
    let by_hand = together((0..5).map(|_| {
        let hand = hand.clone();
        async move { hand.admin_post("/admin/pool/refill", "{}").await.is(202).json()["batch"].clone() }
    }));
    let ledger = world.house().apps[0].ledger.clone();
    let bell = async { referd::motor::look(&ledger, "friends".to_owned()).await };
    let (asked, by_hand, ()) = tokio::join!(asked, by_hand, bell);
    assert!(asked.iter().all(|status| *status == 503));
    assert!(by_hand.windows(2).all(|pair| pair[0] == pair[1]), "{by_hand:?}");
    assert_eq!(world.pool().await["batches"].as_array().map(Vec::len), Some(1));
    world.apple.faults().until_cleared(Some(Op::Values), Fault::ValuesDelay);
    world.settle().await;
    referd::motor::look(&ledger, "friends".to_owned()).await;
    world.refill().await;
    assert_eq!((world.posts_to_apple(), world.apple.batches().len()), (1, 1), "none while one is coming");
    drop(ledger);
    world.done().await;
}

#[tokio::test]
async fn a_pool_below_its_mark_is_filled_by_the_next_draw() {
    let world = World::with(low_water(8, 10)).await;
    world.refill().await;
    for n in 0..2 {
        world.my_code(&format!("user-{n}")).await;
    }
    world.settle().await;
    assert_eq!(world.posts_to_apple(), 1, "eight are left, which is the mark");
    world.my_code("user-2").await;
    world.settle().await;
    assert_eq!((world.posts_to_apple(), &world.pool().await["available"]), (2, &json!(17)));
    world.done().await;
}

#[tokio::test]
async fn an_individual_key_works() {
    let world = World::with(|config| {
        config.apps[0].app_store_connect.as_mut().expect("there is a key").issuer_id = None;
    })
    .await;
    world.refill().await;
    assert_eq!(world.pool().await["available"], 10);
    world.done().await;
}

#[tokio::test]
async fn a_request_cut_off_by_the_end_of_the_process_is_looked_for() {
    // Apple may have done the work (the answer is slow to come), or not (nothing was done before the end).
    for (fault, posts) in [(Fault::AcceptThenDrop, 1), (Fault::Slow(Duration::from_secs(600)), 2)] {
        let mut world = World::with(low_water(5, 25)).await;
        world.apple.faults().next(Some(Op::CreateBatch), 1, fault.clone());
        world.apple.faults().next(Some(Op::ListBatches), 1, Fault::Slow(Duration::from_secs(600)));
        world.ask_refill().await.is(202);
        let last = if posts == 1 { "GET" } else { "POST" };
        tokio::select! {
            _ = async { loop { world.settle().await; world.advance(Span::seconds(1)); } } => {}
            () = async { while !world.apple.calls().iter().any(|call| call.method == last) { tokio::task::yield_now().await } } => {}
        }
        assert_eq!(world.all("outbox?status=begun").await.len(), 1);
        world.restart().await;
        assert_eq!(world.all("outbox?status=begun").await.len(), 0);
        world.apple.faults().clear();
        world.rest().await;
        assert_eq!((world.posts_to_apple(), world.apple.batches().len()), (posts, 1), "{fault:?}");
        assert_eq!(world.pool().await["available"], 25);
        world.done().await;
    }
}

fn list(from: u32, to: u32) -> String {
    (from..to).map(|n| format!("IMPORTED{n:010}\n")).collect()
}

async fn import(world: &World, query: &str, body: impl Into<bytes::Bytes>) -> Reply {
    world.admin_post(&format!("/admin/pool/import?campaign=friends&expires_at=2027-02-01{query}"), body).await
}

#[tokio::test]
async fn lists_are_taken_in_once() {
    let world = World::start().await;
    let journal = world.journal();
    let counts = |reply: Reply| {
        let body = reply.is(200).json();
        (body["codes"].as_u64(), body["imported"].as_u64(), body["known"].as_u64(), body["repeated_in_file"].as_u64())
    };
    let some = |codes, imported, known, repeated| (Some(codes), Some(imported), Some(known), Some(repeated));
    assert_eq!(counts(import(&world, "&dry_run=true", list(0, 300)).await), some(300, 300, 0, 0));
    assert_eq!(world.journal(), journal, "a dry run changes nothing");
    assert_eq!(counts(import(&world, "", list(0, 300)).await), some(300, 300, 0, 0));
    let journal = world.journal();
    assert_eq!(counts(import(&world, "", list(0, 300)).await), some(300, 0, 300, 0));
    assert_eq!(world.journal(), journal, "the same list again changes nothing");
    assert_eq!(counts(import(&world, "", list(200, 500)).await), some(300, 200, 100, 0));
    assert_eq!(counts(import(&world, "", format!("{}{}", list(490, 510), list(500, 505))).await), some(20, 10, 10, 5));
    assert_eq!(world.pool().await["available"], 510);

    let mut seen = HashSet::new();
    for n in 0..510 {
        assert!(seen.insert(world.my_code(&format!("user-{n}")).await), "code {n} was given before");
    }
    world.get("/referral/my-code", "one-more").await.problem(503, "pool-empty");
    assert_eq!(counts(import(&world, "", list(0, 510)).await), some(510, 0, 510, 0), "given codes are known too");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_lists_at_once_give_each_code_once() {
    let world = World::start().await;
    let caller = world.caller();
    let imported = together((0..6).map(|n| {
        let caller = caller.clone();
        async move {
            let path = "/admin/pool/import?campaign=friends&expires_at=2027-02-01";
            caller.admin_post(path, list(n * 50, n * 50 + 250)).await.is(200).json()["imported"].as_u64().unwrap_or(0)
        }
    }))
    .await;
    assert_eq!(imported.iter().sum::<u64>(), 500);
    assert_eq!(world.pool().await["available"], 500);
    world.done().await;
}

#[tokio::test]
async fn a_bad_list_is_refused_by_line() {
    let world = World::start().await;
    let journal = world.journal();
    let bad = format!("{}not a code!\n{}", list(0, 3), list(3, 5));
    let problem = import(&world, "", bad).await.problem(400, "bad-request");
    let detail = problem["detail"].as_str().expect("it says why");
    assert!(detail.contains('4') && !detail.contains("not a code"), "{detail}");
    for (body, query) in [("", ""), ("\u{feff}\n", ""), ("IMPORTED0000000001\n", "&dry_run=1&dry_run=1")] {
        import(&world, query, body).await.problem(400, "bad-request");
    }
    for query in ["", "expires_at=2020-01-01", "expires_at=tomorrow", "expires_at=2027-13-40"] {
        let reply = world.admin_post(&format!("/admin/pool/import?{query}"), list(0, 3)).await;
        reply.problem(400, "bad-request");
    }
    let reply = world.admin_post("/admin/pool/import?campaign=other&expires_at=2027-02-01", list(0, 3)).await;
    reply.problem(404, "not-found");
    assert_eq!((world.journal(), &world.pool().await["available"]), (journal, &json!(0)));
    world.done().await;
}

#[tokio::test]
async fn codes_are_issued_as_a_list() {
    let world = World::stocked(12).await;
    let issue = |count: u32| {
        let body =
            json!({"campaign": "friends", "count": count, "assigned_to": "creator-jen", "label": "spring, \"one\""});
        world.admin_post("/admin/codes/issue", body.to_string())
    };
    let reply = issue(10).await.is(200);
    assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")));
    let lines: Vec<&str> = reply.text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (11, "code,redeem_url,expires_at,assigned_to,label"));
    let made = world.apple.codes(&world.apple.batches()[0].id);
    for (line, code) in lines[1..].iter().zip(&made) {
        let redeem = format!("https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code={code}");
        assert!(line.starts_with(&format!("{code},{redeem},")), "{line}");
        assert!(
            line.ends_with(r#","creator-jen","spring, ""one""""#)
                || line.ends_with(r#",creator-jen,"spring, ""one""""#)
        );
    }
    issue(3).await.problem(503, "pool-empty");
    assert_eq!(world.pool().await["available"], 2, "all or none");
    for count in [0, 10_001] {
        issue(count).await.problem(400, "bad-request");
    }
    world.claim(&made[3], "referee").await.is(201);
    world.buys("referee").await;
    assert_eq!(world.all("completions?user=creator-jen").await.len(), 1);
    world.done().await;
}

#[tokio::test]
async fn codes_end_by_the_clock() {
    let world = World::stocked(10).await;
    let (used, shared) = (world.my_code("ann").await, world.my_code("bob").await);
    world.claim(&used, "referee").await.is(201);
    world.buys("referee").await;

    // Within the reserve nothing new is handed out, and what was handed out stands.
    world.later(Span::days(167)).await;
    assert_eq!(world.pool().await["available"], 0);
    world.get("/referral/my-code", "cleo").await.problem(503, "pool-empty");
    assert_eq!(world.my_code("bob").await, shared, "with nothing else to give, it is better than none");

    world.later(Span::days(20)).await;
    let pool = world.pool().await;
    let counts = ["available", "pending", "used", "expired", "void"].map(|status| pool[status].as_u64());
    assert_eq!(counts, [0, 0, 1, 9, 0].map(Some));
    world.claim(&shared, "late").await.problem(410, "code-expired");
    world.get("/referral/my-code", "bob").await.problem(503, "pool-empty");
    world.refill().await;
    assert_ne!(world.my_code("bob").await, shared);
    world.done().await;
}
