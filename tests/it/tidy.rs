//! The rules of the house, read off the tree. A broken rule names its file and line; an exception stands in `ALLOWED`
//! with its reason, and one that nothing needs any more is a broken rule too.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tree::{code, files, heads, line_of, read, room, root, sources, words};

struct Room {
    name: &'static str,
    /// Rooms whose names its `use crate::` lines may begin with, beside its own.
    may_use: &'static [&'static str],
}

const ALL: &[&str] = &["domain", "clock", "entropy", "wire", "config", "ledger", "outside", "http", "motor", "fake"];

const ROOMS: &[Room] = &[
    Room { name: "domain", may_use: &[] },
    Room { name: "clock", may_use: &["domain"] },
    Room { name: "entropy", may_use: &[] },
    Room { name: "wire", may_use: &["domain"] },
    Room { name: "config", may_use: &["domain", "entropy"] },
    Room { name: "ledger", may_use: &["domain", "clock", "entropy"] },
    Room { name: "outside", may_use: &["domain", "wire", "clock"] },
    Room { name: "http", may_use: &["domain", "wire", "config", "ledger", "clock", "entropy"] },
    // It compares Apple's lists, which are words of `wire`, with batches of ours.
    Room { name: "motor", may_use: &["domain", "wire", "ledger", "outside", "clock"] },
    Room { name: "fake", may_use: &["domain", "wire", "clock", "entropy"] },
    Room { name: "cli", may_use: ALL },
    Room { name: "lib", may_use: &[] },
    Room { name: "main", may_use: &[] },
];

/// Words, and the only rooms that name them.
const WORDS: &[(&[&str], &[&str])] = &[
    (&["redb", "ciborium"], &["ledger"]),
    (&["rustix"], &["ledger", "clock"]),
    (&["listenfd"], &["cli"]),
    (&["reqwest"], &["outside"]),
    (&["toml", "strsim"], &["config"]),
    (&["clap", "clap_complete", "clap_mangen", "anyhow"], &["cli", "main"]),
    (&["tokio_cron_scheduler"], &["motor"]),
    (&["axum", "hyper", "hyper_util", "http_body_util", "rustls", "tokio_rustls", "tower"], &["http", "fake", "cli"]),
    (&["askama"], &["http"]),
    (&["serde_json"], &["wire", "http", "fake", "cli"]),
    (&["p256", "jsonwebtoken"], &["wire", "fake"]),
    (&["getrandom"], &["entropy"]),
    (&["flate2"], &["wire", "fake"]),
];

/// What a decision cannot see: storage, network, time, chance, the machine.
const NOT_IN_DOMAIN: &[&str] = &[
    "redb",
    "ciborium",
    "hyper",
    "axum",
    "tokio",
    "reqwest",
    "serde_json",
    "SystemTime",
    "Instant",
    "rand",
    "getrandom",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
];

const LINES: usize = 600;
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
const UNFINISHED_CODE: &[&str] = &["todo", "unimplemented", "dbg"];
const PRINTS: &[&str] = &["println", "eprintln", "print", "eprint"];
const PLACES: &[&str] = &["/home/", "/Users/", concat!("/ro", "ot/"), "/tmp/", concat!("/wo", "rk/"), "C:\\"];

/// Rule, file, what stands there, why it may.
const ALLOWED: &[(&str, &str, &str, &str)] = &[
    ("places", "tests/it/tidy.rs", "/home/", "names the places to find them"),
    ("places", "tests/it/tidy.rs", "/Users/", "names the places to find them"),
    ("places", "tests/it/tidy.rs", "/tmp/", "names the places to find them"),
    ("places", "tests/it/tidy.rs", "C:\\", "names the places to find them"),
    ("order of the domain", "src/domain/sample.rs", "sample", "builds what the tests of all files need"),
];

/// What breaks one rule.
struct Breaches {
    rule: &'static str,
    text: String,
    used: BTreeSet<(&'static str, &'static str)>,
}

impl Breaches {
    fn of(rule: &'static str) -> Breaches {
        Breaches { rule, text: String::new(), used: BTreeSet::new() }
    }
    fn add(&mut self, file: &str, line: usize, found: &str, rule: &str) {
        let entry = ALLOWED.iter().find(|(name, at, what, _)| *name == self.rule && *at == file && *what == found);
        match entry {
            Some((_, at, what, _)) => drop(self.used.insert((at, what))),
            None => writeln!(self.text, "{file}:{line}: `{found}`: {rule}").unwrap(),
        }
    }
    fn end(mut self) {
        for (_, file, what, _) in ALLOWED.iter().filter(|(rule, ..)| *rule == self.rule) {
            if !self.used.contains(&(*file, *what)) {
                writeln!(self.text, "{file}: `{what}` is allowed and does not stand there: remove the allowance")
                    .unwrap();
            }
        }
        assert!(self.text.is_empty(), "the rule \"{}\" is broken:\n{}", self.rule, self.text);
    }
}

