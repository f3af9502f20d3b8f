//! What a caller may use up: connections, time and bytes; and what every request gets: an id, a span, safe headers.

use crate::entropy::Entropy;
use crate::http::peer::{Trusted, subscriber};
use crate::http::problem::Problem;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, StatusCode};
use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

/// Caps for [`read_body`].
pub const BODY_MAX: usize = 256 * 1024;
pub const WEBHOOK_BODY_MAX: usize = 1024 * 1024;
const BODY_TIME: Duration = Duration::from_secs(10);

/// What one listener allows.
#[derive(Clone)]
pub struct Limits {
    /// Further ones wait in the kernel's queue until one of these ends: on a socket that went on listening while
    /// nobody answered, many come at once.
    pub connections: usize,
    /// Further ones are closed at once.
    pub per_address: usize,
    /// Addresses beside loopback that may open any number of connections: the configured proxies.
    pub trusted: Trusted,
    pub handshake: Duration,
    pub head: Duration,
    /// How long a connection may live without a request or a byte of an answer.
    pub idle: Duration,
    /// How long who is connected may still ask once the listener stops: a connection that is cut off between two
    /// requests, or before the first, loses the one that is on its way.
    pub grace: Duration,
    /// How long requests in flight have after that.
    pub drain: Duration,
    /// How long the rest of a refused request is read away.
    pub linger: Duration,
    /// No Content-Length above this is taken, whatever the route's own cap.
    pub body_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 1024,
            per_address: 64,
            trusted: Arc::new(|_| false),
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(75),
            grace: Duration::from_millis(500),
            drain: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            body_max: 2 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// Whom a connection counts against; nobody in particular for those who are not limited.
    pub fn counted(&self, from: IpAddr) -> Option<IpAddr> {
        subscriber(from, &self.trusted)
    }
}

/// The connections that are open, by address.
pub struct Seats {
    per_address: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place, given back on drop.
pub struct Seat {
    seats: Arc<Seats>,
    from: Option<IpAddr>,
}

impl Seats {
    pub fn new(limits: &Limits) -> Arc<Seats> {
        Arc::new(Seats { per_address: limits.per_address, taken: Mutex::default() })
    }

    pub fn take(self: &Arc<Seats>, from: Option<IpAddr>) -> Option<Seat> {
        if let Some(from) = from {
            let mut taken = self.taken.lock().expect("no panic holds this lock");
            let held = taken.entry(from).or_default();
            if *held >= self.per_address {
                return None;
            }
            *held += 1;
        }
        Some(Seat { seats: self.clone(), from })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(from) = self.from else { return };
        let mut taken = self.seats.taken.lock().expect("no panic holds this lock");
        match taken.get_mut(&from) {
            Some(held) if *held > 1 => *held -= 1,
            _ => drop(taken.remove(&from)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("a body has at most {0} bytes here")]
    TooLarge(usize),
    #[error("the body did not arrive in time")]
    Late,
    #[error("the body is cut off or its framing is wrong")]
    Broken,
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        match error {
            BodyError::TooLarge(_) => Problem::too_large(error.to_string()),
            BodyError::Late => Problem::timeout(error.to_string()),
            BodyError::Broken => Problem::bad_request(error.to_string()),
        }
    }
}

pub async fn read_body(body: Body, cap: usize) -> Result<Bytes, BodyError> {
    read_body_within(body, cap, BODY_TIME).await
}

/// An announced length above the cap is refused before a byte is read, so also before `100 Continue`.
pub async fn read_body_within(mut body: Body, cap: usize, within: Duration) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > cap as u64 {
        return Err(BodyError::TooLarge(cap));
    }
    // Copied together: a body of one-byte chunks, kept as chunks, would take fifty times its size.
    let whole = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            if whole.len() + data.len() > cap {
                return Err(BodyError::TooLarge(cap));
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    };
    timeout(within, whole).await.unwrap_or(Err(BodyError::Late))
}

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request, in its answer and in the log; a handler finds it in the extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's own, if it gave exactly one of 1 to 64 letters, digits, `_` or `-`.
    pub fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> RequestId {
        let mut given = headers.get_all(&X_REQUEST_ID).iter();
        let fits = |id: &&HeaderValue| {
            (1..=64).contains(&id.len())
                && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        };
        match (given.next().filter(fits), given.next()) {
            (Some(id), None) => RequestId(id.clone()),
            _ => RequestId::fresh(entropy),
        }
    }

