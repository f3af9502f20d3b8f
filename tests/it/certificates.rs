//! Certificates: of files that are replaced, and of an authority that is there, that is not, and that comes again.
//!
//! The authority is Pebble (Debian's package of that name). Where it is missing those tests pass and say so; with
//! `REFERD_PEBBLE=required` they fail.

mod pebble;

use crate::support::folder::Folder;
use crate::support::world::World;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use pebble::{Place, connect};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use referd::config::Tls;
use referd::domain::at::{At, Span};
use referd::wire::text::parse_rfc3339;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const NAME: &str = "refer.example.com";

/// Who checks the certificate, and asks by HTTP/1.1 on one connection.
struct Visitor {
    sender: SendRequest<Empty<Bytes>>,
    certificate: Vec<u8>,
}

impl Visitor {
    async fn connect(address: SocketAddr, root: &CertificateDer<'static>) -> std::io::Result<Visitor> {
        let stream = connect(address, NAME, root.clone()).await?;
        let certificate = stream.get_ref().1.peer_certificates().expect("it was checked")[0].to_vec();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        Ok(Visitor { sender, certificate })
    }

    async fn get(&mut self, path: &str) -> Result<(u16, String), hyper::Error> {
        let request = Request::get(path).header("host", NAME).body(Empty::new()).expect("a request");
        let response = self.sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

async fn standing(world: &World) -> Value {
    world.admin("stats").await["certificate"].clone()
}

fn expiry(standing: &Value) -> At {
    standing["expires_at"].as_str().and_then(parse_rfc3339).expect("it says when")
}

/// The value of a metric that is there once.
async fn metric(world: &World, name: &str) -> Option<String> {
    let text = world.metrics().await;
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix('{')?.split_once("} ")?.1.to_owned()))
}

async fn refused(address: SocketAddr, root: &CertificateDer<'static>) -> String {
    connect(address, NAME, root.clone()).await.expect_err("there is nothing to show").to_string()
}

mod files {
    use super::*;

    fn write(folder: &Folder, until: i32) -> CertificateDer<'static> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
        params.not_after = date_time_ymd(until, 1, 1);
        let made = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.path().join("cert.pem"), made.pem()).expect("a file can be written");
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).expect("a file can be written");
        made.der().clone()
    }

    async fn world(folder: &Folder) -> World {
        let path = |name: &str| folder.path().join(name);
        World::with(|config| config.server.tls = Tls::Files { cert: path("cert.pem"), key: path("key.pem") }).await
    }

    #[tokio::test]
    async fn they_are_read_again_when_they_change() {
        let folder = Folder::new();
        let old = write(&folder, 2100);
        let world = world(&folder).await;
        let address = world.house().public;
        let mut before = Visitor::connect(address, &old).await.expect("it is trusted");
        assert_eq!(before.get("/readyz").await.expect("an answer"), (200, "ready\n".to_owned()));

        let new = write(&folder, 2101);
        world.settle().await;
        assert!(Visitor::connect(address, &old).await.is_err(), "it is shown no longer");
        let mut after = Visitor::connect(address, &new).await.expect("it is trusted");
        for visitor in [&mut before, &mut after] {
            assert_eq!(visitor.get("/livez").await.expect("an answer").0, 200);
        }
        assert_eq!(metric(&world, "referd_certificate_failures_total").await.as_deref(), Some("0"));
        assert_eq!(metric(&world, "referd_certificate_expires_timestamp_seconds").await.as_deref(), Some("4133980801"));

        // A pair that does not load leaves the old one, and is said once.
        std::fs::write(folder.path().join("cert.pem"), "torn").expect("a file can be written");
        for _ in 0..3 {
            world.settle().await;
        }
        assert_eq!(metric(&world, "referd_certificate_failures_total").await.as_deref(), Some("1"));
        assert!(
            standing(&world).await["trouble"].as_str().is_some_and(|why| why.contains("no certificate in the chain"))
        );
        std::fs::remove_file(folder.path().join("key.pem")).expect("it was there");
        world.house().reload();
        assert!(standing(&world).await["trouble"].as_str().is_some_and(|why| why.contains("key.pem cannot be read")));
        assert_eq!(
            Visitor::connect(address, &new).await.expect("it stays").get("/readyz").await.expect("an answer").0,
            200
        );

        let last = write(&folder, 2102);
        world.house().reload();
        assert_eq!(standing(&world).await["trouble"], Value::Null);
        assert!(Visitor::connect(address, &last).await.is_ok());
        assert!(before.get("/livez").await.is_ok(), "nobody was cut off");
        world.done().await;
    }

    #[tokio::test]
    async fn it_is_not_ready_when_the_certificate_is_over() {
        let folder = Folder::new();
        let root = write(&folder, 2100);
        let world = world(&folder).await;
        let mut visitor = Visitor::connect(world.house().public, &root).await.expect("it is trusted");
        let until = expiry(&standing(&world).await);
        for (left, days, status) in [(Span::days(20), 20, 200), (Span::millis(1), 0, 200), (Span::ZERO, 0, 503)] {
            world.advance(Span(until.minus(left).0 - world.now().0));
            let standing = standing(&world).await;
            assert_eq!((&standing["days_left"], standing["fault"].is_null()), (&days.into(), status == 200));
            let (seen, body) = visitor.get("/readyz").await.expect("an answer");
            assert_eq!((seen, body.contains("expired")), (status, status == 503), "{body}");
        }
        world.done().await;
    }
}

