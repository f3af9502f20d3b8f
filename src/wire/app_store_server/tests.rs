use super::*;
use crate::wire::private_key::tests::{key, opened};
use serde_json::{Value, json};

fn jws(text: &str) -> Jws {
    serde_json::from_value(json!(text)).unwrap()
}

#[test]
fn tokens() {
    let now = At(1_795_253_400_500);
    let (header, claims) = opened(&token(&key(), "KEY1", "issuer-1", "com.example.alma", now).unwrap());
    let expected = json!({"iss": "issuer-1", "iat": 1_795_253_340, "exp": 1_795_253_640, "aud": "appstoreconnect-v1",
        "bid": "com.example.alma"});
    assert_eq!(header, json!({"alg": "ES256", "kid": "KEY1", "typ": "JWT"}));
    assert_eq!(claims, expected);
    for now in [At(0), At(i64::MAX), At(i64::MIN)] {
        assert!(token(&key(), "KEY1", "issuer-1", "com.example.alma", now).is_ok());
    }
}

#[test]
fn paths() {
    type Path = fn(&str) -> Result<String, Fault>;
    let rows: [(Path, &str, &str); 6] = [
        (transaction_path, "/inApps/v1/transactions/", ""),
        (account_token_path, "/inApps/v1/transactions/", "/appAccountToken"),
        (statuses_path, "/inApps/v1/subscriptions/", ""),
        (extend_path, "/inApps/v1/subscriptions/extend/", ""),
        (|id| history_path(id, None), "/inApps/v2/history/", ""),
        (test_status_path, "/inApps/v1/notifications/test/", ""),
    ];
    for (path, before, after) in rows {
        for (id, segment) in [("2000000335310644", "2000000335310644"), ("a/b?c", "a%2Fb%3Fc")] {
            assert_eq!(path(id), Ok(format!("{before}{segment}{after}")));
        }
        for id in ["", ".", ".."] {
            assert_eq!(path(id), Err(Fault::Id));
        }
    }
    assert_eq!(history_path("7", Some("a b&c")).unwrap(), "/inApps/v2/history/7?revision=a%20b%26c");
    assert_eq!(notification_history_path(None), "/inApps/v1/notifications/history");
    assert_eq!(notification_history_path(Some("a=b")), "/inApps/v1/notifications/history?paginationToken=a%3Db");
    assert_eq!(request_test_path(), "/inApps/v1/notifications/test");
}

