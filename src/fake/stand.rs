//! A tiny HTTP server on a free loopback port, which stops when it is dropped and can hang up instead of answering.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

/// A port that is taken but not served yet, so that routes can know their own address.
pub struct Bound {
    listener: TcpListener,
    base_url: String,
}

pub struct Stand {
    base_url: String,
    _running: watch::Sender<()>,
}

/// The connection is cut where this stands in the place of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the stand-in hangs up")]
struct Cut;

pub(super) fn cut() -> Response<Body> {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Cut);
    response
}

pub(super) fn is_cut(response: &Response<Body>) -> bool {
    response.extensions().get::<Cut>().is_some()
}

impl Stand {
    pub async fn bind() -> io::Result<Bound> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        Ok(Bound { listener, base_url })
    }
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Bound {
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
    pub fn serve(self, router: Router) -> Stand {
        let (running, stopped) = watch::channel(());
        tokio::spawn(accept(self.listener, router, stopped));
        Stand { base_url: self.base_url, _running: running }
    }
}

async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, router.clone(), stopped.clone()))),
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
}

/// Requests under way are still answered after the stop. A peer that leaves early is its own affair.
async fn serve(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(router.clone(), request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let Ok(response) = router.oneshot(request.map(Body::new)).await;
    if is_cut(&response) { Err(Cut) } else { Ok(response) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::tests::ask;
    use axum::routing::get;

    #[tokio::test]
    async fn it_answers_hangs_up_and_stops() {
        let router = Router::new().route("/", get(|| async { "here" })).route("/cut", get(|| async { cut() }));
        let stand = Stand::bind().await.unwrap().serve(router);
        let url = stand.base_url().to_owned();
        assert_eq!(ask("GET", &url, &[], "").await.unwrap().body, "here");
        assert!(ask("GET", &format!("{url}/cut"), &[], "").await.is_err());
        drop(stand);
        let mut tries = 0;
        while ask("GET", &url, &[], "").await.is_ok() {
            tries += 1;
            assert!(tries < 1_000, "still served after the drop");
            tokio::task::yield_now().await;
        }
    }
}
