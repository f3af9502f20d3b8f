//! The program itself, as a process of its own with a configuration file: to be killed, and read the log of.

use super::caller::{ADMIN_TOKEN, Caller, HOOK_AUTHORIZATION, SERVER_KEY};
use super::folder::Folder;
use super::tokens::{private_pem, public_point};
use referd::clock::{Clock, Stopwatch, SystemClock};
use referd::fake::app_store_connect::{self as apple, AppStoreConnect, Key, Offer};
use referd::fake::app_store_server::{self, AppStoreServer};
use referd::fake::apple_chain::Chain;
use referd::fake::apple_event::App;
use referd::fake::revenuecat::{self as revenuecat, RevenueCat};
use referd::fake::tremendous::{self, Tremendous};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// A test that would wait for ever ends and says for what.
const PATIENCE: Duration = Duration::from_secs(30);

pub const OFFER: &str = "REF30";
pub const API_KEY: &str = "sk_key_of_the_program_tests";
const PROGRAM: &str = env!("CARGO_BIN_EXE_referd");
const SEED: u8 = 9;
const TREMENDOUS_KEY: &str = "TEST_key_of_the_program_tests";
const TREMENDOUS_HOOK: &str = "tremendous-hook-of-the-program-tests";
const ISSUER: &str = "57246542-0000-4000-8000-000000000002";

/// Stand-ins and a folder, which outlive the processes.
pub struct Site {
    pub apple: AppStoreConnect,
    pub revenuecat: RevenueCat,
    /// Apple's notifications and the App Store Server API, signed by a root of their own.
    pub store: AppStoreServer,
    pub tremendous: Tremendous,
    /// Every line that any process wrote to its log.
    pub log: Arc<Mutex<String>>,
    folder: Folder,
    filter: &'static str,
}

/// What an appliance has beside a campaign of friends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Friends,
    AsksApple,
    Partners,
    Whole,
}

/// One process, killed when it is dropped.
pub struct Appliance {
    process: Child,
    pub caller: Caller,
    /// From the start of the process to its first answer.
    pub millis: u64,
}

impl Site {
    pub async fn new(low_water: u32, batch_size: u32, filter: &'static str) -> Site {
        Site::with(low_water, batch_size, filter, Kind::Friends).await
    }
    /// One that pays partners, too.
    pub async fn paying() -> Site {
        Site::with(0, 10, "info", Kind::Partners).await
    }
    /// One with all of these, an offer to sign and a webhook.
    pub async fn whole() -> Site {
        Site::with(0, 10, "info", Kind::Whole).await
    }
    /// One whose appliance asks the App Store Server and answers it, and is asked through a socket in the folder.
    pub async fn asking_apple() -> Site {
        Site::with(0, 10, "info", Kind::AsksApple).await
    }

