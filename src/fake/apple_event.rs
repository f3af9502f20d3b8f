//! What Apple signs, in its own key order and shapes: transactions, renewal information, app transactions and
//! notifications. Builders give every field that its kind carries; any of them can be changed or removed.

mod app_transaction;
mod notification;
mod renewal;
mod transaction;

pub use app_transaction::AppTransaction;
pub use notification::Notification;
pub use renewal::RenewalInfo;
pub use transaction::Transaction;

use super::client::{Answer, CallError, call};
use super::digest;
use crate::domain::at::{At, Span};
use crate::domain::policy::Environment;
use axum::http::{Request, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Apple publishes none; half a minute is called far too long.
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES_HOURS: [i64; 5] = [1, 12, 24, 48, 72];

/// What the signed data say of the app itself.
#[derive(Clone, Debug)]
pub struct App {
    pub bundle_id: String,
    /// The app's numeric id.
    pub apple_id: u64,
}

/// Members of a payload, which are put in Apple's order when they are signed.
#[derive(Clone, Default)]
struct Fields {
    set: Map<String, Value>,
    removed: BTreeSet<String>,
}

impl Fields {
    fn of(fields: Value) -> Fields {
        let Value::Object(set) = fields else { return Fields::default() };
        Fields { set, removed: BTreeSet::new() }
    }
    fn set(&mut self, field: &str, value: Value) {
        self.removed.remove(field);
        self.set.insert(field.to_owned(), value);
    }
    fn remove(&mut self, field: &str) {
        self.set.remove(field);
        self.removed.insert(field.to_owned());
    }
    fn forget(&mut self, field: &str) {
        self.set.remove(field);
    }
    /// Sets what was neither set nor removed.
    fn fill(&mut self, field: &str, value: Value) {
        if !self.removed.contains(field) && !self.set.contains_key(field) {
            self.set.insert(field.to_owned(), value);
        }
    }
    fn text(&self, field: &str) -> Option<&str> {
        self.set.get(field)?.as_str()
    }
    fn time(&self, field: &str) -> Option<At> {
        self.set.get(field)?.as_i64().map(At)
    }
    /// All of them in this order, and those it does not know at the end. What is nested stands where nothing else was
    /// set.
    fn ordered(self, order: &[&str], nested: Option<(&str, Box<RawValue>)>) -> Box<RawValue> {
        let nested = nested.filter(|(name, _)| !self.removed.contains(*name) && !self.set.contains_key(*name));
        let nested = nested.map(|(name, value)| (name.to_owned(), value.to_string()));
        let own = self.set.into_iter().map(|(name, value)| (name, value.to_string()));
        let mut members: Vec<(String, String)> = own.chain(nested).collect();
        members.sort_by_key(|(name, _)| order.iter().position(|known| known == name).unwrap_or(order.len()));
        let members = members.iter().map(|(name, value)| format!("{}:{value}", json!(name)));
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        RawValue::from_string(text).expect("members that are JSON make an object that is")
    }
}

/// Apple's word for an environment.
pub fn word(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "Production",
        Environment::Sandbox => "Sandbox",
    }
}

/// A status as its number (Apple, `status`), as the latest transaction and what is known of its renewal show it.
pub fn status(transaction: &Transaction, renewal: Option<&RenewalInfo>, at: At) -> u8 {
    if transaction.is_revoked() {
        return 5;
    }
    if transaction.expires_at().is_none_or(|end| at < end) {
        return 1;
    }
    match renewal {
        Some(renewal) if renewal.grace_until().is_some_and(|end| at < end) => 4,
        Some(renewal) if renewal.is_retried() => 3,
        _ => 2,
    }
}

/// A number that looks random, of so many digits, as text.
fn number(of: &str, id: &str, digits: usize) -> String {
    let digest = digest(&[of.as_bytes(), id.as_bytes()]);
    let digit = |byte: &u8| char::from(b'0' + byte % 10);
    "7".chars().chain(digest[1..].iter().map(digit)).take(digits).collect()
}

/// The proof for one device (`deviceVerification`): 48 bytes in Base64, as SHA-384 gives.
fn device_verification(of: &str) -> String {
    let (first, second) = (digest(&[b"device", of.as_bytes()]), digest(&[b"verification", of.as_bytes()]));
    STANDARD.encode([&first[..], &second[..16]].concat())
}

/// The body of a notification, version 2.
pub fn body(signed: &str) -> Bytes {
    json!({ "signedPayload": signed }).to_string().into()
}

/// The body of a notification, version 1, which nobody signed.
pub fn v1_body(kind: &str, transaction: &Transaction, app: &App, at: At) -> Bytes {
    let environment = if transaction.environment() == Environment::Production { "PROD" } else { "Sandbox" };
    let product = transaction.product_id();
    let latest = json!({
        "quantity": "1",
        "product_id": product,
        "transaction_id": transaction.id(),
        "original_transaction_id": transaction.original_id(),
        "purchase_date_ms": transaction.purchased_at().0.to_string(),
    });
    json!({
        "notification_type": kind,
        "password": "0123456789abcdef0123456789abcdef",
        "environment": environment,
        "auto_renew_product_id": product,
        "auto_renew_status": "true",
        "unified_receipt": {
            "environment": word(transaction.environment()),
            "latest_receipt": "",
            "latest_receipt_info": [latest],
            "status": 0,
        },
        "bid": app.bundle_id,
        "bvrs": "42",
        "notification_date_ms": at.0.to_string(),
    })
    .to_string()
    .into()
}

/// How long Apple waits after a failed attempt in production, the first being 1; `None`: it gives up.
pub fn retry_after(attempt: u32) -> Option<Span> {
    let place = usize::try_from(attempt.checked_sub(1)?).ok()?;
    RETRIES_HOURS.get(place).map(|hours| Span::hours(*hours))
}

/// One attempt at delivery.
pub async fn deliver(url: &str, body: Bytes) -> Result<Answer, CallError> {
    let request = Request::post(url).header(header::CONTENT_TYPE, "application/json").body(body);
    let request = request.map_err(|_| CallError::Address)?;
    tokio::time::timeout(TIMEOUT, call(request)).await.map_err(|_| CallError::Timeout)?
}

#[cfg(test)]
mod tests;
