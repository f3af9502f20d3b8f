//! The routes of the Tremendous stand-in.

use super::books::Placed;
use super::order::{Wish, Wrong};
use super::{House, VERSION};
use crate::fake::calls::Calls;
use crate::fake::faults::{Api, Faults, Op};
use crate::fake::lock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;

struct Refusal {
    status: StatusCode,
    message: &'static str,
    /// Of the shape of the request, with what is wrong in the place of what is not right.
    payload: Value,
}

impl Refusal {
    fn of(status: StatusCode, message: &'static str) -> Refusal {
        Refusal { status, message, payload: json!({}) }
    }
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Refusal {
        match wrong {
            Wrong::NoJson => Refusal::of(StatusCode::BAD_REQUEST, "The request body could not be parsed as JSON"),
            Wrong::Field(path, text) => Refusal {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                message: "Order failed: validation failure",
                payload: path.iter().rev().fold(json!(text), |inner, name| json!({ *name: inner })),
            },
        }
    }
}

impl IntoResponse for Refusal {
    /// A refusal of too many requests is documented with another name than all others.
    fn into_response(self) -> Response {
        let name = if self.status == StatusCode::TOO_MANY_REQUESTS { "error" } else { "errors" };
        answer(self.status, &json!({name: {"message": self.message, "payload": self.payload}}))
    }
}

fn trouble(status: StatusCode) -> Response {
    let message = match status.as_u16() {
        401 => "Unauthorized",
        402 => "Not enough funds to carry out this operation. Fund your balance to proceed.",
        403 => "Production Access not available for your account",
        404 => "Resource not found",
        405 => "Method not allowed",
        409 => "An order with this external_id and other content exists",
        429 => "Too many requests",
        500.. => "Something went wrong. We have been notified",
        _ => "Said by a stand-in for Tremendous",
    };
    Refusal::of(status, message).into_response()
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [json], body.to_string()).into_response()
}

type Shared = State<Arc<House>>;

pub fn router(house: Arc<House>, faults: &Faults, calls: &Calls) -> Router {
    let routes = Router::new()
        .route(&format!("{VERSION}/orders"), post(create))
        .route(&format!("{VERSION}/orders/{{id}}"), get(read))
        .method_not_allowed_fallback(async || trouble(StatusCode::METHOD_NOT_ALLOWED))
        .fallback(async || trouble(StatusCode::NOT_FOUND))
        .layer(from_fn_with_state(house.clone(), door))
        .with_state(house);
    calls.watch(faults.guard(routes, Api { op, trouble }))
}

fn op(method: &Method, path: &str) -> Option<Op> {
    let rest = path.strip_prefix(VERSION)?.strip_prefix("/orders")?;
    match (method, rest.strip_prefix('/')) {
        (&Method::POST, None) if rest.is_empty() => Some(Op::CreateOrder),
        (&Method::GET, Some(id)) if !id.contains('/') => Some(Op::GetOrder),
        _ => None,
    }
}

async fn door(State(house): Shared, request: Request, next: Next) -> Response {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    if bearer != Some(house.setup.api_key.as_str()) {
        return trouble(StatusCode::UNAUTHORIZED);
    }
    next.run(request).await
}

async fn create(State(house): Shared, body: Bytes) -> Result<Response, Refusal> {
    let wish = Wish::read(&body)?;
    let now = house.setup.clock.now();
    let placed = lock(&house.books).place(wish, now);
    Ok(match placed {
        Placed::New(order) => answer(StatusCode::OK, &order.shown(true)),
        Placed::Waiting(order) => answer(StatusCode::ACCEPTED, &order.shown(true)),
        Placed::Repeated(order) => answer(StatusCode::CREATED, &order.shown(false)),
        Placed::Conflict => trouble(StatusCode::CONFLICT),
        Placed::NoFunds => trouble(StatusCode::PAYMENT_REQUIRED),
    })
}

async fn read(State(house): Shared, id: Result<Path<String>, PathRejection>) -> Response {
    let order = id.ok().and_then(|Path(id)| lock(&house.books).named(&id).cloned());
    match order {
        Some(order) => answer(StatusCode::OK, &order.shown(false)),
        None => trouble(StatusCode::NOT_FOUND),
    }
}
