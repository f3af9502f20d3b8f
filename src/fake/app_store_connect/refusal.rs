//! The error bodies of App Store Connect: one status, one or more flaws, each with a dotted code and a pointer.

use crate::domain::at::{At, Date};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub struct Flaw {
    code: &'static str,
    title: &'static str,
    detail: String,
    source: Option<(&'static str, String)>,
}

pub struct Refusal {
    status: StatusCode,
    flaws: Vec<Flaw>,
}

impl Flaw {
    pub fn new(code: &'static str, title: &'static str, detail: impl Into<String>) -> Flaw {
        Flaw { code, title, detail: detail.into(), source: None }
    }
    pub fn attribute(name: &str, detail: impl Into<String>) -> Flaw {
        Flaw::new("ENTITY_ERROR.ATTRIBUTE.INVALID", "An attribute has a value that is not allowed.", detail)
            .pointer(format!("/data/attributes/{name}"))
    }
    /// Days are days of UTC.
    pub fn past(expires: Date, now: At) -> Option<Flaw> {
        (expires <= now.date())
            .then(|| Flaw::attribute("expirationDate", "The expiration date has to lie in the future."))
    }
    pub fn pointer(mut self, place: impl Into<String>) -> Flaw {
        self.source = Some(("pointer", place.into()));
        self
    }
    pub fn parameter(mut self, name: impl Into<String>) -> Flaw {
        self.source = Some(("parameter", name.into()));
        self
    }
    pub fn of(self, status: StatusCode) -> Refusal {
        Refusal { status, flaws: vec![self] }
    }

    fn render(self, status: StatusCode) -> Value {
        let mut body =
            json!({"status": status.as_str(), "code": self.code, "title": self.title, "detail": self.detail});
        if let Some((kind, place)) = self.source {
            body["source"] = json!({ kind: place });
        }
        body
    }
}

impl Refusal {
    /// Ok when there is nothing to complain about.
    pub fn of_all(status: StatusCode, flaws: Vec<Flaw>) -> Result<(), Refusal> {
        if flaws.is_empty() { Ok(()) } else { Err(Refusal { status, flaws }) }
    }
    pub fn not_found(what: &str) -> Refusal {
        Flaw::new("NOT_FOUND", "There is no such resource.", format!("No {what} has this id."))
            .of(StatusCode::NOT_FOUND)
    }
    pub fn parameter(code: &'static str, name: &str) -> Refusal {
        let flaw = Flaw::new(code, "A parameter cannot be used.", "See which parameters and values are taken here.");
        flaw.parameter(name).of(StatusCode::BAD_REQUEST)
    }
    pub fn unauthorized() -> Refusal {
        Flaw::new(
            "NOT_AUTHORIZED",
            "The bearer token was not accepted.",
            "Send a signed, current token of a known key.",
        )
        .of(StatusCode::UNAUTHORIZED)
    }
    pub fn inactive(what: &str) -> Refusal {
        Flaw::new("STATE_ERROR", "The resource's state forbids this.", format!("The {what} is inactive and stays so."))
            .of(StatusCode::CONFLICT)
    }
    /// The body this API gives a status that no request earned: 429s and made-up trouble.
    pub fn plain(status: StatusCode) -> Refusal {
        let (code, title) = match status.as_u16() {
            400 => ("PARAMETER_ERROR.INVALID", "A parameter is invalid."),
            401 => return Refusal::unauthorized(),
            403 => ("FORBIDDEN_ERROR", "This key may not do that."),
            404 => ("PATH_ERROR", "There is nothing at this path."),
            405 => ("METHOD_NOT_ALLOWED", "This resource does not know the method."),
            409 => ("STATE_ERROR", "The resource's state forbids this."),
            415 => ("UNSUPPORTED_MEDIA_TYPE", "The body has the wrong type."),
            422 => ("ENTITY_UNPROCESSABLE", "The body has the wrong shape."),
            429 => ("RATE_LIMIT_EXCEEDED", "The hourly budget of requests is spent."),
            _ => ("UNEXPECTED_ERROR", "Something went wrong on this side."),
        };
        Flaw::new(code, title, "Said by a stand-in for App Store Connect.").of(status)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let errors: Vec<Value> = self.flaws.into_iter().map(|flaw| flaw.render(self.status)).collect();
        answer(self.status, &json!({ "errors": errors }))
    }
}

pub fn answer(status: StatusCode, body: &Value) -> Response {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [json], body.to_string()).into_response()
}
