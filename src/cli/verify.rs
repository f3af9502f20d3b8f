//! The books checked in full.

use super::args::Verify;
use crate::config::Config;
use crate::ledger::verify::{Report, verify_file};
use anyhow::{Result, bail};
use std::path::PathBuf;

pub fn run(config: Option<&Config>, asked: &Verify) -> Result<bool> {
    let files: Vec<PathBuf> = match (&asked.from, config) {
        (Some(file), _) => vec![file.clone()],
        (None, Some(config)) => {
            config.apps.iter().map(|app| config.data_dir.join(format!("{}.redb", app.name))).collect()
        }
        (None, None) => bail!("give a file with --from, or a configuration"),
    };
    let mut good = true;
    for file in files {
        let Report { entries, rows, faults } = verify_file(&file)?;
        println!("{}: {entries} journal entries, {rows} rows, {} faults", file.display(), faults.len());
        faults.iter().for_each(|fault| println!("  {fault}"));
        good &= faults.is_empty();
    }
    Ok(good)
}
