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
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
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
        // All at once, so that they differ.
        let free: [TcpListener; 5] =
            std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free"));
        let [server, directory, management, names, names_management] =
            free.each_ref().map(|listener| listener.local_addr().expect("it has an address"));
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
        let names =
            start(Command::new("pebble-challtestsrv").args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]).args([
                "-dns01",
                &self.names.to_string(),
                "-management",
                &self.names_management.to_string(),
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
            ]));
        let authority = start(
            Command::new("pebble")
                .arg("-config")
                .arg(config)
                .args(["-dnsserver", &self.names.to_string()])
                .env("PEBBLE_VA_NOSLEEP", "1")
                .env("PEBBLE_AUTHZREUSE", "0")
                .env("PEBBLE_WFE_NONCEREJECT", refused_nonces.to_string()),
        );
        let pebble = Pebble(vec![names, authority]);
        for address in [self.names, self.directory, self.management] {
            timeout(PATIENCE, answers(address)).await.unwrap_or_else(|_| panic!("in vain: {address} answers"));
        }
        pebble
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

/// Gone when it is dropped.
pub struct Pebble(Vec<Child>);

impl Drop for Pebble {
    fn drop(&mut self) {
        for process in &mut self.0 {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was there")
}

async fn answers(address: SocketAddr) {
    while TcpStream::connect(address).await.is_err() {
        tokio::task::yield_now().await;
    }
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
