//! Apple's own word: what it signs is taken in once, and what it did not sign for this app is not.

use crate::support::caller::{Reply, together};
use crate::support::world::{NOW, OFFER, World};
use bytes::Bytes;
use referd::domain::at::Span;
use referd::fake::apple_chain::Chain;
use referd::fake::apple_event::{App, AppTransaction, Notification, RenewalInfo, Transaction, body, v1_body};
use serde_json::{Value, json};

/// A user id that Apple can be told.
const REFEREE: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const PRODUCTION: &str = "/webhooks/apple";
const SANDBOX: &str = "/webhooks/apple/sandbox";

async fn post(world: &World, path: &str, body: Bytes) -> Reply {
    world.raw("POST", &format!("{}{path}", world.public), &[("content-type", "application/json")], body).await
}

fn signed(world: &World, notification: &Notification) -> Bytes {
    body(&notification.signed(world.store.chain(), world.store.app()))
}

fn purchase() -> Transaction {
    Transaction::purchase("2000000000000001", NOW).offer_code(OFFER).token(REFEREE)
}

fn bought() -> Notification {
    Notification::subscribed(&purchase(), NOW)
}

#[tokio::test]
async fn a_purchase_that_only_apple_tells_of() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, REFEREE).await.is(201);
    let uuid = world.store.notify(&bought()).await;
    assert_eq!(world.store.attempts(&uuid)[0].result, "SUCCESS");
    let completion = world.only("completions").await;
    assert_eq!((&completion["method"], &completion["status"]), (&json!("claim+notification"), &json!("credited")));
    world.settle().await;
    let user = world.admin(&format!("users/{REFEREE}")).await;
    assert_eq!(user["subscriptions"][0]["status"], "active");
    assert_eq!(user["subscriptions"][0]["offer"], json!({"type": "code", "id": OFFER}));
    world.done().await;
}

