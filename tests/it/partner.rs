//! Partners over the administrator's routes: made, listed, changed and erased.

mod affiliates;
mod code;
mod coupon;
mod custom;
mod erase;
mod statement;
mod touch;

use crate::selling::stage::{balances, own_offer, partner, terms};
use crate::support::caller::Caller;
use crate::support::world::{CREATORS_OFFER, World};
use referd::domain::at::Span;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

/// What a partner sold, as `coupon kind commission status` in order of the transactions.
async fn sold(caller: &Caller, partner: &str) -> Vec<String> {
    let mut rows = caller.all(&format!("conversions?partner={partner}")).await;
    rows.sort_by_key(|row| row["transaction_id"].to_string());
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let one = |row: &Value| {
        let [coupon, kind, status] = ["coupon", "kind", "status"].map(|name| text(row, name));
        format!("{coupon} {kind} {} {status}", row["commission"])
    };
    rows.iter().map(one).collect()
}

/// A purchase with an offer, as RevenueCat tells it.
async fn buys_with(world: &World, user: &str, offer: &str) {
    world.webhook(&Event::initial_purchase(user, world.now()).offer(offer)).await.is(200);
}

/// A purchase with the offer of the partners' campaign, which only a claim makes somebody's.
async fn buys(world: &World, user: &str) {
    buys_with(world, user, CREATORS_OFFER).await;
}

/// A purchase with an offer, as Apple tells it.
async fn subscribes(world: &World, id: &str, offer: &str) -> Transaction {
    let bought = Transaction::purchase(id, world.now()).offer_code(offer).price(9_990, "USD");
    world.apple(&Notification::subscribed(&bought, world.now())).await.is(200);
    bought
}

async fn renews(world: &World, before: &Transaction, id: &str) {
    let renewal = Transaction::renewal_of(before, id).set("purchaseDate", json!(world.now().0));
    let renewal = renewal.set("expiresDate", json!(world.now().plus(Span::days(30)).0));
    world.apple(&Notification::did_renew(&renewal, world.now())).await.is(200);
}

/// One-time codes of a partner's.
async fn issued(caller: &Caller, partner: &str, count: u32) -> Vec<String> {
    let body = json!({"campaign": "creators", "count": count, "partner": partner}).to_string();
    let list = caller.admin_post("/admin/codes/issue", body).await.is(200).text;
    list.lines().skip(1).map(|line| line.split(',').next().expect("a code").to_owned()).collect()
}

async fn ask(caller: &Caller, path: &str, body: Value) -> crate::support::caller::Reply {
    caller.admin_post(&format!("/admin/{path}"), body.to_string()).await
}

fn path_of(url: &Value) -> String {
    let url = url.as_str().expect("an address");
    url.strip_prefix(crate::support::world::PUBLIC_URL).expect("it is ours").to_owned()
}

