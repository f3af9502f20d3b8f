mod consumption;
mod extension;

use super::token::tests::{BUNDLE, ISSUER, NOW, key, token_with};
use super::*;
use crate::clock::ManualClock;
use crate::domain::at::Span;
use crate::fake::client::Answer;
use crate::fake::faults::{Fault, Op};
use crate::fake::stand;
use crate::fake::tests::ask;
use crate::wire::jws::Verifier;
use Environment::{Production, Sandbox};
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

const TEST: &str = "/inApps/v1/notifications/test";
const HISTORY: &str = "/inApps/v1/notifications/history";
const TOKEN: &str = "7e3fb20b-4cdb-47cc-936d-99d65f608138";

struct Rig {
    apple: AppStoreServer,
    clock: Arc<ManualClock>,
    bearer: String,
}

async fn rig() -> Rig {
    let clock = Arc::new(ManualClock::at(NOW));
    let app = App { bundle_id: BUNDLE.into(), apple_id: 1_234_567_890 };
    let setup = Setup { key: key(Some(ISSUER)), clock: clock.clone(), chain: Arc::new(Chain::new(NOW)), app };
    // Without `iat` a token stays good when the clock is moved.
    let bearer = format!("Bearer {}", token_with(json!({"iat": null})));
    Rig { apple: AppStoreServer::start(setup).await.unwrap(), clock, bearer }
}

impl Rig {
    async fn send(&self, environment: Environment, method: &str, path: &str, body: &str) -> Option<Answer> {
        let base = if environment == Production { self.apple.production_url() } else { self.apple.sandbox_url() };
        ask(method, &format!("{base}{path}"), &[("authorization", &self.bearer)], body.to_owned()).await.ok()
    }
    async fn get(&self, path: &str) -> Answer {
        self.send(Production, "GET", path, "").await.unwrap()
    }
    async fn post(&self, path: &str, sent: Value) -> Answer {
        self.send(Production, "POST", path, &sent.to_string()).await.unwrap()
    }
    async fn put_token(&self, id: &str, token: &str) -> Answer {
        let path = format!("/inApps/v1/transactions/{id}/appAccountToken");
        self.send(Production, "PUT", &path, &json!({"appAccountToken": token}).to_string()).await.unwrap()
    }
    fn opened(&self, jws: &Value) -> Value {
        let verifier = Verifier::trusting(self.apple.chain().root()).unwrap();
        let signed = verifier.verify(jws.as_str().unwrap(), self.clock.now()).unwrap();
        serde_json::from_slice(&signed.payload).unwrap()
    }
    /// The transaction that the API shows.
    async fn shown(&self, id: &str) -> Value {
        let answer = self.get(&format!("/inApps/v1/transactions/{id}")).await;
        self.opened(&body(&answer)["signedTransactionInfo"])
    }
    /// The `notificationUUID`s of a history, page by page.
    async fn pages(&self, wanted: Value) -> Vec<Vec<String>> {
        let (mut pages, mut path) = (vec![], HISTORY.to_owned());
        loop {
            let page = body(&self.post(&path, wanted.clone()).await);
            let items = page["notificationHistory"].as_array().unwrap();
            let uuid =
                |item: &Value| self.opened(&item["signedPayload"])["notificationUUID"].as_str().unwrap().to_owned();
            pages.push(items.iter().map(uuid).collect());
            assert_eq!(page["hasMore"] == true, page.get("paginationToken").is_some());
            match page["paginationToken"].as_str() {
                Some(token) => path = format!("{HISTORY}?paginationToken={token}"),
                None => return pages,
            }
        }
    }
}

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap()
}
fn code(answer: &Answer) -> (u16, u64) {
    let body = body(answer);
    assert!(body["errorMessage"].as_str().unwrap().ends_with('.'));
    (answer.status, body["errorCode"].as_u64().unwrap())
}
fn purchase(id: &str) -> Transaction {
    Transaction::purchase(id, NOW)
}

