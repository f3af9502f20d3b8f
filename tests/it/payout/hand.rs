//! The steps of a payout, taken by hand: twice, too early, too late, and where another order has its name.

use super::PAID;
use super::stage::{EMAIL, Till};
use crate::support::world::TREMENDOUS_KEY;
use hyper::Request;
use referd::fake::client::call;
use serde_json::{Value, json};

async fn id(till: &Till) -> String {
    till.payouts().await.last().expect("there is a payout")["id"].as_str().expect("an id").to_owned()
}

async fn step(till: &Till, step: &str, status: u16) -> Value {
    let path = format!("/admin/payouts/{}/{step}", id(till).await);
    till.world().admin_post(&path, "{}").await.is(status).json()
}

async fn refused(till: &Till, steps: &[&str]) {
    for one in steps {
        let path = format!("/admin/payouts/{}/{one}", id(till).await);
        let before = till.payouts().await;
        till.world().admin_post(&path, "{}").await.problem(409, "wrong-state");
        assert_eq!(till.payouts().await, before, "{one}");
    }
}

#[tokio::test]
async fn in_order_and_each_once() {
    let mut till = Till::by_email().await;
    till.play("sub 1 9990 USD; approve 1; draft").await;
    refused(&till, &["send", "settle", "fail"]).await;
    assert_eq!(step(&till, "approve", 200).await, step(&till, "approve", 200).await);
    refused(&till, &["settle", "fail"]).await;
    assert_eq!(step(&till, "send", 200).await, step(&till, "send", 200).await);
    refused(&till, &["approve", "cancel", "settle", "fail"]).await;
    till.play("settle; minutes 60").await;
    assert_eq!((till.posts(), till.world().tremendous.orders().len()), (1, 1));
    refused(&till, &["approve", "send", "fail", "cancel"]).await;
    let journal = till.world().journal();
    assert_eq!(step(&till, "settle", 200).await["status"], "settled");
    assert_eq!(till.world().journal(), journal);
    till.play("settle; minutes 60").await;
    assert_eq!(till.posts(), 1);
    till.done().await;

    for at in ["draft", "draft; payouts approve"] {
        let mut till = Till::by_email().await;
        till.play(&format!("sub 1 9990 USD; approve 1; {at}")).await;
        assert_eq!(step(&till, "cancel", 200).await, step(&till, "cancel", 200).await);
        refused(&till, &["approve", "send", "settle", "fail"]).await;
        till.play("settle; again; settle").await;
        let expected = "200 cancelled, 200 settled | 200 EXECUTED SUCCEEDED | paid | USD paid 200";
        assert_eq!(till.stands().await, expected);
        till.done().await;
    }
}

#[tokio::test]
async fn many_at_once_send_one() {
    let mut till = Till::by_email().await;
    till.play("ready").await;
    let path = format!("/admin/payouts/{}/send", id(&till).await);
    let caller = till.world().caller();
    let calls = (0..20).map(|_| {
        let (caller, path) = (caller.clone(), path.clone());
        async move { caller.admin_post(&path, "{}").await.is(200).json()["status"].clone() }
    });
    let answers = crate::support::caller::together(calls).await;
    assert!(answers.iter().all(|status| status == "sent"), "{answers:?}");
    till.play("settle").await;
    assert_eq!((till.posts(), till.world().tremendous.orders().len()), (1, 1));
    till.done().await;
}

