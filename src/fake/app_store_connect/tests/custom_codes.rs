use super::*;

const MAKE: &str = "/v1/subscriptionOfferCodeCustomCodes";
const LIST: &str = "/v1/subscriptionOfferCodes/live/customCodes";

fn good() -> Value {
    json!({"customCode": "ANNA26", "numberOfCodes": 500})
}

impl Rig {
    async fn custom(&self, attributes: Value, offer: &str) -> Option<Answer> {
        let sent = creation("subscriptionOfferCodeCustomCodes", attributes, offer);
        self.ask("POST", MAKE, &[JSON], sent).await
    }
    async fn listed(&self) -> Vec<Value> {
        body(&self.get(LIST).await)["data"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn every_wrong_custom_code_is_refused_for_its_own_reason() {
    let rig = rig().await;
    assert_eq!(rig.custom(good(), "live").await.unwrap().status, 201);
    let shape = |name: &str| vec![format!("ENTITY_UNPROCESSABLE /data/attributes/{name}")];
    let invalid = |name: &str| vec![format!("ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/{name}")];
    let also = |name: &str, value: Value| with(json!({"a": good()}), "/a", name, value)["a"].clone();
    let other = |value: Value| json!({"customCode": value, "numberOfCodes": 500});
    let rows = [
        (also("environment", json!("SANDBOX")), "live", 422, shape("environment")),
        (also("active", json!(true)), "live", 422, shape("active")),
        (also("expirationDate", json!(null)), "live", 422, shape("expirationDate")),
        (also("expirationDate", json!("2026-12-01T00:00:00Z")), "live", 422, shape("expirationDate")),
        (also("numberOfCodes", json!("500")), "live", 422, shape("numberOfCodes")),
        (json!({"numberOfCodes": 500}), "live", 422, shape("customCode")),
        (json!({"customCode": "BERT26"}), "live", 422, shape("numberOfCodes")),
        (other(json!("BERT-26")), "live", 409, invalid("customCode")),
        (other(json!("BÄRT26")), "live", 409, invalid("customCode")),
        (other(json!("")), "live", 409, invalid("customCode")),
        (other(json!("ANNA26")), "live", 409, invalid("customCode")),
        (other(json!("anna26")), "live", 409, invalid("customCode")),
        (json!({"customCode": "BERT26", "numberOfCodes": 499}), "live", 409, invalid("numberOfCodes")),
        (json!({"customCode": "BERT26", "numberOfCodes": -500}), "live", 409, invalid("numberOfCodes")),
        (
            json!({"customCode": "BERT26", "numberOfCodes": 500, "expirationDate": day(0)}),
            "live",
            409,
            invalid("expirationDate"),
        ),
        (
            json!({"customCode": "B T", "numberOfCodes": 1}),
            "nobody",
            409,
            [
                invalid("numberOfCodes"),
                invalid("customCode"),
                vec!["ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/offerCode".to_owned()],
            ]
            .concat(),
        ),
        (other(json!("BERT26")), "dead", 409, vec!["STATE_ERROR -".to_owned()]),
    ];
    for (attributes, offer, status, errors) in rows {
        let answer = rig.custom(attributes.clone(), offer).await.unwrap();
        assert_eq!(complaint(&answer), (status, errors), "{attributes}");
    }
    let few = rig.custom(json!({"customCode": "BERT26", "numberOfCodes": 499}), "live").await.unwrap();
    assert_eq!(body(&few)["errors"][0]["detail"], "Invalid number of codes");
    assert_eq!(rig.custom(good(), "other").await.unwrap().status, 201, "another offer has its own");
    assert_eq!(rig.apple.custom_codes().len(), 2);
}

#[tokio::test]
async fn a_custom_code_is_made_listed_and_ended() {
    let mut rig = rig().await;
    let answer = rig.custom(good(), "live").await.unwrap();
    let made = body(&answer)["data"].clone();
    assert_eq!(answer.header("location"), made["links"]["self"].as_str());
    assert_eq!(made["attributes"], {
        let created = &made["attributes"]["createdDate"];
        json!({"customCode": "ANNA26", "numberOfCodes": 500, "createdDate": created, "active": true})
    });
    let dated = json!({"customCode": "BERT26", "numberOfCodes": 25_000, "expirationDate": day(300)});
    assert_eq!(body(&rig.custom(dated, "live").await.unwrap())["data"]["attributes"]["expirationDate"], day(300));
    assert_eq!(rig.listed().await[0], made);
    let page = body(&rig.get(&format!("{LIST}?limit=1")).await);
    let next = body(&rig.get(page["links"]["next"].as_str().unwrap()).await);
    assert_eq!(next["data"][0]["attributes"]["customCode"], "BERT26");

    let later = NOW.plus(Span::days(2));
    rig.clock.set(later);
    rig.bearer = format!("Bearer {}", token(later));
    let id = made["id"].as_str().unwrap();
    let own = format!("{MAKE}/{id}");
    let change = |attributes: Value| json!({"data": {"type": "subscriptionOfferCodeCustomCodes", "id": id, "attributes": attributes}});
    for (path, sent, status) in [
        (own.as_str(), change(json!({"active": false, "numberOfCodes": 900})), 422),
        (own.as_str(), change(json!({"active": true})), 200),
        (own.as_str(), change(json!({"active": false})), 200),
        (own.as_str(), change(json!({"active": false})), 409),
        (own.as_str(), change(json!({"active": true})), 409),
        ("/v1/subscriptionOfferCodeCustomCodes/nobody", with(change(json!({})), "/data", "id", json!("nobody")), 404),
    ] {
        assert_eq!(rig.ask("PATCH", path, &[JSON], &sent).await.unwrap().status, status, "{path} {sent}");
    }
    let ended = &rig.listed().await[0]["attributes"];
    assert_eq!((&ended["active"], &ended["expirationDate"]), (&json!(false), &json!(day(2))));
    let again = rig.ask("PATCH", &own, &[JSON], change(json!({"active": false}))).await.unwrap();
    assert!(body(&again)["errors"][0]["detail"].as_str().unwrap().contains("custom code is inactive"));
    let kept: Vec<_> = rig.apple.custom_codes().into_iter().map(|one| (one.code, one.active)).collect();
    assert_eq!(kept, [("ANNA26".to_owned(), false), ("BERT26".to_owned(), true)]);
    assert_eq!(rig.custom(good(), "live").await.unwrap().status, 409, "the text of an ended code stays taken");

    for path in ["/v1/subscriptionOfferCodes/nobody/customCodes", "/v1/subscriptionOfferCodeCustomCode"] {
        assert_eq!(rig.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_custom_code_whose_answer_was_lost_is_in_the_list() {
    let rig = rig().await;
    let faults = rig.apple.faults();
    faults.next(Some(Op::CreateCustomCode), 1, Fault::DropBefore);
    faults.next(Some(Op::CreateCustomCode), 1, Fault::AcceptThenDrop);
    for (status, listed) in [(None, 0), (None, 1), (Some(409), 1)] {
        assert_eq!(rig.custom(good(), "live").await.map(|answer| answer.status), status);
        assert_eq!(rig.listed().await.len(), listed);
    }
    let own = format!("{MAKE}/{}", rig.apple.custom_codes()[0].id);
    for (op, method, path) in [(Op::ListCustomCodes, "GET", LIST), (Op::EndCustomCode, "PATCH", own.as_str())] {
        faults.next(Some(op), 1, Fault::Status(503));
        assert_eq!(rig.ask(method, path, &[JSON], "{}").await.unwrap().status, 503, "{op:?}");
    }
}
