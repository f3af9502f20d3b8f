//! Tremendous' API v2, as far as orders of one reward go, and the events that it tells of them.

use super::fields::Fields;
use super::text;
use crate::domain::money::{Currency, Decimal, Money};
use crate::domain::payout::Progress;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

pub const ORDERS_PATH: &str = "/orders";

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("an id that cannot stand in a path")]
    Id,
    #[error("the answer is no Tremendous order")]
    Shape,
    #[error("the body is no JSON object")]
    NotAnObject,
}

/// Where an order is found, by Tremendous' id or by ours.
pub fn order_path(id: &str) -> Result<String, Fault> {
    Ok(format!("{ORDERS_PATH}/{}", text::path_segment(id).ok_or(Fault::Id)?))
}

/// A reward that is to be ordered: sent by e-mail where an address is given, and made as a link where not.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// Our name for the order: asked again under the same name, Tremendous makes no other.
    pub external_id: &'a str,
    pub money: Money,
    pub funding_source: &'a str,
    pub campaign: Option<&'a str>,
    pub recipient_name: &'a str,
    pub recipient_email: Option<&'a str>,
}

#[derive(Serialize)]
struct Order<'a> {
    external_id: &'a str,
    payment: Payment<'a>,
    reward: Reward<'a>,
}

#[derive(Serialize)]
struct Payment<'a> {
    funding_source_id: &'a str,
}

#[derive(Serialize)]
struct Reward<'a> {
    value: Amount<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<&'a str>,
    recipient: Recipient<'a>,
    delivery: Delivery,
}

#[derive(Serialize)]
struct Amount<'a> {
    /// Digits as they are: no float between.
    denomination: Box<RawValue>,
    currency_code: &'a str,
}

#[derive(Serialize)]
struct Recipient<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

#[derive(Serialize)]
struct Delivery {
    method: &'static str,
}

pub fn order_body(wish: &Wish) -> Vec<u8> {
    let denomination = RawValue::from_string(wish.money.decimal()).expect("a decimal is a number of JSON");
    let order = Order {
        external_id: wish.external_id,
        payment: Payment { funding_source_id: wish.funding_source },
        reward: Reward {
            value: Amount { denomination, currency_code: wish.money.currency.as_str() },
            campaign_id: wish.campaign,
            recipient: Recipient { name: wish.recipient_name, email: wish.recipient_email },
            delivery: Delivery { method: if wish.recipient_email.is_some() { "EMAIL" } else { "LINK" } },
        },
    };
    serde_json::to_vec(&order).expect("texts and numbers are always written")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Open,
    /// Waits for somebody, or for the money to arrive.
    Pending,
    /// Paid for.
    Executed,
    Failed,
    Canceled,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Email,
    Link,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    Scheduled,
    Pending,
    Succeeded,
    Failed,
    Other,
}

/// An order as Tremendous tells it. What it does not tell, or not in a form that can be read, is not here.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    pub order_id: String,
    pub external_id: Option<String>,
    pub status: Status,
    pub reward_id: Option<String>,
    pub method: Option<Method>,
    pub delivery: Option<DeliveryStatus>,
    pub money: Option<Money>,
    pub email: Option<String>,
    /// Whoever has it has the reward.
    pub link: Option<String>,
}

// The link is money, and the address is somebody's.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Made { order_id, status, method, delivery, money, .. } = self;
        write!(f, "Made({order_id} of {money:?}: {status:?}, {method:?} {delivery:?})")
    }
}

/// An order in an answer. It stands with one `reward` or with a list, by the path and the age of the API.
pub fn made(body: &[u8]) -> Result<Made, Fault> {
    let order = Fields::parse(body).and_then(|body| body.object("order")).ok_or(Fault::Shape)?;
    let order_id = order.text("id").ok_or(Fault::Shape)?;
    let reward = order.object("reward").or_else(|| first(&order, "rewards")).unwrap_or_default();
    let delivery = reward.object("delivery").unwrap_or_default();
    let word = |fields: &Fields, name: &str| fields.word(name).map(|word| word.to_ascii_uppercase());
    Ok(Made {
        order_id,
        external_id: order.text("external_id"),
        status: word(&order, "status").map_or(Status::Other, |word| status(&word)),
        reward_id: reward.text("id"),
        method: word(&delivery, "method").map(|word| method(&word)),
        delivery: word(&delivery, "status").map(|word| delivery_status(&word)),
        money: reward.object("value").and_then(|value| money(&value)),
        email: reward.object("recipient").and_then(|recipient| recipient.word("email")),
        link: delivery.document("link").filter(|link| !link.is_empty()),
    })
}

