//! What systemd hands over at the start, and what it is told from then on. Without systemd nothing of this happens.
//! No other process is started, so nobody inherits the variables or the sockets.

use super::check::{Environment, variable};
use crate::clock::monotonic_micros;
use crate::config::{AdminListen, Server};
use crate::http::front::App;
use crate::http::health::{Ill, writes};
use crate::http::listen::{Handed, Listener};
use crate::ledger::Fail;
use anyhow::{Context, Result, bail, ensure};
use listenfd::ListenFd;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// A service manager that does not read must not hold us up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sockets that listen already, and go on listening when this process ends.
#[derive(Default)]
pub struct Sockets {
    public: Option<Handed>,
    admin: Option<Handed>,
}

impl Sockets {
    /// Takes what the environment speaks of. A socket's name in its unit, `FileDescriptorName=`, says what it is for.
    pub fn of(env: &Environment) -> Result<Sockets> {
        let mut handed = ListenFd::from_env();
        let names: Vec<&str> = variable(env, "LISTEN_FDNAMES").map_or(Vec::new(), |names| names.split(':').collect());
        let mut sockets = Sockets::default();
        for place in 0..handed.len() {
            let name = names.get(place).copied().unwrap_or_default();
            let kept = match name {
                "public" => &mut sockets.public,
                "admin" => &mut sockets.admin,
                _ => bail!("systemd hands over a socket named {name:?}: FileDescriptorName= must be public or admin"),
            };
            ensure!(kept.is_none(), "systemd hands over two sockets named {name}");
            *kept = match handed.take_tcp_listener(place) {
                Ok(socket) => socket.map(Handed::Tcp),
                Err(_) => handed.take_unix_listener(place).map(|socket| socket.map(Handed::Unix))?,
            };
        }
        Ok(sockets)
    }

    /// The public side: systemd's socket, or one of our own.
    pub fn public(&mut self, server: &Server) -> Result<Listener> {
        let Some(handed) = self.public.take() else {
            return Listener::tcp(server.listen).with_context(|| format!("cannot listen on {}", server.listen));
        };
        let listener = Listener::over(handed)?;
        let address = listener.address().context("the public socket that systemd hands over is no TCP socket")?;
        ensure!(
            server.may_listen_on(address),
            "systemd hands over {address}, and server.tls.mode is \"off\": ListenStream= must be a loopback address, \
             or server.trusted_proxies name the proxies"
        );
        Ok(listener)
    }

