//! What the demonstration is played on: stand-ins, the real appliance over a folder that goes away
//! with it, and hands to call them.

use super::super::house::{House, Motor};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, AdminListen, App, Auth, Campaign, Config, Secret, Server, Tls, init::token};
use crate::domain::policy::{Accept, AttributionRules, Environment, FraudRules, Kind, Policy, PoolRules, RewardRules};
use crate::entropy::{Entropy, SystemEntropy};
use crate::fake::app_store_connect::{self, AppStoreConnect, Offer, fresh_key};
use crate::fake::client::{Answer, call};
use crate::fake::revenuecat::{self, RevenueCat};
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

pub const CAMPAIGN: &str = "friends";
pub const OFFER: &str = "REF30";
pub const PRODUCT: &str = "premium_monthly";
pub const BATCH: u32 = 20;
pub const DAYS: u32 = 30;
const OFFER_CODE_ID: &str = "demo-offer-code";
const ENTITLEMENT: &str = "premium";
const APPLE_ID: u64 = 1_234_567_890;

const DEADLINE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub struct Stage {
    pub house: House,
    pub apple: AppStoreConnect,
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
    pub async fn set() -> Result<Stage> {
        let entropy = SystemEntropy;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = Folder::make(&entropy)?;
        let secret = || Secret::new(token(&entropy));
        let keys = Keys { server: secret(), admin: secret(), webhook: secret() };
        let (pem, key) = fresh_key(&entropy);
        let api_key = secret();

        let (key_id, issuer_id) = (key.id.clone(), key.issuer.clone());
        let offer = Offer { id: OFFER_CODE_ID.to_owned(), name: OFFER.to_owned(), active: true };
        let setup = app_store_connect::Setup::new(key, clock.clone(), vec![offer]);
        let apple = AppStoreConnect::start(setup).await.context("no port for App Store Connect's stand-in")?;
        let setup = revenuecat::Setup {
            api_key: api_key.expose().to_owned(),
            entitlements: vec![ENTITLEMENT.to_owned()],
            clock: clock.clone(),
        };
        let revenuecat = RevenueCat::start(setup).await.context("no port for RevenueCat's stand-in")?;

        // The public address must be known before the start. A socket that is bound and does not
        // listen keeps the port free for another one with the same option (socket(7), SO_REUSEADDR).
        let reserved = TcpSocket::new_v4()?;
        reserved.set_reuseaddr(true)?;
        reserved.bind(ANY_PORT)?;
        let listen = reserved.local_addr()?;
        let url = format!("http://{listen}");

        let app = App {
            name: "demo".to_owned(),
            bundle_id: "com.example.demo".to_owned(),
            apple_id: APPLE_ID,
            base_path: String::new(),
            default_campaign: CAMPAIGN.to_owned(),
            time_zone: "UTC".to_owned(),
            auth: Auth { server_key: Some(keys.server.clone()), jwt: None },
            app_store_connect: Some(config::AppStoreConnect {
                issuer_id,
                key_id,
                private_key: Secret::new(pem),
                base_url: apple.base_url().to_owned(),
            }),
            app_store_server: None,
            revenuecat: Some(config::RevenueCat {
                webhook_authorization: keys.webhook.clone(),
                webhook_signing_secret: None,
                api_key,
                base_url: revenuecat.base_url().to_owned(),
                entitlement: ENTITLEMENT.to_owned(),
            }),
            notifications: config::Notifications { max_age_days: 8 },
            campaigns: vec![campaign()],
        };
        let config = Config {
            data_dir: folder.0.clone(),
            server: Server { listen, public_url: url.clone(), tls: Tls::Off, trusted_proxies: Vec::new() },
            admin: config::Admin { listen: AdminListen::Tcp(ANY_PORT), token: keys.admin.clone() },
            apps: vec![app],
        };
        let house = House::start(config, clock.clone(), Arc::new(entropy), Motor::Running).await?;
        let admin = house.admin.context("the private listener has no address")?;
        let admin_url = format!("http://{admin}");
        Ok(Stage { house, apple, revenuecat, clock, url, admin_url, keys, folder })
    }

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
        let bearer = format!("Bearer {}", self.keys.admin.expose());
        let url = format!("{}/admin{target}", self.admin_url);
        let said = sent(Request::get(url).header("authorization", bearer).body(Bytes::new())?).await?;
        ensure!(said.status == 200, "GET /admin{target}: expected 200, got {}", said.status);
        Ok(said.body)
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

fn campaign() -> Campaign {
    let pool = PoolRules {
        environment: Environment::Production,
        low_water: 5,
        batch_size: BATCH,
        expires_in_days: 180,
        reserve_days: 14,
    };
    let policy = Policy {
        campaign: CAMPAIGN.to_owned(),
        kind: Kind::Referral,
        offer: OFFER.to_owned(),
        offer_code_id: OFFER_CODE_ID.to_owned(),
        product_ids: vec![PRODUCT.to_owned()],
        pool,
        attribution: AttributionRules { accept: Accept::Evidence, claim_window_days: 30, asks_apple: false },
        reward: RewardRules::of_days(DAYS),
        fraud: FraudRules::NONE,
    };
    let share_text = "Use code {code} for a free month: {share_url}".to_owned();
    Campaign { policy, share_text, refill_schedule: "0 15 * * * *".to_owned() }
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
