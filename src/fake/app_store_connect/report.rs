//! The daily report of redemptions: which query asks for it, and how it is packed.

use super::refusal::{Flaw, Refusal};
use super::shape::read_day;
use crate::domain::at::Date;
use crate::fake::timestamp;
use crate::wire::sales_report::Redeemed;
use axum::http::StatusCode;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{self, Write};

pub const PATH: &str = "/v1/salesReports";
pub const MEDIA_TYPE: &str = "application/a-gzip";

type Fits = fn(&str) -> bool;

/// Each is needed, with the values that this report has; so is the day.
const FILTERS: [(&str, Fits); 5] = [
    ("filter[frequency]", |value| value == "DAILY"),
    ("filter[reportType]", |value| value == "SUBSCRIPTION_OFFER_CODE_REDEMPTION"),
    ("filter[reportSubType]", |value| value == "SUMMARY"),
    ("filter[version]", |value| value == "1_0"),
    ("filter[vendorNumber]", |value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())),
];
const DAY: &str = "filter[reportDate]";

const COLUMNS: [&str; 9] = [
    "Date",
    "App Name",
    "App Apple ID",
    "Subscription Name",
    "Subscription Apple ID",
    "Offer Reference Name",
    "Offer Code",
    "Territory",
    "Redemptions",
];

/// The day whose report a query asks for.
pub fn asked(query: &str) -> Result<Date, Refusal> {
    let query = query.replace("%5B", "[").replace("%5D", "]");
    let mut given: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let mut value = |name| given.remove(name).ok_or_else(|| Refusal::parameter("PARAMETER_ERROR.REQUIRED", name));
    let invalid = |name| Refusal::parameter("PARAMETER_ERROR.INVALID", name);
    for (name, fits) in FILTERS {
        if !fits(value(name)?) {
            return Err(invalid(name));
        }
    }
    let day = read_day(value(DAY)?).ok_or_else(|| invalid(DAY))?;
    match given.into_keys().next() {
        Some(other) => Err(Refusal::parameter("PARAMETER_ERROR.ILLEGAL", other)),
        None => Ok(day),
    }
}

/// A day without redemptions is answered so, and a day whose report is not made yet.
pub fn none() -> Refusal {
    Flaw::new("NOT_FOUND", "There is no such resource.", "There is no report for this day.").of(StatusCode::NOT_FOUND)
}

pub fn packed(lines: &[Redeemed]) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    writeln!(gzip, "{}", COLUMNS.join("\t"))?;
    for Redeemed { date, app_apple_id, offer, code, territory, count } in lines {
        let date = timestamp(date.start()).strftime("%m/%d/%Y");
        let app = app_apple_id.map_or(String::new(), |id| id.to_string());
        let code = code.as_deref().unwrap_or_default();
        writeln!(gzip, "{date}\tApp\t{app}\tSubscription\t6751916427\t{offer}\t{code}\t{territory}\t{count}")?;
    }
    gzip.finish()
}
