//! Apple's questions about refunds (CONSUMPTION_REQUEST): answered once, in time, and only with the user's consent.

use crate::support::world::{NOW, World};
use referd::config::Config;
use referd::domain::at::{At, Span};
use referd::domain::consumption::{Api, Preference, ProductRules};
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use referd::wire::text::rfc3339;
use serde_json::{Value, json};

const BOB: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const ID: &str = "2000000000000001";
const REASON: &str = "UNINTENDED_PURCHASE";

fn answers(config: &mut Config) {
    config.apps[0].notifications.max_age_days = 0;
    config.apps[0].refunds.rules.answer = true;
    config.apps[0].refunds.rules.preference = Some(Preference::Decline);
}

/// Where Bob bought what Apple asks about.
async fn world_with(transaction: &Transaction, change: impl FnOnce(&mut Config)) -> World {
    let world = World::with_apple(|config| {
        answers(config);
        change(config);
    })
    .await;
    world.store.add(transaction, None);
    world
}

async fn world() -> World {
    world_with(&month(), |_| {}).await
}

fn month() -> Transaction {
    Transaction::purchase(ID, NOW.minus(Span::days(3))).token(BOB)
}

fn coins() -> Transaction {
    month().one_time().product("coins")
}

async fn consents(world: &World, given: bool) {
    world.put("/users/me/consent", BOB, &json!({"refund_data": given})).await.is(200);
}

/// Each call is a question of its own.
async fn asks_at(world: &World, transaction: &Transaction, at: At) {
    let asked = Notification::consumption_request(transaction, REASON, at);
    let uuid = format!("7e3fb20b-4cdb-47cc-936d-{:012}", world.journal());
    world.apple(&asked.set("notificationUUID", json!(uuid))).await.is(200);
}

async fn asks(world: &World, transaction: &Transaction) {
    asks_at(world, transaction, world.now()).await;
}

fn usual() -> Value {
    json!({
        "customerConsented": true, "deliveryStatus": "DELIVERED", "sampleContentProvided": false,
        "refundPreference": "DECLINE",
    })
}

fn puts(world: &World) -> usize {
    world.store.calls().iter().filter(|call| call.path.contains("/consumption/")).count()
}

/// The only question: its status and why.
async fn stands(world: &World) -> (Value, Value) {
    let row = world.only("refunds").await;
    (row["status"].clone(), row["why"].clone())
}

async fn alerts(world: &World, status: &str) -> usize {
    let all = world.all(&format!("alerts?status={status}")).await;
    all.iter().filter(|alert| alert["kind"] == "refund_unanswered" && alert["about"] == ID).count()
}

#[tokio::test]
async fn without_consent_there_is_silence_and_a_record_of_it() {
    let world = world().await;
    asks(&world, &month()).await;
    world.settle().await;
    assert_eq!((stands(&world).await, puts(&world)), ((json!("silent"), json!("no_consent")), 0));
    let row = world.only("refunds").await;
    assert_eq!((&row["user"], &row["reason"], &row["answer"]), (&json!(BOB), &json!(REASON), &Value::Null));
    assert_eq!(row["deadline"], rfc3339(NOW.plus(Span::hours(12))));
    // It is no trouble: nobody is alarmed, and what nobody said is not taken for a yes.
    world.later(Span::hours(13)).await;
    assert_eq!((puts(&world), alerts(&world, "open").await), (0, 0));
    consents(&world, true).await;
    world.settle().await;
    assert_eq!((stands(&world).await.0, puts(&world)), (json!("silent"), 0), "Apple does not wait any more");
    world.done().await;
}

