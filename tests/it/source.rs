//! One story, told by RevenueCat, by Apple and by the app: whoever tells it, in whatever order and however often, it
//! ends the same.

use crate::support::world::{NOW, OFFER, World};
use referd::domain::at::Span;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

const ID: &str = "2000000000000001";
/// A user id that Apple can be told.
const BOB: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Claim,
    RevenueCat,
    Apple,
    App,
    /// RevenueCat knows the purchase and not the offer.
    Renewal,
    /// Apple names nobody.
    Nameless,
    /// The app shows a period of the subscription that has no offer.
    Shown,
}

fn bought() -> Transaction {
    Transaction::purchase(ID, NOW).offer_code(OFFER)
}

async fn tell(world: &World, step: Step, code: &str) {
    let event = |event: Event| event.transaction(ID, ID).set("purchased_at_ms", json!(NOW.0));
    let reply = match step {
        Step::Claim => world.claim(code, BOB).await,
        Step::RevenueCat => world.webhook(&event(Event::initial_purchase(BOB, NOW).offer(OFFER))).await,
        Step::Apple => world.apple(&Notification::subscribed(&bought().token(BOB), NOW)).await,
        Step::App => world.shows(code, BOB, &bought()).await,
        Step::Renewal => {
            let renewal = Event::renewal(BOB, NOW).transaction("2000000000000002", ID);
            world.webhook(&renewal).await
        }
        Step::Nameless => world.apple(&Notification::subscribed(&bought(), NOW)).await,
        Step::Shown => world.shows(code, BOB, &Transaction::renewal_of(&bought(), "2000000000000002")).await,
    };
    assert!((200..300).contains(&reply.status), "{step:?}: {}", reply.text);
}

/// How it stands in the end, but for the method and the times.
async fn standing(world: &World) -> Value {
    world.rest().await;
    let mut completion = world.only("completions").await;
    let mut redemption = world.only("redemptions").await;
    let mut claim = world.only("claims").await;
    for field in ["method", "claimed_at", "credited_at"] {
        completion[field] = Value::Null;
    }
    claim["claimed_at"] = Value::Null;
    claim["at"] = Value::Null;
    for field in ["source", "sources"] {
        redemption[field] = Value::Null;
    }
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    let granted = world.revenuecat.promo_end("ann").expect("the reward arrived");
    let left = granted.0 - world.now().0;
    assert!((Span::days(29).0..=Span::days(30).0).contains(&left), "{left}");
    json!({
        "completion": completion, "redemption": redemption, "claim": claim, "code": world.only("codes?status=used").await["code"],
        "earned": stats["days_earned"], "credited": stats["completions"]["credited"],
        "grants": world.revenuecat.grants("ann"), "counts": world.counts().await["completions"],
    })
}

/// Tells the steps, each after all before it were told again so many times.
async fn told(steps: &[Step], again: usize, restarts: bool) -> (Value, Value) {
    let mut world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    for (n, step) in steps.iter().enumerate() {
        tell(&world, *step, &code).await;
        for _ in 0..again {
            for step in &steps[..=n] {
                tell(&world, *step, &code).await;
            }
        }
        if restarts {
            world.restart().await;
        }
    }
    let method = world.only("completions").await["method"].clone();
    let end = standing(&world).await;
    world.done().await;
    (end, method)
}

#[tokio::test]
async fn whoever_tells_it() {
    use Step::*;
    let (expected, _) = told(&[Claim, RevenueCat], 0, false).await;
    assert_eq!((&expected["grants"], &expected["earned"]), (&json!(1), &json!(30)));
    for (steps, method) in [
        (&[Claim, RevenueCat][..], "claim+revenuecat"),
        (&[RevenueCat, Claim], "claim+revenuecat"),
        (&[Claim, Apple], "claim+notification"),
        (&[Apple, Claim], "claim+notification"),
        (&[App], "claim+transaction"),
        (&[Claim, App], "claim+transaction"),
        (&[Claim, Renewal, Nameless], "claim+notification"),
        (&[Claim, Nameless, Renewal], "claim+notification"),
        (&[Renewal, Nameless, Claim], "claim+notification"),
        (&[Nameless, Renewal, Claim], "claim+notification"),
        (&[Nameless, Claim, Renewal], "claim+notification"),
        (&[Shown, Nameless], "claim+notification"),
        (&[Nameless, Shown], "claim+notification"),
        (&[Nameless, App], "claim+transaction"),
    ] {
        let (end, by) = told(steps, 0, false).await;
        assert_eq!(by, method, "{steps:?}");
        assert_eq!(end, expected, "{steps:?}");
    }
}

#[tokio::test]
async fn all_of_them_in_every_order() {
    use Step::*;
    let (expected, _) = told(&[Claim, RevenueCat], 0, false).await;
    for order in [
        [RevenueCat, Apple, App],
        [RevenueCat, App, Apple],
        [Apple, RevenueCat, App],
        [Apple, App, RevenueCat],
        [App, RevenueCat, Apple],
        [App, Apple, RevenueCat],
    ] {
        for steps in [[&[Claim], &order[..]].concat(), [&order[..], &[Claim]].concat()] {
            let (end, _) = told(&steps, 0, false).await;
            assert_eq!(end, expected, "{steps:?}");
        }
    }
}

#[tokio::test]
async fn however_often_and_with_a_restart_after_each() {
    use Step::*;
    let (expected, _) = told(&[Claim, RevenueCat], 0, false).await;
    for steps in [[Claim, RevenueCat, Apple, App], [App, Apple, RevenueCat, Claim], [Nameless, Renewal, Apple, App]] {
        let (end, _) = told(&steps, 3, true).await;
        assert_eq!(end, expected, "{steps:?}");
    }
}
