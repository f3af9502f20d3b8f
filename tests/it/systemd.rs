//! Beside systemd: sockets that outlive the process, what systemd is told, and a watchdog that a stuck disk leaves hungry.

mod units;

use crate::support::appliance::{OFFER, Site};
use crate::support::caller::HOOK_AUTHORIZATION;
use crate::support::disk::{Disk, Image};
use crate::support::folder::Folder;
use crate::support::gate::Gate;
use crate::support::world::{NOW, World};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use redb::{Database, StorageBackend};
use referd::cli::check::Environment;
use referd::cli::systemd::Manager;
use referd::clock::{Clock, ManualClock, SystemClock};
use referd::domain::at::Span;
use referd::entropy::SeededEntropy;
use referd::fake::revenuecat_event::Event;
use referd::http::front::App;
use referd::http::{rate::Rate, routes};
use referd::ledger::{Home, Ledger};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::{TcpStream, UnixDatagram};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

const CLIENTS: usize = 16;
const RESTARTS: usize = 3;

/// What the clients of a restart share.
struct Load {
    address: SocketAddr,
    answered: watch::Sender<u64>,
    is_over: AtomicBool,
}

impl Load {
    /// Tells of purchases one after another, each of which must be kept: no connection is refused, none is cut off.
    async fn client(&self, name: usize, keeps_alive: bool) {
        let mut kept: Option<SendRequest<Full<Bytes>>> = None;
        for n in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let is_open = match &mut kept {
                Some(sender) => sender.ready().await.is_ok(),
                None => false,
            };
            let mut sender = match kept.take() {
                Some(sender) if is_open => sender,
                _ => self.connect().await,
            };
            let event = Event::initial_purchase(&format!("user-{name}-{n}"), SystemClock.now()).offer(OFFER);
            let request = Request::post("/webhooks/revenuecat")
                .header("host", self.address.to_string())
                .header("authorization", HOOK_AUTHORIZATION)
                .body(Full::new(event.body()))
                .expect("a request");
            let response = sender.send_request(request).await.expect("an answer");
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.expect("a whole answer");
            self.answered.send_modify(|count| *count += 1);
            kept = keeps_alive.then_some(sender);
        }
    }

    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.expect("nobody is refused");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        sender
    }

    async fn more(&self, count: u64) {
        let mut answered = self.answered.subscribe();
        let until = *answered.borrow() + count;
        answered.wait_for(|answered| *answered >= until).await.expect("the sender lives");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_on_systemds_socket_loses_no_request() {
    let site = Site::new(0, 10, "info").await;
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it has an address");
    let load = Arc::new(Load { address, answered: watch::Sender::new(0), is_over: AtomicBool::new(false) });
    let mut appliance = site.start_on(&socket, &[]).await;
    assert_eq!(appliance.caller.public, format!("http://{address}"));
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        let load = load.clone();
        clients.spawn(async move { load.client(name, name % 2 == 0).await });
    }
    for _ in 0..RESTARTS {
        load.more(200).await;
        appliance.stop().await;
        appliance = site.start_on(&socket, &[]).await;
    }
    load.more(200).await;
    load.is_over.store(true, Ordering::Relaxed);
    clients.join_all().await;
    let kept = appliance.caller.admin("stats").await["campaigns"]["friends"]["redemptions"]["unattributed"].clone();
    assert_eq!(kept, *load.answered.borrow(), "what was answered was kept, once");
    appliance.stop().await;
    site.verify();
}

/// The service manager's end of the notification socket.
struct Ear(UnixDatagram);

impl Ear {
    fn at(folder: &Path) -> (Ear, String) {
        let path = folder.join("notify");
        (Ear(UnixDatagram::bind(&path).expect("the folder can be written")), path.display().to_string())
    }
    async fn hears(&self) -> String {
        let mut bytes = [0; 512];
        let len = self.0.recv(&mut bytes).await.expect("the socket is there");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    }
    /// The next message with a line.
    async fn waits_for(&self, line: &str) -> String {
        loop {
            let said = self.hears().await;
            if said.lines().any(|told| told == line) {
                return said;
            }
        }
    }
}

