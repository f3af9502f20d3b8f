//! A refund of the redemption's transaction takes its days back, whoever tells of it and whenever.

use crate::support::world::{NOW, OFFER, World};
use referd::domain::at::{At, Span};
use referd::domain::policy::Accept;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

const ID: &str = "2000000000000001";
const RENEWED: &str = "2000000000000002";
/// A user id that Apple can be told.
const BOB: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";

const OTHERS: [&str; 3] = [BOB, "F621E1F8-C36C-495A-93FC-0C247A3E6E5F", "D621E1F8-C36C-495A-93FC-0C247A3E6E5F"];

fn bought() -> Transaction {
    Transaction::purchase(ID, NOW).offer_code(OFFER).token(BOB)
}

fn renewed() -> Transaction {
    Transaction::renewal_of(&bought(), RENEWED).set("purchaseDate", json!(NOW.plus(Span::days(1)).0))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Claim,
    Apple,
    RevenueCat,
    App,
    Refund,
    Revoke,
    FamilyRevoke,
    Cancellation,
    Reversal,
    RevenueCatReversal,
    /// The grants arrive.
    Granted,
    Restart,
    Days(i64),
    /// Of another transaction of the subscription, or no refund at all.
    RefundOfRenewal,
    CancellationOfRenewal,
    Unsubscribed,
    Declined,
    Requested,
    OtherRefund,
}

use Step::*;

async fn take(world: &mut World, step: Step, code: &str) {
    let now = world.now();
    let event = |event: Event, id: &str| event.transaction(id, ID).set("purchased_at_ms", json!(NOW.0));
    let by_apple = match step {
        Apple => Some(Notification::subscribed(&bought(), NOW)),
        Refund => Some(Notification::refund(&bought(), now)),
        Revoke => Some(Notification::about("REVOKE", None, &bought().refunded(now, 0), now)),
        FamilyRevoke => Some(Notification::revoke(&bought(), now)),
        Reversal => Some(Notification::refund_reversed(&bought(), now)),
        RefundOfRenewal => Some(Notification::refund(&renewed(), now)),
        Declined => Some(Notification::refund_declined(&bought(), now)),
        Requested => Some(Notification::consumption_request(&bought(), "OTHER", now)),
        OtherRefund => Some(Notification::refund(&Transaction::purchase("2000000000000003", NOW).token(BOB), now)),
        _ => None,
    };
    let by_revenuecat = match step {
        RevenueCat => Some(event(Event::initial_purchase(BOB, NOW).offer(OFFER), ID)),
        Cancellation => Some(event(Event::cancellation(BOB, "CUSTOMER_SUPPORT", now), ID)),
        RevenueCatReversal => Some(event(Event::refund_reversed(BOB, now), ID)),
        CancellationOfRenewal => Some(event(Event::cancellation(BOB, "CUSTOMER_SUPPORT", now), RENEWED)),
        Unsubscribed => Some(event(Event::cancellation(BOB, "UNSUBSCRIBE", now), ID)),
        _ => None,
    };
    let status = match (by_apple, by_revenuecat, step) {
        (Some(notification), ..) => world.apple(&notification).await.status,
        (_, Some(event), _) => world.webhook(&event).await.status,
        (.., Claim) => world.claim(code, BOB).await.status,
        (.., App) => world.shows(code, BOB, &bought()).await.status,
        (.., Granted) => {
            world.later(Span::minutes(1)).await;
            200
        }
        (.., Restart) => {
            world.restart().await;
            200
        }
        (.., Days(days)) => {
            world.later(Span::days(days)).await;
            200
        }
        (.., step) => unreachable!("{step:?} is told by Apple or RevenueCat"),
    };
    assert!((200..300).contains(&status), "{step:?}: {status}");
}

/// What the referrer is granted in the end, in whole days from now; none where nothing is left.
fn left(world: &World) -> i64 {
    let end = world.revenuecat.promo_end("ann").unwrap_or(At(0));
    (end.0 - world.now().0 + Span::hours(12).0).max(0) / Span::days(1).0
}

