use super::*;
use crate::fake::apple_chain::Chain;
use crate::wire::jws::Verifier;

const AT: At = At(1_790_000_000_000);
const LATER: At = At(AT.0 + 3_600_000);

fn app() -> App {
    App { bundle_id: "com.example.alma".into(), apple_id: 1_234_567_890 }
}
fn purchase() -> Transaction {
    Transaction::purchase("2000000000000001", AT)
}
fn value(payload: &RawValue) -> Value {
    serde_json::from_str(payload.get()).unwrap()
}
/// The names of an object's members as they are written, where none of them is an object.
fn keys(object: &str) -> String {
    let names = object.trim_matches(['{', '}']).split(',').map(|member| member.split(':').next().unwrap());
    names.map(|name| name.trim_matches('"')).collect::<Vec<_>>().join(" ")
}
fn opened(chain: &Chain, jws: &str) -> Value {
    let signed = Verifier::trusting(chain.root()).unwrap().verify(jws, AT).unwrap();
    serde_json::from_slice(&signed.payload).unwrap()
}

#[test]
fn keys_come_in_the_order_of_real_payloads() {
    let plain = "transactionId originalTransactionId webOrderLineItemId bundleId productId subscriptionGroupIdentifier \
                 purchaseDate originalPurchaseDate expiresDate quantity type inAppOwnershipType signedDate environment \
                 transactionReason storefront storefrontId price currency appTransactionId";
    let refunded = plain.replace("signedDate", "signedDate revocationReason revocationDate") + " revocationType";
    let once = plain
        .replace("webOrderLineItemId ", "")
        .replace("subscriptionGroupIdentifier ", "")
        .replace("expiresDate ", "");
    let told = plain.replace("type", "type appAccountToken") + " newInTheList";
    let rows = [
        (purchase(), plain.to_owned()),
        (purchase().refunded(LATER, 1), refunded),
        (purchase().one_time(), once),
        (purchase().set("newInTheList", json!(1)).token("t"), told),
        (Transaction::renewal_of(&purchase().offer_code("REF30").refunded(LATER, 1), "2"), plain.to_owned()),
    ];
    for (transaction, expected) in rows {
        assert_eq!(keys(transaction.payload(&app(), AT).get()), expected);
    }
    let plain = "originalTransactionId autoRenewProductId productId autoRenewStatus renewalPrice currency signedDate \
                 environment recentSubscriptionStartDate renewalDate appTransactionId";
    let off = plain.replace("renewalPrice currency ", "");
    let ended = format!("expirationIntent {off}").replace("autoRenewStatus", "autoRenewStatus isInBillingRetryPeriod");
    let renewal = RenewalInfo::of(&purchase());
    for (renewal, expected) in
        [(renewal.clone(), plain), (renewal.clone().auto_renew_off(), &off), (renewal.expired(1), &ended)]
    {
        assert_eq!(keys(renewal.payload(AT).get()), expected);
    }
    let chain = Chain::new(AT);
    let outer = "notificationType subtype notificationUUID data version signedDate";
    let data = "appAppleId bundleId bundleVersion environment signedTransactionInfo signedRenewalInfo status";
    let once = data.replace(" signedRenewalInfo status", "");
    let request = format!("{data} consumptionRequestReason");
    let renewed = outer.replace(" subtype", "");
    let rows = [
        (Notification::subscribed(&purchase(), AT), outer, data),
        (Notification::did_renew(&purchase(), AT), &renewed, data),
        (Notification::one_time_charge(&purchase().one_time(), AT), &renewed, &once),
        (Notification::consumption_request(&purchase(), "LEGAL", AT), &renewed, &request),
        (Notification::test(AT), &renewed, "appAppleId bundleId environment"),
    ];
    for (notification, outer, data) in rows {
        let payload = notification.payload(&chain, &app());
        let (before, rest) = payload.get().split_once('{').unwrap().1.split_once('{').unwrap();
        let (inside, after) = rest.split_once('}').unwrap();
        assert_eq!(keys(&format!("{before}0{after}")), outer, "{}", notification.kind());
        assert_eq!(keys(inside), data, "{}", notification.kind());
    }
}

