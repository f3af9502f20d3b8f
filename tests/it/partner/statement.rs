//! How a partner stands: for the administrator, and by a signed link for the partner.

use super::*;
use crate::support::caller::Reply;

/// Two partners with sales of their own and one customer each, who is named.
async fn pair() -> (World, String, String, Vec<String>) {
    let world = World::with_creators(|_| {}).await;
    let (jen, max) = (partner(&world, "Jen", "20% always").await, partner(&world, "Max", "50% always").await);
    own_offer(&world, &jen, "PARTNER_JEN").await;
    own_offer(&world, &max, "PARTNER_MAX").await;
    let codes = issued(&world, &jen, 2).await;
    issued(&world, &max, 1).await;
    world.claim(&codes[0], "customer-of-jen").await.is(201);
    buys(&world, "customer-of-jen").await;
    subscribes(&world, "200000000000001", "PARTNER_JEN").await;
    subscribes(&world, "300000000000001", "PARTNER_MAX").await;
    (world, jen, max, codes)
}

async fn look(world: &World, path: &str) -> Reply {
    // Misses are paced.
    world.advance(Span::seconds(1));
    world.raw("GET", &format!("{}{path}", world.public), &[], "").await
}

async fn link(world: &World, partner: &str, body: Value) -> Value {
    ask(world, &format!("partners/{partner}/link"), body).await.is(201).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_as_json() {
    let (world, jen, ..) = pair().await;
    ask(&world, "conversions/200000000000001/approve", json!({})).await.is(200);
    ask(&world, "payouts", json!({"partner": jen})).await.is(201);
    let sandbox = Transaction::purchase("200000000000009", world.now()).offer_code("PARTNER_JEN").price(9_990, "USD");
    world.apple(&Notification::subscribed(&sandbox.sandbox(), world.now()).sandbox()).await.is(200);
    let statement = world.admin(&format!("partners/{jen}/statement")).await;
    assert_eq!(world.admin(&format!("partners/{jen}/statement?format=json")).await, statement);
    assert_eq!(statement["partner"], world.admin(&format!("partners/{jen}")).await);
    let balance = json!({
        "currency": "USD", "pending": 200, "approved": 0, "paying": 200, "paid": 0, "clawed_back": 0, "earned": 400,
    });
    assert_eq!(statement["balances"], json!([balance]));
    assert_eq!(statement["codes"], json!({"pending": 1, "used": 1}));
    assert_eq!(statement["counts"], json!({"pending": 1, "approved": 1}), "tests do not count");
    assert_eq!(statement["coupons"][0]["offer"], "PARTNER_JEN");
    let rows = statement["conversions"].as_array().expect("conversions");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.iter().filter(|row| row["is_test"] == true).count(), 1);
    for row in rows {
        for field in [
            "transaction_id",
            "original_transaction_id",
            "partner",
            "coupon",
            "kind",
            "price",
            "currency",
            "commission",
            "status",
            "is_test",
            "purchased_at",
        ] {
            assert!(!row[field].is_null(), "{field}: {row}");
        }
    }
    assert_eq!(
        (&statement["payouts"][0]["amount"], &statement["payouts"][0]["status"]),
        (&json!(200), &json!("draft"))
    );
    assert!(!statement.to_string().contains("customer-of-jen"), "it names no user");
    world.admin_get(&format!("/admin/partners/{jen}/statement?format=xml")).await.problem(400, "bad-request");
    let nobody = "/admin/partners/00000000000000000000000000000000/statement";
    world.admin_get(nobody).await.problem(404, "not-found");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_csv_is_harmless_in_a_spreadsheet() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    own_offer(&world, &jen, "=PARTNER,JEN").await;
    let bought = Transaction::purchase("200000000000001", world.now()).offer_code("=PARTNER,JEN");
    let bought = bought.price(9_990, "USD").product("=HYPERLINK(A1)");
    world.apple(&Notification::subscribed(&bought, world.now())).await.is(200);
    let reply = world.admin_get(&format!("/admin/partners/{jen}/statement?format=csv")).await.is(200);
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = reply.text.split("\r\n").collect();
    assert_eq!(lines.len(), 3, "{}", reply.text);
    let head = "purchased_at,transaction_id,kind,product_id,coupon,price,currency,commission,commission_currency,";
    assert!(lines[0].starts_with(head));
    let row = "2026-09-21T14:13:20Z,200000000000001,first,'=HYPERLINK(A1),\"'=PARTNER,JEN\",9.99,USD,2.00,USD,pending,,false,,";
    assert_eq!(lines[1], row);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_shows_a_partner_what_is_theirs_and_nothing_else() {
    let (mut world, jen, max, codes) = pair().await;
    let given = link(&world, &jen, json!({"days": 7})).await;
    let path = path_of(&given["url"]);
    let before = world.journal();
    for round in 0..2 {
        let page = look(&world, &path).await.is(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
        assert!(page.text.contains(r#"<meta name="robots" content="noindex">"#));
        for own in ["Jen", "PARTNER_JEN", &codes[0], &codes[1], "premium_monthly", "9.99 USD", "2.00 USD", "4.00 USD"] {
            assert!(page.text.contains(own), "round {round}: {own} is not there: {}", page.text);
        }
        let (jens, maxs) = (world.admin(&format!("partners/{jen}")).await, format!("partners/{max}"));
        let maxs = world.admin(&maxs).await;
        for other in ["customer-of-jen", "Max", "PARTNER_MAX", "max@", "5.00 USD", "200000000000001", "jen@example.com"]
        {
            assert!(!page.text.contains(other), "round {round}: {other} is there: {}", page.text);
        }
        for one in [&jens, &maxs] {
            assert!(!page.text.contains(one["id"].as_str().expect("an id")), "it shows no id");
        }
        world.restart().await;
    }
    assert!(world.journal() <= before + 4, "looking is no event");
    for days in [json!(0), json!(366), json!(-1), json!("7")] {
        ask(&world, &format!("partners/{jen}/link"), json!({"days": days})).await.problem(400, "bad-request");
    }
    let usual = world.admin_post(&format!("/admin/partners/{jen}/link"), "").await.is(201).json();
    look(&world, &path_of(&usual["url"])).await.is(200);
    let nobody = "partners/00000000000000000000000000000000/link";
    ask(&world, nobody, json!({})).await.problem(404, "not-found");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_not_whole_leads_nowhere_like_any_other() {
    let (world, jen, max, _) = pair().await;
    let jens = path_of(&link(&world, &jen, json!({"days": 7})).await["url"]);
    let maxs = path_of(&link(&world, &max, json!({"days": 30})).await["url"]);
    let token = jens.strip_prefix("/p/").expect("a token").to_owned();
    let other = maxs.strip_prefix("/p/").expect("a token").to_owned();
    assert_eq!((token.len(), other.len()), (75, 75), "24 bytes and their seal");
    // Messengers add parameters.
    for good in [jens.clone(), format!("{jens}?fbclid=x")] {
        look(&world, &good).await.is(200);
    }
    let nowhere = look(&world, "/p/x").await.is(404);
    assert_eq!(nowhere.header("content-type"), Some("text/html; charset=utf-8"));

    let mut bad = vec![
        format!("{}{}", &token[..32], &other[32..]),
        format!("{}{}", &other[..32], &token[32..]),
        format!("{}{}", &token[..22], &other[22..]),
        format!("{token}A"),
        format!("{token}="),
        token.to_lowercase(),
        "A".repeat(75),
    ];
    bad.extend((1..75).step_by(7).map(|cut| token[..cut].to_owned()));
    bad.extend((0..75).map(|at| {
        let new = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{new}{}", &token[..at], &token[at + 1..])
    }));
    for one in &bad {
        let page = look(&world, &format!("/p/{one}")).await;
        assert_eq!((page.status, &page.text), (404, &nowhere.text), "{one}");
        assert_eq!(page.header("content-type"), nowhere.header("content-type"));
    }
    look(&world, &jens).await.is(200);
    // Ended, and of somebody who was erased.
    world.advance(Span::days(7));
    let page = look(&world, &jens).await;
    assert_eq!((page.status, &page.text), (404, &nowhere.text));
    look(&world, &maxs).await.is(200);
    world.admin_delete(&format!("/admin/partners/{max}")).await.is(200);
    let page = look(&world, &maxs).await;
    assert_eq!((page.status, &page.text), (404, &nowhere.text));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_to_the_millisecond() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let path = path_of(&link(&world, &jen, json!({"days": 1})).await["url"]);
    let address = format!("{}{path}", world.public);
    world.advance(Span::millis(Span::days(1).0 - 1));
    world.raw("GET", &address, &[], "").await.is(200);
    world.advance(Span::millis(1));
    world.raw("GET", &address, &[], "").await.is(404);
    world.done().await;
}
