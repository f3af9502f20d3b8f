//! A snapshot by hand.

use super::{Admin, Parts};
use crate::http::extract::ok;
use crate::http::problem::Problem;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;

pub async fn make(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?.clone();
    let made = tokio::task::spawn_blocking(move || app.backups.make(&app.ledger)).await;
    let made = made.map_err(|_| Problem::internal("the backup broke off"))?;
    let made = made.map_err(|error| Problem::internal(format!("no backup was made: {error}")))?;
    Ok(ok(&json!({ "path": made.path.display().to_string(), "bytes": made.bytes, "sha256": made.sha256 })))
}
