//! Is the process up, and can it keep what it is told?

use super::front::App;
use super::problem::Problem;
use super::route::{PLAIN, Route, Who, get};
use super::tls::Certificates;
use crate::ledger::{Fail, Ledger};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A durable write younger than this need not be tried again.
const FRESH: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(3);

/// What the process answers for.
#[derive(Clone)]
pub struct Health {
    pub apps: Arc<[Arc<App>]>,
    pub certificates: Option<Arc<Certificates>>,
}

pub fn routes() -> Vec<Route<Health>> {
    vec![
        get(Who::Anyone, "/livez", live, "Whether the process is up").answers(200, PLAIN),
        get(Who::Anyone, "/readyz", ready, "Whether writes are durable, and the keys and a good certificate are there")
            .answers(200, PLAIN)
            .refuses(&["unavailable"]),
    ]
}

async fn live() -> &'static str {
    "ok\n"
}

/// Why a ledger is not known to write durably.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ill {
    #[error("the disk does not answer")]
    Silent,
    #[error("{0}")]
    Fails(#[from] Fail),
}

/// Whether a ledger wrote durably of late, or does so now.
pub async fn writes(ledger: &Ledger, fresh: Duration) -> Result<(), Ill> {
    // Less than nothing: the clock was set back, and says nothing.
    if (0..=fresh.as_millis() as i64).contains(&ledger.silence()) {
        return Ok(());
    }
    timeout(PATIENCE, ledger.beat()).await.map_err(|_| Ill::Silent)?.map_err(Ill::Fails)
}

/// Every ledger writes durably, every key is there, and a certificate that holds.
async fn ready(State(Health { apps, certificates }): State<Health>) -> Response {
    if let Some(fault) = certificates.as_deref().and_then(Certificates::fault) {
        return Problem::unavailable(fault).into_response();
    }
    for app in &*apps {
        if app.verifier.as_ref().and_then(|verifier| verifier.key_set()).is_some_and(|set| !set.is_loaded()) {
            return Problem::unavailable("the users' keys have not been read yet").into_response();
        }
        match writes(&app.ledger, FRESH).await {
            Ok(()) => {}
            Err(Ill::Fails(fail)) => return Problem::from(fail).into_response(),
            Err(Ill::Silent) => return Problem::unavailable(Ill::Silent.to_string()).into_response(),
        }
    }
    "ready\n".into_response()
}