#[test]
fn every_room_is_known_and_uses_only_rooms_below_it() {
    let mut breaches = Breaches::of("rooms");
    for (file, code) in sources() {
        let Some(own) = ROOMS.iter().find(|known| known.name == room(&file)) else {
            breaches.add(&file, 1, room(&file), "this room is not in ROOMS; say what it may use");
            continue;
        };
        let may = |head: &str| head == own.name || own.may_use.contains(&head);
        let is_room = |head: &str| ROOMS.iter().any(|known| known.name == head);
        for (at, head) in heads(&code, "crate::").into_iter().filter(|(_, head)| is_room(head) && !may(head)) {
            breaches.add(&file, line_of(&code, at), head, &format!("the room {} does not use that room", own.name));
        }
    }
    breaches.end();
}

#[test]
fn no_test_sleeps() {
    let mut breaches = Breaches::of("sleeping");
    for file in files("tests", |name| name.ends_with(".rs")) {
        let code = code(&read(&file));
        for word in ["sleep", "sleep_until"] {
            for at in words(&code, word) {
                breaches.add(&file, line_of(&code, at), word, "time is an argument");
            }
        }
    }
    breaches.end();
}

#[test]
fn words_of_others_stay_in_their_rooms() {
    let mut breaches = Breaches::of("words");
    for (file, code) in sources() {
        for (words_of, rooms) in WORDS.iter().filter(|(_, rooms)| !rooms.contains(&room(&file))) {
            for word in words_of.iter() {
                for at in words(&code, word) {
                    let rule = format!("only {} may name it", rooms.join(", "));
                    breaches.add(&file, line_of(&code, at), word, &rule);
                }
            }
        }
        for word in NOT_IN_DOMAIN.iter().filter(|_| room(&file) == "domain") {
            for at in words(&code, word) {
                breaches.add(&file, line_of(&code, at), word, "the domain is pure");
            }
        }
    }
    breaches.end();
}

#[test]
fn a_file_of_the_domain_uses_only_what_stands_above_it() {
    let mut breaches = Breaches::of("order of the domain");
    let order: Vec<String> = code(&read("src/domain/mod.rs"))
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let place = |name: &str| order.iter().position(|known| known == name);
    for (file, code) in sources().into_iter().filter(|(file, _)| file.starts_with("src/domain/")) {
        let inside = &file["src/domain/".len()..];
        let own = inside.split(['/', '.']).next().unwrap_or(inside);
        if own == "mod" {
            continue;
        }
        let Some(here) = place(own) else {
            breaches.add(&file, 1, own, "it is no module of src/domain/mod.rs");
            continue;
        };
        let mut used = heads(&code, "crate::domain::");
        // In a folder `super` is the file beside the folder, and `super::super` the domain.
        let up = if inside.contains('/') { "super::super::" } else { "super::" };
        used.extend(heads(&code, up));
        for (at, name) in used {
            if place(name).is_some_and(|there| there > here) {
                breaches.add(&file, line_of(&code, at), name, "it stands below this file in src/domain/mod.rs");
            }
        }
    }
    breaches.end();
}

#[test]
fn one_function_begins_every_write() {
    let mut breaches = Breaches::of("write transactions");
    for (file, code) in sources() {
        let found = words(&code, "begin_write");
        let spare = if file == "src/ledger/writer.rs" { 1 } else { 0 };
        for at in found.into_iter().skip(spare) {
            breaches.add(&file, line_of(&code, at), "begin_write", "every write begins in ledger::writer::begin");
        }
    }
    if !code(&read("src/ledger/writer.rs")).contains("set_quick_repair(true)") {
        breaches.add("src/ledger/writer.rs", 1, "begin", "it sets quick repair");
    }
    breaches.end();
}

#[test]
fn files_are_short_and_only_the_commands_print() {
    let mut breaches = Breaches::of("size and prints");
    for (file, code) in sources() {
        let lines = code.lines().count();
        if lines > LINES {
            breaches.add(&file, lines, "size", &format!("a file has at most {LINES} lines: part it by its nouns"));
        }
        for word in PRINTS.iter().filter(|_| !matches!(room(&file), "cli" | "main")) {
            for at in words(&code, &format!("{word}!")) {
                breaches.add(&file, line_of(&code, at), word, "only the commands print; elsewhere there is tracing");
            }
        }
    }
    breaches.end();
}