#[test]
fn transactions_say_what_they_are_told_to() {
    let month = Span::days(30);
    let second = Transaction::renewal_of(&purchase().offer_code("REF30").token("t"), "2");
    let third = Transaction::renewal_of(&second, "3");
    let rows = [
        (purchase(), "bundleId", json!("com.example.alma")),
        (purchase(), "signedDate", json!(LATER.0)),
        (purchase(), "expiresDate", json!(AT.plus(month).0)),
        (purchase(), "offerType", Value::Null),
        (purchase().offer_code("REF30"), "offerType", json!(3)),
        (purchase().offer_code("REF30"), "offerIdentifier", json!("REF30")),
        (purchase().offer_code("REF30"), "price", json!(0)),
        (purchase().offer(1, None), "offerIdentifier", Value::Null),
        (purchase().offer(2, "COMEBACK50"), "offerIdentifier", json!("COMEBACK50")),
        (purchase().one_time().offer_code("REF30"), "offerDiscountType", json!("ONE_TIME")),
        (purchase().one_time().offer_code("REF30"), "offerPeriod", Value::Null),
        (purchase().offer_code("REF30").one_time(), "offerDiscountType", json!("ONE_TIME")),
        (purchase().offer_code("REF30").one_time(), "offerPeriod", Value::Null),
        (purchase().token("t"), "appAccountToken", json!("t")),
        (purchase().app_transaction_id("7"), "appTransactionId", json!("7")),
        (purchase().refunded(LATER, 1), "revocationDate", json!(LATER.0)),
        (purchase().refunded(LATER, 1), "revocationType", json!("REFUND_FULL")),
        (purchase().refunded(LATER, 1).prorated(50_000), "revocationPercentage", json!(50_000)),
        (purchase().refunded(LATER, 1).prorated(50_000), "revocationType", json!("REFUND_PRORATED")),
        (purchase().refunded(LATER, 1).prorated(1).restored(), "revocationType", Value::Null),
        (purchase().refunded(LATER, 1).prorated(1).restored(), "revocationPercentage", Value::Null),
        (purchase().family_revoked(LATER), "revocationType", json!("FAMILY_REVOKE")),
        (purchase().family_revoked(LATER), "inAppOwnershipType", json!("FAMILY_SHARED")),
        (purchase().sandbox(), "environment", json!("Sandbox")),
        (purchase().without("bundleId"), "bundleId", Value::Null),
        (purchase().set("bundleId", json!("other")), "bundleId", json!("other")),
        (purchase().without("price").set("price", json!(5)), "price", json!(5)),
        (purchase().price(300_000, "JPY"), "price", json!(300_000)),
        (purchase().price(300_000, "JPY"), "currency", json!("JPY")),
        (purchase().one_time(), "price", json!(9_990)),
        (purchase().one_time(), "type", json!("Non-Consumable")),
        (purchase().one_time().kind("Consumable"), "type", json!("Consumable")),
        (purchase(), "isUpgraded", Value::Null),
        (purchase().upgraded(), "isUpgraded", json!(true)),
        (Transaction::renewal_of(&purchase().upgraded(), "2"), "isUpgraded", Value::Null),
        (Transaction::renewal_of(&purchase().price(4_990, "EUR"), "2"), "price", json!(4_990)),
        (Transaction::renewal_of(&purchase().offer_code("REF30").price(990, "EUR"), "2"), "price", json!(9_990)),
        (Transaction::renewal_of(&purchase().offer_code("REF30").price(990, "EUR"), "2"), "currency", json!("EUR")),
        (second.clone(), "originalTransactionId", json!("2000000000000001")),
        (second.clone(), "transactionReason", json!("RENEWAL")),
        (second.clone(), "appAccountToken", json!("t")),
        (second.clone(), "price", json!(9_990)),
        (third.clone(), "purchaseDate", json!(AT.plus(month).plus(month).0)),
        (third.clone(), "originalPurchaseDate", json!(AT.0)),
        (third, "appTransactionId", json!(purchase().text("appTransactionId"))),
    ];
    for (row, (transaction, field, expected)) in rows.into_iter().enumerate() {
        assert_eq!(value(&transaction.payload(&app(), LATER))[field], expected, "row {row}: {field}");
    }
    let next = value(&RenewalInfo::of(&purchase().price(4_990, "EUR")).price_increase(5_990, false).payload(AT));
    let price = (&next["renewalPrice"], &next["currency"], &next["priceIncreaseStatus"]);
    assert_eq!(price, (&json!(5_990), &json!("EUR"), &json!(0)));
    let usual = value(&RenewalInfo::of(&purchase().offer_code("REF30")).payload(AT));
    assert_eq!((&usual["renewalPrice"], &usual["currency"]), (&json!(9_990), &json!("USD")));
    let device = value(&purchase().on_device().payload(&app(), AT));
    assert_eq!(STANDARD.decode(device["deviceVerification"].as_str().unwrap()).unwrap().len(), 48);
    assert_eq!(device["deviceVerificationNonce"].as_str().map(str::len), Some(36));
    let download = value(&AppTransaction::download("704", AT).sandbox().payload(&app()));
    assert_eq!((&download["receiptType"], &download["bundleId"]), (&json!("Sandbox"), &json!("com.example.alma")));
}