    /// The private side.
    pub async fn admin(&mut self, listen: &AdminListen) -> Result<Listener> {
        let listener = match (self.admin.take(), listen) {
            (Some(handed), _) => Listener::over(handed)?,
            (None, AdminListen::Tcp(address)) => {
                Listener::tcp(*address).with_context(|| format!("cannot listen on {address}"))?
            }
            (None, AdminListen::Unix(path)) => {
                Listener::unix(path).await.with_context(|| format!("cannot listen on {}", path.display()))?
            }
        };
        if let Some(address) = listener.address() {
            ensure!(
                is_loopback(address),
                "systemd hands over {address} for the admin side, which is no loopback address"
            );
        }
        Ok(listener)
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// The service manager, where there is one that asks to be told.
pub struct Manager {
    socket: Option<UnixDatagram>,
    /// How long it waits for a sign of life.
    watchdog: Option<Duration>,
}

impl Manager {
    pub fn of(env: &Environment) -> Manager {
        let socket = variable(env, "NOTIFY_SOCKET").and_then(|name| {
            let opened = open(name);
            opened.inspect_err(|error| tracing::error!(%error, "systemd cannot be told anything")).ok()
        });
        let is_ours = variable(env, "WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros = variable(env, "WATCHDOG_USEC").filter(|_| is_ours).and_then(|text| text.parse().ok());
        Manager { socket, watchdog: micros.filter(|micros| *micros > 0).map(Duration::from_micros) }
    }

    /// The ledgers are open, and the listeners listen.
    pub fn ready(&self) {
        self.tell("READY=1\nSTATUS=serves");
    }
    /// To be followed by `ready`.
    pub fn reloading(&self) {
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=looks for another certificate", monotonic_micros()));
    }
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishes what it was asked");
    }

    /// Feeds the watchdog for as long as every ledger writes durably. A disk that hangs has nobody else to notice: no
    /// call returns, so none fails.
    pub async fn watch(&self, apps: &[Arc<App>]) -> Infallible {
        let Some(limit) = self.watchdog else { return pending().await };
        let pause = limit / 4;
        let mut every = interval(pause);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            match ill(apps, pause).await {
                None => self.tell("WATCHDOG=1\nSTATUS=serves"),
                // Beginning anew makes no room, and what can be read is still served.
                Some((app, ill @ Ill::Fails(Fail::NoSpace))) => {
                    self.tell(&format!("WATCHDOG=1\nSTATUS=writes nothing: {app}: {ill}"));
                }
                Some((app, ill)) => {
                    tracing::error!(app, %ill, "the watchdog is not fed");
                    self.tell(&format!("STATUS={app}: {ill}"));
                }
            }
        }
    }

    fn tell(&self, what: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(what.as_bytes()) {
            tracing::error!(%error, "systemd could not be told");
        }
    }
}

async fn ill(apps: &[Arc<App>], fresh: Duration) -> Option<(&str, Ill)> {
    for app in apps {
        if let Err(ill) = writes(&app.ledger, fresh).await {
            return Some((&app.config.name, ill));
        }
    }
    None
}

/// A path, or with an at sign the name of an abstract socket.
fn open(name: &str) -> io::Result<UnixDatagram> {
    let address = match name.strip_prefix('@') {
        Some(name) => net::SocketAddr::from_abstract_name(name)?,
        None => net::SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, TcpListener};

    fn env(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn told(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let len = socket.recv(&mut bytes).expect("something was said");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    }

    #[test]
    fn systemd_is_told_by_path_and_by_abstract_name() {
        let name = format!("referd-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let by_path = UnixDatagram::bind(&path).expect("the folder can be written");
        let address = net::SocketAddr::from_abstract_name(&name).expect("a name");
        let by_name = UnixDatagram::bind_addr(&address).expect("nobody has it");
        for (socket, name) in [(by_path, path.display().to_string()), (by_name, format!("@{name}"))] {
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("not zero");
            let manager = Manager::of(&env(&[("NOTIFY_SOCKET", &name)]));
            manager.ready();
            assert_eq!(told(&socket), "READY=1\nSTATUS=serves");
            let before = monotonic_micros();
            manager.reloading();
            let reloading = told(&socket);
            let micros = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
            let micros: u64 = micros.expect("it is told").parse().expect("a number");
            assert!(reloading.starts_with("RELOADING=1\n") && (before..=monotonic_micros()).contains(&micros));
            manager.stopping();
            assert!(told(&socket).starts_with("STOPPING=1\n"));
        }
        std::fs::remove_file(path).expect("it was made");
    }

    #[test]
    fn without_systemd_nothing_happens() {
        for pairs in [&[][..], &[("NOTIFY_SOCKET", "/nowhere/at/all")], &[("NOTIFY_SOCKET", "vsock:2:1")]] {
            let manager = Manager::of(&env(pairs));
            assert!(manager.socket.is_none() && manager.watchdog.is_none(), "{pairs:?}");
            manager.ready();
        }
    }

    #[test]
    fn the_watchdog_is_ours_or_there_is_none() {
        let own = std::process::id().to_string();
        let limit = Some(Duration::from_secs(30));
        for (usec, pid, expected) in [
            ("30000000", None, limit),
            ("30000000", Some(own.as_str()), limit),
            ("30000000", Some("1"), None),
            ("0", None, None),
            ("soon", None, None),
        ] {
            let pid = pid.map(|pid| ("WATCHDOG_PID", pid));
            let pairs: Vec<_> = [("WATCHDOG_USEC", usec)].into_iter().chain(pid).collect();
            assert_eq!(Manager::of(&env(&pairs)).watchdog, expected, "{pairs:?}");
        }
    }

    fn socket(address: impl Into<SocketAddr>) -> Option<Handed> {
        Some(Handed::Tcp(TcpListener::bind(address.into()).expect("a port is free")))
    }

    #[tokio::test]
    async fn a_socket_may_not_open_what_the_configuration_keeps_closed() {
        use crate::config::{Network, Tls};
        let (here, anywhere) = ((Ipv4Addr::LOCALHOST, 0), (Ipv4Addr::UNSPECIFIED, 0));
        let proxy = vec![Network::from(IpAddr::from([10, 0, 0, 1]))];
        let files = || Tls::Files { cert: "cert.pem".into(), key: "key.pem".into() };
        for (tls, trusted_proxies, address, good) in [
            (Tls::Off, Vec::new(), here, true),
            (Tls::Off, Vec::new(), anywhere, false),
            (Tls::Off, proxy, anywhere, true),
            (files(), Vec::new(), anywhere, true),
        ] {
            let server = Server { listen: here.into(), public_url: String::new(), tls, trusted_proxies };
            let mut sockets = Sockets { public: socket(address), admin: None };
            assert_eq!(sockets.public(&server).is_ok(), good, "{server:?} {address:?}");
        }
        for (address, good) in [(here, true), (anywhere, false)] {
            let mut sockets = Sockets { public: None, admin: socket(address) };
            assert_eq!(sockets.admin(&AdminListen::Tcp(here.into())).await.is_ok(), good, "{address:?}");
        }
    }
}