    pub fn fresh(entropy: &dyn Entropy) -> RequestId {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        RequestId(HeaderValue::from_str(&hex).expect("hexadecimal digits fit into a header"))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The headers that no answer goes without.
pub fn dress(response: &mut Response, id: &RequestId) {
    let headers = response.headers_mut();
    headers.insert(&X_REQUEST_ID, id.0.clone());
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Middleware around every route. The log names the route's pattern, never the path: codes can stand in it.
pub async fn watch(State(entropy): State<Arc<dyn Entropy>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers(), &*entropy);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let span = tracing::debug_span!("request", id = id.as_str(), method = known(request.method()), route);
    request.extensions_mut().insert(id.clone());
    async {
        let since = Instant::now();
        let mut response = match unpanicked(next.run(request)).await {
            Some(response) => named(response),
            None => {
                tracing::error!("the handler panicked");
                Problem::internal("the fault has been logged under this request's id").into_response()
            }
        };
        dress(&mut response, &id);
        let (status, ms) = (response.status(), since.elapsed().as_millis() as u64);
        tracing::debug!(status = status.as_u16(), ms, "answered");
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::warn!(id = id.as_str(), route, status = status.as_u16(), ms, "answered with a fault of ours");
        }
        response
    }
    .instrument(span)
    .await
}

fn known(method: &Method) -> &str {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    KNOWN.iter().find(|known| *known == method).map_or("other", Method::as_str)
}

/// The router's own bare 404 and 405 become problems like all others, and so does its text about a path.
fn named(response: Response) -> Response {
    let media = response.headers().get(CONTENT_TYPE);
    let is_bare = media.is_none() && response.body().size_hint().exact() == Some(0);
    let is_text = media.is_some_and(|media| media.as_bytes().starts_with(b"text/plain"));
    let problem = match response.status() {
        StatusCode::NOT_FOUND if is_bare => Problem::not_found("no route has this path"),
        StatusCode::METHOD_NOT_ALLOWED if is_bare => {
            Problem::method_not_allowed("the Allow header names those it takes")
        }
        StatusCode::BAD_REQUEST if is_text => Problem::bad_request("the path is not percent-encoded UTF-8"),
        _ => return response,
    };
    let mut answer = problem.into_response();
    if let Some(allow) = response.headers().get(ALLOW) {
        answer.headers_mut().insert(ALLOW, allow.clone());
    }
    answer
}

/// `None` if the future panics.
async fn unpanicked<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn seats_are_limited_and_given_back() {
        let limits = Limits { per_address: 2, ..Limits::default() };
        let seats = Seats::new(&limits);
        let (a, b) = (limits.counted([192, 0, 2, 1].into()), limits.counted([192, 0, 2, 2].into()));
        let first = seats.take(a);
        let _second = seats.take(a);
        assert!(first.is_some() && seats.take(a).is_none(), "two from one address");
        drop(first);
        let _again = seats.take(a).expect("a seat given back is free");
        assert!(seats.take(a).is_none() && seats.take(b).is_some(), "another address has its own");
        let uncounted: Vec<_> = (0..3).map(|_| seats.take(None)).collect();
        assert!(uncounted.iter().all(Option::is_some));
    }

    #[test]
    fn whom_a_connection_counts_against() {
        let proxy: IpAddr = "203.0.113.9".parse().unwrap();
        let limits = Limits { trusted: Arc::new(move |from| from == proxy), ..Limits::default() };
        let rows = [
            ("127.0.0.1", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
            ("203.0.113.9", None),
            ("::ffff:203.0.113.9", None),
            ("203.0.113.8", Some("203.0.113.8")),
            ("::ffff:203.0.113.8", Some("203.0.113.8")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::")),
        ];
        for (from, expected) in rows {
            let counted = limits.counted(from.parse().unwrap());
            assert_eq!(counted, expected.map(|e: &str| e.parse().unwrap()), "{from}");
        }
    }

    #[test]
    fn request_ids_are_kept_if_they_fit() {
        let entropy = SeededEntropy::new(1);
        let (long, longest) = ("x".repeat(65), "x".repeat(64));
        let rows: &[(&[&str], bool)] = &[
            (&["abc-DEF_9"], true),
            (&[&longest], true),
            (&[], false),
            (&[""], false),
            (&[&long], false),
            (&["a b"], false),
            (&["a\tb"], false),
            (&["é"], false),
            (&["one", "two"], false),
        ];
        for (given, kept) in rows {
            let mut headers = HeaderMap::new();
            for id in *given {
                headers.append(&X_REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
            }
            let id = RequestId::of(&headers, &entropy);
            assert_eq!(given.first() == Some(&id.as_str()), *kept, "{given:?}");
            assert!(*kept || id.as_str().len() == 32, "{given:?}");
        }
    }

    #[tokio::test]
    async fn bodies_end_at_the_cap() {
        assert_eq!(read_body(Body::from("12345"), 5).await.unwrap(), "12345");
        assert_eq!(read_body(Body::from("123456"), 5).await, Err(BodyError::TooLarge(5)));
    }
}
