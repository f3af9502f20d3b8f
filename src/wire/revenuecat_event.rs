//! RevenueCat's webhook events as reports. Any field may be missing, null or of another type; none of that
//! makes an event unreadable, because an event that is refused is lost after five more attempts.

use super::fields::{Fields, text};
use crate::domain::at::{At, Stretch};
use crate::domain::ending::Ending;
use crate::domain::id::{Id, UserId};
use crate::domain::money::{Currency, Decimal};
use crate::domain::purchase::{About, Purchase, RefundWord, Report, Sold, Source};
use serde_json::value::RawValue;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the body is no JSON object")]
    NotAnObject,
}

/// The most ids of one person that are read.
const MAX_PEOPLE: usize = 256;

pub fn parse(body: &[u8]) -> Result<Report<UserId>, Fault> {
    let envelope = Fields::parse(body).ok_or(Fault::NotAnObject)?;
    let event = envelope.object("event").unwrap_or_default();
    let digest = Id::of("revenuecat", &[body]);
    let id = event.text("id").unwrap_or_else(|| digest.to_string());
    let kind = event.text("type");
    let about = kind.as_deref().map_or(About::Nothing, |kind| about(kind, &id, &event));
    Ok(Report {
        source: Source::RevenueCat,
        event: id,
        digest,
        kind: kind.unwrap_or_else(|| "unrecognised".to_owned()),
        at: event.instant("event_timestamp_ms"),
        about,
        hand_on: Vec::new(),
    })
}

fn about(kind: &str, id: &str, event: &Fields) -> About<UserId> {
    let people = || event.people(&["app_user_id", "original_app_user_id"], "aliases");
    match kind {
        // Its people are made up.
        "TEST" => About::Nothing,
        "TRANSFER" => {
            let (from, to) = (event.people(&[], "transferred_from"), event.people(&[], "transferred_to"));
            if from.is_empty() || to.is_empty() { About::Nothing } else { About::Transfer { from, to } }
        }
        "SUBSCRIBER_ALIAS" => only(people()),
        _ if event.is_promotional() => About::OwnGrant,
        "INITIAL_PURCHASE" | "RENEWAL" | "NON_RENEWING_PURCHASE" if event.is_of_the_app_store() => {
            let purchase = purchase(id, kind == "NON_RENEWING_PURCHASE", event);
            About::Purchase { people: people(), token: None, purchase: Box::new(purchase) }
        }
        _ => match later_word(kind, event).filter(|_| event.is_of_the_app_store()) {
            Some(purchase) => About::Purchase { people: people(), token: None, purchase: Box::new(purchase) },
            None => only(people()),
        },
    }
}

/// What another event says of a purchase made before: whose it is, and whether it was refunded. It is no
/// redemption and no sale, whatever offer and price it repeats.
fn later_word(kind: &str, event: &Fields) -> Option<Purchase> {
    let original_transaction_id = event.text("original_transaction_id")?;
    let transaction_id = event.text("transaction_id")?;
    let at = event.instant("event_timestamp_ms");
    let is_refund = event.word("cancel_reason").as_deref() == Some("CUSTOMER_SUPPORT");
    let refund = match kind {
        "CANCELLATION" if is_refund => at.map(|at| RefundWord::Refunded { at }),
        "REFUND_REVERSED" => Some(RefundWord::Reversed),
        _ => None,
    };
    let product_id = event.text("product_id").unwrap_or_default();
    Some(Purchase {
        original_transaction_id,
        transaction_id,
        product_id,
        refund,
        is_test: event.is_test(),
        paid: event.paid(is_refund.then_some(at).flatten()),
        ended: (kind == "EXPIRATION").then(|| event.ending()),
        ..Purchase::default()
    })
}

fn only(people: Vec<UserId>) -> About<UserId> {
    if people.is_empty() { About::Nothing } else { About::People(people) }
}

