use super::*;
use crate::clock::ManualClock;
use crate::domain::at::Span;
use crate::fake::client::Answer;
use crate::fake::tests::ask;

const NOW: At = At(1_790_000_000_000);

struct Rig {
    revenuecat: RevenueCat,
    clock: Arc<ManualClock>,
}

async fn rig() -> Rig {
    let clock = Arc::new(ManualClock::at(NOW));
    let entitlements = vec!["premium".to_owned(), "Team Pro".to_owned()];
    let setup = Setup { api_key: "sk_test".into(), entitlements, clock: clock.clone() };
    Rig { revenuecat: RevenueCat::start(setup).await.unwrap(), clock }
}

impl Rig {
    async fn ask(&self, method: &str, path: &str, body: impl ToString) -> Option<Answer> {
        let headers = [("authorization", "Bearer sk_test"), ("content-type", "application/json")];
        let url = format!("{}/v1/subscribers/{path}", self.revenuecat.base_url());
        ask(method, &url, &headers, body.to_string()).await.ok()
    }
    async fn grant(&self, user: &str, end: At) -> Option<Answer> {
        self.ask("POST", &format!("{user}/entitlements/premium/promotional"), json!({"end_time_ms": end.0})).await
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}
fn shown_end(answer: &Answer) -> String {
    let body = body(answer);
    body["subscriber"]["subscriptions"]["rc_promo_premium_custom"]["expires_date"].as_str().unwrap().to_owned()
}
fn iso(at: At) -> String {
    crate::fake::timestamp(At(at.0 / 1000 * 1000)).to_string()
}

#[tokio::test]
async fn every_wrong_request_is_refused() {
    let rig = rig().await;
    let grant = "u/entitlements/premium/promotional";
    let rows = [
        ("GET", "null", "", 400, 7256),
        ("GET", "guest", "", 400, 7256),
        ("GET", "a%2Fb", "", 400, 7256),
        ("GET", "%5Bobject%20Object%5D", "", 400, 7256),
        ("GET", "%ff", "", 400, 7256),
        ("GET", "", "", 400, 7220),
        ("POST", "NaN/entitlements/premium/promotional", r#"{"duration":"monthly"}"#, 400, 7256),
        ("POST", "u/entitlements/gold/promotional", r#"{"duration":"monthly"}"#, 404, 7259),
        ("POST", "u/entitlements/gold/revoke_promotionals", "", 404, 7259),
        ("POST", grant, "{", 400, 7226),
        ("POST", grant, "{}", 400, 7226),
        ("POST", grant, r#"{"end_time_ms":"1790000000000"}"#, 400, 7226),
        ("POST", grant, r#"{"end_time_ms":1.5}"#, 400, 7226),
        ("POST", grant, r#"{"end_time_ms":9790000000000000}"#, 400, 7226),
        ("POST", grant, r#"{"duration":"fortnight"}"#, 400, 7226),
        ("POST", "u", "", 405, 7226),
        ("GET", "u/nothing", "", 404, 7226),
    ];
    for (method, path, sent, status, code) in rows {
        let answer = rig.ask(method, path, sent).await.unwrap();
        assert_eq!((answer.status, body(&answer)["code"].as_u64()), (status, Some(code)), "{method} {path} {sent}");
    }
    let url = format!("{}/v1/subscribers/u", rig.revenuecat.base_url());
    for (key, status) in
        [("Bearer sk_other", 401), ("", 401), ("Bearer", 401), ("sk_test", 201), ("Bearer sk_test", 200)]
    {
        let answer = ask("GET", &url, &[("authorization", key)], "").await.unwrap();
        assert_eq!(answer.status, status, "{key}");
        assert!(status != 401 || body(&answer)["code"] == 7225);
    }
    let untyped = [("authorization", "sk_test")];
    let answer =
        ask("POST", &format!("{url}/entitlements/premium/promotional"), &untyped, r#"{"duration":"daily"}"#).await;
    assert_eq!(answer.unwrap().status, 400);
}

#[tokio::test]
async fn a_customer_is_created_by_looking() {
    let rig = rig().await;
    for (user, status) in [("%24RCAnonymousID%3Aabc", 201), ("$RCAnonymousID:abc", 200), ("u", 201), ("u", 200)] {
        let answer = rig.ask("GET", user, "").await.unwrap();
        assert_eq!(answer.status, status, "{user}");
        assert_eq!(body(&answer)["request_date_ms"], NOW.0);
    }
    let users: Vec<_> = rig.revenuecat.calls().into_iter().map(|call| call.user).collect();
    assert_eq!(users[0].as_deref(), Some("$RCAnonymousID:abc"));
    assert_eq!(users[0], users[1]);
}

#[tokio::test]
async fn a_named_duration_has_its_days() {
    let rig = rig().await;
    for (name, days) in [("daily", 1), ("monthly", 31), ("two_month", 61), ("yearly", 365), ("lifetime", 73_000)] {
        let path = format!("{name}/entitlements/Team%20Pro/promotional");
        let answer = rig.ask("POST", &path, json!({"duration": name})).await.unwrap();
        assert_eq!(answer.status, 201);
        assert_eq!(rig.revenuecat.promo_end(name), Some(NOW.plus(Span::days(days))), "{name}");
        let product = format!("rc_promo_Team Pro_{name}");
        assert_eq!(body(&answer)["subscriber"]["entitlements"]["Team Pro"]["product_identifier"], product);
    }
    let sent = json!({"duration": "daily", "start_time_ms": NOW.0 + 5, "end_time_ms": null});
    assert_eq!(rig.ask("POST", "w/entitlements/premium/promotional", sent).await.unwrap().status, 400);
    let sent = json!({"duration": "daily", "start_time_ms": NOW.0 + 5});
    rig.ask("POST", "w/entitlements/premium/promotional", sent).await.unwrap();
    assert_eq!(rig.revenuecat.promo_end("w"), Some(NOW.plus(Span(86_400_005))));
}

#[tokio::test]
async fn two_ends_within_two_hours_are_one_grant() {
    let rig = rig().await;
    let end = NOW.plus(Span(Span::days(30).0 + 123));
    let later = end.plus(Span::days(30));
    for (row, (asked, shown, grants)) in [
        (end, end, 1),
        (end, end, 1),
        (end.plus(Span::hours(1)), end, 1),
        (later, later, 2),
        (end.minus(Span::days(5)), later, 3),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = rig.grant("u", asked).await.unwrap();
        assert_eq!((answer.status, shown_end(&answer)), (201, iso(shown)), "row {row}");
        assert_eq!((rig.revenuecat.promo_end("u"), rig.revenuecat.grants("u")), (Some(shown), grants), "row {row}");
    }
    // An expired grant still swallows a near one: answered 201, and the user has nothing.
    rig.clock.set(later.plus(Span::minutes(33)));
    let answer = rig.grant("u", later.plus(Span::hours(1))).await.unwrap();
    assert_eq!((answer.status, shown_end(&answer)), (201, iso(later)));

    rig.clock.set(NOW.plus(Span::days(1)));
    let answer = rig.ask("POST", "u/entitlements/premium/revoke_promotionals", "").await.unwrap();
    assert_eq!((answer.status, shown_end(&answer)), (200, iso(NOW.plus(Span::days(1)))));
}

#[tokio::test]
async fn faults_lose_answers_or_grants() {
    let rig = rig().await;
    let end = |months: i64| NOW.plus(Span::days(30 * months));
    let faults = rig.revenuecat.faults();
    for fault in [Fault::DropBefore, Fault::AcceptThenDrop, Fault::NotExtending, Fault::Status(503)] {
        faults.next(Some(Op::Grant), 1, fault);
    }
    faults.next(Some(Op::Grant), 1, Fault::TooMany { retry_after: Some(2) });
    for (months, status, grants) in
        [(1, None, 0), (1, None, 1), (2, Some(201), 1), (2, Some(503), 1), (2, Some(429), 1), (2, Some(201), 2)]
    {
        let answer = rig.grant("u", end(months)).await;
        assert_eq!(answer.map(|answer| answer.status), status);
        assert_eq!(rig.revenuecat.grants("u"), grants);
    }
    let calls = rig.revenuecat.calls();
    assert_eq!(calls.len(), 6);
    assert_eq!((calls[1].status, calls[1].end, calls[1].user.as_deref()), (None, Some(end(1)), Some("u")));
    assert_eq!((calls[5].status, calls[5].at), (Some(201), NOW));
    assert!(!format!("{calls:?}").contains("/u/"));
    assert_eq!(rig.revenuecat.promo_end("u"), Some(end(2)));
}

#[tokio::test]
async fn a_paid_period_and_a_grant_overlap() {
    let rig = rig().await;
    let (paid, granted) = (NOW.plus(Span::days(90)), NOW.plus(Span::days(30)));
    rig.revenuecat.buy(
        "u",
        StoreSubscription {
            product_id: "premium_monthly".into(),
            entitlement: "premium".into(),
            transaction_id: "200000012345".into(),
            purchased: NOW,
            expires: paid,
            sandbox: false,
        },
    );
    let answer = rig.grant("u", granted).await.unwrap();
    assert_eq!(body(&answer)["subscriber"]["entitlements"]["premium"]["expires_date"], iso(paid));
    assert_eq!(shown_end(&answer), iso(granted));
}

#[test]
fn escapes_are_taken_out_of_paths() {
    for (segment, plain) in [
        ("a", Some("a")),
        ("%24RC%3aX", Some("$RC:X")),
        ("%", None),
        ("%2", None),
        ("%zz", None),
        ("%ff", None),
        ("", Some("")),
    ] {
        assert_eq!(unescape(segment).as_deref(), plain, "{segment}");
    }
}
