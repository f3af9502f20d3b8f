//! What the app shows for a redemption: a transaction, or its own download, signed by Apple.

use crate::support::caller::{SERVER_KEY, together};
use crate::support::tokens::{AUDIENCE, ISSUER, claims, es256, public_pem};
use crate::support::world::{NOW, OFFER, World};
use referd::config::{Algorithm, Jwt, JwtKey};
use referd::domain::at::Span;
use referd::fake::apple_chain::Chain;
use referd::fake::apple_event::{App, AppTransaction, Notification, Transaction};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

const ID: &str = "2000000000000001";

fn bought() -> Transaction {
    Transaction::purchase(ID, NOW).offer_code(OFFER)
}

#[tokio::test]
async fn a_signed_transaction_credits_at_once() {
    for claims_first in [true, false] {
        let world = World::with_apple(|_| {}).await;
        let code = world.my_code("ann").await;
        if claims_first {
            world.claim(&code, "bob").await.is(201);
        }
        let reply = world.shows(&code, "bob", &bought()).await.is(200).json();
        assert_eq!((&reply["status"], &reply["claim"]["status"]), (&json!("credited"), &json!("completed")));
        assert_eq!(reply["completion"]["method"], "claim+transaction");
        let journal = world.journal();
        for _ in 0..3 {
            assert_eq!(world.shows(&code, "bob", &bought()).await.is(200).json()["status"], "credited");
        }
        let completion = world.only("completions").await;
        assert_eq!((&completion["original_transaction_id"], &completion["days"]), (&json!(ID), &json!(30)));
        assert_eq!(world.only("redemptions").await["sources"], json!(["app"]));
        assert!(world.journal() >= journal);
        world.rest().await;
        assert_eq!(world.revenuecat.grants("ann"), 1);
        world.done().await;
    }
}