/// An order that somebody else made under this name.
async fn ordered(till: &Till, name: &str, amount: f64, email: &str) {
    let body = json!({
        "external_id": name,
        "payment": {"funding_source_id": "BALANCE"},
        "reward": {
            "value": {"denomination": amount, "currency_code": "USD"},
            "campaign_id": "CAMPAIGN1",
            "recipient": {"name": "Jen", "email": email},
            "delivery": {"method": "EMAIL"},
        },
    });
    let url = format!("{}/orders", till.world().tremendous.base_url());
    let request = Request::post(url).header("authorization", format!("Bearer {TREMENDOUS_KEY}"));
    let answer = call(request.body(body.to_string().into()).expect("a request")).await.expect("an answer");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn another_order_of_this_name() {
    let trouble = |minor: i64| {
        format!("200 sent in trouble | {minor} EXECUTED SUCCEEDED | approved | USD paying 200 | payout_in_trouble")
    };
    for (amount, minor, email) in [(9.0, 900, EMAIL), (2.0, 200, "another@example.com")] {
        // Tremendous refuses, or gives what is there; or it is found after a lost answer.
        for (setting, ignored) in [("", false), ("", true), ("create drop 1", false)] {
            for hand in ["settle", "fail"] {
                let mut till = Till::by_email().await;
                till.world().tremendous.ignore_differences(ignored);
                till.play(&format!("{setting}; ready")).await;
                let name = id(&till).await;
                // The fault is for ours.
                till.world().tremendous.faults().clear();
                ordered(&till, &name, amount, email).await;
                till.play(&format!("{setting}; send; rest; restart; rest")).await;
                assert_eq!(till.stands().await, trouble(minor), "{setting} {ignored}");
                refused(&till, &["approve", "cancel"]).await;
                let alert = till.world().only("alerts?status=open").await;
                assert_eq!((&alert["kind"], &alert["about"]), (&json!("payout_in_trouble"), &json!(name)));
                till.play(&format!("payouts {hand}; rest")).await;
                let expected = match hand {
                    "settle" => format!("200 settled | {minor} EXECUTED SUCCEEDED | paid | USD paid 200"),
                    _ => {
                        format!("200 failed | {minor} EXECUTED SUCCEEDED | approved | USD approved 200 | payout_failed")
                    }
                };
                assert_eq!(till.stands().await, expected, "{setting} {ignored}");
                assert_eq!(till.world().tremendous.orders().len(), 1);
                till.done_beside(&[name]).await;
            }
        }
    }
}

/// The same order under this name is ours, whoever asked for it.
#[tokio::test]
async fn the_same_order_of_this_name() {
    let mut till = Till::by_email().await;
    till.play("ready; create lose 1; find 404 3; send; rest").await;
    assert_eq!((till.posts(), till.world().tremendous.orders().len()), (2, 1));
    assert_eq!(till.payouts().await[0]["status"], "settled");
    till.done().await;
}

/// A partner with a payout on its way stays known until it ended.
#[tokio::test]
async fn nobody_is_forgotten_on_the_way() {
    let mut till = Till::by_email().await;
    till.play("delivers later; ready; send; settle").await;
    let bearer = format!("Bearer {}", crate::support::caller::ADMIN_TOKEN);
    let headers = [("authorization", bearer.as_str())];
    let url = format!("{}/admin/partners/{}", till.world().admin, till.stage.partner);
    till.world().raw("DELETE", &url, &headers, "").await.problem(409, "wrong-state");
    till.play("delivers; minutes 60").await;
    till.world().raw("DELETE", &url, &headers, "").await.is(200);
    assert_eq!(till.stage.balances().await, "USD paid 200", "the books stay as they are");
    till.done().await;
}

/// While it is tried again nobody says by hand that it failed: it would be paid by another, and by this one after all.
#[tokio::test]
async fn tried_again_it_is_not_for_a_hand() {
    let mut till = Till::by_email().await;
    till.play("create drop 1; find 400 1; ready; send; rest").await;
    assert!(!till.payouts().await[0]["trouble"].is_null());
    till.play("find 500 1; retry; settle").await;
    refused(&till, &["settle", "fail", "cancel"]).await;
    assert!(till.world().all("alerts?status=open").await.is_empty());
    till.play("rest").await;
    assert_eq!(till.stands().await, PAID);
    till.done().await;

    // Said by hand, it is not tried again.
    for (hand, orders) in [("fail", 1), ("settle", 0)] {
        let mut till = Till::by_email().await;
        till.play("create drop 1; find 400 1; ready; send; rest").await;
        till.play(&format!("payouts {hand}")).await;
        let dead = till.world().only("outbox?status=dead").await;
        let path = format!("/admin/outbox/{}/retry", dead["id"].as_str().expect("an id"));
        till.world().admin_post(&path, "{}").await.problem(409, "wrong-state");
        till.play("again; rest").await;
        assert_eq!(till.world().tremendous.orders().len(), orders, "{hand}");
        assert_eq!(till.stage.balances().await, "USD paid 200");
        till.done().await;
    }
}

#[tokio::test]
async fn a_question_in_vain_leaves_no_delivery() {
    let mut till = Till::by_email().await;
    till.play("delivers later; ready; send; settle; find 404 3; minutes 60; minutes 60; minutes 60").await;
    assert!(till.world().all("outbox?status=dead").await.is_empty(), "the payout says it");
    assert_eq!(till.world().only("alerts").await["kind"], "payout_in_trouble");
    till.play("delivers; minutes 60").await;
    assert_eq!(till.stands().await, PAID);
    till.done().await;
}
