//! App Store Connect and RevenueCat, as stand-ins that an installed referd is tried with: `packaging/steps.sh`.
//!
//!     stand_ins CONFIG_TOML
//!
//! puts their keys where the configuration looks for them, prints the variables that lead referd to them, and stays up
//! until it is told to end.

use anyhow::{Context, Result};
use referd::clock::SystemClock;
use referd::config::init::token;
use referd::entropy::SystemEntropy;
use referd::fake::app_store_connect::{self, AppStoreConnect, Offer, fresh_key};
use referd::fake::revenuecat::{self, RevenueCat};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::{Table, Value};

#[tokio::main]
async fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args_os().nth(1).context("stand_ins CONFIG_TOML")?);
    let config: Table = std::fs::read_to_string(&path)?.parse()?;
    let app = &config["apps"]["alma"];
    let folder = path.parent().unwrap_or(Path::new("."));
    let clock = Arc::new(SystemClock);

    let connect = &app["app_store_connect"];
    let (pem, mut key) = fresh_key(&SystemEntropy);
    (key.id, key.issuer) = (text(connect, "key_id")?, Some(text(connect, "issuer_id")?));
    std::fs::write(folder.join(text(connect, "private_key_file")?), pem)?;
    let campaign = &app["campaigns"][0];
    let offer = Offer { id: text(campaign, "offer_code_id")?, name: text(campaign, "offer")?, active: true };
    let apple = AppStoreConnect::start(app_store_connect::Setup::new(key, clock.clone(), vec![offer])).await?;

    let (api_key, paid) = (token(&SystemEntropy), &app["revenuecat"]);
    std::fs::write(folder.join(text(paid, "api_key_file")?), &api_key)?;
    let entitlements = vec![text(paid, "entitlement")?];
    let revenuecat = RevenueCat::start(revenuecat::Setup { api_key, entitlements, clock }).await?;

    println!("REFERD__APPS__ALMA__APP_STORE_CONNECT__BASE_URL={}", apple.base_url());
    println!("REFERD__APPS__ALMA__REVENUECAT__BASE_URL={}", revenuecat.base_url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn text(table: &Value, key: &str) -> Result<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("{key} is missing"))
}
