use super::*;
use crate::clock::ManualClock;
use crate::domain::at::Span;
use crate::domain::payout::Progress;
use crate::fake::faults::{Fault, Op};
use crate::fake::tests::ask;
use crate::wire::hook::{TREMENDOUS_SIGNATURE, tremendous_signature_holds};
use crate::wire::tremendous as wire;

const NOW: At = At(1_790_000_000_000);
const KEY: &str = "TEST_key";

struct Rig {
    tremendous: Tremendous,
    clock: Arc<ManualClock>,
}

async fn rig() -> Rig {
    let clock = Arc::new(ManualClock::at(NOW));
    let setup = Setup { api_key: KEY.into(), webhook_key: "hook".into(), clock: clock.clone() };
    Rig { tremendous: Tremendous::start(setup).await.unwrap(), clock }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

fn wish(external_id: &str) -> Value {
    json!({
        "external_id": external_id,
        "payment": {"funding_source_id": "BALANCE"},
        "reward": {
            "value": {"denomination": 8.99, "currency_code": "USD"},
            "campaign_id": "CAMP1",
            "recipient": {"name": "Jane Doe", "email": "jane@example.com"},
            "delivery": {"method": "EMAIL"},
        },
    })
}

/// With one member set; null takes it away.
fn but(mut wish: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = wish.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    members.insert(name.to_owned(), value);
    members.retain(|_, value| !value.is_null());
    wish
}

impl Rig {
    async fn send(&self, method: &str, path: &str, body: String) -> Option<(u16, Value)> {
        let url = format!("{}{path}", self.tremendous.base_url());
        let answer = ask(method, &url, &[("authorization", &format!("Bearer {KEY}"))], body).await.ok()?;
        Some((answer.status, serde_json::from_slice(&answer.body).unwrap()))
    }
    async fn post(&self, wish: &Value) -> Option<(u16, Value)> {
        self.send("POST", "/orders", wish.to_string()).await
    }
    async fn status(&self, wish: &Value) -> Option<u16> {
        self.post(wish).await.map(|(status, _)| status)
    }
    async fn get(&self, id: &str) -> Option<(u16, Value)> {
        self.send("GET", &format!("/orders/{id}"), String::new()).await
    }
    async fn progress(&self, id: &str) -> Progress {
        let (_, body) = self.get(id).await.unwrap();
        wire::progress(&wire::made(body.to_string().as_bytes()).unwrap())
    }
}

#[tokio::test]
async fn every_wrong_request_is_refused() {
    let rig = rig().await;
    let required = "At least one valid product required";
    let rows = [
        ("/payment/funding_source_id", Value::Null, "is missing"),
        ("/payment/funding_source_id", json!(" "), "is missing"),
        ("/reward/campaign_id", Value::Null, required),
        ("/reward/recipient/name", Value::Null, "is missing"),
        ("/reward/recipient/email", Value::Null, "is not a valid email"),
        ("/reward/recipient/email", json!("jane"), "is not a valid email"),
        ("/reward/delivery/method", json!("PIGEON"), "does not have a valid value"),
        ("/reward/value/denomination", json!(0), "must be greater than 0"),
        ("/reward/value/denomination", json!(-5), "must be greater than 0"),
        ("/reward/value/denomination", json!("8.99"), "must be greater than 0"),
        ("/reward/value/denomination", Value::Null, "must be greater than 0"),
        ("/reward/value/currency_code", json!("usd"), "does not have a valid value"),
        ("/reward/value/currency_code", Value::Null, "does not have a valid value"),
    ];
    for (pointer, value, said) in rows {
        let (status, body) = rig.post(&but(wish("p-1"), pointer, value.clone())).await.unwrap();
        let pointer = if said == required { "/reward/products" } else { pointer };
        assert_eq!(status, 422, "{pointer} {value}");
        assert_eq!(body["errors"]["message"], "Order failed: validation failure");
        assert_eq!(body["errors"]["payload"].pointer(pointer), Some(&json!(said)), "{pointer} {value}");
    }
    let phone = but(wish("p-1"), "/reward/delivery/method", json!("PHONE"));
    assert_eq!(rig.status(&phone).await, Some(422));
    for (method, path, body, status) in [
        ("POST", "/orders", "{", 400),
        ("POST", "/orders", "[]", 400),
        ("GET", "/orders", "", 405),
        ("GET", "/orders/p-1", "", 404),
        ("GET", "/orders/%ff", "", 404),
        ("GET", "/rewards", "", 404),
    ] {
        let (answered, body) = rig.send(method, path, body.to_owned()).await.unwrap();
        assert_eq!(answered, status, "{method} {path}");
        assert!(body["errors"]["message"].is_string(), "{body}");
    }
    for headers in [&[][..], &[("authorization", KEY)], &[("authorization", "Bearer TEST_other")]] {
        let url = format!("{}/orders", rig.tremendous.base_url());
        let answer = ask("POST", &url, headers, wish("p-1").to_string()).await.unwrap();
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &body["errors"]["message"]), (401, &json!("Unauthorized")));
    }
    assert!(rig.tremendous.orders().is_empty());
}

