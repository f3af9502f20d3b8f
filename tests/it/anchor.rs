//! Days that begin after what the referrer pays for (`anchor = "paid"`), and move with it.

use crate::support::world::{NOW, World};
use referd::domain::at::{At, Span};
use referd::domain::policy::{Anchor, Milestone};
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::revenuecat_event::Event;
use serde_json::json;

/// A referrer that Apple can name.
const ANN: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const FIRST: &str = "2000000000000001";

fn day(n: i64) -> At {
    NOW.plus(Span::days(n))
}

async fn world() -> World {
    World::with_apple(|config| {
        config.apps[0].campaigns[0].policy.reward.anchor = Anchor::Paid;
        config.apps[0].campaigns[0].policy.reward.milestones = vec![Milestone { referrals: 2, days: 10 }];
        config.apps[0].notifications.max_age_days = 0;
    })
    .await
}

/// The n-th month that she pays for.
fn month(n: i64) -> Transaction {
    let id = if n == 0 { FIRST.to_owned() } else { format!("200000000000010{n}") };
    let first = Transaction::purchase(&id, day(30 * n)).token(ANN).set("originalTransactionId", json!(FIRST));
    if n == 0 { first } else { first.set("transactionReason", json!("RENEWAL")) }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Apple, RevenueCat: the n-th month was paid.
    Paid(i64),
    PaidByRevenueCat(i64),
    Refunded(i64),
    RefundedByRevenueCat(i64),
    Restored(i64),
    /// A sandbox purchase of hers.
    Tested,
    /// A friend completes.
    Friend(&'static str),
    FriendRefunded(&'static str),
    On(i64),
    Restart,
}

use Step::*;

async fn take(world: &mut World, step: Step) {
    let event = |event: Event, n: i64| {
        let (id, times) = (month(n).id().to_owned(), (day(30 * n).0, day(30 * n + 30).0));
        event.transaction(&id, FIRST).set("purchased_at_ms", json!(times.0)).set("expiration_at_ms", json!(times.1))
    };
    let now = world.now();
    match step {
        Paid(n) => drop(world.apple(&Notification::did_renew(&month(n), NOW)).await.is(200)),
        Refunded(n) => drop(world.apple(&Notification::refund(&month(n), now)).await.is(200)),
        Restored(n) => drop(world.apple(&Notification::refund_reversed(&month(n), now)).await.is(200)),
        PaidByRevenueCat(n) => drop(world.webhook(&event(Event::renewal(ANN, now), n)).await.is(200)),
        RefundedByRevenueCat(n) => {
            world.webhook(&event(Event::cancellation(ANN, "CUSTOMER_SUPPORT", now), n)).await.is(200);
        }
        Tested => {
            let tested = Transaction::purchase("2000000000000900", now).token(ANN).sandbox();
            world.apple(&Notification::subscribed(&tested, now)).await.is(200);
        }
        Friend(name) => {
            let code = world.my_code(ANN).await;
            world.claim(&code, name).await.is(201);
            world.webhook(&bought(name, now)).await.is(200);
        }
        FriendRefunded(name) => {
            let event = Event::cancellation(name, "CUSTOMER_SUPPORT", now).transaction(&id_of(name), &id_of(name));
            world.webhook(&event).await.is(200);
        }
        On(n) => {
            let until = day(n);
            world.advance(Span(until.0 - now.0));
        }
        Restart => world.restart().await,
    }
    world.rest().await;
}

fn id_of(name: &str) -> String {
    format!("T-{name}")
}

fn bought(name: &str, at: At) -> Event {
    let event = Event::initial_purchase(name, at).offer(crate::support::world::OFFER);
    event.transaction(&id_of(name), &id_of(name)).set("purchased_at_ms", json!(at.0))
}

/// The end at RevenueCat, in whole days from the beginning, and it is what she is told. Each step took an hour.
async fn end_of(world: &World) -> i64 {
    let granted = world.revenuecat.promo_end(ANN).expect("a grant");
    let told = world.get("/referral/stats", ANN).await.is(200).json();
    assert_eq!(told["granted_until"], referd::wire::text::rfc3339(granted));
    (granted.0 - NOW.0 + Span::hours(12).0) / Span::days(1).0
}

#[tokio::test]
async fn days_wait_for_what_is_paid() {
    // steps -> the end in days
    for (steps, end) in [
        (&[Friend("bob")][..], 30),
        (&[Paid(0), Friend("bob")], 60),
        (&[PaidByRevenueCat(0), Friend("bob")], 60),
        (&[Friend("bob"), Paid(0)], 60),
        (&[Friend("bob"), PaidByRevenueCat(0), Paid(0)], 60),
        (&[Paid(0), Friend("bob"), Paid(1)], 90),
        (&[Paid(0), Friend("bob"), On(29), Paid(1), On(59), Paid(2)], 120),
        (&[Paid(0), Friend("bob"), Friend("eve")], 100),
        (&[Paid(0), Friend("bob"), On(45), Restart, Paid(2)], 60),
        // The renewal is heard of when fifteen days of the grant seemed to have passed.
        (&[Paid(0), Friend("bob"), On(45), Paid(1)], 90),
        (&[Paid(0), Friend("bob"), On(10), Refunded(0)], 40),
        (&[Paid(0), Friend("bob"), On(10), RefundedByRevenueCat(0)], 40),
        (&[Paid(0), Friend("bob"), On(10), Refunded(0), On(12), Restored(0)], 60),
        (&[Paid(0), Friend("bob"), FriendRefunded("bob"), Friend("eve")], 60),
        (&[Paid(0), Friend("bob"), Friend("eve"), FriendRefunded("bob")], 60),
        (&[Tested, Friend("bob"), Tested], 30),
        (&[Paid(0), On(40), Friend("bob")], 70),
    ] {
        let mut world = world().await;
        for step in steps {
            take(&mut world, *step).await;
        }
        assert_eq!(end_of(&world).await, end, "{steps:?}");
        world.done().await;
    }
}

/// The order in which it is told leaves no trace.
#[tokio::test]
async fn whenever_it_is_told() {
    let told = [Paid(0), Paid(1), Refunded(1), Friend("bob")];
    let mut ends = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [3, 1, 0, 2], [1, 3, 0, 2], [0, 3, 1, 2]] {
        let mut world = world().await;
        for at in order {
            let step = told[at];
            take(&mut world, step).await;
        }
        ends.push(end_of(&world).await);
        world.done().await;
    }
    assert_eq!(ends, [60; 5]);
}
