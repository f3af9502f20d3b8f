//! Why is it so? Every entry about a code, a user or a transaction, in order.

use super::{Admin, Parts};
use crate::http::extract::ok;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, get};
use crate::ledger::journal;
use crate::wire::view::View;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(
            Who::Admin,
            "/explain/{subject}",
            explain,
            "Why it is so: every entry about a code, a user or a transaction",
        )
        .answers(200, Content::One("explanation")),
    ]
}

async fn explain(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let subject = target.subject.as_deref().unwrap_or_default();
    let store = app.ledger.snapshot();
    let entries = journal::explain(&*store, subject)?;
    if entries.is_empty() {
        return Err(Problem::not_found("nothing is known of this code, user or transaction"));
    }
    let name = app.names();
    let view = View { name: &name };
    let about = journal::subscriptions(&*store, subject)?;
    let subscriptions: Vec<_> = about.iter().map(|row| view.subscription(row, app.clock.now())).collect();
    let items: Vec<_> = entries.iter().map(|(seq, entry)| view.entry(*seq, entry)).collect();
    Ok(ok(&json!({ "subject": subject, "items": items, "subscriptions": subscriptions })))
}
