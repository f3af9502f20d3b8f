mod app_transaction;
mod refund_request;

use super::*;
use crate::domain::money::{Currency, Money};
use crate::domain::purchase::{Purchase, Share, Sold};
use crate::domain::subscription::{Offer, OfferKind, Period, Renewal, Status};
use serde_json::{Value, json};

pub(super) const NOW: At = At(1_795_253_400_000);
pub(super) const SIGNED: At = At(NOW.0 - 5_000);
pub(super) const TOKEN: &str = "7e3fb20b-4cdb-47cc-936d-99d65f608138";
const UUID: &str = "002e14d5-51f5-4503-b5a8-c3a1af68eb20";
const APP: u64 = 1_234_567_890;

/// What stands for a signature that holds.
pub(super) fn signed(payload: &Value) -> String {
    format!("signed:{payload}")
}

pub(super) fn open(jws: &str) -> Result<Signed, jws::Fault> {
    let payload = jws.strip_prefix("signed:").ok_or(jws::Fault::Shape)?;
    Ok(Signed { payload: payload.as_bytes().to_vec(), at: NOW })
}

/// `null` in `changes` stays a null.
pub(super) fn changed(mut value: Value, changes: &Value) -> Value {
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    value
}

pub(super) fn transaction_payload(changes: Value) -> Value {
    let payload = json!({
        "transactionId": "200", "originalTransactionId": "100", "webOrderLineItemId": "34343",
        "bundleId": "com.example.alma", "productId": "monthly", "subscriptionGroupIdentifier": "55555",
        "purchaseDate": SIGNED.0 - 60_000, "originalPurchaseDate": SIGNED.0 - 90_000, "expiresDate": NOW.0 + 90_000,
        "quantity": 1, "type": "Auto-Renewable Subscription", "inAppOwnershipType": "PURCHASED",
        "signedDate": SIGNED.0, "environment": "Production", "transactionReason": "PURCHASE", "storefront": "USA",
        "price": 9_990, "currency": "USD", "appTransactionId": "700", "offerType": 3, "offerIdentifier": "REF30",
        "offerDiscountType": "FREE_TRIAL", "offerPeriod": "P1M", "advancedCommerceInfo": {"deep": [1e99]},
    });
    changed(payload, &changes)
}

pub(super) fn renewal_payload(changes: Value) -> Value {
    let payload = json!({
        "originalTransactionId": "100", "autoRenewProductId": "yearly", "productId": "monthly", "autoRenewStatus": 1,
        "signedDate": SIGNED.0, "environment": "Production", "renewalDate": NOW.0 + 90_000, "appTransactionId": "700",
    });
    changed(payload, &changes)
}

/// A notification of a subscriber, with everything that one may have.
struct Sample {
    /// Changes of the payload, of its `data`, and of what is signed inside.
    payload: Value,
    data: Value,
    transaction: Value,
    renewal: Value,
}

fn sample() -> Sample {
    Sample { payload: json!({}), data: json!({}), transaction: json!({}), renewal: json!({}) }
}

impl Sample {
    fn in_environment(outer: &str, transaction: &str, renewal: &str) -> Sample {
        let of = |environment: &str| json!({ "environment": environment });
        Sample { data: of(outer), transaction: of(transaction), renewal: of(renewal), ..sample() }
    }

    fn payload(&self) -> Value {
        let data = json!({
            "appAppleId": APP, "bundleId": "com.example.alma", "bundleVersion": "42", "environment": "Production",
            "signedTransactionInfo": signed(&transaction_payload(self.transaction.clone())),
            "signedRenewalInfo": signed(&renewal_payload(self.renewal.clone())), "status": 1,
        });
        let payload = json!({
            "notificationType": "SUBSCRIBED", "subtype": "INITIAL_BUY", "notificationUUID": UUID,
            "data": changed(data, &self.data), "version": "2.0", "signedDate": SIGNED.0,
        });
        changed(payload, &self.payload)
    }

