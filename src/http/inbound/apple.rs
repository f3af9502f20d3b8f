//! Apple's server notifications: 200 once they are on disk, 401 for whatever Apple did not sign for this app
//! and environment, 503 where it should send again.

use crate::domain::decide::{By, Command, Reply};
use crate::domain::policy::Environment;
use crate::domain::purchase::{Report, Source};
use crate::http::extract::ok;
use crate::http::front::App;
use crate::http::limits::{WEBHOOK_BODY_MAX, read_body};
use crate::http::problem::Problem;
use crate::wire::apple_event::{self, Body as Version, Fault, Limits};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use serde_json::json;
use std::sync::Arc;

pub async fn production(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    take(&app, &headers, body, Environment::Production).await
}

pub async fn sandbox(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    take(&app, &headers, body, Environment::Sandbox).await
}

async fn take(app: &App, headers: &HeaderMap, body: Body, environment: Environment) -> Result<Response, Problem> {
    let body = read_body(body, WEBHOOK_BODY_MAX).await.map_err(Problem::from).inspect_err(|problem| {
        app.meter.webhook(Source::Apple, "", problem.name, None);
    })?;
    let refused = |fault| refused(app, fault);
    let jws = match apple_event::body(&body).map_err(refused)? {
        Version::V2(jws) => jws,
        Version::V1 => {
            app.meter.webhook(Source::Apple, "V1", "ignored", None);
            tracing::warn!("a notification of version 1 was ignored: choose version 2 in App Store Connect");
            return Ok(ok(&json!({ "status": "ignored" })));
        }
    };
    let limits = Limits { now: app.clock.now(), max_age: app.config.notifications.max_age() };
    let expected = app.expects(environment);
    let mut event = apple_event::notification(jws.as_str(), &expected, limits, &app.opener()).map_err(refused)?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    event.hand_on = app.config.notifications.hand_on(content_type);
    let people = event.people().into_iter().cloned().collect();
    let report: Report = event.map(|user| app.ledger.person(&user));
    let (kind, command) = (report.kind.clone(), Command::Report(report));
    let reply = app.submit(command, By::Source(Source::Apple), people, Some(&body)).await?;
    let Reply::Kept { repeated, .. } = reply else {
        return Err(Problem::internal("an answer of another kind"));
    };
    let status = if repeated { "repeated" } else { "kept" };
    app.meter.webhook(Source::Apple, &kind, status, Some(app.clock.now()));
    Ok(ok(&json!({ "status": status })))
}

/// Nothing is kept of what is refused but the count.
fn refused(app: &App, fault: Fault) -> Problem {
    app.meter.webhook(Source::Apple, "", fault.word(), None);
    match fault {
        Fault::FromTheFuture => {
            tracing::error!("a notification of Apple's was signed in the future: is this machine's clock right?");
            Problem::unavailable(fault.to_string()).retry_after(3600)
        }
        _ => Problem::bad_signature(fault.to_string()),
    }
}
