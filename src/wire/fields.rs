//! A JSON object of others, of which any field may be missing, null or of another type.

use crate::domain::at::At;
use crate::domain::money::Decimal;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A longer text is none of RevenueCat's or Apple's names.
const MAX_TEXT: usize = 255;

/// Its values are read only when they are asked for: whatever is odd elsewhere does no harm.
#[derive(Default)]
pub struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    pub fn parse(json: &'a [u8]) -> Option<Fields<'a>> {
        serde_json::from_slice(json).ok().map(Fields)
    }
    /// A null is as good as nothing.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied().filter(|raw| raw.get() != "null")
    }
    pub fn object(&self, name: &str) -> Option<Fields<'a>> {
        Fields::parse(self.raw(name)?.get().as_bytes())
    }
    pub fn instant(&self, name: &str) -> Option<At> {
        let raw = self.raw(name)?.get();
        let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
        read::<i64>(raw).or_else(|| whole(read::<f64>(raw)?)).map(At)
    }
    /// A whole number, or a text of one.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }
    /// A number, or a text of one, digit by digit as it is written.
    pub fn decimal(&self, name: &str) -> Option<Decimal> {
        let raw = self.raw(name)?;
        Decimal::parse(raw.get()).or_else(|| Decimal::parse(&word(raw)?))
    }
    pub fn is_true(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|raw| raw.get() == "true")
    }
    /// A text that is not empty.
    pub fn word(&self, name: &str) -> Option<String> {
        word(self.raw(name)?)
    }
    /// A name: a text, or a whole number as it is written.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.raw(name)?)
    }
    /// A text of any length; an empty one in the place of something else.
    pub fn document(&self, name: &str) -> Option<String> {
        self.raw(name).map(|raw| read(raw.get()).unwrap_or_default())
    }
}

fn word(raw: &RawValue) -> Option<String> {
    read::<String>(raw.get()).filter(|text| !text.is_empty() && text.len() <= MAX_TEXT)
}

pub fn text(raw: &RawValue) -> Option<String> {
    let written = raw.get();
    let digits = written.strip_prefix('-').unwrap_or(written);
    let is_whole = !digits.is_empty() && written.len() <= MAX_TEXT && digits.bytes().all(|b| b.is_ascii_digit());
    if is_whole { Some(written.to_owned()) } else { word(raw) }
}

fn read<T: DeserializeOwned>(raw: &str) -> Option<T> {
    serde_json::from_str(raw).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings() {
        // value, instant, number, word, text, document
        let rows = [
            ("null", None, None, None, None, None),
            ("7", Some(7), Some(7), None, Some("7"), Some("")),
            ("-7", Some(-7), Some(-7), None, Some("-7"), Some("")),
            ("7.0", Some(7), None, None, None, Some("")),
            ("7.5", None, None, None, None, Some("")),
            ("1e999", None, None, None, None, Some("")),
            ("18446744073709551615", None, None, None, Some("18446744073709551615"), Some("")),
            ("\"7\"", None, Some(7), Some("7"), Some("7"), Some("7")),
            ("\"a b\"", None, None, Some("a b"), Some("a b"), Some("a b")),
            ("\"\"", None, None, None, None, Some("")),
            ("true", None, None, None, None, Some("")),
            ("[7]", None, None, None, None, Some("")),
            ("{\"x\":7}", None, None, None, None, Some("")),
        ];
        for (value, instant, number, word, text, document) in rows {
            let json = format!(r#"{{"other":[1e999],"x":{value}}}"#);
            let fields = Fields::parse(json.as_bytes()).unwrap();
            assert_eq!(fields.instant("x"), instant.map(At), "{value}");
            assert_eq!(fields.number("x"), number, "{value}");
            assert_eq!(fields.word("x").as_deref(), word, "{value}");
            assert_eq!(fields.text("x").as_deref(), text, "{value}");
            assert_eq!(fields.document("x").as_deref(), document, "{value}");
            assert_eq!(fields.raw("x").is_some(), value != "null", "{value}");
            assert_eq!(fields.is_true("x"), value == "true", "{value}");
            assert_eq!(fields.object("x").is_some(), value.starts_with('{'), "{value}");
        }
    }

    #[test]
    fn decimals() {
        let rows = [
            ("9.99", Some("9.99")),
            ("8.389999999999999", Some("8.389999999999999")),
            ("300", Some("300")),
            ("-9.99", Some("-9.99")),
            ("3E+2", Some("3e2")),
            ("0.0", Some("0.0")),
            ("\"8.389999999999999\"", Some("8.389999999999999")),
            ("\"\\u0037\"", Some("7")),
            ("1e999", None),
            ("0.0000000000000000001", None),
            ("\"\"", None),
            ("\"9,99\"", None),
            ("\"\\\"7\\\"\"", None),
            ("true", None),
            ("null", None),
            ("[7]", None),
            ("{\"x\":7}", None),
        ];
        for (value, decimal) in rows {
            let json = format!(r#"{{"x":{value}}}"#);
            let fields = Fields::parse(json.as_bytes()).unwrap();
            assert_eq!(fields.decimal("x"), decimal.map(|text| Decimal::parse(text).unwrap()), "{value}");
            assert_eq!(fields.decimal("y"), None);
        }
    }

    #[test]
    fn long_texts() {
        for (length, expected) in [(MAX_TEXT, true), (MAX_TEXT + 1, false)] {
            let json = format!(r#"{{"digits":{0},"word":"{0}"}}"#, "9".repeat(length));
            let fields = Fields::parse(json.as_bytes()).unwrap();
            let found = [fields.text("digits"), fields.text("word"), fields.word("word")];
            assert_eq!(found.map(|text| text.is_some()), [expected; 3], "{length}");
            assert_eq!(fields.document("word").unwrap().len(), length);
        }
    }
}
