use super::*;

#[test]
fn app_transactions() {
    let payload = |changes: Value| {
        let payload = json!({
            "receiptType": "Production", "appAppleId": APP, "bundleId": "com.example.alma", "applicationVersion": "42",
            "receiptCreationDate": SIGNED.0, "originalPurchaseDate": 7, "appTransactionId": "700", "deviceVerification": "x",
        });
        signed(&changed(payload, &changes))
    };
    let read = |jws: &str| app_transaction(jws, "com.example.alma", APP, LIMITS, &open);
    let outer = |flaw| Err(Fault::Payload(flaw));
    let sandbox = json!({"receiptType": "Sandbox", "appAppleId": null});
    let rows = [
        (payload(json!({})), Ok((Environment::Production, "700"))),
        (payload(json!({"appTransactionId": 700})), Ok((Environment::Production, "700"))),
        (payload(sandbox), Ok((Environment::Sandbox, "700"))),
        (payload(json!({"receiptType": "Xcode"})), outer(Flaw::Environment)),
        (payload(json!({"receiptType": "LocalTesting"})), outer(Flaw::Environment)),
        (payload(json!({"receiptType": null})), outer(Flaw::Environment)),
        (payload(json!({"bundleId": "com.example"})), outer(Flaw::Bundle)),
        (payload(json!({"appAppleId": 1})), outer(Flaw::App)),
        (payload(json!({"appAppleId": null})), outer(Flaw::App)),
        (payload(json!({"receiptCreationDate": null})), outer(Flaw::Undated)),
        (payload(json!({"receiptCreationDate": 0})), Err(Fault::TooOld)),
        (payload(json!({"receiptCreationDate": NOW.plus(Span::days(2)).0})), Err(Fault::FromTheFuture)),
        (payload(json!({"appTransactionId": null})), outer(Flaw::Incomplete)),
        ("signed:7".to_owned(), outer(Flaw::Shape)),
        ("forged".to_owned(), outer(Flaw::Signature(jws::Fault::Shape))),
    ];
    for (jws, expected) in rows {
        let got = read(&jws);
        let got = got.as_ref().map(|found| (found.environment, found.app_transaction_id.as_str()));
        assert_eq!(got, expected.as_ref().map(|found| *found), "{jws}");
    }

    let jen = || vec![UserId::parse("jen").unwrap()];
    let shown = |date: Value, by: u8| {
        let found = read(&payload(json!({ "receiptCreationDate": date }))).unwrap();
        found.report(jen(), crate::domain::id::Person([by; 16]))
    };
    let report = shown(json!(SIGNED.0), 1);
    let about = About::Download { people: jen(), app_transaction_id: "700".to_owned() };
    assert_eq!((report.source, report.at, &report.about), (Source::App, Some(SIGNED), &about));
    assert_eq!(report, shown(json!(SIGNED.0), 1));
    assert_ne!(report.event, shown(json!(SIGNED.0), 2).event);
    assert_ne!(report.event, shown(json!(SIGNED.0 - 1), 1).event);
}
