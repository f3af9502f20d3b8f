//! Bells: cron says when to look. They carry no data; what is to be done is decided when the command
//! arrives.

use crate::domain::decide::pool::Refill;
use crate::domain::decide::{By, Command};
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

    pub async fn start(&self) -> Result<(), JobSchedulerError> {
        self.0.start().await
    }

    pub async fn stop(&mut self) {
        _ = self.0.shutdown().await;
    }
}

/// One look at a campaign's stock.
pub async fn look(ledger: &Ledger, campaign: String) {
    let refill = Command::Refill(Refill { campaign, by_hand: false });
    if let Err(fail) = ledger.submit(Entry::new(refill, By::House)).await {
        tracing::warn!(error = %fail, "the stock could not be looked at");
    }
}
