//! Opens the configured ledgers where no appliance runs.

use crate::clock::SystemClock;
use crate::config::{App, Config};
use crate::entropy::SystemEntropy;
use crate::ledger::backup::Backups;
use crate::ledger::{Ledger, open_file};
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
