//! Whole files through `load`: what is refused, under which key, and what is understood.

use super::*;
use crate::domain::policy::{Accept, Environment, Kind};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes with the test.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("referd-config-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a file in the folder")).expect("a temporary folder");
        std::fs::write(path, text).expect("a temporary file");
    }
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a temporary folder") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.push(path.strip_prefix(&self.0).expect("inside").display().to_string()),
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The value of every secret in these tests; no problem may show it.
pub(super) const HUSH: &str = "hush-hush-hush-hush";

pub(super) const BASE: &str = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "https://refer.example.com/"
[server.tls]
mode = "off"
[admin]
token_file = "hush"
[apps.alma]
bundle_id = "com.example.alma"
apple_id = 1234567890
default_campaign = "friends"
[apps.alma.auth]
server_key = "hush-hush-hush-hush"
[apps.alma.app_store_connect]
key_id = "2X9R4HXF34"
private_key = "hush-hush-hush-hush"
[apps.alma.revenuecat]
webhook_authorization_file = "hush"
api_key_file = "hush"
entitlement = "premium"
[[apps.alma.campaigns]]
id = "friends"
offer = "REF30"
offer_code_id = "0d8dca6e"
"#;

const SECOND: &str = "\n[[apps.alma.campaigns]]\nid = \"others\"\noffer = \"REF30\"\nproduct_ids = [\"a\"]\n";

pub(super) fn loaded(toml: &str, env: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let folder = Folder::new();
    folder.write("hush", format!("{HUSH}\r\n"));
    folder.write("short", "hush");
    folder.write("empty", "\n");
    folder.write("binary", [0xff, 0xfe]);
    folder.write("public.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    folder.write("root.pem", "a root\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let der = [&[0x30, 0x82, 0x01, 0x2c][..], &[0; 300]].concat();
    folder.write("root.der", &der);
    folder.write("cut.der", &der[..303]);
    folder.write("long.der", [&der[..], b"\n"].concat());
    folder.write("small.der", [&[0x30, 0x81, 0x80][..], &[0; 128]].concat());
    folder.write("config.toml", toml);
    let credentials = ("CREDENTIALS_DIRECTORY", folder.0.to_str().expect("a plain name"));
    let env = env.iter().map(|(k, v)| if *v == "FOLDER" { credentials } else { (*k, *v) });
    load(&folder.0.join("config.toml"), env.map(|(k, v)| (k.into(), v.into())))
}

pub(super) fn keys(outcome: Result<Config, Vec<Problem>>) -> Vec<String> {
    let problems = outcome.err().unwrap_or_default();
    for problem in &problems {
        assert!(!format!("{problem} {problem:?}").contains("hush-"), "{problem}");
        assert!(!problem.to_string().contains('\n'), "{problem}");
        assert!(!problem.what.is_empty() && !problem.remedy.is_empty(), "{problem}");
    }
    problems.into_iter().map(|problem| problem.key).collect()
}

/// `BASE` with one piece of text put in another's place has problems at exactly these keys.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(BASE.contains(from), "{from}");
    assert_eq!(keys(loaded(&BASE.replace(from, to), &[])), expected, "{from} -> {to}");
}

/// The same after a table's header.
fn add(table: &str, lines: &str, expected: &[&str]) {
    check(table, &format!("{table}\n{lines}"), expected);
}

#[test]
fn the_base_is_understood() {
    let config = loaded(BASE, &[]).expect("a good file");
    assert!(config.data_dir.ends_with("data") && config.data_dir.parent().is_some());
    assert_eq!((config.server.public_url.as_str(), config.log_level), ("https://refer.example.com", "info"));
    assert_eq!((config.server.tls, config.server.trusted_proxies), (Tls::Off, vec![]));
    assert_eq!(config.admin.listen, AdminListen::Tcp(([127, 0, 0, 1], 7878).into()));
    assert!(config.admin.token.matches(HUSH.as_bytes()));
    let app = &config.apps[0];
    assert_eq!((app.name.as_str(), app.base_path.as_str(), app.time_zone.as_str()), ("alma", "", "UTC"));
    assert_eq!((&app.app_store_server, app.notifications.max_age_days), (&None, 8));
    assert_eq!(app.auth, Auth { server_key: Some(Secret::new(HUSH)), jwt: None });
    let Campaign { policy, refill_schedule, .. } = &app.campaigns[0];
    assert_eq!((policy.kind, policy.pool.environment), (Kind::Referral, Environment::Production));
    assert_eq!((policy.pool.low_water, policy.pool.batch_size, policy.reward.days), (500, 1000, 30));
    assert_eq!((policy.pool.expires_in_days, policy.pool.reserve_days), (180, 14));
    assert_eq!((policy.attribution.accept, policy.attribution.claim_window_days), (Accept::Evidence, 30));
    assert!(!policy.attribution.asks_apple && app.device_check.is_none());
    assert_eq!(refill_schedule, "0 15 * * * *");
}

