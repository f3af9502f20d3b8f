use super::super::tests::{
    NOW, SIGNED, TOKEN, bought, changed, open, renewal_payload, renews, signed, sold, transaction_payload,
};
use super::*;
use crate::domain::at::Span;
use crate::wire::jws;
use serde_json::{Value, json};

const LIMITS: Limits = Limits { now: NOW, max_age: None };

fn read(changes: Value) -> Result<Transaction, Fault> {
    transaction(&signed(&transaction_payload(changes)), "com.example.alma", LIMITS, &open)
}

fn told(changes: Value) -> Result<RenewalInfo, Fault> {
    renewal(&signed(&renewal_payload(changes)), LIMITS, &open)
}

/// The usual purchase with another period.
fn period(change: impl FnOnce(&mut Period)) -> Purchase {
    let mut purchase = bought();
    change(purchase.period.as_mut().unwrap());
    purchase
}

#[test]
fn purchases() {
    let named = |original: &str, transaction: &str| {
        let (original, transaction) = (original.to_owned(), transaction.to_owned());
        let purchase = period(|period| period.transaction_id = transaction.clone());
        Purchase { original_transaction_id: original, transaction_id: transaction, ..purchase }
    };
    let product = |product: &str| {
        let purchase = period(|period| period.product_id = product.to_owned());
        Purchase { product_id: product.to_owned(), ..purchase }
    };
    let rows = [
        (json!({}), bought()),
        (json!({"transactionId": 200, "originalTransactionId": 100}), bought()),
        (json!({"originalTransactionId": null}), named("200", "200")),
        (json!({"transactionId": null}), Purchase { sold: None, ..named("100", "100") }),
        (json!({"transactionId": "9".repeat(300)}), Purchase { sold: None, ..named("100", "100") }),
        (json!({"transactionId": u64::MAX}), named("100", "18446744073709551615")),
        (json!({"productId": null}), product("")),
        (json!({"productId": 7}), product("7")),
        (json!({"purchaseDate": null}), Purchase { purchased_at: None, period: None, ..bought() }),
        (json!({"purchaseDate": "soon"}), Purchase { purchased_at: None, period: None, ..bought() }),
        (json!({"expiresDate": null}), period(|period| period.expires_at = None)),
        (json!({"expiresDate": 1.5e12}), period(|period| period.expires_at = Some(At(1_500_000_000_000)))),
        (json!({"appTransactionId": null}), Purchase { app_transaction_id: None, ..bought() }),
        (
            json!({"type": "Consumable", "quantity": "x", "price": {}, "ofNextYear": [1e99]}),
            Purchase { sold: sold(true, None), ..bought() },
        ),
        (json!({"isUpgraded": true}), Purchase { is_upgraded: true, ..bought() }),
        (json!({"isUpgraded": "true"}), bought()),
        (json!({"isUpgraded": false}), bought()),
        (json!({"deviceVerification": "x", "deviceVerificationNonce": "y"}), bought()),
        (json!({"environment": "Sandbox"}), Purchase { is_test: true, ..bought() }),
    ];
    for (changes, expected) in rows {
        let got = read(changes.clone()).unwrap();
        assert_eq!(got.purchase, expected, "{changes}");
        assert_eq!((got.signed_at, got.token), (SIGNED, None), "{changes}");
        assert_eq!(got.environment == Environment::Sandbox, expected.is_test, "{changes}");
    }
}

