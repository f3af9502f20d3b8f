//! Reading the tree: files, code without its comments and texts, words and paths with their lines.

use std::fs;
use std::path::PathBuf;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Files below a folder of the tree, by their path in it; what git ignores is left out.
pub fn files(folder: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root()).unwrap().to_str().expect("names here are UTF-8").to_owned();
            if matches!(name.as_str(), ".git" | "target" | "secrets" | "config.toml") || name.ends_with(".redb") {
                continue;
            }
            match path.is_dir() {
                true => open.push(path),
                false if is_wanted(&name) => found.push(name),
                false => {}
            }
        }
    }
    found.sort();
    found
}

pub fn sources() -> Vec<(String, String)> {
    files("src", |name| name.ends_with(".rs")).into_iter().map(|name| (name.clone(), code(&read(&name)))).collect()
}

pub fn room(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    inside.split(['/', '.']).next().unwrap_or(inside)
}

/// Rust without its comments and the content of its texts; line breaks stay where they are.
pub fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let is_name = out.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let skip = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            'r' if !is_name && raw_text(rest).is_some() => raw_text(rest).unwrap_or(rest.len()),
            '"' => text(rest, '"'),
            '\'' if rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'') => text(rest, '\''),
            _ => 0,
        };
        if skip == 0 {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            out.extend(rest[..skip].chars().filter(|c| *c == '\n'));
            out.push(' ');
            rest = &rest[skip..];
        }
    }
    out
}

/// How long the text or character is that begins here.
fn text(source: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    source.len()
}

fn raw_text(source: &str) -> Option<usize> {
    let hashes = source[1..].bytes().take_while(|b| *b == b'#').count();
    let inside = source[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inside.find(&end).map_or(source.len(), |at| 2 + hashes + at + end.len()))
}

/// Where a word stands by itself: its places, in bytes.
pub fn words(text: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let alone = |at: &usize| {
        let (before, after) = (&text[..*at], &text[at + word.len()..]);
        let longer_before = word.starts_with(part) && before.ends_with(part);
        let longer_after = word.ends_with(part) && after.starts_with(part);
        !longer_before && !longer_after
    };
    text.match_indices(word).map(|(at, _)| at).filter(alone).collect()
}

pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The first names of the paths that follow `prefix`, those in braces one by one, with their places.
pub fn heads<'t>(text: &'t str, prefix: &str) -> Vec<(usize, &'t str)> {
    let name = |text: &'t str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
    let mut found = Vec::new();
    for at in words(text, prefix) {
        let tail = &text[at + prefix.len()..];
        let Some(group) = tail.strip_prefix('{') else {
            found.push((at, name(tail)));
            continue;
        };
        let (mut depth, mut is_head) = (0, true);
        for (place, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_head = true,
                _ if is_head && !c.is_whitespace() => {
                    found.push((at, name(&group[place..])));
                    is_head = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn code_is_told_from_comments_and_texts() {
    let check = |source: &str, left: &str| assert_eq!(code(source).trim_end(), left, "{source:?}");
    check("a // redb", "a");
    check("a \"redb // \\\" redb\" b", "a   b");
    check("r#\"redb \" redb\"# b", "  b");
    check("'\"' b '\\'' c", "  b   c");
    check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    check("/* redb\n */ b", "\n  b");
    check("for r in r", "for r in r");
}

#[test]
fn paths_are_read_with_their_braces() {
    let check = |source: &str, found: &[&str]| {
        assert_eq!(heads(source, "crate::").into_iter().map(|(_, name)| name).collect::<Vec<_>>(), found, "{source:?}");
    };
    check("use crate::domain::at;", &["domain"]);
    check("use crate::{domain::{at, id}, wire};", &["domain", "wire"]);
    check("use mycrate::domain;", &[]);
    check("pub(crate) fn f() {}", &[]);
}
