//! What leaves is what the lists show.

use super::pool;
use crate::partner::good;
use crate::support::appliance::Site;
use crate::support::caller::Caller;
use crate::support::world::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn exported(caller: &Caller, what: &str, format: &str, more: &str) -> String {
    let reply = caller.admin_get(&format!("/admin/export/{what}?format={format}{more}")).await.is(200);
    let name = format!("attachment; filename=\"{what}.{format}\"");
    assert_eq!(reply.header("content-disposition"), Some(name.as_str()));
    let kind = if format == "csv" { "text/csv; charset=utf-8" } else { "application/x-ndjson" };
    assert_eq!(reply.header("content-type"), Some(kind));
    reply.text
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// The values of one column.
fn column(text: &str, name: &str) -> Vec<String> {
    let at = heading(text).iter().position(|column| column == name).expect("such a column");
    let records = csv::Reader::from_reader(text.as_bytes()).into_records();
    records.map(|record| record.expect("as wide as the heading")[at].to_owned()).collect()
}

fn heading(text: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.headers().expect("text").iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_the_lists_show() {
    let world = World::with_creators(|_| {}).await;
    world.refill().await;
    world.completes("ann", "friend").await;
    world.completes("=cmd|'calc'!A1", "other").await;
    let partner = world.admin_post("/admin/partners", good().to_string()).await.is(201).json();
    let path = format!("/admin/partners/{}/coupons", partner["id"].as_str().expect("an id"));
    world.admin_post(&path, r#"{"offer":"OWN"}"#).await.is(201);
    let sale = referd::fake::apple_event::Transaction::purchase("3001", world.now()).offer_code("OWN");
    let sale = sale.price(9_990, "USD");
    world.apple(&referd::fake::apple_event::Notification::subscribed(&sale, world.now())).await.is(200);
    world.admin_post("/admin/conversions/approve", "{}").await.is(200);
    world.admin_post("/admin/payouts", "{}").await.is(201);
    world.settle().await;
    for (what, key) in [
        ("codes", "code"),
        ("completions", "id"),
        ("conversions", "transaction_id"),
        ("partners", "id"),
        ("payouts", "id"),
        ("journal", "seq"),
    ] {
        let listed = world.all(what).await;
        assert!(!listed.is_empty(), "{what}");
        let mut items = objects(&exported(&world, what, "ndjson", "").await);
        items.retain(|item| item["status"] != "available");
        assert_eq!(items, listed, "{what}");
        let csv = exported(&world, what, "csv", "").await;
        let text = |item: &Value| item[key].as_str().map_or_else(|| item[key].to_string(), str::to_owned);
        let keys: Vec<String> = listed.iter().map(text).collect();
        let cells: Vec<String> = column(&csv, key);
        assert_eq!(cells[cells.len() - keys.len()..], keys, "{what}");
        // Every column is a field, and the fields that are none have one of their own.
        let columns: BTreeSet<String> = heading(&csv).into_iter().collect();
        let fields: BTreeSet<String> = listed[0].as_object().expect("an object").keys().cloned().collect();
        let without: Vec<&String> = fields.difference(&columns).collect();
        assert!(columns.is_subset(&fields), "{what}: {:?}", columns.difference(&fields));
        assert_eq!(without, if what == "partners" { vec!["terms"] } else { vec![] }, "{what}");
    }
    let stock = exported(&world, "codes", "ndjson", "&status=available&campaign=friends").await;
    assert_eq!(objects(&stock).len() as u64, world.pool().await["available"].as_u64().expect("a number"));
    assert_eq!(objects(&exported(&world, "codes", "ndjson", "&campaign=creators").await).len(), 120);
    assert_eq!(objects(&exported(&world, "completions", "ndjson", "&status=held").await).len(), 0);
    let holders = column(&exported(&world, "codes", "csv", "&status=used").await, "assigned_to");
    assert!(holders.contains(&"'=cmd|'calc'!A1".to_owned()), "{holders:?}");
    for (path, status, name) in [
        ("claims", 404, "not-found"),
        ("codes?format=xml", 400, "bad-request"),
        ("journal?campaign=friends", 400, "bad-request"),
    ] {
        world.admin_get(&format!("/admin/export/{path}")).await.problem(status, name);
    }
    world.done().await;
}

/// Thousands of rows, from a running appliance and from its file.
#[tokio::test(flavor = "multi_thread")]
async fn as_a_command() {
    let site = Site::asking_apple().await;
    let stock: String = (0..3_456).map(|n| format!("FREE{n:08}\n")).collect();
    let (held, _) = pool(2_345);
    let (stock, held) = (site.file("stock.csv", &stock), site.file("codes.csv", &held));
    let list = ["import", "codes", &stock, "--campaign", "friends", "--expires", "2099-05-01"];
    assert_eq!(site.says(&list).await.0, 0);
    let dump = ["import", "alma", "--campaign", "friends", "--codes", &held];
    assert_eq!(site.says(&dump).await.0, 0);
    let (_, file) = site.says(&["export", "codes"]).await;
    let appliance = site.start().await;
    let (status, running) = site.says(&["export", "codes"]).await;
    assert_eq!((status, running.len()), (0, 5_801));
    assert!(running == file, "the same of the file");
    let codes: BTreeSet<String> = running.iter().map(|row| row["code"].to_string()).collect();
    assert_eq!(codes.len(), 5_801);
    assert_eq!(running.iter().filter(|row| row["status"] == "available").count(), 3_456);
    let csv = site.prints(&["export", "codes", "--format", "csv", "--status", "used"]);
    assert_eq!(column(&csv, "status"), vec!["used"; 1_172]);
    assert_eq!(site.says(&["export", "claims"]).await.0, 2);
    let refused = site.says(&["export", "journal", "--status", "used"]).await;
    assert_eq!(refused, (1, vec![]));
    // What left can come in elsewhere.
    let other = Site::new(0, 10, "info").await;
    let all = site.prints(&["export", "codes", "--format", "csv"]);
    let all = other.file("codes.csv", &all);
    let (status, said) = other.says(&["import", "alma", "--campaign", "friends", "--codes", &all]).await;
    assert_eq!((status, &said[0]["stocked"], &said[0]["taken"]), (0, &json!(3_456), &json!(2_345)), "{said:?}");
    appliance.stop().await;
    site.verify();
    other.verify();
}
