use super::*;

const PATH: &str = "/inApps/v1/subscriptions/extend";

impl Rig {
    async fn put(&self, environment: Environment, id: &str, sent: &Value) -> Answer {
        self.send(environment, "PUT", &format!("{PATH}/{id}"), &sent.to_string()).await.unwrap()
    }
    async fn extend(&self, id: &str, days: u32) -> Answer {
        self.put(Production, id, &wish(days)).await
    }
    /// The ends that Get All Subscription Statuses shows: of the period, and the renewal date.
    async fn ends(&self, environment: Environment, id: &str) -> (Value, Value) {
        let path = format!("/inApps/v1/subscriptions/{id}");
        let statuses = body(&self.send(environment, "GET", &path, "").await.unwrap());
        let last = &statuses["data"][0]["lastTransactions"][0];
        let transaction = self.opened(&last["signedTransactionInfo"]);
        let renewal = self.opened(&last["signedRenewalInfo"]);
        (transaction["expiresDate"].clone(), renewal["renewalDate"].clone())
    }
}

fn wish(days: u32) -> Value {
    json!({"extendByDays": days, "extendReasonCode": 2, "requestIdentifier": format!("r-{days}")})
}
fn expected(code: u64) -> (u16, u64) {
    ((code / 10_000) as u16, code)
}

#[tokio::test]
async fn what_cannot_be_extended_is_refused() {
    let rig = rig().await;
    let month = Span::days(30);
    let first = Transaction::purchase("100", NOW.minus(month));
    let renewed = Transaction::renewal_of(&first, "101");
    let kept = [
        (first, None),
        (renewed, None),
        (purchase("200").expires(NOW), None),
        (purchase("201").expires(NOW), Some(RenewalInfo::of(&purchase("201")).billing_retry())),
        (purchase("202").expires(NOW), Some(RenewalInfo::of(&purchase("202")).grace(NOW.plus(month)))),
        (purchase("203").refunded(NOW, 0), None),
        (purchase("204").offer_code("REF30"), None),
        (purchase("205").one_time(), None),
        (purchase("206").family_shared(), None),
        (purchase("207").family_shared().expires(NOW), None),
        (purchase("208").sandbox(), None),
    ];
    for (transaction, renewal) in &kept {
        rig.apple.add(transaction, renewal.as_ref());
    }
    let rows = [
        ("x", 4_000_008),
        ("%ff", 4_000_008),
        ("999", 4_040_005),
        ("101", 4_040_005),
        ("208", 4_040_005),
        ("200", 4_030_004),
        ("201", 4_030_004),
        ("202", 4_030_004),
        ("203", 4_030_004),
        ("204", 4_030_004),
        ("205", 4_030_004),
        ("206", 4_030_007),
        ("207", 4_030_007),
    ];
    for (id, refusal) in rows {
        assert_eq!(code(&rig.extend(id, 30).await), expected(refusal), "{id}");
    }
    let longest = "é".repeat(128);
    let rows = [
        ("extendByDays", json!(0), 4_000_009),
        ("extendByDays", json!(91), 4_000_009),
        ("extendByDays", json!(-1), 4_000_009),
        ("extendByDays", json!("30"), 4_000_009),
        ("extendByDays", Value::Null, 4_000_009),
        ("extendReasonCode", json!(4), 4_000_010),
        ("extendReasonCode", json!(-1), 4_000_010),
        ("extendReasonCode", Value::Null, 4_000_010),
        ("requestIdentifier", json!(""), 4_000_011),
        ("requestIdentifier", json!(format!("{longest}é")), 4_000_011),
        ("requestIdentifier", json!(7), 4_000_011),
        ("requestIdentifier", Value::Null, 4_000_011),
    ];
    for (field, value, refusal) in rows {
        let mut sent = wish(30);
        sent[field] = value;
        assert_eq!(code(&rig.put(Production, "100", &sent).await), expected(refusal), "{sent}");
    }
    let path = format!("{PATH}/100");
    assert_eq!(code(&rig.send(Production, "PUT", &path, "<").await.unwrap()), (400, 4_000_000));
    let url = format!("{}{path}", rig.apple.production_url());
    assert_eq!(ask("PUT", &url, &[], wish(30).to_string()).await.unwrap().status, 401);
    assert_eq!(rig.send(Production, "POST", &path, "").await.unwrap().status, 405);

    assert!(kept.iter().all(|(transaction, _)| rig.apple.extensions(transaction.original_id()).is_empty()));
    let most = json!({"extendByDays": 90, "extendReasonCode": 0, "requestIdentifier": longest});
    assert_eq!(rig.put(Production, "100", &most).await.status, 200);
    assert_eq!(rig.apple.extensions("100"), [(90, 0, longest)]);
}

