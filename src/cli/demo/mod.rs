//! The whole loop on this machine, with no account: the real appliance beside stand-ins. What a
//! newcomer runs first.

mod commands;
mod screen;
mod stage;
mod story;

use super::args::Demo;
use anyhow::{Result, bail};
use commands::commands;
use screen::{Screen, has_colours};
use stage::Stage;
use std::io::{Write, stdout};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether every step held.
pub async fn run(asked: &Demo) -> Result<bool> {
    let mut stop = Stop::listen()?;
    let mut screen = Screen::new(stdout(), has_colours());
    let stage = Stage::set().await?;
    let ended = tokio::select! {
        held = story::tell(&stage, &mut screen) => held,
        () = stop.told() => Ok(false),
    };
    let ended = match ended {
        Ok(true) if asked.serve => serve(&stage, &mut screen, &mut stop).await.map(|()| true),
        other => other,
    };
    stage.close().await;
    ended
}

/// Ctrl-C, or what a service manager sends.
struct Stop {
    term: Signal,
    int: Signal,
}

impl Stop {
    fn listen() -> Result<Stop> {
        Ok(Stop { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }
    async fn told(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

async fn serve<W: Write>(stage: &Stage, screen: &mut Screen<W>, stop: &mut Stop) -> Result<()> {
    screen.line("")?;
    screen.heading("Up until Ctrl-C. Another round, to be pasted one after the other:")?;
    for (what, command) in commands(stage).await? {
        screen.line(&format!("\n# {what}\n{command}"))?;
    }
    tokio::select! {
        () = stop.told() => Ok(()),
        () = stage.house.failed() => bail!("the disk failed"),
    }
}
