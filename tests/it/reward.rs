//! Days earned: one absolute end, kept with the completion and sent until RevenueCat shows it.

use crate::support::world::{NOW, World};
use referd::config::Config;
use referd::domain::at::{At, Span};
use referd::domain::id::UserId;
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::json;
use std::time::Duration;

/// The ends that were asked for, in order.
fn asked(world: &World) -> Vec<Option<At>> {
    world.revenuecat.calls().iter().filter(|call| call.method == "POST").map(|call| call.end).collect()
}

fn in_days(days: i64) -> At {
    NOW.plus(Span::days(days))
}

#[tokio::test]
async fn three_completions_within_a_second_are_one_grant() {
    let world = World::stocked(9).await;
    for (n, friend) in ["one", "two", "three"].iter().enumerate() {
        world.completes("ann", friend).await;
        world.settle().await;
        if n < 2 {
            world.advance(Span::millis(300));
        }
    }
    assert!(asked(&world).is_empty(), "it waits for more");
    world.later(Span::seconds(2)).await;
    assert_eq!(asked(&world), [Some(in_days(90))]);
    assert_eq!((world.revenuecat.promo_end("ann"), world.revenuecat.grants("ann")), (Some(in_days(90)), 1));
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    assert_eq!((&stats["days_earned"], &stats["granted_until"]), (&json!(90), &json!("2026-12-20T14:13:20Z")));
    world.done().await;
}

#[tokio::test]
async fn later_completions_extend_what_was_granted() {
    let world = World::stocked(9).await;
    world.completes("ann", "one").await;
    world.later(Span::minutes(1)).await;
    world.later(Span::days(10)).await;
    world.completes("ann", "two").await;
    world.later(Span::minutes(1)).await;
    world.later(Span::days(100)).await;
    world.completes("ann", "three").await;
    world.later(Span::minutes(1)).await;
    let third = Span::days(110).0 + Span::minutes(2).0 + Span::days(30).0;
    assert_eq!(asked(&world), [Some(in_days(30)), Some(in_days(60)), Some(NOW.plus(Span::millis(third)))]);
    world.done().await;
}

#[tokio::test]
async fn different_people_have_their_own_lanes() {
    let world = World::stocked(9).await;
    for referrer in ["ann", "bob", "cleo"] {
        world.completes(referrer, &format!("friend-of-{referrer}")).await;
    }
    world.revenuecat.faults().next(Some(Op::Grant), 1, Fault::Status(401));
    world.later(Span::seconds(3)).await;
    let granted = ["ann", "bob", "cleo"].iter().filter(|user| world.revenuecat.grants(user) == 1).count();
    assert_eq!(granted, 2, "one waits for its key, the others do not wait for it");
    world.done().await;
}

