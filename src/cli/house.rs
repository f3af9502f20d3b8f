//! The appliance put together: ledgers, what runs by itself, listeners.

use super::systemd::Sockets;
use super::{certificate, offline};
use crate::clock::Clock;
use crate::config::{self, Algorithm, Config, JwtKey, Secret};
use crate::domain::decide::pool::Adopt;
use crate::domain::decide::webhook::AdoptWebhooks;
use crate::domain::decide::{By, Command};
use crate::domain::policy::Policy;
use crate::entropy::{Ahead, Entropy};
use crate::http::front::{App, Signer};
use crate::http::limits::Limits;
use crate::http::listen::serve;
use crate::http::meter::Meter;
use crate::http::peer::Trusted;
use crate::http::rate::Rate;
use crate::http::tls::Certificates;
use crate::http::{admin, routes, tls};
use crate::ledger::{Entry, Ledger, Store, open_file};
use crate::motor::certificate::Keeper;
use crate::motor::{
    Apple, Bells, Connect, Courier, Outside, Payer, Receiver, Teller, Timers, Warning, Watcher, back_up, catch_up,
    keep_keys, look,
};
use crate::outside::app_store_connect::{Account, AppStoreConnect};
use crate::outside::app_store_server::{self, AppStoreServer};
use crate::outside::client::Client;
use crate::outside::device_check::{self, DeviceCheck};
use crate::outside::post::Post;
use crate::outside::revenuecat::RevenueCat;
use crate::outside::tremendous::{self, Tremendous};
use crate::wire::jws;
use crate::wire::private_key::PrivateKey;
use crate::wire::standard_webhooks::SigningKey;
use crate::wire::user_token::{KeySource, SignedBy, Verifier};
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Whether deliveries and timers run by themselves, or when they are told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motor {
    Running,
    ByHand,
}

pub struct House {
    pub public: SocketAddr,
    /// Absent where the private side is a Unix socket.
    pub admin: Option<SocketAddr>,
    pub apps: Vec<Arc<App>>,
    couriers: Vec<Arc<Courier>>,
    watchers: Vec<Arc<Watcher>>,
    clock: Arc<dyn Clock>,
    certificates: Option<Arc<Keeper>>,
    stop_listening: watch::Sender<bool>,
    stop_working: watch::Sender<bool>,
    listeners: JoinSet<()>,
    workers: JoinSet<()>,
    bells: Option<Bells>,
}

impl House {
    pub async fn start(
        config: Config,
        mut sockets: Sockets,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        motor: Motor,
    ) -> Result<House> {
        let (stop_listening, listening) = watch::channel(false);
        let (stop_working, working) = watch::channel(false);
        let client = Client::new()?;
        let mut workers = JoinSet::new();
        let (mut apps, mut couriers) = (Vec::new(), Vec::new());
        for one in &config.apps {
            let (app, courier) =
                open_app(&config, one, &client, &clock, &entropy).await.with_context(|| format!("app {}", one.name))?;
            if let (Some(verifier), Some(JwtKey::JwksUrl(url))) =
                (&app.verifier, one.auth.jwt.as_ref().map(|jwt| &jwt.key))
            {
                workers.spawn(keep_keys(verifier.clone(), client.clone(), url.clone(), working.clone()));
            }
            if one.app_store_server.is_some() {
                catch_up(&app.ledger).await;
            }
            if motor == Motor::Running {
                workers.spawn(courier.clone().run(working.clone()));
                workers.spawn(Timers::new(app.ledger.clone(), clock.clone()).run(working.clone()));
            }
            apps.push(app);
            couriers.push(courier);
        }
        let (shown, certificates) = certificate::open(&config, &clock)?.unzip();
        let watchers = watchers(&apps, shown.clone());
        let bells = match motor {
            Motor::Running => Some(ring(&apps, &watchers, config.backup.schedule.as_deref()).await?),
            Motor::ByHand => None,
        };

        let limits = Limits { trusted: trusted(&config), ..Limits::default() };
        let tls = shown.clone().map(tls::server_config).transpose()?;
        let public = sockets.public(&config.server)?;
        let private = sockets.admin(&config.admin.listen).await?;
        let address = public.address().context("the public listener has no address")?;
        let admin_address = private.address();
        let mut listeners = JoinSet::new();
        let router = routes::public(&apps, shown.clone());
        let ids: Arc<dyn Entropy> = Arc::new(Ahead::of(entropy));
        listeners.spawn(serve(public, router, tls, limits, ids.clone(), listening.clone()));
        let router = routes::private(&apps, config.admin.token.clone(), shown);
        let limits = Limits { body_max: admin::BODY_MAX as u64, ..Limits::default() };
        listeners.spawn(serve(private, router, None, limits, ids, listening));
        if let (Motor::Running, Some(keeper)) = (motor, &certificates) {
            workers.spawn(keeper.clone().run(clock.clone(), working));
        }
        Ok(House {
            public: address,
            admin: admin_address,
            apps,
            couriers,
            watchers,
            clock,
            certificates,
            stop_listening,
            stop_working,
            listeners,
            workers,
            bells,
        })
    }