#[test]
fn backups_are_made_unless_they_are_off() {
    const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let other = |schedule: Option<&str>, keep, recipient: Option<&str>| {
        Some(Backup { schedule: schedule.map(str::to_owned), keep, recipient: recipient.map(str::to_owned) })
    };
    for (lines, backup, faults) in [
        ("", Some(Backup::default()), &[][..]),
        ("schedule = \"off\"", other(None, 14, None), &[]),
        ("schedule = \"0 0 * * * *\"\nkeep = 3", other(Some("0 0 * * * *"), 3, None), &[]),
        ("schedule = \"@daily\"", None, &["backup.schedule"]),
        ("keep = 0", None, &["backup.keep"]),
        (&format!("recipient = \"{RECIPIENT}\""), other(Some("0 30 3 * * *"), 14, Some(RECIPIENT)), &[]),
        ("recipient = \"ssh-ed25519 AAAA\"", None, &["backup.recipient"]),
        (&format!("recipient = \"{}\"", RECIPIENT.replace('z', "q")), None, &["backup.recipient"]),
    ] {
        let outcome = loaded(&format!("[backup]\n{lines}\n{BASE}"), &[]);
        assert_eq!(outcome.as_ref().ok().map(|config| config.backup.clone()), backup, "{lines}");
        assert_eq!(keys(outcome), faults, "{lines}");
    }
    assert_eq!(loaded(BASE, &[]).expect("a good file").backup, Backup::default());
}

#[test]
fn a_config_shows_no_secret() {
    let shown = format!("{:?}", loaded(BASE, &[]).expect("a good file"));
    assert!(!shown.contains("hush-"), "{shown}");
}

#[test]
fn faults_of_the_two_sides() {
    check("127.0.0.1:8080", "localhost:8080", &["server.listen"]);
    check("127.0.0.1:8080", "127.0.0.1:7878", &["admin.listen"]);
    check("127.0.0.1:8080", "0.0.0.0:8080", &["server.tls.mode"]);
    check("\"127.0.0.1:8080\"", "\"0.0.0.0:80\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]", &[]);
    check("\"127.0.0.1:8080\"", "\"0.0.0.0:80\"\ntrusted_proxies = [\"10.0.0.0/99\"]", &["server.trusted_proxies"]);
    check("\"127.0.0.1:8080\"", "\"0.0.0.0:80\"\ntrusted_proxies = []", &["server.tls.mode"]);
    check("https://refer.example.com/", "http://refer.example.com", &["server.public_url"]);
    check("https://refer.example.com/", "https://a:hush-hush@refer.example.com", &["server.public_url"]);
    check("mode = \"off\"", "", &["server.tls.mode"]);
    check("mode = \"off\"", "mode = \"on\"", &["server.tls.mode"]);
    check("mode = \"off\"", "mode = \"files\"", &["server.tls.cert_file", "server.tls.key_file"]);
    let files = |cert| format!("mode = \"files\"\ncert_file = \"{cert}\"\nkey_file = \"hush\"");
    check("mode = \"off\"", &files("hush"), &[]);
    check("mode = \"off\"", &files("gone"), &["server.tls.cert_file"]);
    check("[server]", "data_dir = 1\n[server]", &["data_dir"]);
    check("[server]", "[log]\nlevel = \"loud\"\n[server]", &["log.level"]);
    check("[server]", "server_ = 1\n[server]", &["server_"]);
    add("[admin]", "listen = \"0.0.0.0:7878\"", &["admin.listen"]);
    add("[admin]", "listen = \"unix:/run/referd/admin.sock\"", &[]);
    add("[admin]", "listen = \"unix:admin.sock\"", &["admin.listen"]);
    check("[admin]\ntoken_file = \"hush\"", "", &["admin.token"]);
}

