//! The books checked in full.

use super::args::Verify;
use super::{admin, offline, show};
use crate::config::{App, Config};
use crate::ledger::inspect::{Backup, verify_backup, verify_file};
use crate::ledger::verify::Report;
use crate::wire::text::rfc3339;
use anyhow::{Context, Result};
use serde_json::{Value, json as object};
use std::path::Path;

/// Of a backup, or of another file that nobody uses.
pub fn file(asked: &Verify, file: &Path, json: bool) -> Result<bool> {
    let Backup { report, has_sum, label } = verify_backup(file, asked.identity.as_deref(), &std::env::temp_dir())?;
    if !has_sum {
        eprintln!("{}: no checksum is beside it, so bytes that no table uses are not checked", file.display());
    }
    let mut row = row(&report);
    row["file"] = file.display().to_string().into();
    if let Some(label) = label {
        (row["app"], row["at"]) = (label.app.into(), rfc3339(label.at).into());
    }
    tell(&[row], json)
}

/// Of every app.
pub async fn run(config: &Config, json: bool) -> Result<bool> {
    let mut rows = Vec::new();
    for app in &config.apps {
        let mut row = row(&books(config, app).await?);
        row["app"] = app.name.as_str().into();
        rows.push(row);
    }
    tell(&rows, json)
}

/// Checked by the appliance while it runs, and otherwise here.
pub async fn books(config: &Config, app: &App) -> Result<Report> {
    let path = format!("/admin/{}/verify", app.name);
    match admin::post(&config.admin, &path, Vec::new()).await? {
        Some(said) => {
            let counts = said["entries"].as_u64().zip(said["rows"].as_u64()).zip(said["faults"].as_array());
            let ((entries, rows), faults) = counts.context("the running appliance answered something else")?;
            let faults = faults.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Ok(Report { entries, rows, faults })
        }
        None => Ok(verify_file(&offline::file(config, app))?),
    }
}

fn row(report: &Report) -> Value {
    let Report { entries, rows, faults } = report;
    object!({ "entries": entries, "rows": rows, "faults": faults })
}

fn tell(rows: &[Value], json: bool) -> Result<bool> {
    if show::as_json(json) {
        show::lines(rows)?;
    } else {
        show::table(rows, &["app", "file", "at", "entries", "rows", "faults"])?;
    }
    Ok(rows.iter().all(|row| row["faults"].as_array().is_some_and(Vec::is_empty)))
}
