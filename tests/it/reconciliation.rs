//! Apple's daily counts of redemptions beside ours.

use crate::selling::stage::{own_offer, partner};
use crate::support::world::{CREATORS_OFFER, OFFER, World};
use referd::domain::at::{At, Date, Span};
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use referd::wire::sales_report::Redeemed;
use serde_json::{Value, json};

const APP: u64 = 1_234_567_890;

/// The day of the purchases in California, as all of them are made in the afternoon of Europe.
const DAY: Date = Date(20_717);

async fn world() -> World {
    World::with_creators(|config| {
        let connect = config.apps[0].app_store_connect.as_mut().expect("it is configured");
        connect.vendor_number = Some("80012345".to_owned());
    })
    .await
}

fn line(offer: &str, code: Option<&str>, count: u32) -> Redeemed {
    Redeemed {
        date: DAY,
        app_apple_id: Some(APP),
        offer: offer.to_owned(),
        code: code.map(str::to_owned),
        territory: "DE".to_owned(),
        count,
    }
}

async fn redeems(world: &World, id: &str, offer: &str, at: At) {
    let bought = Transaction::purchase(id, at).offer_code(offer);
    world.apple(&Notification::subscribed(&bought, world.now())).await.is(200);
}

async fn reconcile(world: &World, date: Date) {
    let body = json!({"date": date.to_string(), "reason": "looked at"}).to_string();
    world.admin_post("/admin/reconciliation", body).await.is(202);
    world.settle().await;
}

/// `about: detail` of those that are open.
async fn open(world: &World) -> Vec<String> {
    let rows = world.all("alerts?status=open").await;
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let mut all: Vec<String> = rows
        .iter()
        .inspect(|row| assert_eq!(row["kind"], "redemptions_differ"))
        .map(|row| format!("{}: {}", text(row, "about"), text(row, "detail")))
        .collect();
    all.sort();
    all
}