    async fn with(low_water: u32, batch_size: u32, filter: &'static str, kind: Kind) -> Site {
        let folder = Folder::new();
        let clock = Arc::new(SystemClock);
        let key = Key { id: "KEYOFTHEPR".to_owned(), public: public_point(SEED), issuer: None };
        let offers = vec![Offer { id: "offer-1".to_owned(), name: OFFER.to_owned(), active: true }];
        let apple = AppStoreConnect::start(apple::Setup::new(key, clock.clone(), offers)).await.expect("Apple starts");
        let entitlements = vec!["premium".to_owned()];
        let setup = revenuecat::Setup { api_key: API_KEY.to_owned(), entitlements, clock: clock.clone() };
        let revenuecat = RevenueCat::start(setup).await.expect("RevenueCat starts");
        let chain = Arc::new(Chain::new(clock.now()));
        let key = Key { id: "KEYOFTHEPR".to_owned(), public: public_point(SEED), issuer: Some(ISSUER.to_owned()) };
        let app = App { bundle_id: "com.example.alma".to_owned(), apple_id: 1_234_567_890 };
        let setup = app_store_server::Setup { key, clock: clock.clone(), chain: chain.clone(), app };
        let store = AppStoreServer::start(setup).await.expect("the App Store Server starts");
        let (api_key, webhook_key) = (TREMENDOUS_KEY.to_owned(), TREMENDOUS_HOOK.to_owned());
        let setup = tremendous::Setup { api_key, webhook_key, clock };
        let tremendous = Tremendous::start(setup).await.expect("Tremendous starts");
        let socket = format!("unix:{}", folder.path().join("admin.sock").display());
        let admin = if kind == Kind::AsksApple { socket.as_str() } else { "127.0.0.1:0" };
        let config = format!(
            r#"
data_dir = "data"
[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1"
tls.mode = "off"
[admin]
listen = "{admin}"
token = "{ADMIN_TOKEN}"
[apps.alma]
bundle_id = "com.example.alma"
apple_id = 1234567890
default_campaign = "friends"
auth.server_key = "{SERVER_KEY}"
[apps.alma.app_store_connect]
key_id = "KEYOFTHEPR"
private_key_file = "key.p8"
base_url = "{}"
[apps.alma.revenuecat]
webhook_authorization = "{HOOK_AUTHORIZATION}"
api_key = "{API_KEY}"
base_url = "{}"
entitlement = "premium"
[[apps.alma.campaigns]]
id = "friends"
kind = "referral"
offer = "{OFFER}"
offer_code_id = "offer-1"
pool = {{ low_water = {low_water}, batch_size = {batch_size} }}
"#,
            apple.base_url(),
            revenuecat.base_url()
        );
        let config = match kind {
            Kind::Friends => config,
            Kind::AsksApple => config + &server_api(&store),
            Kind::Partners => config + &partners(&tremendous),
            Kind::Whole => config + &partners(&tremendous) + &server_api(&store) + MORE,
        };
        std::fs::write(folder.path().join("root.pem"), chain.root_pem()).expect("the folder can be written");
        std::fs::write(folder.path().join("config.toml"), config).expect("the folder can be written");
        let key = folder.path().join("key.p8");
        std::fs::write(&key, private_pem(SEED)).expect("the folder can be written");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        Site { apple, revenuecat, store, tremendous, log: Arc::default(), folder, filter }
    }

    /// Something in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args([verb, "--config"]).arg(self.folder.path().join("config.toml")).env("RUST_LOG", self.filter);
        command
    }

    /// Starts the program and waits for its first answer.
    pub async fn start(&self) -> Appliance {
        self.run(self.command("serve")).await
    }

    /// The same as systemd does it: with the public socket, and with what else the unit says.
    pub async fn start_on(&self, socket: &TcpListener, variables: &[(&str, &str)]) -> Appliance {
        self.run(self.on(socket, variables)).await
    }
    /// What it says when it does not want the socket.
    pub fn fails_on(&self, socket: &TcpListener, variables: &[(&str, &str)]) -> String {
        let mut process =
            self.on(socket, variables).stderr(Stdio::piped()).spawn().expect("the program can be started");
        let mut said = String::new();
        for line in BufReader::new(process.stderr.take().expect("it was asked for")).lines().map_while(Result::ok) {
            said += &line;
            if line.contains("referd serves") {
                process.kill().expect("it runs");
            }
        }
        assert_eq!(process.wait().expect("it ended").code(), Some(1), "{said}");
        said
    }

