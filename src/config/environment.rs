//! Keys set from the environment: `REFERD__SERVER__LISTEN=…`, two underscores between levels,
//! a number for the place in a list.

use super::Problem;
use super::section::{child, entry};
use std::collections::BTreeSet;
use std::ffi::OsString;
use toml::{Table, Value};

const PREFIX: &str = "REFERD__";

/// Keys that hold tables by number; any other missing level is a table by name.
const LISTS: &[&str] = &["campaigns", "offers", "products", "webhooks", "milestones"];

/// Writes the overrides into `table` as text; the reader gives them their type.
/// Returns the keys that were set, and what could not be.
pub(super) fn apply(table: &mut Table, env: &[(OsString, OsString)]) -> (BTreeSet<String>, Vec<Problem>) {
    let mut root = Value::Table(std::mem::take(table));
    let (mut set, mut problems) = (BTreeSet::new(), Vec::new());
    for (name, levels, value) in overrides(env) {
        let mut path = String::new();
        let done = match value {
            Some(text) => put(&mut root, &mut path, &levels, text),
            None => Err("is not UTF-8 text".to_owned()),
        };
        match done {
            Ok(()) => drop(set.insert(path)),
            Err(what) => problems.push(Problem {
                key: name.to_owned(),
                what,
                remedy: "write REFERD__ and the key's levels with two underscores between them".to_owned(),
            }),
        }
    }
    if let Value::Table(whole) = root {
        *table = whole;
    }
    (set, problems)
}

/// Name, levels and text of each override; the entries of a list in the order of their numbers.
fn overrides(env: &[(OsString, OsString)]) -> Vec<(&str, Vec<String>, Option<&str>)> {
    let mut found: Vec<_> = env
        .iter()
        .filter_map(|(name, value)| {
            let name = name.to_str()?;
            let levels = name.strip_prefix(PREFIX)?.split("__").map(str::to_ascii_lowercase).collect();
            Some((name, levels, value.to_str()))
        })
        .collect();
    found.sort_by_cached_key(|(name, levels, _): &(&str, Vec<String>, _)| {
        (levels.iter().map(|l| (l.len(), l.clone())).collect::<Vec<_>>(), name.to_owned())
    });
    found
}

fn put(at: &mut Value, path: &mut String, levels: &[String], text: &str) -> Result<(), String> {
    let Some((level, rest)) = levels.split_first() else {
        *at = Value::String(text.to_owned());
        return Ok(());
    };
    if level.is_empty() {
        return Err("has an empty level".to_owned());
    }
    let fresh = || match LISTS.contains(&level.as_str()) {
        true => Value::Array(Vec::new()),
        false => Value::Table(Table::new()),
    };
    let next = match at {
        Value::Table(table) => {
            *path = child(path, level);
            table.entry(level.clone()).or_insert_with(fresh)
        }
        Value::Array(list) => {
            let place: usize = level.parse().map_err(|_| format!("needs a number after {path}"))?;
            if place == list.len() {
                list.push(Value::Table(Table::new()));
            }
            let count = list.len();
            *path = entry(path, place);
            list.get_mut(place).ok_or_else(|| format!("means {path}, but there are only {count}"))?
        }
        _ => return Err(format!("goes below {path}, which is a plain value")),
    };
    put(next, path, rest, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, env: &[(&str, &str)], expected: &str, faults: &[&str]) {
        let mut table: Table = toml.parse().expect("a test's TOML");
        let env: Vec<_> = env.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))).collect();
        let (_, problems) = apply(&mut table, &env);
        assert_eq!(table, expected.parse::<Table>().expect("a test's TOML"), "{env:?}");
        assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), faults, "{env:?}");
    }

    #[test]
    fn overrides_land_where_they_point() {
        check("", &[("REFERD_CONFIG", "x"), ("PATH", "y"), ("referd__a", "z")], "", &[]);
        check("", &[("REFERD__SERVER__LISTEN", "x")], "server.listen = 'x'", &[]);
        check("server.listen = 'a'", &[("REFERD__Server__listen", "b")], "server.listen = 'b'", &[]);
        check("[[campaigns]]\nid = 'a'", &[("REFERD__CAMPAIGNS__0__ID", "b")], "[[campaigns]]\nid = 'b'", &[]);
        check("[apps.0]\nid = 'a'", &[("REFERD__APPS__0__ID", "b")], "[apps.0]\nid = 'b'", &[]);
        check("ids = ['a']", &[("REFERD__IDS__0", "b")], "ids = ['b']", &[]);
        let two = [("REFERD__CAMPAIGNS__1__ID", "b"), ("REFERD__CAMPAIGNS__0__ID", "a")];
        check("", &two, "campaigns = [{ id = 'a' }, { id = 'b' }]", &[]);
        check("ids = []", &[("REFERD__IDS__3", "b")], "ids = []", &["REFERD__IDS__3"]);
        check("ids = []", &[("REFERD__IDS__X", "b")], "ids = []", &["REFERD__IDS__X"]);
        check("a = 1", &[("REFERD__A__B", "b")], "a = 1", &["REFERD__A__B"]);
        check("a = 1", &[("REFERD__", "b"), ("REFERD____A", "b")], "a = 1", &["REFERD__", "REFERD____A"]);
    }
}