    fn read(&self, environment: Environment) -> Result<Report<UserId>, Fault> {
        read(&self.payload(), environment)
    }
}

fn expected(environment: Environment) -> Expected<'static> {
    Expected { bundle_id: "com.example.alma", apple_id: APP, environment }
}

const LIMITS: Limits = Limits { now: NOW, max_age: Some(Span::days(8)) };

fn read(payload: &Value, environment: Environment) -> Result<Report<UserId>, Fault> {
    notification(&signed(payload), &expected(environment), LIMITS, &open)
}

pub(super) fn sold(is_one_time: bool, price: Option<(i64, &str)>) -> Option<Sold> {
    let price = price.map(|(minor, code)| Money::new(minor, Currency::parse(code).unwrap()));
    Some(Sold { is_one_time, price, proceeds: None })
}

pub(super) fn bought() -> Purchase {
    let offer = Some(Offer { kind: OfferKind::Code, id: Some("REF30".to_owned()) });
    let purchased_at = SIGNED.minus(Span::seconds(60));
    Purchase {
        original_transaction_id: "100".to_owned(),
        transaction_id: "200".to_owned(),
        product_id: "monthly".to_owned(),
        offer: Some("REF30".to_owned()),
        purchased_at: Some(purchased_at),
        app_transaction_id: Some("700".to_owned()),
        period: Some(Period {
            purchased_at,
            told_at: SIGNED,
            transaction_id: "200".to_owned(),
            product_id: "monthly".to_owned(),
            expires_at: Some(NOW.plus(Span::seconds(90))),
            offer,
            revoked_at: None,
            is_family_shared: false,
        }),
        sold: sold(false, Some((999, "USD"))),
        is_free: true,
        ..Purchase::default()
    }
}

pub(super) fn renews() -> Renewal {
    Renewal {
        told_at: SIGNED,
        auto_renew: true,
        product_id: "yearly".to_owned(),
        renews_at: Some(NOW.plus(Span::seconds(90))),
        offer: None,
        is_in_billing_retry: false,
        grace_until: None,
    }
}

fn notified() -> Purchase {
    Purchase { renewal: Some(renews()), status: Some(Status::Active), ..bought() }
}

fn purchase_of(purchase: Purchase) -> About<UserId> {
    About::Purchase { people: vec![], token: None, purchase: Box::new(purchase) }
}

