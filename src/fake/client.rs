//! The smallest HTTP client: one request over one plain connection, read to the end. Senders of webhooks use it.

use axum::http::{HeaderMap, HeaderValue, Request, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::fmt;
use tokio::net::TcpStream;

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the address is not a plain http:// one")]
    Address,
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    #[error("no whole answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer in time")]
    Timeout,
}

// Bodies hold codes and user ids.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

pub async fn call(request: Request<Bytes>) -> Result<Answer, CallError> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().filter(|_| head.uri.scheme_str() == Some("http")).ok_or(CallError::Address)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| CallError::Address)?;
    let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, authority.port_u16().unwrap_or(80))).await?;
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    head.uri = Uri::try_from(target).map_err(|_| CallError::Address)?;
    head.headers.insert(header::HOST, host);

    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let outcome = exchange(&mut sender, Request::from_parts(head, Full::new(body))).await;
    driver.abort();
    Ok(outcome?)
}

async fn exchange(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, hyper::Error> {
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_plain_addresses_are_called() {
        for url in ["https://127.0.0.1/", "/path", "ftp://127.0.0.1/"] {
            let refused = call(Request::get(url).body(Bytes::new()).unwrap()).await;
            assert!(matches!(refused, Err(CallError::Address)), "{url}");
        }
        let answer = Answer { status: 200, headers: HeaderMap::new(), body: Bytes::from_static(b"secret") };
        assert_eq!(format!("{answer:?}"), "Answer(200, 6 bytes)");
    }
}
