//! One custom code: the request that asks for it, and its resource.

use super::refusal::{Flaw, Refusal};
use super::shape::{Shape, created_date, date, day, text};
use crate::domain::at::{At, Date};
use axum::http::StatusCode;
use serde_json::{Value, json};

pub const TYPE: &str = "subscriptionOfferCodeCustomCodes";

/// Apple documents no bounds; fewer were refused, and no upper bound was met.
const FEWEST: u32 = 500;

#[derive(Clone)]
pub struct CustomCode {
    pub id: String,
    pub offer: String,
    pub code: String,
    pub number: u32,
    pub expires: Option<Date>,
    pub active: bool,
    pub created: At,
}

/// What a well-formed POST asks for. There is no sandbox for custom codes, and no attribute to ask for one.
pub struct Wish {
    pub offer: String,
    pub code: String,
    pub number: i64,
    pub expires: Option<Date>,
}

impl Wish {
    pub fn read(body: &Value) -> Result<Wish, Refusal> {
        let mut shape = Shape::default();
        let (attributes, offer) = shape.creation(body, TYPE, &["customCode", "numberOfCodes"], &["expirationDate"]);
        let code = shape.attribute(attributes, "customCode", text);
        let number = shape.attribute(attributes, "numberOfCodes", Value::as_i64);
        let expires = shape.attribute(attributes, "expirationDate", date);
        shape.finish()?;
        match (offer, code, number) {
            (Some(offer), Some(code), Some(number)) => Ok(Wish { offer, code, number, expires }),
            _ => Err(Refusal::plain(StatusCode::UNPROCESSABLE_ENTITY)),
        }
    }

    pub fn flaws(&self, others: &[CustomCode], now: At) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if !u32::try_from(self.number).is_ok_and(|number| number >= FEWEST) {
            flaws.push(Flaw::attribute("numberOfCodes", "Invalid number of codes"));
        }
        if self.code.is_empty() || !self.code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            flaws.push(Flaw::attribute("customCode", "A custom code has letters and digits only."));
        }
        // One that has ended keeps its text.
        if others.iter().any(|other| other.offer == self.offer && other.code.eq_ignore_ascii_case(&self.code)) {
            flaws.push(Flaw::attribute("customCode", format!("{} is a code of this offer already.", self.code)));
        }
        flaws.extend(self.expires.and_then(|expires| Flaw::past(expires, now)));
        flaws
    }
}

impl CustomCode {
    pub fn resource(&self, base_url: &str) -> Value {
        let mut attributes = json!({
            "customCode": self.code,
            "numberOfCodes": self.number,
            "createdDate": created_date(self.created),
            "active": self.active,
        });
        if let Some(expires) = self.expires {
            attributes["expirationDate"] = day(expires).into();
        }
        let own = format!("{base_url}/v1/{TYPE}/{}", self.id);
        json!({"type": TYPE, "id": self.id, "attributes": attributes, "links": {"self": own}})
    }
}
