use super::*;
use crate::domain::purchase::{RefundRequest, Requested};

/// Of the usual purchase, where no reason is given.
pub fn usual(kind: &str) -> Option<RefundRequest> {
    let what = match kind {
        "CONSUMPTION_REQUEST" => Requested::Asked { reason: None },
        "REFUND_DECLINED" => Requested::Declined,
        _ => return None,
    };
    Some(RefundRequest { is_renewing: true, what })
}

fn requested(kind: &str, data: Value, transaction: Value) -> Option<RefundRequest> {
    let sample = Sample { payload: json!({"notificationType": kind}), data, transaction, ..sample() };
    match sample.read(Environment::Production).unwrap().about {
        About::Purchase { purchase, .. } => purchase.refund_request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn apple_asks_about_a_refund_or_declines_it() {
    let asked = |reason: Option<&str>| Some(Requested::Asked { reason: reason.map(str::to_owned) });
    for (kind, data, what) in [
        ("CONSUMPTION_REQUEST", json!({"consumptionRequestReason": "LEGAL"}), asked(Some("LEGAL"))),
        ("CONSUMPTION_REQUEST", json!({"consumptionRequestReason": "OF_NEXT_YEAR"}), asked(Some("OF_NEXT_YEAR"))),
        ("CONSUMPTION_REQUEST", json!({"consumptionRequestReason": 7}), asked(None)),
        ("CONSUMPTION_REQUEST", json!({}), asked(None)),
        ("REFUND_DECLINED", json!({"consumptionRequestReason": "LEGAL"}), Some(Requested::Declined)),
        ("REFUND", json!({}), None),
        ("DID_RENEW", json!({"consumptionRequestReason": "LEGAL"}), None),
    ] {
        assert_eq!(requested(kind, data, json!({})).map(|request| request.what), what, "{kind}");
    }
    // What is not known as bought once is taken for a subscription.
    for (transaction, is_renewing) in [
        (json!({}), true),
        (json!({"type": "Consumable"}), false),
        (json!({"type": "Non-Consumable"}), false),
        (json!({"type": "Non-Renewing Subscription"}), false),
        (json!({"type": null}), true),
        (json!({"transactionId": null}), true),
    ] {
        let request = requested("CONSUMPTION_REQUEST", json!({}), transaction.clone());
        assert_eq!(request.map(|request| request.is_renewing), Some(is_renewing), "{transaction}");
    }
}

#[test]
fn a_period_may_cost_nothing() {
    for (kind, is_free) in [(json!("FREE_TRIAL"), true), (json!("PAY_AS_YOU_GO"), false), (json!(null), false)] {
        let sample = Sample { transaction: json!({"offerDiscountType": kind}), ..sample() };
        let About::Purchase { purchase, .. } = sample.read(Environment::Production).unwrap().about else {
            panic!("it is about a purchase");
        };
        assert_eq!(purchase.is_free, is_free, "{kind}");
    }
}
