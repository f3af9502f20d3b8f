//! Writes a whole list to stdout, as it comes.

use super::args::Export;
use super::{admin, offline, show};
use crate::config::Config;
use crate::http::admin::export::Export as Pages;
use crate::wire::export::Format;
use crate::wire::text::percent_encode;
use anyhow::{Context, Error, Result, bail};
use http_body_util::BodyExt;
use hyper::Method;
use std::io::Write;
use std::sync::Arc;

pub async fn run(config: &Config, asked: &Export, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    let usual = if show::as_json(json) { Format::Ndjson } else { Format::Csv };
    let format = asked.format.unwrap_or(usual);
    let mut path = format!("/admin/{}/export/{}?format={}", app.name, asked.what.word(), format.word());
    for (name, value) in [("campaign", &asked.campaign), ("status", &asked.status)] {
        path.extend(value.iter().map(|value| format!("&{name}={}", percent_encode(value))));
    }
    let mut out = std::io::BufWriter::new(std::io::stdout());
    match admin::open(&config.admin, Method::GET, &path, Vec::new()).await? {
        Some(answer) if !answer.status().is_success() => {
            let (status, body) = (answer.status(), answer.into_body().collect().await?.to_bytes());
            bail!("{}", admin::detail(&admin::Answer { status, body }));
        }
        Some(answer) => {
            let mut body = answer.into_body();
            while let Some(frame) = body.frame().await {
                let frame = frame.context("the running appliance broke the export off")?;
                out.write_all(frame.data_ref().map_or(&[], |data| data))?;
            }
        }
        None => {
            let ledger = Arc::new(offline::open(config, app)?);
            let (campaign, status) = (asked.campaign.clone(), asked.status.clone());
            for piece in Pages::of(ledger, asked.what, format, campaign, status).map_err(Error::msg)? {
                out.write_all(piece?.as_bytes())?;
            }
        }
    }
    out.flush()?;
    Ok(true)
}
