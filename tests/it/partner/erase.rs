//! What names a partner can be erased; the books stand.

use super::*;
use referd::clock::ManualClock;
use referd::entropy::SeededEntropy;
use referd::fake::faults::{Fault, Op};
use referd::ledger::restore::Ready;
use std::fs::File;
use std::sync::Arc;
use tokio::task::block_in_place;

const NAMES: [&str; 4] = ["Wilhelmina", "quux.example", "quux-pays", "bank.example"];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_names_them_any_more_and_the_books_stand() {
    let mut world = World::with_creators(|_| {}).await;
    let wilma = ask(&world, "partners", good()).await.is(201).json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/admin/partners/{wilma}");
    own_offer(&world, &wilma, "PARTNER_W").await;
    let codes = issued(&world, &wilma, 2).await;
    let bought = subscribes(&world, "200000000000001", "PARTNER_W").await;
    renews(&world, &bought, "200000000000002").await;
    world.claim(&codes[0], "ann").await.is(201);
    buys(&world, "ann").await;
    ask(&world, "conversions/200000000000001/approve", json!({})).await.is(200);
    let draft = ask(&world, "payouts", json!({})).await.is(201).json()["items"][0].clone();
    let payout = format!("payouts/{}", draft["id"].as_str().expect("an id"));

    // Money on its way holds it back, whichever step it is at.
    world.admin_delete(&path).await.problem(409, "wrong-state");
    for step in ["approve", "send"] {
        ask(&world, &format!("{payout}/{step}"), json!({})).await.is(200);
        world.admin_delete(&path).await.problem(409, "wrong-state");
    }
    assert_eq!(world.admin(&format!("partners/{wilma}")).await["name"], "Wilhelmina Quux");
    ask(&world, &format!("{payout}/settle"), json!({})).await.is(200);

    world.advance(Span::seconds(1));
    let (stood, conversions) = (balances(&world, &wilma).await, world.all("conversions").await);
    let link = ask(&world, &format!("partners/{wilma}/link"), json!({"days": 7})).await.is(201).json();
    let first = world.admin_delete(&path).await.is(200).json();
    assert_eq!((&first["status"], &first["name"], &first["email"]), (&json!("erased"), &Value::Null, &Value::Null));
    let length = world.journal();
    assert_eq!(world.admin_delete(&path).await.is(200).json(), first);
    assert_eq!(world.journal(), length, "the same again is no news");

    for round in 0..2 {
        let mut told = Vec::new();
        for list in ["partners", "journal", "conversions", "payouts", "codes"] {
            told.push(json!(world.all(list).await).to_string());
        }
        for one in [
            format!("partners/{wilma}"),
            format!("partners/{wilma}/statement"),
            "explain/ann".to_owned(),
            "explain/200000000000001".to_owned(),
            format!("explain/{}", codes[0]),
        ] {
            told.push(world.admin(&one).await.to_string());
        }
        for one in [format!("partners/{wilma}/statement?format=csv"), "payouts.csv".to_owned()] {
            told.push(world.admin_get(&format!("/admin/{one}")).await.is(200).text);
        }
        for (place, text) in told.iter().enumerate() {
            assert!(NAMES.iter().all(|name| !text.contains(name)), "round {round}, {place}: {text}");
        }
        assert_eq!(balances(&world, &wilma).await, stood);
        assert_eq!(world.all("conversions").await, conversions);
        world.restart().await;
    }
    assert_eq!(stood, "USD pending 400 paid 200");

    // Whatever is sold later earns nothing.
    world.advance(Span::days(1));
    renews(&world, &bought, "200000000000003").await;
    subscribes(&world, "300000000000001", "PARTNER_W").await;
    assert_eq!(balances(&world, &wilma).await, stood);
    assert_eq!(world.all("conversions").await, conversions);
    let public = format!("{}{}", world.public, path_of(&link["url"]));
    world.raw("GET", &public, &[], "").await.is(404);
    for (what, body) in
        [("", json!({"name": "Wilhelmina Quux"})), ("/coupons", json!({"offer": "PARTNER_W2"})), ("/link", json!({}))]
    {
        ask(&world, &format!("partners/{wilma}{what}"), body).await.problem(404, "not-found");
    }
    let more = json!({"campaign": "creators", "count": 1, "partner": wilma});
    ask(&world, "codes/issue", more).await.problem(404, "not-found");
    let counts = world.admin("stats").await["campaigns"]["creators"]["partners"].clone();
    assert_eq!(counts, json!({"active": 0, "paused": 0, "erased": 1}));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_before_is_still_looked_at_afterwards() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    own_offer(&world, &jen, "PARTNER_JEN").await;
    let bought = subscribes(&world, "200000000000001", "PARTNER_JEN").await;
    let late = Transaction::renewal_of(&bought, "200000000000002").set("purchaseDate", json!(world.now().0 + 1));
    world.advance(Span::days(1));
    world.admin_delete(&format!("/admin/partners/{jen}")).await.is(200);
    // Bought before and told of now; refunded now.
    world.apple(&Notification::did_renew(&late, world.now())).await.is(200);
    assert_eq!(balances(&world, &jen).await, "USD pending 400");
    world.apple(&Notification::refund(&bought, world.now())).await.is(200);
    assert_eq!(balances(&world, &jen).await, "USD pending 200");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_identified_their_sales_ends() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    own_offer(&world, &jen, "PARTNER_JEN").await;
    world.apple.faults().next(Some(Op::CreateCustomCode), 1, Fault::Status(409));
    for code in ["JEN30", "JEN20"] {
        let wish = json!({"custom_code": code, "count": 500});
        ask(&world, &format!("partners/{jen}/coupons"), wish).await.is(201);
        world.settle().await;
    }
    assert_eq!(world.admin("stats").await["open_alerts"], 1, "one was refused");
    world.claim("JEN20", "ann").await.is(201);
    world.advance(Span::seconds(1));
    world.admin_delete(&format!("/admin/partners/{jen}")).await.is(200);
    world.settle().await;
    for coupon in world.admin(&format!("partners/{jen}/statement")).await["coupons"].as_array().expect("coupons") {
        assert_eq!(coupon["status"], "ended", "{coupon}");
    }
    assert!(world.apple.custom_codes().iter().all(|code| !code.active), "Apple takes it back");
    assert_eq!(world.admin("stats").await["open_alerts"], 0, "there is nothing to be looked at");
    for code in ["JEN20", "JEN30"] {
        world.claim(code, "bob").await.problem(410, "code-expired");
    }
    world.advance(Span::minutes(1));
    buys(&world, "ann").await;
    assert_eq!(balances(&world, &jen).await, "", "she claimed before, and bought afterwards");
    let max = partner(&world, "Max", "20% always").await;
    assert_eq!(own_offer(&world, &max, "PARTNER_MAX").await["own_offers"]["in_use"], 1, "the place is free");
    world.done().await;
}

