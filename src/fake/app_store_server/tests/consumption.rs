use super::*;

impl Rig {
    async fn consumed(&self, version: u8, id: &str, sent: &Value) -> Answer {
        let path = format!("/inApps/v{version}/transactions/consumption/{id}");
        self.send(Production, "PUT", &path, &sent.to_string()).await.unwrap()
    }
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn second() -> Value {
    json!({"customerConsented": true, "deliveryStatus": "DELIVERED", "sampleContentProvided": false})
}

fn first() -> Value {
    json!({
        "customerConsented": true, "consumptionStatus": 0, "platform": 1, "sampleContentProvided": false,
        "deliveryStatus": 0, "appAccountToken": "", "accountTenure": 0, "playTime": 0, "lifetimeDollarsRefunded": 0,
        "lifetimeDollarsPurchased": 0, "userStatus": 0,
    })
}

#[tokio::test]
async fn what_is_said_of_a_purchase_is_checked_and_kept() {
    let rig = rig().await;
    rig.apple.add(&purchase("100"), None);
    rig.apple.add(&purchase("101").one_time(), None);
    rig.apple.add(&purchase("102").family_shared(), None);
    rig.apple.add(&purchase("103").sandbox(), None);
    for (id, refusal) in [("x", 4_000_006), ("999", 4_040_010), ("103", 4_040_010), ("102", 4_000_185)] {
        for (version, body) in [(1, first()), (2, second())] {
            let answer = rig.consumed(version, id, &body).await;
            assert_eq!(code(&answer), ((refusal / 10_000) as u16, refusal), "{id}");
        }
    }
    let percent = |part: i64| with(second(), "consumptionPercentage", json!(part));
    let prorated = |body: Value| with(body, "refundPreference", json!("GRANT_PRORATED"));
    let undelivered = |body: Value| with(body, "deliveryStatus", json!("UNDELIVERED_OTHER"));
    // The transaction, the body, and the refusal, if there is one.
    for (version, id, body, refusal) in [
        (2, "100", second(), None),
        (2, "100", prorated(second()), None),
        (2, "100", undelivered(second()), None),
        (2, "100", percent(40_000), Some(4_000_000)),
        (2, "101", percent(0), None),
        (2, "101", percent(100_000), None),
        (2, "101", percent(100_001), Some(4_000_000)),
        (2, "101", percent(-1), Some(4_000_000)),
        (2, "101", undelivered(percent(0)), None),
        (2, "101", undelivered(percent(1)), Some(4_000_000)),
        (2, "101", prorated(percent(99_999)), None),
        (2, "101", prorated(percent(0)), Some(4_000_000)),
        (2, "101", prorated(percent(100_000)), Some(4_000_000)),
        (2, "101", prorated(second()), Some(4_000_000)),
        (2, "101", with(second(), "customerConsented", json!(false)), Some(4_000_035)),
        (2, "101", with(second(), "customerConsented", Value::Null), Some(4_000_035)),
        (2, "101", with(second(), "deliveryStatus", json!(0)), Some(4_000_036)),
        (2, "101", with(second(), "sampleContentProvided", json!(1)), Some(4_000_041)),
        (2, "101", with(second(), "refundPreference", json!(1)), Some(4_000_044)),
        (1, "100", first(), None),
        (1, "100", with(first(), "refundPreference", json!(3)), None),
        (1, "100", with(first(), "refundPreference", json!(4)), Some(4_000_044)),
        (1, "100", with(first(), "accountTenure", json!(8)), Some(4_000_032)),
        (1, "100", with(first(), "appAccountToken", json!("anna")), Some(4_000_033)),
        (1, "100", with(first(), "appAccountToken", Value::Null), Some(4_000_033)),
        (1, "100", with(first(), "consumptionStatus", json!(4)), Some(4_000_034)),
        (1, "100", with(first(), "deliveryStatus", json!("DELIVERED")), Some(4_000_036)),
        (1, "100", with(first(), "lifetimeDollarsPurchased", json!(8)), Some(4_000_037)),
        (1, "100", with(first(), "lifetimeDollarsRefunded", json!(-1)), Some(4_000_038)),
        (1, "100", with(first(), "platform", json!(3)), Some(4_000_039)),
        (1, "100", with(first(), "playTime", Value::Null), Some(4_000_040)),
        (1, "100", with(first(), "userStatus", json!(5)), Some(4_000_042)),
    ] {
        let before = rig.apple.consumptions(id);
        let answer = rig.consumed(version, id, &body).await;
        match refusal {
            None => {
                assert_eq!((answer.status, answer.body.len()), (202, 0), "{body}");
                assert_eq!(rig.apple.consumptions(id).last(), Some(&(version, body)));
            }
            Some(refusal) => {
                assert_eq!(code(&answer), (400, refusal), "{body}");
                assert_eq!(rig.apple.consumptions(id), before);
            }
        }
    }
    let path = "/inApps/v2/transactions/consumption/100";
    assert_eq!(code(&rig.send(Production, "PUT", path, "<").await.unwrap()), (400, 4_000_000));
    assert_eq!(rig.send(Production, "GET", path, "").await.unwrap().status, 405);
    let url = format!("{}{path}", rig.apple.production_url());
    assert_eq!(ask("PUT", &url, &[], second().to_string()).await.unwrap().status, 401);
}

#[tokio::test]
async fn faults_of_an_answer() {
    let rig = rig().await;
    rig.apple.add(&purchase("100"), None);
    rig.apple.faults().next(Some(Op::SendConsumption), 1, Fault::Code(4_000_047));
    let refused = rig.consumed(2, "100", &second()).await;
    assert_eq!(code(&refused), (400, 4_000_047));
    assert!(rig.apple.consumptions("100").is_empty());
    rig.apple.faults().next(Some(Op::SendConsumption), 1, Fault::AcceptThenDrop);
    let path = "/inApps/v1/transactions/consumption/100";
    assert!(rig.send(Production, "PUT", path, &first().to_string()).await.is_none());
    assert_eq!(rig.apple.consumptions("100"), [(1, first())]);
}
