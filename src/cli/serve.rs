//! Runs the appliance until it is told to stop, or the disk fails.

use super::house::{House, Motor};
use super::systemd::{Manager, Sockets};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use anyhow::Result;
use std::pin::pin;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Told,
    /// The disk failed: systemd starts it again, from the file.
    Disk,
}

pub async fn run(config: Config, sockets: Sockets, manager: &Manager) -> Result<End> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (mut hup, mut usr1) = (signal(SignalKind::hangup())?, signal(SignalKind::user_defined1())?);
    let data = config.data_dir.display().to_string();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let house = House::start(config, sockets, clock, entropy, Motor::Running).await?;
    let admin = house.admin.map_or_else(|| "unix socket".to_owned(), |address| address.to_string());
    tracing::info!(public = %house.public, admin, data, "referd serves");
    manager.ready();
    let end = {
        let mut watching = pin!(manager.watch(&house.apps));
        loop {
            tokio::select! {
                _ = term.recv() => break End::Told,
                _ = int.recv() => break End::Told,
                _ = hup.recv() => {
                    manager.reloading();
                    house.reload();
                    manager.ready();
                }
                _ = usr1.recv() => house.back_up(),
                () = house.failed() => break End::Disk,
                never = &mut watching => match never {},
            }
        }
    };
    tracing::info!("referd finishes what it was asked, and stops");
    manager.stopping();
    house.stop().await;
    Ok(end)
}