/// A house that asks the authority at this place.
async fn asking(place: &Place) -> World {
    World::with(|config| {
        config.server.listen = place.server;
        config.server.tls = Tls::Acme {
            domains: vec![NAME.to_owned(), "other.example.com".to_owned()],
            contact: Some("mailto:ops@example.com".to_owned()),
            directory_url: place.directory_url(),
            directory_ca: Some(place.authority().into_bytes()),
        };
    })
    .await
}

/// The clock stands where the certificate is to be renewed.
fn move_to_renewal(world: &World, standing: &Value) {
    let due = expiry(standing).minus(Span::days(29));
    world.advance(Span(due.0 - world.now().0));
}

fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("an entry").path();
        let mode = path.metadata().expect("it is there").permissions().mode() & 0o777;
        found.push((path.file_name().expect("a name").to_string_lossy().into_owned(), mode));
        if path.is_dir() {
            found.extend(modes(&path));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn without_an_authority_it_starts_and_says_so() {
    let place = Place::new();
    let world = asking(&place).await;
    let nobody = CertificateDer::from_pem_slice(place.authority().as_bytes()).expect("a certificate");
    assert_eq!(refused(place.server, &nobody).await, "received fatal alert: AccessDenied");
    let fresh = standing(&world).await;
    assert_eq!((&fresh["fault"], &fresh["trouble"]), (&"there is no certificate yet".into(), &Value::Null));

    // Attempts are apart, further each time, and somebody who has mended it need not wait.
    let failures = async || metric(&world, "referd_certificate_failures_total").await.expect("it is there");
    for (after, expected) in [(0, "1"), (0, "1"), (59, "1"), (1, "2"), (60, "2"), (180, "3"), (600, "3")] {
        world.later(Span::seconds(after)).await;
        assert_eq!(failures().await, expected, "{after}");
    }
    world.house().reload();
    world.settle().await;
    assert_eq!(failures().await, "4");
    let trouble = standing(&world).await["trouble"].as_str().expect("it says why").to_owned();
    assert!(trouble.contains("nothing was sent"), "{trouble}");
    assert_eq!(metric(&world, "referd_certificate_expires_timestamp_seconds").await, None);
    assert_eq!(refused(place.server, &nobody).await, "received fatal alert: AccessDenied");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_fails_no_request() {
    if !pebble::is_there() {
        return;
    }
    let place = Place::new();
    let _pebble = place.pebble(0).await;
    let world = asking(&place).await;
    world.settle().await;
    let first = standing(&world).await;
    assert_eq!((&first["fault"], &first["trouble"]), (&Value::Null, &Value::Null), "{first}");
    let root = place.root().await;

    let over = Arc::new(AtomicBool::new(false));
    let come = Arc::new(Barrier::new(9));
    let mut visitors = JoinSet::new();
    for _ in 0..8 {
        let (over, come, root, address) = (over.clone(), come.clone(), root.clone(), place.server);
        visitors.spawn(async move {
            let mut staying = Visitor::connect(address, &root).await.expect("it is trusted");
            let (mut answers, mut seen) = (0, BTreeSet::from([staying.certificate.clone()]));
            come.wait().await;
            // The last round begins after the renewal.
            let mut last = false;
            while !last {
                last = over.load(Ordering::SeqCst);
                let mut passing = Visitor::connect(address, &root).await.expect("it is trusted");
                for visitor in [&mut staying, &mut passing] {
                    assert_eq!(visitor.get("/livez").await.expect("an answer"), (200, "ok\n".to_owned()));
                    answers += 1;
                }
                seen.insert(passing.certificate);
            }
            (answers, seen)
        });
    }
    come.wait().await;
    move_to_renewal(&world, &first);
    world.settle().await;
    over.store(true, Ordering::SeqCst);
    let second = standing(&world).await;
    assert_eq!((&second["trouble"], second["failures"].as_u64()), (&Value::Null, Some(0)));
    let (mut answers, mut seen) = (0, BTreeSet::new());
    for (more, certificates) in visitors.join_all().await {
        answers += more;
        seen.extend(certificates);
    }
    assert_eq!(seen.len(), 2, "before and after {answers} answers");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_issued_is_served_while_the_authority_is_down() {
    if !pebble::is_there() {
        return;
    }
    let place = Place::new();
    let authority = place.pebble(0).await;
    let mut world = asking(&place).await;
    world.settle().await;
    let root = place.root().await;
    let shown = Visitor::connect(place.server, &root).await.expect("it is trusted").certificate;
    let folder = format!("127.0.0.1-{}-dir", place.directory_url().rsplit([':', '/']).nth(1).expect("a port"));
    let names = [("account.pem", 0o600), ("certificate.pem", 0o600), (folder.as_str(), 0o700)];
    let mut expected = names.map(|(name, mode)| (name.to_owned(), mode));
    expected.sort();
    assert_eq!(modes(&world.data_dir().join("acme")), expected);

    drop(authority);
    world.restart().await;
    world.settle().await;
    let kept = standing(&world).await;
    assert_eq!((&kept["fault"], kept["failures"].as_u64()), (&Value::Null, Some(0)), "nobody was asked");
    let mut visitor = Visitor::connect(place.server, &root).await.expect("it is trusted");
    assert_eq!(visitor.certificate, shown);
    move_to_renewal(&world, &kept);
    world.settle().await;
    let failed = standing(&world).await;
    assert!(failed["trouble"].as_str().is_some_and(|why| why.contains("nothing was sent")), "{failed}");
    assert_eq!(visitor.get("/readyz").await.expect("an answer").0, 200);
    assert_eq!(Visitor::connect(place.server, &root).await.expect("it stays").certificate, shown);

    // It has forgotten the account, and signs with another root.
    let _authority = place.pebble(0).await;
    world.later(Span::minutes(1)).await;
    assert_eq!(standing(&world).await["trouble"], Value::Null);
    let root = place.root().await;
    assert_ne!(Visitor::connect(place.server, &root).await.expect("it is trusted").certificate, shown);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_nonces_are_no_end() {
    if !pebble::is_there() {
        return;
    }
    let place = Place::new();
    let _pebble = place.pebble(50).await;
    let world = asking(&place).await;
    let mut attempts = 0;
    while standing(&world).await["expires_at"].is_null() {
        world.later(Span::hours(1)).await;
        attempts += 1;
        assert!(attempts < 100, "{}", standing(&world).await);
    }
    assert!(Visitor::connect(place.server, &place.root().await).await.is_ok());
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_ours_is_refused_with_the_reason() {
    if !pebble::is_there() {
        return;
    }
    let place = Place::new();
    let _pebble = place.pebble(0).await;
    // The authority looks for the names on a port where nobody listens.
    let elsewhere = Place::new();
    let world = World::with(|config| {
        config.server.tls = Tls::Acme {
            domains: vec![NAME.to_owned()],
            contact: None,
            directory_url: place.directory_url(),
            directory_ca: Some(place.authority().into_bytes()),
        };
        config.server.listen = elsewhere.server;
    })
    .await;
    world.settle().await;
    let trouble = standing(&world).await["trouble"].as_str().expect("it says why").to_owned();
    assert!(trouble.contains(NAME) && trouble.contains("Failed to connect"), "{trouble}");
    world.done().await;
}
