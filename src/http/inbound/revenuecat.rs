//! RevenueCat's webhook: 200 once the event is on disk.

use crate::domain::decide::{By, Command, Reply};
use crate::domain::purchase::{Report, Source};
use crate::http::extract::{is_secret, ok, only};
use crate::http::front::App;
use crate::http::limits::{WEBHOOK_BODY_MAX, read_body};
use crate::http::problem::Problem;
use crate::wire::hook::{REVENUECAT_SIGNATURE, revenuecat_signature_holds};
use crate::wire::revenuecat_event;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::HeaderName;
use serde_json::json;
use std::sync::Arc;

/// A body whose sender was proved. It cannot be made elsewhere.
struct Verified(Bytes);

pub async fn event(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let body = verified(&app, &headers, body).await.inspect_err(|problem| {
        app.meter.webhook(Source::RevenueCat, "", problem.name, None);
    })?;
    let event = revenuecat_event::parse(&body.0).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    let people = event.people().into_iter().cloned().collect();
    let report: Report = event.map(|user| app.ledger.person(&user));
    let (kind, command) = (report.kind.clone(), Command::Report(report));
    let reply = app.submit(command, By::Source(Source::RevenueCat), people, Some(&body.0)).await?;
    let Reply::Kept { repeated, differs } = reply else {
        return Err(Problem::internal("an answer of another kind"));
    };
    if differs {
        tracing::warn!(kind, "RevenueCat sent an event again with another content; the first one stands");
    }
    let status = if repeated { "repeated" } else { "kept" };
    app.meter.webhook(Source::RevenueCat, &kind, status, Some(app.clock.now()));
    Ok(ok(&json!({ "status": status })))
}

async fn verified(app: &App, headers: &HeaderMap, body: Body) -> Result<Verified, Problem> {
    let known = app.config.revenuecat.as_ref();
    let known = known.ok_or_else(|| Problem::not_found("this app takes no events of RevenueCat"))?;
    if !is_secret(headers, &known.webhook_authorization) {
        return Err(Problem::unauthenticated("the authorization is not the configured one"));
    }
    let body = read_body(body, WEBHOOK_BODY_MAX).await?;
    if let Some(secret) = &known.webhook_signing_secret {
        let given = only(headers, &HeaderName::from_static(REVENUECAT_SIGNATURE)).and_then(|value| value.to_str().ok());
        let given = given.ok_or_else(|| Problem::unauthenticated("the signature is missing"))?;
        revenuecat_signature_holds(given, secret.expose().as_bytes(), &body, app.clock.now())
            .map_err(|fault| Problem::unauthenticated(fault.to_string()))?;
    }
    Ok(Verified(body))
}