fn is_text(name: &str) -> bool {
    let code = [".rs", ".toml", ".sh", "/run", "/postinst"];
    let units = [".service", ".socket", ".conf", ".sysusers"];
    [".md", ".html", ".txt"].iter().chain(&code).chain(&units).any(|end| name.ends_with(end))
}

#[test]
fn nothing_is_left_unfinished() {
    let mut breaches = Breaches::of("unfinished");
    for file in files("", is_text) {
        let text = read(&file);
        for word in UNFINISHED {
            for at in words(&text, word) {
                breaches.add(&file, line_of(&text, at), word, "finish it, or leave it out");
            }
        }
    }
    for (file, code) in sources() {
        for word in UNFINISHED_CODE {
            for at in words(&code, &format!("{word}!")) {
                breaches.add(&file, line_of(&code, at), word, "finish it, or leave it out");
            }
        }
    }
    breaches.end();
}

#[test]
fn no_file_names_a_place_of_somebodys_machine() {
    let mut breaches = Breaches::of("places");
    for file in files("", is_text) {
        let text = read(&file);
        for place in PLACES {
            for (at, _) in text.match_indices(place) {
                breaches.add(&file, line_of(&text, at), place, "it is there on one machine only");
            }
        }
    }
    breaches.end();
}

#[test]
fn the_map_names_every_room_and_no_file_that_is_not_there() {
    let mut breaches = Breaches::of("map");
    let map = read("ARCHITECTURE.md");
    let rooms: BTreeSet<String> = files("src", |_| true).iter().map(|file| room(file).to_owned()).collect();
    for name in rooms {
        let named = [format!("`{name}`"), format!("`{name}.rs`"), format!("`src/{name}")];
        if !named.iter().any(|form| map.contains(form.as_str())) {
            breaches.add("ARCHITECTURE.md", 1, &name, "every room of src is on the map");
        }
    }
    let parts = map.split(|c: char| c.is_whitespace() || "`()[],;:".contains(c));
    for path in parts.filter(|part| part.ends_with(".rs")) {
        if ![root().join(path), root().join("src").join(path)].iter().any(|path| path.exists()) {
            let at = map.find(path).unwrap_or(0);
            breaches.add("ARCHITECTURE.md", line_of(&map, at), path, "there is no such file, here or under src");
        }
    }
    breaches.end();
}

#[test]
fn links_between_pages_hold() {
    let mut breaches = Breaches::of("links");
    for file in files("", |name| name.ends_with(".md")) {
        let text = read(&file);
        let folder = Path::new(&file).parent().unwrap_or(Path::new("")).to_owned();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', ' ', '\n']).next().unwrap_or("");
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() { PathBuf::from(&file) } else { folder.join(path) };
            if !root().join(&path).exists() {
                breaches.add(&file, line_of(&text, at), target, "there is no such file");
            } else if !heading.is_empty() && !headings(&read(path.to_str().unwrap())).contains(heading) {
                breaches.add(&file, line_of(&text, at), target, "that page has no such heading");
            }
        }
    }
    breaches.end();
}

/// The names by which a page's headings are linked to.
fn headings(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| line.starts_with('#'));
    let titles = lines.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    titles.map(|title| title.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()).collect()
}

/// The first cells of a page's tables that are code, with their lines: `| `key` | …`.
fn documented(page: &str) -> BTreeMap<String, usize> {
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    page.lines().enumerate().filter_map(|(at, line)| Some((cell(line)?, at + 1))).collect()
}

/// What stands under each table of the example, and the keys that are written there, commented out or not.
fn example() -> (BTreeMap<String, String>, BTreeMap<String, usize>) {
    let (mut bodies, mut keys) = (BTreeMap::<String, String>::new(), BTreeMap::new());
    let mut section = String::new();
    for (at, line) in read("config.example.toml").lines().enumerate() {
        let plain = line.trim_start_matches('#').trim();
        if plain.starts_with('[')
            && let Some(name) = plain.split(']').next().map(|name| name.trim_start_matches('['))
            && name.bytes().all(|b| b.is_ascii_lowercase() || b"._".contains(&b))
        {
            section = name.replace("apps.alma", "apps.NAME") + ".";
        }
        let key = plain.split_once('=').map_or("", |(key, _)| key.trim());
        if !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            keys.insert(format!("{section}{key}"), at + 1);
        }
        *bodies.entry(section.clone()).or_default() += &format!("{line}\n");
    }
    (bodies, keys)
}

