//! What the demonstration is played on: stand-ins, the real appliance over a folder that goes away
//! with it, and hands to call them.

mod set;

use super::super::house::House;
use crate::clock::Clock;
use crate::config::{Secret, init::token};
use crate::domain::policy::Environment;
use crate::entropy::Entropy;
use crate::fake::app_store_connect::AppStoreConnect;
use crate::fake::app_store_server::AppStoreServer;
use crate::fake::apple_event::{Notification, Transaction};
use crate::fake::client::{Answer, call};
use crate::fake::revenuecat::RevenueCat;
use crate::fake::revenuecat_event::{Event, deliver};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::{Method, Request};
use serde_json::Value;
use std::fs::DirBuilder;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::{sleep, timeout};

pub const OFFER: &str = "REF30";
pub const PRODUCT: &str = "premium_monthly";
pub const BATCH: u32 = 20;
pub const DAYS: u32 = 30;

const DEADLINE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub struct Stage {
    pub house: House,
    pub apple: AppStoreConnect,
    pub store: AppStoreServer,
    pub revenuecat: RevenueCat,
    pub clock: Arc<dyn Clock>,
    pub url: String,
    pub admin_url: String,
    pub keys: Keys,
    // The last to go: the files in it are open before.
    folder: Folder,
}

/// Made for one demonstration and gone with it.
pub struct Keys {
    pub server: Secret,
    pub admin: Secret,
    pub webhook: Secret,
}

/// What a call came to.
pub struct Said {
    pub status: u16,
    /// Null where the answer is no JSON.
    pub body: Value,
    pub text: String,
}

impl Stage {
    pub async fn close(self) {
        self.house.stop().await;
        drop(self.folder);
    }

    /// A call of the team's backend on behalf of a user.
    pub async fn app(&self, user: &str, method: Method, target: &str, body: Option<Value>) -> Result<Said> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.url))
            .header("authorization", format!("Bearer {}", self.keys.server.expose()))
            .header("x-referd-user", user)
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))?;
        sent(request).await
    }

    /// A call of anyone's browser.
    pub async fn anyone(&self, url: &str) -> Result<Said> {
        sent(Request::get(url).body(Bytes::new())?).await
    }

    /// What the private side answers.
    pub async fn admin(&self, target: &str) -> Result<Value> {
        let said = self.private(Method::GET, target, Bytes::new()).await?;
        ensure!(said.status == 200, "GET /admin{target}: expected 200, got {}", said.status);
        Ok(said.body)
    }

    /// A wish of the operator.
    pub async fn wish(&self, target: &str, body: &Value) -> Result<Said> {
        self.private(Method::POST, target, body.to_string().into()).await
    }

    async fn private(&self, method: Method, target: &str, body: Bytes) -> Result<Said> {
        let bearer = format!("Bearer {}", self.keys.admin.expose());
        let url = format!("{}/admin{target}", self.admin_url);
        sent(Request::builder().method(method).uri(url).header("authorization", bearer).body(body)?).await
    }

    /// The items of a list of the private side.
    pub async fn items(&self, target: &str) -> Result<Vec<Value>> {
        let body = self.admin(target).await?;
        Ok(body["items"].as_array().cloned().unwrap_or_default())
    }

    /// One attempt of RevenueCat at its webhook.
    pub async fn webhook(&self, authorization: &str, event: &Event) -> Result<Said> {
        let url = format!("{}/webhooks/revenuecat", self.url);
        Ok(deliver(&url, Some(authorization), None, event.body(), self.clock.now()).await?.into())
    }

    /// Apple's first attempt at a notification, in its own word.
    pub async fn notified(&self, notification: &Notification) -> Result<&'static str> {
        let uuid = self.store.notify(notification).await;
        let attempts = self.store.attempts(&uuid);
        Ok(attempts.last().context("expected an attempt of Apple's, got none")?.result)
    }

    /// The same while App Store Connect holds an address where nobody listens.
    pub async fn missed(&self, notification: &Notification) -> Result<&'static str> {
        // Bound and not listening: connections are refused, and nobody else gets the port.
        let nobody = TcpSocket::new_v4()?;
        nobody.bind(ANY_PORT)?;
        let url = format!("http://{}/webhooks/apple", nobody.local_addr()?);
        self.store.set_notification_url(Environment::Production, Some(&url));
        let result = self.notified(notification).await;
        self.store.set_notification_url(Environment::Production, Some(&self.notification_url(Environment::Production)));
        result
    }

    /// A purchase as the device has it.
    pub fn on_device(&self, transaction: &Transaction) -> String {
        let store = &self.store;
        transaction.clone().on_device().signed(store.chain(), store.app(), self.clock.now())
    }
}

impl From<Answer> for Said {
    fn from(answer: Answer) -> Said {
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Said { status: answer.status, body, text: String::from_utf8_lossy(&answer.body).into_owned() }
    }
}

async fn sent(request: Request<Bytes>) -> Result<Said> {
    let what = format!("{} {}", request.method(), request.uri().path());
    let answer = timeout(DEADLINE, call(request)).await.with_context(|| format!("{what}: no answer in time"))?;
    Ok(answer.with_context(|| what)?.into())
}

/// Looks until what is looked for is there.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let looking = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            sleep(PAUSE).await;
        }
    };
    let found = timeout(DEADLINE, looking).await;
    found.with_context(|| format!("expected {what} within {} s, got none", DEADLINE.as_secs()))?
}

/// A private folder that is removed with everything in it, however the demonstration ends.
struct Folder(PathBuf);

impl Folder {
    fn make(entropy: &dyn Entropy) -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("referd-demo-{}", token(entropy)));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::error!(path = %self.0.display(), %error, "the demonstration's folder was not removed");
        }
    }
}
