//! Calls to the appliance, as the team's backend, RevenueCat and an administrator make them.

use super::document::document;
use bytes::Bytes;
use hyper::{HeaderMap, Request};
use referd::domain::at::At;
use referd::fake::client::{CallError, call};
use referd::fake::revenuecat_event::{Event, SIGNATURE_HEADER, signature};
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub const SERVER_KEY: &str = "server-key-of-the-tests-0123456789";
pub const ADMIN_TOKEN: &str = "admin-token-of-the-tests-0123456789";
pub const HOOK_AUTHORIZATION: &str = "hook-authorization-of-the-tests";

/// Connections open at once.
const AT_ONCE: usize = 256;

#[derive(Clone)]
pub struct Caller {
    pub public: String,
    pub admin: String,
    pub signing: Option<String>,
    seats: Arc<Semaphore>,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    asked: String,
}

impl Reply {
    /// The answer, which must have this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text);
        self
    }
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}: no JSON: {}", self.asked, self.text))
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
    /// The answer, which must be this problem.
    #[track_caller]
    pub fn problem(self, status: u16, name: &str) -> Value {
        let reply = self.is(status);
        let kind = reply.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{}: {}", reply.asked, reply.text);
        let body = reply.json();
        assert_eq!(body["type"], format!("urn:referd:problem:{name}"), "{}: {body}", reply.asked);
        assert_eq!(body["status"], status);
        assert!(body["title"].is_string(), "{body}");
        body
    }
}

impl Caller {
    pub fn new(public: &str, admin: &str) -> Caller {
        let seats = Arc::new(Semaphore::new(AT_ONCE));
        Caller { public: public.to_owned(), admin: admin.to_owned(), signing: None, seats }
    }

    /// One request by hand. Every answer has an id, and is as the document says.
    pub async fn try_raw(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, CallError> {
        let _seat = self.seats.acquire().await.expect("nobody closes the semaphore");
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        let body = body.into();
        let answer = call(request.body(body.clone()).expect("a request can be made of these")).await?;
        let asked = format!("{method} {url}");
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{asked}: no request id");
        let text = String::from_utf8(answer.body.to_vec()).expect("answers are text");
        let reply = Reply { status: answer.status, headers: answer.headers, text, asked };
        document().check(url.starts_with(&self.admin), method, url, &body, &reply);
        Ok(reply)
    }

    #[track_caller]
    pub fn raw(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> impl Future<Output = Reply> {
        let (asked, body) = (format!("{method} {url}"), body.into());
        async move { self.try_raw(method, url, headers, body).await.unwrap_or_else(|error| panic!("{asked}: {error}")) }
    }

    /// A user's call, which may find nobody there.
    pub async fn try_user(&self, method: &str, path: &str, user: &str, body: &Value) -> Option<Reply> {
        let bearer = format!("Bearer {SERVER_KEY}");
        let headers = [("authorization", bearer.as_str()), ("x-referd-user", user)];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.try_raw(method, &format!("{}{path}", self.public), &headers, body).await.ok()
    }
    async fn user(&self, method: &str, path: &str, user: &str, body: Bytes) -> Reply {
        let bearer = format!("Bearer {SERVER_KEY}");
        let headers = [("authorization", bearer.as_str()), ("x-referd-user", user)];
        self.raw(method, &format!("{}{path}", self.public), &headers, body).await
    }
    pub async fn get(&self, path: &str, user: &str) -> Reply {
        self.user("GET", path, user, Bytes::new()).await
    }
    pub async fn post(&self, path: &str, user: &str, body: &Value) -> Reply {
        self.user("POST", path, user, body.to_string().into()).await
    }
    pub async fn put(&self, path: &str, user: &str, body: &Value) -> Reply {
        self.user("PUT", path, user, body.to_string().into()).await
    }

    /// The user's code, which must be there.
    pub async fn my_code(&self, user: &str) -> String {
        let body = self.get("/referral/my-code", user).await.is(200).json();
        body["code"].as_str().expect("a code is text").to_owned()
    }
    pub async fn claim(&self, code: &str, user: &str) -> Reply {
        self.post("/referral/claim", user, &serde_json::json!({"code": code})).await
    }
    pub async fn claim_slug(&self, slug: &str, user: &str) -> Reply {
        self.post("/referral/claim", user, &serde_json::json!({"slug": slug})).await
    }
    pub async fn confirm(&self, code: &str, user: &str) -> Reply {
        self.user("POST", &format!("/referral/confirm-redemption?referral_code={code}"), user, Bytes::new()).await
    }

    /// With evidence for it.
    pub async fn confirm_with(&self, code: &str, user: &str, body: &Value) -> Reply {
        self.post(&format!("/referral/confirm-redemption?referral_code={code}"), user, body).await
    }

    pub async fn deliver(&self, event: &Event, at: At) -> Reply {
        self.deliver_body(event.body(), at).await
    }
    pub async fn deliver_body(&self, body: Bytes, at: At) -> Reply {
        let signed = self.signing.as_ref().map(|secret| signature(secret, at, &body));
        let mut headers = vec![("authorization", HOOK_AUTHORIZATION), ("content-type", "application/json")];
        headers.extend(signed.as_deref().map(|signed| (SIGNATURE_HEADER, signed)));
        self.raw("POST", &format!("{}/webhooks/revenuecat", self.public), &headers, body).await
    }

    async fn private(&self, method: &str, path: &str, body: Bytes) -> Reply {
        let bearer = format!("Bearer {ADMIN_TOKEN}");
        self.raw(method, &format!("{}{path}", self.admin), &[("authorization", &bearer)], body).await
    }
    pub async fn admin(&self, path: &str) -> Value {
        self.private("GET", &format!("/admin/{path}"), Bytes::new()).await.is(200).json()
    }
    pub async fn admin_get(&self, path: &str) -> Reply {
        self.private("GET", path, Bytes::new()).await
    }
    pub async fn admin_post(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        self.private("POST", path, body.into()).await
    }
    pub async fn admin_delete(&self, path: &str) -> Reply {
        self.private("DELETE", path, Bytes::new()).await
    }
    /// All items of a list, page by page.
    pub async fn all(&self, list: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        let join = if list.contains('?') { '&' } else { '?' };
        loop {
            let page = self.admin(&format!("{list}{join}limit=500{cursor}")).await;
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
    /// How often a source's webhooks came to this end.
    pub async fn webhooks(&self, source: &str, result: &str) -> u64 {
        let metrics = self.metrics().await;
        let labels = [format!("source=\"{source}\""), format!("result=\"{result}\"")];
        let lines = metrics.lines().filter(|line| line.starts_with("referd_webhooks_total{"));
        let lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
        lines.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).expect("a count")).sum()
    }
    pub async fn metrics(&self) -> String {
        self.private("GET", "/metrics", Bytes::new()).await.is(200).text
    }
}

/// All of them at once; their answers in order.
pub async fn together<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut running = JoinSet::new();
    for (place, call) in calls.into_iter().enumerate() {
        running.spawn(async move { (place, call.await) });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