/// What changes only when something is news.
async fn kept(world: &World) -> (Vec<Value>, Vec<Value>) {
    (world.all("reconciliation").await, world.all("alerts").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_agrees_raises_nothing() {
    let mut world = world().await;
    assert_eq!(world.now().pacific_date(), DAY);
    let jen = partner(&world, "Jen", "20% always").await;
    own_offer(&world, &jen, "PARTNER_JEN").await;
    let custom = json!({"custom_code": "JEN20", "count": 500}).to_string();
    world.admin_post(&format!("/admin/partners/{jen}/coupons"), custom).await.is(201);
    world.settle().await;
    redeems(&world, "200000000000001", OFFER, world.now()).await;
    redeems(&world, "200000000000002", OFFER, world.now()).await;
    redeems(&world, "200000000000003", "PARTNER_JEN", world.now()).await;
    world.claim("jen20", "ann").await.is(201);
    world.webhook(&Event::initial_purchase("ann", world.now()).offer(CREATORS_OFFER)).await.is(200);
    // A tester's is not in Apple's report, nor are a renewal and a purchase without an offer.
    let tested = Transaction::purchase("200000000000004", world.now()).offer_code(OFFER).sandbox();
    world.apple(&Notification::subscribed(&tested, world.now()).sandbox()).await.is(200);
    let plain = Transaction::purchase("200000000000005", world.now());
    world.apple(&Notification::subscribed(&plain, world.now())).await.is(200);

    let mut others = line(OFFER, None, 7);
    others.app_apple_id = Some(APP + 1);
    let mut abroad = line(OFFER, None, 1);
    abroad.territory = "JP".to_owned();
    let lines =
        [line(OFFER, None, 1), abroad, others, line("PARTNER_JEN", None, 1), line(CREATORS_OFFER, Some("jen20"), 1)];
    world.apple.set_report(DAY, lines.to_vec());
    world.later(Span::days(1)).await;
    reconcile(&world, DAY).await;
    assert_eq!(open(&world).await, [""; 0]);
    let row = world.only("reconciliation").await;
    let reported = json!([
        {"offer": CREATORS_OFFER, "custom_code": "JEN20", "count": 1},
        {"offer": "PARTNER_JEN", "custom_code": null, "count": 1},
        {"offer": OFFER, "custom_code": null, "count": 2},
    ]);
    assert_eq!((&row["date"], &row["reported"], &row["gaps"]), (&json!("2026-09-21"), &reported, &json!([])));

    let before = kept(&world).await;
    world.restart().await;
    world.later(Span::days(1)).await;
    reconcile(&world, DAY).await;
    assert_eq!(kept(&world).await, before, "the same report is no news");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_an_alert_until_a_report_agrees() {
    let world = world().await;
    let jen = partner(&world, "Jen", "20% always").await;
    let custom = json!({"custom_code": "JEN20", "count": 500}).to_string();
    world.admin_post(&format!("/admin/partners/{jen}/coupons"), custom).await.is(201);
    world.settle().await;
    redeems(&world, "200000000000001", OFFER, world.now()).await;
    world.claim("JEN20", "ann").await.is(201);
    world.webhook(&Event::initial_purchase("ann", world.now()).offer(CREATORS_OFFER)).await.is(200);

    let short = vec![line(OFFER, None, 3), line(CREATORS_OFFER, Some("JEN20"), 2)];
    world.apple.set_report(DAY, short.clone());
    world.later(Span::days(1)).await;
    reconcile(&world, DAY).await;
    let expected = [
        "2026-09-21 CREATORS30 JEN20: Apple counted 2 redemptions, we know of 1",
        "2026-09-21 CREATORS30: Apple counted 2 redemptions, we know of 1",
        "2026-09-21 REF30: Apple counted 3 redemptions, we know of 1",
    ];
    assert_eq!(open(&world).await, expected);
    assert_eq!(world.admin("stats").await["open_alerts"], 3);
    let before = kept(&world).await;
    world.later(Span::hours(1)).await;
    reconcile(&world, DAY).await;
    assert_eq!(kept(&world).await, before, "the same report is no news");

    // We hear of one late: the same report says something else now.
    redeems(&world, "200000000000002", OFFER, DAY.start().plus(Span::hours(20))).await;
    reconcile(&world, DAY).await;
    assert_eq!(open(&world).await[2], "2026-09-21 REF30: Apple counted 3 redemptions, we know of 2");
    // Issued anew: the offers agree, but the one redemption was with another code.
    world.apple.set_report(DAY, vec![line(OFFER, None, 2), line(CREATORS_OFFER, Some("MAX20"), 1)]);
    reconcile(&world, DAY).await;
    let expected = [
        "2026-09-21 CREATORS30 JEN20: Apple counted 0 redemptions, we know of 1",
        "2026-09-21 CREATORS30 MAX20: Apple counted 1 redemptions, we know of 0",
    ];
    assert_eq!(open(&world).await, expected);
    world.apple.set_report(DAY, vec![line(OFFER, None, 2), line(CREATORS_OFFER, Some("JEN20"), 1)]);
    reconcile(&world, DAY).await;
    assert_eq!(open(&world).await, [""; 0]);
    assert!(world.all("alerts").await.iter().all(|row| row["status"] == "cleared" && !row["cleared_at"].is_null()));
    assert_eq!(world.only("reconciliation").await["gaps"], json!([]));
    // And once more apart: the alert is raised again.
    world.apple.set_report(DAY, short);
    reconcile(&world, DAY).await;
    assert_eq!(open(&world).await.len(), 3);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_one_in_california() {
    let world = world().await;
    // 23:30 and 00:30 there.
    for (id, hours, minutes) in [("200000000000001", 6, 30), ("200000000000002", 7, 30)] {
        let at = DAY.plus_days(1).start().plus(Span::hours(hours)).plus(Span::minutes(minutes));
        redeems(&world, id, OFFER, at).await;
    }
    world.later(Span::days(2)).await;
    let next = DAY.plus_days(1);
    for (day, count) in [(DAY, 1), (next, 1), (next.plus_days(1), 0)] {
        world.apple.set_report(day, vec![Redeemed { date: day, ..line(OFFER, None, count) }]);
        reconcile(&world, day).await;
    }
    assert_eq!(open(&world).await, [""; 0]);
    let mut days: Vec<String> = Vec::new();
    for row in world.all("reconciliation").await {
        days.push(row["date"].as_str().expect("a date").to_owned());
    }
    days.sort();
    assert_eq!(days, ["2026-09-21", "2026-09-22", "2026-09-23"]);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_days_are_read_when_none_is_named() {
    let world = world().await;
    redeems(&world, "200000000000001", OFFER, world.now()).await;
    world.apple.set_report(DAY, vec![line(OFFER, None, 2)]);
    world.later(Span::days(2)).await;
    world.admin_post("/admin/reconciliation", "").await.is(202);
    world.settle().await;
    assert_eq!(world.only("reconciliation").await["date"], "2026-09-21", "of the other days there is no report");
    assert_eq!(open(&world).await.len(), 1);
    let asked = world.apple.calls().iter().filter(|call| call.path.starts_with("/v1/salesReports")).count();
    assert_eq!(asked, 7);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_report_nothing_is_known() {
    let world = world().await;
    redeems(&world, "200000000000001", OFFER, world.now()).await;
    world.later(Span::days(1)).await;
    reconcile(&world, DAY).await;
    assert_eq!(kept(&world).await, (vec![], vec![]));
    // One that cannot be read is asked for again.
    world.apple.set_report(DAY, vec![line(OFFER, None, 2)]);
    world.apple.faults().next(Some(Op::SalesReport), 2, Fault::Html);
    reconcile(&world, DAY).await;
    assert_eq!(kept(&world).await, (vec![], vec![]));
    world.rest().await;
    assert_eq!(open(&world).await, ["2026-09-21 REF30: Apple counted 2 redemptions, we know of 1"]);
    // It was there and is gone: what was found stands.
    let before = kept(&world).await;
    world.apple.faults().next(Some(Op::SalesReport), 1, Fault::Status(404));
    reconcile(&world, DAY).await;
    assert_eq!(kept(&world).await, before);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_report_says_that_nothing_was_redeemed() {
    let world = world().await;
    redeems(&world, "200000000000001", OFFER, world.now()).await;
    redeems(&world, "200000000000002", "SOMEBODYS", world.now()).await;
    world.apple.set_report(DAY, vec![line("ELSEWHERE", None, 2)]);
    world.later(Span::days(1)).await;
    reconcile(&world, DAY).await;
    let expected = [
        "2026-09-21 ELSEWHERE: Apple counted 2 redemptions, we know of 0",
        "2026-09-21 REF30: Apple counted 0 redemptions, we know of 1",
    ];
    assert_eq!(open(&world).await, expected, "nobody here answers for the third offer");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked() {
    let plain = World::with_partners(|_| {}).await;
    let refused = plain.admin_post("/admin/reconciliation", "{}").await.problem(400, "bad-request");
    assert!(refused["detail"].as_str().expect("a detail").contains("vendor_number"), "{refused}");
    plain.done().await;
    let world = world().await;
    for body in [r#"{"date":"yesterday"}"#, r#"{"date":"2026-02-30"}"#, r#"{"date":7}"#, "["] {
        world.admin_post("/admin/reconciliation", body).await.problem(400, "bad-request");
    }
    assert_eq!(world.all("reconciliation").await.len(), 0);
    world.done().await;
}
