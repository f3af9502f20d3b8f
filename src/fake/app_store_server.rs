//! A stand-in for Apple's side of the App Store Server API and of server notifications, with a host for each
//! environment. It signs with its own chain, and sends what it is told to as often as Apple would.

mod consumption;
mod extension;
mod history;
mod outbox;
mod purchases;
mod refusal;
mod routes;
mod token;

pub use crate::fake::token::{Key, fresh_key};
pub use outbox::Attempt;

use crate::clock::Clock;
use crate::domain::at::At;
use crate::domain::policy::Environment;
use crate::fake::apple_chain::Chain;
use crate::fake::apple_event::{App, Notification, RenewalInfo, Transaction};
use crate::fake::calls::{Call as Seen, Calls};
use crate::fake::faults::Faults;
use crate::fake::lock;
use crate::fake::stand::Stand;
use axum::http::Method;
use bytes::Bytes;
use consumption::Consumptions;
use outbox::Outbox;
use purchases::Purchases;
use serde_json::Value;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

pub struct Setup {
    /// An In-App Purchase key.
    pub key: Key,
    pub clock: Arc<dyn Clock>,
    pub chain: Arc<Chain>,
    pub app: App,
}

/// The running stand-in, to inspect and to steer. Dropped, it stops.
pub struct AppStoreServer {
    production: Stand,
    sandbox: Stand,
    store: Arc<Store>,
    calls: Calls,
    faults: Faults,
}

/// One request as it came, and the host it came to.
#[derive(Clone)]
pub struct Call {
    pub environment: Environment,
    pub method: Method,
    /// As it was sent, without the query.
    pub path: String,
    pub body: Bytes,
    /// None: nothing was answered.
    pub status: Option<u16>,
    pub at: At,
}

// Paths hold transaction ids, bodies tokens.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} in {:?} at {:?}: {:?})", self.method, self.environment, self.at, self.status)
    }
}

impl AppStoreServer {
    pub async fn start(setup: Setup) -> io::Result<AppStoreServer> {
        let (production, sandbox) = (Stand::bind().await?, Stand::bind().await?);
        let (calls, faults) = (Calls::new(setup.clock.clone()), Faults::default());
        let store = Arc::new(Store { setup, production: Mutex::default(), sandbox: Mutex::default() });
        let router = |environment| routes::router(store.clone(), environment, &faults, &calls);
        let production = production.serve(router(Environment::Production));
        let sandbox = sandbox.serve(router(Environment::Sandbox));
        Ok(AppStoreServer { production, sandbox, store, calls, faults })
    }
    pub fn production_url(&self) -> &str {
        self.production.base_url()
    }
    pub fn sandbox_url(&self) -> &str {
        self.sandbox.base_url()
    }
    /// Strike on both hosts.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
    /// To both hosts, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.seen().into_iter().map(|seen| self.call(seen)).collect()
    }
    /// What signs everything here.
    pub fn chain(&self) -> &Chain {
        &self.store.setup.chain
    }
    pub fn app(&self) -> &App {
        &self.store.setup.app
    }

    /// A purchase that can be asked for from now on, in the environment of its transaction, and as it is by now.
    pub fn add(&self, transaction: &Transaction, renewal: Option<&RenewalInfo>) {
        let now = self.store.now();
        self.store.side(transaction.environment()).purchases.keep(transaction, renewal, now);
    }
    /// The token that was set for a purchase through the API.
    pub fn token(&self, environment: Environment, original_transaction_id: &str) -> Option<String> {
        self.store.side(environment).purchases.token(original_transaction_id)
    }

    /// How its renewal date was extended through the API: days, reason and request identifier, in order.
    pub fn extensions(&self, original_transaction_id: &str) -> Vec<(u32, u8, String)> {
        let of = |environment| {
            let side = self.store.side(environment);
            let all = side.purchases.extensions(original_transaction_id);
            all.map(|one| (one.days, one.reason, one.request.clone())).collect::<Vec<_>>()
        };
        BOTH.into_iter().flat_map(of).collect()
    }

    /// What was said of a purchase whose refund is asked for, in order: the shape's number and the body.
    pub fn consumptions(&self, transaction_id: &str) -> Vec<(u8, Value)> {
        BOTH.into_iter().flat_map(|environment| self.store.side(environment).consumptions.of(transaction_id)).collect()
    }

    /// Where notifications go, as it is set in App Store Connect; at first nowhere.
    pub fn set_notification_url(&self, environment: Environment, url: Option<&str>) {
        self.store.side(environment).url = url.map(str::to_owned);
    }
    /// Whether a notification that a call sets off, like a TEST, waits for [`AppStoreServer::send_due`].
    pub fn hold(&self, hold: bool) {
        for environment in BOTH {
            self.store.side(environment).holds = hold;
        }
    }
    /// Signs it, files it and makes the first attempt; its purchase can be asked for from now on. Without an address
    /// it is not sent and stands in no history. One that was sent before is sent once more, as it was.
    pub async fn notify(&self, notification: &Notification) -> String {
        let environment = notification.environment();
        if let Some(place) = self.store.file(notification) {
            self.store.attempt(environment, place).await;
        }
        notification.uuid()
    }
    /// Makes every attempt that is due; says how many.
    pub async fn send_due(&self) -> usize {
        let now = self.store.now();
        let mut made = 0;
        for environment in BOTH {
            let due = self.store.side(environment).outbox.due(now);
            for place in due {
                made += usize::from(self.store.attempt(environment, place).await);
            }
        }
        made
    }
    /// When the next attempt is due.
    pub fn next_attempt(&self) -> Option<At> {
        BOTH.into_iter().filter_map(|environment| self.store.side(environment).outbox.next()).min()
    }
    pub fn attempts(&self, uuid: &str) -> Vec<Attempt> {
        BOTH.into_iter().find_map(|environment| self.store.side(environment).outbox.attempts(uuid)).unwrap_or_default()
    }

    fn call(&self, seen: Seen) -> Call {
        let Seen { host, method, path, body, status, at, .. } = seen;
        let in_sandbox = host.is_some_and(|host| self.sandbox.base_url().ends_with(&format!("//{host}")));
        let environment = if in_sandbox { Environment::Sandbox } else { Environment::Production };
        Call { environment, method, path, body, status, at }
    }
}

