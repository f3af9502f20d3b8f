//! What `referd init` writes: a commented configuration and fresh secrets; and `referd token`.

use crate::entropy::Entropy;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// The files of the example that referd can make itself.
const FRESH: &[&str] = &["secrets/admin.token", "secrets/alma-server.key", "secrets/rc-authorization"];

/// The files of the example that only their owner can put there, and where they come from.
pub const STILL_NEEDED: &[(&str, &str)] = &[
    ("secrets/AuthKey_2X9R4HXF34.p8", "the App Store Connect API key (Users and Access, Integrations)"),
    ("secrets/rc-secret-key", "the RevenueCat v1 secret key (API keys)"),
];

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {why}", path.display())]
pub struct InitError {
    path: PathBuf,
    why: std::io::Error,
}

/// What `init` found and made, `config.toml` first.
#[derive(Default)]
pub struct Outcome {
    pub made: Vec<PathBuf>,
    pub kept: Vec<PathBuf>,
}

/// A fresh secret: 32 random bytes as base64url.
pub fn token(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A fresh signing secret, as Standard Webhooks writes it.
pub fn signing_secret(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    format!("whsec_{}", STANDARD.encode(bytes))
}

/// Writes what is missing of `config.toml` and its fresh secrets below `folder`.
pub fn init(folder: &Path, entropy: &dyn Entropy) -> Result<Outcome, InitError> {
    let failed = |path: &Path, why| InitError { path: path.to_owned(), why };
    let home = folder.join("secrets");
    DirBuilder::new().mode(0o700).recursive(true).create(&home).map_err(|why| failed(&home, why))?;
    let config = [("config.toml", 0o644, EXAMPLE.to_owned())];
    let secrets = FRESH.iter().map(|name| (*name, 0o600, format!("{}\n", token(entropy))));
    let mut outcome = Outcome::default();
    for (name, mode, text) in config.into_iter().chain(secrets) {
        let path = folder.join(name);
        match write(&path, mode, &text) {
            Ok(()) => outcome.made.push(path),
            Err(why) if why.kind() == ErrorKind::AlreadyExists => outcome.kept.push(path),
            Err(why) => return Err(failed(&path, why)),
        }
    }
    Ok(outcome)
}

fn write(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes())
}

