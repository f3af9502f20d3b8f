mod custom_codes;
mod reports;

use super::token::tests::{ISSUER, NOW, key, token};
use super::{AppStoreConnect, Csv, Offer, Setup};
use crate::clock::ManualClock;
use crate::domain::at::{At, Span};
use crate::fake::client::Answer;
use crate::fake::faults::{Fault, Op};
use crate::fake::tests::ask;
use serde_json::{Value, json};
use std::sync::Arc;

const MAKE: &str = "/v1/subscriptionOfferCodeOneTimeUseCodes";
const JSON: (&str, &str) = ("content-type", "application/json");

struct Rig {
    apple: AppStoreConnect,
    clock: Arc<ManualClock>,
    bearer: String,
}

async fn rig() -> Rig {
    let clock = Arc::new(ManualClock::at(NOW));
    let offer = |id: &str, active| Offer { id: id.into(), name: format!("NAME-{id}"), active };
    let offers = vec![offer("live", true), offer("dead", false), offer("other", true)];
    let setup = Setup::new(key(Some(ISSUER)), clock.clone(), offers);
    Rig { apple: AppStoreConnect::start(setup).await.unwrap(), clock, bearer: format!("Bearer {}", token(NOW)) }
}

impl Rig {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl ToString) -> Option<Answer> {
        let mut all = vec![("authorization", self.bearer.as_str())];
        all.extend_from_slice(headers);
        let url = if path.starts_with('/') { format!("{}{path}", self.apple.base_url()) } else { path.to_owned() };
        ask(method, &url, &all, body.to_string()).await.ok()
    }
    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await.unwrap()
    }
    async fn make(&self, number: u32) -> Option<Answer> {
        self.ask("POST", MAKE, &[JSON], wish(json!({"numberOfCodes": number}), "live")).await
    }
}

fn wish(attributes: Value, offer: &str) -> Value {
    let mut all = json!({"numberOfCodes": 3, "expirationDate": day(30)});
    for (name, value) in attributes.as_object().unwrap() {
        all[name] = value.clone();
    }
    creation("subscriptionOfferCodeOneTimeUseCodes", all, offer)
}
fn creation(kind: &str, attributes: Value, offer: &str) -> Value {
    json!({"data": {
        "type": kind,
        "attributes": attributes,
        "relationships": {"offerCode": {"data": {"type": "subscriptionOfferCodes", "id": offer}}},
    }})
}
fn day(days: i64) -> String {
    crate::fake::timestamp(NOW.plus(Span::days(days))).strftime("%Y-%m-%d").to_string()
}
fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}
/// Status, and the code and pointer or parameter of each error.
fn complaint(answer: &Answer) -> (u16, Vec<String>) {
    let body = body(answer);
    let errors = body["errors"].as_array().unwrap();
    let one = |error: &Value| {
        assert_eq!(error["status"], answer.status.to_string());
        let source = error["source"].get("pointer").or(error["source"].get("parameter"));
        format!("{} {}", error["code"].as_str().unwrap(), source.and_then(Value::as_str).unwrap_or("-"))
    };
    (answer.status, errors.iter().map(one).collect())
}
fn without(mut value: Value, pointer: &str, name: &str) -> Value {
    value.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
    value
}
fn with(mut value: Value, pointer: &str, name: &str, to: Value) -> Value {
    value.pointer_mut(pointer).unwrap()[name] = to;
    value
}