fn first<'a>(fields: &Fields<'a>, list: &str) -> Option<Fields<'a>> {
    let items: Vec<&RawValue> = serde_json::from_str(fields.raw(list)?.get()).ok()?;
    Fields::parse(items.first()?.get().as_bytes())
}

fn money(value: &Fields) -> Option<Money> {
    let currency = Currency::parse(&value.word("currency_code")?.to_ascii_uppercase())?;
    let written = value.raw("denomination")?.get();
    let number = value.word("denomination");
    Decimal::parse(number.as_deref().unwrap_or(written))?.money(currency)
}

fn status(word: &str) -> Status {
    match word {
        "OPEN" => Status::Open,
        "EXECUTED" => Status::Executed,
        "FAILED" => Status::Failed,
        "CANCELED" | "CANCELLED" => Status::Canceled,
        "CART" => Status::Pending,
        _ if word.starts_with("PENDING") => Status::Pending,
        _ => Status::Other,
    }
}

fn method(word: &str) -> Method {
    match word {
        "EMAIL" => Method::Email,
        "LINK" => Method::Link,
        _ => Method::Other,
    }
}

fn delivery_status(word: &str) -> DeliveryStatus {
    match word {
        "SCHEDULED" => DeliveryStatus::Scheduled,
        "PENDING" => DeliveryStatus::Pending,
        "SUCCEEDED" => DeliveryStatus::Succeeded,
        "FAILED" => DeliveryStatus::Failed,
        _ => DeliveryStatus::Other,
    }
}

/// A link is ours to hand on: Tremendous calls it delivered when it is opened, and sends no event of that.
pub fn progress(made: &Made) -> Progress {
    match (made.status, made.method, made.delivery) {
        (Status::Failed, ..) => Progress::Failed,
        (Status::Canceled, ..) => Progress::Cancelled,
        (Status::Open | Status::Pending | Status::Other, ..) => Progress::Open,
        (Status::Executed, Some(Method::Link), _) => Progress::Settled,
        (Status::Executed, _, None | Some(DeliveryStatus::Succeeded)) => Progress::Settled,
        (Status::Executed, _, Some(DeliveryStatus::Failed)) => Progress::Undelivered,
        (Status::Executed, _, Some(DeliveryStatus::Scheduled | DeliveryStatus::Pending | DeliveryStatus::Other)) => {
            Progress::Open
        }
    }
}

/// In what an order that was there before is another than the one wished for. What is not told is not compared.
pub fn differs(made: &Made, money: Money, email: Option<&str>) -> Option<&'static str> {
    let is_another = |told: &str| !email.is_some_and(|email| email.eq_ignore_ascii_case(told));
    match made.money {
        Some(told) if told.currency != money.currency => Some("the currency"),
        Some(told) if told.minor != money.minor => Some("the amount"),
        _ => made.email.as_deref().is_some_and(is_another).then_some("the recipient"),
    }
}

/// The longest line that is passed on.
const LINE: usize = 240;

/// What an error says, as one line for a log: its message, and what it says of single fields. None of `hidden` is shown,
/// nor anything that looks like an address.
pub fn reason(body: &[u8], hidden: &[&str]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = ["errors", "error"].iter().map(|name| &body[name]).find(|error| !error.is_null());
    let mut said = Vec::new();
    match error {
        Some(Value::String(text)) => said.push(text.clone()),
        Some(error) => {
            said.extend(error["message"].as_str().map(str::to_owned));
            texts("", &error["payload"], &mut said);
        }
        None => {}
    }
    let line =
        hidden.iter().filter(|text| !text.is_empty()).fold(said.join("; "), |line, text| line.replace(text, "…"));
    let shown = |word: &str| !word.contains('@') && !word.contains("://");
    let words: Vec<&str> = line.split_whitespace().map(|word| if shown(word) { word } else { "…" }).collect();
    if words.is_empty() {
        return "no reason given".to_owned();
    }
    words.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE).collect()
}

