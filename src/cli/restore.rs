//! Puts a backup in the place of a database. What is not sound is refused before anything is changed.

use super::args::Restore;
use super::{offline, show};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::ledger::draws::State;
use crate::ledger::parcel;
use crate::ledger::restore::Ready;
use crate::wire::text::rfc3339;
use anyhow::{Context, Result, bail};
use serde_json::json as object;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

pub fn run(config: &Config, asked: &Restore, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    let identity = asked.identity.as_deref();
    verify(&asked.from, identity)?;
    std::fs::create_dir_all(&config.data_dir)?;
    let mut backup = parcel::open(&asked.from, identity, &config.data_dir)?;
    let ready = Ready::make(&config.data_dir, &app.name, &mut backup, Arc::new(SystemClock), &SystemEntropy)?;
    verify(ready.file(), None)?;
    explain(&ready);
    let withheld: u32 = ready.withheld.iter().map(|(_, count)| count).sum();
    let mut said = object!({
        "app": app.name, "restored_to": rfc3339(ready.at), "returned": ready.returned, "withheld": withheld,
        "erased": ready.erased,
    });
    said["kept"] = ready.swap()?.map(|path| path.display().to_string()).into();
    if show::as_json(json) {
        show::lines(&[said])?;
    } else {
        show::table(&[said], &["app", "restored_to", "returned", "withheld", "erased", "kept"])?;
    }
    Ok(true)
}

/// In a process of its own: a broken file can end the one that reads it.
fn verify(file: &Path, identity: Option<&Path>) -> Result<()> {
    let program = std::env::current_exe().context("the program does not find itself")?;
    let mut command = Command::new(program);
    command.args(["verify", "--from"]).arg(file);
    if let Some(identity) = identity {
        command.arg("--identity").arg(identity);
    }
    let out = command.output().context("the program cannot be started again")?;
    if !out.status.success() {
        let said = [out.stdout, out.stderr].concat();
        bail!("{} is not sound, and nothing was changed:\n{}", file.display(), String::from_utf8_lossy(&said).trim());
    }
    Ok(())
}

fn explain(ready: &Ready) {
    eprintln!("the books are of {}; what happened since then is not in them", rfc3339(ready.at));
    if ready.returned > 0 {
        eprintln!(
            "{} codes that were handed out since then are with those who have them, by the draw log",
            ready.returned
        );
    }
    if ready.erased > 0 {
        eprintln!("{} who were erased since then were erased again", ready.erased);
    }
    for partner in &ready.still_named {
        eprintln!(
            "the partner {partner} was erased since then, and has an open payout in these books: settle it, and erase them"
        );
    }
    let why = match ready.state {
        Some(State::Whole) => return,
        Some(State::Torn) => "the draw log is cut short in its last line",
        Some(State::Damaged) => "the draw log is damaged; it is kept aside",
        None => "there is no draw log beside the database",
    };
    eprintln!(
        "{why}, so nobody knows which codes were handed out since then. By the pace of the draws and the age of the"
    );
    eprintln!("backup, with a margin, these are never given to anybody:");
    for (campaign, count) in &ready.withheld {
        eprintln!("  {campaign}: the next {count}, of the stock or of the batches to come");
    }
    if ready.state != Some(State::Torn) {
        eprintln!("Nobody knows who was erased since then either: erase them again, by your own list.");
    }
    eprintln!("Do not import again a list that was imported after the backup was made.");
}