/// A server of ours that answers each notification with the next of these; 0 hangs up. Keeps what it got.
struct Hook {
    stand: Stand,
    got: Arc<Mutex<Vec<Bytes>>>,
}

async fn hook(answers: &[u16]) -> Hook {
    let got: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let (seen, answers) = (got.clone(), answers.to_vec());
    let answer = move |body: Bytes| {
        let mut seen = lock(&seen);
        let status = answers.get(seen.len()).copied().unwrap_or(200);
        seen.push(body);
        async move { if status == 0 { stand::cut() } else { StatusCode::from_u16(status).unwrap().into_response() } }
    };
    let stand = Stand::bind().await.unwrap().serve(Router::new().route("/hook", axum::routing::post(answer)));
    Hook { stand, got }
}

impl Hook {
    fn url(&self) -> String {
        format!("{}/hook", self.stand.base_url())
    }
}

#[tokio::test]
async fn every_wrong_request_is_refused() {
    let rig = rig().await;
    let first = purchase("100").app_transaction_id("700");
    rig.apple.add(&first, None);
    rig.apple.add(&Transaction::renewal_of(&first, "101"), None);
    rig.apple.add(&purchase("200").sandbox(), None);
    rig.apple.add(&purchase("300").family_shared(), None);
    let rows = [
        ("GET", "/inApps/v1/transactions/abc", 4_000_006),
        ("GET", "/inApps/v1/transactions/%ff", 4_000_006),
        ("GET", "/inApps/v1/transactions/999", 4_040_010),
        ("GET", "/inApps/v1/transactions/200", 4_040_010),
        ("GET", "/inApps/v1/transactions/700", 4_000_048),
        ("GET", "/inApps/v1/subscriptions/x", 4_000_006),
        ("GET", "/inApps/v1/subscriptions/999", 4_040_010),
        ("GET", "/inApps/v1/subscriptions/100?status=6", 4_000_031),
        ("GET", "/inApps/v2/history/x", 4_000_006),
        ("GET", "/inApps/v2/history/200", 4_040_010),
        ("GET", "/inApps/v2/history/100?sort=UP", 4_000_021),
        ("GET", "/inApps/v2/history/100?productType=BOOK", 4_000_022),
        ("GET", "/inApps/v2/history/100?revoked=maybe", 4_000_030),
        ("GET", "/inApps/v2/history/100?inAppOwnershipType=LENT", 4_000_026),
        ("GET", "/inApps/v2/history/100?revision=x", 4_000_005),
        ("GET", "/inApps/v2/history/100?startDate=x", 4_000_015),
        ("GET", "/inApps/v2/history/100?endDate=-1", 4_000_016),
        ("GET", "/inApps/v2/history/100?startDate=2&endDate=2", 4_000_013),
        ("POST", TEST, 4_040_007),
        ("GET", "/inApps/v1/notifications/test/x", 4_000_020),
        ("GET", &format!("{TEST}/{TOKEN}"), 4_040_008),
        ("PUT", "/inApps/v1/transactions/100/appAccountToken", 4_000_000),
    ];
    for (method, path, expected) in rows {
        let answer = rig.send(Production, method, path, "").await.unwrap();
        assert_eq!(code(&answer), ((expected / 10_000) as u16, expected), "{method} {path}");
    }
    for (id, token, expected) in [
        ("100", "not-a-uuid", 4_000_183),
        ("100", "", 4_000_183),
        ("101", TOKEN, 4_000_187),
        ("300", TOKEN, 4_000_185),
        ("200", TOKEN, 4_040_010),
        ("700", TOKEN, 4_000_048),
        ("x", TOKEN, 4_000_006),
    ] {
        let answer = rig.put_token(id, token).await;
        assert_eq!(code(&answer), ((expected / 10_000) as u16, expected), "{id} {token}");
    }
    let (start, end) = (NOW.0 - 1_000, NOW.0);
    let old = NOW.minus(Span::days(180)).0;
    for (sent, expected) in [
        (json!([]), 4_000_015),
        (json!({"endDate": end}), 4_000_015),
        (json!({"startDate": "2026-01-01", "endDate": end}), 4_000_015),
        (json!({"startDate": start}), 4_000_016),
        (json!({"startDate": end, "endDate": end}), 4_000_013),
        (json!({"startDate": old - 1, "endDate": end}), 4_000_012),
        (json!({"startDate": start, "endDate": end, "notificationType": "NEW"}), 4_000_018),
        (json!({"startDate": start, "endDate": end, "notificationSubtype": "UPGRADE"}), 4_000_018),
        (json!({"startDate": start, "endDate": end, "notificationType": "TEST", "transactionId": "1"}), 4_000_019),
    ] {
        let answer = rig.post(HISTORY, sent.clone()).await;
        assert_eq!(code(&answer), ((expected / 10_000) as u16, expected), "{sent}");
    }
    let whole = json!({"startDate": old, "endDate": end + 1});
    assert_eq!(rig.post(HISTORY, whole.clone()).await.status, 200);
    assert_eq!(code(&rig.post(&format!("{HISTORY}?paginationToken=x"), whole).await), (400, 4_000_014));
    for (method, path, status) in [("GET", "/inApps/v1/nothing", 404), ("DELETE", TEST, 405), ("GET", HISTORY, 405)] {
        assert_eq!(rig.send(Production, method, path, "").await.unwrap().status, status, "{method} {path}");
    }
    let url = format!("{}/inApps/v1/transactions/100", rig.apple.production_url());
    let other = format!("Bearer {}", token_with(json!({"bid": "com.example.other"})));
    for (header, status) in [(rig.bearer.as_str(), 200), (rig.bearer.trim_start_matches("Bearer "), 401), (&other, 401)]
    {
        assert_eq!(ask("GET", &url, &[("authorization", header)], "").await.unwrap().status, status);
    }
    assert_eq!(ask("GET", &url, &[], "").await.unwrap().status, 401);
}