#[tokio::test]
async fn systemd_is_told_how_it_goes() {
    let site = Site::new(0, 10, "info").await;
    let (ear, path) = Ear::at(site.folder());
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let appliance = site.start_on(&socket, &[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", "200000")]).await;
    assert_eq!(ear.hears().await, "READY=1\nSTATUS=serves");
    ear.waits_for("WATCHDOG=1").await;
    appliance.signal("HUP");
    assert!(ear.waits_for("RELOADING=1").await.contains("\nMONOTONIC_USEC="));
    ear.waits_for("READY=1").await;
    appliance.stop().await;
    ear.waits_for("STOPPING=1").await;
}

#[tokio::test]
async fn a_socket_without_a_purpose_is_refused() {
    let site = Site::new(0, 10, "info").await;
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let said = site.fails_on(&socket, &[("LISTEN_FDNAMES", "referd.socket")]);
    assert!(said.contains("FileDescriptorName="), "{said}");
}

/// A disk whose flushes wait.
#[derive(Debug)]
struct Stuck(Disk, Arc<Gate>);

impl StorageBackend for Stuck {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_disk_starves_the_watchdog_and_fails_readyz() {
    let world = World::start().await;
    let (gate, clock, entropy) = (Arc::new(Gate::default()), Arc::new(ManualClock::at(NOW)), SeededEntropy::new(1));
    let disk = Stuck(Disk::over(Image::default()), gate.clone());
    let db = Database::builder().create_with_backend(disk).expect("memory does not fail");
    let ledger =
        Ledger::start(db, clock.clone(), &entropy, Home::none(Box::new(|| Ok(())))).expect("the disk still works");
    let known = &world.house().apps[0];
    let apps = [Arc::new(App {
        config: known.config.clone(),
        public_url: known.public_url.clone(),
        ledger: Arc::new(ledger),
        backups: known.backups.clone(),
        verifier: None,
        apple: known.apple.clone(),
        signer: None,
        entropy: known.entropy.clone(),
        clock: clock.clone(),
        meter: known.meter.clone(),
        rate: Rate::new(&entropy),
        trusted: known.trusted.clone(),
    })];
    let folder = Folder::new();
    let (ear, path) = Ear::at(folder.path());
    let pairs = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "40000")];
    let env: Environment = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let manager = Manager::of(&env);
    let mut watching = pin!(manager.watch(&apps));
    let readyz = async || {
        let request = Request::get("/readyz").body(Body::empty()).expect("a request");
        let response = routes::public(&apps, None).oneshot(request).await.expect("it cannot fail");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a whole answer").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let story = async {
        assert_eq!(ear.hears().await, "WATCHDOG=1\nSTATUS=serves");
        assert_eq!(readyz().await, (200, "ready\n".to_owned()));

        gate.shut();
        // So that the last write is no longer fresh. A clock that was set back is no sign of one.
        clock.set(NOW.plus(Span::hours(-1)));
        let (said, (status, body)) = tokio::join!(ear.waits_for("STATUS=alma: the disk does not answer"), readyz());
        assert!(!said.contains("WATCHDOG"), "{said}");
        assert_eq!(status, 503);
        assert!(body.contains("urn:referd:problem:unavailable"), "{body}");
        assert!(body.contains("the disk does not answer"), "{body}");

        gate.open();
        assert_eq!(ear.waits_for("WATCHDOG=1").await, "WATCHDOG=1\nSTATUS=serves");
        assert_eq!(readyz().await, (200, "ready\n".to_owned()));
    };
    tokio::select! {
        never = &mut watching => match never {},
        () = story => {}
    }
    world.done().await;
}
