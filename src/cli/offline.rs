//! Opens the configured ledgers where no appliance runs.

use crate::clock::SystemClock;
use crate::config::{App, Campaign, Config};
use crate::domain::decide::pool::Adopt;
use crate::domain::decide::{By, Command};
use crate::entropy::SystemEntropy;
use crate::ledger::backup::Backups;
use crate::ledger::{Entry, Ledger, open_file};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::sync::Arc;

pub fn app<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a App> {
    match (name, &config.apps[..]) {
        (Some(name), apps) => apps.iter().find(|app| app.name == name).with_context(|| format!("no app {name}")),
        (None, [only]) => Ok(only),
        (None, _) => bail!("there are several apps: name one with --app"),
    }
}

pub fn file(config: &Config, app: &App) -> PathBuf {
    config.data_dir.join(format!("{}.redb", app.name))
}

pub fn open(config: &Config, app: &App) -> Result<Ledger> {
    let path = file(config, app);
    if !path.exists() {
        bail!("{} does not exist yet: start the appliance once", path.display());
    }
    open_or_make(config, app)
}

pub fn backups(config: &Config, app: &App) -> Backups {
    Backups::new(&config.data_dir, &app.name, config.backup.keep, config.backup.recipient.clone())
}

pub fn open_or_make(config: &Config, app: &App) -> Result<Ledger> {
    let (db, home) = open_file(&config.data_dir, &app.name)?;
    Ok(Ledger::start(db, Arc::new(SystemClock), &SystemEntropy, home)?)
}

/// For something that a campaign takes in, under the configuration's rules.
pub async fn open_for<'a>(config: &Config, app: &'a App, campaign: &str) -> Result<(Ledger, &'a Campaign)> {
    let found = app.campaigns.iter().find(|one| one.policy.campaign == campaign);
    let found = found.with_context(|| format!("no campaign {campaign}"))?;
    let ledger = open_or_make(config, app)?;
    let adopt = Command::Adopt(Adopt { policy: found.policy.clone() });
    ledger.submit(Entry::new(adopt, By::House)).await?;
    Ok((ledger, found))
}

/// Who takes it in.
pub fn command_line() -> By {
    By::Admin { token: "command line".to_owned(), reason: None }
}
