//! Payouts by Tremendous: whatever happens on the way, one payout is one order, and nothing is paid that was not
//! approved.

mod kill;
mod stage;
mod cut;
mod hand;
mod hook;
mod names;

use referd::domain::at::Span;
use serde_json::json;
use stage::{EMAIL, Till};

/// The story, and how everything stands then.
type Story = (&'static str, &'static str);

async fn check(set: impl AsyncFn() -> Till, stories: &[Story]) {
    let mut wrong = Vec::new();
    for (story, expected) in stories {
        let mut till = set().await;
        till.play(story).await;
        let got = till.stands().await;
        if got != *expected {
            wrong.push(format!("{story}\n  {got}\n  {expected}"));
        }
        till.done().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const PAID: &str = "200 settled | 200 EXECUTED SUCCEEDED | paid | USD paid 200";
const NOT_ORDERED: &str = "200 sent |  | approved | USD paying 200";
const SCHEDULED: &str = "200 sent | 200 EXECUTED SCHEDULED | approved | USD paying 200";
const WAITS: &str = "200 sent | 200 PENDING APPROVAL PENDING | approved | USD paying 200";
const CANCELLED: &str = "200 cancelled | 200 CANCELED PENDING | approved | USD approved 200";
const FAILED: &str = "200 failed | 200 FAILED PENDING | approved | USD approved 200 | payout_failed";
const BOUNCED: &str = "200 sent in trouble | 200 EXECUTED FAILED | approved | USD paying 200 | payout_in_trouble";
const BACK: &str = "200 failed |  | approved | USD approved 200 | payout_failed";
const SECOND: &str = "200 failed, 200 settled | 200 EXECUTED SUCCEEDED | paid | USD paid 200 | payout_failed";
const LOST: &str = "200 sent in trouble | 200 EXECUTED SUCCEEDED | approved | USD paying 200 | payout_in_trouble";

#[tokio::test]
async fn ordered_and_delivered() {
    check(
        Till::by_email,
        &[
            ("ready; settle", "200 approved |  | approved | USD paying 200"),
            ("ready; send", NOT_ORDERED),
            ("ready; send; settle", PAID),
            ("ready; send; settle; again; settle", PAID),
            ("delivers later; ready; send; settle", SCHEDULED),
            (
                "delivers later; ready; send; settle; delivers; minutes 59",
                "200 sent | 200 EXECUTED SUCCEEDED | approved | USD paying 200",
            ),
            ("delivers later; ready; send; settle; delivers; minutes 60", PAID),
            ("delivers later; ready; send; settle; minutes 60; minutes 60; minutes 60", SCHEDULED),
            ("delivers later; ready; send; settle; minutes 60; minutes 60; delivers; minutes 60", PAID),
            ("delivers later; ready; send; settle; delivers; hook REWARDS.DELIVERY.SUCCEEDED; settle", PAID),
            ("delivers later; ready; send; settle; hook REWARDS.DELIVERY.SCHEDULED; settle", SCHEDULED),
            ("delivers later; ready; send; settle; restart; delivers; hook ORDERS.EXECUTED; restart; settle", PAID),
            // What is over is not asked about any more.
            (
                "ready; send; settle; cancels; hook ORDERS.CANCELED; settle; minutes 60; minutes 60",
                "200 settled | 200 CANCELED SUCCEEDED | paid | USD paid 200",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn somebody_agrees_or_not() {
    check(
        Till::by_email,
        &[
            ("needs approval; ready; send; settle; minutes 60", WAITS),
            ("needs approval; ready; send; settle; agrees; minutes 60", PAID),
            ("needs approval; ready; send; settle; agrees; hook ORDERS.EXECUTED; settle", PAID),
            ("needs approval; delivers later; ready; send; settle; agrees; minutes 60", SCHEDULED),
            ("needs approval; ready; send; settle; cancels; minutes 60", CANCELLED),
            ("needs approval; ready; send; settle; cancels; hook ORDERS.CANCELED; settle; minutes 60", CANCELLED),
            ("needs approval; ready; send; settle; fails; minutes 60", FAILED),
            ("needs approval; ready; send; settle; fails; hook ORDERS.FAILED; settle", FAILED),
            ("needs approval; fund 100 USD; ready; send; settle; agrees; minutes 60", FAILED),
            ("needs approval; create lose 1; ready; send; rest", WAITS),
            (
                "needs approval; ready; send; settle; cancels; minutes 60; no approval; again; settle",
                "200 cancelled, 200 settled | 200 CANCELED PENDING, 200 EXECUTED SUCCEEDED | paid | USD paid 200",
            ),
            (
                "delivers later; ready; send; settle; cancels; minutes 60",
                "200 cancelled | 200 CANCELED SCHEDULED | approved | USD approved 200",
            ),
            ("fund 199 USD; ready; send; rest", NOT_ORDERED),
            ("fund 199 USD; ready; send; rest; fund 200 USD; rest", PAID),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_refused_is_paid_by_another() {
    check(
        Till::by_email,
        &[
            ("create 422 1; ready; send; settle", BACK),
            ("create 400 1; ready; send; settle; rest", BACK),
            ("create 422 1; ready; send; settle; again; settle", SECOND),
            ("create 400 1; ready; send; settle; restart; again; settle", SECOND),
            (
                "create 422 2; ready; send; settle; again; settle; again; settle",
                "200 failed, 200 failed, 200 settled | 200 EXECUTED SUCCEEDED | paid | USD paid 200 | payout_failed, payout_failed",
            ),
            // With a refund in between nothing is left to pay.
            ("create 422 1; ready; send; settle; refund 1; again; settle", "200 failed |  | rejected |  | payout_failed"),
            ("create 422 1; ready; refund 1; send; settle", "200 failed |  | rejected |  | payout_failed"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_did_not_arrive() {
    check(
        Till::by_email,
        &[
            ("delivers later; ready; send; settle; bounces; minutes 60; minutes 60", BOUNCED),
            ("delivers later; ready; send; settle; bounces; hook REWARDS.DELIVERY.FAILED; settle", BOUNCED),
            ("delivers later; ready; send; settle; bounces; minutes 60; restart; delivers; minutes 60", PAID),
            (
                "delivers later; ready; send; settle; bounces; minutes 60; payouts settle; minutes 60",
                "200 settled | 200 EXECUTED FAILED | paid | USD paid 200",
            ),
            (
                "delivers later; ready; send; settle; bounces; minutes 60; payouts fail; minutes 60",
                "200 failed | 200 EXECUTED FAILED | approved | USD approved 200 | payout_failed",
            ),
            (
                "delivers later; ready; send; settle; bounces; minutes 60; cancels; minutes 60",
                "200 cancelled | 200 CANCELED FAILED | approved | USD approved 200",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn nobody_can_tell() {
    check(
        Till::by_email,
        &[
            ("create lose 1; find 400 1; ready; send; rest", LOST),
            ("create lose 1; find 400 1; ready; send; rest; retry; settle", PAID),
            ("create lose 1; find 500 99; ready; send; minutes 1; discard; faults end; rest", LOST),
            ("create lose 1; find 400 1; ready; send; rest; payouts settle", PAID),
            ("fund 1 USD; ready; send; settle; discard; rest", BACK),
            // Tremendous does not know its own order any more.
            (
                "delivers later; ready; send; settle; find 404 1; minutes 60",
                "200 sent in trouble | 200 EXECUTED SCHEDULED | approved | USD paying 200 | payout_in_trouble",
            ),
            ("delivers later; ready; send; settle; find 404 1; minutes 60; delivers; minutes 60", PAID),
            (
                "delivers later; ready; send; settle; find 400 2; minutes 60; minutes 60; payouts settle; minutes 60",
                "200 settled | 200 EXECUTED SCHEDULED | paid | USD paid 200",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn refunds_on_the_way() {
    const NEXT: &str = "again; settle";
    let on_its_way = "delivers later; ready; send; settle; refund 1";
    let less = "200 sent | 200 EXECUTED SCHEDULED | rejected | USD paying 200 clawed_back -200";
    let taken = "200 settled | 200 EXECUTED SUCCEEDED | rejected | USD paid 200 clawed_back -200";
    let next =
        "200 settled, 200 settled | 200 EXECUTED SUCCEEDED, 200 EXECUTED SUCCEEDED | paid, rejected | USD paid 400";
    let again = "days 29; renew 2 19990 USD; approve 2";
    let rows = [
        (on_its_way.to_owned(), less),
        (format!("{on_its_way}; delivers; minutes 60"), taken),
        (format!("{on_its_way}; delivers; minutes 60; {NEXT}"), taken),
        (format!("{on_its_way}; delivers; minutes 60; {again}; {NEXT}; delivers; minutes 60"), next),
        (format!("{on_its_way}; cancels; minutes 60"), "200 cancelled | 200 CANCELED SCHEDULED | rejected"),
    ];
    for (story, expected) in rows {
        let mut till = Till::by_email().await;
        till.play(&story).await;
        assert_eq!(till.stands().await, expected, "{story}");
        till.done().await;
    }
}

#[tokio::test]
async fn faults_make_one_order() {
    for fault in ["429", "wait", "500", "503", "408", "drop", "lose", "cut", "html", "401", "403", "402"] {
        for times in [1, 3] {
            let mut till = Till::by_email().await;
            till.play(&format!("create {fault} {times}; ready; send; rest")).await;
            assert_eq!(till.stands().await, PAID, "{fault} {times}");
            till.done().await;
        }
    }
}

/// The answer is lost, and so are those to the question for it. Not found for long enough it is sent again, and that
/// makes no other.
#[tokio::test]
async fn lost_answers_make_one_order() {
    let faults = ["429", "500", "drop", "lose", "cut", "html", "401", "404"];
    let rows = faults.map(|fault| ("lose", fault, if fault == "404" { 4 } else { 3 }));
    let more = [("lose", "404", 1), ("cut", "404", 3), ("cut", "drop", 1), ("drop", "404", 1), ("drop", "500", 3)];
    for (lost, fault, times) in rows.into_iter().chain(more) {
        let mut till = Till::by_email().await;
        till.play(&format!("create {lost} 1; find {fault} {times}; ready; send; rest")).await;
        assert_eq!(till.stands().await, PAID, "{lost}, then {fault} {times}");
        let posts = if lost == "drop" || (fault == "404" && times >= 3) { 2 } else { 1 };
        assert_eq!(till.posts(), posts, "{lost}, then {fault} {times}");
        till.done().await;
    }
}

#[tokio::test]
async fn a_link_is_told_to_the_team_only() {
    for (story, path) in [
        ("ready; send; settle", "settled at once"),
        ("needs approval; ready; send; settle; agrees; minutes 60", "settled later"),
        ("create lose 1; ready; send; rest", "found"),
    ] {
        let mut till = Till::by_link().await;
        till.play(story).await;
        let expected = "200 settled | 200 EXECUTED PENDING | paid | USD paid 200";
        assert_eq!(till.stands().await, expected, "{path}");
        let order = till.world().tremendous.orders().pop().expect("there is an order");
        let link = order.link().expect("it was executed");
        let id = till.payouts().await[0]["id"].as_str().expect("an id").to_owned();
        till.world().settle().await;
        assert_eq!(till.world().admin(&format!("payouts/{id}")).await["link"], link, "{path}");
        for list in ["journal", "outbox", "conversions", "alerts", "partners"] {
            let shown = json!(till.world().all(list).await).to_string();
            assert!(!shown.contains(&link) && !shown.contains(&order.reward_id.to_lowercase()), "{list}: {shown}");
        }
        assert!(!till.world().metrics().await.contains(&order.reward_id.to_lowercase()));
        till.done().await;
    }
    let mut till = Till::by_link().await;
    till.play("needs approval; ready; send; settle").await;
    assert!(till.payouts().await[0]["link"].is_null());
    till.done().await;
}

/// What a partner is called by now is no reason to doubt an order that is known.
#[tokio::test]
async fn a_new_address_on_the_way() {
    let mut till = Till::by_email().await;
    till.play("delivers later; ready; send; settle").await;
    let path = format!("/admin/partners/{}", till.stage.partner);
    till.world().admin_post(&path, json!({"email": "jen@new.example.com"}).to_string()).await.is(200);
    till.play("minutes 60").await;
    assert_eq!(till.stands().await, SCHEDULED);
    till.play("delivers; minutes 60").await;
    assert_eq!(till.stands().await, PAID);
    assert_eq!(till.world().tremendous.orders()[0].recipient_email.as_deref(), Some(EMAIL));
    till.done().await;
}

#[tokio::test]
async fn denominations() {
    for (terms, sale, minor, currency, decimal) in [
        ("20% always", "sub 1 9990 USD", 200, "USD", "2.00"),
        ("fixed 1 USD always", "sub 1 9990 USD", 1, "USD", "0.01"),
        ("20% always", "sub 1 1200000 JPY", 240, "JPY", "240"),
        ("fixed 1000000 JPY always", "sub 1 9990 USD", 1_000_000, "JPY", "1000000"),
        ("20% always", "sub 1 1250 KWD", 250, "KWD", "0.250"),
        ("fixed 123456789 KWD always", "sub 1 1250 KWD", 123_456_789, "KWD", "123456.789"),
        ("fixed 1 KWD always", "sub 1 1250 KWD", 1, "KWD", "0.001"),
    ] {
        let mut till = Till::of(Some(EMAIL), terms).await;
        till.play(&format!("{sale}; approve 1; draft; payouts approve; send; settle")).await;
        let order = till.world().tremendous.orders().pop().expect("there is an order");
        assert_eq!((order.money.minor, order.money.currency.as_str()), (minor, currency));
        assert_eq!(order.money.decimal(), decimal);
        assert_eq!(till.stage.balances().await, format!("{currency} paid {minor}"));
        till.world().later(Span::hours(1)).await;
        till.done().await;
    }
    // Each currency is a payout of its own.
    let mut till = Till::by_email().await;
    till.play(
        "sub 1 9990 USD; days 30; renew 2 1200000 JPY; days 30; renew 3 1250 KWD; approve 1; approve 2; approve 3",
    )
    .await;
    till.play("draft; payouts approve; send; settle").await;
    assert_eq!(till.stage.balances().await, "JPY paid 240; KWD paid 250; USD paid 200");
    let mut sent: Vec<String> = till.world().tremendous.orders().iter().map(|order| order.money.decimal()).collect();
    sent.sort_unstable();
    assert_eq!(sent, ["0.250", "2.00", "240"]);
    till.done().await;
}