#[tokio::test]
async fn an_extension_moves_the_current_period() {
    let mut rig = rig().await;
    let first = purchase("100");
    let renewed = Transaction::renewal_of(&first, "101");
    rig.apple.add(&first, None);
    rig.apple.add(&renewed, Some(&RenewalInfo::of(&renewed).auto_renew_off()));
    rig.apple.add(&purchase("200").sandbox(), None);

    let end = renewed.expires_at().unwrap();
    let later = end.plus(Span::days(30));
    let answer = rig.extend("100", 30).await;
    let extended = json!({
        "effectiveDate": later.0,
        "originalTransactionId": "100",
        "success": true,
        "webOrderLineItemId": renewed.text("webOrderLineItemId"),
    });
    assert_eq!((answer.status, body(&answer)), (200, extended));
    assert_eq!(rig.ends(Production, "100").await, (json!(later.0), json!(later.0)));
    assert_eq!(rig.shown("101").await["expiresDate"], later.0);
    assert_eq!(rig.shown("100").await["expiresDate"], first.expires_at().unwrap().0);

    assert_eq!(rig.put(Sandbox, "200", &wish(30)).await.status, 200);
    let minutes = purchase("200").expires_at().unwrap().plus(Span::minutes(30));
    assert_eq!(rig.ends(Sandbox, "200").await, (json!(minutes.0), json!(minutes.0)));

    // The same request once more, and a third one until a year has passed.
    assert_eq!(body(&rig.extend("100", 30).await)["effectiveDate"], end.plus(Span::days(60)).0);
    let year = NOW.plus(Span::days(365));
    for (at, status) in [(NOW, 403), (At(year.0 - 1), 403), (year, 200)] {
        rig.clock.set(at);
        rig.bearer = format!("Bearer {}", token_with(json!({"iat": null, "exp": at.0 / 1_000 + 60})));
        rig.apple.add(&renewed.clone().expires(year.plus(Span::days(1))), None);
        let answer = rig.extend("100", 1).await;
        assert_eq!(answer.status, status, "{at:?}");
        assert!(status == 200 || code(&answer) == (403, 4_030_005));
    }
    let request = |days: u32| (days, 2, format!("r-{days}"));
    assert_eq!(rig.apple.extensions("100"), [request(30), request(30), request(1)]);
    assert_eq!(rig.apple.extensions("200"), [request(30)]);
}

#[tokio::test]
async fn an_extension_is_told() {
    let rig = rig().await;
    let hook = hook(&[]).await;
    rig.apple.set_notification_url(Production, Some(&hook.url()));
    rig.apple.hold(true);
    let bought = purchase("100");
    rig.apple.add(&bought, Some(&RenewalInfo::of(&bought).product("premium_yearly")));
    assert_eq!(rig.put_token("100", TOKEN).await.status, 200);
    assert_eq!(rig.extend("100", 7).await.status, 200);
    assert_eq!(rig.apple.send_due().await, 1);

    let later = bought.expires_at().unwrap().plus(Span::days(7)).0;
    let sent: Value = serde_json::from_slice(&lock(&hook.got)[0]).unwrap();
    let told = rig.opened(&sent["signedPayload"]);
    assert_eq!((&told["notificationType"], told.get("subtype")), (&json!("RENEWAL_EXTENDED"), None));
    let transaction = rig.opened(&told["data"]["signedTransactionInfo"]);
    let renewal = rig.opened(&told["data"]["signedRenewalInfo"]);
    assert_eq!((&transaction["expiresDate"], &transaction["appAccountToken"]), (&json!(later), &json!(TOKEN)));
    assert_eq!((&renewal["renewalDate"], &renewal["autoRenewProductId"]), (&json!(later), &json!("premium_yearly")));

    rig.apple.hold(false);
    assert_eq!(rig.extend("100", 7).await.status, 200);
    let wanted = json!({"startDate": NOW.0, "endDate": NOW.0 + 1, "notificationType": "RENEWAL_EXTENDED"});
    let mut tries = 0;
    while rig.pages(wanted.clone()).await.concat().len() < 2 {
        tries += 1;
        assert!(tries < 1_000, "the extension was never told");
    }
}

#[tokio::test]
async fn an_extension_can_fail_in_every_way() {
    let rig = rig().await;
    rig.apple.add(&purchase("100"), None);
    // fault, what is answered, whether it was extended
    let rows = [
        (Fault::NotExtending, Some(200), false),
        (Fault::Code(4_030_005), Some(403), false),
        (Fault::Status(500), Some(500), false),
        (Fault::DropBefore, None, false),
        (Fault::AcceptThenDrop, None, true),
        (Fault::CutBody, None, true),
    ];
    let mut made = 0;
    for (fault, status, extends) in rows {
        rig.apple.faults().next(Some(Op::Extend), 1, fault.clone());
        let answer = rig.send(Production, "PUT", &format!("{PATH}/100"), &wish(30).to_string()).await;
        assert_eq!(answer.as_ref().map(|answer| answer.status), status, "{fault:?}");
        if status == Some(200) {
            assert_eq!(body(&answer.unwrap()), json!({"originalTransactionId": "100", "success": false}));
        }
        made += usize::from(extends);
        assert_eq!(rig.apple.extensions("100").len(), made, "{fault:?}");
    }
}