async fn check(steps: &[Step], status: &str, days: i64) {
    let mut world = World::with_apple(|config| config.apps[0].notifications.max_age_days = 0).await;
    let code = world.my_code("ann").await;
    for step in steps {
        take(&mut world, *step, &code).await;
    }
    world.rest().await;
    let completion = world.only("completions").await;
    assert_eq!(completion["status"], status, "{steps:?}");
    let is_reversed = status == "reversed";
    assert_eq!(completion["reasons"], if is_reversed { json!(["refund"]) } else { json!([]) }, "{steps:?}");
    assert_eq!(completion["credited_at"].is_null(), is_reversed, "{steps:?}");
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    let counts = json!({"credited": u8::from(!is_reversed), "held": 0, "reversed": u8::from(is_reversed)});
    assert_eq!(stats["completions"], counts, "{steps:?}");
    assert_eq!(stats["days_earned"], if is_reversed { 0 } else { 30 }, "{steps:?}");
    let counted = world.counts().await["completions"].clone();
    assert_eq!((&counted["credited"], &counted["reversed"]), (&counts["credited"], &counts["reversed"]), "{steps:?}");
    assert_eq!(left(&world), days, "{steps:?}");
    world.claim(&code, "eve").await.problem(409, "code-used");
    world.done().await;
}

#[tokio::test]
async fn a_refund_takes_the_days_back() {
    for refund in [Refund, Revoke, FamilyRevoke, Cancellation] {
        for steps in [
            &[Claim, Apple, refund][..],
            &[Claim, Apple, Granted, refund],
            &[Claim, Apple, Granted, Days(10), refund],
            &[Claim, Apple, Granted, Restart, refund, Restart],
            &[Claim, RevenueCat, Granted, refund],
            &[App, Granted, refund],
            &[Apple, refund, Claim],
            &[RevenueCat, refund, Claim],
            &[refund, Claim, Apple],
            &[Claim, refund, Apple],
            &[refund, App],
            &[refund, RevenueCat, Restart, Claim],
            &[Claim, Apple, Granted, refund, refund, Cancellation, Refund],
        ] {
            check(steps, "reversed", 0).await;
        }
    }
}

#[tokio::test]
async fn a_reversal_gives_back_what_was_taken() {
    for reversal in [Reversal, RevenueCatReversal] {
        for (steps, days) in [
            (&[Claim, Apple, Refund, Days(1), reversal][..], 30),
            (&[Claim, Apple, Granted, Refund, Days(1), reversal], 30),
            (&[Claim, Apple, Granted, Days(10), Refund, Days(5), reversal], 20),
            (&[Claim, Apple, Granted, Days(10), Cancellation, Days(5), reversal], 20),
            (&[Apple, Refund, Days(1), reversal, Claim], 30),
            (&[Refund, Days(1), reversal, Claim, Apple], 30),
            (&[Apple, Refund, Claim, Days(1), reversal], 30),
            (&[Claim, Apple, Refund, Days(1), reversal, reversal], 30),
            (&[Claim, Apple, Granted, Refund, Days(1), reversal, Days(1), Refund, Days(1), reversal], 29),
        ] {
            check(steps, "credited", days).await;
        }
        check(&[Claim, Apple, Refund, Days(1), reversal, Days(1), Refund], "reversed", 0).await;
    }
}

#[tokio::test]
async fn the_latest_word_holds_in_either_order() {
    for refund_first in [true, false] {
        let world = World::with_apple(|_| {}).await;
        let code = world.my_code("ann").await;
        world.claim(&code, BOB).await.is(201);
        world.apple(&Notification::subscribed(&bought(), NOW)).await.is(200);
        world.advance(Span::days(2));
        let refund = Notification::refund(&bought(), NOW.plus(Span::days(1)));
        let reversed = Notification::refund_reversed(&bought(), world.now());
        let order = if refund_first { [&refund, &reversed] } else { [&reversed, &refund] };
        for notification in order {
            world.apple(notification).await.is(200);
        }
        assert_eq!(world.only("completions").await["status"], "credited", "{refund_first}");
        // RevenueCat tells of the refund late, but when it was made is what counts.
        let late = Event::cancellation(BOB, "CUSTOMER_SUPPORT", NOW.plus(Span::hours(25))).transaction(ID, ID);
        world.webhook(&late).await.is(200);
        assert_eq!(world.only("completions").await["status"], "credited", "{refund_first}");
        world.done().await;
    }
}

