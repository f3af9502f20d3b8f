//! RevenueCat's webhooks: whole events of every kind, and the sender that delivers and retries them.

use super::client::{Answer, CallError, call};
use super::{digest, hex, uuid};
use crate::domain::at::{At, Span};
use axum::http::{Request, header};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::time::Duration;

pub const SIGNATURE_HEADER: &str = "X-RevenueCat-Webhook-Signature";
const TIMEOUT: Duration = Duration::from_secs(60);
const RETRIES_MINUTES: [i64; 5] = [5, 10, 20, 40, 80];

/// One event. Constructors give every field its kind carries; the builder methods change or remove any of them. Values
/// are kept as they are written: a price is sent with all the digits of the float that it was.
#[derive(Clone)]
pub struct Event(BTreeMap<String, Box<RawValue>>);

impl Event {
    fn of(fields: Value) -> Event {
        let empty = Event(BTreeMap::new());
        let Value::Object(fields) = fields else { return empty };
        fields.into_iter().fold(empty, |event, (name, value)| event.set(&name, value))
    }

    /// Any event about an App Store subscription, also of a type that nobody has heard of.
    pub fn purchase(kind: &str, user: &str, at: At) -> Event {
        let [a, b, c, d, ..] = digest(&[b"transaction", user.as_bytes()]);
        let transaction = format!("200000{:010}", u32::from_be_bytes([a, b, c, d]));
        let purchased = at.minus(Span::seconds(4));
        Event::of(json!({
            "type": kind,
            "event_timestamp_ms": at.0,
            "app_id": "app5f1c0de2a7",
            "app_user_id": user,
            "original_app_user_id": user,
            "aliases": [user],
            "product_id": "premium_monthly",
            "entitlement_id": null,
            "entitlement_ids": ["premium"],
            "period_type": "NORMAL",
            "purchased_at_ms": purchased.0,
            "expiration_at_ms": purchased.plus(Span::days(30)).0,
            "environment": "PRODUCTION",
            "store": "APP_STORE",
            "transaction_id": transaction,
            "original_transaction_id": transaction,
            "presented_offering_id": null,
            "is_family_share": false,
            "country_code": "US",
            "currency": "USD",
            "price": 9.99,
            "price_in_purchased_currency": 9.99,
            "tax_percentage": 0.0,
            "commission_percentage": 0.3,
            "takehome_percentage": 0.7,
            "offer_code": null,
            "renewal_number": null,
            "metadata": null,
            "experiments": [],
            "subscriber_attributes": {},
        }))
    }
    pub fn initial_purchase(user: &str, at: At) -> Event {
        Event::purchase("INITIAL_PURCHASE", user, at).set("renewal_number", json!(1))
    }
    pub fn renewal(user: &str, at: At) -> Event {
        let event = Event::purchase("RENEWAL", user, at).set("renewal_number", json!(2));
        event.set("is_trial_conversion", json!(false))
    }
    pub fn non_renewing_purchase(user: &str, at: At) -> Event {
        let event = Event::purchase("NON_RENEWING_PURCHASE", user, at);
        event.set("product_id", json!("premium_forever")).set("expiration_at_ms", Value::Null)
    }
    pub fn product_change(user: &str, new_product: &str, at: At) -> Event {
        Event::purchase("PRODUCT_CHANGE", user, at).price(0.0).set("new_product_id", json!(new_product))
    }
    /// With the reason `CUSTOMER_SUPPORT` it is a refund, and the price negative.
    pub fn cancellation(user: &str, reason: &str, at: At) -> Event {
        let price = if reason == "CUSTOMER_SUPPORT" { -9.99 } else { 0.0 };
        Event::purchase("CANCELLATION", user, at).price(price).set("cancel_reason", json!(reason))
    }
    pub fn uncancellation(user: &str, at: At) -> Event {
        Event::purchase("UNCANCELLATION", user, at).price(0.0)
    }
    pub fn expiration(user: &str, reason: &str, at: At) -> Event {
        let event = Event::purchase("EXPIRATION", user, at).price(0.0).set("expiration_reason", json!(reason));
        event
            .set("purchased_at_ms", json!(at.minus(Span::days(30)).0))
            .set("expiration_at_ms", json!(at.minus(Span::seconds(1)).0))
    }
    pub fn billing_issue(user: &str, at: At) -> Event {
        Event::purchase("BILLING_ISSUE", user, at).price(0.0).set("grace_period_expiration_at_ms", Value::Null)
    }
    pub fn subscription_extended(user: &str, at: At) -> Event {
        Event::purchase("SUBSCRIPTION_EXTENDED", user, at).price(0.0)
    }
    pub fn refund_reversed(user: &str, at: At) -> Event {
        Event::purchase("REFUND_REVERSED", user, at)
    }