#[test]
fn faults_of_secrets() {
    for (line, expected) in [
        ("token = \"hush-hush-hush-hush\"", &[][..]),
        ("token = \"hush\"", &["admin.token"]),
        ("token = \"\"", &["admin.token"]),
        ("token = 12345678901234567", &["admin.token"]),
        ("token = \"hush-hush-hush-hush\"\ntoken_file = \"hush\"", &["admin.token"]),
        ("token_file = \"short\"", &["admin.token_file"]),
        ("token_file = \"empty\"", &["admin.token_file"]),
        ("token_file = \"binary\"", &["admin.token_file"]),
        ("token_file = \"gone\"", &["admin.token_file"]),
        ("token_file = \".\"", &["admin.token_file"]),
        ("token_file = \"-----BEGIN hush-hush-hush\"", &["admin.token_file"]),
        ("token_file = \"\"\"hush-hush\nhush-hush\"\"\"", &["admin.token_file"]),
        ("token_file = \"credential:hush\"", &["admin.token_file"]),
        ("tokn_file = \"hush\"", &["admin.token", "admin.tokn_file"]),
    ] {
        check("token_file = \"hush\"\n[apps.alma]", &format!("{line}\n[apps.alma]"), expected);
    }
    let missing = loaded(&BASE.replace("token_file = \"hush\"", "token_file = \"gone\""), &[]);
    assert!(missing.is_err_and(|p| p[0].what.contains("gone\" is missing")));
    check("server_key = \"hush-hush-hush-hush\"", "server_key = \"hush\"", &["apps.alma.auth.server_key"]);
    check("key_id = \"2X9R4HXF34\"", "", &["apps.alma.app_store_connect.key_id"]);
    check("private_key = \"hush-hush-hush-hush\"", "", &["apps.alma.app_store_connect.private_key"]);
    check("api_key_file = \"hush\"", "api_key = \"x\"", &[]);
    add(
        "[apps.alma.revenuecat]",
        "webhook_signing_secret = \"hush\"",
        &["apps.alma.revenuecat.webhook_signing_secret"],
    );
}

#[test]
fn credentials_come_from_the_service_manager() {
    let text = |name: &str| BASE.replace("token_file = \"hush\"", &format!("token_file = \"credential:{name}\""));
    let env = [("CREDENTIALS_DIRECTORY", "FOLDER")];
    assert!(loaded(&text("hush"), &env).is_ok_and(|c| c.admin.token.matches(HUSH.as_bytes())));
    for name in ["gone", "", "../hush", "a/b"] {
        assert_eq!(keys(loaded(&text(name), &env)), ["admin.token_file"], "{name}");
    }
}

#[test]
fn a_folder_of_credentials_stands_for_the_folder_itself() {
    let folder = Folder::new();
    let text = BASE.replace("token_file = \"hush\"", "token_file = \"secrets/token\"");
    folder.write("etc/config.toml", text.replace("_file = \"hush\"", "_file = \"secrets/hush\""));
    folder.write("etc/secrets/token", HUSH);
    folder.write("etc/secrets/hush", HUSH);
    folder.write("run/secrets_token", "the service manager's copy");
    let credentials = ("CREDENTIALS_DIRECTORY".into(), folder.0.join("run").into());
    let read = |env: Vec<(OsString, OsString)>| load(&folder.0.join("etc/config.toml"), env).expect("a good file");
    assert!(read(Vec::new()).admin.token.matches(HUSH.as_bytes()), "by hand");
    assert!(read(vec![credentials]).admin.token.matches(b"the service manager's copy"), "in the unit");
}