#[tokio::test]
async fn what_is_no_refund_of_the_redemption() {
    for other in [RefundOfRenewal, CancellationOfRenewal, Unsubscribed, Declined, Requested, OtherRefund, Reversal] {
        for steps in [
            &[Claim, Apple, other][..],
            &[Apple, Days(1), other, Claim],
            &[other, Claim, Apple],
            &[Claim, other, RevenueCat],
        ] {
            check(steps, "credited", 30).await;
        }
    }
}

#[tokio::test]
async fn a_refunded_renewal_that_was_told_first_is_not_the_redemption() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, BOB).await.is(201);
    world.advance(Span::days(2));
    // The offer spans several periods, and the first one is heard of last.
    let second = renewed().offer_code(OFFER);
    world.apple(&Notification::refund(&second, world.now())).await.is(200);
    assert_eq!(world.only("completions").await["status"], "reversed");
    world.apple(&Notification::subscribed(&bought(), NOW)).await.is(200);
    assert_eq!(world.only("completions").await["status"], "credited");
    world.rest().await;
    assert_eq!(left(&world), 30);
    world.done().await;
}

#[tokio::test]
async fn the_days_of_other_completions_stay() {
    let world = World::with_apple(|_| {}).await;
    let buys = |n: usize| Transaction::purchase(&format!("200000000000001{n}"), NOW).offer_code(OFFER).token(OTHERS[n]);
    for (n, user) in OTHERS.iter().enumerate() {
        let code = world.my_code("ann").await;
        world.claim(&code, user).await.is(201);
        world.apple(&Notification::subscribed(&buys(n), NOW)).await.is(200);
    }
    world.rest().await;
    assert_eq!(left(&world), 90);
    for (n, days) in [(1, 60), (0, 30)] {
        world.apple(&Notification::refund(&buys(n), world.now())).await.is(200);
        world.rest().await;
        assert_eq!(left(&world), days);
    }
    world.advance(Span::days(1));
    world.apple(&Notification::refund_reversed(&buys(1), world.now())).await.is(200);
    world.rest().await;
    assert_eq!(left(&world), 59);
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    assert_eq!(stats["completions"], json!({"credited": 2, "held": 0, "reversed": 1}));
    assert_eq!(world.all("completions?status=reversed").await.len(), 1);
    world.done().await;
}

/// The team granted something by hand; the referrer's thirty days, or sixty, are taken back to thirty, or none.
#[tokio::test]
async fn what_the_team_granted_stays() {
    let none: &[&str] = &[];
    // (kind and days of the team's grant, completions, refunds) -> days left, whether anything was revoked
    for (kind, given, completions, refunds, days, revokes) in [
        ("monthly", 31, 1, 1, 31, 0),
        ("weekly", 7, 1, 1, 7, 1),
        ("weekly", 7, 2, 1, 30, 1),
        ("two_month", 61, 2, 1, 61, 0),
        ("monthly", 31, 2, 1, 31, 1),
        ("custom", 90, 2, 2, 90, 0),
        ("lifetime", 73_000, 2, 1, 73_000, 0),
    ] {
        for faults in [none, &["grant"], &["revoke"], &["read"], &["grant", "revoke", "read"]] {
            let world = World::with_apple(|_| {}).await;
            let buys = |n: usize| {
                Transaction::purchase(&format!("200000000000001{n}"), NOW).offer_code(OFFER).token(OTHERS[n])
            };
            for (n, user) in OTHERS.iter().enumerate().take(completions) {
                let code = world.my_code("ann").await;
                world.claim(&code, user).await.is(201);
                world.apple(&Notification::subscribed(&buys(n), NOW)).await.is(200);
            }
            world.rest().await;
            world.revenuecat.give("ann", "premium", kind, world.now().plus(Span::days(given)));
            for fault in faults {
                let op = match *fault {
                    "grant" => Op::Grant,
                    "revoke" => Op::Revoke,
                    _ => Op::GetSubscriber,
                };
                world.revenuecat.faults().next(Some(op), 2, Fault::AcceptThenDrop);
            }
            for n in 0..refunds {
                world.apple(&Notification::refund(&buys(n), world.now())).await.is(200);
            }
            world.rest().await;
            let row = format!("{kind} {given} {completions} {refunds} {faults:?}");
            assert_eq!(left(&world), days, "{row}");
            let revoked =
                world.revenuecat.calls().iter().filter(|call| call.path.ends_with("revoke_promotionals")).count();
            assert_eq!(revoked > 0, revokes > 0, "{row}");
            world.done().await;
        }
    }
}