/// Bodies that are refused: what, where, the body, and the reason that is counted.
fn foreign(world: &World) -> Vec<(&'static str, &'static str, Bytes, &'static str)> {
    let (chain, app) = (world.store.chain(), world.store.app());
    let (stranger, other) = (Chain::new(NOW), App { bundle_id: "com.example.other".into(), apple_id: app.apple_id });
    let by = |notification: Notification| signed(world, &notification);
    let about = |field: &str, value: Value| by(bought().set_about(field, value));
    let inner = |value: String| about("signedTransactionInfo", json!(value));
    let renewal = |of: &Transaction| json!(RenewalInfo::of(of).signed(chain, NOW));
    let mut torn = bought().signed(chain, app);
    torn.truncate(torn.len() - 8);
    torn.push_str("AAAAAAAA");
    let old = Notification::subscribed(&purchase(), NOW.minus(Span(Span::days(8).0 + 1)));
    let download = AppTransaction::download("704", NOW);
    let strange_download = json!(download.signed(chain, &other));
    vec![
        ("another root", PRODUCTION, body(&bought().signed(&stranger, app)), "chain"),
        ("another root, sandbox", SANDBOX, body(&bought().sandbox().signed(&stranger, app)), "chain"),
        ("another signature", PRODUCTION, body(&torn), "signature"),
        ("no JWS", PRODUCTION, body("a.b"), "shape"),
        ("nothing", PRODUCTION, Bytes::new(), "body"),
        ("no object", PRODUCTION, "[]".into(), "body"),
        ("no JSON", PRODUCTION, "signedPayload=1".into(), "body"),
        ("no payload", PRODUCTION, json!({"payload": "x"}).to_string().into(), "body"),
        ("an empty payload", PRODUCTION, body(""), "body"),
        ("another bundle", PRODUCTION, about("bundleId", json!("com.example.other")), "bundle"),
        ("no bundle", PRODUCTION, by(bought().without_about("bundleId")), "bundle"),
        ("another Apple ID", PRODUCTION, about("appAppleId", json!(7)), "app"),
        ("no Apple ID", PRODUCTION, by(bought().without_about("appAppleId")), "app"),
        ("sandbox in production", PRODUCTION, by(bought().sandbox()), "environment"),
        ("production in the sandbox", SANDBOX, by(bought()), "environment"),
        ("Xcode", PRODUCTION, about("environment", json!("Xcode")), "environment"),
        ("LocalTesting, sandbox", SANDBOX, about("environment", json!("LocalTesting")), "environment"),
        ("no environment", PRODUCTION, by(bought().without_about("environment")), "environment"),
        ("too old", PRODUCTION, by(old), "too-old"),
        ("undated", PRODUCTION, by(bought().without("signedDate")), "undated"),
        ("about nothing", PRODUCTION, by(bought().without("data")), "parts"),
        ("about two things", PRODUCTION, by(bought().set("summary", json!({}))), "parts"),
        (
            "the renewal of another subscription",
            PRODUCTION,
            about("signedRenewalInfo", renewal(&Transaction::purchase("2000000000000002", NOW))),
            "nested-subscription",
        ),
        (
            "a renewal as the transaction",
            PRODUCTION,
            about("signedTransactionInfo", renewal(&purchase())),
            "nested-bundle",
        ),
        (
            "a transaction as the renewal",
            PRODUCTION,
            about("signedRenewalInfo", json!(purchase().signed(chain, app, NOW))),
            "nested-incomplete",
        ),
        ("a transaction of another app", PRODUCTION, inner(purchase().signed(chain, &other, NOW)), "nested-bundle"),
        (
            "a transaction of the sandbox",
            PRODUCTION,
            inner(purchase().sandbox().signed(chain, app, NOW)),
            "nested-environment",
        ),
        (
            "a renewal of the sandbox",
            PRODUCTION,
            about("signedRenewalInfo", json!(RenewalInfo::of(&purchase()).sandbox().signed(chain, NOW))),
            "nested-environment",
        ),
        (
            "a transaction by another root",
            PRODUCTION,
            inner(purchase().signed(&stranger, app, NOW)),
            "nested-signature",
        ),
        ("a transaction that is none", PRODUCTION, inner("x".to_owned()), "nested-signature"),
        (
            "an app transaction of another app",
            PRODUCTION,
            by(Notification::rescind_consent(&download, NOW).set_about("signedAppTransactionInfo", strange_download)),
            "nested-bundle",
        ),
    ]
}

#[tokio::test]
async fn what_apple_did_not_sign_for_this_app_is_refused() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, REFEREE).await.is(201);
    // With the chain not known yet, and again when what is right was taken in.
    for _ in 0..2 {
        let journal = world.journal();
        for (what, path, body, reason) in foreign(&world) {
            let before = world.webhooks("apple", reason).await;
            let reply = post(&world, path, body).await;
            assert_eq!(reply.status, 401, "{what}: {}", reply.text);
            reply.problem(401, "bad-signature");
            assert_eq!(world.webhooks("apple", reason).await, before + 1, "{what}: {reason}");
            assert_eq!(world.journal(), journal, "{what} left a trace");
        }
        let other = Transaction::purchase("2000000000000009", NOW);
        world.apple(&Notification::subscribed(&other, NOW)).await.is(200);
        world.apple(&Notification::subscribed(&other.sandbox(), NOW)).await.is(200);
    }
    assert_eq!((world.all("redemptions").await, world.all("completions").await), (vec![], vec![]));
    world.apple(&bought()).await.is(200);
    assert_eq!(world.only("completions").await["status"], "credited");
    world.done().await;
}