#[tokio::test]
async fn purchases_are_shown_where_they_are() {
    let rig = rig().await;
    let first = purchase("100").offer_code("REF30");
    let second = Transaction::renewal_of(&first, "101").app_transaction_id(first.text("appTransactionId").unwrap());
    rig.apple.add(&first, Some(&RenewalInfo::of(&first)));
    rig.apple.add(&second, Some(&RenewalInfo::of(&second).auto_renew_off()));
    rig.apple.add(&purchase("300").group("other").refunded(NOW, 1), None);
    rig.apple.add(&purchase("200").sandbox(), None);

    let payload = first.payload(rig.apple.app(), NOW);
    assert_eq!(rig.shown("100").await, serde_json::from_str::<Value>(payload.get()).unwrap());
    let there = rig.send(Sandbox, "GET", "/inApps/v1/transactions/200", "").await.unwrap();
    assert_eq!(rig.opened(&body(&there)["signedTransactionInfo"])["environment"], "Sandbox");

    let customer = first.text("appTransactionId").unwrap();
    for id in ["100", "101", customer] {
        let statuses = body(&rig.get(&format!("/inApps/v1/subscriptions/{id}")).await);
        assert_eq!(statuses["environment"], "Production");
        assert_eq!(statuses["bundleId"], BUNDLE);
        assert_eq!(statuses["data"].as_array().unwrap().len(), 1, "{id}");
        let last = &statuses["data"][0]["lastTransactions"];
        assert_eq!((last.as_array().unwrap().len(), &last[0]["status"]), (1, &json!(1)));
        assert_eq!(rig.opened(&last[0]["signedTransactionInfo"])["transactionId"], "101");
        assert_eq!(rig.opened(&last[0]["signedRenewalInfo"])["autoRenewStatus"], 0);
    }
    for (query, groups) in [("?status=1", 1), ("?status=2", 0), ("?status=2&status=1", 1)] {
        let statuses = body(&rig.get(&format!("/inApps/v1/subscriptions/100{query}")).await);
        assert_eq!(statuses["data"].as_array().unwrap().len(), groups, "{query}");
    }
    let revoked = body(&rig.get("/inApps/v1/subscriptions/300").await);
    assert_eq!(revoked["data"][0]["lastTransactions"][0]["status"], 5);

    let asked: Vec<_> = rig.apple.calls().into_iter().take(2).map(|call| (call.environment, call.path)).collect();
    let expected = [(Production, "/inApps/v1/transactions/100"), (Sandbox, "/inApps/v1/transactions/200")];
    assert_eq!(asked, expected.map(|(environment, path)| (environment, path.to_owned())));
    assert!(!format!("{:?}", rig.apple.calls()).contains("100"));
}

