//! A stand-in for the part of RevenueCat's REST API v1 that reads customers and grants entitlements.

mod subscriber;

pub use subscriber::StoreSubscription;

use crate::clock::Clock;
use crate::domain::at::At;
use crate::fake::calls::{Call as Seen, Calls};
use crate::fake::faults::{Api, Fault, Faults, Op};
use crate::fake::lock;
use crate::fake::stand::Stand;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use subscriber::{Subscriber, duration};
use tokio::sync::watch;

/// App user ids that RevenueCat refuses ("Identifying Customers").
const BLOCKED: [&str; 17] = [
    "no_user",
    "null",
    "none",
    "nil",
    "(null)",
    "NaN",
    "\\x00",
    "unidentified",
    "undefined",
    "unknown",
    "anonymous",
    "guest",
    "-1",
    "0",
    "[]",
    "{}",
    "[object Object]",
];

/// The last instant of the year 9999, where ISO dates end.
const LAST: At = At(253_402_300_799_999);

pub struct Setup {
    /// The v1 secret key.
    pub api_key: String,
    pub entitlements: Vec<String>,
    pub clock: Arc<dyn Clock>,
}

/// The running stand-in, to inspect and to steer. Dropped, it stops.
pub struct RevenueCat {
    stand: Stand,
    project: Arc<Project>,
    calls: Calls,
    faults: Faults,
}

/// One request as it came, with what it asked for.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub user: Option<String>,
    /// The absolute end that a grant asks for.
    pub end: Option<At>,
    /// None: nothing was answered.
    pub status: Option<u16>,
    pub at: At,
}

// Paths hold user ids.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} until {:?} at {:?}: {:?})", self.method, self.end, self.at, self.status)
    }
}

impl From<Seen> for Call {
    fn from(seen: Seen) -> Call {
        let user = seen.path.strip_prefix("/v1/subscribers/").and_then(|rest| unescape(rest.split('/').next()?));
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let end = body.get("end_time_ms").and_then(Value::as_i64).map(At);
        Call { method: seen.method, path: seen.path, user, end, status: seen.status, at: seen.at }
    }
}

impl RevenueCat {
    pub async fn start(setup: Setup) -> io::Result<RevenueCat> {
        let bound = Stand::bind().await?;
        let (calls, faults) = (Calls::new(setup.clock.clone()), Faults::default());
        let project = Arc::new(Project { setup, subscribers: Mutex::default() });
        let stand = bound.serve(router(project.clone(), &faults, &calls));
        Ok(RevenueCat { stand, project, calls, faults })
    }
    pub fn base_url(&self) -> &str {
        self.stand.base_url()
    }
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
    pub fn calls(&self) -> Vec<Call> {
        self.calls.seen().into_iter().map(Call::from).collect()
    }
    /// Changes with every call.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.calls.changed()
    }
    /// The furthest end of all that was ever granted to the user.
    pub fn promo_end(&self, user: &str) -> Option<At> {
        lock(&self.project.subscribers).get(user)?.promo_end()
    }
    /// How many grants took effect: duplicates are not counted, nor are those whose answer was lost left out.
    pub fn grants(&self, user: &str) -> usize {
        lock(&self.project.subscribers).get(user).map_or(0, Subscriber::grants)
    }
    /// Somebody grants an entitlement by hand, for one of RevenueCat's durations or (`custom`) until an end.
    pub fn give(&self, user: &str, entitlement: &str, kind: &str, end: At) {
        self.project
            .with(user, |subscriber, _| subscriber.grant(user, entitlement, kind, end, self.project.setup.clock.now()));
    }
    /// A purchase in the App Store that RevenueCat knows of.
    pub fn buy(&self, user: &str, bought: StoreSubscription) {
        self.project.with(user, |subscriber, _| subscriber.buy(bought));
    }
}

struct Project {
    setup: Setup,
    subscribers: Mutex<BTreeMap<String, Subscriber>>,
}

impl Project {
    /// Works on a customer, who is created when unknown; the second argument says whether that was so.
    fn with<T>(&self, user: &str, work: impl FnOnce(&mut Subscriber, bool) -> T) -> T {
        let mut subscribers = lock(&self.subscribers);
        let fresh = !subscribers.contains_key(user);
        let now = self.setup.clock.now();
        work(subscribers.entry(user.to_owned()).or_insert_with(|| Subscriber::new(now)), fresh)
    }
}

struct Refusal(StatusCode, u32, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(self.0, &json!({"code": self.1, "message": self.2}))
    }
}

const BAD_KEY: Refusal = Refusal(StatusCode::UNAUTHORIZED, 7225, "This API key is not valid here.");
const BAD_USER: Refusal = Refusal(StatusCode::BAD_REQUEST, 7256, "This app user id cannot be used.");
const BAD_REQUEST: Refusal = Refusal(StatusCode::BAD_REQUEST, 7226, "The request cannot be understood.");
const NO_ENTITLEMENT: Refusal = Refusal(StatusCode::NOT_FOUND, 7259, "There is no entitlement of this name.");
const NO_PATH: Refusal = Refusal(StatusCode::NOT_FOUND, 7226, "There is nothing at this path.");
const NO_METHOD: Refusal = Refusal(StatusCode::METHOD_NOT_ALLOWED, 7226, "This path does not know the method.");