    /// Neither user nor product: only the ids that lost and won the purchases.
    pub fn transfer(from: &[&str], to: &[&str], at: At) -> Event {
        Event::of(json!({
            "type": "TRANSFER",
            "event_timestamp_ms": at.0,
            "app_id": "app5f1c0de2a7",
            "environment": "PRODUCTION",
            "store": "APP_STORE",
            "transferred_from": from,
            "transferred_to": to,
            "subscriber_attributes": {},
        }))
    }

    /// The store could not be reached: almost nothing is known.
    pub fn temporary_entitlement_grant(user: &str, at: At) -> Event {
        Event::of(json!({
            "type": "TEMPORARY_ENTITLEMENT_GRANT",
            "event_timestamp_ms": at.0,
            "app_id": "app5f1c0de2a7",
            "app_user_id": user,
            "store": "APP_STORE",
        }))
    }

    /// What the dashboard's button sends: made-up user, most fields null.
    pub fn test(at: At) -> Event {
        let ids = [uuid(&[b"test user", &at.0.to_be_bytes()]), uuid(&[b"test alias", &at.0.to_be_bytes()])];
        let mut event = Event::purchase("TEST", &ids[0], at)
            .set("aliases", json!(ids))
            .set("product_id", json!("test_product"))
            .set("environment", json!("SANDBOX"))
            .set("purchased_at_ms", json!(at.0))
            .set("expiration_at_ms", json!(at.plus(Span::hours(2)).0))
            .set("subscriber_attributes", json!({"$displayName": {"value": "Test", "updated_at_ms": at.0}}))
            .without("experiments");
        for name in [
            "entitlement_ids",
            "transaction_id",
            "original_transaction_id",
            "is_family_share",
            "currency",
            "price",
            "price_in_purchased_currency",
            "tax_percentage",
            "commission_percentage",
            "takehome_percentage",
        ] {
            event = event.set(name, Value::Null);
        }
        event
    }

    /// The echo of a grant through the API; no end: for life.
    pub fn promotional(user: &str, entitlement: &str, end: Option<At>, at: At) -> Event {
        let kind = if end.is_some() { "custom" } else { "lifetime" };
        let transaction = hex(&digest(&[b"promotional", user.as_bytes(), &at.0.to_be_bytes()])[..16]);
        Event::purchase("NON_RENEWING_PURCHASE", user, at)
            .price(0.0)
            .product(&format!("rc_promo_{entitlement}_{kind}"), &[entitlement])
            .transaction(&transaction, &transaction)
            .set("period_type", json!("PROMOTIONAL"))
            .set("store", json!("PROMOTIONAL"))
            .set("expiration_at_ms", json!(end.map(|end| end.0)))
            .set("takehome_percentage", json!(1))
            .set("is_family_share", Value::Null)
            .without("app_id")
    }

    /// An offer code was used: the value is the offer's reference name, never the code.
    pub fn offer(self, reference_name: &str) -> Event {
        self.set("offer_code", json!(reference_name))
    }
    pub fn product(self, id: &str, entitlements: &[&str]) -> Event {
        self.set("product_id", json!(id)).set("entitlement_ids", json!(entitlements))
    }
    pub fn transaction(self, id: &str, original: &str) -> Event {
        self.set("transaction_id", json!(id)).set("original_transaction_id", json!(original))
    }
    /// In dollars, and as much in the purchased currency.
    pub fn price(self, price: f64) -> Event {
        self.set("price", json!(price)).set("price_in_purchased_currency", json!(price))
    }
    /// What was paid as it was written, `8.389999999999999` for one, and in what.
    pub fn charged(self, amount: &str, currency: &str) -> Event {
        self.number("price_in_purchased_currency", amount).set("currency", json!(currency))
    }
    /// The same in dollars.
    pub fn dollars(self, amount: &str) -> Event {
        self.number("price", amount)
    }
    /// Estimated parts of the price, like `0.3`.
    pub fn deducted(self, tax: &str, commission: &str) -> Event {
        self.number("tax_percentage", tax).number("commission_percentage", commission)
    }
    /// A number exactly as it is written.
    pub fn number(self, field: &str, written: &str) -> Event {
        self.raw(field, written.to_owned())
    }
    pub fn sandbox(self) -> Event {
        self.set("environment", json!("SANDBOX"))
    }
    pub fn set(self, field: &str, value: Value) -> Event {
        self.raw(field, value.to_string())
    }
    fn raw(mut self, field: &str, written: String) -> Event {
        self.0.insert(field.to_owned(), RawValue::from_string(written).expect("a field is JSON"));
        self
    }
    pub fn without(mut self, field: &str) -> Event {
        self.0.remove(field);
        self
    }

