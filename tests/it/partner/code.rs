//! One-time codes of partners'.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_issued_and_brings_sales() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let body = json!({"campaign": "creators", "count": 100, "partner": jen, "label": "spring"});
    let list = ask(&world, "codes/issue", body).await.is(200);
    assert_eq!(list.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<Vec<&str>> = list.text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["code", "redeem_url", "expires_at", "assigned_to", "label"]);
    assert_eq!(lines.len(), 101);
    let mut codes = std::collections::BTreeSet::new();
    for line in &lines[1..] {
        let redeem = format!("https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code={}", line[0]);
        assert_eq!((line[1], line[3], line[4]), (redeem.as_str(), jen.as_str(), "spring"));
        codes.insert(line[0]);
    }
    assert_eq!(codes.len(), 100, "each is another");
    let statement = world.admin(&format!("partners/{jen}/statement")).await;
    assert_eq!(statement["codes"], json!({"pending": 100}));

    world.claim(lines[1][0], "ann").await.is(201);
    world.claim(lines[1][0], "bob").await.problem(409, "already-claimed");
    buys(&world, "ann").await;
    buys(&world, "bob").await;
    world.claim(&lines[2][0].to_lowercase(), "bob").await.is(201);
    let mut expected = [1, 2].map(|n: usize| format!("{} first 200 pending", lines[n][0]));
    let mut got = sold(&world, &jen).await;
    expected.sort();
    got.sort();
    assert_eq!(got, expected);
    let completion = &world.all("completions?campaign=creators").await[0];
    assert_eq!((&completion["status"], &completion["days"]), (&json!("credited"), &json!(0)));
    assert_eq!(
        world.all("outbox").await.iter().filter(|item| item["kind"] == "grant").count(),
        0,
        "no days are granted"
    );
    let statement = world.admin(&format!("partners/{jen}/statement")).await;
    assert_eq!(statement["codes"], json!({"pending": 98, "used": 2}));
    world.claim(lines[1][0], "cleo").await.problem(409, "code-used");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_issued() {
    let world = World::with_creators(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let nobody = "00000000000000000000000000000000";
    for (changes, status, name) in [
        (json!({"assigned_to": "ann", "partner": jen}), 400, "bad-request"),
        (json!({}), 400, "bad-request"),
        (json!({"partner": jen, "count": 0}), 400, "bad-request"),
        (json!({"partner": nobody}), 404, "not-found"),
        (json!({"partner": "jen"}), 404, "not-found"),
        (json!({"partner": jen, "campaign": "friends"}), 404, "not-found"),
        (json!({"partner": jen, "campaign": "nobodys"}), 404, "not-found"),
        (json!({"partner": jen, "count": 121}), 503, "pool-empty"),
    ] {
        let mut body = json!({"campaign": "creators", "count": 1});
        for (name, value) in changes.as_object().expect("an object") {
            body[name] = value.clone();
        }
        ask(&world, "codes/issue", body).await.problem(status, name);
    }
    assert_eq!(world.all("codes?campaign=creators").await.len(), 0);
    // Nobody refers friends there.
    world.get("/referral/my-code?campaign=creators", "ann").await.problem(404, "not-found");
    world.done().await;
}