#[test]
fn faults_of_an_app() {
    let all = BASE.find("[apps.alma]").map(|at| &BASE[at..]).expect("it is there");
    check(all, "", &["apps"]);
    check(all, "[apps]", &["apps"]);
    check(all, &all.replace("alma", "Alma"), &["apps.Alma"]);
    check(all, &all.replace("apps.alma", "apps.\"a b\""), &["apps.\"a b\""]);
    check(all, &format!("{all}{}", all.replace("apps.alma", "apps.beta")), &["apps.beta.base_path"]);
    let beta = all.replace("apps.alma]", "apps.beta]\nbase_path = \"/beta\"").replace("apps.alma.", "apps.beta.");
    check(all, &format!("{all}{beta}"), &[]);
    check("com.example.alma", "com.example/alma", &["apps.alma.bundle_id"]);
    check("bundle_id = \"com.example.alma\"", "", &["apps.alma.bundle_id"]);
    check("1234567890", "0", &["apps.alma.apple_id"]);
    check("1234567890", "\"1234567890\"", &["apps.alma.apple_id"]);
    check("apple_id = 1234567890", "", &["apps.alma.apple_id"]);
    check("default_campaign = \"friends\"", "default_campaign = \"foes\"", &["apps.alma.default_campaign"]);
    check("default_campaign = \"friends\"", "", &["apps.alma.default_campaign"]);
    for (path, good) in [("", true), ("/x", true), ("/x/y", true), ("x", false), ("/x/", false), ("/", false)] {
        let expected = if good { &[][..] } else { &["apps.alma.base_path"] };
        add("[apps.alma]", &format!("base_path = \"{path}\""), expected);
    }
    for (zone, good) in [("UTC", true), ("Europe/Berlin", true), ("America/Port-au-Prince", true), ("CET+1", false)] {
        let expected = if good { &[][..] } else { &["apps.alma.time_zone"] };
        add("[apps.alma]", &format!("time_zone = \"{zone}\""), expected);
    }
    add("[apps.alma.app_store_connect]", "base_url = \"http://x\"", &["apps.alma.app_store_connect.base_url"]);
    add("[apps.alma.revenuecat]", "base_url = \"http://127.0.0.1:1/v/\"", &[]);
    check("entitlement = \"premium\"", "", &["apps.alma.revenuecat.entitlement"]);
    check("webhook_authorization_file = \"hush\"", "", &["apps.alma.revenuecat.webhook_authorization"]);
    let connect = "[apps.alma.app_store_connect]\nkey_id = \"2X9R4HXF34\"\nprivate_key = \"hush-hush-hush-hush\"";
    check(connect, "", &["apps.alma.app_store_connect"]);
    let until = |from: &str, to: &str| &BASE[BASE.find(from).expect(from)..BASE.find(to).expect(to)];
    check(until("[apps.alma.revenuecat]", "[[apps"), "", &["apps.alma.revenuecat"]);
    check(until("[apps.alma.auth]", "[apps.alma.app_"), "", &["apps.alma.auth.server_key"]);
}

const SERVER: &str = "[apps.alma.app_store_server]
issuer_id = \"57246542\"
key_id = \"7QT4W2N9LD\"
private_key_file = \"hush\"
";

#[test]
fn apple_can_be_asked_where_its_key_is_given() {
    let lines = "root_certificate_file = \"root.der\"\n[apps.alma.notifications]\nmax_age_days = 0";
    let config = loaded(&format!("{BASE}{SERVER}{lines}"), &[]).expect("a good file");
    let app = &config.apps[0];
    let expected = AppStoreServer {
        issuer_id: "57246542".to_owned(),
        key_id: "7QT4W2N9LD".to_owned(),
        private_key: Secret::new(HUSH),
        production_url: "https://api.storekit.apple.com".to_owned(),
        sandbox_url: "https://api.storekit-sandbox.apple.com".to_owned(),
        root_certificate: Some([&[0x30, 0x82, 0x01, 0x2c][..], &[0; 300]].concat()),
    };
    assert_eq!((app.app_store_server.as_ref(), app.notifications.max_age_days), (Some(&expected), 0));
    assert!(app.campaigns[0].policy.attribution.asks_apple);
    assert!(!format!("{config:?}").contains("hush-"));
}