#[tokio::test]
async fn a_customers_history_has_twenty_a_page() {
    let rig = rig().await;
    let mut latest = purchase("100");
    rig.apple.add(&latest, None);
    for number in 101..=144 {
        latest = Transaction::renewal_of(&latest, &number.to_string());
        rig.apple.add(&latest, None);
    }
    rig.apple.add(&purchase("100").refunded(NOW, 0), None);
    for (query, sizes, first) in [
        ("", vec![20, 20, 5], "100"),
        ("&sort=DESCENDING", vec![20, 20, 5], "144"),
        ("&revoked=true", vec![1], "100"),
        ("&revoked=false", vec![20, 20, 4], "101"),
        ("&productType=NON_RENEWABLE", vec![0], ""),
        ("&productId=premium_monthly&productId=x&productType=AUTO_RENEWABLE", vec![20, 20, 5], "100"),
        (&format!("&endDate={}", NOW.0 + 1), vec![1], "100"),
        (&format!("&startDate={}", NOW.0 + 1), vec![20, 20, 4], "101"),
    ] {
        let (mut seen, mut revision, mut ids) = (vec![], String::new(), vec![]);
        loop {
            let page = body(&rig.get(&format!("/inApps/v2/history/144?{revision}{query}")).await);
            let transactions = page["signedTransactions"].as_array().unwrap();
            seen.push(transactions.len());
            ids.extend(transactions.first().map(|jws| rig.opened(jws)["transactionId"].clone()));
            revision = format!("revision={}", page["revision"].as_str().unwrap());
            if page["hasMore"] == false {
                break;
            }
        }
        assert_eq!(seen, sizes, "{query}");
        assert_eq!(ids.first().and_then(Value::as_str).unwrap_or_default(), first, "{query}");
        // Nothing is after the last page, until something changes.
        let page = body(&rig.get(&format!("/inApps/v2/history/144?{revision}{query}")).await);
        assert_eq!((&page["signedTransactions"], &page["hasMore"]), (&json!([]), &json!(false)));
    }
}

#[tokio::test]
async fn a_token_is_on_the_current_period_and_later_ones() {
    let rig = rig().await;
    let hook = hook(&[]).await;
    rig.apple.set_notification_url(Production, Some(&hook.url()));
    let first = purchase("100");
    let second = Transaction::renewal_of(&first, "101");
    rig.apple.add(&first, None);
    rig.apple.add(&second, Some(&RenewalInfo::of(&second)));
    let answer = rig.put_token("100", TOKEN).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(rig.apple.token(Production, "100").as_deref(), Some(TOKEN));
    assert_eq!(rig.apple.token(Sandbox, "100"), None);
    let third = Transaction::renewal_of(&second, "102");
    rig.apple.notify(&Notification::did_renew(&third, NOW)).await;
    for (id, token) in [("100", Value::Null), ("101", json!(TOKEN)), ("102", json!(TOKEN))] {
        assert_eq!(rig.shown(id).await["appAccountToken"], token, "{id}");
    }
    let sent: Value = serde_json::from_slice(&lock(&hook.got)[0]).unwrap();
    let data = rig.opened(&sent["signedPayload"])["data"].clone();
    for nested in ["signedTransactionInfo", "signedRenewalInfo"] {
        assert_eq!(rig.opened(&data[nested])["appAccountToken"], TOKEN, "{nested}");
    }
    let other = TOKEN.replace('7', "8");
    assert_eq!(rig.put_token("100", &other).await.status, 200);
    assert_eq!(rig.shown("102").await["appAccountToken"], other);
    assert_eq!(rig.shown("101").await["appAccountToken"], Value::Null);
}

