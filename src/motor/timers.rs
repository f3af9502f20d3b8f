//! The due list: what stands in it is fired when its time has come.

use super::{is_over, until};
use crate::clock::Clock;
use crate::domain::at::At;
use crate::domain::decide::{By, Command};
use crate::domain::due::Due;
use crate::ledger::key::{Key, after_prefix, at_of};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use crate::ledger::{Entry, Error, Fail, Ledger, list};
use std::ops::Bound;
use std::sync::Arc;
use tokio::sync::watch;

pub struct Timers {
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
}

impl Timers {
    pub fn new(ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Timers {
        Timers { ledger, clock }
    }

    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changed = self.ledger.changed();
        loop {
            changed.borrow_and_update();
            let next = match self.fire().await {
                Ok(next) => next,
                Err(fail) if is_over(&fail) => return,
                Err(fail) => {
                    tracing::warn!(error = %fail, "timers pause");
                    None
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                changed = changed.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(until(next, self.clock.now())) => {}
            }
        }
    }

    /// Fires everything whose time has come, and says when the next thing's will.
    pub async fn fire(&self) -> Result<Option<At>, Fail> {
        loop {
            let (due, next) = self.due().map_err(|error| {
                tracing::error!(%error, "the due list cannot be read");
                Fail::Unknown
            })?;
            if due.is_empty() {
                return Ok(next);
            }
            for one in due {
                self.ledger.submit(Entry::new(Command::Fire(one), By::House)).await?;
            }
        }
    }

    fn due(&self) -> Result<(Vec<Due>, Option<At>), Error> {
        let snapshot = self.ledger.snapshot();
        let now = self.clock.now();
        let page = list::rows(&*snapshot, None, 100, |due: &Due| due.at <= now)?;
        let due: Vec<Due> = page.items.into_iter().filter(|due| due.at <= now).collect();
        let limit = after_prefix(&Key::new().at(now).done());
        let from = limit.as_deref().map_or(Bound::Unbounded, Bound::Included);
        let next = snapshot.range(Tab::Due, from, Bound::Unbounded, 1)?;
        Ok((due, next.first().and_then(|(key, _)| key.get(..8)).and_then(at_of)))
    }
}
