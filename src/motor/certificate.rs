//! Keeps the certificate current that is shown: files are read again when they change, an authority is asked in time.

use super::until;
use crate::clock::Clock;
use crate::domain::at::{At, Span};
use crate::domain::certificate::{Certificate, pause};
use crate::ledger::{self, Drawer};
use crate::outside::Failure;
use crate::outside::acme::Acme;
use crate::wire::certificate::Pair;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

/// Where certificates are shown. What TLS cannot use is refused, and what was shown before stays.
pub trait Showcase: Send + Sync {
    fn show(&self, pair: &Pair) -> Result<Certificate, String>;
    /// What an authority that looks must find at each name, in place of all that it was to find before.
    fn prove(&self, proofs: &BTreeMap<String, Pair>) -> Result<(), String>;
    fn failed(&self, why: String);
}

#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable { path: PathBuf, why: std::io::Error },
    #[error("{} with the key in {}: {why}", chain.display(), key.display())]
    Files { chain: PathBuf, key: PathBuf, why: String },
    #[error("what the authority gave: {0}")]
    Given(String),
    #[error("the authority: {0}")]
    Authority(#[from] Failure),
    #[error("the certificate cannot be kept: {0}")]
    Kept(#[from] ledger::Error),
}

pub enum Keeper {
    Files(Files),
    Acme(Renewal),
}

impl Keeper {
    /// Shows what is there. Files must be good; without a certificate of the authority's there is none to show yet.
    pub fn open(&self) -> Result<(), Trouble> {
        match self {
            Keeper::Files(files) => files.open(),
            Keeper::Acme(renewal) => {
                renewal.open();
                Ok(())
            }
        }
    }

    pub async fn run(self: Arc<Keeper>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
        loop {
            let next = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                next = self.look() => next,
            };
            let called = async {
                match &*self {
                    Keeper::Files(_) => std::future::pending().await,
                    Keeper::Acme(renewal) => renewal.called.notified().await,
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = called => {}
                () = tokio::time::sleep(until(next, clock.now())) => {}
            }
        }
    }

    /// Does what is due, and says when something will be, where that is known.
    pub async fn look(&self) -> Option<At> {
        match self {
            Keeper::Files(files) => {
                files.look(false);
                None
            }
            Keeper::Acme(renewal) => Some(renewal.look().await),
        }
    }

    /// Somebody says that there is something to see: files are read whatever they hold, and an attempt that waits for
    /// its time is made at once.
    pub fn reload(&self) {
        match self {
            Keeper::Files(files) => files.look(true),
            Keeper::Acme(renewal) => renewal.hurry(),
        }
    }
}

/// A chain and its key in two files, which somebody else replaces.
pub struct Files {
    chain: PathBuf,
    key: PathBuf,
    showcase: Arc<dyn Showcase>,
    /// What was last found there: the pair, or why there was none.
    found: Mutex<Option<Result<Pair, String>>>,
}

impl Files {
    pub fn new(chain: PathBuf, key: PathBuf, showcase: Arc<dyn Showcase>) -> Files {
        Files { chain, key, showcase, found: Mutex::default() }
    }

    fn open(&self) -> Result<(), Trouble> {
        let pair = self.read()?;
        self.show(&pair)?;
        *self.found.lock().expect("no panic holds this lock") = Some(Ok(pair));
        Ok(())
    }

    /// Unless it was told to, it does nothing about what it has found before: what is no good is said once.
    fn look(&self, told: bool) {
        let now = self.read();
        let seen = now.as_ref().map(Pair::clone).map_err(ToString::to_string);
        let before = self.found.lock().expect("no panic holds this lock").replace(seen.clone());
        if !told && before == Some(seen) {
            return;
        }
        match now.and_then(|pair| self.show(&pair)) {
            Ok(certificate) => tracing::info!(names = certificate.names.join(" "), "the certificate was read again"),
            Err(trouble) => {
                tracing::error!(%trouble, "the certificate was not read; the old one stays");
                self.showcase.failed(trouble.to_string());
            }
        }
    }

    fn read(&self) -> Result<Pair, Trouble> {
        let read = |path: &Path| std::fs::read(path).map_err(|why| Trouble::Unreadable { path: path.to_owned(), why });
        Ok(Pair { chain: read(&self.chain)?, key: read(&self.key)? })
    }

    fn show(&self, pair: &Pair) -> Result<Certificate, Trouble> {
        let (chain, key) = (self.chain.clone(), self.key.clone());
        self.showcase.show(pair).map_err(|why| Trouble::Files { chain, key, why })
    }
}

const ACCOUNT: &str = "account.pem";
const CERTIFICATE: &str = "certificate.pem";

/// Between two certificates, whatever they say of their time: a clock that is wrong would ask for one after another.
const APART: Span = Span::hours(1);

/// Certificates of an authority, asked for in time and kept in a drawer.
pub struct Renewal {
    authority: Acme,
    drawer: Drawer,
    domains: Vec<String>,
    showcase: Arc<dyn Showcase>,
    clock: Arc<dyn Clock>,
    plan: Mutex<Plan>,
    called: Notify,
}

/// When the next attempt is due, and how many failed before it.
#[derive(Clone, Copy)]
struct Plan {
    due: At,
    failures: u32,
}

impl Renewal {
    pub fn new(
        authority: Acme,
        drawer: Drawer,
        domains: Vec<String>,
        showcase: Arc<dyn Showcase>,
        clock: Arc<dyn Clock>,
    ) -> Renewal {
        let plan = Mutex::new(Plan { due: clock.now(), failures: 0 });
        Renewal { authority, drawer, domains, showcase, clock, plan, called: Notify::new() }
    }

    fn open(&self) {
        let kept = self.drawer.get(CERTIFICATE).map_err(Trouble::from);
        let kept = kept.and_then(|text| text.map(|text| self.show(&Pair::of(text))).transpose());
        match kept {
            Ok(Some(certificate)) if certificate.is_for(&self.domains) => self.next(certificate.renew_at(), 0),
            Ok(Some(certificate)) => {
                tracing::warn!(names = certificate.names.join(" "), "the certificate is for other names")
            }
            Ok(None) => tracing::warn!("NO CERTIFICATE YET: every TLS connection is refused until one is issued"),
            Err(trouble) => tracing::error!(%trouble, "NO CERTIFICATE: the one that was kept is of no use"),
        }
    }

    async fn look(&self) -> At {
        let Plan { due, failures } = *self.plan.lock().expect("no panic holds this lock");
        let now = self.clock.now();
        if now < due {
            return due;
        }
        let (due, failures) = match self.renew().await {
            Ok(certificate) => {
                tracing::info!(names = certificate.names.join(" "), "a certificate was issued");
                (certificate.renew_at().max(now.plus(APART)), 0)
            }
            Err(trouble) => {
                let failures = failures.saturating_add(1);
                tracing::error!(%trouble, failures, "NO NEW CERTIFICATE: the old one stays, if there is one");
                self.showcase.failed(trouble.to_string());
                (now.plus(pause(failures)), failures)
            }
        };
        self.next(due, failures);
        due
    }

    /// An attempt that waits because others failed is made at once.
    fn hurry(&self) {
        let mut plan = self.plan.lock().expect("no panic holds this lock");
        if plan.failures > 0 {
            plan.due = self.clock.now();
            self.called.notify_one();
        }
    }

    fn next(&self, due: At, failures: u32) {
        *self.plan.lock().expect("no panic holds this lock") = Plan { due, failures };
    }

    async fn renew(&self) -> Result<Certificate, Trouble> {
        let kept = self.drawer.get(ACCOUNT)?.map(|text| String::from_utf8_lossy(&text).into_owned());
        let account = self.authority.account(kept.as_deref()).await?;
        // Also where it was kept before: a disk that takes nothing is found before a certificate is asked for.
        self.keep(ACCOUNT, account.key.clone().into()).await?;
        let issued = account.certificate(&self.domains, |proofs| self.showcase.prove(&proofs)).await;
        self.showcase.prove(&BTreeMap::new()).map_err(Trouble::Given)?;
        let pair = issued?;
        let certificate = self.show(&pair)?;
        if let Err(trouble) = self.keep(CERTIFICATE, pair.joined()).await {
            // It is shown all the same. Another one would be kept no better, and authorities count them.
            tracing::error!(%trouble, "the new certificate will be gone after a restart");
            self.showcase.failed(trouble.to_string());
        }
        Ok(certificate)
    }

    async fn keep(&self, name: &'static str, bytes: Vec<u8>) -> Result<(), Trouble> {
        let drawer = self.drawer.clone();
        let put = tokio::task::spawn_blocking(move || drawer.put(name, &bytes)).await;
        Ok(put.expect("writing a file does not panic")?)
    }

    fn show(&self, pair: &Pair) -> Result<Certificate, Trouble> {
        self.showcase.show(pair).map_err(Trouble::Given)
    }
}