#[test]
fn bodies() {
    let body = notification_history_body(At(1_795_253_400_000), At(1_795_253_400_001));
    let expected = json!({"startDate": 1_795_253_400_000_i64, "endDate": 1_795_253_400_001_i64});
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    let uuid = "7e3fb20b-4cdb-47cc-936d-99d65f608138";
    assert_eq!(account_token_body(uuid).unwrap(), format!(r#"{{"appAccountToken":"{uuid}"}}"#).into_bytes());
    for other in ["", "jen", "7e3fb20b4cdb47cc936d99d65f608138"] {
        assert_eq!(account_token_body(other), Err(Fault::Uuid));
    }
    let longest = "é".repeat(128);
    let rows = [
        (1, 0, "r", true),
        (90, 3, longest.as_str(), true),
        (0, 0, "r", false),
        (91, 0, "r", false),
        (u32::MAX, 0, "r", false),
        (1, 4, "r", false),
        (1, 0, "", false),
        (1, 0, &format!("{longest}é"), false),
    ];
    for (days, reason, request, good) in rows {
        let body = extend_body(days, reason, request).map(|body| serde_json::from_slice::<Value>(&body).unwrap());
        let sent = json!({"extendByDays": days, "extendReasonCode": reason, "requestIdentifier": request});
        assert_eq!(body, if good { Ok(sent) } else { Err(Fault::Extension) }, "{days} {reason} {request}");
    }
}

#[test]
fn transactions() {
    let shape = Err(Fault::Shape("a transaction"));
    let rows = [
        (r#"{"signedTransactionInfo":"a.b.c","new":[1]}"#, Ok(jws("a.b.c"))),
        (r#"{"signedTransactionInfo":null}"#, shape.clone()),
        (r#"{"signedTransactionInfo":7}"#, shape.clone()),
        ("{}", shape.clone()),
        ("<html>", shape.clone()),
        ("", shape),
    ];
    for (body, expected) in rows {
        assert_eq!(transaction(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn all_subscriptions() {
    let item = |id: &str, status: Value| json!({"originalTransactionId": id, "status": status, "signedTransactionInfo": "t", "signedRenewalInfo": "r"});
    let last = |id: &str, status| LastTransaction {
        original_transaction_id: id.to_owned(),
        status,
        transaction: jws("t"),
        renewal: Some(jws("r")),
    };
    let groups = json!([
        {"subscriptionGroupIdentifier": "one", "lastTransactions": [item("1", json!(1)), item("2", json!(5))]},
        {"subscriptionGroupIdentifier": "two", "lastTransactions": []},
        {"lastTransactions": [item("3", json!(9)), item("4", json!(null))]},
    ]);
    let all = vec![last("1", Some(Status::Active)), last("2", Some(Status::Revoked)), last("3", None), last("4", None)];
    let bare = json!([{"lastTransactions": [{"originalTransactionId": "1", "signedTransactionInfo": "t"}]}]);
    let shape = Err(Fault::Shape("subscription statuses"));
    let rows = [
        (json!({"environment": "Sandbox", "bundleId": "b", "appAppleId": "odd", "data": groups}), Ok(all)),
        (json!({ "data": bare }), Ok(vec![LastTransaction { renewal: None, ..last("1", None) }])),
        (json!({"data": []}), Ok(vec![])),
        (json!({"data": [{"lastTransactions": [{"originalTransactionId": "1"}]}]}), shape.clone()),
        (json!({"data": {}}), shape.clone()),
        (json!({}), shape),
    ];
    for (body, expected) in rows {
        assert_eq!(statuses(body.to_string().as_bytes()), expected, "{body}");
    }
}

#[test]
fn extensions() {
    let shape = Err(Fault::Shape("an extension"));
    let done = |effective_at| Ok(Extended { success: true, effective_at });
    let rows = [
        (
            r#"{"effectiveDate":1698148900000,"originalTransactionId":"2312412","success":true,"webOrderLineItemId":"9993"}"#,
            done(Some(At(1_698_148_900_000))),
        ),
        (r#"{"success":true,"new":[1]}"#, done(None)),
        (r#"{"success":true,"effectiveDate":null}"#, done(None)),
        (r#"{"success":false}"#, Ok(Extended { success: false, effective_at: None })),
        (r#"{"success":true,"effectiveDate":"soon"}"#, shape),
        (r#"{"success":1}"#, shape),
        (r#"{"effectiveDate":1698148900000}"#, shape),
        ("<html>", shape),
        ("", shape),
    ];
    for (body, expected) in rows {
        assert_eq!(extended(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn histories() {
    let page = |count: usize, next: Option<&str>| {
        Ok(HistoryPage { transactions: vec![jws("t"); count], next: next.map(str::to_owned) })
    };
    let shape = Err(Fault::Shape("a transaction history"));
    let nowhere = Err(Fault::Shape("a transaction history that goes on nowhere"));
    let rows = [
        (
            json!({"signedTransactions": ["t", "t"], "hasMore": true, "revision": "r1", "appAppleId": "odd"}),
            page(2, Some("r1")),
        ),
        (json!({"signedTransactions": ["t"], "hasMore": false, "revision": "r1"}), page(1, None)),
        (json!({"hasMore": false}), page(0, None)),
        (json!({"signedTransactions": [], "hasMore": true}), nowhere.clone()),
        (json!({"signedTransactions": [], "hasMore": true, "revision": ""}), nowhere),
        (json!({"signedTransactions": [7], "hasMore": false}), shape.clone()),
        (json!({"signedTransactions": ["t"]}), shape.clone()),
        (json!({}), shape),
    ];
    for (body, expected) in rows {
        assert_eq!(history(body.to_string().as_bytes()), expected, "{body}");
    }
}

#[test]
fn notifications() {
    let sent = |attempts: Vec<Attempt>| SentNotification { signed_payload: jws("n"), send_attempts: attempts };
    let attempt = |at: i64, result: &str| Attempt { at: Some(At(at)), result: result.to_owned() };
    let page = |notifications: Vec<SentNotification>, next: Option<&str>| {
        Ok(NotificationPage { notifications, next: next.map(str::to_owned) })
    };
    let attempts = json!([
        {"attemptDate": 1, "sendAttemptResult": "NO_RESPONSE"}, {"attemptDate": 2, "sendAttemptResult": "SUCCESS"},
    ]);
    let tried = || sent(vec![attempt(1, "NO_RESPONSE"), attempt(2, "SUCCESS")]);
    let odd = sent(vec![Attempt { at: None, result: String::new() }]);
    let shape = Err(Fault::Shape("a notification history"));
    let items = json!([{"signedPayload": "n", "sendAttempts": attempts}, {"signedPayload": "n"}]);
    let rows = [
        (
            json!({"notificationHistory": items, "hasMore": true, "paginationToken": "p1"}),
            page(vec![tried(), sent(vec![])], Some("p1")),
        ),
        (
            json!({"notificationHistory": [{"signedPayload": "n", "sendAttempts": [{}]}], "hasMore": false, "paginationToken": "p1"}),
            page(vec![odd], None),
        ),
        (json!({"notificationHistory": [], "hasMore": false}), page(vec![], None)),
        (json!({"hasMore": false}), page(vec![], None)),
        (
            json!({"notificationHistory": [], "hasMore": true}),
            Err(Fault::Shape("a notification history that goes on nowhere")),
        ),
        (json!({"notificationHistory": [{}], "hasMore": false}), shape.clone()),
        (json!({"notificationHistory": []}), shape.clone()),
        (json!([]), shape),
    ];
    for (body, expected) in rows {
        assert_eq!(notification_history(body.to_string().as_bytes()), expected, "{body}");
    }
    let results: Vec<bool> = tried().send_attempts.iter().map(Attempt::is_success).collect();
    assert_eq!(results, [false, true]);
    let status = json!({"signedPayload": "n", "sendAttempts": attempts});
    assert_eq!(test_status(status.to_string().as_bytes()), Ok(tried()));
    assert_eq!(test_status(b"{}"), Err(Fault::Shape("the status of a test notification")));
    assert_eq!(test_token(br#"{"testNotificationToken":"ce3a"}"#).unwrap(), "ce3a");
    assert_eq!(test_token(b"{}"), Err(Fault::Shape("a test notification")));
}

#[test]
fn nothing_shows_what_is_signed() {
    let page = notification_history(br#"{"notificationHistory":[{"signedPayload":"secret"}],"hasMore":false}"#);
    assert!(!format!("{page:?}").contains("secret"), "{page:?}");
}