#[tokio::test]
async fn production_is_retried_five_times_and_the_sandbox_never() {
    let rig = rig().await;
    let hook = hook(&[500, 400, 301, 0, 199, 503]).await;
    for environment in [Production, Sandbox] {
        rig.apple.set_notification_url(environment, Some(&hook.url()));
    }
    let uuid = rig.apple.notify(&Notification::subscribed(&purchase("100"), NOW)).await;
    let mut hours = 0;
    for (wait, attempts) in [(1, 2), (12, 3), (24, 4), (48, 5), (72, 6)] {
        hours += wait;
        let due = NOW.plus(Span::hours(hours));
        assert_eq!(rig.apple.next_attempt(), Some(due));
        rig.clock.set(At(due.0 - 1));
        assert_eq!(rig.apple.send_due().await, 0);
        rig.clock.set(due);
        assert_eq!(rig.apple.send_due().await, 1);
        assert_eq!(rig.apple.attempts(&uuid).len(), attempts);
        assert_eq!(rig.apple.attempts(&uuid)[attempts - 1].at, due);
    }
    assert_eq!(rig.apple.next_attempt(), None);
    let results: Vec<_> = rig.apple.attempts(&uuid).into_iter().map(|attempt| attempt.result).collect();
    let no = "UNSUCCESSFUL_HTTP_RESPONSE_CODE";
    assert_eq!(results[..4], [no, no, no, "PREMATURE_CLOSE"]);
    assert_eq!(results[5], no);
    assert!(lock(&hook.got).windows(2).all(|pair| pair[0] == pair[1]), "every attempt sends the same bytes");

    let sandbox = Notification::subscribed(&purchase("200").sandbox(), NOW);
    rig.apple.set_notification_url(Sandbox, Some("http://127.0.0.1:1/"));
    let uuid = rig.apple.notify(&sandbox).await;
    assert_eq!(rig.apple.attempts(&uuid)[0].result, "SOCKET_ISSUE");
    assert_eq!(rig.apple.next_attempt(), None);
    rig.apple.set_notification_url(Sandbox, Some(&hook.url()));
    assert_eq!(rig.apple.notify(&sandbox).await, uuid);
    let results: Vec<_> = rig.apple.attempts(&uuid).into_iter().map(|attempt| attempt.result).collect();
    assert_eq!(results, ["SOCKET_ISSUE", "SUCCESS"]);

    rig.apple.set_notification_url(Production, None);
    let uuid = rig.apple.notify(&Notification::test(NOW)).await;
    assert_eq!(rig.apple.attempts(&uuid), []);
    rig.apple.set_notification_url(Production, Some("https://127.0.0.1:1/"));
    let uuid = rig.apple.notify(&Notification::test(NOW)).await;
    assert_eq!(rig.apple.attempts(&uuid)[0].result, "TLS_ISSUE");
}

#[tokio::test]
async fn each_answer_has_its_word() {
    for (status, result) in [
        (200, "SUCCESS"),
        (202, "SUCCESS"),
        (206, "SUCCESS"),
        (207, "UNSUCCESSFUL_HTTP_RESPONSE_CODE"),
        (302, "UNSUCCESSFUL_HTTP_RESPONSE_CODE"),
        (404, "UNSUCCESSFUL_HTTP_RESPONSE_CODE"),
        (0, "PREMATURE_CLOSE"),
    ] {
        let hook = hook(&[status]).await;
        assert_eq!(outbox::send(&hook.url(), Bytes::from_static(b"{}")).await, result, "{status}");
    }
    assert_eq!(outbox::send("nowhere", Bytes::new()).await, "TLS_ISSUE");
}

