//! Tremendous' webhook. Its body only points at something, which is read again, so a repeat does no harm.

use crate::domain::decide::payout::AskPayout;
use crate::domain::decide::{By, Command};
use crate::http::extract::{ok, only};
use crate::http::front::App;
use crate::http::limits::{WEBHOOK_BODY_MAX, read_body};
use crate::http::problem::Problem;
use crate::wire::hook::{TREMENDOUS_SIGNATURE, tremendous_signature_holds};
use crate::wire::tremendous;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::header::HeaderName;
use serde_json::json;
use std::sync::Arc;

pub async fn event(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let key = app.config.tremendous.as_ref().and_then(|known| known.webhook_key.as_ref());
    let key = key.ok_or_else(|| Problem::not_found("this app takes no events of Tremendous"))?;
    let body = read_body(body, WEBHOOK_BODY_MAX).await?;
    let given = only(&headers, &HeaderName::from_static(TREMENDOUS_SIGNATURE)).and_then(|value| value.to_str().ok());
    if !given.is_some_and(|given| tremendous_signature_holds(given, key.expose().as_bytes(), &body)) {
        return Err(Problem::bad_signature("the signature is not Tremendous'"));
    }
    let event = tremendous::event(&body).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    if let Some((_, name)) = event.resource {
        app.submit(Command::AskPayout(AskPayout { name }), By::Tremendous, vec![], None).await?;
    }
    Ok(ok(&json!({ "status": "kept" })))
}
