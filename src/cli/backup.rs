//! A snapshot: made by the running appliance or, where none runs, here.

use super::args::Backup;
use super::{admin, offline, show};
use crate::config::{App, Config};
use crate::ledger::parcel;
use anyhow::{Context, Result, bail};
use serde_json::json as object;
use std::path::{Path, PathBuf};

pub async fn run(config: &Config, asked: &Backup, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    if let Some(to) = asked.to.as_ref().filter(|to| to.exists()) {
        bail!("{} is there already, and nothing is written over a backup", to.display());
    }
    let made = make(config, app).await?;
    let (mut path, mut bytes, mut sha256) = made;
    if let Some(to) = &asked.to {
        (bytes, sha256) = parcel::copy(&path, to)?;
        path = to.clone();
    }
    let said = object!({ "app": app.name, "path": path.display().to_string(), "bytes": bytes, "sha256": sha256 });
    if show::as_json(json) {
        show::lines(&[said])?;
    } else {
        show::table(&[said], &["app", "path", "bytes", "sha256"])?;
    }
    Ok(true)
}

async fn make(config: &Config, app: &App) -> Result<(PathBuf, u64, String)> {
    let path = format!("/admin/{}/backup", app.name);
    let Some(said) = admin::post(&config.admin, &path, Vec::new()).await? else {
        let ledger = offline::open(config, app)?;
        let made = offline::backups(config, app).make(&ledger)?;
        return Ok((made.path, made.bytes, made.sha256));
    };
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    let made = text("path").zip(said["bytes"].as_u64()).zip(text("sha256"));
    let ((path, bytes), sha256) = made.context("the running appliance answered something else")?;
    Ok((Path::new(&path).to_owned(), bytes, sha256))
}
