//! The story, step by step. A step that does not hold ends the walk, since the next ones build on it;
//! the ledger is verified all the same.

mod apple;
mod referral;

use super::screen::Screen;
use super::stage::{Said, Stage};
use crate::ledger::verify::verify;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::Write;

/// Whose codes they are.
pub const REFERRER: &str = "user-1001";

/// What a step has to show, and what the next ones need of it.
type Told<T> = Result<(T, Vec<String>)>;

enum Halt {
    /// The step did not hold; that was shown.
    Broke,
    Screen(std::io::Error),
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Halt {
        Halt::Screen(error)
    }
}

/// Whether every step held.
pub async fn tell<W: Write>(stage: &Stage, screen: &mut Screen<W>) -> Result<bool> {
    let mut held = true;
    for chapter in [walk(stage, screen).await, step(screen, "ledger", books(stage)).await] {
        match chapter {
            Ok(()) => {}
            Err(Halt::Broke) => held = false,
            Err(Halt::Screen(error)) => return Err(error.into()),
        }
    }
    screen.heading(if held { "Every step held." } else { "A step did not hold: see above." })?;
    Ok(held)
}

async fn walk<W: Write>(stage: &Stage, screen: &mut Screen<W>) -> Result<(), Halt> {
    let end = referral::walk(stage, screen).await?;
    apple::walk(stage, screen, end).await
}

async fn step<W: Write, T>(screen: &mut Screen<W>, name: &str, work: impl Future<Output = Told<T>>) -> Result<T, Halt> {
    match work.await {
        Ok((found, lines)) => {
            screen.held(name, &lines)?;
            Ok(found)
        }
        Err(error) => {
            screen.broke(name, &format!("{error:#}"))?;
            Err(Halt::Broke)
        }
    }
}

async fn books(stage: &Stage) -> Told<()> {
    let (mut entries, mut rows) = (0, 0);
    for app in &stage.house.apps {
        let snapshot = app.ledger.snapshot();
        let report = tokio::task::spawn_blocking(move || verify(&snapshot)).await??;
        ensure!(report.faults.is_empty(), "expected no fault, got: {}", report.faults.join("; "));
        (entries, rows) = (entries + report.entries, rows + report.rows);
    }
    let lines = vec![format!("verified: {entries} journal entries replayed, {rows} rows come out the same, 0 faults")];
    Ok(((), lines))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn same(what: &str, got: &Value, expected: impl Into<Value>) -> Result<()> {
    let expected = expected.into();
    ensure!(*got == expected, "{what}: expected {expected}, got {got}");
    Ok(())
}

fn status(said: &Said, expected: u16) -> Result<()> {
    let problem = said.body["detail"].as_str().unwrap_or_default();
    ensure!(said.status == expected, "expected {expected}, got {} {problem}", said.status);
    Ok(())
}

fn kept(said: &Said, word: &str) -> Result<()> {
    status(said, 200)?;
    same("status", &said.body["status"], word)
}

fn only(items: Vec<Value>, what: &str) -> Result<Value> {
    ensure!(items.len() == 1, "expected one {what}, got {}", items.len());
    items.into_iter().next().context("there is one")
}

fn none(items: Vec<Value>, what: &str) -> Result<()> {
    ensure!(items.is_empty(), "expected no {what}, got {}", items.len());
    Ok(())
}
