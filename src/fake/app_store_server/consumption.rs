//! What is said of purchases whose refund is asked for (Apple, Send Consumption Information), in both shapes.

use super::refusal::Refusal;
use crate::fake::apple_event::Transaction;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What was accepted, by transaction: the shape's number and the body.
#[derive(Default)]
pub struct Consumptions(BTreeMap<String, Vec<(u8, Value)>>);

impl Consumptions {
    pub fn record(&mut self, id: &str, version: u8, body: Value) {
        self.0.entry(id.to_owned()).or_default().push((version, body));
    }
    pub fn of(&self, id: &str) -> Vec<(u8, Value)> {
        self.0.get(id).cloned().unwrap_or_default()
    }
}

/// The body, where Apple takes it for this transaction.
pub fn read(version: u8, body: &[u8], transaction: &Transaction) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::BAD_REQUEST)?;
    if transaction.is_family_shared() {
        return Err(Refusal::FAMILY);
    }
    if body["customerConsented"] != true {
        return Err(Refusal::CONSENT);
    }
    if !body["sampleContentProvided"].is_boolean() {
        return Err(Refusal::SAMPLE);
    }
    match version {
        1 => first(&body)?,
        _ => second(&body, transaction.is_subscription())?,
    }
    Ok(body)
}

const DELIVERED: &str = "DELIVERED";
const UNDELIVERED: [&str; 4] =
    ["UNDELIVERED_QUALITY_ISSUE", "UNDELIVERED_WRONG_ITEM", "UNDELIVERED_SERVER_OUTAGE", "UNDELIVERED_OTHER"];
const PREFERENCES: [&str; 3] = ["DECLINE", "GRANT_FULL", "GRANT_PRORATED"];
const PRORATED: &str = "GRANT_PRORATED";
const WHOLE: i64 = 100_000;

/// Apple names errors of the percentage, and publishes no numbers for them.
fn second(body: &Value, is_renewing: bool) -> Result<(), Refusal> {
    let delivery = body["deliveryStatus"].as_str().unwrap_or_default();
    if delivery != DELIVERED && !UNDELIVERED.contains(&delivery) {
        return Err(Refusal::DELIVERY);
    }
    let preference = &body["refundPreference"];
    if !preference.is_null() && !preference.as_str().is_some_and(|word| PREFERENCES.contains(&word)) {
        return Err(Refusal::PREFERENCE);
    }
    let consumed = match &body["consumptionPercentage"] {
        Value::Null => None,
        given => Some(given.as_i64().filter(|part| (0..=WHOLE).contains(part)).ok_or(Refusal::BAD_REQUEST)?),
    };
    let is_fitting = match consumed {
        _ if is_renewing => consumed.is_none(),
        Some(part) if delivery != DELIVERED => part == 0,
        Some(part) if preference == PRORATED => (1..WHOLE).contains(&part),
        None => preference != PRORATED,
        Some(_) => true,
    };
    if is_fitting { Ok(()) } else { Err(Refusal::BAD_REQUEST) }
}

fn first(body: &Value) -> Result<(), Refusal> {
    let numbers: [(&str, RangeInclusive<u64>, Refusal); 8] = [
        ("accountTenure", 0..=7, Refusal::TENURE),
        ("consumptionStatus", 0..=3, Refusal::CONSUMPTION),
        ("deliveryStatus", 0..=5, Refusal::DELIVERY),
        ("lifetimeDollarsPurchased", 0..=7, Refusal::PURCHASED),
        ("lifetimeDollarsRefunded", 0..=7, Refusal::REFUNDED),
        ("platform", 0..=2, Refusal::PLATFORM),
        ("playTime", 0..=7, Refusal::PLAY_TIME),
        ("userStatus", 0..=4, Refusal::USER_STATUS),
    ];
    for (name, range, refusal) in numbers {
        body[name].as_u64().filter(|number| range.contains(number)).ok_or(refusal)?;
    }
    let token = body["appAccountToken"].as_str().ok_or(Refusal::ACCOUNT_TOKEN)?;
    if !token.is_empty() && !super::purchases::is_uuid(token) {
        return Err(Refusal::ACCOUNT_TOKEN);
    }
    match &body["refundPreference"] {
        Value::Null => Ok(()),
        given if given.as_u64().is_some_and(|number| number <= 3) => Ok(()),
        _ => Err(Refusal::PREFERENCE),
    }
}