#[tokio::test]
async fn a_test_is_sent_and_its_status_known() {
    let rig = rig().await;
    let hook = hook(&[200, 500]).await;
    rig.apple.set_notification_url(Production, Some(&hook.url()));
    rig.apple.hold(true);
    let mut tokens = vec![];
    for (result, waits) in [("SUCCESS", None), ("UNSUCCESSFUL_HTTP_RESPONSE_CODE", Some(NOW.plus(Span::hours(1))))] {
        let token = body(&rig.post(TEST, json!({})).await)["testNotificationToken"].as_str().unwrap().to_owned();
        let path = format!("{TEST}/{token}");
        assert_eq!(code(&rig.get(&path).await), (404, 4_040_008));
        assert_eq!(rig.apple.send_due().await, 1);
        let status = body(&rig.get(&path).await);
        assert_eq!(status["sendAttempts"], json!([{"attemptDate": NOW.0, "sendAttemptResult": result}]));
        assert_eq!(rig.opened(&status["signedPayload"])["notificationType"], "TEST");
        assert_eq!(rig.apple.next_attempt(), waits);
        assert_eq!(rig.send(Sandbox, "GET", &path, "").await.unwrap().status, 404);
        tokens.push(token);
    }
    assert_ne!(tokens[0], tokens[1]);
    rig.apple.hold(false);
    let token = body(&rig.post(TEST, json!({})).await)["testNotificationToken"].as_str().unwrap().to_owned();
    let mut tries = 0;
    while rig.get(&format!("{TEST}/{token}")).await.status != 200 {
        tries += 1;
        assert!(tries < 1_000, "the test was never sent");
    }
    assert_eq!(lock(&hook.got).len(), 3);
}

#[tokio::test]
async fn the_history_of_notifications_is_paged() {
    let rig = rig().await;
    let hook = hook(&[500]).await;
    rig.apple.set_notification_url(Production, Some(&hook.url()));
    let mut uuids = vec![];
    for number in 0..45 {
        let at = NOW.plus(Span::seconds(number));
        rig.clock.set(at);
        let transaction = purchase(&(100 + number).to_string());
        uuids.push(rig.apple.notify(&Notification::subscribed(&transaction, at)).await);
    }
    let renewed = Notification::did_renew(&Transaction::renewal_of(&purchase("100"), "200"), NOW);
    uuids.insert(1, rig.apple.notify(&renewed).await);
    uuids.reverse();
    let span = |start: i64, end: i64| json!({"startDate": NOW.0 + start, "endDate": NOW.0 + end});
    let with = |more: Value| {
        let mut wanted = span(0, 60_000);
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wanted
    };
    let pages = rig.pages(span(0, 60_000)).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 6]);
    assert_eq!(pages.concat(), uuids);
    for (wanted, count) in [
        (span(-1_000, -1), 0),
        (span(0, 1), 2),
        (span(1, 1_000), 1),
        (span(0, 4_000), 6),
        (with(json!({"onlyFailures": true})), 1),
        (with(json!({"onlyFailures": false})), 46),
        (with(json!({"notificationType": "DID_RENEW"})), 1),
        (with(json!({"notificationType": "SUBSCRIBED", "notificationSubtype": "INITIAL_BUY"})), 45),
        (with(json!({"notificationType": "SUBSCRIBED", "notificationSubtype": "RESUBSCRIBE"})), 0),
        (with(json!({"transactionId": "100"})), 2),
        (with(json!({"transactionId": "200"})), 1),
        (with(json!({"transactionId": "999"})), 0),
    ] {
        let found = rig.pages(wanted.clone()).await.concat().len();
        assert_eq!(found, count, "{wanted}");
    }
    // A token belongs to the body that it came from, and what arrives meanwhile moves nothing.
    let page = body(&rig.post(HISTORY, span(0, 60_000)).await);
    let next = format!("{HISTORY}?paginationToken={}", page["paginationToken"].as_str().unwrap());
    assert_eq!(code(&rig.post(&next, span(0, 60_001)).await), (400, 4_000_014));
    rig.apple.notify(&Notification::test(rig.clock.now())).await;
    let after = body(&rig.post(&next, span(0, 60_000)).await);
    assert_eq!(rig.opened(&after["notificationHistory"][0]["signedPayload"])["notificationUUID"], uuids[20]);
    let other = rig.send(Sandbox, "POST", HISTORY, &span(0, 60_000).to_string()).await.unwrap();
    assert_eq!(body(&other), json!({"notificationHistory": [], "hasMore": false}));
    let failed = body(&rig.post(HISTORY, with(json!({"onlyFailures": true}))).await);
    let attempts = [("UNSUCCESSFUL_HTTP_RESPONSE_CODE", NOW.0)];
    let attempts = attempts.map(|(result, at)| json!({"attemptDate": at, "sendAttemptResult": result}));
    assert_eq!(failed["notificationHistory"][0]["sendAttempts"], json!(attempts));
}

