use super::*;
use crate::clock::SystemClock;
use crate::domain::certificate::Source;
use crate::entropy::SeededEntropy;
use crate::http::limits::{BODY_MAX, read_body, read_body_within};
use crate::http::tls;
use crate::wire::certificate::Pair;
use axum::extract::Extension;
use axum::routing::{get, post};
use http_body_util::{BodyExt, Full};
use rustls::pki_types::ServerName;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

const SHORT: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

struct Running {
    address: SocketAddr,
    gate: Arc<Gate>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

fn router(gate: Arc<Gate>) -> Router {
    let echo = |read: Result<Bytes, _>| read.map_err(Problem::from);
    let wait = async move || {
        gate.entered.notify_one();
        gate.open.notified().await;
        "waited"
    };
    Router::new()
        .route("/", get(async || "hello"))
        .route("/item/{code}", get(async |Extension(id): Extension<RequestId>| id.as_str().to_owned()))
        .route("/echo", post(async move |body: Body| echo(read_body(body, BODY_MAX).await)))
        .route("/hasty", post(async move |body: Body| echo(read_body_within(body, 8, SHORT).await)))
        .route("/panic", get(async || -> &'static str { panic!("as the test wants it") }))
        .route("/wait", get(wait))
        .route("/peer", get(async |Extension(peer): Extension<Peer>| format!("{peer:?}")))
}

fn start_on(listener: Listener, limits: Limits, tls: Option<Arc<rustls::ServerConfig>>) -> Running {
    let address = listener.address().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
    let ((stop, stopping), gate) = (watch::channel(false), Arc::new(Gate::default()));
    let entropy = Arc::new(SeededEntropy::new(7));
    let served = tokio::spawn(serve(listener, router(gate.clone()), tls, limits, entropy, stopping));
    Running { address, gate, stop, served }
}

fn start(limits: Limits) -> Running {
    start_on(Listener::tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap(), limits, None)
}

impl Running {
    async fn open(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
    /// Sends and reads until the server closes.
    async fn says(&self, bytes: &[u8]) -> String {
        let mut stream = self.open().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }
    /// As `says`, but closes its own side, so that keep-alive ends too.
    async fn says_all(&self, bytes: &[u8]) -> String {
        let mut stream = self.open().await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut out = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut out)).await.expect("the server closes").expect("and in good order");
    String::from_utf8(out).unwrap()
}

/// One answer of a connection that stays open.
async fn one(stream: &mut (impl AsyncRead + Unpin), ends: &str) -> String {
    let mut out = String::new();
    while !out.ends_with(ends) {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("an answer comes").expect("and is whole");
        out.push(byte.into());
    }
    out
}

fn statuses(said: &str) -> Vec<u16> {
    said.match_indices("HTTP/1.1 ").filter_map(|(at, mark)| said[at + mark.len()..].get(..3)?.parse().ok()).collect()
}

#[tokio::test]
async fn malformed_requests_are_refused_and_nothing_behind_them_is_answered() {
    let server = start(Limits::default());
    let long_value = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(17_000));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    let rows: &[(&str, u16)] = &[
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
        ("GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n12345", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n12345", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n12345", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n12345", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n12345", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n12345", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000000\r\n\r\n12345", 413),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n12345", 413),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2097153\r\n\r\n12345", 413),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 262145\r\n\r\n12345", 413),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n12345\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n12345\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1234567\r\n0\r\n\r\n", 400),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n12345\r\n0\r\n\r\n",
            400,
        ),
        ("POST /hasty HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n", 413),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 400),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /#part HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400),
        ("\x16\x03\x01\x02\0\x01\0\x01", 400),
        ("\n", 400),
        (&long_value, 431),
        (&long_target, 431),
        (&many, 431),
    ];
    for (request, status) in rows {
        let said = server.says(format!("{request}GET / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        let shown = &request[..request.len().min(120)];
        assert_eq!(statuses(&said), [*status], "{shown:?}: {said}");
        for part in ["application/problem+json", "x-request-id: ", "connection: close", "nosniff", "no-store"] {
            assert!(said.contains(part), "{shown:?} has {part}: {said}");
        }
    }
}

#[tokio::test]
async fn well_formed_requests_work() {
    let server = start(Limits::default());
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345";
    let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n3;x=y\r\n345\r\n0\r\nT: u\r\n\r\n";
    let rows: &[(String, &[u16], &str)] = &[
        (get.into(), &[200], "hello"),
        (format!("\r\n\r\n{get}"), &[200], "hello"),
        (get.repeat(20), &[200; 20], "hello"),
        (post.repeat(3), &[200; 3], "12345"),
        (format!("{post}{get}{post}"), &[200; 3], "hello"),
        (format!("{post}\r\n{get}"), &[200; 2], "hello"),
        (chunked.into(), &[200], "12345"),
        (format!("{chunked}{get}"), &[200], "connection: close"),
        (format!("{post}{chunked}{get}{get}"), &[200; 2], "connection: close"),
        (format!("{get}GET / HTTP/1.1\r\n\r\n{get}"), &[200, 400], "no Host header"),
        (format!("{post}GET / HTTP/1.1\nHost: a\n\n"), &[200, 400], "LF alone"),
        ("GET / HTTP/1.0\r\n\r\n".into(), &[], "HTTP/1.0 200 OK"),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".into(), &[], "HTTP/1.0 200 OK"),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".into(), &[200], "content-length: 5"),
        ("GET http://a/ HTTP/1.1\r\nHost: A\r\n\r\n".into(), &[200], "hello"),
        ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".into(), &[404], "urn:referd:problem:not-found"),
        ("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".into(), &[405], "allow: POST"),
        ("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n".into(), &[500], "urn:referd:problem:internal"),
        ("GET /item/x HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine-1\r\n\r\n".into(), &[200], "x-request-id: mine-1\r\n"),
        (format!("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n{get}"), &[500, 200], "hello"),
        ("GET /peer HTTP/1.1\r\nHost: a\r\n\r\n".into(), &[200], "Tcp(127.0.0.1:"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \t y \t\r\nX: é\r\n\r\n".into(), &[200], "hello"),
    ];
    for (request, expected, contains) in rows {
        let said = server.says_all(request.as_bytes()).await;
        assert_eq!(statuses(&said), *expected, "{request:?}: {said}");
        assert!(said.contains(contains) && said.contains("x-request-id: "), "{request:?}: {said}");
    }
}

/// Every byte in every part of a head is either served or refused by the guard: hyper's own bare 400 is never seen.
#[tokio::test]
async fn every_byte_everywhere_gets_a_full_answer() {
    let server = start(Limits::default());
    for byte in 0..=u8::MAX {
        for (before, after) in [
            ("G", "T / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET /x", "y HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET /?x", "y HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET http://a", "/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: a", "b\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: a\r\nX", "Y: z\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: y", "z\r\n\r\n"),
        ] {
            let said = server.says_all(&[before.as_bytes(), &[byte], after.as_bytes()].concat()).await;
            let status = statuses(&said)[0];
            assert!(said.contains("x-request-id: ") && status < 500, "{before:?} {byte:#x} {after:?}: {said}");
        }
    }
}

#[tokio::test]
async fn slow_heads_and_bodies_are_cut() {
    let server = start(Limits { head: SHORT, ..Limits::default() });
    let body = "POST /hasty HTTP/1.1\r\nHost: a\r\n";
    let rows: &[(String, &[u16])] = &[
        ("".into(), &[]),
        ("\r\n".into(), &[]),
        ("G".into(), &[408]),
        ("PRI * HTTP/2.0\r\n".into(), &[408]),
        ("GET / HTTP/1.1\r\nHost: a\r\n".into(), &[408]),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHo".into(), &[200, 408]),
        (format!("{body}Content-Length: 5\r\n\r\n1234"), &[408]),
        (format!("{body}Transfer-Encoding: chunked\r\n\r\n5\r\n1234"), &[408]),
    ];
    for (request, expected) in rows {
        let said = server.says(request.as_bytes()).await;
        assert_eq!(statuses(&said), *expected, "{request:?}: {said}");
    }
}

#[tokio::test]
async fn quiet_between_requests_is_longer_than_a_head_may_take() {
    let server = start(Limits { head: SHORT, idle: SHORT * 8, ..Limits::default() });
    let mut stream = server.open().await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(one(&mut stream, "hello").await.starts_with("HTTP/1.1 200"));
        assert!(timeout(SHORT * 3, stream.read_u8()).await.is_err(), "the connection stays");
    }
    assert_eq!(rest(&mut stream).await, "", "until it was idle for long enough");
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    let server = start(Limits::default());
    for announced in [300_000, 3_000_000] {
        let mut stream = server.open().await;
        let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {announced}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        timeout(PATIENCE, stream.readable()).await.unwrap().unwrap();
        for _ in 0..announced / 50_000 {
            stream.write_all(&[b'x'; 50_000]).await.unwrap();
        }
        stream.shutdown().await.unwrap();
        assert_eq!(statuses(&rest(&mut stream).await), [413], "{announced}");
    }
}