#[tokio::test]
async fn nobody_else_completes_with_the_same_transaction() {
    let world = World::with_apple(|_| {}).await;
    let (code, other) = (world.my_code("ann").await, world.my_code("zoe").await);
    world.shows(&code, "bob", &bought()).await.is(200);
    world.shows(&other, "eve", &bought()).await.problem(409, "already-claimed");
    // Nor with a later signature of it, a renewal of the subscription, or a claim of before.
    world.advance(Span::minutes(5));
    world.shows(&other, "eve", &bought()).await.problem(409, "already-claimed");
    let renewal = Transaction::renewal_of(&bought(), "2000000000000002").offer_code(OFFER);
    world.claim(&other, "mia").await.is(201);
    world.shows(&other, "mia", &renewal).await.problem(409, "already-claimed");
    world
        .shows(&code, "eve", &Transaction::purchase("2000000000000003", NOW).offer_code(OFFER))
        .await
        .problem(409, "code-used");
    assert_eq!(world.only("completions").await["referee"], "bob");
    // What Apple says of it later is still of the completion.
    world.apple(&Notification::refund(&bought(), world.now())).await.is(200);
    assert_eq!(world.only("completions").await["status"], "reversed");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_with_one_transaction_one_completes() {
    let world = World::with_apple(|_| {}).await;
    let body = json!({ "signed_transaction": world.signed(&bought()) });
    let mut calls = Vec::new();
    for n in 0..12 {
        let code = world.my_code(&format!("referrer-{n}")).await;
        for user in [format!("user-{n}"), format!("user-{n}"), format!("user-{}", n + 20)] {
            let (caller, code, body) = (world.caller(), code.clone(), body.clone());
            calls.push(async move { caller.confirm_with(&code, &user, &body).await.status });
        }
    }
    let statuses = together(calls).await;
    assert!(statuses.contains(&200) && statuses.iter().all(|status| matches!(status, 200 | 202 | 409)), "{statuses:?}");
    assert_eq!(world.only("completions").await["original_transaction_id"], ID);
    world.only("redemptions").await;
    world.done().await;
}

#[tokio::test]
async fn what_proves_nothing_is_refused() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    let (chain, app, now) = (world.store.chain(), world.store.app().clone(), world.now());
    let (stranger, other) = (Chain::new(NOW), App { bundle_id: "com.example.other".into(), ..app.clone() });
    let elsewhere = App { apple_id: 7, ..app.clone() };
    let good = bought().signed(chain, &app, now);
    let segments: Vec<&str> = good.split('.').collect();
    let payload = bought().offer_code("OTHER").signed(chain, &app, now);
    let payload: Vec<&str> = payload.split('.').collect();
    let download = AppTransaction::download("704", NOW);
    let old = NOW.minus(Span(Span::days(38).0 + 1));
    let is = |field: &str, jws: String| json!({ field: jws });
    let transaction = |jws| is("signed_transaction", jws);
    let rows = [
        ("another root", transaction(bought().signed(&stranger, &app, now)), "bad-signature"),
        ("another payload", transaction([segments[0], payload[1], segments[2]].join(".")), "bad-signature"),
        ("no signature", transaction(format!("{}.{}.", segments[0], segments[1])), "bad-signature"),
        ("nothing", transaction(String::new()), "bad-signature"),
        ("no JWS", transaction("x".repeat(1000)), "bad-signature"),
        (
            "before the certificate",
            transaction(bought().signed(chain, &app, now.minus(Span::days(400)))),
            "bad-signature",
        ),
        (
            "after the certificate",
            transaction(bought().signed(chain, &app, now.plus(Span::days(400)))),
            "bad-signature",
        ),
        ("too old to be met", transaction(bought().signed(chain, &app, old)), "bad-signature"),
        ("undated", transaction(bought().without("signedDate").signed(chain, &app, now)), "bad-signature"),
        ("another app", transaction(bought().signed(chain, &other, now)), "wrong-app"),
        ("no app", transaction(bought().without("bundleId").signed(chain, &app, now)), "wrong-app"),
        ("Xcode", transaction(bought().set("environment", json!("Xcode")).signed(chain, &app, now)), "wrong-app"),
        ("an app transaction", transaction(download.signed(chain, &app)), "wrong-app"),
        ("another root's download", is("app_transaction", download.signed(&stranger, &app)), "bad-signature"),
        ("another app's download", is("app_transaction", download.signed(chain, &other)), "wrong-app"),
        ("another Apple ID's download", is("app_transaction", download.signed(chain, &elsewhere)), "wrong-app"),
        ("a transaction for a download", is("app_transaction", good.clone()), "wrong-app"),
        (
            "one good, one not",
            json!({"signed_transaction": good, "app_transaction": download.signed(chain, &other)}),
            "wrong-app",
        ),
    ];
    let journal = world.journal();
    for (what, body, problem) in rows {
        let reply = world.confirm_with(&code, "bob", &body).await;
        assert_eq!(reply.status, 401, "{what}: {}", reply.text);
        let said = reply.problem(401, problem)["detail"].to_string();
        assert!(!said.contains(ID) && !said.contains("com.example.other"), "{what}: {said}");
        assert_eq!(world.journal(), journal, "{what}");
    }
    for body in
        [json!({"signed_transaction": 7}), json!([]), json!({"app_transaction": {}}), json!({"device_token": 1})]
    {
        world.confirm_with(&code, "bob", &body).await.problem(400, "bad-request");
    }
    let early = transaction(bought().signed(chain, &app, now.plus(Span::days(2))));
    world.confirm_with(&code, "bob", &early).await.problem(503, "unavailable");
    assert_eq!(world.journal(), journal);
    world.shows(&code, "bob", &bought()).await.is(200);
    world.done().await;
}

#[tokio::test]
async fn the_sandbox_earns_nothing() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    let reply = world.shows(&code, "bob", &bought().sandbox()).await.is(200).json();
    assert_eq!((&reply["status"], &reply["completion"]["is_test"]), (&json!("credited"), &json!(true)));
    let completion = world.only("completions").await;
    assert_eq!((&completion["days"], &completion["method"]), (&json!(0), &json!("claim+transaction")));
    assert_eq!(world.only("redemptions").await["environment"], "SANDBOX");
    world.rest().await;
    assert_eq!(world.revenuecat.grants("ann"), 0);
    world.done().await;
}

