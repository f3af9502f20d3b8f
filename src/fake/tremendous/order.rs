//! An order of one reward: as it is asked for, kept and shown.

use crate::domain::at::At;
use crate::domain::money::{Currency, Decimal, Money};
use crate::fake::{digest, timestamp};
use serde_json::{Value, json};
use std::fmt;

pub const EXECUTED: &str = "EXECUTED";
pub const PENDING_APPROVAL: &str = "PENDING APPROVAL";
pub const CANCELED: &str = "CANCELED";
/// Of an order or of a delivery.
pub const FAILED: &str = "FAILED";

pub const PENDING: &str = "PENDING";
pub const SCHEDULED: &str = "SCHEDULED";
pub const SUCCEEDED: &str = "SUCCEEDED";

#[derive(Clone)]
pub struct Order {
    pub id: String,
    pub reward_id: String,
    pub external_id: Option<String>,
    /// In Tremendous' words, as is `delivery`.
    pub status: &'static str,
    pub delivery: &'static str,
    pub method: String,
    pub money: Money,
    pub recipient_name: String,
    pub recipient_email: Option<String>,
    pub campaign_id: Option<String>,
    pub funding_source_id: String,
    pub at: At,
    asked: Value,
}

// Names and addresses are somebody's.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { id, external_id, money, status, method, delivery, .. } = self;
        write!(f, "Order({id}, {external_id:?} of {money:?}: {status}, {method} {delivery})")
    }
}

/// A request that can be carried out.
pub struct Wish {
    pub external_id: Option<String>,
    money: Money,
    method: String,
    recipient_name: String,
    recipient_email: Option<String>,
    campaign_id: Option<String>,
    funding_source_id: String,
    asked: Value,
}

/// What is wrong with a request, and with which of its fields.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    NoJson,
    Field(&'static [&'static str], &'static str),
}

impl Wish {
    pub fn read(body: &[u8]) -> Result<Wish, Wrong> {
        let asked: Value = serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(Wrong::NoJson)?;
        let text = |value: &Value| value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        let (reward, recipient) = (&asked["reward"], &asked["reward"]["recipient"]);
        let funding = &["payment", "funding_source_id"];
        let funding_source_id =
            text(&asked["payment"]["funding_source_id"]).ok_or(Wrong::Field(funding, "is missing"))?;
        let campaign_id = text(&reward["campaign_id"]);
        let has_products = reward["products"].as_array().is_some_and(|products| !products.is_empty());
        if campaign_id.is_none() && !has_products {
            return Err(Wrong::Field(&["reward", "products"], "At least one valid product required"));
        }
        let (recipient_name, recipient_email) = (text(&recipient["name"]), text(&recipient["email"]));
        let recipient_name = recipient_name.ok_or(Wrong::Field(&["reward", "recipient", "name"], "is missing"))?;
        let method = text(&reward["delivery"]["method"]).unwrap_or_else(|| "EMAIL".to_owned());
        let is_address = |email: &str| {
            email
                .split_once('@')
                .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
        };
        match method.as_str() {
            "EMAIL" if !recipient_email.as_deref().is_some_and(is_address) => {
                return Err(Wrong::Field(&["reward", "recipient", "email"], "is not a valid email"));
            }
            "PHONE" if text(&recipient["phone"]).is_none() => {
                return Err(Wrong::Field(&["reward", "recipient", "phone"], "is missing"));
            }
            "EMAIL" | "PHONE" | "LINK" => {}
            _ => return Err(Wrong::Field(&["reward", "delivery", "method"], "does not have a valid value")),
        }
        Ok(Wish {
            external_id: text(&asked["external_id"]),
            money: money(&reward["value"])?,
            method,
            recipient_name,
            recipient_email,
            campaign_id,
            funding_source_id,
            asked,
        })
    }
}

fn money(value: &Value) -> Result<Money, Wrong> {
    let currency = value["currency_code"].as_str().and_then(Currency::parse);
    let currency =
        currency.ok_or(Wrong::Field(&["reward", "value", "currency_code"], "does not have a valid value"))?;
    let number = value["denomination"].as_number().and_then(|number| Decimal::parse(&number.to_string()));
    let money = number.and_then(|number| number.money(currency)).filter(|money| money.minor > 0);
    money.ok_or(Wrong::Field(&["reward", "value", "denomination"], "must be greater than 0"))
}

impl Order {
    pub fn new(wish: Wish, serial: usize, at: At) -> Order {
        Order {
            id: id("order", serial),
            reward_id: id("reward", serial),
            external_id: wish.external_id,
            status: PENDING_APPROVAL,
            delivery: PENDING,
            method: wish.method,
            money: wish.money,
            recipient_name: wish.recipient_name,
            recipient_email: wish.recipient_email,
            campaign_id: wish.campaign_id,
            funding_source_id: wish.funding_source_id,
            at,
            asked: wish.asked,
        }
    }

    pub fn is_named(&self, name: &str) -> bool {
        self.id == name || self.external_id.as_deref() == Some(name)
    }

    pub fn is_of(&self, wish: &Wish) -> bool {
        self.asked == wish.asked
    }

    /// Where a reward of method LINK is to be had.
    pub fn link(&self) -> Option<String> {
        let is_there = self.method == "LINK" && self.status == EXECUTED;
        is_there.then(|| format!("https://testflight.tremendous.com/rewards/payout/{}", self.reward_id.to_lowercase()))
    }

    /// A new order is shown with the list of its rewards, one that was there with its one reward.
    pub fn shown(&self, is_new: bool) -> Value {
        let created_at = timestamp(self.at).to_string();
        let denomination: Value = serde_json::from_str(&self.money.decimal()).unwrap_or_default();
        let mut reward = json!({
            "id": self.reward_id,
            "order_id": self.id,
            "created_at": created_at,
            "value": {"denomination": denomination, "currency_code": self.money.currency.as_str()},
            "recipient": {"name": self.recipient_name, "email": self.recipient_email},
            "delivery": {"method": self.method, "status": self.delivery},
        });
        if let Some(link) = self.link() {
            reward["delivery"]["link"] = json!(link);
        }
        let mut order = json!({
            "id": self.id,
            "external_id": self.external_id,
            "campaign_id": self.campaign_id,
            "created_at": created_at,
            "status": self.status,
            "payment": {"channel": "API"},
        });
        if is_new {
            order["rewards"] = json!([reward]);
        } else {
            order["reward"] = reward;
        }
        json!({ "order": order })
    }
}

/// Twelve capital letters and digits.
fn id(kind: &str, serial: usize) -> String {
    const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let bytes = digest(&[b"tremendous", kind.as_bytes(), &serial.to_be_bytes()]);
    bytes[..12].iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}
