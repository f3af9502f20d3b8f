//! The books checked in full.

use super::args::Verify;
use crate::config::Config;
use crate::ledger::verify::{Backup, Report, verify_backup, verify_file};
use anyhow::{Result, bail};
use std::path::Path;

pub fn run(config: Option<&Config>, asked: &Verify) -> Result<bool> {
    if let Some(file) = &asked.from {
        let Backup { report, has_sum, label } = verify_backup(file, asked.identity.as_deref(), &std::env::temp_dir())?;
        if let Some(label) = label {
            println!(
                "{}: a backup of {} of {}, by referd {}",
                file.display(),
                label.app,
                label.at.compact(),
                label.version
            );
        }
        if !has_sum {
            eprintln!("{}: no checksum is beside it, so bytes that no table uses are not checked", file.display());
        }
        return Ok(tell(file, &report));
    }
    let Some(config) = config else { bail!("give a file with --from, or a configuration") };
    let mut good = true;
    for app in &config.apps {
        let file = config.data_dir.join(format!("{}.redb", app.name));
        good &= tell(&file, &verify_file(&file)?);
    }
    Ok(good)
}

fn tell(file: &Path, report: &Report) -> bool {
    let Report { entries, rows, faults } = report;
    println!("{}: {entries} journal entries, {rows} rows, {} faults", file.display(), faults.len());
    faults.iter().for_each(|fault| println!("  {fault}"));
    faults.is_empty()
}