#[tokio::test]
async fn a_purchase_without_the_offer_tells_whose_it_is() {
    for other in [
        Transaction::purchase(ID, NOW),
        Transaction::purchase(ID, NOW).offer_code("OTHER"),
        Transaction::purchase(ID, NOW).offer_code(&OFFER.to_lowercase()),
        Transaction::purchase(ID, NOW).offer(1, None),
        Transaction::purchase(ID, NOW).offer(2, OFFER),
        Transaction::purchase(ID, NOW).offer(4, OFFER),
    ] {
        let world = World::with_apple(|_| {}).await;
        let code = world.my_code("ann").await;
        let reply = world.shows(&code, "bob", &other).await.is(202).json();
        assert_eq!(reply["status"], "awaiting_purchase");
        assert_eq!(world.all("completions").await, Vec::<Value>::new());
        let told = world.admin("users/bob").await["subscriptions"][0].clone();
        assert_eq!((&told["original_transaction_id"], &told["user"]), (&json!(ID), &json!("bob")));
        // Apple names nobody in it, and still it is known whose it is.
        world.advance(Span::days(1));
        let upgraded = Transaction::renewal_of(&other, "2000000000000002")
            .set("inAppOwnershipType", json!("PURCHASED"))
            .set("purchaseDate", json!(world.now().0))
            .offer_code(OFFER);
        world.apple(&Notification::offer_redeemed(&upgraded, world.now())).await.is(200);
        let completion = world.only("completions").await;
        assert_eq!((&completion["referee"], &completion["status"]), (&json!("bob"), &json!("credited")));
        assert_eq!(completion["method"], "claim+notification");
        world.done().await;
    }
}

#[tokio::test]
async fn the_window_holds_for_evidence_too() {
    for (days, completes) in [(29, true), (31, false)] {
        let world = World::with_apple(|_| {}).await;
        world.advance(Span::days(days));
        let code = world.my_code("ann").await;
        let reply = world.shows(&code, "bob", &bought()).await;
        assert_eq!(reply.status, if completes { 200 } else { 202 }, "{days}");
        assert_eq!(world.all("completions").await.len(), usize::from(completes));
        assert_eq!(world.only("redemptions").await["user"], "bob");
        world.done().await;
    }
}

#[tokio::test]
async fn a_download_alone_is_no_purchase() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    let download = AppTransaction::download("704", NOW).signed(world.store.chain(), world.store.app());
    for _ in 0..2 {
        let reply = world.confirm_with(&code, "bob", &json!({ "app_transaction": download })).await.is(202).json();
        assert_eq!(reply["status"], "awaiting_purchase");
    }
    assert_eq!(world.admin("users/bob").await["app_transaction_ids"], json!(["704"]));
    assert_eq!(world.all("redemptions").await, Vec::<Value>::new());
    world.done().await;
}

/// What shows that the referrer and the referee share an Apple Account, or that the referee bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The referrer's own purchase, as Apple tells it, and RevenueCat whose it is.
    ReferrerNotified,
    /// The referrer's download, shown when they confirmed somebody else's code.
    ReferrerDownload,
    RefereeDownload,
    RefereeShows,
    RefereeNotified,
    Claim,
}

const ANN: &str = "A621E1F8-C36C-495A-93FC-0C247A3E6E5A";
const BOB: &str = "B621E1F8-C36C-495A-93FC-0C247A3E6E5B";

async fn take(world: &World, step: Step, code: &str, elses: &str) -> u16 {
    let own = |id: &str| Transaction::purchase(id, NOW).app_transaction_id("704");
    let download = AppTransaction::download("704", NOW).signed(world.store.chain(), world.store.app());
    let download = json!({ "app_transaction": download });
    let theirs = own("2000000000000008").offer_code(OFFER);
    match step {
        Step::ReferrerNotified => {
            world.apple(&Notification::subscribed(&own("2000000000000007").token(ANN), NOW)).await.status
        }
        Step::ReferrerDownload => world.confirm_with(elses, ANN, &download).await.status,
        Step::RefereeDownload => world.confirm_with(code, BOB, &download).await.status,
        Step::RefereeShows => world.shows(code, BOB, &theirs).await.status,
        Step::RefereeNotified => world.apple(&Notification::subscribed(&theirs.token(BOB), NOW)).await.status,
        Step::Claim => world.claim(code, BOB).await.status,
    }
}

