//! A stand-in for Tremendous: it keeps orders of one reward by the names that their makers gave them.

mod books;
mod order;
mod routes;

pub use order::Order;

use crate::clock::Clock;
use crate::domain::at::At;
use crate::domain::money::{Currency, Money};
use crate::fake::calls::{Call as Seen, Calls};
use crate::fake::faults::Faults;
use crate::fake::stand::Stand;
use crate::fake::{hex, lock, timestamp, uuid};
use axum::http::Method;
use books::Books;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub const SIGNATURE_HEADER: &str = "Tremendous-Webhook-Signature";

/// What stands before every path.
const VERSION: &str = "/api/v2";

pub struct Setup {
    pub api_key: String,
    /// The `private_key` of the organisation's one webhook.
    pub webhook_key: String,
    pub clock: Arc<dyn Clock>,
}

/// The running stand-in, to inspect and to steer. Dropped, it stops. Orders are named by either of their ids.
pub struct Tremendous {
    /// Serves for as long as it is held.
    _stand: Stand,
    base_url: String,
    house: Arc<House>,
    calls: Calls,
    faults: Faults,
}

/// One request as it came, with what it asked for.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub path: String,
    /// The name of the order that is to be made.
    pub external_id: Option<String>,
    /// None: nothing was answered.
    pub status: Option<u16>,
    pub at: At,
}

impl From<Seen> for Call {
    fn from(seen: Seen) -> Call {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let external_id = body["external_id"].as_str().map(str::to_owned);
        Call { method: seen.method, path: seen.path, external_id, status: seen.status, at: seen.at }
    }
}

struct House {
    setup: Setup,
    books: Mutex<Books>,
}

impl Tremendous {
    pub async fn start(setup: Setup) -> io::Result<Tremendous> {
        let bound = Stand::bind().await?;
        let (calls, faults) = (Calls::new(setup.clock.clone()), Faults::default());
        let house = Arc::new(House { setup, books: Mutex::default() });
        let stand = bound.serve(routes::router(house.clone(), &faults, &calls));
        let base_url = format!("{}{VERSION}", stand.base_url());
        Ok(Tremendous { _stand: stand, base_url, house, calls, faults })
    }
    /// With the version.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
    pub fn calls(&self) -> Vec<Call> {
        self.calls.seen().into_iter().map(Call::from).collect()
    }
    /// Changes with every call.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.calls.changed()
    }

    /// In the order in which they were made.
    pub fn orders(&self) -> Vec<Order> {
        lock(&self.house.books).orders.clone()
    }
    pub fn order(&self, name: &str) -> Option<Order> {
        lock(&self.house.books).named(name).cloned()
    }

    /// From now on there is this much to spend in the currency. Where nothing was set there is no end.
    pub fn set_balance(&self, money: Money) {
        lock(&self.house.books).balances.insert(money.currency, money.minor);
    }
    pub fn balance(&self, currency: Currency) -> Option<Money> {
        let minor = lock(&self.house.books).balances.get(&currency).copied();
        minor.map(|minor| Money::new(minor, currency))
    }
    /// Whether new orders wait for somebody of the organisation.
    pub fn require_approval(&self, required: bool) {
        lock(&self.house.books).needs_approval = required;
    }
    /// Whether the e-mails of new orders are only scheduled, until [`Tremendous::deliver`].
    pub fn deliver_later(&self, later: bool) {
        lock(&self.house.books).delivers_later = later;
    }
    /// Whether a name that is taken gives its order whatever else is asked for, as in 2024, and no 409.
    pub fn ignore_differences(&self, ignored: bool) {
        lock(&self.house.books).ignores_differences = ignored;
    }

    /// Carries out an order that waits; without funds it fails. False, here and below: there is none to be moved so.
    pub fn approve(&self, name: &str) -> bool {
        lock(&self.house.books).approve(name)
    }
    /// Ends an order that waits or was carried out; its money comes back.
    pub fn cancel(&self, name: &str) -> bool {
        lock(&self.house.books).end(name, order::CANCELED)
    }
    /// Like a cancellation, with the other word.
    pub fn fail(&self, name: &str) -> bool {
        lock(&self.house.books).end(name, order::FAILED)
    }
    /// The e-mail arrives, or the link is opened.
    pub fn deliver(&self, name: &str) -> bool {
        lock(&self.house.books).deliver(name, order::SUCCEEDED)
    }
    /// The e-mail does not arrive.
    pub fn bounce(&self, name: &str) -> bool {
        lock(&self.house.books).deliver(name, order::FAILED)
    }

    /// The signature and the body of a webhook about an order or (`REWARDS.…`) its reward. Each has its own `uuid`;
    /// what is sent again are the same bytes.
    pub fn webhook(&self, event: &str, name: &str) -> Option<(String, Bytes)> {
        let setup = &self.house.setup;
        let mut books = lock(&self.house.books);
        let order = books.named(name)?;
        let (kind, id) =
            if event.starts_with("REWARDS.") { ("rewards", &order.reward_id) } else { ("orders", &order.id) };
        let resource = json!({"id": id, "type": kind});
        books.events += 1;
        let body = json!({
            "event": event,
            "uuid": uuid(&[b"tremendous", &books.events.to_be_bytes()]),
            "created_utc": timestamp(setup.clock.now()).to_string(),
            "payload": {"resource": resource, "meta": {}},
        });
        let body = Bytes::from(body.to_string());
        Some((signature(&setup.webhook_key, &body), body))
    }
}

/// The header's value: an HMAC over the raw body.
pub fn signature(webhook_key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(webhook_key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests;
