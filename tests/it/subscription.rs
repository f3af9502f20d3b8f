//! What Apple says of a subscription: of each part the latest word, in whatever order the words come.

use crate::support::world::{NOW, OFFER, World};
use referd::domain::at::Span;
use referd::domain::policy::Environment;
use referd::fake::apple_event::{AppTransaction, Notification, RenewalInfo, Transaction, body};
use referd::wire::text::rfc3339;
use serde_json::{Value, json};

/// Types and subtypes of App Store Server Notifications V2, and some that nobody has heard of.
const KINDS: &[(&str, &[&str])] = &[
    ("SUBSCRIBED", &["INITIAL_BUY", "RESUBSCRIBE"]),
    ("DID_CHANGE_RENEWAL_PREF", &["", "UPGRADE", "DOWNGRADE"]),
    ("DID_CHANGE_RENEWAL_STATUS", &["AUTO_RENEW_ENABLED", "AUTO_RENEW_DISABLED"]),
    ("OFFER_REDEEMED", &["", "UPGRADE", "DOWNGRADE", "INITIAL_BUY", "RESUBSCRIBE"]),
    ("DID_RENEW", &["", "BILLING_RECOVERY"]),
    ("EXPIRED", &["VOLUNTARY", "BILLING_RETRY", "PRICE_INCREASE", "PRODUCT_NOT_FOR_SALE"]),
    ("DID_FAIL_TO_RENEW", &["", "GRACE_PERIOD"]),
    ("GRACE_PERIOD_EXPIRED", &[""]),
    ("PRICE_INCREASE", &["PENDING", "ACCEPTED"]),
    ("REFUND", &[""]),
    ("REFUND_DECLINED", &[""]),
    ("REFUND_REVERSED", &[""]),
    ("CONSUMPTION_REQUEST", &[""]),
    ("RENEWAL_EXTENDED", &[""]),
    ("RENEWAL_EXTENSION", &["FAILURE"]),
    ("REVOKE", &[""]),
    ("ONE_TIME_CHARGE", &[""]),
    ("METADATA_UPDATE", &[""]),
    ("MIGRATION", &[""]),
    ("PRICE_CHANGE", &[""]),
    ("EXTERNAL_PURCHASE_TOKEN", &["CREATED", "ACTIVE_TOKEN_REMINDER", "UNREPORTED"]),
    ("SOMETHING_NEW", &["", "AND_ITS_SUBTYPE"]),
];

/// A user id that Apple can be told, one for each number.
fn uuid(n: usize) -> String {
    format!("E621E1F8-C36C-495A-93FC-{n:012}")
}

fn original(n: usize) -> String {
    format!("20000000000{n:05}")
}

#[tokio::test]
async fn every_type_is_kept_and_explained() {
    let world = World::with_apple(|_| {}).await;
    let kinds = KINDS.iter().flat_map(|(kind, subtypes)| subtypes.iter().map(move |subtype| (*kind, *subtype)));
    for (n, (kind, subtype)) in kinds.enumerate() {
        let (id, user) = (original(n), uuid(n));
        let bought = Transaction::purchase(&id, NOW).token(&user);
        let subtype = Some(subtype).filter(|subtype| !subtype.is_empty());
        let (journal, named) =
            (world.journal(), subtype.map_or(kind.to_owned(), |subtype| format!("{kind}/{subtype}")));
        let reply = world.apple(&Notification::about(kind, subtype, &bought, NOW)).await.is(200);
        assert_eq!((&reply.json()["status"], world.journal()), (&json!("kept"), journal + 1), "{named}");
        let told = world.admin(&format!("explain/{id}")).await;
        assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "{named}");
        let summary = told["items"][0]["summary"].as_str().expect("a summary is text");
        assert!(summary.contains(&named) && summary.contains(&id), "{summary}");
        let subscription = &told["subscriptions"][0];
        assert_eq!((&subscription["user"], &subscription["status"]), (&json!(user), &json!("active")), "{named}");
        assert_eq!(&world.admin(&format!("users/{user}")).await["subscriptions"][0], subscription, "{named}");
        assert!(world.metrics().await.contains(&format!("kind=\"{named}\"")), "{named}");
    }
    assert_eq!((world.all("redemptions").await, world.all("completions").await), (vec![], vec![]));
    world.done().await;
}

