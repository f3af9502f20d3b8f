//! Bells: cron says when to look. They carry no data; what is to be done is decided when the command
//! arrives.

use super::watch::Watcher;
use crate::domain::decide::hearing::CatchUp;
use crate::domain::decide::pool::Refill;
use crate::domain::decide::reconciliation::AskReports;
use crate::domain::decide::{By, Command};
use crate::ledger::backup::Backups;
use crate::ledger::{Entry, Ledger};
use std::sync::Arc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

pub struct Bells(JobScheduler);

impl Bells {
    pub async fn new() -> Result<Bells, JobSchedulerError> {
        Ok(Bells(JobScheduler::new().await?))
    }

    /// Looks at a campaign's stock on a schedule (cron with seconds, UTC).
    pub async fn refill(&self, schedule: &str, ledger: Arc<Ledger>, campaign: &str) -> Result<(), JobSchedulerError> {
        let campaign = campaign.to_owned();
        let job = Job::new_async(schedule, move |_, _| {
            let (ledger, campaign) = (ledger.clone(), campaign.clone());
            Box::pin(async move { look(&ledger, campaign).await })
        })?;
        self.0.add(job).await?;
        Ok(())
    }

    /// Reads what Apple sent, every four hours: Apple tries again for a week, but not for ever, and in the
    /// sandbox not at all.
    pub async fn catch_up(&self, ledger: Arc<Ledger>) -> Result<(), JobSchedulerError> {
        let job = Job::new_async("0 17 */4 * * *", move |_, _| {
            let ledger = ledger.clone();
            Box::pin(async move { catch_up(&ledger).await })
        })?;
        self.0.add(job).await?;
        Ok(())
    }

    /// Reads how many redemptions Apple counted, every day: the report of a day is there by eight in the morning in
    /// California (Apple, Sales and Trends).
    pub async fn reports(&self, ledger: Arc<Ledger>) -> Result<(), JobSchedulerError> {
        let job = Job::new_async("0 40 16 * * *", move |_, _| {
            let ledger = ledger.clone();
            Box::pin(async move {
                let command = Command::AskReports(AskReports { date: None });
                if let Err(fail) = ledger.submit(Entry::new(command, By::House)).await {
                    tracing::warn!(error = %fail, "Apple's reports could not be asked for");
                }
            })
        })?;
        self.0.add(job).await?;
        Ok(())
    }

    /// Makes a backup on a schedule. How it went is told where it is made.
    pub async fn backup(
        &self,
        schedule: &str,
        ledger: Arc<Ledger>,
        backups: Arc<Backups>,
    ) -> Result<(), JobSchedulerError> {
        let job = Job::new_async(schedule, move |_, _| {
            let (ledger, backups) = (ledger.clone(), backups.clone());
            Box::pin(async move { back_up(ledger, backups).await })
        })?;
        self.0.add(job).await?;
        Ok(())
    }

    /// Looks at the appliance every ten minutes.
    pub async fn watch(&self, watcher: Arc<Watcher>) -> Result<(), JobSchedulerError> {
        let job = Job::new_async("0 */10 * * * *", move |_, _| {
            let watcher = watcher.clone();
            Box::pin(async move { watcher.look().await })
        })?;
        self.0.add(job).await?;
        Ok(())
    }

    pub async fn start(&self) -> Result<(), JobSchedulerError> {
        self.0.start().await
    }

    pub async fn stop(&mut self) {
        _ = self.0.shutdown().await;
    }
}

/// One backup, beside all else. A failure is logged and counted there.
pub async fn back_up(ledger: Arc<Ledger>, backups: Arc<Backups>) {
    if let Err(error) = tokio::task::spawn_blocking(move || backups.make(&ledger)).await {
        tracing::error!(%error, "a backup broke off");
    }
}

/// Has Apple's notifications read since the last time, in both environments.
pub async fn catch_up(ledger: &Ledger) {
    for is_test in [false, true] {
        let command = Command::CatchUp(CatchUp { is_test, since: None });
        if let Err(fail) = ledger.submit(Entry::new(command, By::House)).await {
            tracing::warn!(error = %fail, "Apple's notifications could not be asked for");
        }
    }
}

/// One look at a campaign's stock.
pub async fn look(ledger: &Ledger, campaign: String) {
    let refill = Command::Refill(Refill { campaign, by_hand: false });
    if let Err(fail) = ledger.submit(Entry::new(refill, By::House)).await {
        tracing::warn!(error = %fail, "the stock could not be looked at");
    }
}
