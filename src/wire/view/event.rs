//! What the team's own server is told, as JSON: `{type, timestamp, app, data}`.

use super::{View, alert, conversion, payout, time};
use crate::domain::at::At;
use crate::domain::event::Event;
use crate::wire::text::{redeem_url, rfc3339};
use serde_json::{Value, json};

impl View<'_> {
    pub fn event(&self, app: &str, apple_id: u64, event: &Event, at: At) -> Value {
        json!({
            "type": event.word(), "timestamp": rfc3339(at), "app": app, "data": self.told(apple_id, event),
        })
    }

    fn told(&self, apple_id: u64, event: &Event) -> Value {
        match event {
            Event::CodeAssigned(row) => {
                let mut code = self.code(row);
                code["redeem_url"] = redeem_url(apple_id, row.text.as_str()).into();
                code
            }
            Event::ClaimMade(row) => self.claim(row),
            Event::Completion(row) => self.completion(row),
            Event::Granted { person, until, is_less } => {
                json!({"user": (self.name)(*person), "granted_until": rfc3339(*until), "taken_back": is_less})
            }
            Event::Extended(row) => self.extension(row),
            Event::MilestoneReached { campaign, person, reached } => json!({
                "campaign": campaign, "user": (self.name)(*person), "referrals": reached.referrals, "days": reached.days,
            }),
            Event::Pool { campaign, available, low_water, .. } => {
                json!({"campaign": campaign, "available": available, "low_water": low_water})
            }
            Event::Conversion(row) | Event::ConversionWithdrawn(row) => conversion(row),
            Event::Payout(row) => payout(row, None),
            Event::Alert(row) => alert(row),
            Event::WinBack { row, expires_at } => {
                let mut told = self.winback(row);
                let url = row.code().map(|code| redeem_url(apple_id, code.as_str()));
                (told["redeem_url"], told["expires_at"]) = (url.into(), time(*expires_at));
                told
            }
            Event::Refund { question, .. } => self.question(question),
            Event::Test => json!({}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::WORDS;
    use crate::domain::sample::{self, NOON};
    use std::collections::BTreeSet;

    const SCHEMAS: &str = include_str!("../../../docs/schemas.json");
    const PAGE: &str = include_str!("../../../docs/webhooks.md");

    /// The schema of one event, with what it refers to.
    fn schema() -> Value {
        let mut schema: Value = serde_json::from_str(SCHEMAS).unwrap();
        schema["$ref"] = "#/$defs/event".into();
        schema
    }

    #[test]
    fn every_event_is_as_the_schema_says() {
        let schema = schema();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let name = |person| format!("{person}");
        for event in sample::events() {
            let body = View { name: &name }.event("alma", 1_234_567_890, &event, NOON);
            let faults: Vec<String> = validator.iter_errors(&body).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{}: {faults:?}\n{body}", event.word());
            let kinds = schema["$defs"]["event"]["oneOf"].as_array().unwrap();
            let of_it = |kind: &&Value| kind["properties"]["type"]["enum"].as_array().unwrap().contains(&body["type"]);
            let data = &kinds.iter().find(of_it).unwrap()["properties"]["data"];
            let named = data["$ref"].as_str().map_or(data, |named| schema.pointer(&named[1..]).unwrap());
            for member in body["data"].as_object().unwrap().keys() {
                assert!(named["properties"].get(member).is_some(), "{}: {member} is not described", event.word());
            }
        }
    }

    #[test]
    fn the_schema_and_the_page_name_every_event() {
        let schema = schema();
        let kinds = schema["$defs"]["event"]["oneOf"].as_array().unwrap().iter();
        let words: Vec<&str> = kinds
            .flat_map(|kind| kind["properties"]["type"]["enum"].as_array().unwrap())
            .map(|word| word.as_str().unwrap())
            .collect();
        assert_eq!(words.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from(WORDS));
        assert_eq!(words.len(), WORDS.len());
        assert!(WORDS.iter().all(|word| PAGE.contains(&format!("`{word}`"))), "docs/webhooks.md");
    }
}
