//! The routes of the DeviceCheck stand-in. Every answer that is no state of a device is plain text.

use super::{Team, device_of, token};
use crate::domain::at::{At, Span};
use crate::fake::calls::Calls;
use crate::fake::faults::{Api, Faults, Op};
use crate::fake::timestamp;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::Arc;

const QUERY: &str = "/v1/query_two_bits";
const UPDATE: &str = "/v1/update_two_bits";

/// Beyond this a timestamp is no clock's: seconds in the place of milliseconds, say.
const FARTHEST: Span = Span::days(1);

struct Refusal(&'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.0).into_response()
    }
}

const BAD_TOKEN: Refusal = Refusal("Missing or badly formatted device token");
const BAD_PAYLOAD: Refusal = Refusal("Bad Payload");
const BAD_TIMESTAMP: Refusal = Refusal("Bad Timestamp");
const BAD_BITS: Refusal = Refusal("Bad Bits");

fn trouble(status: StatusCode) -> Response {
    let text = match status.as_u16() {
        400 => BAD_PAYLOAD.0,
        401 => "Unable to verify authorization token",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Server Error",
        503 => "Service Unavailable",
        _ => "Said by a stand-in for DeviceCheck",
    };
    (status, text).into_response()
}

type Shared = State<Arc<Team>>;

pub fn router(team: Arc<Team>, faults: &Faults, calls: &Calls) -> Router {
    let routes = Router::new()
        .route(QUERY, post(query))
        .route(UPDATE, post(update))
        .method_not_allowed_fallback(async || trouble(StatusCode::METHOD_NOT_ALLOWED))
        .fallback(async || trouble(StatusCode::NOT_FOUND))
        .layer(from_fn_with_state(team.clone(), door))
        .with_state(team);
    calls.watch(faults.guard(routes, Api { op, trouble }))
}

fn op(method: &Method, path: &str) -> Option<Op> {
    match (method, path) {
        (&Method::POST, QUERY) => Some(Op::QueryBits),
        (&Method::POST, UPDATE) => Some(Op::UpdateBits),
        _ => None,
    }
}

async fn door(State(team): Shared, request: Request, next: Next) -> Response {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let setup = &team.setup;
    if !bearer.is_some_and(|bearer| token::accepts(&setup.key, &setup.team_id, bearer, team.now())) {
        return trouble(StatusCode::UNAUTHORIZED);
    }
    next.run(request).await
}

/// The body, and the device that it is about.
fn read(body: &[u8], now: At) -> Result<(Value, String), Refusal> {
    let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(BAD_PAYLOAD)?;
    let device = body["device_token"].as_str().and_then(device_of).ok_or(BAD_TOKEN)?;
    body["transaction_id"].as_str().filter(|id| !id.is_empty()).ok_or(BAD_PAYLOAD)?;
    let at = body["timestamp"].as_i64().map(At);
    at.filter(|at| (now.minus(FARTHEST)..=now.plus(FARTHEST)).contains(at)).ok_or(BAD_TIMESTAMP)?;
    Ok((body, device))
}

async fn query(State(team): Shared, body: Bytes) -> Result<Response, Refusal> {
    let (_, device) = read(&body, team.now())?;
    let Some(state) = team.state(&device) else { return Ok("Failed to find bit state".into_response()) };
    let month = timestamp(state.at).strftime("%Y-%m").to_string();
    let body = json!({"bit0": state.bit0, "bit1": state.bit1, "last_update_time": month});
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([json], body.to_string()).into_response())
}

async fn update(State(team): Shared, body: Bytes) -> Result<Response, Refusal> {
    let (body, device) = read(&body, team.now())?;
    let bit = |name: &str| body.get(name).map(|bit| bit.as_bool().ok_or(BAD_BITS)).transpose();
    let (bit0, bit1) = (bit("bit0")?, bit("bit1")?);
    if bit0.is_none() && bit1.is_none() {
        return Err(BAD_BITS);
    }
    team.write(&device, bit0, bit1);
    Ok(StatusCode::OK.into_response())
}