#[tokio::test]
async fn what_is_about_no_purchase_is_kept() {
    let world = World::with_apple(|_| {}).await;
    let consent = AppTransaction::download("704", NOW);
    let odd = Notification::about("SUBSCRIBED", None, &Transaction::purchase("2000000000000007", NOW), NOW);
    for (n, notification) in [
        Notification::test(NOW),
        Notification::test(NOW).sandbox(),
        Notification::summary("premium_monthly", 5, 2, NOW),
        Notification::summary("premium_monthly", 5, 2, NOW).sandbox(),
        Notification::external_purchase_token(NOW),
        Notification::external_purchase_token(NOW).sandbox(),
        Notification::rescind_consent(&consent, NOW),
        Notification::rescind_consent(&consent, NOW).sandbox(),
        odd.clone().without("notificationType"),
        odd.clone().set("notificationType", json!(7)),
        odd.clone().set("subtype", json!({})),
        odd.clone().without("notificationUUID").set("subtype", json!("NAMELESS")),
        odd.clone().without("notificationUUID").set("subtype", json!("NAMELESS")).without("version"),
        odd.clone().set_about("status", json!(77)),
        odd.clone().without_about("signedRenewalInfo"),
        odd.without_about("signedTransactionInfo"),
    ]
    .into_iter()
    .enumerate()
    {
        let is_nameless = notification.subtype() == Some("NAMELESS");
        let named = notification.clone().set("notificationUUID", json!(uuid(n)));
        let notification = if is_nameless { notification } else { named };
        let journal = world.journal();
        let what = format!("{} {:?}", notification.kind(), notification.subtype());
        // Signed once: the same bytes, for those that have no id.
        let path = if notification.environment() == Environment::Sandbox { "/sandbox" } else { "" };
        let url = format!("{}/webhooks/apple{path}", world.public);
        let body = body(&notification.signed(world.store.chain(), world.store.app()));
        for status in ["kept", "repeated"] {
            let reply = world.raw("POST", &url, &[], body.clone()).await.is(200).json();
            assert_eq!((&reply["status"], world.journal()), (&json!(status), journal + 1), "{what}");
        }
    }
    world.done().await;
}

/// A year of a subscription, told by Apple; each part with the word that must hold in the end.
fn year(id: &str, user: &str) -> [Notification; 4] {
    let day = |days: i64| NOW.plus(Span::days(days));
    let first = Transaction::purchase(id, NOW).offer_code(OFFER).token(user);
    let second = Transaction::renewal_of(&first, &format!("{id}1"));
    let next = |renewal: RenewalInfo| renewal.product("premium_yearly").offer(2, "COMEBACK");
    [
        Notification::subscribed(&first, NOW),
        Notification::did_fail_to_renew(&first, Some(day(36)), day(30)),
        Notification::did_renew(&second, day(31)).renewing(next),
        // Of the first month: it says nothing of the second, which stays active.
        Notification::refund(&first, day(32)).renewing(next).set_about("status", json!(1)),
    ]
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let insert = |order: Vec<usize>| {
        (0..=order.len()).map(move |at| [&order[..at], &[count - 1], &order[at..]].concat()).collect::<Vec<_>>()
    };
    orders(count - 1).into_iter().flat_map(insert).collect()
}