    /// Ends when a disk failed: the process must begin anew.
    pub async fn failed(&self) {
        let mut any = JoinSet::new();
        for app in &self.apps {
            let mut failed = app.ledger.failed();
            any.spawn(async move { _ = failed.wait_for(|failed| *failed).await });
        }
        any.join_next().await;
    }

    /// Does everything that is due, and what becomes due by that.
    pub async fn settle(&self) -> Result<usize> {
        if let Some(keeper) = &self.certificates {
            keeper.look().await;
        }
        let mut done = 0;
        loop {
            let mut now = 0;
            for (app, courier) in self.apps.iter().zip(&self.couriers) {
                Timers::new(app.ledger.clone(), self.clock.clone()).fire().await?;
                now += courier.drain().await?;
            }
            if now == 0 {
                return Ok(done);
            }
            done += now;
        }
    }

    /// Looks for another certificate; the old one stays where the new one is no good.
    pub fn reload(&self) {
        if let Some(keeper) = &self.certificates {
            keeper.reload();
        }
    }

    /// Looks at the appliance, as every ten minutes.
    pub async fn watch(&self) {
        for watcher in &self.watchers {
            watcher.look().await;
        }
    }

    /// Makes a backup of every app, beside all else.
    pub fn back_up(&self) {
        for app in &self.apps {
            drop(tokio::spawn(back_up(app.ledger.clone(), app.backups.clone())));
        }
    }

    /// Answers what was asked, finishes what was begun, closes the files.
    pub async fn stop(mut self) {
        _ = self.stop_listening.send(true);
        while self.listeners.join_next().await.is_some() {}
        if let Some(bells) = &mut self.bells {
            bells.stop().await;
        }
        _ = self.stop_working.send(true);
        while self.workers.join_next().await.is_some() {}
        for app in &self.apps {
            let ledger = app.ledger.clone();
            _ = tokio::task::spawn_blocking(move || ledger.close()).await;
        }
    }
}

/// A campaign that is not configured any more gives nobody a code by itself.
async fn retire(ledger: &Ledger, app: &config::App) -> Result<()> {
    let is_configured = |id: &str| app.campaigns.iter().any(|campaign| campaign.policy.campaign == id);
    for rules in ledger.snapshot().rules()? {
        if rules.policy.winback.is_some() && !is_configured(&rules.policy.campaign) {
            let policy = Policy { winback: None, ..rules.policy.clone() };
            ledger.submit(Entry::new(Command::Adopt(Adopt { policy }), By::House)).await?;
        }
    }
    Ok(())
}