#[test]
fn a_status_follows_from_transaction_and_renewal() {
    let ended = purchase().expires(LATER);
    let renewal = RenewalInfo::of(&ended);
    let after = LATER.plus(Span::hours(1));
    for (transaction, renewal, at, expected) in [
        (ended.clone(), renewal.clone(), AT, 1),
        (ended.clone(), renewal.clone(), LATER, 2),
        (ended.clone(), renewal.clone().billing_retry(), LATER, 3),
        (ended.clone(), renewal.clone().grace(after), LATER, 4),
        (ended.clone(), renewal.clone().grace(after), after, 3),
        (ended.clone(), renewal.clone().expired(2), after, 2),
        (ended.refunded(AT, 0), renewal.clone(), AT, 5),
        (purchase().one_time(), renewal, after, 1),
    ] {
        assert_eq!(status(&transaction, Some(&renewal), at), expected);
    }
}

#[test]
fn each_notification_carries_what_it_should() {
    let chain = Chain::new(AT);
    let ended = purchase().expires(LATER);
    let consent = AppTransaction::download("704", AT);
    let rows = [
        (Notification::subscribed(&purchase(), AT), "SUBSCRIBED/INITIAL_BUY", "/data/status", json!(1)),
        (
            Notification::resubscribed(&purchase(), AT),
            "SUBSCRIBED/RESUBSCRIBE",
            "/data/environment",
            json!("Production"),
        ),
        (Notification::offer_redeemed(&purchase(), AT), "OFFER_REDEEMED", "/data/bundleVersion", json!("42")),
        (Notification::did_renew(&purchase().sandbox(), AT), "DID_RENEW", "/data/environment", json!("Sandbox")),
        (Notification::offer_upgraded(&purchase(), AT), "OFFER_REDEEMED/UPGRADE", "/data/status", json!(1)),
        (Notification::offer_downgraded(&purchase(), "b", AT), "OFFER_REDEEMED/DOWNGRADE", "/data/status", json!(1)),
        (Notification::billing_recovered(&purchase(), AT), "DID_RENEW/BILLING_RECOVERY", "/data/status", json!(1)),
        (Notification::upgraded(&purchase(), AT), "DID_CHANGE_RENEWAL_PREF/UPGRADE", "/data/status", json!(1)),
        (Notification::downgraded(&purchase(), "b", AT), "DID_CHANGE_RENEWAL_PREF/DOWNGRADE", "/data/status", json!(1)),
        (
            Notification::price_increase(&purchase(), 12_990, false, AT),
            "PRICE_INCREASE/PENDING",
            "/data/status",
            json!(1),
        ),
        (
            Notification::price_increase(&purchase(), 12_990, true, AT),
            "PRICE_INCREASE/ACCEPTED",
            "/data/status",
            json!(1),
        ),
        (Notification::renewal_extended(&purchase(), AT), "RENEWAL_EXTENDED", "/data/status", json!(1)),
        (Notification::expired(&ended, LATER), "EXPIRED/VOLUNTARY", "/data/status", json!(2)),
        (Notification::did_fail_to_renew(&ended, None, LATER), "DID_FAIL_TO_RENEW", "/data/status", json!(3)),
        (
            Notification::did_fail_to_renew(&ended, Some(LATER.plus(Span::days(3))), LATER),
            "DID_FAIL_TO_RENEW/GRACE_PERIOD",
            "/data/status",
            json!(4),
        ),
        (
            Notification::renewal_turned(&purchase(), false, AT),
            "DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED",
            "/data/status",
            json!(1),
        ),
        (Notification::refund(&purchase(), LATER), "REFUND", "/data/status", json!(5)),
        (Notification::refund_declined(&purchase(), LATER), "REFUND_DECLINED", "/data/status", json!(1)),
        (
            Notification::refund_reversed(&purchase().refunded(AT, 1), LATER),
            "REFUND_REVERSED",
            "/data/status",
            json!(1),
        ),
        (Notification::revoke(&purchase(), LATER), "REVOKE", "/data/status", json!(5)),
        (Notification::one_time_charge(&purchase().one_time(), AT), "ONE_TIME_CHARGE", "/data/status", Value::Null),
        (
            Notification::consumption_request(&purchase(), "LEGAL", AT),
            "CONSUMPTION_REQUEST",
            "/data/consumptionRequestReason",
            json!("LEGAL"),
        ),
        (Notification::test(AT).sandbox(), "TEST", "/data/environment", json!("Sandbox")),
        (Notification::summary("p", 5, 2, AT), "RENEWAL_EXTENSION/SUMMARY", "/summary/succeededCount", json!(5)),
        (
            Notification::summary("p", 5, 2, AT),
            "RENEWAL_EXTENSION/SUMMARY",
            "/summary/bundleId",
            json!(app().bundle_id),
        ),
        (
            Notification::external_purchase_token(AT),
            "EXTERNAL_PURCHASE_TOKEN/UNREPORTED",
            "/externalPurchaseToken/appAppleId",
            json!(app().apple_id),
        ),
        (
            Notification::external_purchase_token(AT).sandbox(),
            "EXTERNAL_PURCHASE_TOKEN/UNREPORTED",
            "/externalPurchaseToken/environment",
            Value::Null,
        ),
        (Notification::rescind_consent(&consent, AT), "RESCIND_CONSENT", "/appData/environment", json!("Production")),
        (Notification::of("NEW", "KIND", None, None, AT), "NEW/KIND", "/data/appAppleId", json!(app().apple_id)),
        (Notification::test(AT).without_about("bundleId"), "TEST", "/data/bundleId", Value::Null),
        (Notification::test(AT).set_about("bundleId", json!("x")), "TEST", "/data/bundleId", json!("x")),
        (Notification::test(AT).set("data", json!([])), "TEST", "/data", json!([])),
        (Notification::test(AT).without("signedDate"), "TEST", "/signedDate", Value::Null),
    ];
    for (notification, kind, place, expected) in rows {
        let payload = value(&notification.payload(&chain, &app()));
        let subtype = payload.get("subtype").map(|subtype| format!("/{}", subtype.as_str().unwrap()));
        let named = payload["notificationType"].as_str().unwrap().to_owned() + &subtype.unwrap_or_default();
        assert_eq!(named, kind);
        assert_eq!(payload.pointer(place).cloned().unwrap_or_default(), expected, "{kind} {place}");
        assert_eq!(payload["notificationUUID"], notification.uuid(), "{kind}");
    }
    let sandbox = value(&Notification::external_purchase_token(AT).sandbox().payload(&chain, &app()));
    assert!(sandbox["externalPurchaseToken"]["externalPurchaseId"].as_str().unwrap().starts_with("SANDBOX"));
}

