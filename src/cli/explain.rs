//! Why is it so?

use super::args::Explain;
use super::{admin, offline, show};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::ledger::{journal, people};
use crate::wire::text::path_segment;
use crate::wire::view::View;
use anyhow::{Context, Result, bail};
use hyper::{Method, StatusCode};
use serde_json::Value;

pub async fn run(config: &Config, asked: &Explain, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    let segment = path_segment(&asked.subject).context("this subject cannot stand in a path")?;
    let path = format!("/admin/{}/explain/{segment}", app.name);
    let (items, subscriptions) = match admin::ask(&config.admin, Method::GET, &path, Vec::new()).await? {
        Some(answer) if answer.status == StatusCode::OK => {
            let body: Value = serde_json::from_slice(&answer.body)?;
            let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
            (list("items"), list("subscriptions"))
        }
        Some(answer) if answer.status == StatusCode::NOT_FOUND => (Vec::new(), Vec::new()),
        Some(answer) => bail!("the running appliance answered {}", answer.status),
        None => {
            let ledger = offline::open(config, app)?;
            let store = ledger.snapshot();
            let name = people::names(store.clone());
            let view = View { name: &name };
            let entries = journal::explain(&*store, &asked.subject)?;
            let rows = journal::subscriptions(&*store, &asked.subject)?;
            let now = SystemClock.now();
            (
                entries.iter().map(|(seq, entry)| view.entry(*seq, entry)).collect(),
                rows.iter().map(|row| view.subscription(row, now)).collect(),
            )
        }
    };
    if items.is_empty() {
        eprintln!("nothing is known of this code, user or transaction");
        return Ok(false);
    }
    if show::as_json(json) {
        show::lines(&items)?;
    } else {
        show::table(&items, &["seq", "at", "kind", "by", "summary"])?;
        if !subscriptions.is_empty() {
            println!();
            let columns = ["original_transaction_id", "user", "status", "product_id", "expires_at", "auto_renew"];
            show::table(&subscriptions, &columns)?;
        }
    }
    Ok(true)
}