/// Time that somebody granted, and that was kept when days were taken back, is there after the process ended in between.
#[tokio::test]
async fn what_the_team_granted_is_remembered() {
    let mut world = World::with_apple(|_| {}).await;
    let buys = || Transaction::purchase(ID, NOW).offer_code(OFFER).token(BOB);
    let code = world.my_code("ann").await;
    world.claim(&code, BOB).await.is(201);
    world.apple(&Notification::subscribed(&buys(), NOW)).await.is(200);
    world.rest().await;
    world.revenuecat.give("ann", "premium", "weekly", world.now().plus(Span::days(7)));
    world.revenuecat.faults().until_cleared(Some(Op::Grant), Fault::Status(500));
    world.apple(&Notification::refund(&buys(), world.now())).await.is(200);
    world.later(Span::seconds(3)).await;
    assert_eq!(left(&world), 0, "revoked, and not granted again yet");
    world.restart().await;
    world.revenuecat.faults().clear();
    world.rest().await;
    assert_eq!(left(&world), 7);
    let kept = world.admin("explain/ann").await["items"].to_string();
    assert!(kept.contains("somebody else's grants reach until"), "{kept}");
    world.done().await;
}

#[tokio::test]
async fn who_referred_themselves_stays_rejected() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code(BOB).await;
    world.apple(&Notification::subscribed(&bought(), NOW)).await.is(200);
    world.claim(&code, BOB).await.problem(422, "self-referral");
    world.apple(&Notification::refund(&bought(), NOW)).await.is(200);
    world.advance(Span::days(1));
    world.apple(&Notification::refund_reversed(&bought(), world.now())).await.is(200);
    let completion = world.only("completions").await;
    assert_eq!((&completion["status"], &completion["days"]), (&json!("rejected"), &json!(0)));
    world.rest().await;
    assert_eq!(world.revenuecat.calls().len(), 0);
    world.done().await;
}

#[tokio::test]
async fn a_refund_in_the_sandbox_takes_nothing() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, BOB).await.is(201);
    let tested = bought().sandbox();
    world.apple(&Notification::subscribed(&tested, NOW)).await.is(200);
    world.apple(&Notification::refund(&tested, NOW)).await.is(200);
    let completion = world.only("completions").await;
    assert_eq!((&completion["status"], &completion["is_test"]), (&json!("reversed"), &json!(true)));
    world.rest().await;
    assert_eq!(world.revenuecat.calls().len(), 0);
    let explained = world.admin(&format!("explain/{ID}")).await["items"].as_array().map(Vec::len);
    assert!(explained.is_some_and(|entries| entries >= 2));
    assert_eq!(world.admin(&format!("users/{BOB}")).await["subscriptions"][0]["status"], Value::from("revoked"));
    world.done().await;
}