#[tokio::test]
async fn one_name_is_one_order() {
    let rig = rig().await;
    let (status, made) = rig.post(&wish("p-1")).await.unwrap();
    let (order, reward) = (&made["order"], &made["order"]["rewards"][0]);
    assert_eq!((status, &order["external_id"], &order["status"]), (200, &json!("p-1"), &json!("EXECUTED")));
    assert_eq!(reward["value"], json!({"denomination": 8.99, "currency_code": "USD"}));
    assert_eq!(reward["delivery"], json!({"method": "EMAIL", "status": "SUCCEEDED"}));
    for id in [&order["id"], &reward["id"]] {
        let id = id.as_str().unwrap();
        assert!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{id}");
    }

    let again = rig.post(&wish("p-1")).await.unwrap();
    assert_eq!((again.0, &again.1["order"]["reward"]), (201, reward));
    let id = order["id"].as_str().unwrap();
    for name in ["p-1", id] {
        assert_eq!(rig.get(name).await, Some((200, again.1.clone())), "{name}");
    }

    let other = but(wish("p-1"), "/reward/value/denomination", json!(9));
    assert_eq!(rig.status(&other).await, Some(409));
    rig.tremendous.ignore_differences(true);
    assert_eq!(rig.post(&other).await, Some(again));
    assert_eq!(rig.status(&wish("p-2")).await, Some(200));
    for _ in 0..2 {
        assert_eq!(rig.status(&but(wish("-"), "/external_id", Value::Null)).await, Some(200));
    }
    let orders = rig.tremendous.orders();
    let names: Vec<Option<&str>> = orders.iter().map(|order| order.external_id.as_deref()).collect();
    assert_eq!(names, [Some("p-1"), Some("p-2"), None, None]);
    assert_eq!((orders[0].id.as_str(), orders[0].money, orders[0].at), (id, usd(899), NOW));
    assert_eq!(rig.tremendous.order("p-1").unwrap().recipient_email.as_deref(), Some("jane@example.com"));
    assert!(!format!("{orders:?}").contains("ane"));
}

#[tokio::test]
async fn what_is_asked_is_understood_and_what_is_shown_can_be_read() {
    let rig = rig().await;
    for (external_id, recipient_email) in [("p-1", None), ("p-2", Some("jane@example.com"))] {
        let (funding_source, campaign, recipient_name) = ("BALANCE", Some("CAMP1"), "Jane Doe");
        let money = usd(899);
        let wish = wire::Wish { external_id, money, funding_source, campaign, recipient_name, recipient_email };
        let (status, new) = rig.post(&serde_json::from_slice(&wire::order_body(&wish)).unwrap()).await.unwrap();
        assert_eq!(status, 200);
        let (_, known) = rig.get(external_id).await.unwrap();
        let [new, known] = [new, known].map(|body| wire::made(body.to_string().as_bytes()).unwrap());
        assert_eq!(new, known);
        let order = rig.tremendous.order(external_id).unwrap();
        assert_eq!((&new.order_id, new.reward_id.as_ref()), (&order.id, Some(&order.reward_id)));
        assert_eq!((new.link.is_some(), &new.link), (recipient_email.is_none(), &order.link()));
        assert_eq!(wire::differs(&new, money, recipient_email), None);
        assert_eq!((new.money, new.email.as_deref()), (Some(money), recipient_email));
        assert_eq!(wire::progress(&new), Progress::Settled);
    }
    assert_eq!(rig.tremendous.order("p-1").unwrap().delivery, "PENDING");
}

#[tokio::test]
async fn orders_move() {
    let rig = rig().await;
    let tremendous = &rig.tremendous;
    tremendous.require_approval(true);
    for name in ["approved", "cancelled", "failed"] {
        assert_eq!(rig.status(&wish(name)).await, Some(202));
        assert_eq!(rig.progress(name).await, Progress::Open);
        assert!(!tremendous.deliver(name));
    }
    assert_eq!(rig.get("approved").await.unwrap().1["order"]["status"], "PENDING APPROVAL");
    assert!(tremendous.approve("approved") && tremendous.cancel("cancelled") && tremendous.fail("failed"));
    let rows = [("approved", Progress::Settled), ("cancelled", Progress::Cancelled), ("failed", Progress::Failed)];
    for (name, expected) in rows {
        assert_eq!(rig.progress(name).await, expected, "{name}");
        assert!(!tremendous.approve(name));
    }
    assert!(!tremendous.cancel("failed") && !tremendous.fail("cancelled"));
    for name in ["none", ""] {
        assert!(!tremendous.approve(name) && !tremendous.cancel(name) && !tremendous.deliver(name));
    }

    tremendous.require_approval(false);
    tremendous.deliver_later(true);
    assert_eq!(rig.status(&wish("later")).await, Some(200));
    assert_eq!(tremendous.order("later").unwrap().delivery, "SCHEDULED");
    assert_eq!(rig.progress("later").await, Progress::Open);
    assert!(tremendous.bounce("later"));
    assert_eq!(rig.progress("later").await, Progress::Undelivered);
    assert!(tremendous.deliver("later"));
    assert_eq!(rig.progress("later").await, Progress::Settled);
    let id = tremendous.order("later").unwrap().id;
    assert!(tremendous.cancel(&id));
    assert_eq!(rig.progress("later").await, Progress::Cancelled);
}