#[tokio::test]
async fn the_later_word_on_a_purchase_stands() {
    let rig = rig().await;
    let later = NOW.plus(Span::days(1));
    // There is no address: nothing is sent, and the purchase is known all the same.
    let refund = Notification::refund(&purchase("100"), later);
    let bought = Notification::subscribed(&purchase("100"), NOW);
    let restored = Notification::refund_reversed(&purchase("100"), later.plus(Span::days(1)));
    for (notification, revoked) in [(&bought, false), (&refund, true), (&bought, true), (&restored, false)] {
        rig.apple.notify(notification).await;
        assert_eq!(rig.shown("100").await.get("revocationDate").is_some(), revoked);
    }
    rig.apple.add(&purchase("100").refunded(NOW, 0), None);
    assert_eq!(rig.shown("100").await.get("revocationDate"), None);
}

#[tokio::test]
async fn faults_answer_in_apples_words() {
    let rig = rig().await;
    rig.apple.add(&purchase("100"), None);
    let faults = rig.apple.faults();
    let until = NOW.plus(Span::minutes(5));
    faults.next(Some(Op::SetToken), 1, Fault::AcceptThenDrop);
    faults.next(Some(Op::TransactionInfo), 1, Fault::TooManyUntil(until));
    faults.next(Some(Op::TransactionInfo), 1, Fault::Code(4_040_004));
    faults.next(Some(Op::TransactionInfo), 1, Fault::Status(503));
    faults.next(Some(Op::TransactionInfo), 1, Fault::Status(403));
    faults.next(Some(Op::TransactionInfo), 1, Fault::DropBefore);
    let path = "/inApps/v1/transactions/100";
    let answer = rig.get(path).await;
    assert_eq!(code(&answer), (429, 4_290_000));
    assert_eq!(answer.header("retry-after"), Some(until.0.to_string().as_str()));
    assert_eq!(code(&rig.get(path).await), (404, 4_040_004));
    assert_eq!(code(&rig.get(path).await), (503, 5_000_000));
    let answer = rig.get(path).await;
    assert_eq!((answer.status, answer.body.as_ref()), (403, b"Forbidden".as_ref()));
    assert!(rig.send(Production, "GET", path, "").await.is_none());
    assert_eq!(rig.get(path).await.status, 200);
    let wish = json!({"appAccountToken": TOKEN}).to_string();
    let own = "/inApps/v1/transactions/100/appAccountToken";
    assert!(rig.send(Production, "PUT", own, &wish).await.is_none());
    assert_eq!(rig.apple.token(Production, "100").as_deref(), Some(TOKEN));
    for (op, method, path) in [
        (Op::Statuses, "GET", "/inApps/v1/subscriptions/100"),
        (Op::TransactionHistory, "GET", "/inApps/v2/history/100"),
        (Op::Extend, "PUT", "/inApps/v1/subscriptions/extend/100"),
        (Op::NotificationHistory, "POST", HISTORY),
        (Op::RequestTest, "POST", TEST),
        (Op::TestStatus, "GET", "/inApps/v1/notifications/test/x"),
    ] {
        faults.next(Some(op), 1, Fault::Code(5_000_001));
        assert_eq!(code(&rig.send(Production, method, path, "").await.unwrap()), (500, 5_000_001), "{path}");
    }
    assert_eq!(rig.apple.calls().iter().filter(|call| call.status.is_none()).count(), 2);
}