#[test]
fn prices() {
    let rows = [
        (json!(9_990), json!("USD"), Some((999, "USD"))),
        (json!("9990"), json!("USD"), Some((999, "USD"))),
        (json!(300_000), json!("JPY"), Some((300, "JPY"))),
        (json!(1_250), json!("KWD"), Some((1_250, "KWD"))),
        (json!(0), json!("EUR"), Some((0, "EUR"))),
        (json!(1_995), json!("EUR"), Some((200, "EUR"))),
        (json!(1_985), json!("EUR"), Some((198, "EUR"))),
        (json!(i64::MAX), json!("USD"), Some((922_337_203_685_477_581, "USD"))),
        (json!(u64::MAX), json!("USD"), None),
        (json!(-1), json!("USD"), None),
        (json!(-9_990), json!("USD"), None),
        (json!(9.99), json!("USD"), None),
        (json!("9.99"), json!("USD"), None),
        (json!(null), json!("USD"), None),
        (json!([9_990]), json!("USD"), None),
        (json!(9_990), json!(null), None),
        (json!(9_990), json!(840), None),
        (json!(9_990), json!("usd"), None),
        (json!(9_990), json!("QQQ"), None),
        (json!(9_990), json!(""), None),
    ];
    for (price, currency, expected) in rows {
        let changes = json!({ "price": price, "currency": currency });
        let expected = Purchase { sold: sold(false, expected), ..bought() };
        assert_eq!(read(changes.clone()).unwrap().purchase, expected, "{changes}");
    }
}

#[test]
fn what_is_sold_once() {
    let neither = json!({"expiresDate": null, "subscriptionGroupIdentifier": null});
    let rows = [
        (json!({"type": "Auto-Renewable Subscription"}), false),
        (changed(neither.clone(), &json!({"type": "Auto-Renewable Subscription"})), false),
        (json!({"type": "Non-Consumable"}), true),
        (json!({"type": "Consumable"}), true),
        (json!({"type": "Non-Renewing Subscription"}), true),
        (json!({"type": "Of Next Year"}), true),
        (json!({"type": null}), false),
        (json!({"type": ""}), false),
        (json!({"type": 7}), false),
        (json!({"type": null, "expiresDate": null}), false),
        (json!({"type": null, "subscriptionGroupIdentifier": null}), false),
        (changed(neither, &json!({"type": null})), true),
    ];
    for (changes, is_one_time) in rows {
        let purchase = read(changes.clone()).unwrap().purchase;
        assert_eq!(purchase.sold, sold(is_one_time, Some((999, "USD"))), "{changes}");
    }
}

#[test]
fn refused() {
    let rows = [
        (json!({"bundleId": "com.example"}), Flaw::Bundle),
        (json!({"bundleId": null}), Flaw::Bundle),
        (json!({"environment": "Xcode"}), Flaw::Environment),
        (json!({"environment": "LocalTesting"}), Flaw::Environment),
        (json!({"environment": null}), Flaw::Environment),
        (json!({"transactionId": null, "originalTransactionId": {}}), Flaw::Incomplete),
    ];
    for (changes, flaw) in rows {
        assert_eq!(read(changes.clone()), Err(Fault::Payload(flaw)), "{changes}");
    }
    let unsigned = Err(Fault::Payload(Flaw::Signature(jws::Fault::Shape)));
    assert_eq!(transaction("{}", "com.example.alma", LIMITS, &open), unsigned);
    assert_eq!(transaction("signed:7", "com.example.alma", LIMITS, &open), Err(Fault::Payload(Flaw::Shape)));
}

