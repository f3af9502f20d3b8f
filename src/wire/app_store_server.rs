//! The App Store Server API: tokens, transactions, renewal dates, notifications that were sent.

mod answer;
pub mod consumption;

pub use answer::{ApiError, pause};

use super::apple_event::{Jws, status};
use super::fields::Fields;
use super::private_key::{CannotSign, PrivateKey};
use super::text;
use crate::domain::at::{At, Span};
use crate::domain::subscription::Status;
use serde::Deserialize;
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Signing(#[from] CannotSign),
    #[error("the answer is not what the App Store Server API documents: {0}")]
    Shape(&'static str),
    #[error("an id that cannot stand in a path")]
    Id,
    #[error("an app account token is a UUID")]
    Uuid,
    #[error("an extension is of 1 to 90 days, for a reason from 0 to 3, with an identifier of 1 to 128 characters")]
    Extension,
}

/// Apple takes tokens that live for up to an hour and advises a new one for each request.
const LIFETIME: Span = Span::minutes(5);
/// How far ahead of Apple's clock ours may be.
const SKEW: Span = Span::minutes(1);

/// A bearer token for one request.
pub fn token(key: &PrivateKey, key_id: &str, issuer: &str, bundle_id: &str, now: At) -> Result<String, Fault> {
    let issued = now.minus(SKEW).0.div_euclid(1_000);
    let expires = issued + LIFETIME.0 / 1_000;
    let claims = json!({"iss": issuer, "iat": issued, "exp": expires, "aud": "appstoreconnect-v1", "bid": bundle_id});
    Ok(key.token(key_id, &claims)?)
}

const TRANSACTIONS: &str = "/inApps/v1/transactions";
const SUBSCRIPTIONS: &str = "/inApps/v1/subscriptions";
const NOTIFICATIONS: &str = "/inApps/v1/notifications";

pub fn transaction_path(transaction_id: &str) -> Result<String, Fault> {
    Ok(format!("{TRANSACTIONS}/{}", segment(transaction_id)?))
}

pub fn account_token_path(original_transaction_id: &str) -> Result<String, Fault> {
    Ok(format!("{TRANSACTIONS}/{}/appAccountToken", segment(original_transaction_id)?))
}

/// Any id of the customer's transactions.
pub fn statuses_path(transaction_id: &str) -> Result<String, Fault> {
    Ok(format!("{SUBSCRIPTIONS}/{}", segment(transaction_id)?))
}

pub fn extend_path(original_transaction_id: &str) -> Result<String, Fault> {
    Ok(format!("{SUBSCRIPTIONS}/extend/{}", segment(original_transaction_id)?))
}

/// Any id of the customer's transactions; `revision` is that of the page before.
pub fn history_path(transaction_id: &str, revision: Option<&str>) -> Result<String, Fault> {
    let path = format!("/inApps/v2/history/{}", segment(transaction_id)?);
    Ok(continued(path, "revision", revision))
}

/// `token` is that of the page before, for the same question.
pub fn notification_history_path(token: Option<&str>) -> String {
    continued(format!("{NOTIFICATIONS}/history"), "paginationToken", token)
}

pub fn request_test_path() -> String {
    format!("{NOTIFICATIONS}/test")
}

pub fn test_status_path(token: &str) -> Result<String, Fault> {
    Ok(format!("{NOTIFICATIONS}/test/{}", segment(token)?))
}

fn segment(id: &str) -> Result<String, Fault> {
    text::path_segment(id).ok_or(Fault::Id)
}

fn continued(path: String, name: &str, from: Option<&str>) -> String {
    from.map_or(path.clone(), |from| format!("{path}?{name}={}", text::percent_encode(from)))
}

pub fn notification_history_body(start: At, end: At) -> Vec<u8> {
    json!({"startDate": start.0, "endDate": end.0}).to_string().into_bytes()
}

pub fn account_token_body(uuid: &str) -> Result<Vec<u8>, Fault> {
    if !text::is_uuid(uuid) {
        return Err(Fault::Uuid);
    }
    Ok(json!({ "appAccountToken": uuid }).to_string().into_bytes())
}

/// Reasons: 0 undeclared, 1 customer satisfaction, 2 others, 3 an outage (Apple, extendReasonCode).
pub fn extend_body(days: u32, reason: u8, request_identifier: &str) -> Result<Vec<u8>, Fault> {
    let named = (1..=128).contains(&request_identifier.chars().count());
    if !(1..=90).contains(&days) || reason > 3 || !named {
        return Err(Fault::Extension);
    }
    let body = json!({"extendByDays": days, "extendReasonCode": reason, "requestIdentifier": request_identifier});
    Ok(body.to_string().into_bytes())
}

/// The answer to [`account_token_path`] is empty (Apple, Set App Account Token); a web page is of somebody in between.
pub fn token_is_set(body: &[u8]) -> Result<(), Fault> {
    let is_empty = body.trim_ascii().is_empty();
    if is_empty || Fields::parse(body).is_some() { Ok(()) } else { Err(Fault::Shape("no JSON object")) }
}

/// The signed transaction of the answer to [`transaction_path`].
pub fn transaction(body: &[u8]) -> Result<Jws, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        signed_transaction_info: Jws,
    }
    read(body, "a transaction").map(|answer: Answer| answer.signed_transaction_info)
}

