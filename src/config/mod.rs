//! The file as written, and as understood: every fault at once, each with its key and what to do.
//! Nothing here reads the environment or the time; both are told.

mod app;
mod campaign;
pub mod check;
mod environment;
pub mod file;
mod forward;
pub mod init;
mod network;
mod offer;
mod payout;
mod refund;
mod resolve;
mod schedule;
mod secret;
mod section;
#[cfg(test)]
mod tests;
mod tls;
mod url;
mod webhook;
mod winback;

pub use file::locate;
pub use network::Network;
pub use secret::Secret;
pub use url::authority;

use crate::domain::at::Span;
use crate::domain::consumption::{Api, RefundRules};
use crate::domain::decide::webhook::Listed;
use crate::domain::offer::Offer;
use crate::domain::policy::Policy;
use crate::domain::purchase::HandOn;
use crate::domain::webhook as domain;
use serde::Serialize;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub data_dir: PathBuf,
    /// The files that secrets were read from.
    pub secret_files: Vec<PathBuf>,
    /// How much is logged, where `RUST_LOG` does not say.
    pub log_level: &'static str,
    pub server: Server,
    pub admin: Admin,
    pub backup: Backup,
    pub apps: Vec<App>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub listen: SocketAddr,
    /// Without a slash at its end.
    pub public_url: String,
    pub tls: Tls,
    /// Proxies of the team's own: their connections are not limited by address.
    pub trusted_proxies: Vec<Network>,
}

impl Server {
    /// Plain http is for this machine and for proxies.
    pub fn may_listen_on(&self, address: SocketAddr) -> bool {
        self.tls != Tls::Off || !self.trusted_proxies.is_empty() || address.ip().to_canonical().is_loopback()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Paths, not contents: the listener reads them again when they change.
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
    /// An authority is asked for them, by TLS-ALPN-01 on the port of the public side.
    Acme {
        /// In lower case; at least one.
        domains: Vec<String>,
        /// A `mailto:` address.
        contact: Option<String>,
        directory_url: String,
        /// PEM: trusted for the directory alone, and nothing else for it.
        directory_ca: Option<Vec<u8>>,
    },
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub listen: AdminListen,
    pub token: Secret,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Cron with seconds, UTC. Absent: only when it is asked for.
    pub schedule: Option<String>,
    /// How many are kept of each app.
    pub keep: usize,
    /// An age recipient, for whom they are encrypted.
    pub recipient: Option<String>,
}

impl Default for Backup {
    fn default() -> Backup {
        Backup { schedule: Some("0 30 3 * * *".to_owned()), keep: 14, recipient: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// Always a loopback address.
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub name: String,
    pub bundle_id: String,
    pub apple_id: u64,
    /// Empty, or `/x` without a slash at its end.
    pub base_path: String,
    /// The id of one of `campaigns`, never one of partners; empty where all are.
    pub default_campaign: String,
    pub time_zone: String,
    pub auth: Auth,
    pub app_store_connect: Option<AppStoreConnect>,
    pub app_store_server: Option<AppStoreServer>,
    /// There where a campaign's fraud rules ask for devices.
    pub device_check: Option<DeviceCheck>,
    /// There where a campaign grants days.
    pub revenuecat: Option<RevenueCat>,
    /// There where payouts can go through it.
    pub tremendous: Option<Tremendous>,
    pub notifications: Notifications,
    /// Each has its own id. None where `app_store_server` is absent, whose key signs them.
    pub offers: Vec<Offer>,
    pub refunds: Refunds,
    pub campaigns: Vec<Campaign>,
}

/// At least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    pub server_key: Option<Secret>,
    pub jwt: Option<Jwt>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    pub algorithm: Algorithm,
    /// Fits the algorithm.
    pub key: JwtKey,
    pub issuer: String,
    pub audience: String,
    pub user_claim: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Es256,
    Rs256,
    EdDsa,
    Hs256,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtKey {
    /// PEM text.
    Public(String),
    JwksUrl(String),
    Secret(Secret),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppStoreConnect {
    /// Absent: an individual key (Apple, Generating Tokens for API Requests).
    pub issuer_id: Option<String>,
    pub key_id: String,
    /// As given: PEM, PEM with lost or escaped newlines, or the bare base64 body.
    pub private_key: Secret,
    pub base_url: String,
    /// Whose reports are fetched: digits, as in Sales and Trends.
    pub vendor_number: Option<String>,
}

/// The In-App Purchase key, and where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppStoreServer {
    /// Every such key has one (Apple, Generating JSON Web Tokens for API requests).
    pub issuer_id: String,
    pub key_id: String,
    /// In any of the forms of `AppStoreConnect::private_key`.
    pub private_key: Secret,
    pub production_url: String,
    pub sandbox_url: String,
    /// Trusted instead of Apple Root CA - G3: PEM or DER, not looked into.
    pub root_certificate: Option<Vec<u8>>,
}

/// The DeviceCheck key, and where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCheck {
    /// The issuer of its tokens (Apple, Accessing and modifying per-device data).
    pub team_id: String,
    pub key_id: String,
    /// In any of the forms of `AppStoreConnect::private_key`.
    pub private_key: Secret,
    pub base_url: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevenueCat {
    /// The whole header value.
    pub webhook_authorization: Secret,
    /// Present: the signature is required as well.
    pub webhook_signing_secret: Option<Secret>,
    pub api_key: Secret,
    pub base_url: String,
    pub entitlement: String,
}

/// The account that partners are paid from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tremendous {
    pub api_key: Secret,
    /// Of the sandbox, or of the one that sends money.
    pub base_url: String,
    /// An id, or one of Tremendous's words such as BALANCE.
    pub funding_source_id: String,
    /// Always given: an order needs a campaign or products, and no products are named.
    pub campaign_id: Option<String>,
    /// Present: its webhook is heard.
    pub webhook_key: Option<Secret>,
}

/// How Apple's notifications are taken and handed on, and who is told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notifications {
    /// A live one that was signed longer ago is refused; 0: any age.
    pub max_age_days: u32,
    /// URLs that get a copy of each, as they are written: https, or http as below.
    pub forward_to: Vec<String>,
    /// Copies may go to private addresses, and by http there. What a name stands for is not known here.
    pub allow_private_forwards: bool,
    /// Each has its own URL.
    pub webhooks: Vec<Webhook>,
}

/// One who is told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// As it is written, as those of `forward_to`.
    pub url: String,
    /// As Standard Webhooks writes them; the first is the newest, the other what it takes the place of.
    pub secrets: Vec<Secret>,
    /// Words of events and families of them; none: all.
    pub events: Vec<String>,
}

