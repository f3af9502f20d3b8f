//! How a stand-in misbehaves: faults are armed for the next few requests or until cleared, for one operation or for all.

use super::{lock, stand};
use crate::domain::at::At;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    CreateBatch,
    ListBatches,
    Values,
    CreateCustomCode,
    ListCustomCodes,
    EndCustomCode,
    SalesReport,
    Grant,
    Revoke,
    GetSubscriber,
    TransactionInfo,
    Statuses,
    TransactionHistory,
    SetToken,
    SendConsumption,
    Extend,
    NotificationHistory,
    RequestTest,
    TestStatus,
    QueryBits,
    UpdateBits,
    CreateOrder,
    GetOrder,
}

impl Op {
    /// Whether its errors are numbers with Apple's texts.
    fn has_codes(self) -> bool {
        match self {
            Op::TransactionInfo
            | Op::Statuses
            | Op::TransactionHistory
            | Op::SetToken
            | Op::SendConsumption
            | Op::Extend
            | Op::NotificationHistory
            | Op::RequestTest
            | Op::TestStatus => true,
            Op::CreateBatch
            | Op::ListBatches
            | Op::Values
            | Op::CreateCustomCode
            | Op::ListCustomCodes
            | Op::EndCustomCode
            | Op::SalesReport
            | Op::Grant
            | Op::Revoke
            | Op::GetSubscriber
            | Op::QueryBits
            | Op::UpdateBits
            | Op::CreateOrder
            | Op::GetOrder => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The work is done, then the connection ends without an answer.
    AcceptThenDrop,
    /// The connection ends before anything is done.
    DropBefore,
    /// Nothing is done; the status comes with the body that API gives it.
    Status(u16),
    /// 429, with or without `Retry-After` in seconds.
    TooMany { retry_after: Option<u64> },
    /// 429, with `Retry-After` as the App Store Server API gives it: an instant, in milliseconds.
    TooManyUntil(At),
    /// Nothing is done; this error code of the App Store Server API is answered, with the status it begins with.
    Code(u32),
    /// The work is done and answered, but only after this long.
    Slow(Duration),
    /// 200 and a web page, as a proxy in between would answer; nothing is done.
    Html,
    /// The work is done, but the answer ends before its announced length.
    CutBody,
    /// The list of codes lacks so many at its end.
    ShortValues { missing: usize },
    /// The list of codes is there and empty.
    EmptyValues,
    /// The list of codes is not there yet.
    ValuesDelay,
    /// The grant is answered with 201 and extends nothing; a renewal date is not moved, and the answer of 200 says so.
    NotExtending,
}

impl Fault {
    /// Some faults make sense for one operation only, whatever they were armed for.
    fn fits(&self, op: Option<Op>) -> bool {
        match self {
            Fault::ShortValues { .. } | Fault::EmptyValues | Fault::ValuesDelay => op == Some(Op::Values),
            Fault::NotExtending => matches!(op, Some(Op::Grant | Op::Extend)),
            Fault::Code(_) => op.is_some_and(Op::has_codes),
            _ => true,
        }
    }
}

struct Armed {
    op: Option<Op>,
    fault: Fault,
    /// None: until cleared.
    left: Option<u32>,
}

/// A handle on the faults of one stand-in; clones share them. The one armed first strikes first.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Armed>>>);

impl Faults {
    /// Arms a fault for the next `times` requests of an operation (`None`: of any).
    pub fn next(&self, op: Option<Op>, times: u32, fault: Fault) {
        lock(&self.0).push(Armed { op, fault, left: Some(times) });
    }
    pub fn until_cleared(&self, op: Option<Op>, fault: Fault) {
        lock(&self.0).push(Armed { op, fault, left: None });
    }
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    fn take(&self, op: Option<Op>) -> Option<Fault> {
        let mut armed = lock(&self.0);
        armed.retain(|armed| armed.left != Some(0));
        let hit = armed.iter_mut().find(|armed| (armed.op.is_none() || armed.op == op) && armed.fault.fits(op))?;
        if let Some(left) = &mut hit.left {
            *left -= 1;
        }
        Some(hit.fault.clone())
    }

    pub(super) fn guard(&self, router: Router, api: Api) -> Router {
        let faults = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let fault = faults.take((api.op)(request.method(), request.uri().path()));
            async move { strike(fault, api, request, next).await }
        }))
    }
}

/// What differs between stand-ins: how an operation is recognised, and what an error looks like.
#[derive(Clone, Copy)]
pub(super) struct Api {
    pub op: fn(&Method, &str) -> Option<Op>,
    pub trouble: fn(StatusCode) -> Response,
}

async fn strike(fault: Option<Fault>, api: Api, mut request: Request, next: Next) -> Response {
    let Some(fault) = fault else { return next.run(request).await };
    match fault {
        Fault::DropBefore => stand::cut(),
        Fault::AcceptThenDrop => {
            next.run(request).await;
            stand::cut()
        }
        Fault::Status(status) => (api.trouble)(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)),
        Fault::TooMany { retry_after } => too_many(api, retry_after.map(HeaderValue::from)),
        Fault::TooManyUntil(at) => too_many(api, Some(HeaderValue::from(at.0))),
        Fault::Slow(time) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        Fault::Html => Html("<!doctype html><title>Sign in</title><p>Sign in to use this network.").into_response(),
        Fault::CutBody => torn(next.run(request).await).await,
        Fault::ShortValues { .. } | Fault::EmptyValues | Fault::ValuesDelay | Fault::NotExtending | Fault::Code(_) => {
            request.extensions_mut().insert(fault);
            next.run(request).await
        }
    }
}

