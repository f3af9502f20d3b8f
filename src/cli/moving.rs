//! Takes in what another system kept: a pool with its completions, and affiliates.

use super::args::{ImportAlma, ImportPartners};
use super::{admin, offline, show};
use crate::clock::{Clock, SystemClock};
use crate::config::{App, Config};
use crate::http::admin::moving::{Dump, take_codes, take_completions};
use crate::http::admin::partners::import::{Terms, recurring, take};
use crate::http::problem::Problem;
use crate::wire::csv::parts;
use crate::wire::text::percent_encode;
use anyhow::{Context, Error, Result, bail};
use serde_json::{Map, Value};
use std::path::Path;

/// Bytes of a dump in one request.
const PART: usize = 8 * 1024 * 1024;

#[derive(Clone, Copy)]
enum Kind {
    Codes,
    Completions,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Codes => "codes",
            Kind::Completions => "completions",
        }
    }
}

/// Codes first, so that completions find them. Whether every row was taken in.
pub async fn alma(config: &Config, asked: &ImportAlma, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    let mut is_whole = true;
    for (kind, file) in [(Kind::Codes, &asked.codes), (Kind::Completions, &asked.completions)] {
        let Some(file) = file else { continue };
        let content = read(file)?;
        let mut sum = Value::Null;
        for part in parts(&content, PART).with_context(|| file.display().to_string())? {
            sum = added(sum, dump(config, app, asked, kind, part.text.into_bytes()).await?, part.offset);
        }
        is_whole &= tell(file, sum, json)?;
    }
    Ok(is_whole)
}

async fn dump(config: &Config, app: &App, asked: &ImportAlma, kind: Kind, text: Vec<u8>) -> Result<Value> {
    let path = format!(
        "/admin/{}/import/alma/{}?campaign={}{}{}",
        app.name,
        kind.word(),
        percent_encode(&asked.campaign),
        asked.days.map_or(String::new(), |days| format!("&days={days}")),
        if asked.dry_run { "&dry_run=true" } else { "" },
    );
    if let Some(said) = admin::post(&config.admin, &path, text.clone()).await? {
        return Ok(said);
    }
    let (ledger, campaign) = offline::open_for(config, app, &asked.campaign).await?;
    let dump =
        Dump::of(campaign, asked.days, asked.dry_run, offline::command_line(), SystemClock.now()).map_err(refused)?;
    match kind {
        Kind::Codes => take_codes(&ledger, &dump, &text).await.map_err(refused),
        Kind::Completions => take_completions(&ledger, &dump, &text).await.map_err(refused),
    }
}

/// Whether every row was taken in.
pub async fn partners(config: &Config, asked: &ImportPartners, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    let content = read(&asked.file)?;
    let path = format!(
        "/admin/{}/import/partners?campaign={}&of={}&recurring={}&rail={}{}{}",
        app.name,
        percent_encode(&asked.campaign),
        asked.of,
        percent_encode(&asked.recurring),
        asked.rail,
        asked.commission.map_or(String::new(), |share| format!("&commission={}", f64::from(share.get()) / 100.0)),
        if asked.dry_run { "&dry_run=true" } else { "" },
    );
    let said = match admin::post(&config.admin, &path, content.clone()).await? {
        Some(said) => said,
        None => {
            let (ledger, _) = offline::open_for(config, app, &asked.campaign).await?;
            let terms = Terms {
                campaign: asked.campaign.clone(),
                commission: asked.commission,
                of: asked.of.clone(),
                recurring: recurring(&asked.recurring),
                rail: asked.rail.clone(),
                is_dry: asked.dry_run,
                by: offline::command_line(),
                now: SystemClock.now(),
            };
            take(&ledger, app, &terms, &content).await.map_err(refused)?
        }
    };
    tell(&asked.file, said, json)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn refused(problem: Problem) -> Error {
    Error::msg(problem.detail)
}

/// What was said of the parts of a file: numbers and lines together, all else as of the first. The lines of this part stand so
/// much further down in the file.
fn added(mut sum: Value, mut said: Value, offset: usize) -> Value {
    let lines = said.get_mut("lines").and_then(Value::as_array_mut).into_iter().flatten();
    for number in lines.filter_map(|line| line.get_mut("line")) {
        *number = (number.as_u64().unwrap_or(0) + offset as u64).into();
    }
    if sum.is_null() {
        return said;
    }
    let Value::Object(said) = said else { return sum };
    for (name, value) in said {
        match (&mut sum[&name], value) {
            (Value::Array(lines), Value::Array(more)) if name == "lines" => lines.extend(more),
            (total @ (Value::Number(_) | Value::Null), Value::Number(more)) => {
                *total = (total.as_u64().unwrap_or(0) + more.as_u64().unwrap_or(0)).into();
            }
            _ => {}
        }
    }
    sum
}

/// The lines to look at, and then the counts. Whether none was refused.
fn tell(file: &Path, said: Value, json: bool) -> Result<bool> {
    let Value::Object(mut sum) = said else { bail!("the running appliance answered with something else") };
    let lines = sum.remove("lines").and_then(|lines| lines.as_array().cloned()).unwrap_or_default();
    let names = |what: &str| -> Vec<String> {
        let all = sum.get(what).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    for (what, names) in [("not there", names("missing_columns")), ("not looked at", names("ignored_columns"))] {
        if !names.is_empty() {
            eprintln!("{}: columns {what}: {}", file.display(), names.join(", "));
        }
    }
    let is_whole = sum.get("refused").is_none_or(|refused| *refused == 0);
    if show::as_json(json) {
        show::lines(&lines)?;
        show::lines(&[Value::Object(sum)])?;
        return Ok(is_whole);
    }
    if !lines.is_empty() {
        show::table(&lines, &["line", "why", "detail"])?;
        println!();
    }
    let counts: Map<String, Value> = sum.into_iter().filter(|(_, value)| !value.is_array()).collect();
    let columns: Vec<&str> = counts.keys().map(String::as_str).collect();
    show::table(&[Value::Object(counts.clone())], &columns)?;
    Ok(is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_add_up() {
        let one = json!({"rows": 2, "taken": 2, "lines": [{"line": 2}], "missing_columns": ["id"], "dry_run": true});
        let two = json!({"rows": 3, "ended": 1, "lines": [{"line": 2}], "missing_columns": ["id"], "dry_run": true});
        let sum = json!({
            "rows": 5, "taken": 2, "ended": 1, "lines": [{"line": 2}, {"line": 5}], "missing_columns": ["id"],
            "dry_run": true,
        });
        assert_eq!(added(added(Value::Null, one, 0), two, 3), sum);
    }
}