#[tokio::test]
async fn expect_100_continue() {
    let server = start(Limits::default());
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length:";
    let mut stream = server.open().await;
    stream.write_all(format!("{head} 5\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(one(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"12345").await.unwrap();
    assert!(one(&mut stream, "12345").await.starts_with("HTTP/1.1 200"));
    for too_much in ["300000", "3000000"] {
        assert_eq!(statuses(&server.says(format!("{head} {too_much}\r\n\r\n").as_bytes()).await), [413]);
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let server = start(Limits { connections: 1, ..Limits::default() });
    let (mut first, mut second) = (server.open().await, server.open().await);
    second.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    for _ in 0..2 {
        first.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        one(&mut first, "hello").await;
    }
    assert!(second.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    drop(first);
    one(&mut second, "hello").await;
}

type Sender = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> (Sender, JoinHandle<()>) {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(async { drop(connection.await) }))
}

async fn ask(sender: &mut Sender, host: Option<&str>, body: &'static str) -> (u16, bool, Bytes) {
    let mut request = Request::post("http://localhost/echo");
    if let Some(host) = host {
        request = request.header(HOST, host);
    }
    let answer = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (status, named) = (answer.status().as_u16(), answer.headers().contains_key("x-request-id"));
    (status, named, answer.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn http2_with_prior_knowledge() {
    let server = start(Limits { head: SHORT, idle: SHORT * 8, ..Limits::default() });
    let (mut sender, connection) = http2(server.open().await).await;
    for _ in 0..3 {
        assert_eq!(ask(&mut sender, None, "12345").await, (200, true, "12345".into()));
    }
    assert_eq!(ask(&mut sender, Some("localhost"), "1").await.0, 200);
    assert_eq!(ask(&mut sender, Some("elsewhere"), "1").await.0, 400);
    timeout(PATIENCE, connection).await.expect("an idle connection is closed").unwrap();
}

#[tokio::test]
async fn tls_by_both_protocols() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let pair = Pair { chain: made.cert.pem().into(), key: made.signing_key.serialize_pem().into() };
    let certificates = tls::Certificates::new(Source::Acme, Arc::new(SystemClock));
    certificates.show(&pair).unwrap();
    certificates.prove(&[("localhost".to_owned(), pair)].into()).unwrap();

    let listener = Listener::tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let limits = Limits { handshake: SHORT * 10, ..Limits::default() };
    let server = start_on(listener, limits, Some(tls::server_config(certificates).unwrap()));
    let connect = async |protocols: &[&[u8]], versions: &[&'static rustls::SupportedProtocolVersion]| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, server.open().await).await.unwrap()
    };
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = connect(&[b"http/1.1"], &[version]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(statuses(&rest(&mut stream).await), [200, 400]);
    }
    let stream = connect(&[b"h2", b"http/1.1"], rustls::ALL_VERSIONS).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(ask(&mut http2(stream).await.0, None, "12345").await, (200, true, "12345".into()));

    let mut stream = connect(&[tls::PROOF], rustls::ALL_VERSIONS).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(tls::PROOF));
    _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)), "who looks for a proof gets nothing else");

    assert_eq!(server.says(b"").await, "", "a silent client is cut");
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight() {
    let server = start(Limits { grace: SHORT, ..Limits::default() });
    let (mut busy, mut idle, mut fresh) = (server.open().await, server.open().await, server.open().await);
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.gate.entered.notified().await;
    let (mut sender, connection) = http2(server.open().await).await;
    let streaming = tokio::spawn(async move {
        let request = Request::get("http://localhost/wait").body(Full::default()).unwrap();
        sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes()
    });
    server.gate.entered.notified().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    one(&mut idle, "hello").await;

    server.stop.send(true).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut fresh).await, "");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens");
    assert!(!server.served.is_finished());

    server.gate.open.notify_waiters();
    let said = rest(&mut busy).await;
    assert!(said.contains("200 OK") && said.contains("connection: close") && said.ends_with("waited"), "{said}");
    assert_eq!(streaming.await.unwrap(), "waited");
    timeout(PATIENCE, server.served).await.expect("all is done").unwrap();
    timeout(PATIENCE, connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_is_connected_at_a_stop_may_still_ask_once() {
    let server = start(Limits { grace: PATIENCE, ..Limits::default() });
    let (mut fresh, mut known) = (server.open().await, server.open().await);
    known.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    one(&mut known, "hello").await;
    // Whoever is answered was accepted, and so was everybody before.
    server.stop.send(true).unwrap();
    for stream in [&mut fresh, &mut known] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let said = rest(stream).await;
        assert!(said.contains("200 OK") && said.contains("connection: close"), "{said}");
    }
    timeout(PATIENCE / 2, server.served).await.expect("nobody is left to wait for").unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let server = start(Limits { grace: SHORT, drain: SHORT, ..Limits::default() });
    let mut busy = server.open().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.gate.entered.notified().await;
    drop(server.stop);
    timeout(PATIENCE, server.served).await.expect("its time is over").unwrap();
    assert!(matches!(busy.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn unix_sockets() {
    let path = std::env::temp_dir().join(format!("referd-listen-{}.sock", std::process::id()));
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::unix(&path).await.expect("a dead process's file is replaced");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let server = start_on(listener, Limits::default(), None);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.ends_with("Unix"));

    assert_eq!(Listener::unix(&path).await.err().unwrap().kind(), ErrorKind::AddrInUse);
    server.stop.send(true).unwrap();
    server.served.await.unwrap();
    assert!(!path.exists(), "the file goes with the listener");

    fs::write(&path, "precious").unwrap();
    assert_eq!(Listener::unix(&path).await.err().unwrap().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn the_log_names_routes_and_not_what_was_asked_for() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone());
    // With one subscriber alone, tracing asks whichever thread comes first, and tests beside this one have none.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _here = tracing::subscriber::set_default(subscriber.finish());
    let server = start(Limits::default());
    for request in [
        "GET /item/MARKER?q=MARKER HTTP/1.1\r\nHost: MARKER\r\nAuthorization: MARKER\r\n\r\n",
        "GET /MARKER HTTP/1.1\r\nHost: a\r\n\r\n",
        "MARKER / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /panic?MARKER HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /MARKER HTTP/1.1\r\nMARKER\r\n\r\n",
    ] {
        server.says_all(request.as_bytes()).await;
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains("MARKER"), "{log}");
    for part in ["/item/{code}", "status=200", "status=404", "the handler panicked", "refused unread", "ms="] {
        assert!(log.contains(part), "{part}: {log}");
    }
}