    fn on(&self, socket: &TcpListener, variables: &[(&str, &str)]) -> Command {
        let serve = self.command("serve");
        // The shell becomes the program, whose number must be known before it begins.
        let mut command = Command::new("sh");
        command.args(["-c", "LISTEN_PID=$$ exec \"$@\" 3<&0 </dev/null", "sh"]).arg(serve.get_program());
        command.args(serve.get_args()).env("RUST_LOG", self.filter);
        command.envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "public")]).envs(variables.iter().copied());
        command.stdin(OwnedFd::from(socket.try_clone().expect("a socket can be shared")));
        command
    }

    async fn run(&self, mut command: Command) -> Appliance {
        let watch = Stopwatch::start();
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the program can be started");
        let stderr = process.stderr.take().expect("it was asked for");
        let (told, ready) = oneshot::channel();
        let log = self.log.clone();
        std::thread::spawn(move || read_log(BufReader::new(stderr), &log, told));
        let (public, admin) = ready.await.expect("the program says where it listens");
        let caller = Caller::new(&public, &admin);
        caller.raw("GET", &format!("{public}/livez"), &[], "").await.is(200);
        Appliance { process, caller, millis: watch.micros() / 1000 }
    }

    /// Waits for what another process does, and looks whenever something changed here by that.
    pub async fn until(&self, what: &str, mut changed: watch::Receiver<u64>, mut holds: impl FnMut() -> bool) {
        let waiting = changed.wait_for(|_| holds());
        if let Ok(Ok(_)) = timeout(PATIENCE, waiting).await {
            return;
        }
        let log = self.log.lock().expect("no panic holds this lock");
        let (apple, revenuecat) = (self.apple.calls(), self.revenuecat.calls());
        panic!("in vain: {what}\nto Apple: {apple:#?}\nto RevenueCat: {revenuecat:#?}\nthe log:\n{log}");
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Another word in the configuration. What it was before.
    pub fn reconfigure(&self, from: &str, to: &str) -> String {
        let path = self.folder.path().join("config.toml");
        let before = std::fs::read_to_string(&path).expect("it was written");
        assert!(before.contains(from), "{from}");
        std::fs::write(path, before.replace(from, to)).expect("the folder can be written");
        before
    }

    pub fn restore(&self, config: &str) {
        std::fs::write(self.folder.path().join("config.toml"), config).expect("the folder can be written");
    }

    /// What a command prints.
    pub fn prints(&self, words: &[&str]) -> String {
        let said = self.command(words[0]).args(&words[1..]).output().expect("the program can be started");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).expect("what is printed is text")
    }

    /// A file beside the configuration; its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the folder can be written");
        path.to_str().expect("a path is text").to_owned()
    }

    /// The JSON lines of a command, and its exit status.
    pub async fn says(&self, words: &[&str]) -> (i32, Vec<Value>) {
        let mut command = self.command(words[0]);
        command.args(&words[1..]).arg("--json");
        let out = tokio::task::spawn_blocking(move || command.output().expect("the program can be started"));
        let out = out.await.expect("waiting does not panic");
        let rows = String::from_utf8(out.stdout).expect("findings are text");
        let rows = rows.lines().map(|row| serde_json::from_str(row).expect("a line is JSON")).collect();
        (out.status.code().expect("it ended by itself"), rows)
    }

    /// What `doctor` finds, and its exit status.
    pub async fn doctor(&self) -> (i32, Vec<Value>) {
        let said = self.says(&["doctor"]).await;
        assert_ne!(said.0, 2, "{:?}", said.1);
        said
    }

    /// The books on disk, checked by the program.
    pub fn verify(&self) {
        let out = self.command("verify").arg("--json").output().expect("the program can be started");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

/// An offer that may be signed, and a webhook to where nobody listens.
const MORE: &str = r#"
[[apps.alma.offers]]
id = "COMEBACK50"
product_id = "alma_monthly"
eligible = ["active", "lapsed", "auto_renew_off", "billing_retry"]
[apps.alma.notifications]
allow_private_forwards = true
[[apps.alma.notifications.webhooks]]
url = "http://127.0.0.1:1/hook"
secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"#;

fn server_api(store: &AppStoreServer) -> String {
    format!(
        r#"
[apps.alma.app_store_server]
issuer_id = "{ISSUER}"
key_id = "KEYOFTHEPR"
private_key_file = "key.p8"
production_url = "{}"
sandbox_url = "{}"
root_certificate_file = "root.pem"
[apps.alma.refunds]
answer = true
revenuecat_answers = false
"#,
        store.production_url(),
        store.sandbox_url()
    )
}

fn partners(tremendous: &Tremendous) -> String {
    format!(
        r#"
[[apps.alma.campaigns]]
id = "creators"
kind = "partner"
payout.hold_days = 0
[apps.alma.tremendous]
api_key = "{TREMENDOUS_KEY}"
base_url = "{}"
campaign_id = "CAMPAIGN1"
webhook_key = "{TREMENDOUS_HOOK}"
"#,
        tremendous.base_url()
    )
}

fn read_log(lines: impl BufRead, log: &Mutex<String>, told: oneshot::Sender<(String, String)>) {
    let mut told = Some(told);
    for line in lines.lines().map_while(Result::ok) {
        if told.is_some() && line.contains("referd serves") {
            let line: Value = serde_json::from_str(&line).expect("the log is JSON");
            let address = |side: &str| format!("http://{}", line[side].as_str().expect("an address"));
            _ = told.take().map(|told| told.send((address("public"), address("admin"))));
        }
        let mut log = log.lock().expect("no panic holds this lock");
        log.push_str(&line);
        log.push('\n');
    }
}

impl Appliance {
    /// SIGKILL: nothing is finished.
    pub fn kill(mut self) {
        self.process.kill().expect("the process runs");
        self.process.wait().expect("it ended");
    }
    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().expect("there is kill").success());
    }
    /// SIGTERM: what was begun is finished.
    pub async fn stop(mut self) {
        self.signal("TERM");
        let ended = tokio::task::spawn_blocking(move || self.process.wait().expect("it ended"));
        assert!(ended.await.expect("waiting does not panic").success());
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
