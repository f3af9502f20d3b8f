//! Takes in a list of codes.

use super::args::ImportCodes;
use super::{admin, offline, show};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::code::CodeText;
use crate::domain::decide::pool::Adopt;
use crate::domain::decide::{By, Command};
use crate::ledger::Entry;
use crate::ledger::intake::List;
use crate::wire::app_store_connect as apple;
use crate::wire::text::{parse_date, percent_encode};
use anyhow::{Context, Result, bail};
use hyper::Method;
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
    let said = match admin::ask(&config.admin, Method::POST, &path, content.clone()).await? {
        Some(answer) => {
            let said: Value = serde_json::from_slice(&answer.body)?;
            if !answer.status.is_success() {
                bail!("{}", said["detail"].as_str().unwrap_or("the running appliance refused the list"));
            }
            said
        }
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
    let campaign = app.campaigns.iter().find(|campaign| campaign.policy.campaign == asked.campaign);
    let campaign = campaign.with_context(|| format!("no campaign {}", asked.campaign))?;
    let read = apple::codes(content)?;
    let codes: Vec<CodeText> = read.codes.into_iter().filter_map(CodeText::of).collect();
    if codes.is_empty() {
        bail!("there is no code in the list");
    }
    let ledger = offline::open_or_make(config, app)?;
    let adopt = Command::Adopt(Adopt { policy: campaign.policy.clone() });
    ledger.submit(Entry::new(adopt, By::House)).await?;
    let total = codes.len();
    let list = List { campaign: asked.campaign.clone(), expires, codes };
    let by = By::Admin { token: "command line".to_owned(), reason: None };
    let taken = ledger.take_in(list, by, now, asked.dry_run).await?;
    Ok(object!({
        "campaign": asked.campaign, "batch": taken.batch.to_string(), "codes": total,
        "repeated_in_file": read.repeated, "imported": taken.imported, "known": taken.known, "dry_run": asked.dry_run,
    }))
}
