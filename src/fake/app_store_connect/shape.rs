//! What the bodies of requests must look like, and how their days are read and written.

use super::OFFER_TYPE;
use super::refusal::{Flaw, Refusal};
use crate::domain::at::{At, Date};
use crate::fake::timestamp;
use axum::http::StatusCode;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value};

/// Checks the shape of a body, gathering every flaw before refusing.
#[derive(Default)]
pub struct Shape(Vec<Flaw>);

impl Shape {
    pub fn flaw(&mut self, pointer: &str, detail: impl Into<String>) {
        let title = "The body has the wrong shape.";
        self.0.push(Flaw::new("ENTITY_UNPROCESSABLE", title, detail).pointer(pointer));
    }
    /// An object with all of these members and none but these and the optional ones.
    pub fn object<'a>(&mut self, value: &'a Value, at: &str, required: &[&str], optional: &[&str]) -> &'a Value {
        let empty = Map::new();
        let members = value.as_object().unwrap_or(&empty);
        if !value.is_object() {
            self.flaw(at, "An object belongs here.");
        }
        for name in members.keys().filter(|name| ![required, optional].iter().any(|set| set.contains(&name.as_str()))) {
            self.flaw(&format!("{at}/{name}"), "Nothing of this name belongs here.");
        }
        for name in required.iter().filter(|name| value.is_object() && !members.contains_key(**name)) {
            self.flaw(&format!("{at}/{name}"), "This is required.");
        }
        value
    }
    /// The value of a member if it is there; a complaint when it is there and not understood.
    pub fn read<T>(&mut self, at: &str, value: Option<&Value>, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = value?;
        let understood = read(value);
        if understood.is_none() {
            self.flaw(at, "This value is not of the right kind.");
        }
        understood
    }
    /// The attributes of a request that makes codes, and the id of the offer that they are for.
    pub fn creation<'a>(
        &mut self,
        body: &'a Value,
        kind_of: &'static str,
        required: &[&str],
        optional: &[&str],
    ) -> (&'a Value, Option<String>) {
        let data = &self.object(body, "", &["data"], &[])["data"];
        self.object(data, "/data", &["type", "attributes", "relationships"], &[]);
        self.read("/data/type", data.get("type"), kind(kind_of));
        let attributes = self.object(&data["attributes"], "/data/attributes", required, optional);

        let at = "/data/relationships/offerCode";
        let relationships = self.object(&data["relationships"], "/data/relationships", &["offerCode"], &[]);
        let offer = &self.object(&relationships["offerCode"], at, &["data"], &[])["data"];
        self.object(offer, &format!("{at}/data"), &["type", "id"], &[]);
        self.read(&format!("{at}/data/type"), offer.get("type"), kind(OFFER_TYPE));
        (attributes, self.read(&format!("{at}/data/id"), offer.get("id"), text))
    }
    pub fn attribute<T>(
        &mut self,
        attributes: &Value,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        self.read(&format!("/data/attributes/{name}"), attributes.get(name), read)
    }
    pub fn finish(self) -> Result<(), Refusal> {
        Refusal::of_all(StatusCode::UNPROCESSABLE_ENTITY, self.0)
    }
}

pub fn kind(expected: &'static str) -> impl FnOnce(&Value) -> Option<()> {
    move |value| (value.as_str()? == expected).then_some(())
}

pub fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A date and nothing but a date: Apple refuses a date-time here.
pub fn date(value: &Value) -> Option<Date> {
    read_day(value.as_str()?)
}

pub fn read_day(text: &str) -> Option<Date> {
    let date: jiff::civil::Date = text.parse().ok().filter(|date: &jiff::civil::Date| date.to_string() == text)?;
    Some(At(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()).date())
}

/// The days that codes may end on have four-digit years, whose text sorts as they do.
pub fn day(date: Date) -> String {
    timestamp(date.start()).strftime("%Y-%m-%d").to_string()
}

/// Apple's own times carry a Pacific offset.
pub fn created_date(at: At) -> String {
    Offset::constant(-8).to_datetime(timestamp(at)).strftime("%Y-%m-%dT%H:%M:%S-08:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_date_is_a_date_only() {
        let rows = [
            ("2026-11-21", Some(Date(20_778))),
            ("2026-02-30", None),
            ("2026-11-21T00:00:00Z", None),
            ("20261121", None),
            ("2026-W47-6", None),
            ("+002026-11-21", None),
            ("21-11-2026", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(date(&json!(text)), expected, "{text}");
        }
        assert_eq!(day(Date(20_778)), "2026-11-21");
    }
}
