//! What a stand-in was asked and what it answered, in order of arrival.

use super::{lock, stand};
use crate::clock::Clock;
use crate::domain::at::At;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::fmt;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

const BODY_LIMIT: usize = 1 << 20;

#[derive(Clone)]
pub struct Call {
    /// The address that was asked, as the peer names it.
    pub host: Option<String>,
    pub method: Method,
    /// As it was sent: still escaped, without the query.
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// None: nothing was answered, because the connection was cut or the peer left first.
    pub status: Option<u16>,
    pub at: At,
}

// Paths hold user ids, and headers keys.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} at {}: {:?})", self.method, self.at.0, self.status)
    }
}

#[derive(Clone)]
pub(super) struct Calls {
    seen: Arc<Mutex<Vec<Call>>>,
    /// Grows with every call that comes and every one that is over.
    count: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

impl Calls {
    pub fn new(clock: Arc<dyn Clock>) -> Calls {
        Calls { seen: Arc::default(), count: watch::Sender::new(0), clock }
    }
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
    pub fn seen(&self) -> Vec<Call> {
        lock(&self.seen).clone()
    }
    pub fn watch(&self, router: Router) -> Router {
        let calls = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let calls = calls.clone();
            async move { calls.pass(request, next).await }
        }))
    }

    async fn pass(&self, request: Request, next: Next) -> Response {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let place = {
            let mut seen = lock(&self.seen);
            let host = head.headers.get(header::HOST).and_then(|value| value.to_str().ok());
            seen.push(Call {
                host: host.map(str::to_owned),
                method: head.method.clone(),
                path: head.uri.path().to_owned(),
                query: head.uri.query().map(str::to_owned),
                headers: head.headers.clone(),
                body: body.clone(),
                status: None,
                at: self.clock.now(),
            });
            seen.len() - 1
        };
        self.count.send_modify(|count| *count += 1);
        let response = next.run(Request::from_parts(head, Body::from(body))).await;
        if !stand::is_cut(&response) {
            lock(&self.seen)[place].status = Some(response.status().as_u16());
        }
        self.count.send_modify(|count| *count += 1);
        response
    }
}