#[test]
fn the_example_and_its_page_have_the_same_keys() {
    let mut breaches = Breaches::of("configuration");
    let page = read("docs/configuration.md");
    let documented_keys = documented(&page);
    let (bodies, keys) = example();
    for (key, line) in &keys {
        if !documented_keys.contains_key(key) {
            breaches.add("config.example.toml", *line, key, "docs/configuration.md has no row for it");
        }
    }
    for (key, line) in documented_keys.iter() {
        let (section, name) = key.rsplit_once('.').map_or(("", key.as_str()), |(section, name)| (section, name));
        let section = if section.is_empty() { String::new() } else { format!("{section}.") };
        if bodies.get(&section).is_none_or(|body| words(body, name).is_empty()) {
            breaches.add("docs/configuration.md", *line, key, "config.example.toml does not mention it there");
        }
    }
    breaches.end();
}

#[test]
fn a_route_is_served_where_it_is_described() {
    let mut breaches = Breaches::of("routes");
    for (file, code) in sources().into_iter().filter(|(file, _)| room(file) == "http" && !file.ends_with("tests.rs")) {
        let code = code.split("#[cfg(test)]").next().unwrap_or(&code);
        let spare = if file == "src/http/route.rs" { 1 } else { 0 };
        for (at, _) in code.match_indices(".route(").skip(spare) {
            breaches.add(
                &file,
                line_of(code, at),
                ".route",
                "make a Route of it (http/route.rs): it has to be described",
            );
        }
    }
    breaches.end();
}

#[test]
fn every_route_is_on_its_page() {
    let mut breaches = Breaches::of("routes on their page");
    let page = read("docs/api.md");
    for route in referd::http::routes::described() {
        let path = route.path.strip_prefix("/admin/{app}/").unwrap_or(&route.path);
        let call = format!("{} {path}", route.method);
        if !page.match_indices(&call).any(|(at, _)| page[at + call.len()..].starts_with(['`', '?', ' ', ',', '\n'])) {
            breaches.add("docs/api.md", 1, &call, "it is not there");
        }
    }
    breaches.end();
}

/// `/admin/{app}/…` may leave the app out, so what may stand there instead is no name for one.
#[test]
fn no_app_is_called_like_an_admin_route() {
    const FILE: &str = "src/config/app.rs";
    let mut breaches = Breaches::of("words of the admin routes");
    let text = read(FILE);
    let list = text.split("const ROUTES").nth(1).and_then(|rest| rest.split("];").next()).expect("the list is there");
    for route in referd::http::routes::described() {
        let Some(path) = route.path.strip_prefix("/admin/{app}/") else { continue };
        let word = path.split('/').next().unwrap_or(path);
        // A name has no dot.
        if !word.contains('.') && !list.contains(&format!("\"{word}\"")) {
            breaches.add(FILE, line_of(&text, text.find("const ROUTES").unwrap_or(0)), word, "ROUTES lacks it");
        }
    }
    breaches.end();
}

#[test]
fn every_problem_is_on_its_page() {
    let mut breaches = Breaches::of("problems");
    let page = read("docs/api.md");
    for (name, status, _) in referd::http::problem::TABLE {
        if !page.contains(&format!("| `{name}` | {} |", status.as_u16())) {
            breaches.add("docs/api.md", 1, name, &format!("its table of problems has no row with {}", status.as_u16()));
        }
    }
    breaches.end();
}

#[test]
fn every_metric_is_on_its_page_and_the_reverse() {
    const SOURCE: &str = "src/http/metrics.rs";
    const PAGE: &str = "docs/operations.md";
    if !root().join(SOURCE).exists() {
        return;
    }
    let mut breaches = Breaches::of("metrics");
    let (source, page) = (read(SOURCE), read(PAGE));
    for (file, text, other, rule) in
        [(SOURCE, &source, &page, "docs/operations.md does not name it"), (PAGE, &page, &source, "no such metric")]
    {
        for at in starts(text) {
            let part = |c: char| !c.is_ascii_lowercase() && c != '_';
            let name = text[at..].split(part).next().unwrap_or("");
            if words(other, name).is_empty() {
                breaches.add(file, line_of(text, at), name, rule);
            }
        }
    }
    breaches.end();
}

/// Where names that begin with the metrics' prefix begin.
fn starts(text: &str) -> Vec<usize> {
    let before = |at: &usize| !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices("referd_").map(|(at, _)| at).filter(before).collect()
}