pub fn good() -> Value {
    json!({
        "name": "Wilhelmina Quux", "email": "wilhelmina@quux.example", "campaign": "creators", "country": "DE",
        "has_tax_form": true, "commission": {"basis_points": 2000, "of": "price"}, "recurring": {"months": 12},
        "products": {"yearly": {"amount": 1500, "currency": "EUR"}},
        "payout": {"rail": "csv", "email": "quux-pays@bank.example"}, "reason": "she asked",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_made_listed_read_and_changed() {
    let mut world = World::with_partners(|_| {}).await;
    let mut expected = good();
    expected.as_object_mut().expect("an object").remove("reason");
    let made = ask(&world, "partners", good()).await.is(201).json();
    let id = made["id"].as_str().expect("an id").to_owned();
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(made[name], *value, "{name}");
    }
    assert_eq!((&made["status"], &made["terms"].as_array().map(Vec::len)), (&json!("active"), &Some(1)));
    assert_eq!(world.only("partners").await, made);
    assert_eq!(world.admin(&format!("partners/{id}")).await, made);

    partner(&world, "Jen", "20% always").await;
    assert_eq!(world.all("partners?campaign=creators").await.len(), 2);
    assert_eq!(world.all("partners?status=paused").await.len(), 0);
    let counts = world.admin("stats").await["campaigns"]["creators"]["partners"].clone();
    assert_eq!(counts, json!({"active": 2, "paused": 0, "erased": 0}));

    let path = format!("partners/{id}");
    let renamed = json!({"name": "Minnie Quuz", "email": "minnie@quux.example", "payout": {"email": "m@bank.example"}});
    let changed = ask(&world, &path, renamed).await.is(200).json();
    assert_eq!((&changed["name"], &changed["email"]), (&json!("Minnie Quuz"), &json!("minnie@quux.example")));
    assert_eq!(changed["payout"], json!({"rail": "csv", "email": "m@bank.example"}), "the rail stays");
    assert_eq!((&changed["country"], &changed["terms"]), (&made["country"], &made["terms"]));
    let without = json!({"email": null, "country": null, "payout": {"email": null}});
    let changed = ask(&world, &path, without).await.is(200).json();
    let left = [&changed["email"], &changed["country"], &changed["payout"]["email"], &changed["name"]];
    assert_eq!(left, [&Value::Null, &Value::Null, &Value::Null, &json!("Minnie Quuz")]);
    world.advance(Span::days(1));
    let better = json!({"commission": {"basis_points": 3000, "of": "proceeds"}});
    let changed = ask(&world, &path, better).await.is(200).json();
    assert_eq!(changed["terms"].as_array().map(Vec::len), Some(2), "{changed}");
    assert_eq!((&changed["recurring"], &changed["products"]), (&made["recurring"], &made["products"]));
    let paused = ask(&world, &path, json!({"status": "paused"})).await.is(200).json();
    assert_eq!(paused["status"], "paused");
    assert_eq!(world.only("partners?status=paused").await["id"], id);

    world.restart().await;
    assert_eq!(world.admin(&path).await, paused);
    let journal = json!(world.all("journal").await).to_string();
    for secret in ["Wilhelmina", "wilhelmina@", "Quux", "quux.example", "Minnie", "minnie@", "bank.example"] {
        assert!(!journal.contains(secret), "{secret} is in the journal");
    }
    assert!(journal.contains("she asked") && journal.contains(&id));
    for nobody in ["partners/0000", "partners/00000000000000000000000000000000"] {
        world.admin_get(&format!("/admin/{nobody}")).await.problem(404, "not-found");
        ask(&world, nobody, json!({"name": "X"})).await.problem(404, "not-found");
    }
    world.admin_delete("/admin/partners/00000000000000000000000000000000").await.problem(404, "not-found");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn later_sales_are_made_under_new_terms() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    own_offer(&world, &jen, "PARTNER_JEN").await;
    let bought = subscribes(&world, "200000000000001", "PARTNER_JEN").await;
    let late = Transaction::renewal_of(&bought, "200000000000002");
    let late = late.set("purchaseDate", json!(world.now().plus(Span::days(9)).0));
    world.advance(Span::days(10));
    ask(&world, &format!("partners/{jen}"), terms("30% always")).await.is(200);
    // Told of after the change, bought before.
    world.apple(&Notification::did_renew(&late, world.now())).await.is(200);
    renews(&world, &bought, "200000000000003").await;
    world.advance(Span::days(30));
    ask(&world, &format!("partners/{jen}"), json!({"recurring": "first"})).await.is(200);
    renews(&world, &bought, "200000000000004").await;
    let expected = ["first 200", "renewal 200", "renewal 300"].map(|one| format!("PARTNER_JEN {one} pending"));
    assert_eq!(sold(&world, &jen).await, expected);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_one_earns_and_is_not_paid() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    own_offer(&world, &jen, "PARTNER_JEN").await;
    ask(&world, &format!("partners/{jen}"), json!({"status": "paused"})).await.is(200);
    subscribes(&world, "200000000000001", "PARTNER_JEN").await;
    ask(&world, "conversions/approve", json!({"partner": jen})).await.is(200);
    for body in [json!({}), json!({"partner": jen}), json!({"partner": jen, "currency": "USD"})] {
        assert_eq!(ask(&world, "payouts", body).await.is(201).json(), json!({"items": []}));
    }
    assert_eq!(balances(&world, &jen).await, "USD approved 200");
    ask(&world, &format!("partners/{jen}"), json!({"status": "active"})).await.is(200);
    let made = ask(&world, "payouts", json!({"partner": jen})).await.is(201).json();
    assert_eq!(made["items"][0]["amount"], 200, "{made}");
    world.done().await;
}

/// What is otherwise in a good body (null: left out), the status, and a word of the answer.
type Bad = (&'static str, Value, u16, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_body_is_refused_and_says_why() {
    let world = World::with_partners(|_| {}).await;
    let jen = partner(&world, "Jen", "20% always").await;
    let before = world.journal();
    let rows: Vec<Bad> = vec![
        ("name", Value::Null, 400, "name"),
        ("name", json!(""), 400, "name"),
        ("name", json!("a\nb"), 400, "name"),
        ("name", json!("x".repeat(201)), 400, "name"),
        ("campaign", Value::Null, 400, "campaign"),
        ("campaign", json!("nobodys"), 404, "campaign"),
        ("campaign", json!("friends"), 400, "campaign"),
        ("commission", Value::Null, 400, "commission"),
        ("commission", json!({"basis_points": 10001, "of": "price"}), 400, "basis_points"),
        ("commission", json!({"amount": 1, "currency": "ZZZ"}), 400, "currency"),
        ("commission", json!({"amount": 1, "currency": "usd"}), 400, "currency"),
        ("commission", json!({"amount": -1, "currency": "USD"}), 400, "amount"),
        ("commission", json!({"basis_points": 2000, "of": "gross"}), 400, ""),
        ("commission", json!({"basis_points": 2000}), 400, ""),
        ("commission", json!(20), 400, ""),
        ("products", json!({"yearly": {"amount": -1, "currency": "USD"}}), 400, "amount"),
        ("recurring", Value::Null, 400, "recurring"),
        ("recurring", json!({"months": 0}), 400, "months"),
        ("recurring", json!({"months": 1201}), 400, "months"),
        ("recurring", json!("sometimes"), 400, ""),
        ("payout", json!({"rail": "cash"}), 400, "rail"),
        ("payout", json!({"rail": "csv", "email": "nowhere"}), 400, "email"),
        ("email", json!("jen"), 400, "email"),
        ("email", json!("jen@localhost"), 400, "email"),
        ("email", json!("jen @example.com"), 400, "email"),
        ("country", json!("de"), 400, "country"),
        ("country", json!("DEU"), 400, "country"),
    ];
    for (field, value, status, word) in rows {
        let mut body = good();
        match value.is_null() {
            true => _ = body.as_object_mut().expect("an object").remove(field),
            false => body[field] = value.clone(),
        }
        let name = if status == 404 { "not-found" } else { "bad-request" };
        let problem = ask(&world, "partners", body).await.problem(status, name);
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(word), "{field} {value}: {detail}");
        // The same of one who is there, except what may be left out then.
        if status == 400 && !value.is_null() {
            ask(&world, &format!("partners/{jen}"), json!({field: value})).await.problem(400, "bad-request");
        }
    }
    for status in ["erased", "gone"] {
        let problem = ask(&world, &format!("partners/{jen}"), json!({"status": status})).await;
        assert!(problem.problem(400, "bad-request")["detail"].as_str().expect("a detail").contains("status"));
    }
    for path in ["partners", &format!("partners/{jen}")] {
        for body in ["", "{", "[]", "7"] {
            world.admin_post(&format!("/admin/{path}"), body).await.problem(400, "bad-request");
        }
    }
    assert_eq!(world.all("partners").await.len(), 1);
    assert_eq!(world.journal(), before, "nothing was written");
    world.done().await;
}
