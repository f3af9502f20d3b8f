//! Asks the running appliance, through its private side.

use crate::config::{Admin, AdminListen};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

/// Why the appliance did not do what was asked.
pub fn detail(answer: &Answer) -> String {
    let problem = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    problem["detail"]
        .as_str()
        .map_or_else(|| format!("the running appliance answered {}", answer.status), str::to_owned)
}

/// The answer, or nothing where no appliance runs.
pub async fn ask(admin: &Admin, method: Method, path: &str, body: Vec<u8>) -> Result<Option<Answer>> {
    let Some(response) = open(admin, method, path, body).await? else { return Ok(None) };
    let status = response.status();
    let body = response.into_body().collect().await.context("the running appliance did not answer")?.to_bytes();
    Ok(Some(Answer { status, body }))
}

/// What the running appliance answers when it does as asked; what it refuses is an error.
pub async fn post(admin: &Admin, path: &str, body: Vec<u8>) -> Result<Option<Value>> {
    match ask(admin, Method::POST, path, body).await? {
        Some(answer) if answer.status.is_success() => Ok(Some(serde_json::from_slice(&answer.body)?)),
        Some(answer) => bail!("{}", detail(&answer)),
        None => Ok(None),
    }
}

/// The answer of `ask`, its body as it comes.
pub async fn open(admin: &Admin, method: Method, path: &str, body: Vec<u8>) -> Result<Option<Response<Incoming>>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {}", admin.token.expose()))
        .body(Full::new(Bytes::from(body)))
        .context("the request cannot be made")?;
    let sent = match &admin.listen {
        AdminListen::Tcp(address) => match TcpStream::connect(address).await {
            Ok(stream) => send(stream, request).await,
            Err(_) => return Ok(None),
        },
        AdminListen::Unix(path) => match UnixStream::connect(path).await {
            Ok(stream) => send(stream, request).await,
            Err(_) => return Ok(None),
        },
    };
    sent.map(Some).context("the running appliance did not answer")
}

async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    if response.status() == StatusCode::UNAUTHORIZED {
        bail!("the running appliance refuses the configured admin token: was it started with another file?");
    }
    Ok(response)
}
