//! Bells: cron says when to look. They carry no data; what is to be done is decided when the command
//! arrives.

use crate::clock::Clock;
use crate::domain::decide::hearing::CatchUp;
use crate::domain::decide::pool::Refill;
use crate::domain::decide::reconciliation::AskReports;
use crate::domain::decide::{By, Command};
use crate::domain::purchase::Source;
use crate::ledger::backup::Backups;
use crate::ledger::{Entry, Ledger, list};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
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

    /// Says so when a source falls silent, and when it is heard again.
    pub async fn listen(&self, app: &str, ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Result<(), JobSchedulerError> {
        let (app, quiet) = (app.to_owned(), Arc::new(Mutex::new(BTreeSet::new())));
        let job = Job::new_async("0 */10 * * * *", move |_, _| {
            let (app, ledger, clock, quiet) = (app.clone(), ledger.clone(), clock.clone(), quiet.clone());
            Box::pin(async move { listen(&app, &ledger, &*clock, &quiet) })
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

fn listen(app: &str, ledger: &Ledger, clock: &dyn Clock, quiet: &Mutex<BTreeSet<Source>>) {
    let mut quiet = quiet.lock().expect("no panic holds this lock");
    for source in Source::HOOKS {
        let Ok(heard) = list::heard(&*ledger.snapshot(), source) else { continue };
        let is_quiet = heard.is_some_and(|heard| heard.is_quiet(clock.now()));
        match (is_quiet, quiet.contains(&source)) {
            (true, false) => {
                quiet.insert(source);
                tracing::error!(
                    app,
                    source = source.word(),
                    "no webhook for much longer than usual: is its URL right?"
                );
            }
            (false, true) => {
                quiet.remove(&source);
                tracing::info!(app, source = source.word(), "webhooks come in again");
            }
            _ => {}
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