async fn open_app(
    config: &Config,
    app: &config::App,
    client: &Client,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<(Arc<App>, Arc<Courier>)> {
    let (db, home) = open_file(&config.data_dir, &app.name)?;
    let ledger = Arc::new(Ledger::start(db, clock.clone(), &**entropy, home)?);
    for campaign in &app.campaigns {
        let adopt = Command::Adopt(Adopt { policy: campaign.policy.clone() });
        ledger.submit(Entry::new(adopt, By::House)).await?;
    }
    let adopt = Command::AdoptWebhooks(AdoptWebhooks { webhooks: app.notifications.listed() });
    ledger.submit(Entry::new(adopt, By::House)).await?;
    retire(&ledger, app).await?;
    let adopt = Command::AdoptRefunds(app.refunds.rules.clone());
    ledger.submit(Entry::new(adopt, By::House)).await?;
    let apple = Arc::new(signed_by_apple(app)?);
    let courier = Courier::new(&app.name, ledger.clone(), outside(app, client, clock, &apple, &ledger)?, clock.clone());
    let interrupted = courier.recover().await?;
    if interrupted > 0 {
        tracing::warn!(app = app.name, interrupted, "deliveries were cut off by the last end of the process");
    }
    let verifier = app.auth.jwt.as_ref().map(verifier).transpose()?.map(Arc::new);
    let front = App {
        public_url: format!("{}{}", config.server.public_url, app.base_path),
        config: app.clone(),
        ledger,
        backups: Arc::new(offline::backups(config, app)),
        verifier,
        apple,
        clock: clock.clone(),
        meter: Arc::new(Meter::default()),
        rate: Rate::new(&**entropy),
        entropy: entropy.clone(),
        signer: app.app_store_server.as_ref().map(signer).transpose()?,
        trusted: trusted(config),
    };
    Ok((Arc::new(front), courier))
}

fn signer(given: &config::AppStoreServer) -> Result<Signer> {
    let key = private_key(&given.private_key, "app_store_server")?;
    Ok(Signer { key, key_id: given.key_id.clone(), issuer: given.issuer_id.clone() })
}

/// Trusts Apple's root, or the one that a test or demo puts in its place.
fn signed_by_apple(app: &config::App) -> Result<jws::Verifier> {
    let root = app.app_store_server.as_ref().and_then(|given| given.root_certificate.as_ref());
    let Some(root) = root else { return Ok(jws::Verifier::apple()) };
    tracing::warn!(
        app = app.name,
        "NOT APPLE'S ROOT: whoever holds the key of root_certificate_file can make purchases up"
    );
    jws::Verifier::trusting(root).context("app_store_server.root_certificate_file cannot be used")
}

fn outside(
    app: &config::App,
    client: &Client,
    clock: &Arc<dyn Clock>,
    verifier: &Arc<jws::Verifier>,
    ledger: &Arc<Ledger>,
) -> Result<Outside> {
    let connect = match &app.app_store_connect {
        Some(given) => {
            let account = Account {
                base_url: given.base_url.clone(),
                key: private_key(&given.private_key, "app_store_connect")?,
                key_id: given.key_id.clone(),
                issuer: given.issuer_id.clone(),
            };
            let server = AppStoreConnect::new(client.clone(), account, clock.clone());
            let (vendor_number, ledger) = (given.vendor_number.clone(), ledger.clone());
            Some(Connect { server, apple_id: app.apple_id, vendor_number, ledger })
        }
        None => None,
    };
    let apple = match &app.app_store_server {
        Some(given) => {
            let account = app_store_server::Account {
                production_url: given.production_url.clone(),
                sandbox_url: given.sandbox_url.clone(),
                key: private_key(&given.private_key, "app_store_server")?,
                key_id: given.key_id.clone(),
                issuer: given.issuer_id.clone(),
                bundle_id: app.bundle_id.clone(),
            };
            Some(Apple {
                server: AppStoreServer::new(client.clone(), account, clock.clone()),
                verifier: verifier.clone(),
                bundle_id: app.bundle_id.clone(),
                apple_id: app.apple_id,
                hand_on: app.notifications.hand_on(Some("application/json")),
                refund_api: app.refunds.api,
                ledger: ledger.clone(),
                clock: clock.clone(),
            })
        }
        None => None,
    };
    let device_check = device_check(app, client, clock)?;
    let known = app.revenuecat.as_ref();
    let revenuecat = known.map(|given| RevenueCat::new(client.clone(), &given.base_url, given.api_key.expose()));
    let entitlement = known.map_or_else(String::new, |given| given.entitlement.clone());
    let payer = app.tremendous.as_ref().map(|given| {
        let account = tremendous::Account {
            base_url: given.base_url.clone(),
            api_key: given.api_key.expose().to_owned(),
            funding_source_id: given.funding_source_id.clone(),
            campaign_id: given.campaign_id.clone(),
        };
        Payer { server: Tremendous::new(client.clone(), account), ledger: ledger.clone() }
    });
    let post = Post::new(app.notifications.allow_private_forwards)?;
    let forward_to = app.notifications.forward_to.clone();
    let teller = teller(app, clock, ledger)?;
    Ok(Outside { connect, payer, post, forward_to, teller, revenuecat, apple, device_check, entitlement })
}

fn teller(app: &config::App, clock: &Arc<dyn Clock>, ledger: &Arc<Ledger>) -> Result<Teller> {
    let mut receivers = Vec::new();
    for webhook in &app.notifications.webhooks {
        let keys = webhook.secrets.iter().map(|secret| SigningKey::parse(secret.expose()));
        receivers.push(Receiver { url: webhook.url.clone(), keys: keys.collect::<Result<_, _>>()? });
    }
    Ok(Teller {
        app: app.name.clone(),
        apple_id: app.apple_id,
        receivers,
        ledger: ledger.clone(),
        clock: clock.clone(),
    })
}

fn device_check(app: &config::App, client: &Client, clock: &Arc<dyn Clock>) -> Result<Option<DeviceCheck>> {
    let Some(given) = &app.device_check else { return Ok(None) };
    let account = device_check::Account {
        base_url: given.base_url.clone(),
        key: private_key(&given.private_key, "device_check")?,
        key_id: given.key_id.clone(),
        team_id: given.team_id.clone(),
    };
    Ok(Some(DeviceCheck::new(client.clone(), account, clock.clone())))
}

pub(super) fn private_key(given: &Secret, table: &str) -> Result<PrivateKey> {
    PrivateKey::parse(given.expose().as_bytes()).with_context(|| format!("{table}.private_key cannot be used"))
}

fn verifier(jwt: &config::Jwt) -> Result<Verifier> {
    let signed_by = match jwt.algorithm {
        Algorithm::Es256 => SignedBy::Es256,
        Algorithm::Rs256 => SignedBy::Rs256,
        Algorithm::EdDsa => SignedBy::EdDsa,
        Algorithm::Hs256 => SignedBy::Hs256,
    };
    let key = match &jwt.key {
        JwtKey::Public(pem) => KeySource::Pem(pem.as_bytes()),
        JwtKey::Secret(secret) => KeySource::Secret(secret.expose().as_bytes()),
        JwtKey::JwksUrl(_) => KeySource::Url,
    };
    Verifier::new(signed_by, key, &jwt.issuer, &jwt.audience, &jwt.user_claim).context("auth.jwt cannot be used")
}

fn trusted(config: &Config) -> Trusted {
    let proxies = config.server.trusted_proxies.clone();
    Arc::new(move |address| proxies.iter().any(|network| network.contains(address)))
}

fn watchers(apps: &[Arc<App>], shown: Option<Arc<Certificates>>) -> Vec<Arc<Watcher>> {
    let certificate: Warning = Arc::new(move || shown.as_deref().and_then(Certificates::warning));
    let one = |app: &Arc<App>| {
        let (ledger, backups) = (app.ledger.clone(), app.backups.clone());
        Arc::new(Watcher { ledger, backups, certificate: certificate.clone(), clock: app.clock.clone() })
    };
    apps.iter().map(one).collect()
}

/// One look at every stock now, and then on schedule.
async fn ring(apps: &[Arc<App>], watchers: &[Arc<Watcher>], backups: Option<&str>) -> Result<Bells> {
    let bells = Bells::new().await?;
    for app in apps {
        for campaign in &app.config.campaigns {
            let id = &campaign.policy.campaign;
            look(&app.ledger, id.clone()).await;
            bells.refill(&campaign.refill_schedule, app.ledger.clone(), id).await?;
        }
        if app.config.app_store_server.is_some() {
            bells.catch_up(app.ledger.clone()).await?;
        }
        if app.config.app_store_connect.as_ref().is_some_and(|given| given.vendor_number.is_some()) {
            bells.reports(app.ledger.clone()).await?;
        }
        if let Some(schedule) = backups {
            bells.backup(schedule, app.ledger.clone(), app.backups.clone()).await?;
        }
    }
    for watcher in watchers {
        bells.watch(watcher.clone()).await?;
    }
    bells.start().await?;
    Ok(bells)
}
