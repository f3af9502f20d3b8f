//! One batch of one-time-use codes: the request that asks for it, its resource, its codes and their CSV.

use super::refusal::{Flaw, Refusal};
use super::shape::{Shape, created_date, date, day};
use crate::domain::at::{At, Date};
use crate::fake::{digest, timestamp};
use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::ops::RangeInclusive;

pub const TYPE: &str = "subscriptionOfferCodeOneTimeUseCodes";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    Production,
    Sandbox,
}

#[derive(Clone, Debug)]
pub struct Batch {
    pub id: String,
    pub offer: String,
    pub number: u32,
    pub expires: Date,
    pub environment: Environment,
    pub active: bool,
    pub created: At,
    /// How many codes the account had made before these.
    pub(super) first: u64,
}

/// What a well-formed POST asks for; whether it may have it is another question.
#[derive(Debug, PartialEq, Eq)]
pub struct Wish {
    pub offer: String,
    pub number: i64,
    pub expires: Date,
    pub environment: Environment,
}

/// How `/values` looks. No verbatim capture of the API's body is public; exports have two columns and no header.
#[derive(Clone, Copy, Debug)]
pub struct Csv {
    pub redeem_urls: bool,
    pub header: bool,
    pub bom: bool,
    pub crlf: bool,
}

impl Default for Csv {
    fn default() -> Csv {
        Csv { redeem_urls: true, header: false, bom: false, crlf: false }
    }
}

impl Environment {
    fn name(self) -> &'static str {
        match self {
            Environment::Production => "PRODUCTION",
            Environment::Sandbox => "SANDBOX",
        }
    }
}

fn environment(value: &Value) -> Option<Environment> {
    [Environment::Production, Environment::Sandbox].into_iter().find(|one| value.as_str() == Some(one.name()))
}

impl Wish {
    pub fn read(body: &Value) -> Result<Wish, Refusal> {
        let mut shape = Shape::default();
        let (attributes, offer) = shape.creation(body, TYPE, &["numberOfCodes", "expirationDate"], &["environment"]);
        let number = shape.attribute(attributes, "numberOfCodes", Value::as_i64);
        let expires = shape.attribute(attributes, "expirationDate", date);
        let environment = shape.attribute(attributes, "environment", environment);
        shape.finish()?;
        match (offer, number, expires) {
            (Some(offer), Some(number), Some(expires)) => {
                Ok(Wish { offer, number, expires, environment: environment.unwrap_or(Environment::Production) })
            }
            _ => Err(Refusal::plain(StatusCode::UNPROCESSABLE_ENTITY)),
        }
    }

    /// The rules for attributes; an answer can hold several complaints. Days are days of UTC.
    pub fn flaws(&self, numbers: &RangeInclusive<u32>, now: At) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if !u32::try_from(self.number).is_ok_and(|number| numbers.contains(&number)) {
            flaws.push(Flaw::attribute("numberOfCodes", "So many codes cannot be made in one batch."));
        }
        let today = timestamp(now).to_zoned(TimeZone::UTC).date();
        let last = today.saturating_add(6.months()).to_string();
        flaws.extend(Flaw::past(self.expires, now));
        if day(self.expires) > last {
            flaws.push(Flaw::attribute("expirationDate", "The expiration date is more than six months away."));
        }
        flaws
    }
}

impl Batch {
    pub fn resource(&self, base_url: &str) -> Value {
        let own = format!("{base_url}/v1/{TYPE}/{}", self.id);
        json!({
            "type": TYPE,
            "id": self.id,
            "attributes": {
                "numberOfCodes": self.number,
                "createdDate": created_date(self.created),
                "expirationDate": day(self.expires),
                "active": self.active,
                "environment": self.environment.name(),
            },
            "relationships": {"values": {"links": {
                "self": format!("{own}/relationships/values"),
                "related": format!("{own}/values"),
            }}},
            "links": {"self": own},
        })
    }

    pub fn codes(&self, seed: u64) -> impl Iterator<Item = String> {
        (self.first..self.first + u64::from(self.number)).map(move |index| code(seed, index))
    }
}

/// The code that an account makes after `index` others: 18 characters, as every real one seen has.
fn code(seed: u64, index: u64) -> String {
    const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let bytes = digest(&[b"code", &seed.to_be_bytes(), &index.to_be_bytes()]);
    bytes[..18].iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

impl Csv {
    pub fn render(&self, codes: impl Iterator<Item = String>, apple_id: u64) -> String {
        let end = if self.crlf { "\r\n" } else { "\n" };
        let mut text = String::from(if self.bom { "\u{feff}" } else { "" });
        if self.header {
            text += if self.redeem_urls { "Code,URL" } else { "Code" };
            text += end;
        }
        for code in codes {
            text += &code;
            if self.redeem_urls {
                text += &format!(",https://apps.apple.com/redeem?ctx=offercodes&id={apple_id}&code={code}");
            }
            text += end;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_the_same_every_time() {
        let batch = Batch {
            id: "b".into(),
            offer: "o".into(),
            number: 5_000,
            expires: Date(20_000),
            environment: Environment::Sandbox,
            active: true,
            created: At(0),
            first: 10,
        };
        let codes: Vec<_> = batch.codes(1).collect();
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 5_000);
        assert!(codes.iter().all(|code| {
            code.len() == 18 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        }));
        assert_eq!(codes, batch.codes(1).collect::<Vec<_>>());
        assert_eq!(codes[0], code(1, 10));
        assert_ne!(codes[0], code(2, 10));
        assert_eq!(batch.resource("http://h")["attributes"]["createdDate"], "1969-12-31T16:00:00-08:00");
    }

    #[test]
    fn csv_has_the_wanted_form() {
        let csv = |redeem_urls, header, bom, crlf| {
            Csv { redeem_urls, header, bom, crlf }.render(["A1".to_owned(), "B2".to_owned()].into_iter(), 9)
        };
        let url = "https://apps.apple.com/redeem?ctx=offercodes&id=9&code=";
        assert_eq!(csv(false, false, false, false), "A1\nB2\n");
        assert_eq!(csv(false, true, true, true), "\u{feff}Code\r\nA1\r\nB2\r\n");
        assert_eq!(csv(true, false, false, false), format!("A1,{url}A1\nB2,{url}B2\n"));
        assert!(csv(true, true, false, false).starts_with("Code,URL\nA1,"));
    }

    #[test]
    fn the_last_day_is_six_calendar_months_away() {
        let now = At(Date(20_778).start().0 + 5); // 2026-11-21
        for (expires, number, flaws) in [
            (20_778, 1, 1),
            (20_777, 0, 2),
            (20_779, 25_000, 0),
            (20_959, 1, 0), // 2027-05-21
            (20_960, 1, 1),
            (20_960, 25_001, 2),
            (20_800, -1, 1),
            (20_800, i64::MAX, 1),
            (i32::MAX, 1, 1),
        ] {
            let wish = Wish { offer: "o".into(), number, expires: Date(expires), environment: Environment::Production };
            assert_eq!(wish.flaws(&(1..=25_000), now).len(), flaws, "{expires} {number}");
        }
    }
}
