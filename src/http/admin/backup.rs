//! A snapshot by hand, and the books checked while they are in use.

use super::{Admin, Parts};
use crate::http::extract::ok;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, post};
use crate::ledger::Error;
use crate::ledger::verify::{Report, verify};
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        post(Who::Admin, "/backup", make, "Makes a verified backup").answers(200, Content::One("backup")),
        post(Who::Admin, "/verify", check, "Checks the books while they are in use")
            .answers(200, Content::One("checked")),
    ]
}

async fn make(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?.clone();
    let made = beside(move || app.backups.make(&app.ledger)).await?;
    Ok(ok(&json!({ "path": made.path.display().to_string(), "bytes": made.bytes, "sha256": made.sha256 })))
}

async fn check(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let snapshot = admin.app(&target)?.ledger.snapshot();
    let Report { entries, rows, faults } = beside(move || verify(&snapshot)).await?;
    Ok(ok(&json!({ "entries": entries, "rows": rows, "faults": faults })))
}

/// Both take long: no request waits behind them.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error @ Error::NoRoom { .. })) => Err(Problem::unavailable(error.to_string())),
        Ok(Err(error)) => Err(Problem::internal(error.to_string())),
        Err(_) => Err(Problem::internal("it broke off")),
    }
}