#[tokio::test]
async fn money_is_taken_and_comes_back() {
    let rig = rig().await;
    let tremendous = &rig.tremendous;
    let left = || tremendous.balance(usd(0).currency).map(|money| money.minor);
    assert_eq!(left(), None);
    tremendous.set_balance(usd(1_000));
    assert_eq!(rig.status(&wish("p-1")).await, Some(200));
    assert_eq!(left(), Some(101));
    assert_eq!(rig.status(&wish("p-1")).await, Some(201));
    let (status, body) = rig.post(&wish("p-2")).await.unwrap();
    assert_eq!((status, left()), (402, Some(101)));
    assert!(body["errors"]["message"].as_str().unwrap().starts_with("Not enough funds"));
    assert_eq!(tremendous.order("p-2").map(|order| order.id), None);
    let euros = but(wish("p-3"), "/reward/value/currency_code", json!("EUR"));
    assert_eq!(rig.status(&euros).await, Some(200));

    assert!(tremendous.cancel("p-1"));
    assert_eq!(left(), Some(1_000));
    assert_eq!(rig.status(&wish("p-2")).await, Some(200));
    tremendous.require_approval(true);
    assert_eq!(rig.status(&wish("p-4")).await, Some(202));
    assert_eq!(left(), Some(101));
    assert!(tremendous.approve("p-4"));
    assert_eq!((rig.progress("p-4").await, left()), (Progress::Failed, Some(101)));
}

#[tokio::test]
async fn faults_strike_one_operation() {
    let rig = rig().await;
    let faults = rig.tremendous.faults();
    faults.next(Some(Op::CreateOrder), 1, Fault::DropBefore);
    faults.next(Some(Op::CreateOrder), 1, Fault::AcceptThenDrop);
    faults.next(Some(Op::CreateOrder), 1, Fault::Status(500));
    faults.next(Some(Op::GetOrder), 1, Fault::TooMany { retry_after: Some(2) });
    faults.next(None, 1, Fault::Code(5_000_001));
    assert_eq!(rig.status(&wish("p-1")).await, None);
    assert!(rig.tremendous.orders().is_empty());
    assert_eq!(rig.status(&wish("p-1")).await, None);
    assert_eq!(rig.tremendous.orders().len(), 1);
    rig.clock.set(NOW.plus(Span::minutes(1)));
    let (status, body) = rig.post(&wish("p-1")).await.unwrap();
    assert_eq!((status, &body["errors"]["message"]), (500, &json!("Something went wrong. We have been notified")));
    let (status, body) = rig.get("p-1").await.unwrap();
    assert_eq!((status, &body["error"]["message"]), (429, &json!("Too many requests")));
    assert_eq!(rig.get("p-1").await.map(|answer| answer.0), Some(200));
    assert_eq!(rig.status(&wish("p-1")).await, Some(201));
    let seen: Vec<_> =
        rig.tremendous.calls().into_iter().map(|call| (call.external_id, call.status, call.at)).collect();
    let later = NOW.plus(Span::minutes(1));
    let name = || Some("p-1".to_owned());
    let expected = [
        (name(), None, NOW),
        (name(), None, NOW),
        (name(), Some(500), later),
        (None, Some(429), later),
        (None, Some(200), later),
        (name(), Some(201), later),
    ];
    assert_eq!(seen, expected);
    assert_eq!(rig.tremendous.calls()[3].path, "/api/v2/orders/p-1");
}

#[tokio::test]
async fn webhooks_are_signed() {
    let rig = rig().await;
    rig.status(&wish("p-1")).await.unwrap();
    let order = rig.tremendous.order("p-1").unwrap();
    let rows = [
        ("ORDERS.APPROVED", "p-1", "orders", &order.id),
        ("REWARDS.DELIVERY.SUCCEEDED", order.id.as_str(), "rewards", &order.reward_id),
    ];
    let mut uuids = Vec::new();
    for (kind, name, resource, id) in rows {
        let (signature, body) = rig.tremendous.webhook(kind, name).unwrap();
        assert!(tremendous_signature_holds(&signature, b"hook", &body));
        assert!(!tremendous_signature_holds(&signature, b"other", &body));
        let event = wire::event(&body).unwrap();
        assert_eq!((event.kind.as_deref(), event.resource), (Some(kind), Some((resource.to_owned(), id.clone()))));
        uuids.push(event.uuid.unwrap());
    }
    assert_ne!(uuids[0], uuids[1]);
    assert!(rig.tremendous.webhook("ORDERS.CREATED", "none").is_none());
    assert!(SIGNATURE_HEADER.eq_ignore_ascii_case(TREMENDOUS_SIGNATURE));
}
