//! Serves a router on a TCP or Unix socket, in the clear or over TLS, by HTTP/1.1 and HTTP/2, within limits, and stops
//! without cutting off a request.

use crate::entropy::Entropy;
use crate::http::guard::{Guard, Refusal};
use crate::http::limits::{Limits, RequestId, Seat, Seats, dress, watch};
use crate::http::problem::Problem;
use crate::http::tls::PROOF;
use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket, UnixStream};
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

const BACKLOG: u32 = 1024;
const HTTP2_STREAMS: u32 = 64;
const HTTP2_PENDING_RESETS: usize = 20;
const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);
const HTTP2_PONG_WITHIN: Duration = Duration::from_secs(10);

/// Who is at the other end; in every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Tcp(SocketAddr),
    Unix,
}

pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

/// A socket that listened before this process began, and will do so when it has ended.
pub enum Handed {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// Removed with the listener, unless somebody has put another in its place.
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Listener {
    pub fn tcp(address: SocketAddr) -> io::Result<Listener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG).map(Listener::Tcp)
    }

    /// Only the owner may connect. A file left by a dead process is replaced; a living one's, or what is no socket, is not.
    pub async fn unix(path: &Path) -> io::Result<Listener> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket"));
            }
            Ok(_) => match UnixStream::connect(path).await {
                Err(refused) if refused.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
                _ => return Err(ErrorKind::AddrInUse.into()),
            },
            Err(absent) if absent.kind() == ErrorKind::NotFound => {}
            Err(other) => return Err(other),
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        // Nobody can connect before `listen`, so nobody gets in before the mode is set.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let file = SocketFile { path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() };
        Ok(Listener::Unix(socket.listen(BACKLOG)?, Some(file)))
    }

    pub fn over(handed: Handed) -> io::Result<Listener> {
        match handed {
            Handed::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket).map(Listener::Tcp)
            }
            Handed::Unix(socket) => {
                socket.set_nonblocking(true)?;
                UnixListener::from_std(socket).map(|socket| Listener::Unix(socket, None))
            }
        }
    }

    /// Where a TCP listener listens: the port that was chosen for port 0.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        }
    }

    async fn accept_after(&self, pause: Duration) -> io::Result<(Box<dyn Io>, Peer)> {
        // A sleep of nothing still lasts until the timer's next tick.
        if !pause.is_zero() {
            sleep(pause).await;
        }
        match self {
            Listener::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Peer::Tcp(from)))
            }
            Listener::Unix(listener, _) => Ok((Box::new(listener.accept().await?.0), Peer::Unix)),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What all connections of a listener share.
struct Edge {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    entropy: Arc<dyn Entropy>,
    http: auto::Builder<TokioExecutor>,
    stop: Receiver<bool>,
}

/// Returns once `stop` says true (or its sender is gone) and the requests in flight are answered or out of time.
pub async fn serve(
    listener: Listener,
    router: Router,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
    entropy: Arc<dyn Entropy>,
    mut stop: Receiver<bool>,
) {
    let seats = Seats::new(&limits);
    let edge = Arc::new(Edge {
        router: router.layer(from_fn_with_state(entropy.clone(), watch)),
        tls: tls.map(TlsAcceptor::from),
        limits,
        entropy,
        http: builder(),
        stop: stop.clone(),
    });
    let mut connections = JoinSet::new();
    let mut pause = Duration::ZERO;
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {
                pause = Duration::ZERO;
                continue;
            }
            accepted = listener.accept_after(pause), if connections.len() < edge.limits.connections => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Duration::ZERO;
                let counted = match peer {
                    Peer::Tcp(from) => edge.limits.counted(from.ip()),
                    Peer::Unix => None,
                };
                match seats.take(counted) {
                    Some(seat) => drop(connections.spawn(connection(edge.clone(), stream, peer, seat))),
                    None => tracing::debug!("one connection too many from an address is closed"),
                }
            }
            Err(error) if is_the_peers(&error) => {}
            // No descriptor or no memory is free: some connection will end and give its own back.
            Err(error) => {
                pause = (pause * 2).clamp(Duration::from_millis(20), Duration::from_secs(1));
                tracing::warn!(%error, "no connection can be accepted");
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn stopped(stop: &mut Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // The guard times heads; hyper's own timer would also count the quiet between two requests.
    // Half-close: after a head that it refuses the guard reports end of file, and the answer must still go out.
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).half_close(true).max_buf_size(64 * 1024);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS)
        .max_header_list_size(crate::http::guard::HEAD_MAX as u32)
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HTTP2_PONG_WITHIN);
    http
}

