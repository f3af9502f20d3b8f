//! One table of the file, read key by key. A faulty value is noted and something harmless returned
//! in its place: once a problem is noted, nothing that was read is used.

use super::{Fault, Problem};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use toml::{Table, Value};

/// What all sections of one file share.
pub(super) struct Context {
    /// Where relative paths start.
    pub folder: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`.
    pub credentials: Option<PathBuf>,
    /// Keys set from the environment: text there may stand for another type.
    pub overridden: BTreeSet<String>,
    pub problems: RefCell<Vec<Problem>>,
    pub secret_files: RefCell<Vec<PathBuf>>,
}

pub(super) struct Section<'c> {
    pub context: &'c Context,
    path: String,
    left: Table,
    known: Vec<String>,
}

impl<'c> Section<'c> {
    pub fn root(context: &'c Context, table: Table) -> Section<'c> {
        Section { context, path: String::new(), left: table, known: Vec::new() }
    }

    pub fn key(&self, key: &str) -> String {
        child(&self.path, key)
    }

    pub fn wrong(&self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        note(self.context, self.key(key), what, remedy);
    }

    pub fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    /// Notes keys that are for campaigns of one kind, where this one is of another.
    pub fn only_for(&self, keys: &[&str], kind: &str) {
        for key in keys.iter().filter(|key| self.has(key)) {
            let what = format!("is for campaigns of kind {kind:?}");
            self.wrong(key, what, format!("remove it, or write kind = {kind:?}"));
        }
    }

    /// Notes a missing key; to be called before the key is read.
    pub fn need(&self, key: &str, remedy: &str) {
        if !self.has(key) {
            self.wrong(key, "is missing", remedy);
        }
    }

    fn take<T>(&mut self, key: &str, want: &str, cast: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.known.push(key.to_owned());
        let mut value = self.left.remove(key)?;
        let mut read = cast(&value);
        if let (None, Value::String(text)) = (&read, &value)
            && self.context.overridden.contains(&self.key(key))
            && let Ok(typed) = text.parse::<Value>()
        {
            read = cast(&typed);
            value = typed;
        }
        if read.is_none() {
            self.wrong(key, format!("must be {want}"), format!("it is written as {}", in_words(&value)));
        }
        read
    }

    /// Text that may be empty.
    pub fn any_text(&mut self, key: &str) -> Option<String> {
        self.take(key, "text in quotes", |v| v.as_str().map(str::to_owned))
    }

    pub fn text(&mut self, key: &str) -> Option<String> {
        let text = self.any_text(key)?;
        if text.trim().is_empty() {
            self.wrong(key, "is empty", "give it a value, or remove the key");
            return None;
        }
        Some(text)
    }

    pub fn needed_text(&mut self, key: &str, remedy: &str) -> String {
        self.need(key, remedy);
        self.text(key).unwrap_or_default()
    }

    /// Text that means something else; None when it is absent or faulty.
    pub fn parsed<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|(what, remedy)| self.wrong(key, what, remedy)).ok()
    }

    /// The same with a default for an absent key; None only when it is faulty.
    pub fn parsed_or<T>(&mut self, key: &str, default: &str, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<T> {
        if !self.has(key) {
            self.left.insert(key.to_owned(), Value::String(default.to_owned()));
        }
        self.parsed(key, parse)
    }

    pub fn listed(&mut self, key: &str) -> Option<Vec<String>> {
        let texts = self.take(key, "a list of texts", |v| {
            v.as_array()?.iter().map(|t| t.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        })?;
        if texts.iter().any(|t| t.trim().is_empty()) {
            self.wrong(key, "has an empty entry", "remove it");
        }
        Some(texts)
    }

    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.listed(key).unwrap_or_default()
    }

    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        self.take(key, "true or false", Value::as_bool).unwrap_or(default)
    }

    pub fn number(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let number = self.take(key, "a whole number", Value::as_integer)?;
        if !range.contains(&number) {
            let (from, to) = range.into_inner();
            let bounds = match to {
                i64::MAX => format!("{from} or more"),
                _ => format!("from {from} to {to}"),
            };
            self.wrong(key, format!("must be {bounds}"), format!("it is {number}"));
            return None;
        }
        Some(number)
    }

    pub fn count(&mut self, key: &str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let wide = i64::from(*range.start())..=i64::from(*range.end());
        self.number(key, wide).and_then(|n| u32::try_from(n).ok()).unwrap_or(default)
    }

    pub fn choice<T: Copy>(&mut self, key: &str, options: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = options.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<_> = options.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            self.wrong(key, "is none of the known values", format!("write one of {}", names.join(", ")));
        }
        found
    }

    /// One or more of the options, each once; None when the key is absent or faulty.
    pub fn choices<T: Copy>(&mut self, key: &str, options: &[(&str, T)]) -> Option<Vec<T>> {
        let texts = self.listed(key)?;
        let names: Vec<_> = options.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let remedy = format!("write one or more of {}", names.join(", "));
        let found = |text: &String| options.iter().find(|(name, _)| name == text).map(|(_, choice)| *choice);
        let chosen: Option<Vec<T>> = texts.iter().map(found).collect();
        let again = texts.iter().enumerate().any(|(place, text)| texts[..place].contains(text));
        if texts.iter().any(|text| !text.trim().is_empty() && found(text).is_none()) {
            self.wrong(key, "has an entry that is none of the known values", remedy);
        } else if texts.is_empty() {
            self.wrong(key, "is empty", remedy);
        } else if again {
            self.wrong(key, "has an entry twice", "write each once");
        }
        chosen.filter(|chosen| !chosen.is_empty() && !again)
    }

    fn inner(&self, path: String, table: Table) -> Section<'c> {
        Section { context: self.context, path, left: table, known: Vec::new() }
    }

    pub fn table(&mut self, key: &str) -> Option<Section<'c>> {
        let table = self.take(key, "a table", |v| v.as_table().cloned())?;
        Some(self.inner(self.key(key), table))
    }

    /// A table all of whose keys may have defaults: an absent one is an empty one.
    pub fn table_or_empty(&mut self, key: &str) -> Section<'c> {
        self.table(key).unwrap_or_else(|| self.inner(self.key(key), Table::new()))
    }

    /// `[key.NAME]` tables.
    pub fn named(&mut self, key: &str) -> Vec<(String, Section<'c>)> {
        let Some(mut names) = self.table(key) else { return Vec::new() };
        let mut sections = Vec::new();
        for name in names.left.keys().cloned().collect::<Vec<_>>() {
            if let Some(table) = names.take(&name, "a table", |v| v.as_table().cloned()) {
                sections.push((name.clone(), names.inner(names.key(&name), table)));
            }
        }
        sections
    }

    /// `[[key]]` tables.
    pub fn list(&mut self, key: &str) -> Vec<Section<'c>> {
        let tables = self.take(key, "a list of tables", |v| {
            v.as_array()?.iter().map(|t| t.as_table().cloned()).collect::<Option<Vec<_>>>()
        });
        let path = self.key(key);
        let tables = tables.unwrap_or_default().into_iter().enumerate();
        tables.map(|(place, table)| self.inner(entry(&path, place), table)).collect()
    }
}

/// Whatever nobody asked for when the section is done with is unknown.
impl Drop for Section<'_> {
    fn drop(&mut self) {
        for key in self.left.keys() {
            let near = self.known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, key));
            let remedy = near.map_or("remove it".to_owned(), |near| format!("the nearest known key is {near}"));
            self.wrong(key, "is not a known key", remedy);
        }
    }
}

pub(super) fn note(context: &Context, key: String, what: impl Into<String>, remedy: impl Into<String>) {
    context.problems.borrow_mut().push(Problem { key, what: what.into(), remedy: remedy.into() });
}

/// `path.key`; a key that TOML would quote is quoted.
pub(super) fn child(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

pub(super) fn entry(path: &str, place: usize) -> String {
    format!("{path}[{place}]")
}

fn in_words(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date or time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// Names of apps and campaigns stand in file names, addresses and commands.
pub(super) fn is_name(text: &str) -> bool {
    let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: std::fmt::Debug + PartialEq>(
        toml: &str,
        read: impl Fn(&mut Section<'_>) -> T,
        expected: T,
        problems: &[&str],
    ) {
        let overridden = BTreeSet::from(["env".to_owned()]);
        let context = Context {
            folder: "".into(),
            credentials: None,
            overridden,
            problems: RefCell::default(),
            secret_files: RefCell::default(),
        };
        let mut section = Section::root(&context, toml.parse().expect("a test's TOML"));
        assert_eq!(read(&mut section), expected, "{toml}");
        drop(section);
        let seen: Vec<String> = context.problems.take().iter().map(Problem::to_string).collect();
        assert_eq!(seen, problems, "{toml}");
    }

    #[test]
    fn values_are_read_by_type() {
        check("a = 'x'", |s| s.text("a"), Some("x".to_owned()), &[]);
        check("a = ' '", |s| s.text("a"), None, &["a: is empty (give it a value, or remove the key)"]);
        check("a = 1", |s| s.text("a"), None, &["a: must be text in quotes (it is written as a whole number)"]);
        check("", |s| s.needed_text("a", "add it"), String::new(), &["a: is missing (add it)"]);
        check("a = true", |s| s.flag("a", false), true, &[]);
        check("a = '5'", |s| s.count("a", 0..=9, 1), 1, &["a: must be a whole number (it is written as text)"]);
        check("env = '5'", |s| s.count("env", 0..=9, 1), 5, &[]);
        check("env = '5'", |s| s.text("env"), Some("5".to_owned()), &[]);
        check("env = '[\"a\"]'", |s| s.texts("env"), vec!["a".to_owned()], &[]);
        check("env = 'x'", |s| s.flag("env", true), true, &["env: must be true or false (it is written as text)"]);
        check("a = 10", |s| s.count("a", 0..=9, 1), 1, &["a: must be from 0 to 9 (it is 10)"]);
        check("a = 0", |s| s.number("a", 1..=i64::MAX), None, &["a: must be 1 or more (it is 0)"]);
        let choices = [("on", 1), ("off", 0)];
        let none = "a: is none of the known values (write one of \"on\", \"off\")";
        check("a = 'no'", |s| s.choice("a", &choices), None, &[none]);
        let some = "(write one or more of \"on\", \"off\")";
        let (empty, unknown) =
            (format!("a: is empty {some}"), format!("a: has an entry that is none of the known values {some}"));
        for (toml, expected, problem) in [
            ("", None, None),
            ("a = ['off']", Some(vec![0]), None),
            ("a = ['off', 'on']", Some(vec![0, 1]), None),
            ("a = []", None, Some(empty.as_str())),
            ("a = ['on', 'no', 'no']", None, Some(&unknown)),
            ("a = ['on', '']", None, Some("a: has an empty entry (remove it)")),
            ("a = ['on', 'off', 'on']", None, Some("a: has an entry twice (write each once)")),
            ("a = 'on'", None, Some("a: must be a list of texts (it is written as text)")),
        ] {
            check(toml, |s| s.choices("a", &choices), expected, problem.as_slice());
        }
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let near = "listne: is not a known key (the nearest known key is listen)";
        check("listne = 1", |s| (s.text("listen"), s.text("token")), (None, None), &[near]);
        let inner = "a.\"x\\ny\": is not a known key (remove it)";
        check("[a]\n\"x\\ny\" = 1", |s| s.table("a").is_some(), true, &[inner]);
        let entry = "l[1].b: is not a known key (remove it)";
        check("l = [{}, { b = 1 }]", |s| s.list("l").len(), 2, &[entry]);
    }
}
