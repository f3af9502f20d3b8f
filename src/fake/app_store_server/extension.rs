//! Renewal dates that are moved (Apple, Extend a Subscription Renewal Date).

use super::refusal::Refusal;
use crate::domain::at::{At, Span};
use crate::domain::policy::Environment;
use crate::fake::apple_event::{RenewalInfo, Transaction, status};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const DAYS: RangeInclusive<u64> = 1..=90;
const REASONS: RangeInclusive<u64> = 0..=3;
const LONGEST_REQUEST: usize = 128;
const ACTIVE: u8 = 1;
/// So many in so long.
const MOST: usize = 2;
const YEAR: Span = Span::days(365);

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub days: u32,
    pub reason: u8,
    pub request: String,
}

impl Extension {
    pub fn read(body: &[u8]) -> Result<Extension, Refusal> {
        let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::BAD_REQUEST)?;
        let number = |name: &str, range: RangeInclusive<u64>| {
            body.get(name).and_then(Value::as_u64).filter(|number| range.contains(number))
        };
        let days = number("extendByDays", DAYS).and_then(|days| days.try_into().ok());
        let reason = number("extendReasonCode", REASONS).and_then(|reason| reason.try_into().ok());
        let request = body.get("requestIdentifier").and_then(Value::as_str);
        let request = request.filter(|request| (1..=LONGEST_REQUEST).contains(&request.chars().count()));
        Ok(Extension {
            days: days.ok_or(Refusal::DAYS)?,
            reason: reason.ok_or(Refusal::REASON)?,
            request: request.ok_or(Refusal::REQUEST_IDENTIFIER)?.to_owned(),
        })
    }

    /// The later end of the current period. In the sandbox a day is a minute.
    pub fn end(&self, current: &Transaction) -> Option<At> {
        let unit = match current.environment() {
            Environment::Production => Span::days,
            Environment::Sandbox => Span::minutes,
        };
        Some(current.expires_at()?.plus(unit(self.days.into())))
    }
}

/// Those that were made, by original id.
#[derive(Default)]
pub struct Extensions(BTreeMap<String, Vec<(At, Extension)>>);

impl Extensions {
    /// What forbids one more. A period that is free was not paid for.
    pub fn check(&self, current: &Transaction, renewal: Option<&RenewalInfo>, now: At) -> Result<(), Refusal> {
        if current.is_family_shared() {
            return Err(Refusal::FAMILY_EXTENSION);
        }
        let is_free = current.text("offerDiscountType") == Some("FREE_TRIAL");
        if !current.is_subscription() || is_free || status(current, renewal, now) != ACTIVE {
            return Err(Refusal::NOT_EXTENDABLE);
        }
        let made = self.0.get(current.original_id()).into_iter().flatten();
        let in_a_year = made.filter(|(at, _)| now < at.plus(YEAR)).count();
        if in_a_year < MOST { Ok(()) } else { Err(Refusal::MOST_EXTENSIONS) }
    }
    pub fn record(&mut self, original_id: &str, extension: Extension, now: At) {
        self.0.entry(original_id.to_owned()).or_default().push((now, extension));
    }
    pub fn of(&self, original_id: &str) -> impl Iterator<Item = &Extension> {
        self.0.get(original_id).into_iter().flatten().map(|(_, extension)| extension)
    }
}

/// The answer; without a transaction nothing was extended.
pub fn render(original_id: &str, extended: Option<&Transaction>) -> Value {
    let mut body = json!({"originalTransactionId": original_id, "success": extended.is_some()});
    if let Some(extended) = extended {
        body["effectiveDate"] = json!(extended.expires_at().map(|end| end.0));
        body["webOrderLineItemId"] = json!(extended.text("webOrderLineItemId"));
    }
    body
}