#[tokio::test]
async fn every_wrong_batch_is_refused_for_its_own_reason() {
    let rig = rig().await;
    let good = || wish(json!({}), "live");
    let (shape, attributes) = ("ENTITY_UNPROCESSABLE", "/data/attributes");
    let invalid = "ENTITY_ERROR.ATTRIBUTE.INVALID";
    let rows: Vec<(Value, u16, Vec<String>)> = vec![
        (json!([]), 422, vec![]),
        (json!({}), 422, vec![]),
        (with(good(), "", "more", json!(1)), 422, vec![format!("{shape} /more")]),
        (with(good(), "/data", "id", json!("x")), 422, vec![format!("{shape} /data/id")]),
        (with(good(), "/data", "type", json!("apps")), 422, vec![format!("{shape} /data/type")]),
        (without(good(), "/data", "type"), 422, vec![format!("{shape} /data/type")]),
        (wish(json!({"active": true}), "live"), 422, vec![format!("{shape} {attributes}/active")]),
        (wish(json!({"numberOfCodes": "3"}), "live"), 422, vec![format!("{shape} {attributes}/numberOfCodes")]),
        (wish(json!({"numberOfCodes": 3.5}), "live"), 422, vec![format!("{shape} {attributes}/numberOfCodes")]),
        (wish(json!({"environment": "PROD"}), "live"), 422, vec![format!("{shape} {attributes}/environment")]),
        (wish(json!({"environment": null}), "live"), 422, vec![format!("{shape} {attributes}/environment")]),
        (
            wish(json!({"expirationDate": "2026-12-01T00:00:00Z"}), "live"),
            422,
            vec![format!("{shape} {attributes}/expirationDate")],
        ),
        (without(good(), attributes, "numberOfCodes"), 422, vec![format!("{shape} {attributes}/numberOfCodes")]),
        (without(good(), attributes, "expirationDate"), 422, vec![format!("{shape} {attributes}/expirationDate")]),
        (without(good(), "/data/relationships", "offerCode"), 422, vec![]),
        (wish(json!({"numberOfCodes": 0}), "live"), 409, vec![format!("{invalid} {attributes}/numberOfCodes")]),
        (wish(json!({"numberOfCodes": 25_001}), "live"), 409, vec![format!("{invalid} {attributes}/numberOfCodes")]),
        (wish(json!({"expirationDate": day(0)}), "live"), 409, vec![format!("{invalid} {attributes}/expirationDate")]),
        (
            wish(json!({"expirationDate": day(190), "numberOfCodes": 0}), "nobody"),
            409,
            vec![
                format!("{invalid} {attributes}/numberOfCodes"),
                format!("{invalid} {attributes}/expirationDate"),
                "ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/offerCode".to_owned(),
            ],
        ),
        (wish(json!({}), "dead"), 409, vec!["STATE_ERROR -".to_owned()]),
    ];
    for (sent, status, errors) in rows {
        let answer = rig.ask("POST", MAKE, &[JSON], &sent).await.unwrap();
        let got = complaint(&answer);
        assert_eq!(got.0, status, "{sent}");
        assert!(!got.1.is_empty() && (errors.is_empty() || got.1 == errors), "{sent}: {:?}", got.1);
    }
    assert!(rig.apple.batches().is_empty(), "a refused request makes nothing");
}

/// Method, path, headers, body; status and first complaint.
type Row<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a str, u16, &'a str);

#[tokio::test]
async fn every_wrong_request_is_refused_before_its_content() {
    let rig = rig().await;
    let made = body(&rig.make(2).await.unwrap())["data"]["id"].as_str().unwrap().to_owned();
    let one = format!("{MAKE}/{made}");
    let values = format!("{one}/values");
    let list = "/v1/subscriptionOfferCodes/live/oneTimeUseCodes";
    let good = wish(json!({}), "live").to_string();
    let accept = |kind| [("accept", kind)];
    let rows: Vec<Row> = vec![
        ("POST", MAKE, vec![], &good, 415, "UNSUPPORTED_MEDIA_TYPE -"),
        ("POST", MAKE, vec![("content-type", "text/plain")], &good, 415, "UNSUPPORTED_MEDIA_TYPE -"),
        ("POST", MAKE, vec![("content-type", "application/json; charset=utf-8")], &good, 201, ""),
        ("POST", MAKE, vec![JSON], "{", 400, "ENTITY_INVALID -"),
        ("GET", MAKE, vec![], "", 405, "METHOD_NOT_ALLOWED -"),
        ("DELETE", &one, vec![], "", 405, "METHOD_NOT_ALLOWED -"),
        ("DELETE", "/v1/subscriptionOfferCodes/live", vec![], "", 405, "METHOD_NOT_ALLOWED -"),
        ("GET", "/v1/subscriptionOfferCode/live", vec![], "", 404, "PATH_ERROR -"),
        ("GET", "/v2/apps", vec![], "", 404, "PATH_ERROR -"),
        ("GET", "/v1/subscriptionOfferCodes/nobody", vec![], "", 404, "NOT_FOUND -"),
        ("GET", "/v1/subscriptionOfferCodes/nobody/oneTimeUseCodes", vec![], "", 404, "NOT_FOUND -"),
        ("GET", "/v1/subscriptionOfferCodeOneTimeUseCodes/nobody", vec![], "", 404, "NOT_FOUND -"),
        ("GET", "/v1/subscriptionOfferCodeOneTimeUseCodes/nobody/values", vec![], "", 404, "NOT_FOUND -"),
        ("GET", &one, accept("application/json").to_vec(), "", 200, ""),
        ("GET", &one, accept("text/html, application/*;q=0.5").to_vec(), "", 200, ""),
        ("GET", &one, accept("text/csv").to_vec(), "", 406, "text/plain"),
        ("GET", &values, accept("application/json").to_vec(), "", 406, "text/plain"),
        ("GET", &values, accept("text/csv").to_vec(), "", 200, ""),
        ("GET", &values, accept("*/*").to_vec(), "", 200, ""),
    ];
    for (method, path, headers, sent, status, expected) in rows {
        let answer = rig.ask(method, path, &headers, sent).await.unwrap();
        assert_eq!(answer.status, status, "{method} {path} {headers:?}");
        match expected {
            "" => {}
            "text/plain" => assert!(answer.header("content-type").unwrap().starts_with(expected)),
            _ => assert_eq!(complaint(&answer).1, [expected], "{method} {path}"),
        }
    }
    for (query, parameter) in [
        ("limit=0", "PARAMETER_ERROR.INVALID limit"),
        ("limit=201", "PARAMETER_ERROR.INVALID limit"),
        ("limit=many", "PARAMETER_ERROR.INVALID limit"),
        ("cursor=zzz", "PARAMETER_ERROR.INVALID cursor"),
        ("order=up", "PARAMETER_ERROR.ILLEGAL order"),
    ] {
        let answer = rig.get(&format!("{list}?{query}")).await;
        assert_eq!(complaint(&answer), (400, vec![parameter.to_owned()]), "{query}");
    }
    for bearer in ["", "Bearer ", "Bearer x.y.z", "Basic YQ=="] {
        let url = format!("{}{one}", rig.apple.base_url());
        let answer = ask("GET", &url, &[("authorization", bearer)], "").await.unwrap();
        assert_eq!(complaint(&answer), (401, vec!["NOT_AUTHORIZED -".to_owned()]), "{bearer}");
        assert!(answer.header("x-rate-limit").is_some());
    }
}