const BOTH: [Environment; 2] = [Environment::Production, Environment::Sandbox];

struct Store {
    setup: Setup,
    production: Mutex<Side>,
    sandbox: Mutex<Side>,
}

/// What one environment knows; nothing is shared between them.
#[derive(Default)]
struct Side {
    purchases: Purchases,
    consumptions: Consumptions,
    outbox: Outbox,
    url: Option<String>,
    holds: bool,
}

impl Store {
    fn now(&self) -> At {
        self.setup.clock.now()
    }
    fn side(&self, environment: Environment) -> MutexGuard<'_, Side> {
        match environment {
            Environment::Production => lock(&self.production),
            Environment::Sandbox => lock(&self.sandbox),
        }
    }

    /// The place of a notification in the outbox, due now; `None` where there is no address.
    fn file(&self, notification: &Notification) -> Option<usize> {
        let now = self.now();
        let uuid = notification.uuid();
        let mut side = self.side(notification.environment());
        if let Some(place) = side.outbox.again(&uuid, now) {
            return Some(place);
        }
        let notification = side.purchases.told(notification);
        side.url.as_ref()?;
        drop(side);
        let signed = notification.signed(&self.setup.chain, &self.setup.app);
        Some(self.side(notification.environment()).outbox.file(&notification, signed, now))
    }

    /// Makes the first attempt beside the answer to the call that set it off, unless it is held.
    fn send(self: &Arc<Store>, environment: Environment, place: usize) {
        if !self.side(environment).holds {
            let store = self.clone();
            tokio::spawn(async move { store.attempt(environment, place).await });
        }
    }

    /// Whether an attempt was due and there was an address for it.
    async fn attempt(&self, environment: Environment, place: usize) -> bool {
        let (url, body, at) = {
            let mut side = self.side(environment);
            let Some(body) = side.outbox.take(place) else { return false };
            let Some(url) = side.url.clone() else { return false };
            (url, body, self.now())
        };
        let result = outbox::send(&url, body).await;
        self.side(environment).outbox.record(place, Attempt { at, result }, environment);
        true
    }
}

#[cfg(test)]
mod tests;
