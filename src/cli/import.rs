//! Takes in a list of codes.

use super::args::ImportCodes;
use super::{admin, offline, show};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::code::CodeText;
use crate::ledger::intake::List;
use crate::wire::app_store_connect as apple;
use crate::wire::text::{parse_date, percent_encode};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json as object};

pub async fn run(config: &Config, asked: &ImportCodes, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    let content = std::fs::read(&asked.file).with_context(|| format!("{} cannot be read", asked.file.display()))?;
    let path = format!(
        "/admin/{}/pool/import?campaign={}&expires_at={}{}",
        app.name,
        percent_encode(&asked.campaign),
        percent_encode(&asked.expires),
        if asked.dry_run { "&dry_run=true" } else { "" },
    );
    let said = match admin::post(&config.admin, &path, content.clone()).await? {
        Some(said) => said,
        None => offline(config, app, asked, &content).await?,
    };
    if show::as_json(json) {
        show::lines(&[said])?;
    } else {
        show::table(&[said], &["campaign", "codes", "imported", "known", "repeated_in_file", "dry_run"])?;
    }
    Ok(true)
}

async fn offline(config: &Config, app: &crate::config::App, asked: &ImportCodes, content: &[u8]) -> Result<Value> {
    let expires = parse_date(&asked.expires).context("--expires is a date, YYYY-MM-DD")?;
    let now = SystemClock.now();
    if expires.codes_stop() <= now {
        bail!("--expires has passed");
    }
    let read = apple::codes(content)?;
    let codes: Vec<CodeText> = read.codes.into_iter().filter_map(CodeText::of).collect();
    if codes.is_empty() {
        bail!("there is no code in the list");
    }
    let (ledger, _) = offline::open_for(config, app, &asked.campaign).await?;
    let total = codes.len();
    let list = List { campaign: asked.campaign.clone(), expires, codes };
    let taken = ledger.take_in(list, offline::command_line(), now, asked.dry_run).await?;
    Ok(object!({
        "campaign": asked.campaign, "batch": taken.batch.to_string(), "codes": total,
        "repeated_in_file": read.repeated, "imported": taken.imported, "known": taken.known, "dry_run": asked.dry_run,
    }))
}