/// `reward.value.denomination: must be positive`: the payload of an error has the shape of the request.
fn texts(path: &str, value: &Value, said: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                texts(&format!("{path}{dot}{name}"), value, said);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(path, item, said)),
        Value::String(text) => said.push(format!("{path}: {text}")),
        _ => {}
    }
}

/// What a webhook tells. It points to a thing that is to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same in every repeat.
    pub uuid: Option<String>,
    pub kind: Option<String>,
    /// Its type, `orders` or `rewards` here, and its id.
    pub resource: Option<(String, String)>,
}

pub fn event(body: &[u8]) -> Result<Event, Fault> {
    let event = Fields::parse(body).ok_or(Fault::NotAnObject)?;
    let resource = event.object("payload").and_then(|payload| payload.object("resource"));
    Ok(Event {
        uuid: event.text("uuid"),
        kind: event.word("event"),
        resource: resource.and_then(|resource| Some((resource.word("type")?, resource.text("id")?))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, Currency::parse(currency).unwrap())
    }

    fn sample() -> Made {
        Made {
            order_id: "ORDER1".to_owned(),
            external_id: Some("payout-1".to_owned()),
            status: Status::Executed,
            reward_id: Some("REWARD1".to_owned()),
            method: Some(Method::Email),
            delivery: Some(DeliveryStatus::Succeeded),
            money: Some(money(899, "EUR")),
            email: Some("jane@example.com".to_owned()),
            link: None,
        }
    }

    #[test]
    fn bodies() {
        let wish = |minor, currency, campaign, recipient_email| {
            let money = money(minor, currency);
            let (external_id, recipient_name, funding_source) = ("payout-1", "Jane \"J\" Doe", "BALANCE");
            let wish = Wish { external_id, money, funding_source, campaign, recipient_name, recipient_email };
            String::from_utf8(order_body(&wish)).unwrap()
        };
        let body = |value: &str, rest: &str| {
            let head = r#""external_id":"payout-1","payment":{"funding_source_id":"BALANCE"}"#;
            format!(r#"{{{head},"reward":{{"value":{value},{rest}}}}}"#)
        };
        let link = r#""recipient":{"name":"Jane \"J\" Doe"},"delivery":{"method":"LINK"}"#;
        let email = r#""campaign_id":"CAMP1","recipient":{"name":"Jane \"J\" Doe","email":"jane@example.com"},"delivery":{"method":"EMAIL"}"#;
        let written = wish(899, "EUR", Some("CAMP1"), Some("jane@example.com"));
        assert_eq!(written, body(r#"{"denomination":8.99,"currency_code":"EUR"}"#, email));
        for (minor, currency, denomination) in [
            (5, "USD", "0.05"),
            (5_000, "USD", "50.00"),
            (300, "JPY", "300"),
            (1_250, "KWD", "1.250"),
            (9_007_199_254_740_993, "USD", "90071992547409.93"),
            (i64::MAX, "JPY", "9223372036854775807"),
        ] {
            let value = format!(r#"{{"denomination":{denomination},"currency_code":"{currency}"}}"#);
            assert_eq!(wish(minor, currency, None, None), body(&value, link));
        }
    }

    #[test]
    fn paths() {
        assert_eq!(order_path("payout-1").as_deref(), Ok("/orders/payout-1"));
        assert_eq!(order_path("a/b c").as_deref(), Ok("/orders/a%2Fb%20c"));
        for odd in ["", ".", ".."] {
            assert_eq!(order_path(odd), Err(Fault::Id));
        }
    }

    #[test]
    fn orders() {
        let reward = r#"{"id":"REWARD1","order_id":"ORDER1","value":{"denomination":8.99,"currency_code":"EUR"},
            "recipient":{"name":"Jane","email":"jane@example.com"},"delivery":{"method":"EMAIL","status":"SUCCEEDED"}}"#;
        let order = |rest: &str| {
            let head = r#""id":"ORDER1","external_id":"payout-1","status":"EXECUTED""#;
            made(format!(r#"{{"order":{{{head},{rest}}},"new":[1e999]}}"#).as_bytes()).unwrap()
        };
        assert_eq!(order(&format!(r#""rewards":[{reward}]"#)), sample());
        assert_eq!(order(&format!(r#""reward":{reward}"#)), sample());
        assert_eq!(order(&format!(r#""reward":null,"rewards":[{reward}]"#)), sample());
        let bare = Made { reward_id: None, method: None, delivery: None, money: None, email: None, ..sample() };
        for rest in [r#""rewards":[]"#, r#""rewards":null"#, r#""rewards":[7]"#, r#""reward":"x""#, r#""reward":{}"#] {
            assert_eq!(order(rest), bare, "{rest}");
        }
        let odd = r#""reward":{"id":7,"value":{"denomination":[],"currency_code":"EUR"},"recipient":null,
            "delivery":{"method":null,"status":"FLOWN","link":"https://x/1"}}"#;
        let link = Some("https://x/1".to_owned());
        let delivery = Some(DeliveryStatus::Other);
        assert_eq!(order(odd), Made { reward_id: Some("7".to_owned()), delivery, link, ..bare.clone() });

        for body in ["", "<html>", "[]", "{}", r#"{"order":null}"#, r#"{"order":{}}"#, r#"{"order":{"id":""}}"#] {
            assert_eq!(made(body.as_bytes()), Err(Fault::Shape), "{body}");
        }
        let least = made(br#"{"order":{"id":"ORDER1"}}"#).unwrap();
        assert_eq!(least, Made { external_id: None, status: Status::Other, ..bare });
    }

    #[test]
    fn amounts() {
        let rows = [
            ("50", "\"USD\"", Some(money(5_000, "USD"))),
            ("50.0", "\"USD\"", Some(money(5_000, "USD"))),
            ("8.99", "\"usd\"", Some(money(899, "USD"))),
            ("\"8.99\"", "\"USD\"", Some(money(899, "USD"))),
            ("8.389999999999999", "\"EUR\"", Some(money(839, "EUR"))),
            ("3e2", "\"JPY\"", Some(money(300, "JPY"))),
            ("null", "\"USD\"", None),
            ("\"fifty\"", "\"USD\"", None),
            ("true", "\"USD\"", None),
            ("50", "null", None),
            ("50", "\"QQQ\"", None),
            ("50", "840", None),
        ];
        for (denomination, currency, expected) in rows {
            let value = format!(r#"{{"denomination":{denomination},"currency_code":{currency}}}"#);
            let body = format!(r#"{{"order":{{"id":"A1B2","rewards":[{{"value":{value}}}]}}}}"#);
            assert_eq!(made(body.as_bytes()).unwrap().money, expected, "{value}");
        }
    }

    #[test]
    fn how_far_it_is() {
        use DeliveryStatus as D;
        let email = Some(Method::Email);
        let rows = [
            ("EXECUTED", email, Some(D::Succeeded), Progress::Settled),
            ("EXECUTED", email, Some(D::Scheduled), Progress::Open),
            ("EXECUTED", email, Some(D::Pending), Progress::Open),
            ("EXECUTED", email, Some(D::Other), Progress::Open),
            ("EXECUTED", email, Some(D::Failed), Progress::Undelivered),
            ("EXECUTED", None, None, Progress::Settled),
            ("EXECUTED", Some(Method::Link), Some(D::Pending), Progress::Settled),
            ("EXECUTED", Some(Method::Link), None, Progress::Settled),
            ("OPEN", email, None, Progress::Open),
            ("CART", email, None, Progress::Open),
            ("PENDING APPROVAL", Some(Method::Link), None, Progress::Open),
            ("PENDING INTERNAL PAYMENT APPROVAL", email, Some(D::Pending), Progress::Open),
            ("PENDING SETTLEMENT", email, Some(D::Succeeded), Progress::Open),
            ("REVERSED", email, Some(D::Succeeded), Progress::Open),
            ("FAILED", email, Some(D::Succeeded), Progress::Failed),
            ("FAILED", Some(Method::Link), None, Progress::Failed),
            ("CANCELED", email, Some(D::Succeeded), Progress::Cancelled),
            ("canceled", None, None, Progress::Cancelled),
        ];
        for (word, method, delivery, expected) in rows {
            let made = Made { status: status(&word.to_ascii_uppercase()), method, delivery, ..sample() };
            assert_eq!(progress(&made), expected, "{word} {method:?} {delivery:?}");
        }
    }

    #[test]
    fn what_is_another() {
        let eur = money(899, "EUR");
        let told = sample();
        let untold = Made { money: None, email: None, ..sample() };
        let rows = [
            (&told, eur, Some("jane@example.com"), None),
            (&told, eur, Some("Jane@EXAMPLE.com"), None),
            (&told, eur, Some("john@example.com"), Some("the recipient")),
            (&told, eur, None, Some("the recipient")),
            (&told, money(900, "EUR"), Some("jane@example.com"), Some("the amount")),
            (&told, money(899, "USD"), Some("jane@example.com"), Some("the currency")),
            (&told, money(900, "USD"), Some("john@example.com"), Some("the currency")),
            (&untold, eur, Some("jane@example.com"), None),
            (&untold, money(900, "USD"), None, None),
        ];
        for (made, money, email, expected) in rows {
            assert_eq!(differs(made, money, email), expected, "{money:?} {email:?}");
        }
    }

    #[test]
    fn nothing_of_worth_in_a_log() {
        let made = Made { link: Some("https://x/secret".to_owned()), ..sample() };
        let shown = format!("{made:?}");
        assert!(shown.contains("ORDER1") && !shown.contains("jane") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn reasons() {
        let rows = [
            (r#"{"errors":{"message":"Not enough funds.","payload":{}}}"#, "Not enough funds."),
            (r#"{"error":{"message":"Too many\r\nrequests"}}"#, "Too many requests"),
            (r#"{"errors":"Gone"}"#, "Gone"),
            (
                r#"{"errors":{"message":"Order failed","payload":{"reward":{"products":["unknown"],"value":{"denomination":"too small"}}}}}"#,
                "Order failed; reward.products: unknown; reward.value.denomination: too small",
            ),
            (r#"{"errors":{"payload":{"external_id":"taken"}}}"#, "external_id: taken"),
            (r#"{"errors":{"message":"no JANE@example.com, sorry"}}"#, "no … sorry"),
            (r#"{"errors":{"message":"Jane Doe has key TEST_1"}}"#, "… has key …"),
            (r#"{"errors":{"message":"see https://x/secret"}}"#, "see …"),
            (r#"{"errors":{"message":"a\u001b[31mred"}}"#, "a [31mred"),
            (r#"{"errors":{}}"#, "no reason given"),
            (r#"{"errors":{"message":7}}"#, "no reason given"),
            ("<html>", "no reason given"),
            ("[]", "no reason given"),
            ("", "no reason given"),
        ];
        for (body, expected) in rows {
            assert_eq!(reason(body.as_bytes(), &["TEST_1", "", "Jane Doe"]), expected, "{body}");
        }
        let long = format!(r#"{{"errors":{{"message":"{}"}}}}"#, "so it is ".repeat(50));
        assert_eq!(reason(long.as_bytes(), &[]).chars().count(), LINE);
    }

    #[test]
    fn events() {
        let known = |uuid: Option<&str>, kind: Option<&str>, resource: Option<(&str, &str)>| Event {
            uuid: uuid.map(str::to_owned),
            kind: kind.map(str::to_owned),
            resource: resource.map(|(kind, id)| (kind.to_owned(), id.to_owned())),
        };
        let none = known(None, None, None);
        let whole = r#"{"event":"REWARDS.DELIVERY.SUCCEEDED","uuid":"5ccc7bb1","created_utc":"2026-11-21T09:30:00Z",
            "payload":{"resource":{"id":"REWARD1","type":"rewards"},"meta":{}}}"#;
        let rows = [
            (whole, known(Some("5ccc7bb1"), Some("REWARDS.DELIVERY.SUCCEEDED"), Some(("rewards", "REWARD1")))),
            (r#"{"event":"X","uuid":"u","payload":null}"#, known(Some("u"), Some("X"), None)),
            (r#"{"payload":{"resource":{"id":"A"}}}"#, none.clone()),
            (r#"{"event":7,"uuid":[],"payload":"x"}"#, none.clone()),
            ("{}", none),
        ];
        for (body, expected) in rows {
            assert_eq!(event(body.as_bytes()), Ok(expected), "{body}");
        }
        for body in ["", "[]", "null", "x"] {
            assert_eq!(event(body.as_bytes()), Err(Fault::NotAnObject), "{body}");
        }
    }
}