#[tokio::test]
async fn with_consent_apple_is_answered_once_and_its_decision_stands_beside() {
    let world = world().await;
    consents(&world, true).await;
    asks(&world, &month()).await;
    world.settle().await;
    assert_eq!(world.store.consumptions(ID), [(2, usual())]);
    let row = world.only("refunds?status=answered").await;
    assert_eq!((&row["answered_at"], &row["decision"]), (&json!(rfc3339(NOW)), &Value::Null));
    assert_eq!(row["answer"]["preference"], "DECLINE");
    // Apple asks again for the same refund, under other names.
    for times in 2..4 {
        world.advance(Span::hours(5));
        asks(&world, &month()).await;
        world.settle().await;
        let row = world.only("refunds").await;
        assert_eq!((&row["status"], &row["times_asked"]), (&json!("answered"), &json!(times)));
    }
    assert_eq!(puts(&world), 1, "one answer");
    let declined = world.now();
    world.apple(&Notification::refund_declined(&month(), declined)).await.is(200);
    let row = world.only("refunds").await;
    assert_eq!((&row["decision"], &row["decided_at"]), (&json!("declined"), &json!(rfc3339(declined))));
    world.advance(Span::days(1));
    let half = month().refunded(world.now(), 0).prorated(50_000);
    world.apple(&Notification::refund(&half, world.now())).await.is(200);
    let row = world.only("refunds").await;
    assert_eq!((&row["decision"], &row["refunded_percent"]), (&json!("refunded"), &json!(50.0)));
    world.advance(Span::days(1));
    world.apple(&Notification::refund_reversed(&month(), world.now())).await.is(200);
    assert_eq!(world.only("refunds").await["decision"], "reversed");
    world.done().await;
}