/// Users as well as partners: both are forgotten by the draw log.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_since_a_backup_is_erased_after_its_restore() {
    let mut world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let max = partner(&world, "Max", "20% always").await;
    own_offer(&world, &max, "PARTNER_MAX").await;
    subscribes(&world, "200000000000001", "PARTNER_MAX").await;
    ask(&world, "conversions/200000000000001/approve", json!({})).await.is(200);
    let draft = ask(&world, "payouts", json!({})).await.is(201).json()["items"][0].clone();
    let codes = issued(&world, &jen, 3).await;
    let erase = async |world: &World, what: &str| world.admin_delete(&format!("/admin/{what}")).await.is(200).json();
    for (code, user) in codes.iter().zip(["ann", "bob", "cem"]) {
        world.claim(code, user).await.is(201);
    }
    // Erased before, and there again.
    erase(&world, "users/ann").await;
    world.claim(&codes[0], "ann").await;
    world.my_code("ann").await;
    let backup = world.admin_post("/admin/backup", "").await.is(200).json();

    world.claim(&codes[0], "dan").await;
    let draft = format!("payouts/{}/cancel", draft["id"].as_str().expect("an id"));
    ask(&world, &draft, json!({})).await.is(200);
    for what in ["users/bob", &format!("partners/{jen}"), &format!("partners/{max}")] {
        erase(&world, what).await;
    }
    world.stop().await;

    let restore = |world: &World| {
        let mut file = File::open(backup["path"].as_str().expect("a path")).expect("the backup");
        let clock = Arc::new(ManualClock::at(world.now()));
        let ready =
            Ready::make(world.data_dir(), "alma", &mut file, clock, &SeededEntropy::new(3)).expect("it is sound");
        let still_named: Vec<String> = ready.still_named.iter().map(ToString::to_string).collect();
        let told = (ready.erased, still_named);
        ready.swap().expect("it is swapped in");
        told
    };
    for round in ["Max has a draft again", "by the log on which the first restore has written"] {
        assert_eq!(block_in_place(|| restore(&world)), (2, vec![max.clone()]), "{round}");
    }
    world.begin().await;
    let named = async |what: String| world.admin(&what).await["name"].clone();
    assert_eq!(named(format!("partners/{jen}")).await, Value::Null);
    assert_eq!(named(format!("partners/{max}")).await, "Max");
    assert!(world.admin("users/bob").await["erased_at"].is_string());
    for user in ["ann", "cem"] {
        assert_eq!(world.admin(&format!("users/{user}")).await["user"], user);
    }
    let erased: Vec<Value> =
        world.all("journal").await.into_iter().filter(|entry| entry["kind"] == "erase_user").collect();
    assert!(erased[1]["reason"].as_str().is_some_and(|why| why.starts_with("restored")), "{erased:#?}");
    world.done().await;
}