#[tokio::test]
async fn an_older_word_never_replaces_a_newer_one() {
    let world = World::with_apple(|config| config.apps[0].notifications.max_age_days = 0).await;
    world.advance(Span::days(33));
    let mut ends: Vec<Value> = Vec::new();
    for (n, order) in orders(4).into_iter().enumerate() {
        let (id, user) = (original(n), uuid(n));
        let words = year(&id, &user).map(|word| word.set("n", json!(n)));
        for place in &order {
            world.apple(&words[*place]).await.is(200);
        }
        let mut subscription = world.admin(&format!("users/{user}")).await["subscriptions"][0].clone();
        assert_eq!(subscription["original_transaction_id"], id, "{order:?}");
        assert_eq!(subscription["user"], user, "{order:?}");
        assert_eq!(subscription["transaction_id"], format!("{id}1"), "{order:?}");
        for own in ["original_transaction_id", "user", "transaction_id"] {
            subscription[own] = Value::Null;
        }
        ends.push(subscription);
        let refunded = world.only(&format!("redemptions?user={user}")).await;
        assert_eq!(refunded["transaction_id"], id, "{order:?}");
    }
    let end = |days: i64| rfc3339(NOW.plus(Span::days(days)));
    let expected = json!({
        "original_transaction_id": null, "user": null, "transaction_id": null, "environment": "PRODUCTION",
        "status": "active", "product_id": "premium_monthly", "purchased_at": end(30), "expires_at": end(60), "paid_until": end(60),
        "revoked_at": null, "family_shared": false, "is_test": false, "offer": null, "auto_renew": true, "renews_at": end(30),
        "renews_to": "premium_yearly", "next_offer": {"type": "promotional", "id": "COMEBACK"}, "grace_until": null,
        "redeemed_offers": [OFFER], "ended_because": null,
    });
    for (order, found) in orders(4).into_iter().zip(ends) {
        assert_eq!(found, expected, "{order:?}");
    }
    world.done().await;
}

#[tokio::test]
async fn each_state_is_shown() {
    let world = World::with_apple(|_| {}).await;
    let bought = |n: usize| Transaction::purchase(&original(n), NOW).token(&uuid(n));
    let ended = |n: usize| bought(n).expires(NOW.plus(Span::hours(1)));
    world.advance(Span::hours(2));
    let now = world.now();
    let grace = now.plus(Span::days(6));
    // (what Apple says, a field of it, its value)
    let rows: [(Notification, &str, Value); 14] = [
        (Notification::subscribed(&bought(0), now), "status", json!("active")),
        (Notification::expired(&ended(1), now), "status", json!("expired")),
        (Notification::did_fail_to_renew(&ended(2), None, now), "status", json!("billing_retry")),
        (Notification::did_fail_to_renew(&ended(3), Some(grace), now), "status", json!("grace_period")),
        (Notification::did_fail_to_renew(&ended(4), Some(grace), now), "grace_until", json!(rfc3339(grace))),
        (Notification::refund(&bought(5), now), "status", json!("revoked")),
        (Notification::refund(&bought(6), now), "revoked_at", json!(rfc3339(now))),
        (Notification::revoke(&bought(7), now), "family_shared", json!(true)),
        (Notification::renewal_turned(&bought(8), false, now), "auto_renew", json!(false)),
        (Notification::renewal_turned(&bought(9), true, now), "auto_renew", json!(true)),
        (Notification::one_time_charge(&bought(10).one_time(), now), "expires_at", Value::Null),
        (Notification::one_time_charge(&bought(11).one_time(), now), "status", json!("active")),
        (Notification::subscribed(&bought(12).sandbox(), now), "environment", json!("SANDBOX")),
        (
            Notification::subscribed(&bought(13).offer(1, None), now),
            "offer",
            json!({"type": "introductory", "id": null}),
        ),
    ];
    for (n, (notification, field, expected)) in rows.into_iter().enumerate() {
        world.apple(&notification).await.is(200);
        let told = world.admin(&format!("explain/{}", original(n))).await["subscriptions"][0].clone();
        assert_eq!((&told[field], &told["user"]), (&expected, &json!(uuid(n))), "{n}: {told}");
        assert_eq!(world.admin(&format!("users/{}", uuid(n))).await["subscriptions"][0], told, "{n}");
    }
    world.done().await;
}