#[tokio::test]
async fn an_answer_that_extended_nothing_is_no_delivery() {
    let world = World::stocked(3).await;
    world.revenuecat.faults().until_cleared(Some(Op::Grant), Fault::NotExtending);
    world.completes("ann", "friend").await;
    for _ in 0..5 {
        world.later(Span::minutes(5)).await;
    }
    let item = world.all("outbox?user=ann").await.remove(0);
    assert_eq!((&item["status"], &item["kind"], &item["target"]), (&json!("waiting"), &json!("grant"), &json!("ann")));
    assert!(item["last_error"].as_str().is_some_and(|why| why.contains("not extended")), "{item}");
    assert!(item["attempts"].as_u64().is_some_and(|attempts| attempts >= 5), "{item}");
    let metrics = world.metrics().await;
    assert!(metrics.contains(r#"kind="grant",status="waiting"} 1"#), "{metrics}");
    let age = metrics.lines().find_map(|line| line.strip_prefix("referd_outbox_oldest_seconds{app=\"alma\"} "));
    assert_eq!(age, Some("1500"));
    assert_eq!(world.revenuecat.grants("ann"), 0);

    world.revenuecat.faults().clear();
    world.later(Span::minutes(5)).await;
    assert_eq!((world.revenuecat.grants("ann"), world.revenuecat.promo_end("ann")), (1, Some(in_days(30))));
    assert!(asked(&world).iter().all(|end| *end == Some(in_days(30))), "every attempt asks for the same end");
    assert_eq!(world.all("outbox?status=waiting").await.len(), 0);
    world.done().await;
}

#[tokio::test]
async fn lost_and_odd_answers_are_asked_for_again_with_the_same_end() {
    let faults = [
        Fault::AcceptThenDrop,
        Fault::DropBefore,
        Fault::CutBody,
        Fault::Html,
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(423),
        Fault::TooMany { retry_after: None },
        Fault::NotExtending,
    ];
    for fault in faults {
        let world = World::stocked(3).await;
        world.revenuecat.faults().next(Some(Op::Grant), 2, fault.clone());
        world.completes("ann", "friend").await;
        world.later(Span::seconds(2)).await;
        assert_eq!(world.all("outbox?status=waiting").await.len(), 1, "{fault:?}");
        world.later(Span::minutes(1)).await;
        world.later(Span::minutes(1)).await;
        assert_eq!(asked(&world), [Some(in_days(30)); 3], "{fault:?}");
        assert_eq!((world.revenuecat.grants("ann"), world.revenuecat.promo_end("ann")), (1, Some(in_days(30))));
        world.done().await;
    }
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept() {
    let world = World::stocked(3).await;
    world.revenuecat.faults().next(Some(Op::Grant), 1, Fault::TooMany { retry_after: Some(900) });
    world.completes("ann", "friend").await;
    world.later(Span::seconds(2)).await;
    world.later(Span::seconds(899)).await;
    assert_eq!(asked(&world).len(), 1);
    world.later(Span::seconds(2)).await;
    assert_eq!((asked(&world).len(), world.revenuecat.grants("ann")), (2, 1));
    world.done().await;
}

#[tokio::test]
async fn a_refused_key_is_tried_again_slowly() {
    let world = World::stocked(3).await;
    world.revenuecat.faults().until_cleared(Some(Op::Grant), Fault::Status(401));
    world.completes("ann", "friend").await;
    world.later(Span::seconds(2)).await;
    world.later(Span::minutes(9)).await;
    assert_eq!(asked(&world).len(), 1);
    let item = world.all("outbox?status=waiting&user=ann").await.remove(0);
    assert!(item["last_error"].as_str().is_some_and(|why| why.contains("401")), "{item}");
    world.revenuecat.faults().clear();
    world.later(Span::minutes(2)).await;
    assert_eq!(world.revenuecat.grants("ann"), 1);
    world.done().await;
}

fn unknown_entitlement(config: &mut Config) {
    config.apps[0].revenuecat.as_mut().expect("there is RevenueCat").entitlement = "gold".to_owned();
}

#[tokio::test]
async fn what_will_never_work_is_dead_until_somebody_deals_with_it() {
    let world = World::stocked_with(5, unknown_entitlement).await;
    world.completes("ann", "friend").await;
    world.later(Span::seconds(2)).await;
    world.rest().await;
    assert_eq!(asked(&world).len(), 1, "a dead item is left alone");
    let item = world.all("outbox?status=dead").await.remove(0);
    assert!(item["last_error"].as_str().is_some_and(|why| why.contains("404")), "{item}");
    let id = item["id"].as_str().expect("an id is text");
    let retried = world.admin_post(&format!("/admin/outbox/{id}/retry"), r#"{"reason":"mended"}"#).await.is(200).json();
    assert_eq!(retried["status"], "waiting");
    world.settle().await;
    assert_eq!(asked(&world), [Some(in_days(30)); 2]);
    world.admin_post(&format!("/admin/alma/outbox/{id}/discard"), "").await.is(200);
    world.admin_post(&format!("/admin/outbox/{id}/discard"), "").await.problem(404, "not-found");
    world.admin_post(&format!("/admin/outbox/{id}/retry"), "").await.problem(404, "not-found");
    assert_eq!(world.all("outbox?status=dead").await.len(), 0);
    let by = world.all("journal").await.into_iter().filter(|entry| entry["by"] == "admin:admin").count();
    assert_eq!(by, 3, "a refill, a retry and a discard: each with who and why");
    world.done().await;
}

#[tokio::test]
async fn the_end_grows_while_a_grant_is_held_up() {
    let world = World::stocked(5).await;
    world.revenuecat.faults().until_cleared(Some(Op::Grant), Fault::Status(500));
    world.completes("ann", "one").await;
    world.later(Span::seconds(2)).await;
    world.completes("ann", "two").await;
    world.later(Span::minutes(1)).await;
    world.revenuecat.faults().clear();
    world.later(Span::minutes(5)).await;
    assert_eq!(asked(&world).last(), Some(&Some(in_days(60))));
    assert_eq!((world.revenuecat.grants("ann"), world.all("outbox?status=waiting").await.len()), (1, 0));
    world.done().await;
}

#[tokio::test]
async fn ends_that_revenuecat_takes_for_one_wait_visibly_and_arrive_with_the_next() {
    let world = World::stocked(9).await;
    // Grants of two ids that became one go to the one whose hash is the smaller.
    let hash = |name: &str| world.house().apps[0].ledger.person(&UserId::parse(name).expect("a user id"));
    let (ann, bob) = if hash("ann") < hash("bob") { ("ann", "bob") } else { ("bob", "ann") };
    world.completes(bob, "one").await;
    world.later(Span::seconds(2)).await;
    world.later(Span::hours(30 * 24 - 1)).await;
    world.completes(ann, "two").await;
    world.later(Span::seconds(2)).await;
    let granted = world.revenuecat.promo_end(ann).expect("a grant");

    // The two are one person: the hour that was left of one is added to the other's end, and RevenueCat takes two ends
    // within two hours for one.
    let event = Event::uncancellation(ann, world.now()).set("aliases", json!([ann, bob]));
    world.webhook(&event).await.is(200);
    world.later(Span::seconds(3)).await;
    assert_eq!(world.revenuecat.promo_end(ann), Some(granted));
    let item = world.all("outbox?status=waiting").await.remove(0);
    assert!(item["last_error"].as_str().is_some_and(|why| why.contains("not extended")), "{item}");
    world.completes(ann, "three").await;
    world.later(Span::minutes(5)).await;
    assert_eq!(world.all("outbox?status=waiting").await.len(), 0);
    assert!(world.revenuecat.promo_end(ann) > Some(granted.plus(Span::days(30))));
    world.done().await;
}

#[tokio::test]
async fn a_grant_cut_off_by_the_end_of_the_process_is_sent_again() {
    // With a newer wish behind it, the cut-off one has nothing left to do.
    for (more, ends) in [(false, [in_days(30), in_days(30)]), (true, [in_days(30), in_days(60)])] {
        let mut world = World::stocked(5).await;
        world.completes("ann", "one").await;
        world.revenuecat.faults().next(Some(Op::Grant), 1, Fault::Slow(Duration::from_secs(600)));
        world.advance(Span::seconds(2));
        tokio::select! {
            _ = world.settle() => panic!("the answer is slow"),
            () = async {
                while asked(&world).is_empty() {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        if more {
            world.completes("ann", "two").await;
        }
        assert_eq!(world.all("outbox?status=begun").await.len(), 1);
        world.restart().await;
        assert_eq!(world.all("outbox?status=begun").await.len(), 0);
        world.later(Span::minutes(1)).await;
        assert_eq!(asked(&world), ends.map(Some));
        assert_eq!((world.revenuecat.grants("ann"), world.revenuecat.promo_end("ann")), (1, Some(ends[1])));
        world.done().await;
    }
}