#[tokio::test]
async fn a_batch_is_made_listed_read_and_ended() {
    let rig = rig().await;
    let answer = rig.make(3).await.unwrap();
    assert_eq!(answer.status, 201);
    let made = body(&answer)["data"].clone();
    let id = made["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), made["links"]["self"].as_str());
    let attributes = &made["attributes"];
    assert_eq!((&attributes["numberOfCodes"], &attributes["environment"]), (&json!(3), &json!("PRODUCTION")));
    assert_eq!((&attributes["expirationDate"], &attributes["active"]), (&json!(day(30)), &json!(true)));
    let sent = wish(json!({"environment": "SANDBOX"}), "live");
    rig.ask("POST", MAKE, &[JSON], sent).await.unwrap();

    let own = format!("{MAKE}/{id}");
    assert_eq!(body(&rig.get(&own).await)["data"], made);
    let values = made["relationships"]["values"]["links"]["related"].as_str().unwrap();
    let text = rig.get(values).await;
    assert_eq!(text.header("content-type"), Some("text/csv"));
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    let codes: Vec<_> = text.lines().map(|line| line.split(',').next().unwrap().to_owned()).collect();
    assert_eq!(codes, rig.apple.codes(id));
    rig.apple.set_csv(Csv { redeem_urls: false, header: false, bom: true, crlf: true });
    let text = rig.get(values).await.body;
    assert_eq!(text, format!("\u{feff}{}\r\n", codes.join("\r\n")));

    let offer = body(&rig.get("/v1/subscriptionOfferCodes/live").await)["data"]["attributes"].clone();
    assert_eq!(offer["name"], "NAME-live");
    let counts = ["totalNumberOfCodes", "productionCodeCount", "sandboxCodeCount"].map(|name| offer[name].as_u64());
    assert_eq!(counts, [Some(6), Some(3), Some(3)]);

    let change = |attributes: Value| json!({"data": {"type": "subscriptionOfferCodeOneTimeUseCodes", "id": id, "attributes": attributes}});
    let another = with(change(json!({"active": false})), "/data", "id", json!("another"));
    for (sent, status) in [
        (change(json!({"active": "no"})), 422),
        (change(json!({"active": false, "numberOfCodes": 9})), 422),
        (another, 409),
        (change(json!({"active": true})), 200),
        (change(json!({"active": false})), 200),
        (change(json!({"active": true})), 409),
    ] {
        assert_eq!(rig.ask("PATCH", &own, &[JSON], &sent).await.unwrap().status, status, "{sent}");
    }
    assert_eq!(rig.apple.batches().iter().map(|batch| batch.active).collect::<Vec<_>>(), [false, true]);
    let path = "/v1/subscriptionOfferCodes/other";
    let end = json!({"data": {"type": "subscriptionOfferCodes", "id": "other", "attributes": {"active": false}}});
    assert_eq!(rig.ask("PATCH", path, &[JSON], &end).await.unwrap().status, 200);
    let again = rig.ask("PATCH", path, &[JSON], &end).await.unwrap();
    assert_eq!(complaint(&again), (409, vec!["STATE_ERROR -".to_owned()]));
    rig.apple.deactivate_offer("live");
    assert_eq!(rig.make(3).await.unwrap().status, 409);
}

#[tokio::test]
async fn a_list_is_followed_by_its_next_links() {
    let rig = rig().await;
    for number in 1..=5 {
        rig.make(number).await.unwrap();
    }
    let mut next = Some("/v1/subscriptionOfferCodes/live/oneTimeUseCodes?limit=2".to_owned());
    let (mut sizes, mut numbers) = (vec![], vec![]);
    while let Some(link) = next {
        let page = body(&rig.get(&link).await);
        assert_eq!(page["meta"]["paging"]["total"], 5);
        let data = page["data"].as_array().unwrap();
        sizes.push(data.len());
        numbers.extend(data.iter().map(|one| one["attributes"]["numberOfCodes"].as_u64().unwrap()));
        next = page["links"].get("next").map(|link| link.as_str().unwrap().to_owned());
        assert!(next.iter().all(|link| link.starts_with(rig.apple.base_url())));
    }
    assert_eq!((sizes, numbers), (vec![2, 2, 1], vec![1, 2, 3, 4, 5]));
    let empty = body(&rig.get("/v1/subscriptionOfferCodes/other/oneTimeUseCodes").await);
    assert_eq!(empty["data"], json!([]));
}

#[tokio::test]
async fn the_budget_of_the_hour_runs_out_and_comes_back() {
    let rig = rig().await;
    rig.apple.set_hourly_limit(2);
    let path = "/v1/subscriptionOfferCodes/live";
    for (status, left) in [(200, 1), (200, 0), (429, 0)] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, status);
        let header = format!("user-hour-lim:2;user-hour-rem:{left};");
        assert_eq!(answer.header("x-rate-limit"), Some(header.as_str()));
    }
    rig.clock.set(At(NOW.0 + 1_000));
    assert_eq!(complaint(&rig.get(path).await).1, ["RATE_LIMIT_EXCEEDED -"]);
    rig.apple.set_hourly_limit(3_600);
    rig.apple.faults().next(None, 1, Fault::TooMany { retry_after: Some(7) });
    let answer = rig.get(path).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(answer.header("x-rate-limit"), Some("user-hour-lim:3600;user-hour-rem:0;"));
    assert_eq!(rig.get(path).await.header("x-rate-limit"), Some("user-hour-lim:3600;user-hour-rem:3597;"));
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_in_the_list() {
    let rig = rig().await;
    rig.apple.faults().next(Some(Op::CreateBatch), 1, Fault::DropBefore);
    rig.apple.faults().next(Some(Op::CreateBatch), 1, Fault::AcceptThenDrop);
    rig.apple.faults().next(Some(Op::CreateBatch), 1, Fault::Status(500));
    let list = "/v1/subscriptionOfferCodes/live/oneTimeUseCodes";
    for (number, status, listed) in [(1, None, 0), (2, None, 1), (3, Some(500), 1), (4, Some(201), 2)] {
        assert_eq!(rig.make(number).await.map(|answer| answer.status), status, "{number}");
        assert_eq!(body(&rig.get(list).await)["data"].as_array().unwrap().len(), listed, "{number}");
    }
    let answered: Vec<_> = rig.apple.calls().iter().filter(|call| call.method == "POST").map(|c| c.status).collect();
    assert_eq!(answered, [None, None, Some(500), Some(201)]);
}

#[tokio::test]
async fn codes_can_be_late_few_or_torn() {
    let rig = rig().await;
    let made = body(&rig.make(4).await.unwrap());
    let values = made["data"]["relationships"]["values"]["links"]["related"].as_str().unwrap();
    let faults = rig.apple.faults();
    faults.next(None, 2, Fault::ValuesDelay);
    faults.next(None, 1, Fault::EmptyValues);
    faults.next(None, 1, Fault::ShortValues { missing: 3 });
    faults.next(Some(Op::Values), 1, Fault::CutBody);
    let expected = [Some((404, 0)), Some((404, 0)), Some((200, 0)), Some((200, 1)), None, Some((200, 4))];
    for (row, expected) in expected.into_iter().enumerate() {
        let answer = rig.ask("GET", values, &[], "").await;
        let seen = answer.map(|answer| {
            let lines =
                if answer.status == 200 { answer.body.iter().filter(|byte| **byte == b'\n').count() } else { 0 };
            (answer.status, lines)
        });
        assert_eq!(seen, expected, "row {row}");
    }
}