#[test]
fn renewals_follow_from_what_is_told() {
    let ended = purchase().expires(LATER);
    let expired = |subtype| Notification::expired_because(subtype, &ended, LATER);
    let rows = [
        (Notification::downgraded(&purchase(), "basic", AT), "autoRenewProductId", json!("basic")),
        (Notification::downgraded(&purchase(), "basic", AT), "productId", json!("premium_monthly")),
        (Notification::offer_downgraded(&purchase(), "basic", AT), "autoRenewProductId", json!("basic")),
        (Notification::upgraded(&purchase(), AT), "autoRenewProductId", json!("premium_monthly")),
        (Notification::price_increase(&purchase(), 12_990, false, AT), "priceIncreaseStatus", json!(0)),
        (Notification::price_increase(&purchase(), 12_990, true, AT), "priceIncreaseStatus", json!(1)),
        (Notification::price_increase(&purchase(), 12_990, true, AT), "renewalPrice", json!(12_990)),
        (Notification::renewal_turned(&purchase(), true, AT), "autoRenewStatus", json!(1)),
        (Notification::renewal_turned(&purchase(), false, AT), "autoRenewStatus", json!(0)),
        (Notification::expired(&ended, LATER), "expirationIntent", json!(1)),
        (expired("BILLING_RETRY"), "expirationIntent", json!(2)),
        (expired("PRICE_INCREASE"), "expirationIntent", json!(3)),
        (expired("PRODUCT_NOT_FOR_SALE"), "expirationIntent", json!(4)),
        (expired("OF_NEXT_YEAR"), "expirationIntent", json!(5)),
    ];
    for (notification, field, expected) in rows {
        let renewal = value(&notification.renewal().unwrap().payload(AT));
        assert_eq!(renewal[field], expected, "{} {:?} {field}", notification.kind(), notification.subtype());
    }
    assert_eq!(expired("BILLING_RETRY").subtype(), Some("BILLING_RETRY"));
}