#[tokio::test]
async fn reasons_are_counted() {
    let world = World::with_apple(answers).await;
    consents(&world, true).await;
    for (n, (owner, reason, decision)) in [
        (Some(BOB), "LEGAL", "REFUND"),
        (Some(BOB), "LEGAL", "REFUND_DECLINED"),
        (None, "LEGAL", ""),
        (Some(BOB), "OF_NEXT_YEAR", "REFUND"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("200000000000010{n}");
        let bought = Transaction::purchase(&id, NOW);
        let bought = owner.map_or(bought.clone(), |owner| bought.clone().token(owner));
        world.store.add(&bought, None);
        world.apple(&Notification::consumption_request(&bought, reason, NOW)).await.is(200);
        world.settle().await;
        world.advance(Span::hours(1));
        match decision {
            "REFUND" => _ = world.apple(&Notification::refund(&bought, world.now())).await.is(200),
            "REFUND_DECLINED" => _ = world.apple(&Notification::refund_declined(&bought, world.now())).await.is(200),
            _ => {}
        }
    }
    // A tester's is told apart, and one that was declined without a question is none.
    let tested = Transaction::purchase("2000000000000201", NOW).token(BOB).sandbox();
    world.store.add(&tested, None);
    world.apple(&Notification::consumption_request(&tested, "LEGAL", world.now())).await.is(200);
    let unasked = Transaction::purchase("2000000000000301", NOW).token(BOB);
    world.apple(&Notification::refund_declined(&unasked, world.now())).await.is(200);
    world.settle().await;
    let counts = json!([
        {"reason": "LEGAL", "asked": 3, "answered": 2, "refunded": 1, "declined": 1},
        {"reason": "OF_NEXT_YEAR", "asked": 1, "answered": 1, "refunded": 1, "declined": 0},
    ]);
    let page = world.admin("refunds?limit=2").await;
    assert_eq!((&page["counts"], page["items"].as_array().map(Vec::len)), (&counts, Some(2)));
    assert!(page["next_cursor"].is_string());
    assert_eq!(world.all("refunds").await.len(), 6);
    assert_eq!(world.all(&format!("refunds?user={BOB}")).await.len(), 5);
    let figures = world.metrics().await;
    let line = |environment: &str, reason: &str, status: &str, decision: &str| {
        format!(
            "referd_refund_questions{{app=\"alma\",environment=\"{environment}\",reason=\"{reason}\",\
             status=\"{status}\",decision=\"{decision}\"}} 1"
        )
    };
    for line in [
        line("PRODUCTION", "LEGAL", "answered", "refunded"),
        line("PRODUCTION", "LEGAL", "silent", "none"),
        line("SANDBOX", "LEGAL", "answered", "none"),
    ] {
        assert!(figures.contains(&line), "{line}\n{figures}");
    }
    world.done().await;
}

#[tokio::test]
async fn eleven_hours_late_is_in_time_and_thirteen_are_not() {
    // We were away.
    for (hours, status, sent, raised) in [(11, "answered", 1, 0), (13, "late", 0, 1)] {
        let mut world = world().await;
        consents(&world, true).await;
        world.stop().await;
        let asked = Notification::consumption_request(&month(), REASON, world.now());
        world.store.notify(&asked).await;
        world.advance(Span::hours(hours));
        world.begin().await;
        assert_eq!(world.store.send_due().await, 1);
        world.settle().await;
        assert_eq!((stands(&world).await.0, puts(&world)), (json!(status), sent), "{hours}");
        assert_eq!(alerts(&world, "open").await, raised, "{hours}");
        world.done().await;
    }
    // Apple was.
    for (hours, status, accepted) in [(11, "answered", 1), (13, "late", 0)] {
        let world = world().await;
        consents(&world, true).await;
        world.store.faults().until_cleared(Some(Op::SendConsumption), Fault::Status(503));
        asks(&world, &month()).await;
        for _ in 0..hours * 6 {
            world.later(Span::minutes(10)).await;
        }
        world.store.faults().clear();
        for _ in 0..6 {
            world.later(Span::minutes(10)).await;
        }
        assert_eq!((stands(&world).await.0, world.store.consumptions(ID).len()), (json!(status), accepted), "{hours}");
        let last =
            world.store.calls().iter().filter(|call| call.path.contains("/consumption/")).map(|call| call.at).max();
        assert!(last.is_some_and(|at| at < NOW.plus(Span::hours(12))), "no attempt begins after the end");
        assert_eq!(alerts(&world, "open").await, usize::from(accepted == 0));
        assert_eq!(
            alerts(&world, "cleared").await,
            accepted,
            "somebody was told before the end, until it was answered"
        );
        assert!(world.all("outbox?status=dead").await.is_empty(), "the question says what became of it");
        world.done().await;
    }
}

#[tokio::test]
async fn what_was_silent_or_late_is_decided_anew_when_apple_asks_again() {
    let world = world().await;
    asks(&world, &month()).await;
    world.later(Span::hours(20)).await;
    consents(&world, true).await;
    asks(&world, &month()).await;
    world.settle().await;
    assert_eq!((stands(&world).await.0, puts(&world)), (json!("answered"), 1));
    world.done().await;

    let world = self::world().await;
    consents(&world, true).await;
    asks_at(&world, &month(), NOW.minus(Span::hours(13))).await;
    world.settle().await;
    assert_eq!((stands(&world).await.0, puts(&world), alerts(&world, "open").await), (json!("late"), 0, 1));
    asks(&world, &month()).await;
    world.settle().await;
    assert_eq!((stands(&world).await.0, puts(&world), alerts(&world, "open").await), (json!("answered"), 1, 0));
    world.done().await;
}

#[tokio::test]
async fn consent_counts_whenever_it_comes_within_the_window_and_until_it_goes() {
    // After the question, by another id of the same customer.
    let world = world_with(&month().without("appAccountToken"), |_| {}).await;
    asks(&world, &month().without("appAccountToken")).await;
    assert_eq!(stands(&world).await, (json!("silent"), json!("unknown_user")));
    world.advance(Span::hours(1));
    let told = Event::initial_purchase("$RCAnonymousID:7", world.now()).transaction(ID, ID);
    let told = told.set("aliases", json!(["$RCAnonymousID:7", "bob"]));
    world.webhook(&told).await.is(200);
    assert_eq!(stands(&world).await, (json!("silent"), json!("no_consent")));
    world.put("/users/me/consent", "bob", &json!({"refund_data": true})).await.is(200);
    world.settle().await;
    assert_eq!((stands(&world).await.0, puts(&world)), (json!("answered"), 1));
    world.done().await;

    // Withdrawn before the answer is on its way, and between two attempts.
    for fault in [None, Some(Fault::Status(503)), Some(Fault::AcceptThenDrop)] {
        let world = self::world().await;
        consents(&world, true).await;
        fault.iter().for_each(|fault| world.store.faults().next(Some(Op::SendConsumption), 1, fault.clone()));
        asks(&world, &month()).await;
        if fault.is_some() {
            world.settle().await;
        }
        let sent = puts(&world);
        consents(&world, false).await;
        world.rest().await;
        assert_eq!(puts(&world), sent, "{fault:?}: nothing more is sent");
        let row = world.only("refunds").await;
        match fault {
            Some(Fault::AcceptThenDrop) => assert_eq!(row["status"], "failed", "{row}"),
            _ => assert_eq!((&row["status"], &row["why"]), (&json!("silent"), &json!("no_consent"))),
        }
        world.done().await;
    }
}

#[tokio::test]
async fn what_the_app_knows_is_said() {
    // (what was reported, the wish) -> the body
    for (said, wish, expected) in [
        (json!({"consumed_percent": 67.932}), None, json!({"consumptionPercentage": 67_932})),
        (
            json!({"consumed_percent": 40, "sample_content": true, "transaction_id": ID}),
            Some(Preference::GrantProrated),
            json!({"consumptionPercentage": 40_000, "sampleContentProvided": true, "refundPreference": "GRANT_PRORATED"}),
        ),
        (
            json!({"consumed_percent": 100, "product_id": "coins"}),
            Some(Preference::GrantProrated),
            json!({"consumptionPercentage": 100_000, "refundPreference": "DECLINE"}),
        ),
        (
            json!({"delivery": "UNDELIVERED_SERVER_OUTAGE", "consumed_percent": 40}),
            Some(Preference::GrantProrated),
            json!({
                "deliveryStatus": "UNDELIVERED_SERVER_OUTAGE", "consumptionPercentage": 0,
                "refundPreference": "GRANT_FULL",
            }),
        ),
        (json!({"consumed_percent": 40, "product_id": "gems"}), Some(Preference::GrantProrated), json!({})),
    ] {
        let world = world_with(&coins(), |config| config.apps[0].refunds.rules.preference = wish).await;
        consents(&world, true).await;
        world.put("/users/me/usage", BOB, &said).await.is(200);
        asks(&world, &coins()).await;
        world.settle().await;
        let mut body = usual();
        body.as_object_mut().expect("an object").remove("refundPreference");
        body.as_object_mut().expect("an object").extend(expected.as_object().expect("an object").clone());
        assert_eq!(world.store.consumptions(ID), [(2, body)], "{said}");
        world.done().await;
    }
}

#[tokio::test]
async fn usage_is_merged_and_the_nearest_word_holds() {
    let world = world_with(&coins(), |config| config.apps[0].refunds.rules.preference = None).await;
    consents(&world, true).await;
    let put = async |body: Value| world.put("/users/me/usage", BOB, &body).await.is(200).json();
    put(json!({"consumed_percent": 10, "sample_content": true})).await;
    put(json!({"product_id": "coins", "consumed_percent": 20})).await;
    let row = put(json!({"product_id": "coins", "play_minutes": 90})).await;
    assert_eq!(
        row,
        json!({
            "product_id": "coins", "transaction_id": null, "delivery": null, "consumed_percent": 20.0,
            "sample_content": null, "play_minutes": 90, "account_created_at": null,
        })
    );
    let journal = world.journal();
    put(json!({"product_id": "coins", "play_minutes": 90})).await;
    assert_eq!(world.journal(), journal, "what is known is not written again");
    asks(&world, &coins()).await;
    world.settle().await;
    let (_, body) = world.store.consumptions(ID).remove(0);
    assert_eq!((&body["consumptionPercentage"], &body["sampleContentProvided"]), (&json!(20_000), &json!(true)));
    let held = world.admin(&format!("users/{BOB}")).await;
    assert_eq!(held["usage"].as_array().map(Vec::len), Some(2));
    assert_eq!(held["consent"][0]["refund_data"], true);
    assert_eq!(held["refund_questions"][0]["status"], "answered");
    world.done().await;
}

#[tokio::test]
async fn a_free_month_before_was_a_sample() {
    let free = Transaction::purchase(ID, NOW.minus(Span::days(40))).offer_code("OTHER").token(BOB);
    let paid = Transaction::renewal_of(&free, "2000000000000002");
    let world = world_with(&paid, |_| {}).await;
    consents(&world, true).await;
    world.apple(&Notification::subscribed(&free, world.now())).await.is(200);
    asks(&world, &paid).await;
    world.settle().await;
    let (_, body) = world.store.consumptions("2000000000000002").remove(0);
    assert_eq!(body["sampleContentProvided"], true);
    world.done().await;
}

#[tokio::test]
async fn a_product_has_rules_of_its_own() {
    let product = |answer| ProductRules {
        product_id: "coins".to_owned(),
        answer: Some(answer),
        preference: Some(Preference::GrantFull),
        sample_content: Some(true),
    };
    let world = world_with(&coins(), |config| config.apps[0].refunds.rules.products = vec![product(false)]).await;
    consents(&world, true).await;
    asks(&world, &coins()).await;
    world.settle().await;
    assert_eq!((stands(&world).await, puts(&world)), ((json!("silent"), json!("not_wanted")), 0));
    world.done().await;

    let world = world_with(&coins(), |config| {
        config.apps[0].refunds.rules.answer = false;
        config.apps[0].refunds.rules.products = vec![product(true)];
    })
    .await;
    consents(&world, true).await;
    asks(&world, &coins()).await;
    world.settle().await;
    let (_, body) = world.store.consumptions(ID).remove(0);
    assert_eq!((&body["refundPreference"], &body["sampleContentProvided"]), (&json!("GRANT_FULL"), &json!(true)));
    world.done().await;
}

#[tokio::test]
async fn a_lost_answer_is_said_again_as_it_was() {
    for fault in [Fault::AcceptThenDrop, Fault::DropBefore, Fault::Html, Fault::Status(500), Fault::Status(401)] {
        let world = world_with(&coins(), |_| {}).await;
        consents(&world, true).await;
        world.store.faults().next(Some(Op::SendConsumption), 1, fault.clone());
        asks(&world, &coins()).await;
        world.settle().await;
        let is_lost = !matches!(fault, Fault::Status(_));
        world.put("/users/me/usage", BOB, &json!({"consumed_percent": 5})).await.is(200);
        world.rest().await;
        let said: Vec<Value> = world.store.consumptions(ID).into_iter().map(|(_, body)| body).collect();
        let known = said.last().map(|body| body["consumptionPercentage"].clone());
        assert_eq!(known, Some(if is_lost { Value::Null } else { json!(5_000) }), "{fault:?}");
        assert!(said.iter().all(|body| body == &said[0]), "{fault:?}: {said:?}");
        assert_eq!(stands(&world).await.0, "answered", "{fault:?}");
        world.done().await;
    }
}

#[tokio::test]
async fn a_question_while_an_answer_is_on_its_way_changes_nothing_but_the_time() {
    let mut world = world().await;
    consents(&world, true).await;
    world.store.faults().next(Some(Op::SendConsumption), 3, Fault::Status(503));
    asks(&world, &month()).await;
    world.settle().await;
    world.advance(Span::seconds(1));
    asks(&world, &month()).await;
    let row = world.only("refunds").await;
    assert_eq!((&row["status"], &row["times_asked"]), (&json!("waiting"), &json!(2)));
    assert_eq!(row["deadline"], rfc3339(NOW.plus(Span::hours(12)).plus(Span::seconds(1))));
    world.restart().await;
    world.rest().await;
    assert_eq!((stands(&world).await.0, world.store.consumptions(ID).len()), (json!("answered"), 1));
    world.done().await;
}

#[tokio::test]
async fn apple_may_decide_before_it_is_answered() {
    let world = world().await;
    consents(&world, true).await;
    world.store.faults().next(Some(Op::SendConsumption), 1, Fault::Status(503));
    asks(&world, &month()).await;
    world.settle().await;
    world.apple(&Notification::refund(&month(), world.now())).await.is(200);
    world.rest().await;
    assert_eq!((stands(&world).await, puts(&world)), ((json!("silent"), json!("decided")), 1));
    assert_eq!(world.only("refunds").await["decision"], "refunded");
    world.done().await;
}

#[tokio::test]
async fn what_apple_refuses_or_somebody_discards_is_told() {
    let world = world().await;
    consents(&world, true).await;
    world.store.faults().next(Some(Op::SendConsumption), 1, Fault::Code(4_000_047));
    asks(&world, &month()).await;
    world.settle().await;
    let (status, why) = stands(&world).await;
    assert!(
        status == "failed" && why.as_str().is_some_and(|why| why.contains("4000047") && !why.contains(ID)),
        "{why}"
    );
    assert_eq!(alerts(&world, "open").await, 1);
    assert!(world.all("outbox?status=dead").await.is_empty());
    world.apple(&Notification::refund_declined(&month(), world.now())).await.is(200);
    assert_eq!(alerts(&world, "open").await, 0, "Apple does not wait for it");
    world.done().await;

    let world = self::world().await;
    consents(&world, true).await;
    world.store.faults().until_cleared(Some(Op::SendConsumption), Fault::Status(503));
    asks(&world, &month()).await;
    world.settle().await;
    let item = world.only("outbox?status=waiting").await;
    assert_eq!((&item["kind"], &item["target"]), (&json!("answer_refund"), &json!(ID)));
    let path = format!("/admin/outbox/{}/discard", item["id"].as_str().expect("an id"));
    world.admin_post(&path, "{}").await.is(200);
    assert_eq!(stands(&world).await, (json!("failed"), json!("discarded by hand")));
    world.done().await;
}

#[tokio::test]
async fn the_first_shape_and_the_sandbox() {
    let tested = month().sandbox();
    let world = world_with(&tested, |config| config.apps[0].refunds.api = Api::V1).await;
    consents(&world, true).await;
    let created = rfc3339(NOW.minus(Span::days(100)));
    let said = json!({"play_minutes": 90, "account_created_at": created, "consumed_percent": 100});
    world.put("/users/me/usage", BOB, &said).await.is(200);
    asks(&world, &tested).await;
    world.settle().await;
    let body = json!({
        "customerConsented": true, "deliveryStatus": 0, "consumptionStatus": 0, "sampleContentProvided": false,
        "platform": 1, "appAccountToken": BOB.to_lowercase(), "accountTenure": 5, "playTime": 3,
        "lifetimeDollarsPurchased": 0, "lifetimeDollarsRefunded": 0, "userStatus": 0, "refundPreference": 2,
    });
    assert_eq!(world.store.consumptions(ID), [(1, body)], "of a subscription the consumption is not said");
    let asked = world.store.calls().into_iter().find(|call| call.path.contains("/consumption/")).expect("it was sent");
    assert_eq!(asked.environment, referd::domain::policy::Environment::Sandbox);
    world.done().await;
}

#[tokio::test]
async fn what_cannot_be_said() {
    let world = world().await;
    for body in [
        json!({}),
        json!({"product_id": "coins"}),
        json!({"delivery": "delivered"}),
        json!({"consumed_percent": 100.1}),
        json!({"consumed_percent": -1}),
        json!({"consumed_percent": "40"}),
        json!({"play_minutes": -1}),
        json!({"account_created_at": "yesterday"}),
        json!({"play_minutes": 1, "product_id": ""}),
        json!({"play_minutes": 1, "transaction_id": "9".repeat(256)}),
    ] {
        world.put("/users/me/usage", BOB, &body).await.problem(400, "bad-request");
    }
    world.done().await;
}

#[tokio::test]
async fn the_journal_tells_it() {
    let world = world().await;
    consents(&world, true).await;
    asks(&world, &month()).await;
    world.settle().await;
    let told = world.admin(&format!("explain/{ID}")).await;
    let entries = told["items"].as_array().expect("entries");
    let text = entries.iter().map(|entry| entry["summary"].as_str().expect("a text")).collect::<Vec<_>>().join("\n");
    for part in [
        "apple reported CONSUMPTION_REQUEST",
        &format!("refund question {ID} waiting"),
        "answer_refund begun",
        &format!("refund question {ID} answered"),
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let of_bob = world.admin(&format!("journal?user={BOB}")).await;
    let all = of_bob["items"].as_array().expect("entries");
    assert!(all.iter().any(|entry| entry["kind"] == "say_consent" && entry["by"] == "app"), "{all:#?}");
    world.done().await;
}

#[tokio::test]
async fn who_was_erased_allows_nothing() {
    let world = world().await;
    consents(&world, true).await;
    world.store.faults().next(Some(Op::SendConsumption), 1, Fault::Status(503));
    asks(&world, &month()).await;
    world.settle().await;
    world.admin_delete(&format!("/admin/users/{BOB}")).await.is(200);
    world.rest().await;
    assert_eq!((stands(&world).await, puts(&world)), ((json!("silent"), json!("no_consent")), 1));
    world.done().await;
}