fn too_many(api: Api, retry_after: Option<HeaderValue>) -> Response {
    let mut response = (api.trouble)(StatusCode::TOO_MANY_REQUESTS);
    if let Some(value) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// The same answer, of which only the first half is ever sent.
async fn torn(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let Ok(whole) = axum::body::to_bytes(body, usize::MAX).await else { return stand::cut() };
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(1)));
    Response::from_parts(head, Body::new(Torn { half: Some(whole.slice(..whole.len() / 2)), paused: false }))
}

/// A body without a length of its own, so that the announced one stands.
struct Torn {
    half: Option<Bytes>,
    paused: bool,
}

impl HttpBody for Torn {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        // The pause lets the connection send the half before it notices that the rest is missing.
        if !self.paused {
            self.paused = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::stand::Stand;
    use crate::fake::tests::ask;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    #[test]
    fn the_first_armed_that_fits_strikes_first() {
        let faults = Faults::default();
        faults.next(Some(Op::Grant), 2, Fault::Status(500));
        faults.next(None, 1, Fault::EmptyValues);
        faults.until_cleared(Some(Op::Revoke), Fault::DropBefore);
        faults.next(None, 1, Fault::Code(5_000_001));
        let rows = [
            (Some(Op::Grant), Some(Fault::Status(500))),
            (Some(Op::CreateBatch), None),
            (Some(Op::SetToken), Some(Fault::Code(5_000_001))),
            (None, None),
            (Some(Op::Values), Some(Fault::EmptyValues)),
            (Some(Op::Values), None),
            (Some(Op::Grant), Some(Fault::Status(500))),
            (Some(Op::Grant), None),
            (Some(Op::Revoke), Some(Fault::DropBefore)),
            (Some(Op::Revoke), Some(Fault::DropBefore)),
        ];
        for (row, (op, expected)) in rows.into_iter().enumerate() {
            assert_eq!(faults.take(op), expected, "row {row}");
        }
        faults.clear();
        assert_eq!(faults.take(Some(Op::Revoke)), None);
    }

    #[tokio::test]
    async fn each_fault_reaches_the_peer() {
        let faults = Faults::default();
        let done = Arc::new(Mutex::new(0));
        let work = done.clone();
        let router = Router::new().route(
            "/",
            get(move || {
                *lock(&work) += 1;
                async { "a whole answer" }
            }),
        );
        let api = Api { op: |_, _| None, trouble: |status| (status, "trouble").into_response() };
        let stand = Stand::bind().await.unwrap().serve(faults.guard(router, api));
        // fault, what the peer sees (None: no whole answer), whether the work was done
        let rows = [
            (Fault::AcceptThenDrop, None, true),
            (Fault::DropBefore, None, false),
            (Fault::Status(503), Some((503, "trouble")), false),
            (Fault::Status(7), Some((502, "trouble")), false),
            (Fault::TooMany { retry_after: Some(3) }, Some((429, "trouble")), false),
            (Fault::TooManyUntil(At(1_790_000_000_000)), Some((429, "trouble")), false),
            (Fault::Slow(Duration::ZERO), Some((200, "a whole answer")), true),
            (Fault::CutBody, None, true),
            (Fault::NotExtending, Some((200, "a whole answer")), true),
        ];
        for (fault, seen, worked) in rows {
            let before = *lock(&done);
            faults.next(None, 1, fault.clone());
            let answer = ask("GET", stand.base_url(), &[], "").await.ok();
            let got = answer.as_ref().map(|answer| (answer.status, std::str::from_utf8(&answer.body).unwrap()));
            assert_eq!(got, seen, "{fault:?}");
            assert_eq!(*lock(&done) > before, worked, "{fault:?}");
            let wait = answer.and_then(|answer| answer.header("retry-after").map(str::to_owned));
            let expected = match fault {
                Fault::TooMany { .. } => Some("3"),
                Fault::TooManyUntil(_) => Some("1790000000000"),
                _ => None,
            };
            assert_eq!(wait.as_deref(), expected, "{fault:?}");
            faults.clear();
        }
        faults.next(None, 1, Fault::Html);
        let page = ask("GET", stand.base_url(), &[], "").await.unwrap();
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").unwrap().starts_with("text/html"));

        faults.next(None, 1, Fault::CutBody);
        let mut stream = TcpStream::connect(stand.base_url().trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let mut raw = String::new();
        stream.read_to_string(&mut raw).await.unwrap();
        assert!(raw.starts_with("HTTP/1.1 200 OK\r\n") && raw.contains("content-length: 14\r\n"), "{raw}");
        assert!(raw.ends_with("\r\n\r\na whole"), "{raw}");
    }
}