/// The last transaction of one subscription (Apple, LastTransactionsItem).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastTransaction {
    pub original_transaction_id: String,
    pub status: Option<Status>,
    pub transaction: Jws,
    pub renewal: Option<Jws>,
}

/// Every subscription of the customer, of all groups.
pub fn statuses(body: &[u8]) -> Result<Vec<LastTransaction>, Fault> {
    #[derive(Deserialize)]
    struct Answer {
        data: Vec<Group>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Group {
        last_transactions: Vec<Item>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        original_transaction_id: String,
        status: Option<i64>,
        signed_transaction_info: Jws,
        signed_renewal_info: Option<Jws>,
    }
    let answer: Answer = read(body, "subscription statuses")?;
    let last = |item: Item| LastTransaction {
        original_transaction_id: item.original_transaction_id,
        status: item.status.and_then(status),
        transaction: item.signed_transaction_info,
        renewal: item.signed_renewal_info,
    };
    Ok(answer.data.into_iter().flat_map(|group| group.last_transactions).map(last).collect())
}

/// What came of an extension (Apple, ExtendRenewalDateResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Extended {
    pub success: bool,
    /// Where the renewal date is now.
    #[serde(rename = "effectiveDate")]
    pub effective_at: Option<At>,
}

pub fn extended(body: &[u8]) -> Result<Extended, Fault> {
    read(body, "an extension")
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// Signed transactions, those that changed last at the end.
    pub transactions: Vec<Jws>,
    /// What the next page is asked for with, if there is one.
    pub next: Option<String>,
}

pub fn history(body: &[u8]) -> Result<HistoryPage, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default)]
        signed_transactions: Vec<Jws>,
        has_more: bool,
        revision: Option<String>,
    }
    let answer: Answer = read(body, "a transaction history")?;
    let next = next(answer.has_more, answer.revision, "a transaction history that goes on nowhere")?;
    Ok(HistoryPage { transactions: answer.signed_transactions, next })
}

/// A notification and Apple's attempts to deliver it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentNotification {
    pub signed_payload: Jws,
    #[serde(default)]
    pub send_attempts: Vec<Attempt>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Attempt {
    #[serde(rename = "attemptDate")]
    pub at: Option<At>,
    /// `SUCCESS`, or Apple's word for what went wrong.
    #[serde(default, rename = "sendAttemptResult")]
    pub result: String,
}

impl Attempt {
    pub fn is_success(&self) -> bool {
        self.result == "SUCCESS"
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationPage {
    pub notifications: Vec<SentNotification>,
    /// What the next page is asked for with, if there is one.
    pub next: Option<String>,
}

pub fn notification_history(body: &[u8]) -> Result<NotificationPage, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default)]
        notification_history: Vec<SentNotification>,
        has_more: bool,
        pagination_token: Option<String>,
    }
    let answer: Answer = read(body, "a notification history")?;
    let next = next(answer.has_more, answer.pagination_token, "a notification history that goes on nowhere")?;
    Ok(NotificationPage { notifications: answer.notification_history, next })
}

fn next(has_more: bool, token: Option<String>, otherwise: &'static str) -> Result<Option<String>, Fault> {
    match (has_more, token.filter(|token| !token.is_empty())) {
        (false, _) => Ok(None),
        (true, None) => Err(Fault::Shape(otherwise)),
        (true, token) => Ok(token),
    }
}

/// By what the status of a test is asked for.
pub fn test_token(body: &[u8]) -> Result<String, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        test_notification_token: String,
    }
    read(body, "a test notification").map(|answer: Answer| answer.test_notification_token)
}

pub fn test_status(body: &[u8]) -> Result<SentNotification, Fault> {
    read(body, "the status of a test notification")
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], what: &'static str) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|_| Fault::Shape(what))
}

#[cfg(test)]
mod tests;