#[test]
fn offers() {
    let offer = |kind, id: Option<&str>| Some(Offer { kind, id: id.map(str::to_owned) });
    let long = "x".repeat(300);
    // offerType, offerIdentifier; what the period has, and what was redeemed.
    let rows = [
        (json!(3), json!("REF30"), offer(OfferKind::Code, Some("REF30")), Some("REF30")),
        (json!("3"), json!(" ref30 "), offer(OfferKind::Code, Some(" ref30 ")), Some(" ref30 ")),
        (json!(3), json!(null), offer(OfferKind::Code, None), None),
        (json!(3), json!(""), offer(OfferKind::Code, None), None),
        (json!(3), json!(30), offer(OfferKind::Code, None), None),
        (json!(3), json!(long), offer(OfferKind::Code, None), None),
        (json!(1), json!(null), offer(OfferKind::Introductory, None), None),
        (json!(1), json!("REF30"), offer(OfferKind::Introductory, Some("REF30")), None),
        (json!(2), json!("REF30"), offer(OfferKind::Promotional, Some("REF30")), None),
        (json!(4), json!("REF30"), offer(OfferKind::WinBack, Some("REF30")), None),
        (json!(5), json!("REF30"), offer(OfferKind::Other(5), Some("REF30")), None),
        (json!(-3), json!("REF30"), offer(OfferKind::Other(-3), Some("REF30")), None),
        (json!(null), json!("REF30"), None, None),
        (json!("code"), json!("REF30"), None, None),
        (json!([3]), json!("REF30"), None, None),
        (json!(3.5), json!("REF30"), None, None),
    ];
    for (kind, id, in_period, redeemed) in rows {
        let changes = json!({"offerType": kind, "offerIdentifier": id});
        let purchase = read(changes.clone()).unwrap().purchase;
        assert_eq!(purchase.offer.as_deref(), redeemed, "{changes}");
        assert_eq!(purchase.period.unwrap().offer, in_period, "{changes}");
        assert_eq!(told(changes.clone()).unwrap().renewal.offer, in_period, "{changes}");
    }
    let shared = read(json!({"inAppOwnershipType": "FAMILY_SHARED"})).unwrap().purchase;
    let expected = period(|period| period.is_family_shared = true);
    assert_eq!(shared, Purchase { is_family_shared: true, ..expected });
}

#[test]
fn revocations() {
    let all = Share::ALL;
    let kinds = [
        (json!({}), all),
        (json!({"revocationReason": 0}), all),
        (json!({"revocationReason": 1, "revocationType": "REFUND_FULL"}), all),
        (json!({"revocationType": "REFUND_FULL", "revocationPercentage": 50_000}), all),
        (json!({"revocationType": "REFUND_PRORATED", "revocationPercentage": 50_000}), Share::new(50_000)),
        (json!({"revocationType": "REFUND_PRORATED", "revocationPercentage": 200_000}), all),
        (json!({"revocationType": "REFUND_PRORATED"}), all),
        (json!({"revocationPercentage": 33_333}), Share::new(33_333)),
        (json!({"revocationType": "FAMILY_REVOKE"}), all),
        (json!({"revocationType": "OF_NEXT_YEAR", "revocationReason": []}), all),
    ];
    for (kind, share) in kinds {
        let purchase = read(changed(json!({"revocationDate": NOW.0}), &kind)).unwrap().purchase;
        let expected = period(|period| period.revoked_at = Some(NOW));
        let refund = Some(RefundWord::Refunded { at: NOW });
        assert_eq!(purchase, Purchase { refund, refunded_share: Some(share), ..expected }, "{kind}");
        assert_eq!(read(kind.clone()).unwrap().purchase, bought(), "{kind}");
    }
}

#[test]
fn tokens() {
    let upper = TOKEN.to_uppercase();
    let rows = [
        (json!(TOKEN), Some(TOKEN)),
        (json!(upper), Some(upper.as_str())),
        (json!("00000000-0000-0000-0000-000000000000"), None),
        (json!("jen"), None),
        (json!(""), None),
        (json!(7), None),
        (json!([TOKEN]), None),
        (json!(null), None),
    ];
    for (token, expected) in rows {
        let got = read(json!({ "appAccountToken": token })).unwrap().token;
        assert_eq!(got, expected.map(|token| UserId::parse(token).unwrap()), "{token}");
    }
}