impl Notifications {
    /// Who gets what came with this content type.
    pub fn hand_on(&self, content_type: Option<&str>) -> Vec<HandOn> {
        let one = |url: &String| {
            let (host, content_type) = (url::authority(url).to_owned(), content_type.map(str::to_owned));
            HandOn { target: HandOn::name(url), host, content_type }
        };
        self.forward_to.iter().map(one).collect()
    }
    /// The webhooks as the ledger knows them.
    pub fn listed(&self) -> Vec<Listed> {
        let one = |webhook: &Webhook| Listed {
            id: domain::Webhook::id(&webhook.url),
            host: url::authority(&webhook.url).to_owned(),
            events: webhook.events.clone(),
        };
        self.webhooks.iter().map(one).collect()
    }
    pub fn max_age(&self) -> Option<Span> {
        (self.max_age_days > 0).then_some(Span::days(self.max_age_days.into()))
    }
}

/// How Apple's questions about refunds are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refunds {
    /// None are answered where `app_store_server` is absent, or RevenueCat answers.
    pub rules: RefundRules,
    pub api: Api,
    /// What the owner says of RevenueCat: nobody can see it from here.
    pub revenuecat_answers: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    pub policy: Policy,
    /// May hold `{code}`, `{redeem_url}` and `{share_url}`, and no other brace.
    pub share_text: String,
    /// Cron with seconds, UTC.
    pub refill_schedule: String,
}

/// One fault: where, what, and what to do about it. It never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub key: String,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.what, self.remedy)
    }
}

/// What is wrong with one value, and what to write instead.
pub(crate) type Fault = (&'static str, &'static str);

/// Reads the file at `path`, with the overrides and the credentials folder that `env` names.
pub fn load(path: &Path, env: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Config, Vec<Problem>> {
    let table = file::read(path).map_err(|problem| vec![problem])?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    resolve::understand(table, folder, env.into_iter().collect())
}
