//! The appliance seen from inside: what somebody has to look at becomes an alert, which webhooks are told of.

use crate::clock::Clock;
use crate::domain::alert::AlertKind;
use crate::domain::decide::alert::{Seen, Watch};
use crate::domain::decide::{By, Command};
use crate::domain::purchase::Source;
use crate::ledger::backup::Backups;
use crate::ledger::{Entry, Error, Ledger, list};
use crate::wire::text::rfc3339;
use std::sync::Arc;

/// Says what is wrong, if anything is.
pub type Warning = Arc<dyn Fn() -> Option<String> + Send + Sync>;

pub struct Watcher {
    pub ledger: Arc<Ledger>,
    pub backups: Arc<Backups>,
    /// Of the certificate that is shown.
    pub certificate: Warning,
    pub clock: Arc<dyn Clock>,
}

impl Watcher {
    pub async fn look(&self) {
        let seen = match self.seen() {
            Ok(seen) => seen,
            Err(error) => return tracing::error!(%error, "the appliance could not be looked at"),
        };
        if let Err(fail) = self.ledger.submit(Entry::new(Command::Watch(Watch { seen }), By::House)).await {
            tracing::warn!(error = %fail, "what was seen of the appliance was not kept");
        }
    }

    fn seen(&self) -> Result<Vec<Seen>, Error> {
        let store = self.ledger.snapshot();
        let dead = list::counts(&*store, "outbox")?.into_iter().filter(|(_, status, _)| status == "dead");
        let dead = Some(dead.map(|(.., count)| count).sum()).filter(|count: &u64| *count > 0);
        let mut seen = vec![
            of(AlertKind::BackupFailed, "backup", self.backups.standing().trouble),
            of(AlertKind::CertificateFailing, "certificate", (self.certificate)()),
            of(AlertKind::DeliveryDead, "outbox", dead.map(|count| format!("{count} were given up"))),
        ];
        for source in Source::HOOKS {
            let quiet = list::heard(&*store, source)?.filter(|heard| heard.is_quiet(self.clock.now()));
            let trouble = quiet.map(|heard| format!("none since {}, much longer than usual", rfc3339(heard.last)));
            seen.push(of(AlertKind::SourceQuiet, source.word(), trouble));
        }
        Ok(seen)
    }
}

fn of(kind: AlertKind, about: &str, trouble: Option<String>) -> Seen {
    Seen { kind, about: about.to_owned(), trouble }
}