#[test]
fn faults_of_apples_server() {
    let server = "apps.alma.app_store_server";
    for (from, to, fault) in [
        ("issuer_id = \"57246542\"\n", "", Some("issuer_id")),
        ("issuer_id = \"57246542\"", "issuer_id = \"\"", Some("issuer_id")),
        ("key_id = \"7QT4W2N9LD\"\n", "", Some("key_id")),
        ("key_id = \"7QT4W2N9LD\"", "key_id = 7", Some("key_id")),
        ("private_key_file = \"hush\"\n", "", Some("private_key")),
        ("\"hush\"", "\"gone\"", Some("private_key_file")),
        ("\"hush\"", "\"empty\"", Some("private_key_file")),
        ("\"hush\"", "\"hush\"\nprivate_key = \"hush-hush\"", Some("private_key")),
        ("private_key_file = \"hush\"", "private_key = \"hush-hush\"", None),
        ("key_id", "base_url = \"https://x\"\nkey_id", Some("base_url")),
    ] {
        assert!(SERVER.contains(from), "{from}");
        let expected: Vec<String> = fault.iter().map(|key| format!("{server}.{key}")).collect();
        assert_eq!(keys(loaded(&format!("{BASE}{}", SERVER.replacen(from, to, 1)), &[])), expected, "{from} -> {to}");
    }
    for (line, good) in [
        ("production_url = \"http://127.0.0.1:1/\"", true),
        ("production_url = \"http://storekit.example.com\"", false),
        ("production_url = \"\"", false),
        ("sandbox_url = \"http://localhost:1\"", true),
        ("sandbox_url = \"http://10.0.0.1\"", false),
        ("root_certificate_file = \"root.pem\"", true),
        ("root_certificate_file = \"root.der\"", true),
        ("root_certificate_file = \"small.der\"", true),
        ("root_certificate_file = \"cut.der\"", false),
        ("root_certificate_file = \"long.der\"", false),
        ("root_certificate_file = \"public.pem\"", false),
        ("root_certificate_file = \"hush\"", false),
        ("root_certificate_file = \"binary\"", false),
        ("root_certificate_file = \"empty\"", false),
        ("root_certificate_file = \"gone\"", false),
        ("root_certificate_file = \".\"", false),
        ("root_certificate_file = \"\"", false),
        ("root_certificate_file = \"-----BEGIN CERTIFICATE-----\"", false),
        ("root_certificate_file = \"credential:root.pem\"", false),
        ("root_certificate = \"AAAA\"", false),
    ] {
        let key = line.split(' ').next().unwrap_or_default();
        let expected = if good { vec![] } else { vec![format!("{server}.{key}")] };
        assert_eq!(keys(loaded(&format!("{BASE}{SERVER}{line}"), &[])), expected, "{line}");
    }
    let none = ["issuer_id", "key_id", "private_key"].map(|key| format!("{server}.{key}"));
    assert_eq!(keys(loaded(&format!("{BASE}[{server}]"), &[])), none);
    let lines = format!("{BASE}[{server}]\nprivate_key_file = \"gone\"\nproduction_url = \"x\"\nsandbox_url = 1\n");
    let all = ["issuer_id", "key_id", "private_key_file", "production_url", "sandbox_url", "root_certificate_file"];
    let outcome = keys(loaded(&format!("{lines}root_certificate_file = \"hush\""), &[]));
    assert_eq!(outcome, all.map(|key| format!("{server}.{key}")));
}

#[test]
fn ages_of_notifications() {
    for (age, expected) in [("0", Ok(0)), ("1", Ok(1)), ("3650", Ok(3650)), ("3651", Err(())), ("-1", Err(()))] {
        let outcome = loaded(&format!("{BASE}[apps.alma.notifications]\nmax_age_days = {age}"), &[]);
        let seen = outcome.as_ref().map(|config| config.apps[0].notifications.max_age_days).map_err(drop);
        assert_eq!(seen, expected, "{age}");
        if seen.is_err() {
            assert_eq!(keys(outcome), ["apps.alma.notifications.max_age_days"], "{age}");
        }
    }
}