#[tokio::test]
async fn what_is_not_refused_and_not_kept_either() {
    let world = World::with_apple(|_| {}).await;
    let journal = world.journal();
    let v1 = v1_body("INITIAL_BUY", &purchase(), world.store.app(), NOW);
    for path in [PRODUCTION, SANDBOX] {
        assert_eq!(post(&world, path, v1.clone()).await.is(200).json()["status"], "ignored");
    }
    assert_eq!(world.webhooks("apple", "ignored").await, 2);

    // Apple's clock is right: it comes again, when this one is.
    let tomorrow = Notification::subscribed(&purchase(), NOW.plus(Span(Span::days(1).0 + 1)));
    let reply = world.apple(&tomorrow).await;
    assert!(reply.header("retry-after").is_some());
    reply.problem(503, "unavailable");
    assert_eq!(world.webhooks("apple", "from-the-future").await, 1);

    post(&world, PRODUCTION, vec![b' '; (1 << 20) + 1].into()).await.problem(413, "too-large");
    assert_eq!(world.webhooks("apple", "too-large").await, 1);
    // No route takes as much: it is refused before one is looked for.
    post(&world, PRODUCTION, vec![b' '; 4 << 20].into()).await.problem(413, "too-large");
    assert_eq!(world.journal(), journal);
    world.advance(Span::hours(1));
    assert_eq!(world.apple(&tomorrow).await.is(200).json()["status"], "kept");
    world.done().await;
}

#[tokio::test]
async fn how_old_a_notification_may_be() {
    let old = |days| Notification::subscribed(&Transaction::purchase("2000000000000001", NOW), NOW.minus(days));
    let week = World::with_apple(|_| {}).await;
    week.apple(&old(Span::days(8))).await.is(200);
    week.apple(&old(Span(Span::days(8).0 + 1))).await.problem(401, "bad-signature");
    week.done().await;
    let any = World::with_apple(|config| config.apps[0].notifications.max_age_days = 0).await;
    any.apple(&old(Span::days(300))).await.is(200);
    // The certificate is a year old.
    any.apple(&old(Span::days(366))).await.problem(401, "bad-signature");
    assert_eq!(any.webhooks("apple", "not-yet-valid").await, 1);
    any.done().await;
}

#[tokio::test]
async fn nobody_is_asked_for_an_apple_id_in_the_sandbox() {
    let world = World::with_apple(|_| {}).await;
    for (n, notification) in
        [bought().without_about("appAppleId"), bought().set_about("appAppleId", json!(7))].into_iter().enumerate()
    {
        let uuid = json!(format!("00000000-0000-4000-8000-00000000000{n}"));
        world.apple(&notification.sandbox().set("notificationUUID", uuid)).await.is(200);
    }
    assert_eq!(world.only("redemptions").await["environment"], "SANDBOX");
    world.done().await;
}

#[tokio::test]
async fn a_notification_counts_once() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, REFEREE).await.is(201);
    assert_eq!(world.apple(&bought()).await.is(200).json()["status"], "kept");
    let journal = world.journal();
    for _ in 0..3 {
        assert_eq!(world.apple(&bought()).await.is(200).json()["status"], "repeated");
    }
    // The same UUID with something else in it: the first stands.
    let other = Transaction::purchase("2000000000000002", NOW).offer_code("OTHER");
    let again = Notification::subscribed(&other, NOW).set("notificationUUID", json!(bought().uuid()));
    assert_eq!(world.apple(&again).await.is(200).json()["status"], "repeated");
    assert_eq!((world.journal(), world.all("redemptions").await.len()), (journal, 1));
    assert_eq!((world.webhooks("apple", "kept").await, world.webhooks("apple", "repeated").await), (1, 4));
    world.rest().await;
    assert_eq!(world.revenuecat.grants("ann"), 1);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_have_one_effect() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world.claim(&code, REFEREE).await.is(201);
    let (journal, url, body) = (world.journal(), format!("{}{PRODUCTION}", world.public), signed(&world, &bought()));
    let said = together((0..20).map(|_| {
        let (caller, url, body) = (world.caller(), url.clone(), body.clone());
        async move { caller.raw("POST", &url, &[], body).await.is(200).json()["status"].clone() }
    }))
    .await;
    assert_eq!(said.iter().filter(|status| **status == "kept").count(), 1, "{said:?}");
    assert_eq!(world.journal(), journal + 1);
    world.only("completions").await;
    world.rest().await;
    assert_eq!(world.revenuecat.grants("ann"), 1);
    world.done().await;
}