fn trouble(status: StatusCode) -> Response {
    match status.as_u16() {
        401 => BAD_KEY.into_response(),
        423 | 429 => Refusal(status, 7638, "Another request is being worked on; try again later.").into_response(),
        500.. => Refusal(status, 7110, "Something went wrong on this side.").into_response(),
        _ => Refusal(status, 7226, "Said by a stand-in for RevenueCat.").into_response(),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [json], body.to_string()).into_response()
}

type Shared = State<Arc<Project>>;

fn router(project: Arc<Project>, faults: &Faults, calls: &Calls) -> Router {
    let routes = Router::new()
        .route("/v1/subscribers/{user}", get(read))
        .route("/v1/subscribers/{user}/entitlements/{entitlement}/promotional", post(grant))
        .route("/v1/subscribers/{user}/entitlements/{entitlement}/revoke_promotionals", post(revoke))
        .method_not_allowed_fallback(async || NO_METHOD)
        .fallback(nothing)
        .layer(from_fn_with_state(project.clone(), door))
        .with_state(project);
    calls.watch(faults.guard(routes, Api { op, trouble }))
}

fn op(method: &Method, path: &str) -> Option<Op> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["v1", "subscribers", _]) => Some(Op::GetSubscriber),
        ("POST", ["v1", "subscribers", _, "entitlements", _, "promotional"]) => Some(Op::Grant),
        ("POST", ["v1", "subscribers", _, "entitlements", _, "revoke_promotionals"]) => Some(Op::Revoke),
        _ => None,
    }
}

/// The key, with or without `Bearer`: v1 takes both.
async fn door(State(project): Shared, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
    if given != Some(project.setup.api_key.as_str()) {
        return BAD_KEY.into_response();
    }
    next.run(request).await
}

async fn nothing(uri: Uri) -> Refusal {
    let no_user =
        uri.path().strip_prefix("/v1/subscribers/").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if no_user { Refusal(StatusCode::BAD_REQUEST, 7220, "The app user id is empty.") } else { NO_PATH }
}

fn usable(user: &str) -> Result<(), Refusal> {
    if BLOCKED.contains(&user) || user.contains(['/', '\0']) { Err(BAD_USER) } else { Ok(()) }
}

async fn read(State(project): Shared, user: Result<Path<String>, PathRejection>) -> Result<Response, Refusal> {
    let Path(user) = user.map_err(|_| BAD_USER)?;
    usable(&user)?;
    Ok(project.with(&user, |subscriber, fresh| {
        let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
        answer(status, &subscriber.render(&user, project.setup.clock.now()))
    }))
}

/// Which user and entitlement a request is about, both of them usable.
type Subject = Result<Path<(String, String)>, PathRejection>;

fn subject(project: &Project, subject: Subject) -> Result<(String, String), Refusal> {
    let Path((user, entitlement)) = subject.map_err(|_| BAD_USER)?;
    usable(&user)?;
    if project.setup.entitlements.contains(&entitlement) { Ok((user, entitlement)) } else { Err(NO_ENTITLEMENT) }
}

async fn grant(
    State(project): Shared,
    about: Subject,
    fault: Option<Extension<Fault>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (user, entitlement) = subject(&project, about)?;
    let now = project.setup.clock.now();
    let (kind, end) = wish(&headers, &body, now).ok_or(BAD_REQUEST)?;
    let extending = !matches!(fault, Some(Extension(Fault::NotExtending)));
    Ok(project.with(&user, |subscriber, _| {
        if extending {
            subscriber.grant(&user, &entitlement, &kind, end, now);
        }
        answer(StatusCode::CREATED, &subscriber.render(&user, now))
    }))
}

/// The kind and the end of the grant that a body asks for. An absolute end counts more than a duration.
fn wish(headers: &HeaderMap, body: &[u8], now: At) -> Option<(String, At)> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    kind.split(';').next()?.trim().eq_ignore_ascii_case("application/json").then_some(())?;
    let body: Value = serde_json::from_slice(body).ok()?;
    let time = |name: &str| body.get(name).map(|value| value.as_i64().filter(|ms| (0..=LAST.0).contains(ms)).map(At));
    if let Some(end) = time("end_time_ms") {
        return Some(("custom".to_owned(), end?));
    }
    let name = body.get("duration")?.as_str()?;
    let start = time("start_time_ms").unwrap_or(Some(now))?;
    Some((name.to_owned(), start.plus(duration(name)?).min(LAST)))
}

async fn revoke(State(project): Shared, about: Subject) -> Result<Response, Refusal> {
    let (user, entitlement) = subject(&project, about)?;
    let now = project.setup.clock.now();
    Ok(project.with(&user, |subscriber, _| {
        subscriber.revoke(&entitlement, now);
        answer(StatusCode::OK, &subscriber.render(&user, now))
    }))
}

/// A path segment without its percent escapes.
fn unescape(segment: &str) -> Option<String> {
    let mut rest = segment.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push((digit(high)? * 16 + digit(low)?) as u8);
                after
            }
            (b'%', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
