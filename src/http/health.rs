//! Is the process up, and can it keep what it is told?

use super::front::App;
use super::problem::Problem;
use super::tls::Certificates;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

/// A durable write younger than this need not be tried again.
const FRESH_MILLIS: i64 = 2_000;
const PATIENCE: Duration = Duration::from_secs(3);

pub async fn live() -> &'static str {
    "ok\n"
}

/// Every ledger wrote durably within the last seconds, every key is there, and a certificate that holds.
pub async fn ready(apps: &[Arc<App>], certificates: Option<&Certificates>) -> Response {
    if let Some(fault) = certificates.and_then(Certificates::fault) {
        return Problem::unavailable(fault).into_response();
    }
    for app in apps {
        if app.verifier.as_ref().and_then(|verifier| verifier.key_set()).is_some_and(|set| !set.is_loaded()) {
            return Problem::unavailable("the users' keys have not been read yet").into_response();
        }
        if app.ledger.silence() <= FRESH_MILLIS {
            continue;
        }
        match tokio::time::timeout(PATIENCE, app.ledger.beat()).await {
            Ok(Ok(())) => {}
            Ok(Err(fail)) => return Problem::from(fail).into_response(),
            Err(_) => return Problem::unavailable("the disk does not answer").into_response(),
        }
    }
    "ready\n".into_response()
}