#[test]
fn renewals() {
    let usual = || renews();
    let rows = [
        (json!({}), usual()),
        (json!({"autoRenewStatus": 0, "expirationIntent": 1}), Renewal { auto_renew: false, ..usual() }),
        (json!({"autoRenewStatus": "1"}), usual()),
        (json!({"autoRenewProductId": null}), Renewal { product_id: "monthly".to_owned(), ..usual() }),
        (json!({"autoRenewProductId": {}, "productId": 7.5}), Renewal { product_id: String::new(), ..usual() }),
        (json!({"renewalDate": null}), Renewal { renews_at: None, ..usual() }),
        (json!({"isInBillingRetryPeriod": true}), Renewal { is_in_billing_retry: true, ..usual() }),
        (json!({"isInBillingRetryPeriod": "yes"}), usual()),
        (json!({"gracePeriodExpiresDate": NOW.0}), Renewal { grace_until: Some(NOW), ..usual() }),
        (json!({"eligibleWinBackOfferIds": ["a"], "commitmentInfo": 7}), usual()),
    ];
    for (intent, ended) in [
        (json!(1), Some(Ending::Voluntary)),
        (json!(2), Some(Ending::Billing)),
        (json!(3), Some(Ending::PriceIncrease)),
        (json!(4), Some(Ending::Unavailable)),
        (json!(5), Some(Ending::Other)),
        (json!(77), Some(Ending::Other)),
        (json!(null), None),
        (json!([1]), None),
    ] {
        let renewal = told(json!({ "expirationIntent": intent })).unwrap();
        assert_eq!(renewal.ended, ended, "{intent}");
        assert_eq!(read(json!({})).unwrap().with(renewal).unwrap().purchase.ended, ended, "{intent}");
    }
    for (changes, expected) in rows {
        let got = told(changes.clone()).unwrap();
        assert_eq!(got.renewal, expected, "{changes}");
        let head = (got.original_transaction_id.as_str(), got.environment);
        assert_eq!(head, ("100", Environment::Production), "{changes}");
    }
    let rows = [
        (json!({"environment": "Xcode"}), Flaw::Environment),
        (json!({"environment": null}), Flaw::Environment),
        (json!({"originalTransactionId": null}), Flaw::Incomplete),
        (json!({"autoRenewStatus": null}), Flaw::Incomplete),
        (json!({"autoRenewStatus": true}), Flaw::Incomplete),
    ];
    for (changes, flaw) in rows {
        assert_eq!(told(changes.clone()), Err(Fault::Payload(flaw)), "{changes}");
    }
}

#[test]
fn a_renewal_belongs_to_one_subscription() {
    let rows = [
        (json!({}), Ok(())),
        (json!({"environment": "Sandbox"}), Err(Flaw::Environment)),
        (json!({"originalTransactionId": "101"}), Err(Flaw::Subscription)),
        // The transaction's own id is not the subscription's.
        (json!({"originalTransactionId": "200"}), Err(Flaw::Subscription)),
    ];
    for (changes, expected) in rows {
        let got = read(json!({})).unwrap().with(told(changes.clone()).unwrap());
        let got = got.map(|both| assert_eq!(both.purchase, Purchase { renewal: Some(renews()), ..bought() }));
        assert_eq!(got, expected, "{changes}");
    }
}

#[test]
fn reports() {
    let jen = || vec![UserId::parse("jen").unwrap()];
    let report = |changes: Value, by: Option<u8>| {
        let (source, people) = by.map_or((Source::Apple, vec![]), |_| (Source::App, jen()));
        let by = by.map(|by| Person([by; 16]));
        read(changes).unwrap().report(source, people, by, "CONFIRM")
    };
    let token = json!({ "appAccountToken": TOKEN });
    let shown = report(token.clone(), Some(1));
    let about =
        About::Purchase { people: jen(), token: Some(UserId::parse(TOKEN).unwrap()), purchase: Box::new(bought()) };
    assert_eq!((shown.source, shown.kind.as_str(), shown.at), (Source::App, "CONFIRM", Some(SIGNED)));
    assert_eq!(shown.about, about);
    assert_eq!(shown.event, report(token.clone(), Some(1)).event);

    let events = [
        shown.event,
        report(token.clone(), Some(2)).event,
        report(token, None).event,
        report(json!({"signedDate": SIGNED.plus(Span::millis(1)).0}), Some(1)).event,
        report(json!({"transactionId": "201"}), Some(1)).event,
    ];
    let different: std::collections::BTreeSet<&String> = events.iter().collect();
    assert_eq!(different.len(), events.len());
    let fresh = report(json!({"price": 0}), None);
    let usual = report(json!({}), None);
    assert_eq!(fresh.event, usual.event);
    assert_ne!(fresh.digest, usual.digest);
}
