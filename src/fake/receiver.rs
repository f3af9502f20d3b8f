//! A stand-in for the team's own server, which takes what referd posts.

use crate::clock::Clock;
use crate::domain::at::At;
use crate::fake::calls::{Call, Calls};
use crate::fake::faults::{Api, Faults};
use crate::fake::lock;
use crate::fake::stand::Stand;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Where a redirect leads: here, so that whoever follows it is seen.
const ELSEWHERE: &str = "/elsewhere";

/// The running stand-in, to inspect and to steer. Dropped, it stops. It takes every POST with 204, whatever its path;
/// another status is a fault ([`Fault::Status`](super::faults::Fault::Status)), armed for no operation.
pub struct Receiver {
    stand: Stand,
    calls: Calls,
    faults: Faults,
    taken: Arc<Mutex<u64>>,
}

/// One request as it came.
#[derive(Clone)]
pub struct Received {
    pub method: Method,
    /// As it was sent, with the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// None: nothing was answered.
    pub status: Option<u16>,
    pub at: At,
}

impl Received {
    /// The header, where it came once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())?.to_str().ok()
    }
}

// Bodies are about users, and paths may hold secrets.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({} at {}: {:?}, {} bytes)", self.method, self.at.0, self.status, self.body.len())
    }
}

impl From<Call> for Received {
    fn from(seen: Call) -> Received {
        let Call { method, path, query, headers, body, status, at, .. } = seen;
        let path = query.map_or(path.clone(), |query| format!("{path}?{query}"));
        Received { method, path, headers, body, status, at }
    }
}

impl Receiver {
    pub async fn start(clock: Arc<dyn Clock>) -> io::Result<Receiver> {
        let bound = Stand::bind().await?;
        let (calls, faults, taken) = (Calls::new(clock), Faults::default(), Arc::<Mutex<u64>>::default());
        let count = taken.clone();
        let routes = Router::new().fallback(async move |request: Request| take(&count, request.method()));
        let stand = bound.serve(calls.watch(faults.guard(routes, Api { op: |_, _| None, trouble })));
        Ok(Receiver { stand, calls, faults, taken })
    }
    pub fn base_url(&self) -> &str {
        self.stand.base_url()
    }
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
    /// Every request, oldest first, whether or not it was taken.
    pub fn received(&self) -> Vec<Received> {
        self.calls.seen().into_iter().map(Received::from).collect()
    }
    /// How many the server did its work for, whether or not anybody got the answer.
    pub fn taken(&self) -> u64 {
        *lock(&self.taken)
    }
    /// Changes with every request that comes and every one that is over.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.calls.changed()
    }
}

fn take(taken: &Mutex<u64>, method: &Method) -> StatusCode {
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    *lock(taken) += 1;
    StatusCode::NO_CONTENT
}

fn trouble(status: StatusCode) -> Response {
    let mut response = (status, "Said by a stand-in for the team's server").into_response();
    if status.is_redirection() {
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(ELSEWHERE));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::fake::faults::Fault;
    use crate::fake::tests::ask;
    use std::time::Duration;

    const NOW: At = At(1_790_000_000_000);

    async fn receiver() -> Receiver {
        Receiver::start(Arc::new(ManualClock::at(NOW))).await.unwrap()
    }

    #[tokio::test]
    async fn it_keeps_what_comes_as_it_came() {
        let receiver = receiver().await;
        let url = receiver.base_url().to_owned();
        let changed = receiver.changed();
        let body: &[u8] = b"{ \"a\":\xff }\r\n";
        let twice = [("webhook-id", "msg_1"), ("x", "1"), ("x", "2")];
        assert_eq!(ask("POST", &format!("{url}/a%2Fb/?c=d"), &twice, body).await.unwrap().status, 204);
        assert_eq!(ask("POST", &url, &[], "").await.unwrap().status, 204);
        assert_eq!(ask("GET", &format!("{url}/x"), &[], "").await.unwrap().status, 405);
        assert!(changed.has_changed().unwrap());
        let received = receiver.received();
        let seen: Vec<_> = received.iter().map(|r| (r.method.as_str(), &*r.path, &*r.body, r.status, r.at)).collect();
        let expected: [(&str, &str, &[u8], _, _); 3] = [
            ("POST", "/a%2Fb/?c=d", body, Some(204), NOW),
            ("POST", "/", b"", Some(204), NOW),
            ("GET", "/x", b"", Some(405), NOW),
        ];
        assert_eq!(seen, expected);
        assert_eq!(received[0].header("Webhook-Id"), Some("msg_1"));
        assert_eq!(received[0].header("x"), None);
        assert_eq!(received[1].header("webhook-id"), None);
        assert_eq!(receiver.taken(), 2);
        assert_eq!(format!("{:?}", received[0]), "Received(POST at 1790000000000: Some(204), 11 bytes)");
    }

    #[tokio::test]
    async fn it_answers_as_it_is_told() {
        let receiver = receiver().await;
        // fault, the answer with Location and Retry-After (None: no answer), whether it was taken
        let rows = [
            (Fault::Status(200), Some((200, None, None)), false),
            (Fault::Status(500), Some((500, None, None)), false),
            (Fault::Status(410), Some((410, None, None)), false),
            (Fault::Status(301), Some((301, Some(ELSEWHERE), None)), false),
            (Fault::Status(307), Some((307, Some(ELSEWHERE), None)), false),
            (Fault::TooMany { retry_after: Some(3) }, Some((429, None, Some("3"))), false),
            (Fault::Slow(Duration::ZERO), Some((204, None, None)), true),
            (Fault::DropBefore, None, false),
            (Fault::AcceptThenDrop, None, true),
        ];
        for (fault, expected, taken) in rows {
            let (before, seen) = (receiver.taken(), receiver.received().len());
            receiver.faults().next(None, 1, fault.clone());
            let answer = ask("POST", receiver.base_url(), &[], "{}").await.ok();
            let got = answer.as_ref().map(|got| (got.status, got.header("location"), got.header("retry-after")));
            assert_eq!(got, expected, "{fault:?}");
            assert_eq!(receiver.taken() > before, taken, "{fault:?}");
            let received = receiver.received();
            assert_eq!(received.len(), seen + 1, "{fault:?}");
            assert_eq!(received[seen].status, expected.map(|(status, ..)| status), "{fault:?}");
        }
        assert_eq!(ask("POST", receiver.base_url(), &[], "{}").await.unwrap().status, 204);
    }
}