fn purchase(id: &str, is_one_time: bool, event: &Fields) -> Purchase {
    let of_the_event = || format!("event:{id}");
    let transaction = event.text("transaction_id");
    let original = event.text("original_transaction_id").or_else(|| transaction.clone());
    Purchase {
        // Under a name of our own it would be another sale than the one that Apple tells of.
        sold: transaction.is_some().then(|| event.sold(is_one_time)),
        original_transaction_id: original.unwrap_or_else(of_the_event),
        transaction_id: transaction.unwrap_or_else(of_the_event),
        product_id: event.text("product_id").unwrap_or_default(),
        offer: event.word("offer_code"),
        purchased_at: event.instant("purchased_at_ms").or_else(|| event.instant("event_timestamp_ms")),
        is_test: event.is_test(),
        is_family_shared: event.is_true("is_family_share"),
        paid: event.paid(None),
        is_free: event.word("period_type").as_deref() == Some("TRIAL"),
        ..Purchase::default()
    }
}

impl Fields<'_> {
    /// The valid user ids of these fields and this list, in order and each once.
    fn people(&self, names: &[&str], list: &str) -> Vec<UserId> {
        let single = names.iter().filter_map(|name| self.raw(name));
        let listed: Vec<&RawValue> =
            self.raw(list).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let mut people = Vec::new();
        for person in single.chain(listed).filter_map(text).filter_map(|id| UserId::parse(&id).ok()) {
            if people.len() == MAX_PEOPLE {
                break;
            }
            if !people.contains(&person) {
                people.push(person);
            }
        }
        people
    }
    /// The period of the transaction; a refund ends it.
    fn paid(&self, refunded_at: Option<At>) -> Option<Stretch> {
        let (from, until) = (self.instant("purchased_at_ms")?, self.instant("expiration_at_ms")?);
        Some(Stretch { from, until: refunded_at.map_or(until, |at| at.min(until)) })
    }
    fn ending(&self) -> Ending {
        match self.word("expiration_reason").as_deref() {
            Some("UNSUBSCRIBE") => Ending::Voluntary,
            Some("BILLING_ERROR") => Ending::Billing,
            Some("PRICE_INCREASE") => Ending::PriceIncrease,
            Some("CUSTOMER_SUPPORT") => Ending::Refunded,
            _ => Ending::Other,
        }
    }
    fn sold(&self, is_one_time: bool) -> Sold {
        let currency = self.word("currency").and_then(|code| Currency::parse(&code));
        let dollars = || self.decimal("price").filter(|_| currency.is_some_and(|code| code.as_str() == "USD"));
        let amount = self.decimal("price_in_purchased_currency").or_else(dollars).filter(|paid| !paid.is_negative());
        let price = amount.zip(currency).and_then(|(amount, currency)| amount.money(currency));
        let proceeds = price.and_then(|price| amount?.times(self.part_left()?)?.money(price.currency));
        Sold { is_one_time, price, proceeds }
    }
    /// What taxes and commission leave of the whole, as RevenueCat estimates both; one alone leaves too much.
    fn part_left(&self) -> Option<Decimal> {
        let (tax, commission) = (self.decimal("tax_percentage")?, self.decimal("commission_percentage")?);
        let left = Decimal::ONE.minus(tax)?.minus(commission)?;
        [tax, commission, left].iter().all(|part| !part.is_negative()).then_some(left)
    }
    fn is_test(&self) -> bool {
        self.word("environment").is_some_and(|environment| environment != "PRODUCTION")
    }
    fn is_promotional(&self) -> bool {
        ["store", "period_type"].iter().any(|name| self.word(name).as_deref() == Some("PROMOTIONAL"))
    }
    fn is_of_the_app_store(&self) -> bool {
        matches!(self.word("store").as_deref(), None | Some("APP_STORE" | "MAC_APP_STORE"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::At;
    use crate::domain::money::Money;
    use serde_json::{Value, json};

    const AT: i64 = 1_795_253_400_000;

    /// An event of a person with three ids, with every field that matters; `null` in `changes` stays a null.
    fn event(kind: &str, changes: Value) -> Value {
        let mut event = json!({
            "type": kind, "id": "E1", "event_timestamp_ms": AT, "app_user_id": "jen", "original_app_user_id": "$RCAnonymousID:1",
            "aliases": ["jen", "jen-2"], "store": "APP_STORE", "environment": "PRODUCTION", "period_type": "NORMAL",
            "product_id": "monthly", "transaction_id": "200", "original_transaction_id": "100",
            "purchased_at_ms": AT - 5, "offer_code": null, "price": 0, "new_field": {"deep": [1]},
        });
        event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({"api_version": "1.0", "event": event})
    }

    fn read(body: &Value) -> Report<UserId> {
        parse(body.to_string().as_bytes()).unwrap()
    }

    fn ids(ids: &[&str]) -> Vec<UserId> {
        ids.iter().map(|id| UserId::parse(id).unwrap()).collect()
    }

    fn jen() -> Vec<UserId> {
        ids(&["jen", "$RCAnonymousID:1", "jen-2"])
    }

    fn sold(is_one_time: bool) -> Option<Sold> {
        Some(Sold { is_one_time, price: None, proceeds: None })
    }

    fn bought() -> Purchase {
        Purchase {
            original_transaction_id: "100".to_owned(),
            transaction_id: "200".to_owned(),
            product_id: "monthly".to_owned(),
            offer: None,
            purchased_at: Some(At(AT - 5)),
            sold: sold(false),
            ..Purchase::default()
        }
    }

    fn purchase_of(purchase: Purchase) -> About<UserId> {
        About::Purchase { people: jen(), token: None, purchase: Box::new(purchase) }
    }

    #[test]
    fn every_type() {
        let purchase = || purchase_of(bought());
        let people = || About::People(jen());
        let once = purchase_of(Purchase { sold: sold(true), ..bought() });
        let later = |refund| purchase_of(Purchase { purchased_at: None, refund, sold: None, ..bought() });
        let ended = |why| purchase_of(Purchase { purchased_at: None, ended: Some(why), sold: None, ..bought() });
        let refunded = Some(RefundWord::Refunded { at: At(AT) });
        let moved = json!({"app_user_id": null, "transferred_from": ["a", "b"], "transferred_to": ["c"]});
        let rows = [
            ("TEST", json!({}), About::Nothing),
            ("INITIAL_PURCHASE", json!({}), purchase()),
            ("RENEWAL", json!({"is_trial_conversion": false}), purchase()),
            ("NON_RENEWING_PURCHASE", json!({"expiration_at_ms": null}), once),
            ("PRODUCT_CHANGE", json!({"new_product_id": "yearly"}), later(None)),
            ("CANCELLATION", json!({"cancel_reason": "CUSTOMER_SUPPORT", "price": -9.99}), later(refunded)),
            ("CANCELLATION", json!({"cancel_reason": "CUSTOMER_SUPPORT", "offer_code": "REF30"}), later(refunded)),
            ("CANCELLATION", json!({"cancel_reason": "UNSUBSCRIBE"}), later(None)),
            ("CANCELLATION", json!({"cancel_reason": "CUSTOMER_SUPPORT", "store": "PLAY_STORE"}), people()),
            ("CANCELLATION", json!({"cancel_reason": "CUSTOMER_SUPPORT", "transaction_id": null}), people()),
            ("UNCANCELLATION", json!({}), later(None)),
            ("EXPIRATION", json!({"expiration_reason": "UNSUBSCRIBE"}), ended(Ending::Voluntary)),
            ("EXPIRATION", json!({"expiration_reason": "BILLING_ERROR"}), ended(Ending::Billing)),
            ("EXPIRATION", json!({"expiration_reason": "PRICE_INCREASE"}), ended(Ending::PriceIncrease)),
            ("EXPIRATION", json!({"expiration_reason": "CUSTOMER_SUPPORT"}), ended(Ending::Refunded)),
            ("EXPIRATION", json!({"expiration_reason": "OF_NEXT_YEAR"}), ended(Ending::Other)),
            ("EXPIRATION", json!({}), ended(Ending::Other)),
            ("CANCELLATION", json!({"expiration_reason": "UNSUBSCRIBE"}), later(None)),
            ("BILLING_ISSUE", json!({"grace_period_expiration_at_ms": null}), later(None)),
            ("SUBSCRIPTION_PAUSED", json!({"store": "PLAY_STORE"}), people()),
            ("SUBSCRIPTION_EXTENDED", json!({}), later(None)),
            ("TRANSFER", moved, About::Transfer { from: ids(&["a", "b"]), to: ids(&["c"]) }),
            ("TRANSFER", json!({"transferred_from": [], "transferred_to": ["c"]}), About::Nothing),
            ("TRANSFER", json!({"transferred_from": ["a"]}), About::Nothing),
            ("REFUND_REVERSED", json!({}), later(Some(RefundWord::Reversed))),
            ("TEMPORARY_ENTITLEMENT_GRANT", json!({"original_transaction_id": null}), people()),
            ("INVOICE_ISSUANCE", json!({"store": "RC_BILLING"}), people()),
            ("VIRTUAL_CURRENCY_TRANSACTION", json!({"transaction_id": null}), people()),
            ("EXPERIMENT_ENROLLMENT", json!({"transaction_id": null}), people()),
            ("SUBSCRIBER_ALIAS", json!({}), people()),
            ("PURCHASE_REDEEMED", json!({}), later(None)),
            ("PRICE_INCREASE_CONSENT_REQUIRED", json!({}), later(None)),
            ("PAYWALL_IMPRESSION", json!({"original_transaction_id": null}), people()),
            ("OF_NEXT_YEAR", json!({}), later(None)),
            (
                "OF_NEXT_YEAR",
                json!({"app_user_id": null, "original_app_user_id": 7.5, "aliases": "jen", "transaction_id": null}),
                About::Nothing,
            ),
        ];
        for (kind, changes, about) in rows {
            let report = read(&event(kind, changes.clone()));
            assert_eq!(report.about, about, "{kind} {changes}");
            let head = (report.source, report.event.as_str(), report.kind.as_str(), report.at);
            assert_eq!(head, (Source::RevenueCat, "E1", kind, Some(At(AT))), "{kind}");
        }
    }

    #[test]
    fn purchases() {
        let offered = |offer: &str| purchase_of(Purchase { offer: Some(offer.to_owned()), ..bought() });
        let named = |original: &str, transaction: &str| {
            let (original_transaction_id, transaction_id) = (original.to_owned(), transaction.to_owned());
            let sold = sold(false).filter(|_| !transaction.starts_with("event:"));
            purchase_of(Purchase { original_transaction_id, transaction_id, sold, ..bought() })
        };
        let tested = || purchase_of(Purchase { is_test: true, ..bought() });
        let at = |at: Option<i64>| purchase_of(Purchase { purchased_at: at.map(At), ..bought() });
        let rows = [
            (json!({"offer_code": "REF30"}), offered("REF30")),
            (json!({"offer_code": " ref30 "}), offered(" ref30 ")),
            (json!({"offer_code": ""}), purchase_of(bought())),
            (json!({"offer_code": 30}), purchase_of(bought())),
            (json!({"store": null}), purchase_of(bought())),
            (json!({"store": "MAC_APP_STORE"}), purchase_of(bought())),
            (json!({"store": "PLAY_STORE"}), About::People(jen())),
            (json!({"store": "TEST_STORE"}), About::People(jen())),
            (json!({"store": "PROMOTIONAL"}), About::OwnGrant),
            (json!({"period_type": "PROMOTIONAL"}), About::OwnGrant),
            (json!({"environment": "SANDBOX"}), tested()),
            (json!({"environment": "XCODE"}), tested()),
            (json!({"environment": null}), purchase_of(bought())),
            (json!({"is_family_share": true}), purchase_of(Purchase { is_family_shared: true, ..bought() })),
            (json!({"is_family_share": null}), purchase_of(bought())),
            (json!({"original_transaction_id": null}), named("200", "200")),
            (json!({"transaction_id": null}), named("100", "event:E1")),
            (json!({"transaction_id": {}, "original_transaction_id": []}), named("event:E1", "event:E1")),
            (json!({"transaction_id": 201, "original_transaction_id": u64::MAX}), named("18446744073709551615", "201")),
            (json!({"original_transaction_id": "9".repeat(300)}), named("200", "200")),
            (json!({"purchased_at_ms": null}), at(Some(AT))),
            (json!({"purchased_at_ms": "soon"}), at(Some(AT))),
            (json!({"purchased_at_ms": 1.5e12}), at(Some(1_500_000_000_000))),
            (json!({"purchased_at_ms": u64::MAX, "event_timestamp_ms": 0.5}), at(None)),
            (json!({"product_id": null}), purchase_of(Purchase { product_id: String::new(), ..bought() })),
        ];
        for (changes, about) in rows {
            assert_eq!(read(&event("INITIAL_PURCHASE", changes.clone())).about, about, "{changes}");
        }
    }

    #[test]
    fn grants_come_back() {
        let grant = json!({"store": "PROMOTIONAL", "period_type": "PROMOTIONAL", "product_id": "rc_promo_pro_custom"});
        for kind in ["NON_RENEWING_PURCHASE", "INITIAL_PURCHASE", "RENEWAL", "CANCELLATION", "EXPIRATION"] {
            assert_eq!(read(&event(kind, grant.clone())).about, About::OwnGrant, "{kind}");
        }
        assert_eq!(read(&event("TEST", grant)).about, About::Nothing);
    }

    #[test]
    fn people() {
        let many: Vec<String> = (1..=400).map(|n| format!("u{n}")).collect();
        let rows = [
            (json!({"app_user_id": 42}), ids(&["42", "$RCAnonymousID:1", "jen", "jen-2"])),
            (json!({"app_user_id": "null"}), ids(&["$RCAnonymousID:1", "jen", "jen-2"])),
            (json!({"app_user_id": ["x"]}), ids(&["$RCAnonymousID:1", "jen", "jen-2"])),
            (json!({"aliases": [null, ["x"], "a/b", 7, "jen", "é"]}), ids(&["jen", "$RCAnonymousID:1", "7", "é"])),
            (json!({"aliases": {"x": "y"}}), ids(&["jen", "$RCAnonymousID:1"])),
        ];
        for (changes, expected) in rows {
            assert_eq!(
                read(&event("RENEWAL", changes.clone())).people(),
                expected.iter().collect::<Vec<_>>(),
                "{changes}"
            );
        }
        assert_eq!(read(&event("RENEWAL", json!({"aliases": many}))).people().len(), MAX_PEOPLE);
    }

    #[test]
    fn odd_bodies_are_kept() {
        let deep = format!(r#"{{"event":{}1{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
        let rows = [
            r#"{}"#,
            r#"{"event":null}"#,
            r#"{"event":[]}"#,
            r#"{"event":{}}"#,
            r#"{"event":{"type":7.5,"app_user_id":"jen"}}"#,
            r#"{"event":{"type":"","app_user_id":"jen"}}"#,
            r#"{"big":1e999,"event":"x"}"#,
            &deep,
        ];
        for body in rows {
            let report = parse(body.as_bytes()).unwrap();
            let digest = Id::of("revenuecat", &[body.as_bytes()]);
            assert_eq!((report.digest, report.event), (digest, digest.to_string()));
            assert_eq!((report.kind.as_str(), report.about), ("unrecognised", About::Nothing));
        }
    }

    #[test]
    fn oddities_beside_the_point_do_no_harm() {
        let deep = "[".repeat(50_000) + &"]".repeat(50_000);
        let body = format!(
            r#"{{"event":{{"price":1e999,"purchased_at_ms":1e999,"attributes":{deep},"aliases":{deep},
            "type":"SUBSCRIBER_ALIAS","type":"RENEWAL","id":8,"app_user_id":"j\u0065n"}}}}"#
        );
        let report = parse(body.as_bytes()).unwrap();
        assert_eq!((report.event.as_str(), report.kind.as_str(), report.at), ("8", "RENEWAL", None));
        let About::Purchase { people, purchase, .. } = report.about else { panic!("{:?}", report.about) };
        assert_eq!(people, ids(&["jen"]));
        assert_eq!(purchase.transaction_id, "event:8");
    }

    #[test]
    fn what_is_paid_for() {
        let until = |ms: i64| Some(Stretch { from: At(AT - 5), until: At(ms) });
        let ends = AT + 1_000;
        for (kind, changes, paid) in [
            ("INITIAL_PURCHASE", json!({"expiration_at_ms": ends}), until(ends)),
            ("RENEWAL", json!({"expiration_at_ms": ends}), until(ends)),
            ("RENEWAL", json!({"expiration_at_ms": null}), None),
            ("SUBSCRIPTION_EXTENDED", json!({"expiration_at_ms": ends + 5}), until(ends + 5)),
            ("CANCELLATION", json!({"expiration_at_ms": ends, "cancel_reason": "UNSUBSCRIBE"}), until(ends)),
            ("CANCELLATION", json!({"expiration_at_ms": ends, "cancel_reason": "CUSTOMER_SUPPORT"}), until(AT)),
            ("REFUND_REVERSED", json!({"expiration_at_ms": ends}), until(ends)),
        ] {
            let About::Purchase { purchase, .. } = read(&event(kind, changes)).about else { panic!("{kind}") };
            assert_eq!(purchase.paid, paid, "{kind}");
        }
    }

    /// Of a renewal with these fields, whose numbers are sent as they are written.
    fn told_sold(fields: &str) -> Sold {
        let body = format!(r#"{{"event":{{"type":"RENEWAL","app_user_id":"jen","transaction_id":"200",{fields}}}}}"#);
        let About::Purchase { purchase, .. } = parse(body.as_bytes()).unwrap().about else { panic!("{fields}") };
        purchase.sold.unwrap()
    }

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap())
    }

    #[test]
    fn prices() {
        // price, price_in_purchased_currency and currency as they are written
        let rows = [
            ("9.99", "9.99", r#""USD""#, Some(money(999, "USD"))),
            ("9.99", "8.389999999999999", r#""EUR""#, Some(money(839, "EUR"))),
            ("9.99", "8.390000000000001", r#""EUR""#, Some(money(839, "EUR"))),
            ("2.01", "300", r#""JPY""#, Some(money(300, "JPY"))),
            ("2.01", "300.0", r#""JPY""#, Some(money(300, "JPY"))),
            ("4.07", "1.25", r#""KWD""#, Some(money(1_250, "KWD"))),
            ("10", "10", r#""USD""#, Some(money(1_000, "USD"))),
            ("1e1", "1e1", r#""USD""#, Some(money(1_000, "USD"))),
            ("0", "0", r#""USD""#, Some(money(0, "USD"))),
            ("0.0", "0.0", r#""EUR""#, Some(money(0, "EUR"))),
            (r#""9.99""#, r#""9.99""#, r#""USD""#, Some(money(999, "USD"))),
            ("9.99", "null", r#""USD""#, Some(money(999, "USD"))),
            ("9.99", "{}", r#""USD""#, Some(money(999, "USD"))),
            ("9.99", "null", r#""EUR""#, None),
            ("null", "null", r#""USD""#, None),
            ("null", "8.39", r#""EUR""#, Some(money(839, "EUR"))),
            ("9.99", "9.99", "null", None),
            ("9.99", "9.99", r#""usd""#, None),
            ("9.99", "9.99", r#""QQQ""#, None),
            ("9.99", "9.99", "840", None),
            ("-9.99", "-9.99", r#""USD""#, None),
            ("9.99", "-9.99", r#""USD""#, None),
            ("-0.001", "-0.001", r#""USD""#, None),
            ("-9.99", "null", r#""USD""#, None),
            ("1e999", "1e999", r#""USD""#, None),
            ("99999999999999999999", "99999999999999999999", r#""USD""#, None),
            ("true", "[9.99]", r#""USD""#, None),
        ];
        for (price, purchased, currency, expected) in rows {
            let fields = format!(r#""price":{price},"price_in_purchased_currency":{purchased},"currency":{currency}"#);
            let sold = Sold { is_one_time: false, price: expected, proceeds: None };
            assert_eq!(told_sold(&fields), sold, "{fields}");
        }
        let without = told_sold(r#""price":9.99,"currency":"USD""#);
        assert_eq!((without.price, without.proceeds), (Some(money(999, "USD")), None));
    }

    #[test]
    fn proceeds() {
        // price, currency, and both percentages as they are written
        let rows = [
            ("9.99", "USD", "0", "0.3", Some(699)),
            ("9.99", "USD", "0.0", "0.30000000000000004", Some(699)),
            ("9.99", "EUR", "0.1597", "0.2521", Some(588)),
            ("8.389999999999999", "EUR", "0.16666666666666666", "0.15", Some(573)),
            ("9.99", "USD", r#""0.1""#, r#""0.3""#, Some(599)),
            ("300", "JPY", "0.0909", "0.1364", Some(232)),
            ("1.25", "KWD", "0", "0.15", Some(1_062)),
            ("0.05", "USD", "0", "0.5", Some(2)),
            ("0.07", "USD", "0", "0.5", Some(4)),
            ("0", "USD", "0", "0.3", Some(0)),
            ("9.99", "USD", "0", "0", Some(999)),
            ("9.99", "USD", "0.7", "0.3", Some(0)),
            ("9.99", "USD", "1", "0", Some(0)),
            ("9.99", "USD", "0.7", "0.30000000000000004", None),
            ("9.99", "USD", "1.1", "0", None),
            ("9.99", "USD", "0", "30", None),
            ("9.99", "USD", "-0.1", "0.3", None),
            ("9.99", "USD", "0.3", "-0.1", None),
            ("9.99", "USD", "null", "0.3", None),
            ("9.99", "USD", "0.1", "null", None),
            ("9.99", "USD", "{}", "0.3", None),
            ("-9.99", "USD", "0", "0.3", None),
            ("9.99", "QQQ", "0", "0.3", None),
        ];
        for (price, currency, tax, commission, expected) in rows {
            let fields = format!(
                r#""price_in_purchased_currency":{price},"currency":"{currency}",
                "tax_percentage":{tax},"commission_percentage":{commission}"#
            );
            assert_eq!(told_sold(&fields).proceeds, expected.map(|minor| money(minor, currency)), "{fields}");
        }
        let untaxed = r#""price_in_purchased_currency":9.99,"currency":"USD","commission_percentage":0.3"#;
        assert_eq!(told_sold(untaxed).proceeds, None);
    }

    #[test]
    fn refused_bodies() {
        let bomb = "[".repeat(1_000_000);
        for body in ["", "null", "[]", "7", "\"event\"", "{", "{\"event\":}", "{} x", "<html>", &bomb] {
            assert_eq!(parse(body.as_bytes()), Err(Fault::NotAnObject));
        }
        assert_eq!(parse(b"{\"event\":\"\xff\"}"), Err(Fault::NotAnObject));
    }
}
