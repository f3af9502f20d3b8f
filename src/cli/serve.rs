//! Runs the appliance until it is told to stop, or the disk fails.

use super::house::{House, Motor};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use anyhow::Result;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Told,
    /// The disk failed: systemd starts it again, from the file.
    Disk,
}

pub async fn run(config: Config) -> Result<End> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hup = signal(SignalKind::hangup())?;
    let data = config.data_dir.display().to_string();
    let house = House::start(config, Arc::new(SystemClock), Arc::new(SystemEntropy), Motor::Running).await?;
    let admin = house.admin.map_or_else(|| "unix socket".to_owned(), |address| address.to_string());
    tracing::info!(public = %house.public, admin, data, "referd serves");
    let end = loop {
        tokio::select! {
            _ = term.recv() => break End::Told,
            _ = int.recv() => break End::Told,
            _ = hup.recv() => house.reload(),
            () = house.failed() => break End::Disk,
        }
    };
    tracing::info!("referd finishes what it was asked, and stops");
    house.stop().await;
    Ok(end)
}
