//! From the table to the configuration: the whole, the public side and the private side.

use super::section::{Context, Section};
use super::{
    Admin, AdminListen, Backup, Config, Problem, Secret, Server, app, environment, network, schedule, secret, tls, url,
};
use std::cell::RefCell;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::Table;

pub(super) fn understand(
    mut table: Table,
    folder: &Path,
    env: Vec<(OsString, OsString)>,
) -> Result<Config, Vec<Problem>> {
    let credentials = env.iter().find(|(name, _)| name == "CREDENTIALS_DIRECTORY").map(|(_, v)| PathBuf::from(v));
    let (overridden, problems) = environment::apply(&mut table, &env);
    let context = Context {
        folder: folder.to_owned(),
        credentials,
        overridden,
        problems: RefCell::new(problems),
        secret_files: RefCell::default(),
    };
    let config = config(Section::root(&context, table));
    match (config, context.problems.into_inner()) {
        (Some(config), problems) if problems.is_empty() => {
            Ok(Config { secret_files: context.secret_files.into_inner(), ..config })
        }
        (_, problems) => Err(problems),
    }
}

/// None only where a problem was noted.
fn config(mut s: Section<'_>) -> Option<Config> {
    let data_dir = s.parsed_or("data_dir", "data", |text| Ok(PathBuf::from(text)));
    let data_dir = data_dir.map(|path| s.context.folder.join(path));
    let levels = LEVELS.map(|level| (level, level));
    let log_level = s.table_or_empty("log").choice("level", &levels).unwrap_or("info");
    let server = server(s.table_or_empty("server"));
    let admin = admin(s.table_or_empty("admin"), server.as_ref().map(|server| server.listen));
    let backup = backup(s.table_or_empty("backup"));
    let apps = app::apps(&mut s, server.as_ref().map(|server| server.public_url.as_str()));
    let secret_files = Vec::new();
    let (server, admin, backup) = (server?, admin?, backup?);
    Some(Config { data_dir: data_dir?, secret_files, log_level, server, admin, backup, apps })
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

fn server(mut s: Section<'_>) -> Option<Server> {
    let listen = s.parsed_or("listen", "0.0.0.0:443", network::address);
    s.need("public_url", "the https address that users reach, as https://refer.example.com");
    let public_url = s.parsed("public_url", url::base);
    let proxies = s.texts("trusted_proxies");
    let trusted = proxies.iter().map(|text| network::network(text)).collect::<Result<Vec<_>, _>>();
    let trusted_proxies = trusted.map_err(|(what, remedy)| s.wrong("trusted_proxies", what, remedy)).ok();
    let tls = tls::tls(s.table_or_empty("tls"), listen, !proxies.is_empty());
    Some(Server { listen: listen?, public_url: public_url?, tls: tls?, trusted_proxies: trusted_proxies? })
}

fn backup(mut s: Section<'_>) -> Option<Backup> {
    let Backup { schedule: usual, keep, .. } = Backup::default();
    let schedule = s.parsed_or("schedule", &usual.unwrap_or_default(), |text| match text {
        "off" => Ok(None),
        text => schedule::schedule(text).map(Some),
    });
    let keep = match s.has("keep") {
        true => s.number("keep", 1..=10_000).map(|keep| keep as usize),
        false => Some(keep),
    };
    let given = s.has("recipient");
    let recipient = s.parsed("recipient", |text| match text.parse::<age::x25519::Recipient>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(("is no recipient of age", "write what `age-keygen` prints as the public key: age1…")),
    });
    (recipient.is_some() || !given).then_some(Backup { schedule: schedule?, keep: keep?, recipient })
}

fn admin(mut s: Section<'_>, public: Option<SocketAddr>) -> Option<Admin> {
    let listen = s.parsed_or("listen", "127.0.0.1:7878", network::admin);
    // Port 0 asks the system for a free one, so two of them differ.
    if let (Some(AdminListen::Tcp(own)), Some(public)) = (&listen, public)
        && *own == public
        && own.port() != 0
    {
        s.wrong("listen", "is the public listener's address", "give the private side its own port");
    }
    let token: Secret = s.needed_secret("token", secret::STRONG);
    Some(Admin { listen: listen?, token })
}