    /// The id that was set, or one that follows from everything else in the event.
    pub fn id(&self) -> String {
        let own = self.0.get("id").and_then(|id| serde_json::from_str(id.get()).ok());
        own.unwrap_or_else(|| uuid(&[b"event", self.written().as_bytes()]).to_uppercase())
    }
    /// The bytes to deliver, the same for every attempt.
    pub fn body(&self) -> Bytes {
        let named = if self.0.contains_key("id") { self.clone() } else { self.clone().set("id", json!(self.id())) };
        format!(r#"{{"api_version":"1.0","event":{}}}"#, named.written()).into()
    }
    fn written(&self) -> String {
        serde_json::to_string(&self.0).expect("an object of JSON is JSON")
    }
}

/// How long RevenueCat waits after a failed attempt, the first being 1; `None`: it gives up.
pub fn retry_after(attempt: u32) -> Option<Span> {
    let place = usize::try_from(attempt.checked_sub(1)?).ok()?;
    RETRIES_MINUTES.get(place).map(|minutes| Span::minutes(*minutes))
}

/// The signature header of one attempt: the seconds of that attempt, and an HMAC over them and the raw body.
pub fn signature(secret: &str, at: At, body: &[u8]) -> String {
    let seconds = at.0.div_euclid(1000);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex(&mac.finalize().into_bytes()))
}

