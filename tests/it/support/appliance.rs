//! The program itself, as a process of its own with a configuration file: to be killed, and read the log of.

use super::caller::{ADMIN_TOKEN, Caller, HOOK_AUTHORIZATION, SERVER_KEY};
use super::folder::Folder;
use super::tokens::{private_pem, public_point};
use referd::clock::{Stopwatch, SystemClock};
use referd::fake::app_store_connect::{self as apple, AppStoreConnect, Key, Offer};
use referd::fake::revenuecat::{self as revenuecat, RevenueCat};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

pub const OFFER: &str = "REF30";
pub const API_KEY: &str = "sk_key_of_the_program_tests";
const PROGRAM: &str = env!("CARGO_BIN_EXE_referd");
const SEED: u8 = 9;

/// Stand-ins and a folder, which outlive the processes.
pub struct Site {
    pub apple: AppStoreConnect,
    pub revenuecat: RevenueCat,
    /// Every line that any process wrote to its log.
    pub log: Arc<Mutex<String>>,
    folder: Folder,
    filter: &'static str,
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
        let folder = Folder::new();
        let clock = Arc::new(SystemClock);
        let key = Key { id: "KEYOFTHEPR".to_owned(), public: public_point(SEED), issuer: None };
        let offers = vec![Offer { id: "offer-1".to_owned(), name: OFFER.to_owned(), active: true }];
        let apple = AppStoreConnect::start(apple::Setup::new(key, clock.clone(), offers)).await.expect("Apple starts");
        let setup = revenuecat::Setup { api_key: API_KEY.to_owned(), entitlements: vec!["premium".to_owned()], clock };
        let revenuecat = RevenueCat::start(setup).await.expect("RevenueCat starts");
        let config = format!(
            r#"
data_dir = "data"
[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1"
tls.mode = "off"
[admin]
listen = "127.0.0.1:0"
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
        std::fs::write(folder.path().join("config.toml"), config).expect("the folder can be written");
        std::fs::write(folder.path().join("key.p8"), private_pem(SEED)).expect("the folder can be written");
        Site { apple, revenuecat, log: Arc::default(), folder, filter }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args([verb, "--config"]).arg(self.folder.path().join("config.toml")).env("RUST_LOG", self.filter);
        command
    }

    /// Starts the program and waits for its first answer.
    pub async fn start(&self) -> Appliance {
        let watch = Stopwatch::start();
        let mut process = self.command("serve").stderr(Stdio::piped()).spawn().expect("the program can be started");
        let stderr = process.stderr.take().expect("it was asked for");
        let (told, ready) = oneshot::channel();
        let log = self.log.clone();
        std::thread::spawn(move || read_log(BufReader::new(stderr), &log, told));
        let (public, admin) = ready.await.expect("the program says where it listens");
        let caller = Caller::new(&public, &admin);
        caller.raw("GET", &format!("{public}/livez"), &[], "").await.is(200);
        Appliance { process, caller, millis: watch.micros() / 1000 }
    }

    /// Waits for what another process does.
    pub async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..6_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let log = self.log.lock().expect("no panic holds this lock");
        let (apple, revenuecat) = (self.apple.calls(), self.revenuecat.calls());
        panic!("in vain: {what}\nto Apple: {apple:#?}\nto RevenueCat: {revenuecat:#?}\nthe log:\n{log}");
    }

    /// The books on disk, checked by the program.
    pub fn verify(&self) {
        let out = self.command("verify").arg("--json").output().expect("the program can be started");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
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
    /// SIGTERM: what was begun is finished.
    pub async fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("there is kill").success());
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