#[test]
fn faults_of_user_tokens() {
    let jwt = "apps.alma.auth.jwt";
    for (algorithm, keys, fault) in [
        ("ES256", "public_key_file = \"public.pem\"", None),
        ("RS256", "jwks_url = \"https://alma.example.com/keys\"", None),
        ("EdDSA", "jwks_url = \"http://localhost:1/keys\"", None),
        ("HS256", "secret_file = \"hush\"", None),
        ("HS512", "secret_file = \"hush\"", Some("algorithm")),
        ("HS256", "secret_file = \"short\"", Some("secret_file")),
        ("HS256", "", Some("secret")),
        ("HS256", "public_key_file = \"public.pem\"", Some("secret")),
        ("HS256", "secret_file = \"hush\"\njwks_url = \"https://x\"", Some("secret")),
        ("ES256", "", Some("public_key")),
        ("ES256", "secret_file = \"hush\"", Some("public_key")),
        ("ES256", "public_key_file = \"public.pem\"\njwks_url = \"https://x\"", Some("public_key")),
        ("ES256", "public_key_file = \"hush\"", Some("public_key")),
        ("ES256", "jwks_url = \"http://alma.example.com\"", Some("jwks_url")),
    ] {
        let lines = format!("[{jwt}]\nalgorithm = \"{algorithm}\"\n{keys}\nissuer = \"i\"\naudience = \"a\"\n[admin]");
        let expected: Vec<String> = fault.iter().map(|key| format!("{jwt}.{key}")).collect();
        check("[admin]", &lines, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let none = ["algorithm", "issuer", "audience"].map(|key| format!("{jwt}.{key}"));
    check("[admin]", &format!("[{jwt}]\n[admin]"), &none.each_ref().map(String::as_str));
}

#[test]
fn faults_of_a_campaign() {
    let campaign = "[[apps.alma.campaigns]]";
    for (line, fault) in [
        ("pool.low_water = 0", None),
        ("pool.low_water = 1000001", Some("pool.low_water")),
        ("pool.low_water = -1", Some("pool.low_water")),
        ("pool.batch_size = 0", Some("pool.batch_size")),
        ("pool.batch_size = 1.5", Some("pool.batch_size")),
        ("pool.expires_in_days = 185", Some("pool.expires_in_days")),
        ("pool.expires_in_days = 14", Some("pool.reserve_days")),
        ("pool.reserve_days = 180", Some("pool.reserve_days")),
        ("pool.environment = \"production\"", Some("pool.environment")),
        ("pool.refill_schedule = \"15 * * * *\"", Some("pool.refill_schedule")),
        ("pool.high_water = 1", Some("pool.high_water")),
        ("attribution.accept = \"all\"", Some("attribution.accept")),
        ("attribution.claim_window_days = 0", Some("attribution.claim_window_days")),
        ("attribution.claim_window_days = 366", Some("attribution.claim_window_days")),
        ("reward.days = 0", None),
        ("reward.days = 3651", Some("reward.days")),
        ("reward.test_rewards = \"yes\"", Some("reward.test_rewards")),
        ("share_text = \"{code} {cod}\"", Some("share_text")),
        ("product_ids = \"alma_monthly\"", Some("product_ids")),
        ("product_ids = [\"\"]", Some("product_ids")),
        ("kind = \"friend\"", Some("kind")),
    ] {
        let outcome = keys(loaded(&BASE.replace(campaign, &format!("{campaign}\n{line}")), &[]));
        let expected = fault.map(|key| format!("apps.alma.campaigns[0].{key}"));
        assert_eq!(outcome, expected.into_iter().collect::<Vec<_>>(), "{line}");
    }
    check("id = \"friends\"\n", "", &["apps.alma.campaigns[0].id"]);
    check("id = \"friends\"", "id = \"Friends!\"", &["apps.alma.campaigns[0].id"]);
    check("offer = \"REF30\"", "", &["apps.alma.campaigns[0].offer"]);
    let id = "offer_code_id = \"0d8dca6e\"";
    check(id, SECOND, &["apps.alma.campaigns[1].product_ids"]);
    check(id, &format!("product_ids = [\"a\", \"b\"]{SECOND}"), &["apps.alma.campaigns[1].product_ids"]);
    check(id, &format!("product_ids = [\"b\"]{SECOND}"), &[]);
    check(id, &SECOND.replace("REF30", "ref30"), &[]);
    check(id, &SECOND.replace("others", "friends").replace("REF30", "OTHER"), &["apps.alma.campaigns[1].id"]);
}

#[test]
fn what_is_not_used_is_not_needed() {
    let app = BASE.find("[apps.alma.app_store_connect]").expect("it is there");
    let campaign = "[[apps.alma.campaigns]]\nid = \"friends\"\noffer = \"REF30\"\nreward.days = 0";
    let config = loaded(&format!("{}{campaign}", &BASE[..app]), &[]).expect("codes by import, and no reward");
    assert_eq!((&config.apps[0].app_store_connect, &config.apps[0].revenuecat), (&None, &None));
}

#[test]
fn five_faults_are_named_at_once() {
    let text = BASE
        .replace("127.0.0.1:8080", "nowhere")
        .replace("token_file = \"hush\"", "token_file = \"gone\"")
        .replace("1234567890", "-1")
        .replace("[apps.alma.revenuecat]", "[apps.alma.revenuecat]\nentitlment = \"premium\"")
        .replace("offer = \"REF30\"", "offer = \"REF30\"\npool.low_water = \"many\"");
    let mut found = keys(loaded(&text, &[]));
    found.sort();
    let five = [
        "admin.token_file",
        "apps.alma.apple_id",
        "apps.alma.campaigns[0].pool.low_water",
        "apps.alma.revenuecat.entitlment",
        "server.listen",
    ];
    assert_eq!(found, five);
}

#[test]
fn a_broken_file_is_one_problem() {
    for (text, place) in [("[server\n", "line 1, column 8"), ("token = \"hush-hush-hush-hush", "line 1, column")] {
        let problems = loaded(text, &[]).expect_err(text);
        assert!(problems.len() == 1 && problems[0].what.starts_with(place), "{problems:?}");
        assert!(!format!("{problems:?}").contains("hush-"), "{problems:?}");
    }
    assert_eq!(load(Path::new("no/such/file.toml"), []).map_err(|p| p.len()), Err(1));
}

#[test]
fn the_environment_overrides_the_file() {
    let set = |name: &str, value: &str| loaded(BASE, &[(name, value)]);
    let policy = |config: &Config| config.apps[0].campaigns[0].policy.clone();
    assert!(set("REFERD__SERVER__LISTEN", "127.0.0.1:1").is_ok_and(|c| c.server.listen.port() == 1));
    assert!(set("REFERD__Apps__alma__APPLE_ID", "7").is_ok_and(|c| c.apps[0].apple_id == 7));
    assert!(set("REFERD__APPS__ALMA__CAMPAIGNS__0__REWARD__DAYS", "7").is_ok_and(|c| policy(&c).reward.days == 7));
    assert!(
        set("REFERD__APPS__ALMA__CAMPAIGNS__0__REWARD__TEST_REWARDS", "true")
            .is_ok_and(|c| policy(&c).reward.test_rewards)
    );
    assert!(
        set("REFERD__APPS__ALMA__CAMPAIGNS__0__PRODUCT_IDS", "[\"a\", \"b\"]")
            .is_ok_and(|c| policy(&c).product_ids == ["a", "b"])
    );
    assert!(set("REFERD__APPS__ALMA__CAMPAIGNS__0__OFFER", "30").is_ok_and(|c| policy(&c).offer == "30"));
    assert!(set("REFERD__SERVER__TRUSTED_PROXIES", "[\"::1\"]").is_ok_and(|c| c.server.trusted_proxies.len() == 1));
    assert!(set("REFERD_CONFIG", "elsewhere").is_ok());
    for (name, value, expected) in [
        ("REFERD__APPS__ALMA__CAMPAIGNS__0__REWARD__DAYS", "many", "apps.alma.campaigns[0].reward.days"),
        ("REFERD__APPS__ALMA__CAMPAIGNS__0__REWARD__DAYS", "99999", "apps.alma.campaigns[0].reward.days"),
        ("REFERD__APPS__ALMA__CAMPAIGNS__5__ID", "x", "REFERD__APPS__ALMA__CAMPAIGNS__5__ID"),
        ("REFERD__SERVER__LISTEN__PORT", "80", "REFERD__SERVER__LISTEN__PORT"),
        ("REFERD__SERVER", "hush-hush", "server.public_url"),
        ("REFERD__SERVER__LISTN", "hush-hush", "server.listn"),
        ("REFERD__ADMIN__TOKEN", "hush-hush-hush-hush", "admin.token"),
        ("REFERD__ADMIN__TOKEN_FILE", "gone", "admin.token_file"),
        ("REFERD__BACKUP__KEEP", "0", "backup.keep"),
    ] {
        assert!(keys(set(name, value)).contains(&expected.to_owned()), "{name}={value}");
    }
}

/// Every key there is.
pub(super) const KEYS: &str = "data_dir log.level
server.listen server.public_url server.trusted_proxies server.tls.mode server.tls.domains server.tls.contact
server.tls.directory_url server.tls.directory_ca_file server.tls.cert_file server.tls.key_file
admin.listen admin.token admin.token_file backup.schedule backup.keep backup.recipient
apps.alma.bundle_id apps.alma.apple_id apps.alma.base_path apps.alma.default_campaign apps.alma.time_zone
apps.alma.auth.server_key apps.alma.auth.server_key_file
apps.alma.auth.jwt.algorithm apps.alma.auth.jwt.public_key apps.alma.auth.jwt.public_key_file
apps.alma.auth.jwt.jwks_url apps.alma.auth.jwt.secret apps.alma.auth.jwt.secret_file
apps.alma.auth.jwt.issuer apps.alma.auth.jwt.audience apps.alma.auth.jwt.user_claim
apps.alma.app_store_connect.issuer_id apps.alma.app_store_connect.key_id apps.alma.app_store_connect.base_url
apps.alma.app_store_connect.private_key apps.alma.app_store_connect.private_key_file
apps.alma.app_store_connect.vendor_number
apps.alma.app_store_server.issuer_id apps.alma.app_store_server.key_id apps.alma.app_store_server.private_key
apps.alma.app_store_server.private_key_file apps.alma.app_store_server.production_url
apps.alma.app_store_server.sandbox_url apps.alma.app_store_server.root_certificate_file
apps.alma.device_check.team_id apps.alma.device_check.key_id apps.alma.device_check.private_key
apps.alma.device_check.private_key_file apps.alma.device_check.base_url
apps.alma.revenuecat.webhook_authorization apps.alma.revenuecat.webhook_authorization_file
apps.alma.revenuecat.webhook_signing_secret apps.alma.revenuecat.webhook_signing_secret_file
apps.alma.revenuecat.api_key apps.alma.revenuecat.api_key_file apps.alma.revenuecat.base_url
apps.alma.revenuecat.entitlement
apps.alma.notifications.max_age_days apps.alma.notifications.forward_to
apps.alma.notifications.allow_private_forwards apps.alma.notifications.webhooks[0].url
apps.alma.notifications.webhooks[0].secret apps.alma.notifications.webhooks[0].secret_file
apps.alma.notifications.webhooks[0].events
apps.alma.notifications.webhooks[0].previous_secret
apps.alma.notifications.webhooks[0].previous_secret_file
apps.alma.refunds.answer apps.alma.refunds.preference apps.alma.refunds.api apps.alma.refunds.revenuecat_answers
apps.alma.refunds.products[0].product_id apps.alma.refunds.products[0].answer
apps.alma.refunds.products[0].preference apps.alma.refunds.products[0].sample_content
apps.alma.tremendous.api_key apps.alma.tremendous.api_key_file apps.alma.tremendous.base_url
apps.alma.tremendous.funding_source_id apps.alma.tremendous.campaign_id apps.alma.tremendous.webhook_key
apps.alma.tremendous.webhook_key_file
apps.alma.offers[0].id apps.alma.offers[0].product_id apps.alma.offers[0].eligible
apps.alma.offers[0].lapsed_days_min apps.alma.offers[0].per_user
apps.alma.campaigns[0].id apps.alma.campaigns[0].kind apps.alma.campaigns[0].offer
apps.alma.campaigns[0].offer_code_id apps.alma.campaigns[0].product_ids apps.alma.campaigns[0].share_text
apps.alma.campaigns[0].pool.environment apps.alma.campaigns[0].pool.low_water
apps.alma.campaigns[0].pool.batch_size apps.alma.campaigns[0].pool.expires_in_days
apps.alma.campaigns[0].pool.reserve_days apps.alma.campaigns[0].pool.refill_schedule
apps.alma.campaigns[0].attribution.accept apps.alma.campaigns[0].attribution.claim_window_days
apps.alma.campaigns[0].reward.days apps.alma.campaigns[0].reward.milestones[0].referrals
apps.alma.campaigns[0].reward.milestones[0].days apps.alma.campaigns[0].reward.hold_days
apps.alma.campaigns[0].reward.max_per_month apps.alma.campaigns[0].reward.max_total
apps.alma.campaigns[0].reward.test_rewards apps.alma.campaigns[0].reward.anchor
apps.alma.campaigns[0].reward.kind apps.alma.campaigns[0].reward.extend_reason_code
apps.alma.campaigns[0].fraud.too_fast_seconds apps.alma.campaigns[0].fraud.max_per_referrer_per_day
apps.alma.campaigns[0].fraud.max_claims_per_network_per_day apps.alma.campaigns[0].fraud.require_new_customer
apps.alma.campaigns[0].fraud.family_sharing apps.alma.campaigns[0].fraud.rings
apps.alma.campaigns[0].fraud.device_check apps.alma.campaigns[0].fraud.flags_expire_days
apps.alma.campaigns[0].fraud.flags_expire_to
apps.alma.campaigns[0].attribution.touch apps.alma.campaigns[0].attribution.own_offers_max
apps.alma.campaigns[0].payout.minimum apps.alma.campaigns[0].payout.hold_days
apps.alma.campaigns[0].payout.proceeds_basis_points
apps.alma.campaigns[0].winback.lapsed_days apps.alma.campaigns[0].winback.reasons
apps.alma.campaigns[0].winback.require_consent apps.alma.campaigns[0].winback.every_days
apps.alma.campaigns[0].winback.max_per_day apps.alma.campaigns[0].winback.test_users";

#[test]
fn every_key_is_known() {
    let unknown = |key: &str| {
        let name = format!("REFERD__{}", key.replace('[', ".").replace(']', "").replace('.', "__").to_uppercase());
        let problems = loaded(BASE, &[(&name, "x")]).err().unwrap_or_default();
        problems.iter().any(|p| p.key == key && p.what == "is not a known key")
    };
    for key in KEYS.split_whitespace() {
        assert!(!unknown(key), "{key}");
        assert!(unknown(&format!("{key}_")), "{key}_");
    }
}