/// What was written, and what is still to be done.
pub fn report(outcome: &Outcome) -> String {
    let lines = |word: &str, paths: &[PathBuf]| -> String {
        paths.iter().map(|path| format!("{word} {}\n", path.display())).collect()
    };
    let (made, kept) = (lines("wrote", &outcome.made), lines("kept", &outcome.kept));
    let needed: String = STILL_NEEDED.iter().map(|(path, what)| format!("  {path}: {what}\n")).collect();
    format!(
        "{made}{kept}\nStill needed, beside config.toml:\n{needed}\nThen edit config.toml and run `referd check`.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve::understand;
    use crate::config::tests::Folder;
    use crate::config::{App, Config, Problem, load};
    use crate::entropy::SeededEntropy;
    use std::os::unix::fs::PermissionsExt;
    use toml::{Table, Value};

    #[test]
    fn tokens_are_32_bytes_and_differ() {
        let entropy = SeededEntropy::new(1);
        let (a, b) = (token(&entropy), token(&entropy));
        assert_eq!(URL_SAFE_NO_PAD.decode(&a).map(|bytes| bytes.len()), Ok(32));
        assert_ne!(a, b);
        let secret = signing_secret(&entropy);
        let key = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        assert_eq!(key.map(|key| key.len()), Some(32), "{secret}");
    }

    #[test]
    fn what_init_writes_lacks_only_what_it_names() {
        let folder = Folder::new();
        let outcome = init(&folder.0, &SeededEntropy::new(2)).expect("an empty folder");
        let written = &outcome.made;
        let mode = |path: &Path| path.metadata().expect("it was written").permissions().mode() & 0o777;
        assert_eq!(mode(&folder.0.join("secrets")), 0o700);
        assert_eq!(written.len(), 1 + FRESH.len());
        for path in &written[1..] {
            assert_eq!(mode(path), 0o600, "{path:?}");
        }
        let problems = load(&written[0], []).expect_err("files are still needed");
        assert_eq!(problems.len(), STILL_NEEDED.len(), "{problems:?}");
        for (path, what) in STILL_NEEDED {
            assert!(problems.iter().any(|p| p.what.contains(path)), "{path}");
            assert!(report(&outcome).contains(&format!("{path}: {what}")), "{path}");
            folder.write(path, "-----BEGIN SOMETHING-----");
        }
        assert_eq!(load(&written[0], []).err(), None);
    }

    #[test]
    fn nothing_is_overwritten_and_the_rest_is_written() {
        for there in ["config.toml", "secrets/rc-authorization"] {
            let folder = Folder::new();
            folder.write(there, "mine");
            let outcome = init(&folder.0, &SeededEntropy::new(3)).expect("the folder can be written");
            assert_eq!(outcome.kept, [folder.0.join(there)]);
            assert!(report(&outcome).contains(&format!("kept {}", folder.0.join(there).display())));
            assert_eq!(folder.files().len(), 1 + FRESH.len(), "{there}");
            assert_eq!(std::fs::read_to_string(folder.0.join(there)).ok().as_deref(), Some("mine"));
        }
    }

    /// What the example shows and leaves to its reader: no defaults, and yet not needed.
    const OPTIONAL: &[&str] = &["contact", "issuer_id", "offer_code_id", "product_ids"];

    fn leaves(value: &Value, at: &[String], found: &mut Vec<Vec<String>>) {
        let inner: Vec<(String, &Value)> = match value {
            Value::Table(table) => table.iter().map(|(key, inner)| (key.clone(), inner)).collect(),
            Value::Array(list) if list.iter().all(Value::is_table) => {
                list.iter().enumerate().map(|(place, inner)| (place.to_string(), inner)).collect()
            }
            _ => return found.push(at.to_vec()),
        };
        inner.iter().for_each(|(key, inner)| leaves(inner, &[at, std::slice::from_ref(key)].concat(), found));
    }

    fn without(value: &mut Value, path: &[String]) {
        match (value, path) {
            (Value::Table(table), [last]) => drop(table.remove(last)),
            (Value::Table(table), [first, rest @ ..]) => without(table.get_mut(first).expect("a leaf"), rest),
            (Value::Array(list), [first, rest @ ..]) => {
                without(&mut list[first.parse::<usize>().expect("a place")], rest)
            }
            _ => panic!("{path:?} is no leaf"),
        }
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let folder = Folder::new();
        let made = FRESH.iter().chain(STILL_NEEDED.iter().map(|(path, _)| path));
        made.for_each(|path| folder.write(path, "-----BEGIN SOMETHING-----"));
        let read = |value: &Value| -> Result<Config, Vec<Problem>> {
            understand(value.as_table().cloned().expect("the whole"), &folder.0, Vec::new())
        };
        let whole = Value::Table(EXAMPLE.parse::<Table>().expect("the example is TOML"));
        let example = read(&whole).expect("the example is good");
        let (mut found, mut bare, mut defaulted) = (Vec::new(), whole.clone(), 0);
        leaves(&whole, &[], &mut found);
        for path in found.iter().filter(|path| !OPTIONAL.contains(&path.last().map_or("", String::as_str))) {
            let mut less = whole.clone();
            without(&mut less, path);
            if let Ok(config) = read(&less) {
                assert_eq!(config, example, "{path:?} shows another value than its default");
                without(&mut bare, path);
                defaulted += 1;
            }
        }
        assert!(defaulted >= 31, "{defaulted} keys have defaults");
        assert_eq!(read(&bare), Ok(example));
    }

    /// The app of another text in the example's place, with all its files there and `key` beside them.
    fn app(text: &str, key: &str) -> App {
        let folder = Folder::new();
        let made = FRESH.iter().chain(STILL_NEEDED.iter().map(|(path, _)| path)).chain([&key]);
        made.for_each(|path| folder.write(path, "-----BEGIN SOMETHING-----"));
        let mut config = understand(text.parse().expect("TOML"), &folder.0, Vec::new()).expect("it is good");
        config.apps.remove(0)
    }

    /// A part of the example as it is written, and its lines.
    fn commented_out(head: &str) -> (&'static str, Vec<&'static str>) {
        let block = EXAMPLE.find(head).and_then(|at| EXAMPLE[at..].split("\n\n").next()).expect("it is shown");
        (block, block.lines().filter_map(|line| line.strip_prefix("# ")).collect())
    }

    #[test]
    fn the_tables_that_the_example_comments_out_need_only_their_keys() {
        for (head, key, defaults, given) in [
            (
                "# [apps.alma.app_store_server]",
                "secrets/SubscriptionKey_7QT4W2N9LD.p8",
                "_url",
                (|app| app.app_store_server.is_some()) as fn(&App) -> bool,
            ),
            ("# [apps.alma.device_check]", "secrets/AuthKey_5RW8YH3KPC.p8", "_url", |app| app.device_check.is_some()),
            ("# [apps.alma.tremendous]", "secrets/tremendous", "funding_", |app| app.tremendous.is_some()),
        ] {
            let (block, lines) = commented_out(head);
            let shown = |kept: &dyn Fn(&str) -> bool| {
                let table = lines.iter().filter(|line| line.starts_with('[') || line.contains('=') && kept(line));
                app(&EXAMPLE.replace(block, &table.copied().collect::<Vec<_>>().join("\n")), key)
            };
            let whole = shown(&|_| true);
            assert!(given(&whole), "{head}");
            assert_eq!(shown(&|line| !line.contains(defaults)), whole, "{head} shows another value than the default");
        }
    }

    #[test]
    fn the_campaign_that_the_example_comments_out_shows_the_defaults() {
        let (block, lines) = commented_out("# [[apps.alma.campaigns]]");
        let shown = |kept: usize| app(&EXAMPLE.replace(block, &lines[..kept].join("\n")), "secrets/none").campaigns;
        let (bare, whole) = (shown(3), shown(lines.len()));
        assert_eq!(whole.len(), 2);
        assert!(whole[1].policy.payout.is_some());
        assert_eq!(bare, whole, "it shows another value than the default");
    }

    #[test]
    fn the_offer_that_the_example_comments_out_shows_the_defaults() {
        let (server, key) = ("# [apps.alma.app_store_server]", "secrets/SubscriptionKey_7QT4W2N9LD.p8");
        let (server, signs) = commented_out(server);
        let (block, lines) = commented_out("# [[apps.alma.offers]]");
        let shown = |kept: usize| {
            let text = EXAMPLE.replace(server, &signs[..4].join("\n")).replace(block, &lines[..kept].join("\n"));
            app(&text, key).offers
        };
        let (bare, whole) = (shown(4), shown(lines.len()));
        assert_eq!((whole.len(), lines.len()), (1, 6));
        assert_eq!(bare, whole, "it shows another value than the default");
    }

    #[test]
    fn the_forward_that_the_example_comments_out_is_good() {
        let forwards = |text: &str| app(text, "secrets/none").notifications.forward_to.len();
        assert_eq!((forwards(EXAMPLE), forwards(&EXAMPLE.replace("# forward_to", "forward_to"))), (0, 1));
    }

    #[test]
    fn the_vendor_number_that_the_example_comments_out_is_good() {
        let number = |text: &str| app(text, "secrets/none").app_store_connect.and_then(|given| given.vendor_number);
        assert_eq!(number(EXAMPLE), None);
        assert!(number(&EXAMPLE.replace("# vendor_number", "vendor_number")).is_some());
    }

    #[test]
    fn the_milestone_that_the_example_comments_out_is_good() {
        let milestones = |text: &str| app(text, "secrets/none").campaigns[0].policy.reward.milestones.len();
        assert_eq!((milestones(EXAMPLE), milestones(&EXAMPLE.replace("# milestones", "milestones"))), (0, 1));
    }
}