#[tokio::test]
async fn one_apple_account_is_one_person() {
    use Step::*;
    // In each of them it is known in the end that both have one Apple Account, and that the referee bought.
    for (steps, last) in [
        (&[ReferrerNotified, RefereeShows][..], 422),
        (&[RefereeShows, ReferrerNotified], 200),
        (&[ReferrerNotified, RefereeDownload], 422),
        (&[ReferrerNotified, RefereeNotified, Claim], 422),
        (&[RefereeNotified, ReferrerNotified, Claim], 422),
        (&[Claim, RefereeNotified, ReferrerNotified], 200),
        (&[Claim, ReferrerNotified, RefereeNotified], 200),
        (&[ReferrerDownload, RefereeDownload], 422),
        (&[RefereeDownload, ReferrerDownload], 202),
        (&[ReferrerDownload, RefereeShows], 422),
        (&[RefereeShows, ReferrerDownload], 202),
        (&[RefereeNotified, Claim, ReferrerDownload], 202),
        (&[RefereeNotified, RefereeDownload, RefereeShows, ReferrerNotified], 200),
    ] {
        let world = World::with_apple(|_| {}).await;
        let (code, elses) = (world.my_code(ANN).await, world.my_code("zoe").await);
        let mut status = 0;
        for step in steps {
            status = take(&world, *step, &code, &elses).await;
        }
        assert_eq!(status, last, "{steps:?}");
        world.rest().await;
        world.confirm(&code, BOB).await.problem(422, "self-referral");
        world.claim(&code, BOB).await.problem(422, "self-referral");
        let completion = world.only("completions").await;
        assert_eq!((&completion["referrer"], &completion["referee"]), (&json!(ANN), &json!(BOB)), "{steps:?}");
        assert_eq!(completion["status"], "rejected", "{steps:?}");
        assert_eq!(completion["reasons"], json!(["self_referral"]), "{steps:?}");
        let used = world.only("codes?status=used").await;
        assert_eq!(used["code"], code, "{steps:?}");
        let end = world.revenuecat.promo_end(ANN);
        assert!(end.is_none_or(|end| end <= world.now()), "{steps:?}: what was granted is taken back");
        assert_eq!(world.get("/referral/stats", ANN).await.is(200).json()["days_earned"], 0, "{steps:?}");
        world.done().await;
    }
}

#[tokio::test]
async fn two_apple_accounts_are_two_people() {
    let world = World::with_apple(|_| {}).await;
    let code = world.my_code("ann").await;
    world
        .webhook(&Event::initial_purchase("ann", NOW).transaction("2000000000000007", "2000000000000007"))
        .await
        .is(200);
    world.apple(&Notification::subscribed(&Transaction::purchase("2000000000000007", NOW), NOW)).await.is(200);
    world.shows(&code, "bob", &bought()).await.is(200);
    assert_eq!(world.only("completions").await["status"], "credited");
    world.done().await;
}

#[tokio::test]
async fn only_the_teams_server_names_a_user_to_apple() {
    let world = World::with_apple(|config| {
        let key = JwtKey::Public(public_pem(3));
        let (issuer, audience) = (ISSUER.to_owned(), AUDIENCE.to_owned());
        let jwt = Jwt { algorithm: Algorithm::Es256, key, issuer, audience, user_claim: "sub".to_owned() };
        config.apps[0].auth.jwt = Some(jwt);
    })
    .await;
    let code = world.my_code("ann").await;
    let own = format!("Bearer {}", es256(3, None, &claims("bob", NOW.0 / 1000 + 60)));
    let server = format!("Bearer {SERVER_KEY}");
    let token = "C621E1F8-C36C-495A-93FC-0C247A3E6E5C";
    let confirm = format!("{}/referral/confirm-redemption?referral_code={code}", world.public);
    let claim = format!("{}/referral/claim", world.public);
    for (url, with) in [(&confirm, json!({})), (&claim, json!({ "code": code }))] {
        let body = |token: &str| {
            let mut body = with.clone();
            body["app_account_token"] = json!(token);
            body.to_string()
        };
        let journal = world.journal();
        world.raw("POST", url, &[("authorization", &own)], body(token)).await.problem(403, "not-eligible");
        let headers = [("authorization", server.as_str()), ("x-referd-user", "bob")];
        for bad in ["", "bob", "C621E1F8-C36C-495A-93FC", "C621E1F8C36C495A93FC0C247A3E6E5C"] {
            world.raw("POST", url, &headers, body(bad)).await.problem(400, "bad-request");
        }
        assert_eq!(world.journal(), journal);
        let status = world.raw("POST", url, &headers, body(token)).await.status;
        assert!((200..300).contains(&status), "{status}");
        assert_eq!(
            world.admin("users/bob").await["app_account_token"].as_str().map(str::to_lowercase),
            Some(token.to_lowercase())
        );
    }
    world.done().await;
}