#[tokio::test]
async fn whatever_it_was_credited_by() {
    // RevenueCat named the code.
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    let named = Event::initial_purchase(BOB, NOW).offer(&code).transaction(ID, ID);
    world.webhook(&named).await.is(200);
    assert_eq!(world.only("completions").await["method"], "code");
    world.apple(&Notification::refund(&bought(), NOW)).await.is(200);
    assert_eq!(world.only("completions").await["status"], "reversed");
    world.done().await;
    // The app's word was enough, and the purchase came later.
    for refund_first in [true, false] {
        let world =
            World::with_apple(|config| config.apps[0].campaigns[0].policy.attribution.accept = Accept::Confirm).await;
        let code = world.my_code("ann").await;
        world.confirm(&code, BOB).await.is(200);
        let told = [Notification::refund(&bought(), NOW), Notification::subscribed(&bought(), NOW)];
        for at in if refund_first { [0, 1] } else { [1, 0] } {
            world.apple(&told[at]).await.is(200);
        }
        assert_eq!(world.only("completions").await["status"], "reversed", "{refund_first}");
        world.rest().await;
        assert_eq!(left(&world), 0);
        world.done().await;
    }
}

#[tokio::test]
async fn the_purchase_moved_on() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, BOB).await.is(201);
    world.apple(&Notification::subscribed(&bought(), NOW)).await.is(200);
    world.advance(Span::hours(1));
    world.webhook(&Event::transfer(&[BOB], &["eve"], world.now())).await.is(200);
    assert_eq!(world.only("completions").await["referee"], BOB);
    world.advance(Span::hours(1));
    let refund = Event::cancellation("eve", "CUSTOMER_SUPPORT", world.now()).transaction(ID, ID);
    world.webhook(&refund).await.is(200);
    assert_eq!(world.only("completions").await["status"], "reversed");
    world.rest().await;
    assert_eq!(left(&world), 0);
    world.done().await;
}

#[tokio::test]
async fn one_apple_account_and_a_refund() {
    for refund_first in [true, false] {
        let world = World::with_apple(|_| {}).await;
        let code = world.my_code("ann").await;
        world.claim(&code, BOB).await.is(201);
        let bought = bought().app_transaction_id("704");
        world.apple(&Notification::subscribed(&bought, NOW)).await.is(200);
        let own = Transaction::purchase("2000000000000007", NOW).app_transaction_id("704");
        let told = Event::initial_purchase("ann", NOW).transaction(own.id(), own.id());
        world.webhook(&told).await.is(200);
        let both = [Notification::refund(&bought, NOW), Notification::subscribed(&own, NOW)];
        for at in if refund_first { [0, 1] } else { [1, 0] } {
            world.apple(&both[at]).await.is(200);
        }
        world.advance(Span::days(1));
        world.apple(&Notification::refund_reversed(&bought, world.now())).await.is(200);
        let completion = world.only("completions").await;
        assert_eq!((&completion["status"], &completion["reasons"]), (&json!("rejected"), &json!(["self_referral"])));
        let stats = world.get("/referral/stats", "ann").await.is(200).json();
        assert_eq!(stats["completions"], json!({"credited": 0, "held": 0, "reversed": 0}), "{refund_first}");
        world.rest().await;
        assert_eq!((left(&world), &stats["days_earned"]), (0, &json!(0)));
        world.done().await;
    }
}

#[tokio::test]
async fn a_grant_whose_answer_was_lost_is_taken_back_too() {
    for fault in [Fault::AcceptThenDrop, Fault::DropBefore, Fault::Status(500), Fault::CutBody] {
        let world = World::with_apple(|_| {}).await;
        let code = world.my_code("ann").await;
        world.claim(&code, BOB).await.is(201);
        world.apple(&Notification::subscribed(&bought(), NOW)).await.is(200);
        world.revenuecat.faults().next(Some(Op::Grant), 3, fault.clone());
        world.revenuecat.faults().next(Some(Op::Revoke), 2, fault.clone());
        world.later(Span::seconds(3)).await;
        world.apple(&Notification::refund(&bought(), world.now())).await.is(200);
        world.rest().await;
        assert_eq!(left(&world), 0, "{fault:?}");
        world.done().await;
    }
}