/// One attempt at delivery. RevenueCat takes only 200 for success and hangs up after a minute.
pub async fn deliver(
    url: &str,
    authorization: Option<&str>,
    signing_secret: Option<&str>,
    body: Bytes,
    at: At,
) -> Result<Answer, CallError> {
    let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    if let Some(secret) = signing_secret {
        request = request.header(SIGNATURE_HEADER, signature(secret, at, &body));
    }
    let request = request.body(body).map_err(|_| CallError::Address)?;
    tokio::time::timeout(TIMEOUT, call(request)).await.map_err(|_| CallError::Timeout)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::stand::Stand;
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;

    const AT: At = At(1_700_000_000_000);

    fn fields(event: &Event) -> Value {
        serde_json::from_slice::<Value>(&event.body()).unwrap()["event"].clone()
    }

    #[test]
    fn each_kind_carries_what_it_should() {
        let rows = [
            (Event::initial_purchase("u", AT).offer("REF30"), "INITIAL_PURCHASE", "offer_code", json!("REF30")),
            (Event::renewal("u", AT), "RENEWAL", "is_trial_conversion", json!(false)),
            (Event::non_renewing_purchase("u", AT), "NON_RENEWING_PURCHASE", "expiration_at_ms", Value::Null),
            (Event::product_change("u", "yearly", AT), "PRODUCT_CHANGE", "new_product_id", json!("yearly")),
            (Event::cancellation("u", "CUSTOMER_SUPPORT", AT), "CANCELLATION", "price", json!(-9.99)),
            (Event::cancellation("u", "UNSUBSCRIBE", AT), "CANCELLATION", "price", json!(0.0)),
            (Event::uncancellation("u", AT), "UNCANCELLATION", "store", json!("APP_STORE")),
            (Event::expiration("u", "UNSUBSCRIBE", AT), "EXPIRATION", "expiration_reason", json!("UNSUBSCRIBE")),
            (Event::billing_issue("u", AT), "BILLING_ISSUE", "grace_period_expiration_at_ms", Value::Null),
            (Event::subscription_extended("u", AT), "SUBSCRIPTION_EXTENDED", "app_user_id", json!("u")),
            (Event::refund_reversed("u", AT), "REFUND_REVERSED", "price", json!(9.99)),
            (Event::transfer(&["a"], &["b", "c"], AT), "TRANSFER", "transferred_to", json!(["b", "c"])),
            (Event::temporary_entitlement_grant("u", AT), "TEMPORARY_ENTITLEMENT_GRANT", "store", json!("APP_STORE")),
            (Event::test(AT), "TEST", "expiration_at_ms", json!(AT.0 + 7_200_000)),
            (
                Event::promotional("u", "pro", None, AT),
                "NON_RENEWING_PURCHASE",
                "product_id",
                json!("rc_promo_pro_lifetime"),
            ),
            (Event::promotional("u", "pro", Some(AT), AT), "NON_RENEWING_PURCHASE", "store", json!("PROMOTIONAL")),
            (Event::purchase("NEW_KIND", "u", AT).sandbox(), "NEW_KIND", "environment", json!("SANDBOX")),
        ];
        for (event, kind, field, value) in rows {
            let fields = fields(&event);
            assert_eq!(fields["type"], kind);
            assert_eq!(fields.get(field), Some(&value), "{kind} {field}");
            assert_eq!(fields["event_timestamp_ms"], AT.0, "{kind}");
            assert_eq!(fields["id"].as_str().map(str::len), Some(36), "{kind}");
        }
        assert!(fields(&Event::transfer(&[], &[], AT)).get("app_user_id").is_none());
        assert!(fields(&Event::promotional("u", "pro", None, AT)).get("app_id").is_none());
    }

    #[test]
    fn numbers_are_sent_as_they_are_written() {
        let event = Event::renewal("u", AT).charged("8.389999999999999", "EUR").dollars("10");
        let event = event.deducted("0.16666666666666666", "3e-1").number("renewal_number", "7.0");
        let body = String::from_utf8(event.body().to_vec()).unwrap();
        for written in [
            r#""price_in_purchased_currency":8.389999999999999,"#,
            r#""currency":"EUR","#,
            r#""price":10,"#,
            r#""tax_percentage":0.16666666666666666,"#,
            r#""commission_percentage":3e-1,"#,
            r#""renewal_number":7.0,"#,
        ] {
            assert!(body.contains(written), "{written} in {body}");
        }
        assert_ne!(event.id(), event.clone().charged("8.39", "EUR").id());
    }

    #[test]
    fn the_id_follows_from_the_event_unless_it_is_set() {
        let event = Event::renewal("u", AT);
        assert_eq!(event.body(), event.clone().body());
        assert_eq!(fields(&event)["id"], event.id());
        assert_ne!(event.id(), event.clone().price(1.0).id());
        assert_eq!(fields(&event.set("id", json!("own")))["id"], "own");
    }

    #[test]
    fn five_retries_and_no_more() {
        let minutes = [(0, None), (1, Some(5)), (2, Some(10)), (3, Some(20)), (4, Some(40)), (5, Some(80)), (6, None)];
        for (attempt, minutes) in minutes {
            assert_eq!(retry_after(attempt), minutes.map(Span::minutes), "{attempt}");
        }
        assert_eq!(retry_after(u32::MAX), None);
    }

    #[test]
    fn the_signature_covers_time_and_body() {
        let body = br#"{"api_version":"1.0","event":{"id":"12345678-1234-1234-1234-123456789012","type":"TEST"}}"#;
        let v1 = "c8973b8e3489b488b4bb66a8b79287ada686405c820781853f210fa89578e5b0";
        assert_eq!(signature("test_signing_secret", AT, body), format!("t=1700000000,v1={v1}"));
        assert_ne!(signature("test_signing_secret", AT, b"{}"), signature("other", AT, b"{}"));
    }

    #[tokio::test]
    async fn a_delivery_carries_its_proofs() {
        let echo = post(|headers: HeaderMap, body: Bytes| async move {
            let header = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
            let seen = [header("authorization"), header("x-revenuecat-webhook-signature"), header("content-type")];
            (StatusCode::ACCEPTED, format!("{}|{}", seen.join("|"), body.len()))
        });
        let stand = Stand::bind().await.unwrap().serve(Router::new().route("/hook", echo));
        let url = format!("{}/hook", stand.base_url());
        let body = Event::test(AT).body();
        let length = body.len();
        let answer = deliver(&url, Some("key"), Some("s"), body.clone(), AT).await.unwrap();
        assert_eq!(answer.status, 202);
        assert_eq!(answer.body, format!("key|{}|application/json|{length}", signature("s", AT, &body)));
        let answer = deliver(&url, None, None, body.clone(), AT).await.unwrap();
        assert_eq!(answer.body, format!("||application/json|{length}"));
        assert!(deliver("https://127.0.0.1:1/", None, None, body, AT).await.is_err());
    }
}
