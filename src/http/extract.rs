//! Who is asking, and what: taken from a request, or refused with a problem.

use super::front::App;
use super::limits::read_body;
use super::listen::Peer;
use super::peer::Client;
use super::problem::Problem;
use crate::config::Secret;
use crate::domain::id::UserId;
use crate::wire::user_token::TokenFault;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

static USER: HeaderName = HeaderName::from_static("x-referd-user");
/// How long a request waits for a key that its token names and nobody has yet.
const KEY_WAIT: Duration = Duration::from_secs(3);

impl App {
    /// Whether the team's own server calls, and not a user.
    pub fn is_server(&self, headers: &HeaderMap) -> bool {
        let matches =
            |token: &str| self.config.auth.server_key.as_ref().is_some_and(|key| key.matches(token.as_bytes()));
        bearer(headers).is_some_and(matches)
    }

    /// The user on whose behalf a call is made, if they may make one more: named by the team's server, or proved by a
    /// token.
    pub async fn user(&self, headers: &HeaderMap) -> Result<UserId, Problem> {
        let user = self.asking(headers).await?;
        self.call_by_user(self.ledger.person(&user), self.is_server(headers))?;
        Ok(user)
    }

    async fn asking(&self, headers: &HeaderMap) -> Result<UserId, Problem> {
        let token = bearer(headers).ok_or_else(|| Problem::unauthenticated("give a bearer token"))?;
        if self.is_server(headers) {
            let named =
                only(headers, &USER).ok_or_else(|| Problem::unauthenticated("name the user in X-Referd-User"))?;
            let named = std::str::from_utf8(named.as_bytes())
                .map_err(|_| Problem::bad_request("X-Referd-User is UTF-8 text"))?;
            return UserId::parse(named).map_err(|fault| Problem::bad_request(fault.to_string()));
        }
        let verifier = self.verifier.as_ref().ok_or_else(|| Problem::unauthenticated("the key is not the server's"))?;
        let mut proved = verifier.user(token, self.clock.now());
        if let (Err(TokenFault::UnknownKey | TokenFault::NoKeys), Some(set)) = (&proved, verifier.key_set()) {
            let mut changes = set.want();
            _ = tokio::time::timeout(KEY_WAIT, changes.changed()).await;
            proved = verifier.user(token, self.clock.now());
        }
        proved.map_err(|fault| match fault {
            TokenFault::NoKeys => Problem::unavailable(fault.to_string()),
            TokenFault::User(_) => Problem::bad_request(fault.to_string()),
            _ => Problem::unauthenticated(fault.to_string()),
        })
    }
}

impl FromRequestParts<Arc<App>> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Client, Infallible> {
        Ok(match parts.extensions.get() {
            Some(Peer::Tcp(peer)) if !app.is_server(&parts.headers) => {
                Client::of(peer.ip(), &parts.headers, &app.trusted)
            }
            _ => Client::NOBODY,
        })
    }
}

pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = only(headers, &AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// A header that was given exactly once.
pub fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

/// Whether the header's whole value is this secret, compared in constant time.
pub fn is_secret(headers: &HeaderMap, secret: &Secret) -> bool {
    only(headers, &AUTHORIZATION).is_some_and(|value| secret.matches(value.as_bytes()))
}

/// The query's parameters, each at most once and all of them known.
pub fn query<const N: usize>(uri: &Uri, known: [&str; N]) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for pair in uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (plain(name)?, plain(value)?);
        let Some(at) = known.iter().position(|other| *other == name) else { continue };
        if values[at].replace(value).is_some() {
            return Err(Problem::bad_request(format!("{} is given twice", known[at])));
        }
    }
    Ok(values)
}

/// Percent-decoded UTF-8.
fn plain(text: &str) -> Result<String, Problem> {
    let odd = || Problem::bad_request("the query is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| (b as char).to_digit(16)).ok_or_else(odd);
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| odd())
}

/// A JSON object as a struct. What the struct does not know is ignored, so that clients may be newer.
pub async fn json_body<T: DeserializeOwned>(body: Body, cap: usize) -> Result<T, Problem> {
    parsed(&read_body(body, cap).await?)
}

/// A body that may be left out.
pub async fn optional_json_body<T: DeserializeOwned + Default>(body: Body, cap: usize) -> Result<T, Problem> {
    parsed_if_any(&read_body(body, cap).await?)
}

pub fn parsed_if_any<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() { Ok(T::default()) } else { parsed(bytes) }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // The library would take a list's items for the fields in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::bad_request("the body is a list, and no object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // The library's text names fields and places, and values only where they are of the wrong type.
        let what = if error.is_data() { "has a field of the wrong type or lacks one" } else { "is not JSON" };
        Problem::bad_request(format!("the body {what} (line {}, column {})", error.line(), error.column()))
    })
}

pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
        Err(_) => Problem::internal("the answer could not be written").into_response(),
    }
}

pub fn ok(value: &Value) -> Response {
    json(StatusCode::OK, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_tokens() {
        for (values, token) in [
            (&["Bearer abc"][..], Some("abc")),
            (&["bearer abc"], Some("abc")),
            (&["Bearer "], None),
            (&["Bearer"], None),
            (&["Basic abc"], None),
            (&["Bearer a", "Bearer a"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            values.iter().for_each(|value| _ = headers.append(AUTHORIZATION, HeaderValue::from_static(value)));
            assert_eq!(bearer(&headers), token, "{values:?}");
        }
    }

    #[test]
    fn bodies() {
        #[derive(Debug, Default, PartialEq, serde::Deserialize)]
        struct Asked {
            word: Option<String>,
        }
        let read = |text: &str| parsed_if_any::<Asked>(text.as_bytes()).map_err(|problem| problem.status.as_u16());
        let asked = |word: Option<&str>| Ok(Asked { word: word.map(str::to_owned) });
        for (text, expected) in [
            ("", asked(None)),
            (" {\"word\": \"a\", \"other\": 1}", asked(Some("a"))),
            ("{\"word\": 1}", Err(400)),
            ("{", Err(400)),
            ("null", Err(400)),
            ("\n[\"a\"]", Err(400)),
            ("[null]", Err(400)),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn queries() {
        let read = |text: &str| query(&text.parse().unwrap(), ["a", "b"]).map_err(|problem| problem.status.as_u16());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("/x"), Ok([None, None]));
        assert_eq!(read("/x?a=1&b=%C3%A9+%2B&other=7"), Ok([some("1"), some("é +")]));
        assert_eq!(read("/x?a"), Ok([some(""), None]));
        for bad in ["/x?a=1&a=2", "/x?a=%zz", "/x?a=%C3", "/x?a=%2"] {
            assert_eq!(read(bad), Err(400), "{bad}");
        }
    }
}