#[test]
fn bodies() {
    let v2 = |jws: &str| Ok(Body::V2(Jws(jws.to_owned())));
    let long = "x".repeat(100_000);
    let bomb = "[".repeat(1_000_000);
    let rows: &[(&str, Result<Body, Fault>)] = &[
        (r#"{"signedPayload":"a.b.c"}"#, v2("a.b.c")),
        (r#" {"x":[1e999],"signedPayload":"a\u002eb.c","notification_type":"CANCEL"} "#, v2("a.b.c")),
        (&format!(r#"{{"signedPayload":"{long}"}}"#), v2(&long)),
        (r#"{"notification_type":"DID_RENEW","password":"p","unified_receipt":{}}"#, Ok(Body::V1)),
        (r#"{"notification_type":"OF_NEXT_YEAR","signedPayload":null}"#, Ok(Body::V1)),
        (r#"{"notification_type":null}"#, Err(Fault::Body)),
        (r#"{"signedPayload":"","notification_type":"DID_RENEW"}"#, Err(Fault::Body)),
        (r#"{"signedPayload":["a.b.c"]}"#, Err(Fault::Body)),
        (r#"{"signedPayload":null}"#, Err(Fault::Body)),
        (r#"{"notificationType":"TEST"}"#, Err(Fault::Body)),
        ("{}", Err(Fault::Body)),
        ("[]", Err(Fault::Body)),
        ("null", Err(Fault::Body)),
        ("\"a.b.c\"", Err(Fault::Body)),
        ("a.b.c", Err(Fault::Body)),
        (r#"{"signedPayload":"a.b.c""#, Err(Fault::Body)),
        (r#"{"signedPayload":"a.b.c"} x"#, Err(Fault::Body)),
        ("<html>", Err(Fault::Body)),
        ("", Err(Fault::Body)),
        (&bomb, Err(Fault::Body)),
    ];
    for (text, expected) in rows {
        assert_eq!(body(text.as_bytes()), *expected, "{}", text.chars().take(80).collect::<String>());
    }
    assert_eq!(body(b"{\"signedPayload\":\"\xff\"}"), Err(Fault::Body));
    assert_eq!(format!("{:?}", body(br#"{"signedPayload":"secret"}"#)), "Ok(V2(Jws(…)))");
}

#[test]
fn every_type() {
    // A type and its subtypes.
    let rows: &[(&str, &[&str])] = &[
        ("SUBSCRIBED", &["INITIAL_BUY", "RESUBSCRIBE"]),
        ("DID_CHANGE_RENEWAL_PREF", &["", "UPGRADE", "DOWNGRADE"]),
        ("DID_CHANGE_RENEWAL_STATUS", &["AUTO_RENEW_ENABLED", "AUTO_RENEW_DISABLED"]),
        ("OFFER_REDEEMED", &["", "UPGRADE", "DOWNGRADE"]),
        ("DID_RENEW", &["", "BILLING_RECOVERY"]),
        ("EXPIRED", &["VOLUNTARY", "BILLING_RETRY", "PRICE_INCREASE", "PRODUCT_NOT_FOR_SALE"]),
        ("DID_FAIL_TO_RENEW", &["", "GRACE_PERIOD"]),
        ("GRACE_PERIOD_EXPIRED", &[""]),
        ("PRICE_INCREASE", &["PENDING", "ACCEPTED"]),
        ("REFUND", &[""]),
        ("REFUND_DECLINED", &[""]),
        ("CONSUMPTION_REQUEST", &[""]),
        ("RENEWAL_EXTENDED", &[""]),
        ("RENEWAL_EXTENSION", &["FAILURE"]),
        ("REVOKE", &[""]),
        ("ONE_TIME_CHARGE", &[""]),
        ("METADATA_UPDATE", &[""]),
        ("MIGRATION", &[""]),
        ("PRICE_CHANGE", &[""]),
        ("OF_NEXT_YEAR", &["", "UPGRADE"]),
    ];
    let sales = [
        "SUBSCRIBED/INITIAL_BUY",
        "SUBSCRIBED/RESUBSCRIBE",
        "DID_CHANGE_RENEWAL_PREF/UPGRADE",
        "OFFER_REDEEMED",
        "OFFER_REDEEMED/UPGRADE",
        "OFFER_REDEEMED/DOWNGRADE",
        "DID_RENEW",
        "DID_RENEW/BILLING_RECOVERY",
        "ONE_TIME_CHARGE",
    ];
    use Ending::{Billing, PriceIncrease, Unavailable, Voluntary};
    let endings = ["VOLUNTARY", "BILLING_RETRY", "PRICE_INCREASE", "PRODUCT_NOT_FOR_SALE"];
    let endings = endings.into_iter().zip([Voluntary, Billing, PriceIncrease, Unavailable]);
    let named = |kind: &str, subtype: &str| json!({"notificationType": kind, "subtype": (!subtype.is_empty()).then_some(subtype)});
    let check = |kind: &str, subtype: &str, sample: Sample, about: About<UserId>| {
        let payload = changed(sample.payload(), &named(kind, subtype));
        let report = read(&payload, Environment::Production).unwrap();
        let expected = if subtype.is_empty() { kind.to_owned() } else { format!("{kind}/{subtype}") };
        assert_eq!((report.kind, report.about), (expected, about), "{kind} {subtype}");
        let head = (report.source, report.event.as_str(), report.at);
        assert_eq!(head, (Source::Apple, UUID, Some(SIGNED)), "{kind} {subtype}");
        assert_eq!(report.digest, Id::of("apple", &[payload.to_string().as_bytes()]), "{kind} {subtype}");
    };
    for (kind, subtypes) in rows {
        for subtype in *subtypes {
            let is_sale = sales.contains(&format!("{kind}/{subtype}").trim_end_matches('/'));
            let ended = endings.clone().find_map(|(word, why)| (*kind == "EXPIRED" && word == *subtype).then_some(why));
            let (sold, refund_request) = (notified().sold.filter(|_| is_sale), refund_request::usual(kind));
            check(kind, subtype, sample(), purchase_of(Purchase { sold, ended, refund_request, ..notified() }));
        }
        let bare = Sample { data: json!({"signedTransactionInfo": null}), ..sample() };
        check(kind, "", bare, About::Nothing);
    }
    check("TEST", "", sample(), About::Nothing);
    let reversed = Purchase { refund: Some(RefundWord::Reversed), sold: None, ..notified() };
    check("REFUND_REVERSED", "", sample(), purchase_of(reversed.clone()));
    let revoked = Sample { transaction: json!({"revocationDate": NOW.0}), ..sample() };
    let refunded = |refund, refunded_share| {
        let period = reversed.period.clone().map(|period| Period { revoked_at: Some(NOW), ..period });
        purchase_of(Purchase { refund: Some(refund), refunded_share, period, ..reversed.clone() })
    };
    check("REFUND_REVERSED", "", revoked, refunded(RefundWord::Reversed, None));
    let revoked = Sample { transaction: json!({"revocationDate": NOW.0}), ..sample() };
    check("REFUND", "", revoked, refunded(RefundWord::Refunded { at: NOW }, Some(Share::ALL)));
}

/// Payloads of the parts that are no `data`.
fn summary(changes: Value) -> Value {
    let part =
        json!({"environment": "Production", "appAppleId": APP, "bundleId": "com.example.alma", "succeededCount": 5});
    json!({"summary": changed(part, &changes)})
}

fn external(changes: Value) -> Value {
    let part = json!({"externalPurchaseId": "b2158121", "appAppleId": APP, "bundleId": "com.example.alma"});
    json!({"externalPurchaseToken": changed(part, &changes)})
}

fn consent(changes: Value, inner: Value) -> Value {
    let app_transaction = json!({
        "receiptType": "Production", "appAppleId": APP, "bundleId": "com.example.alma", "appTransactionId": "700",
        "receiptCreationDate": SIGNED.0,
    });
    let part = json!({"environment": "Production", "appAppleId": APP, "bundleId": "com.example.alma",
        "signedAppTransactionInfo": signed(&changed(app_transaction, &inner))});
    json!({"appData": changed(part, &changes)})
}

#[test]
fn other_parts() {
    let sandbox = json!({"environment": "Sandbox", "appAppleId": null});
    let empty = || json!({});
    let outer = |flaw| Err(Fault::Payload(flaw));
    let inner = |flaw| Err(Fault::Nested(flaw));
    let both = changed(summary(empty()), &external(empty()));
    let data = json!({"environment": "Production", "appAppleId": APP, "bundleId": "com.example.alma"});
    use Environment::{Production, Sandbox};
    let rows = [
        (summary(empty()), Production, Ok(())),
        (summary(empty()), Sandbox, outer(Flaw::Environment)),
        (summary(sandbox.clone()), Sandbox, Ok(())),
        (summary(sandbox.clone()), Production, outer(Flaw::Environment)),
        (summary(json!({"bundleId": "com.example"})), Production, outer(Flaw::Bundle)),
        (summary(json!({"appAppleId": APP + 1})), Production, outer(Flaw::App)),
        (external(empty()), Production, Ok(())),
        (external(empty()), Sandbox, outer(Flaw::Environment)),
        (external(json!({"externalPurchaseId": "SANDBOX_b2158121"})), Sandbox, Ok(())),
        (external(json!({"externalPurchaseId": "SANDBOX_b2158121"})), Production, outer(Flaw::Environment)),
        (external(json!({"externalPurchaseId": null})), Production, Ok(())),
        (external(json!({"environment": "Sandbox"})), Production, Ok(())),
        (external(json!({"bundleId": null})), Production, outer(Flaw::Bundle)),
        (external(json!({"appAppleId": null})), Production, outer(Flaw::App)),
        (consent(empty(), empty()), Production, Ok(())),
        (consent(json!({"signedAppTransactionInfo": null}), empty()), Production, Ok(())),
        (consent(empty(), json!({"appTransactionId": null, "receiptCreationDate": null})), Production, Ok(())),
        (consent(sandbox.clone(), json!({"receiptType": "Sandbox", "appAppleId": null})), Sandbox, Ok(())),
        (consent(sandbox, empty()), Sandbox, inner(Flaw::Environment)),
        (consent(empty(), json!({"receiptType": "Sandbox"})), Production, inner(Flaw::Environment)),
        (consent(empty(), json!({"receiptType": "Xcode"})), Production, inner(Flaw::Environment)),
        (consent(empty(), json!({"bundleId": "com.example"})), Production, inner(Flaw::Bundle)),
        (consent(empty(), json!({"appAppleId": 1})), Production, inner(Flaw::App)),
        (
            consent(json!({"signedAppTransactionInfo": "forged"}), empty()),
            Production,
            inner(Flaw::Signature(jws::Fault::Shape)),
        ),
        (consent(json!({"environment": null}), empty()), Production, outer(Flaw::Environment)),
        (json!({ "data": data }), Production, Ok(())),
        (json!({"data": data, "summary": null}), Production, Ok(())),
        (json!({"data": data, "appData": {}}), Production, Err(Fault::Parts)),
        (both, Production, Err(Fault::Parts)),
        (json!({}), Production, Err(Fault::Parts)),
        (json!({"data": null}), Production, Err(Fault::Parts)),
        (json!({"data": "x"}), Production, Err(Fault::Parts)),
        (json!({"data": {}}), Production, outer(Flaw::Bundle)),
        (json!({ "ofNextYear": data }), Production, Err(Fault::Parts)),
    ];
    for (part, environment, expected) in rows {
        let head = json!({"notificationType": "T", "notificationUUID": UUID, "signedDate": SIGNED.0});
        let got = read(&changed(head, &part), environment).map(|report| assert_eq!(report.about, About::Nothing));
        assert_eq!(got, expected, "{part} {environment:?}");
    }
}

#[test]
fn environments_outside_and_inside() {
    let all = ["Production", "Sandbox", "Xcode", "LocalTesting"];
    for (own, environment) in [("Production", Environment::Production), ("Sandbox", Environment::Sandbox)] {
        let mut accepted = 0;
        for (outer, transaction, renewal) in
            all.into_iter().flat_map(|o| all.into_iter().flat_map(move |t| all.into_iter().map(move |r| (o, t, r))))
        {
            let got = Sample::in_environment(outer, transaction, renewal).read(environment);
            let expected = match (outer == own, transaction == own && renewal == own) {
                (true, true) => Ok(()),
                (true, false) => Err(Fault::Nested(Flaw::Environment)),
                (false, _) => Err(Fault::Payload(Flaw::Environment)),
            };
            let is_test = |report: Report<UserId>| match report.about {
                About::Purchase { purchase, .. } => assert_eq!(purchase.is_test, own == "Sandbox"),
                other => panic!("{other:?}"),
            };
            accepted += usize::from(got.is_ok());
            assert_eq!(got.map(is_test), expected, "{own}: {outer}, {transaction}, {renewal}");
        }
        assert_eq!(accepted, 1, "{own}");
    }
    for odd in [json!(null), json!("production"), json!(7), json!("")] {
        let odd = json!({ "environment": odd });
        let outer = Sample { data: odd.clone(), ..sample() };
        assert_eq!(outer.read(Environment::Production), Err(Fault::Payload(Flaw::Environment)), "{odd}");
        let inner = Sample { transaction: odd.clone(), ..sample() };
        assert_eq!(inner.read(Environment::Production), Err(Fault::Nested(Flaw::Environment)), "{odd}");
    }
}

#[test]
fn of_this_app() {
    let data = |data: Value| Sample { data, ..sample() };
    let inner = |transaction: Value| Sample { transaction, ..sample() };
    let outer = |flaw| Err(Fault::Payload(flaw));
    let rows = [
        (data(json!({"appAppleId": APP.to_string()})), Ok(())),
        (data(json!({"bundleId": "com.example"})), outer(Flaw::Bundle)),
        (data(json!({"bundleId": "com.example.ALMA"})), outer(Flaw::Bundle)),
        (data(json!({"bundleId": null})), outer(Flaw::Bundle)),
        (data(json!({"bundleId": ["com.example.alma"]})), outer(Flaw::Bundle)),
        (data(json!({"appAppleId": 1})), outer(Flaw::App)),
        (data(json!({"appAppleId": null})), outer(Flaw::App)),
        (data(json!({"appAppleId": true})), outer(Flaw::App)),
        (data(json!({"appAppleId": format!("0{APP}")})), outer(Flaw::App)),
        (inner(json!({"bundleId": "com.example"})), Err(Fault::Nested(Flaw::Bundle))),
        (inner(json!({"bundleId": null})), Err(Fault::Nested(Flaw::Bundle))),
    ];
    for (sample, expected) in rows {
        let got = sample.read(Environment::Production).map(|_| ());
        assert_eq!(got, expected, "{}", sample.payload());
    }
    for id in [json!(APP), json!(1), json!(null)] {
        let mut sample = Sample::in_environment("Sandbox", "Sandbox", "Sandbox");
        sample.data["appAppleId"] = id;
        assert!(sample.read(Environment::Sandbox).is_ok(), "{}", sample.payload());
    }
}

#[test]
fn what_is_signed_inside_is_tied_to_it() {
    let data = |data: Value| Sample { data, ..sample() };
    let nested = |flaw| Err(Fault::Nested(flaw));
    let unsigned = || nested(Flaw::Signature(jws::Fault::Shape));
    let renewal = signed(&renewal_payload(json!({})));
    let transaction = signed(&transaction_payload(json!({})));
    let original = |id: Value| json!({ "originalTransactionId": id });
    let inside = |transaction: Value, renewal: Value| Sample { transaction, renewal, ..sample() };
    let rows = [
        (inside(original(json!("101")), original(json!("101"))), Ok(())),
        (inside(original(json!(100)), json!({})), Ok(())),
        (data(json!({"signedRenewalInfo": null})), Ok(())),
        (inside(json!({}), original(json!("101"))), nested(Flaw::Subscription)),
        (inside(original(json!("101")), json!({})), nested(Flaw::Subscription)),
        (inside(original(json!(null)), original(json!("100"))), nested(Flaw::Subscription)),
        (inside(json!({}), original(json!(null))), nested(Flaw::Incomplete)),
        (inside(json!({"originalTransactionId": null, "transactionId": null}), json!({})), nested(Flaw::Incomplete)),
        (inside(json!({"signedDate": null}), json!({})), nested(Flaw::Undated)),
        (inside(json!({}), json!({"signedDate": "today"})), nested(Flaw::Undated)),
        // One in the place of the other.
        (data(json!({ "signedTransactionInfo": renewal })), nested(Flaw::Bundle)),
        (data(json!({"signedTransactionInfo": null, "signedRenewalInfo": transaction})), nested(Flaw::Incomplete)),
        (data(json!({ "signedRenewalInfo": transaction })), nested(Flaw::Incomplete)),
        (data(json!({"signedTransactionInfo": "forged"})), unsigned()),
        (data(json!({"signedTransactionInfo": ""})), unsigned()),
        (data(json!({"signedTransactionInfo": {"transactionId": "200"}})), unsigned()),
        (data(json!({"signedRenewalInfo": "forged"})), unsigned()),
        (data(json!({"signedRenewalInfo": 7})), unsigned()),
        (data(json!({"signedTransactionInfo": null, "signedRenewalInfo": "forged"})), unsigned()),
        (data(json!({"signedTransactionInfo": "signed:[]"})), nested(Flaw::Shape)),
        (data(json!({"signedRenewalInfo": "signed:7"})), nested(Flaw::Shape)),
    ];
    for (sample, expected) in rows {
        let got = sample.read(Environment::Production).map(|_| ());
        assert_eq!(got, expected, "{}", sample.payload());
        let test = changed(sample.payload(), &json!({"notificationType": "TEST"}));
        assert_eq!(read(&test, Environment::Production).map(|_| ()), expected, "{test}");
    }
}

#[test]
fn heads() {
    let head = |payload: Value| Sample { payload, ..sample() };
    let payload = |sample: &Sample| sample.payload().to_string();
    let long = "X".repeat(300);
    // payload, event, kind
    let rows = [
        (json!({"notificationUUID": 7}), Some("7"), "SUBSCRIBED/INITIAL_BUY"),
        (json!({"notificationUUID": null}), None, "SUBSCRIBED/INITIAL_BUY"),
        (json!({ "notificationUUID": long }), None, "SUBSCRIBED/INITIAL_BUY"),
        (json!({"notificationUUID": ["x"]}), None, "SUBSCRIBED/INITIAL_BUY"),
        (json!({"subtype": null}), Some(UUID), "SUBSCRIBED"),
        (json!({"subtype": ""}), Some(UUID), "SUBSCRIBED"),
        (json!({"subtype": 7}), Some(UUID), "SUBSCRIBED"),
        (json!({"subtype": "CREATED"}), Some(UUID), "SUBSCRIBED/CREATED"),
        (json!({"subtype": "ACTIVE_TOKEN_REMINDER"}), Some(UUID), "SUBSCRIBED/ACTIVE_TOKEN_REMINDER"),
        (json!({ "subtype": long }), Some(UUID), "SUBSCRIBED"),
        (json!({"notificationType": null}), Some(UUID), "unrecognised/INITIAL_BUY"),
        (json!({"notificationType": long, "subtype": null}), Some(UUID), "unrecognised"),
        (json!({"version": "3.0", "ofNextYear": [{}]}), Some(UUID), "SUBSCRIBED/INITIAL_BUY"),
    ];
    for (changes, event, kind) in rows {
        let sample = head(changes);
        let report = sample.read(Environment::Production).unwrap();
        let digest = Id::of("apple", &[payload(&sample).as_bytes()]);
        let event = event.map_or(digest.to_string(), str::to_owned);
        assert_eq!((report.event, report.kind.as_str()), (event, kind), "{}", sample.payload);
        let sold = notified().sold.filter(|_| kind.starts_with("SUBSCRIBED"));
        assert_eq!(report.about, purchase_of(Purchase { sold, ..notified() }), "{}", sample.payload);
    }
}

#[test]
fn statuses() {
    let rows = [
        (json!(1), Some(Status::Active)),
        (json!(2), Some(Status::Expired)),
        (json!(3), Some(Status::BillingRetry)),
        (json!("4"), Some(Status::GracePeriod)),
        (json!(5), Some(Status::Revoked)),
        (json!(0), None),
        (json!(6), None),
        (json!("active"), None),
        (json!(null), None),
    ];
    for (number, status) in rows {
        let sample = Sample { data: json!({ "status": number }), ..sample() };
        let about = sample.read(Environment::Production).unwrap().about;
        assert_eq!(about, purchase_of(Purchase { status, ..notified() }), "{number}");
    }
}

#[test]
fn ages() {
    let eight = Some(Span::days(8));
    let rows = [
        (json!(SIGNED.0), eight, Ok(())),
        (json!(SIGNED.0 as f64), eight, Ok(())),
        (json!(NOW.minus(Span::days(8)).0), eight, Ok(())),
        (json!(NOW.minus(Span::days(8)).0 - 1), eight, Err(Fault::TooOld)),
        (json!(NOW.minus(Span::days(8)).0 - 1), None, Ok(())),
        (json!(0), eight, Err(Fault::TooOld)),
        (json!(i64::MIN), eight, Err(Fault::TooOld)),
        (json!(0), None, Ok(())),
        (json!(NOW.plus(SKEW).0), eight, Ok(())),
        (json!(NOW.plus(SKEW).0 + 1), eight, Err(Fault::FromTheFuture)),
        (json!(NOW.plus(SKEW).0 + 1), None, Err(Fault::FromTheFuture)),
        (json!(i64::MAX), None, Err(Fault::FromTheFuture)),
        (json!(u64::MAX), None, Err(Fault::Payload(Flaw::Undated))),
        (json!(null), eight, Err(Fault::Payload(Flaw::Undated))),
        (json!(null), None, Err(Fault::Payload(Flaw::Undated))),
        (json!("2026-11-21T09:30:00Z"), None, Err(Fault::Payload(Flaw::Undated))),
    ];
    for (date, max_age, wanted) in rows {
        let payload = changed(sample().payload(), &json!({ "signedDate": date }));
        let limits = Limits { now: NOW, max_age };
        let got = notification(&signed(&payload), &expected(Environment::Production), limits, &open);
        assert_eq!(got.map(|_| ()), wanted, "{date} {max_age:?}");
        let shown = transaction_payload(json!({ "signedDate": date }));
        let got = transaction(&signed(&shown), "com.example.alma", limits, &open);
        assert_eq!(got.map(|_| ()), wanted, "{date} {max_age:?}");
        let shown = renewal_payload(json!({ "signedDate": date }));
        let got = renewal(&signed(&shown), limits, &open);
        assert_eq!(got.map(|_| ()), wanted, "{date} {max_age:?}");
    }
}

#[test]
fn nothing_is_read_before_the_signature_holds() {
    let payload = sample().payload().to_string();
    for jws in [payload.as_str(), "", "a.b.c"] {
        let got = notification(jws, &expected(Environment::Production), LIMITS, &open);
        assert_eq!(got, Err(Fault::Payload(Flaw::Signature(jws::Fault::Shape))));
    }
    for payload in ["signed:[]", "signed:", "signed:{", "signed:null"] {
        let got = notification(payload, &expected(Environment::Production), LIMITS, &open);
        assert_eq!(got, Err(Fault::Payload(Flaw::Shape)), "{payload}");
    }
}

#[test]
fn every_refusal_has_its_own_word() {
    let flaws = [
        Flaw::Signature(jws::Fault::Shape),
        Flaw::Shape,
        Flaw::Bundle,
        Flaw::App,
        Flaw::Environment,
        Flaw::Undated,
        Flaw::Incomplete,
        Flaw::Subscription,
    ];
    let faults = [Fault::Body, Fault::Parts, Fault::TooOld, Fault::FromTheFuture].into_iter();
    let faults: Vec<Fault> = faults.chain(flaws.map(Fault::Payload)).chain(flaws.map(Fault::Nested)).collect();
    let words: std::collections::BTreeSet<&str> = faults.iter().map(|fault| fault.word()).collect();
    assert_eq!(words.len(), faults.len());
    assert!(flaws.iter().all(|flaw| Fault::Nested(*flaw).word().starts_with("nested-")));
    assert_eq!(Fault::Payload(flaws[0]).word(), jws::Fault::Shape.word());
}