#[test]
fn the_uuid_follows_from_the_notification_unless_it_is_set() {
    let first = Notification::subscribed(&purchase(), AT);
    let uuids: std::collections::BTreeSet<String> = [
        first.clone(),
        Notification::resubscribed(&purchase(), AT),
        Notification::subscribed(&purchase(), LATER),
        Notification::subscribed(&purchase().offer_code("REF30"), AT),
        first.clone().sandbox(),
        first.clone().renewing(RenewalInfo::auto_renew_off),
        first.clone().set_about("status", json!(2)),
        Notification::test(AT),
        Notification::test(AT).sandbox(),
    ]
    .iter()
    .map(Notification::uuid)
    .collect();
    assert_eq!(uuids.len(), 9);
    assert_eq!(first.uuid(), Notification::subscribed(&purchase(), AT).uuid());
    let later = first.clone().with(Some(purchase().token("t")), None);
    assert_eq!(later.uuid(), first.uuid());
    assert_eq!(first.set("notificationUUID", json!("own")).uuid(), "own");
}

#[test]
fn what_is_signed_opens_inside_and_out() {
    let chain = Chain::new(AT);
    let bought = purchase().offer_code("REF30");
    let notification = Notification::subscribed(&bought, AT);
    let signed = notification.signed(&chain, &app());
    let outer = opened(&chain, &signed);
    assert_eq!(outer["notificationUUID"], notification.uuid());
    let nested = |name: &str| opened(&chain, outer["data"][name].as_str().unwrap());
    assert_eq!(nested("signedTransactionInfo"), value(&bought.payload(&app(), AT)));
    assert_eq!(nested("signedRenewalInfo"), value(&RenewalInfo::of(&bought).payload(AT)));
    let consent = AppTransaction::download("704", AT);
    let outer = opened(&chain, &Notification::rescind_consent(&consent, AT).signed(&chain, &app()));
    let nested = opened(&chain, outer["appData"]["signedAppTransactionInfo"].as_str().unwrap());
    assert_eq!(nested, value(&consent.payload(&app())));
    let device = bought.on_device();
    assert_eq!(opened(&chain, &device.signed(&chain, &app(), LATER)), value(&device.payload(&app(), LATER)));

    let sent: Value = serde_json::from_slice(&body(&signed)).unwrap();
    assert_eq!(sent, json!({ "signedPayload": signed }));
    let old: Value = serde_json::from_slice(&v1_body("DID_RENEW", &purchase().sandbox(), &app(), AT)).unwrap();
    assert_eq!((&old["notification_type"], &old["environment"]), (&json!("DID_RENEW"), &json!("Sandbox")));
    assert_eq!(old["unified_receipt"]["latest_receipt_info"][0]["transaction_id"], purchase().id());
}

#[test]
fn five_retries_and_no_more() {
    let hours = [(0, None), (1, Some(1)), (2, Some(12)), (3, Some(24)), (4, Some(48)), (5, Some(72)), (6, None)];
    for (attempt, hours) in hours {
        assert_eq!(retry_after(attempt), hours.map(Span::hours), "{attempt}");
    }
    assert_eq!(retry_after(u32::MAX), None);
}
