//! The stand-ins, and the configuration of an appliance that knows nobody else.

use super::{ANY_PORT, BATCH, DAYS, Folder, Keys, OFFER, PRODUCT, Stage};
use crate::cli::house::{House, Motor};
use crate::cli::systemd::Sockets;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, AdminListen, App, Auth, Campaign, Config, Secret, Server, Tls, init::token};
use crate::domain::policy::{Accept, AttributionRules, Environment, FraudRules, Kind, Policy, PoolRules, RewardRules};
use crate::entropy::{Entropy, SystemEntropy};
use crate::fake::app_store_connect::{self, AppStoreConnect, Offer, fresh_key};
use crate::fake::app_store_server::{self, AppStoreServer};
use crate::fake::apple_chain::Chain;
use crate::fake::apple_event;
use crate::fake::revenuecat::{self, RevenueCat};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpSocket;

const CAMPAIGN: &str = "friends";
const OFFER_CODE_ID: &str = "demo-offer-code";
const ENTITLEMENT: &str = "premium";
const BUNDLE_ID: &str = "com.example.demo";
const APPLE_ID: u64 = 1_234_567_890;

impl Stage {
    pub async fn set() -> Result<Stage> {
        let entropy = SystemEntropy;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = Folder::make(&entropy)?;
        let secret = || Secret::new(token(&entropy));
        let keys = Keys { server: secret(), admin: secret(), webhook: secret() };
        let (apple, app_store_connect) = app_store_connect(&entropy, &clock).await?;
        let (store, app_store_server) = app_store_server(&entropy, &clock).await?;
        let (revenuecat, rewards) = revenuecat(secret(), keys.webhook.clone(), &clock).await?;

        // The public address must be known before the start. A socket that is bound and does not
        // listen keeps the port free for another one with the same option (socket(7), SO_REUSEADDR).
        let reserved = TcpSocket::new_v4()?;
        reserved.set_reuseaddr(true)?;
        reserved.bind(ANY_PORT)?;
        let listen = reserved.local_addr()?;
        let url = format!("http://{listen}");

        let app = App {
            name: "demo".to_owned(),
            bundle_id: BUNDLE_ID.to_owned(),
            apple_id: APPLE_ID,
            base_path: String::new(),
            default_campaign: CAMPAIGN.to_owned(),
            time_zone: "UTC".to_owned(),
            auth: Auth { server_key: Some(keys.server.clone()), jwt: None },
            app_store_connect: Some(app_store_connect),
            app_store_server: Some(app_store_server),
            device_check: None,
            revenuecat: Some(rewards),
            tremendous: None,
            notifications: config::Notifications {
                webhooks: Vec::new(),
                max_age_days: 8,
                forward_to: Vec::new(),
                allow_private_forwards: false,
            },
            offers: Vec::new(),
            refunds: config::Refunds::default(),
            campaigns: vec![campaign()],
        };
        let config = Config {
            data_dir: folder.0.clone(),
            secret_files: Vec::new(),
            log_level: "error",
            server: Server { listen, public_url: url.clone(), tls: Tls::Off, trusted_proxies: Vec::new() },
            admin: config::Admin { listen: AdminListen::Tcp(ANY_PORT), token: keys.admin.clone() },
            backup: config::Backup { schedule: None, ..config::Backup::default() },
            apps: vec![app],
        };
        let house = House::start(config, Sockets::default(), clock.clone(), Arc::new(entropy), Motor::Running).await?;
        let admin = house.admin.context("the private listener has no address")?;
        let admin_url = format!("http://{admin}");
        let stage = Stage { house, apple, store, revenuecat, clock, url, admin_url, keys, folder };
        for environment in [Environment::Production, Environment::Sandbox] {
            stage.store.set_notification_url(environment, Some(&stage.notification_url(environment)));
        }
        Ok(stage)
    }

    /// What is entered in App Store Connect, so that notifications come here.
    pub fn notification_url(&self, environment: Environment) -> String {
        let path = match environment {
            Environment::Production => "",
            Environment::Sandbox => "/sandbox",
        };
        format!("{}/webhooks/apple{path}", self.url)
    }

    /// A file that is gone with the demonstration.
    pub fn file(&self, name: &str, body: &[u8]) -> Result<PathBuf> {
        let path = self.folder.0.join(name);
        std::fs::write(&path, body).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }
}

async fn app_store_connect(
    entropy: &dyn Entropy,
    clock: &Arc<dyn Clock>,
) -> Result<(AppStoreConnect, config::AppStoreConnect)> {
    let (pem, key) = fresh_key(entropy);
    let (issuer_id, key_id) = (key.issuer.clone(), key.id.clone());
    let offer = Offer { id: OFFER_CODE_ID.to_owned(), name: OFFER.to_owned(), active: true };
    let setup = app_store_connect::Setup::new(key, clock.clone(), vec![offer]);
    let apple = AppStoreConnect::start(setup).await.context("no port for App Store Connect's stand-in")?;
    let base_url = apple.base_url().to_owned();
    let private_key = Secret::new(pem);
    Ok((apple, config::AppStoreConnect { issuer_id, key_id, private_key, base_url, vendor_number: None }))
}

/// It signs with a root of its own, which the appliance trusts in the place of Apple's.
async fn app_store_server(
    entropy: &dyn Entropy,
    clock: &Arc<dyn Clock>,
) -> Result<(AppStoreServer, config::AppStoreServer)> {
    let (pem, key) = fresh_key(entropy);
    let issuer_id = key.issuer.clone().context("a team's key has an issuer")?;
    let (key_id, chain) = (key.id.clone(), Arc::new(Chain::new(clock.now())));
    let root_certificate = Some(chain.root().to_vec());
    let app = apple_event::App { bundle_id: BUNDLE_ID.to_owned(), apple_id: APPLE_ID };
    let setup = app_store_server::Setup { key, clock: clock.clone(), chain, app };
    let store = AppStoreServer::start(setup).await.context("no port for the App Store Server's stand-in")?;
    let (production_url, sandbox_url) = (store.production_url().to_owned(), store.sandbox_url().to_owned());
    let private_key = Secret::new(pem);
    let config =
        config::AppStoreServer { issuer_id, key_id, private_key, production_url, sandbox_url, root_certificate };
    Ok((store, config))
}

async fn revenuecat(
    api_key: Secret,
    webhook_authorization: Secret,
    clock: &Arc<dyn Clock>,
) -> Result<(RevenueCat, config::RevenueCat)> {
    let setup = revenuecat::Setup {
        api_key: api_key.expose().to_owned(),
        entitlements: vec![ENTITLEMENT.to_owned()],
        clock: clock.clone(),
    };
    let revenuecat = RevenueCat::start(setup).await.context("no port for RevenueCat's stand-in")?;
    let config = config::RevenueCat {
        webhook_authorization,
        webhook_signing_secret: None,
        api_key,
        base_url: revenuecat.base_url().to_owned(),
        entitlement: ENTITLEMENT.to_owned(),
    };
    Ok((revenuecat, config))
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
        attribution: AttributionRules { accept: Accept::Evidence, claim_window_days: 30, asks_apple: true },
        reward: RewardRules::of_days(DAYS),
        fraud: FraudRules::NONE,
        payout: None,
        winback: None,
    };
    let share_text = "Use code {code} for a free month: {share_url}".to_owned();
    Campaign { policy, share_text, refill_schedule: "0 15 * * * *".to_owned() }
}