async fn connection(edge: Arc<Edge>, stream: Box<dyn Io>, peer: Peer, seat: Seat) {
    let _seat = seat;
    let stream: Box<dyn Io> = match &edge.tls {
        None => stream,
        Some(tls) => tokio::select! {
            () = edge.over() => return,
            shaken = timeout(edge.limits.handshake, tls.accept(stream)) => match shaken {
                // The authority has seen what it came for.
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(PROOF) => return,
                Ok(Ok(stream)) => Box::new(stream),
                Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => return tracing::debug!("a TLS handshake took too long"),
            },
        },
    };
    let (guarded, verdict) = Guard::new(stream, &edge.limits);
    let pulse = Arc::new(Pulse::default());
    let service = service_fn(|request| {
        // Read now, not in the future: it speaks of the head that hyper has just parsed.
        let refused = verdict.get().copied();
        let (edge, pulse) = (edge.clone(), pulse.clone());
        let work = Work::begin(pulse.clone());
        async move {
            let response = edge.answer(request, peer, refused).await;
            drop(work);
            Ok::<_, Infallible>(response.map(|body| Beating { body, pulse }))
        }
    });
    let mut served = pin!(edge.http.serve_connection(TokioIo::new(guarded), service));
    tokio::select! {
        ended = served.as_mut() => return log_end(ended),
        () = edge.over() => {}
        () = pulse.quiet_for(edge.limits.idle) => {}
    }
    served.as_mut().graceful_shutdown();
    match timeout(edge.limits.drain, served).await {
        Ok(ended) => log_end(ended),
        Err(_) => tracing::debug!("a connection is cut off: its time to finish is over"),
    }
}

fn log_end(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended badly");
    }
}

impl Edge {
    /// Until the listener has stopped and whoever was connected has had time to ask.
    async fn over(&self) {
        stopped(&mut self.stop.clone()).await;
        sleep(self.limits.grace).await;
    }

    async fn answer(&self, mut request: Request<Incoming>, peer: Peer, refused: Option<Refusal>) -> Response {
        let version = request.version();
        let mut response = match refused.or_else(|| two_hosts(&request)) {
            Some(refusal) => {
                let id = RequestId::fresh(&*self.entropy);
                tracing::info!(id = id.as_str(), ?refusal, "a request is refused unread");
                let mut response = Problem::from(refusal).into_response();
                dress(&mut response, &id);
                response
            }
            None => {
                request.extensions_mut().insert(peer);
                self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
        };
        // The connection is not good for another request: part of the body is unread, or we stop.
        let unread = matches!(response.status(), StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT);
        if (unread || *self.stop.borrow()) && version <= Version::HTTP_11 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// RFC 9113, 8.3.1: Host and `:authority` may not differ. The guard has seen to HTTP/1.
fn two_hosts(request: &Request<Incoming>) -> Option<Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let same = |host: &HeaderValue| {
        request.uri().authority().is_none_or(|named| host.as_bytes().eq_ignore_ascii_case(named.as_str().as_bytes()))
    };
    let agree = hosts.next().is_none_or(same) && hosts.next().is_none();
    (!agree).then_some(Refusal::Malformed("the request names more than one host"))
}

/// Whether a connection does anything: requests being answered, and when something last happened.
struct Pulse(Mutex<(usize, Instant)>);

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse(Mutex::new((0, Instant::now())))
    }
}

impl Pulse {
    fn beat(&self, change: impl FnOnce(&mut usize)) {
        let mut state = self.0.lock().expect("no panic holds this lock");
        change(&mut state.0);
        state.1 = Instant::now();
    }

    async fn quiet_for(&self, idle: Duration) {
        loop {
            let now = Instant::now();
            let (busy, last) = *self.0.lock().expect("no panic holds this lock");
            let due = if busy > 0 { now + idle } else { last + idle };
            if due <= now {
                return;
            }
            sleep_until(due).await;
        }
    }
}

/// One request being answered.
struct Work(Arc<Pulse>);

impl Work {
    fn begin(pulse: Arc<Pulse>) -> Work {
        pulse.beat(|busy| *busy += 1);
        Work(pulse)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.beat(|busy| *busy -= 1);
    }
}

/// A long answer keeps its connection alive for as long as the peer takes it.
struct Beating {
    body: Body,
    pulse: Arc<Pulse>,
}

impl hyper::body::Body for Beating {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.pulse.beat(|_| {});
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
