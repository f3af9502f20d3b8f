//! Codes for whom an administrator names, and what such a code is not for.

use super::{BOB, OFFER, Stage, rules};
use referd::domain::policy::WinBackRules;
use serde_json::{Value, json};

const EVE: &str = "E621E1F8-C36C-495A-93FC-000000000002";

async fn list(stage: &Stage, users: &[&str], check: bool) -> Vec<Value> {
    let body = json!({"campaign": "return", "users": users, "check": check, "reason": "spring"});
    let told = stage.world.admin_post("/admin/winback", body.to_string()).await.is(200).json();
    assert_eq!((&told["campaign"], &told["check"]), (&json!("return"), &json!(check)));
    told["items"].as_array().expect("items").clone()
}

fn words(items: &[Value]) -> Vec<String> {
    let word = |row: &Value| row["reason"].as_str().or(row["status"].as_str()).expect("a status").to_owned();
    items.iter().map(word).collect()
}

#[tokio::test]
async fn a_list_is_the_owners_choice_but_for_consent_and_frequency() {
    let mut stage = Stage::stocked(rules()).await;
    stage.play("says yes; buys").await;
    assert_eq!(words(&list(&stage, &[BOB], false).await), ["not_lapsed"]);
    // For a reason that the rule does not count, and the day it ended.
    stage.play("days 30; left PRICE_INCREASE").await;
    let journal = stage.world.journal();
    assert_eq!(words(&list(&stage, &[BOB, "nobody"], true).await), ["eligible", "never_subscribed"]);
    assert_eq!(stage.world.journal(), journal, "a check changes nothing");
    let items = list(&stage, &[BOB, "nobody", BOB], false).await;
    assert_eq!(words(&items), ["issued", "never_subscribed", "again"]);
    assert_eq!(items[0]["code"], items[2]["code"], "named twice, they have one code");
    assert!(
        items[0]["redeem_url"].as_str().is_some_and(|url| url.contains(items[0]["code"].as_str().expect("a code")))
    );
    assert!(items[0]["expires_at"].is_string() && items[1]["code"].is_null());
    let row = stage.world.only("winbacks").await;
    assert_eq!((&row["how"], &row["status"], &row["user"]), (&json!("list"), &json!("issued"), &json!(BOB)));
    let told = stage.world.admin(&format!("explain/{BOB}")).await.to_string();
    assert!(told.contains("by a list") && told.contains("spring"), "{told}");
    // The rule comes after, and that is too soon.
    stage.play("days 30").await;
    assert_eq!(stage.outcome().await, "issued; declined other_reason");
    stage.play("says no").await;
    assert_eq!(words(&list(&stage, &[BOB], false).await), ["no_consent"], "what was given is not shown either");
    stage.play("says yes; back RETURN50").await;
    assert_eq!(words(&list(&stage, &[BOB], false).await), ["not_lapsed"]);
    stage.play("days 30; left VOLUNTARY").await;
    assert_eq!(words(&list(&stage, &[BOB], true).await), ["too_soon"]);
    stage.play("days 30; days 90").await;
    assert_eq!(words(&list(&stage, &[BOB], false).await), ["issued"]);
    assert_eq!(stage.outcome().await, "came_back_with_code; declined other_reason; declined too_soon; issued");
    stage.world.done().await;
}

#[tokio::test]
async fn a_list_is_limited_by_stock_and_day() {
    let mut stage = Stage::set(WinBackRules { max_per_day: 1, lapsed_days: 400, ..rules() }).await;
    stage.play("says yes; buys").await;
    let bobs = std::mem::take(&mut stage.bought);
    stage.play(&format!("user {EVE}; says yes; buys; days 30; left VOLUNTARY")).await;
    (stage.user, stage.bought) = (BOB.to_owned(), bobs);
    stage.play("left VOLUNTARY").await;
    assert_eq!(words(&list(&stage, &[BOB, EVE], false).await), ["pool_empty", "pool_empty"]);
    stage.play("stock 2").await;
    assert_eq!(words(&list(&stage, &[BOB, EVE], true).await), ["eligible", "eligible"]);
    assert_eq!(words(&list(&stage, &[EVE, BOB], false).await), ["issued", "day_full"]);
    stage.play("days 1").await;
    assert_eq!(words(&list(&stage, &[EVE, BOB], false).await), ["again", "issued"]);
    stage.world.done().await;
}

#[tokio::test]
async fn lists_that_are_not_understood() {
    let stage = Stage::stocked(rules()).await;
    let many: Vec<String> = (0..501).map(|n| format!("u{n}")).collect();
    for (body, status, name) in [
        (json!({"campaign": "return", "users": []}), 400, "bad-request"),
        (json!({"campaign": "return", "users": many}), 400, "bad-request"),
        (json!({"campaign": "return", "users": ["a/b"]}), 400, "bad-request"),
        (json!({"campaign": "return"}), 400, "bad-request"),
        (json!({"users": [BOB]}), 400, "bad-request"),
        (json!({"campaign": "friends", "users": [BOB]}), 400, "bad-request"),
        (json!({"campaign": "foes", "users": [BOB]}), 404, "not-found"),
    ] {
        stage.world.admin_post("/admin/winback", body.to_string()).await.problem(status, name);
    }
    stage.world.done().await;
}

#[tokio::test]
async fn such_a_code_is_one_users_and_nobody_claims_it() {
    let mut stage = Stage::stocked(rules()).await;
    stage.play("says yes; buys; days 30; left VOLUNTARY; days 30").await;
    let world = &stage.world;
    let code = world.only("winbacks").await["code"].as_str().expect("a code").to_owned();
    for user in [EVE, BOB] {
        world.claim(&code, user).await.problem(403, "not-eligible");
        world.confirm(&code, user).await.problem(403, "not-eligible");
    }
    world.get("/referral/my-code?campaign=return", EVE).await.problem(404, "not-found");
    let issue = json!({"campaign": "return", "count": 1, "assigned_to": EVE}).to_string();
    world.admin_post("/admin/codes/issue", issue).await.problem(400, "bad-request");
    // What its owner shows is believed all the same, and completes nothing.
    stage.step("days 1").await;
    let back = stage.buys(Some(OFFER));
    stage.world.shows(&code, BOB, &back).await.problem(403, "not-eligible");
    assert_eq!(stage.outcome().await, "came_back_with_code");
    let world = &stage.world;
    assert!(world.all("completions").await.is_empty() && world.all("claims").await.is_empty());
    stage.world.done().await;
}
