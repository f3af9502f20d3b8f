//! Pebble, the small authority that Let's Encrypt tests ACME clients with, and its name server, on this machine alone.

use crate::support::folder::Folder;
use crate::support::skipped::skipped;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const PATIENCE: Duration = Duration::from_secs(20);

/// Whether it is on this machine.
pub fn is_there() -> bool {
    let found = |program: &str| {
        let asked = Command::new(program).arg("-help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok()
    };
    let there = found("pebble") && found("pebble-challtestsrv");
    if !there {
        skipped("REFERD_PEBBLE", "no certificate was asked for", "Debian's package pebble is not on this machine");
    }
    there
}

/// Where everything of one test listens; an authority that comes again comes to the same place.
pub struct Place {
    folder: Folder,
    pub server: SocketAddr,
    directory: SocketAddr,
    management: SocketAddr,
    names: SocketAddr,
    names_management: SocketAddr,
    made: CertifiedKey<rcgen::KeyPair>,
}

impl Place {
    pub fn new() -> Place {
        let [server, directory, management, names, names_management] = std::array::from_fn(|_| reserved());
        let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate can be made");
        Place { folder: Folder::new(), server, directory, management, names, names_management, made }
    }

    pub fn directory_url(&self) -> String {
        format!("https://{}/dir", self.directory)
    }
    /// PEM of what the directory's server is trusted by.
    pub fn authority(&self) -> String {
        self.made.cert.pem()
    }

    /// An authority without memory, which refuses so many good nonces of a hundred.
    pub async fn pebble(&self, refused_nonces: u8) -> Pebble {
        let file = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).expect("a file can be written");
            path
        };
        let config = json!({ "pebble": {
            "listenAddress": self.directory.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": file("cert.pem", &self.made.cert.pem()),
            "privateKey": file("key.pem", &self.made.signing_key.serialize_pem()),
            "httpPort": 1,
            "tlsPort": self.server.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": 90 * 86_400,
        }});
        let config = file("pebble.json", &config.to_string());
        let (names, names_management) = (self.names.to_string(), self.names_management.to_string());
        let mut resolver = Command::new("pebble-challtestsrv");
        resolver.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", &names]);
        resolver.args(["-management", &names_management, "-http01", "", "-https01", "", "-tlsalpn01", ""]);
        let mut authority = Command::new("pebble");
        authority.arg("-config").arg(config).args(["-dnsserver", &names]);
        authority.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        authority.env("PEBBLE_WFE_NONCEREJECT", refused_nonces.to_string());
        let mut started = Pebble([
            Program::start(resolver, self.folder.path().join("names.log")),
            Program::start(authority, self.folder.path().join("pebble.log")),
        ]);
        let [resolver, authority] = &mut started.0;
        resolver.answers_at(self.names).await;
        for address in [self.directory, self.management] {
            authority.answers_at(address).await;
        }
        started
    }

    /// The root that certificates lead to; another one each time the authority begins.
    pub async fn root(&self) -> CertificateDer<'static> {
        let stream = connect(self.management, "127.0.0.1", self.made.cert.der().clone()).await.expect("it answers");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
        tokio::spawn(connection);
        let request = Request::get("/roots/0").header("host", "localhost").body(Empty::<Bytes>::new());
        let response = sender.send_request(request.expect("a request")).await.expect("an answer");
        let pem = response.into_body().collect().await.expect("a whole answer").to_bytes();
        CertificateDer::from_pem_slice(&pem).expect("a certificate")
    }
}

/// Below what systems give to whoever asks for a free port, so that nobody takes one between two uses.
const RESERVED: std::ops::Range<u16> = 20_000..32_000;
static TAKEN: AtomicU16 = AtomicU16::new(0);

/// An address that is free, for TCP and for UDP, and stays so.
fn reserved() -> SocketAddr {
    let ports = RESERVED.len() as u16;
    // Somewhere else in every process.
    let first = std::process::id() as u16 % ports;
    let mut addresses = (0..ports).map(|_| {
        let taken = TAKEN.fetch_add(1, Ordering::SeqCst);
        SocketAddr::from((Ipv4Addr::LOCALHOST, RESERVED.start + (first + taken % ports) % ports))
    });
    let free = addresses.find(|address| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok());
    free.expect("a port is free")
}

/// Gone when it is dropped.
pub struct Pebble([Program; 2]);

struct Program {
    process: Child,
    log: PathBuf,
}

impl Program {
    fn start(mut command: Command, log: PathBuf) -> Program {
        let file = File::create(&log).expect("a file can be written");
        command.stderr(file.try_clone().expect("a file can be shared")).stdout(file);
        Program { process: command.spawn().expect("it was there"), log }
    }

    async fn answers_at(&mut self, address: SocketAddr) {
        let mut ended = None;
        let asking = async {
            while ended.is_none() && TcpStream::connect(address).await.is_err() {
                ended = self.process.try_wait().expect("it is ours");
                tokio::task::yield_now().await;
            }
        };
        if timeout(PATIENCE, asking).await.is_err() || ended.is_some() {
            panic!("in vain: {address} answers; {ended:?}\n{}", text(&self.log));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("{}\n{}", self.log.display(), text(&self.log));
        }
    }
}

fn text(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_else(|why| why.to_string())
}

/// By TLS, trusting this root alone, at the machine's own time.
pub async fn connect(
    address: SocketAddr,
    name: &str,
    root: CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("it is a certificate");
    let config = ClientConfig::builder_with_provider(referd::http::tls::provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
}
