//! The answers that are not yes: RFC 9457 `application/problem+json`, every name in one table.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub name: &'static str,
    pub status: StatusCode,
    pub title: &'static str,
    pub detail: String,
    /// Members beyond the standard ones, such as the share link beside an empty pool.
    pub extra: Map<String, Value>,
    /// Seconds after which asking again makes sense.
    pub retry_after: Option<u64>,
}

macro_rules! problems {
    ($($make:ident $name:literal $status:ident $title:literal $after:expr;)*) => {
        /// Every problem: name, status and title.
        pub const TABLE: &[(&str, StatusCode, &str)] = &[$(($name, StatusCode::$status, $title)),*];

        impl Problem {
            $(pub fn $make(detail: impl Into<String>) -> Problem {
                Problem {
                    name: $name,
                    status: StatusCode::$status,
                    title: $title,
                    detail: detail.into(),
                    extra: Map::new(),
                    retry_after: $after,
                }
            })*
        }
    };
}

problems! {
    bad_request "bad-request" BAD_REQUEST "The request is not understood" None;
    unauthenticated "unauthenticated" UNAUTHORIZED "Who is asking is not proved" None;
    bad_signature "bad-signature" UNAUTHORIZED "The signature does not hold" None;
    wrong_app "wrong-app" UNAUTHORIZED "This was signed for another app or environment" None;
    not_eligible "not-eligible" FORBIDDEN "This user may not have that" None;
    not_found "not-found" NOT_FOUND "There is nothing here" None;
    unknown_code "unknown-code" NOT_FOUND "There is no such code" None;
    method_not_allowed "method-not-allowed" METHOD_NOT_ALLOWED "This route does not take that method" None;
    timeout "timeout" REQUEST_TIMEOUT "The request took too long to arrive" None;
    already_claimed "already-claimed" CONFLICT "There is a claim already" None;
    wrong_state "wrong-state" CONFLICT "It is not in a state that allows this" None;
    taken "taken" CONFLICT "Something else is identified by it already" None;
    too_many_offers "too-many-offers" CONFLICT "No more offers of their own may be active" None;
    code_used "code-used" CONFLICT "The code has been used" None;
    code_expired "code-expired" GONE "The code has expired" None;
    too_large "too-large" PAYLOAD_TOO_LARGE "The body is too large" None;
    self_referral "self-referral" UNPROCESSABLE_ENTITY "Nobody refers themselves" None;
    rate_limited "rate-limited" TOO_MANY_REQUESTS "Too many requests" Some(60);
    headers_too_large "headers-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE "The request's head is too large" None;
    internal "internal" INTERNAL_SERVER_ERROR "Something broke inside" None;
    pool_empty "pool-empty" SERVICE_UNAVAILABLE "No code is available" Some(300);
    unavailable "unavailable" SERVICE_UNAVAILABLE "Ask again in a moment" Some(5);
}

impl Problem {
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Problem {
        self.extra.insert(member.to_owned(), value.into());
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    fn body(&self) -> String {
        let mut members = self.extra.clone();
        members.insert("type".into(), format!("urn:referd:problem:{}", self.name).into());
        members.insert("title".into(), self.title.into());
        members.insert("status".into(), self.status.as_u16().into());
        if !self.detail.is_empty() {
            members.insert("detail".into(), self.detail.as_str().into());
        }
        Value::Object(members).to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.name == "unauthenticated" {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderName;

    #[test]
    fn names_and_statuses() {
        let rows = [
            ("unauthenticated", 401),
            ("not-found", 404),
            ("unknown-code", 404),
            ("pool-empty", 503),
            ("self-referral", 422),
            ("already-claimed", 409),
            ("code-used", 409),
            ("code-expired", 410),
            ("not-eligible", 403),
            ("bad-signature", 401),
            ("wrong-app", 401),
            ("bad-request", 400),
            ("too-large", 413),
            ("rate-limited", 429),
            ("unavailable", 503),
            ("method-not-allowed", 405),
            ("internal", 500),
            ("timeout", 408),
            ("headers-too-large", 431),
            ("wrong-state", 409),
            ("taken", 409),
            ("too-many-offers", 409),
        ];
        for (name, status) in rows {
            assert!(TABLE.iter().any(|(n, s, _)| *n == name && s.as_u16() == status), "{name}");
        }
        assert_eq!(TABLE.len(), rows.len());
    }

    #[test]
    fn bodies_and_headers() {
        let header = |response: &Response, name: HeaderName| response.headers().get(name).cloned();
        let empty =
            Problem::pool_empty("none left").with("share_url", "https://x.example/r/s").with("status", "forged");
        let sent: Value = serde_json::from_str(&empty.body()).unwrap();
        let expected = serde_json::json!({
            "type": "urn:referd:problem:pool-empty", "title": "No code is available", "status": 503,
            "detail": "none left", "share_url": "https://x.example/r/s",
        });
        assert_eq!(sent, expected, "a member cannot stand in for a standard one");

        let response = empty.retry_after(7).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&response, CONTENT_TYPE).unwrap(), "application/problem+json");
        assert_eq!(header(&response, RETRY_AFTER).unwrap(), "7");
        assert_eq!(header(&response, WWW_AUTHENTICATE), None);

        let response = Problem::unauthenticated("").into_response();
        assert_eq!(header(&response, WWW_AUTHENTICATE).unwrap(), "Bearer");
        assert!(!Problem::unauthenticated("").body().contains("detail"));
    }
}
