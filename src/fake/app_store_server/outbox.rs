//! The notifications of one environment: what was sent, how it went, and when it is tried again.

use crate::domain::at::At;
use crate::domain::policy::Environment;
use crate::fake::apple_event::{Notification, body, deliver, retry_after};
use crate::fake::client::{Answer, CallError};
use crate::fake::uuid;
use bytes::Bytes;
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub at: At,
    /// Apple's word for how it went (`sendAttemptResult`).
    pub result: &'static str,
}

#[derive(Default)]
pub struct Outbox {
    sent: Vec<Sent>,
    tests: usize,
}

pub struct Sent {
    pub uuid: String,
    pub kind: String,
    pub subtype: Option<String>,
    /// The transaction it is about, and that one's original.
    pub transactions: Vec<String>,
    /// When it was signed, and not later than it was filed.
    pub at: At,
    signed: String,
    pub attempts: Vec<Attempt>,
    next: Option<At>,
    /// By which the status of a TEST that was asked for is known.
    token: Option<String>,
}

impl Sent {
    /// As history and test status show it (Apple, `notificationHistoryResponseItem`).
    pub fn render(&self) -> Value {
        let attempts = self.attempts.iter();
        let attempts = attempts.map(|one| json!({"attemptDate": one.at.0, "sendAttemptResult": one.result}));
        json!({"signedPayload": self.signed, "sendAttempts": attempts.collect::<Vec<_>>()})
    }
    pub fn has_arrived(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.result == SUCCESS)
    }
}

const SUCCESS: &str = "SUCCESS";

impl Outbox {
    /// The place of a notification, whose first attempt is due.
    pub fn file(&mut self, notification: &Notification, signed: String, now: At) -> usize {
        let ids = notification.transaction().map(|about| vec![about.id().to_owned(), about.original_id().to_owned()]);
        self.sent.push(Sent {
            uuid: notification.uuid(),
            kind: notification.kind().to_owned(),
            subtype: notification.subtype().map(str::to_owned),
            transactions: ids.unwrap_or_default(),
            at: notification.at().min(now),
            signed,
            attempts: Vec::new(),
            next: Some(now),
            token: None,
        });
        self.sent.len() - 1
    }
    /// A number for the next TEST, so that no two are the same.
    pub fn next_test(&mut self) -> usize {
        self.tests += 1;
        self.tests
    }
    /// Names a TEST that was asked for.
    pub fn name(&mut self, place: usize) -> Option<String> {
        let sent = self.sent.get_mut(place)?;
        let token = uuid(&[b"test token", sent.uuid.as_bytes()]);
        sent.token = Some(token.clone());
        Some(token)
    }
    pub fn test(&self, token: &str) -> Option<&Sent> {
        self.sent.iter().find(|sent| sent.token.as_deref() == Some(token))
    }
    /// One that was sent before becomes due.
    pub fn again(&mut self, uuid: &str, now: At) -> Option<usize> {
        let place = self.sent.iter().position(|sent| sent.uuid == uuid)?;
        self.sent[place].next = Some(now);
        Some(place)
    }
    pub fn due(&self, now: At) -> Vec<usize> {
        let due = |sent: &Sent| sent.next.is_some_and(|next| next <= now);
        self.sent.iter().enumerate().filter(|(_, sent)| due(sent)).map(|(place, _)| place).collect()
    }
    pub fn next(&self) -> Option<At> {
        self.sent.iter().filter_map(|sent| sent.next).min()
    }
    /// The body of an attempt that nobody else makes; `None` when none is due any more.
    pub fn take(&mut self, place: usize) -> Option<Bytes> {
        let sent = self.sent.get_mut(place)?;
        sent.next.take()?;
        Some(body(&sent.signed))
    }
    pub fn record(&mut self, place: usize, attempt: Attempt, environment: Environment) {
        let Some(sent) = self.sent.get_mut(place) else { return };
        let at = attempt.at;
        sent.attempts.push(attempt);
        let made = u32::try_from(sent.attempts.len()).unwrap_or(u32::MAX);
        // In the sandbox there is one attempt only.
        sent.next = match environment {
            Environment::Production if !sent.has_arrived() => retry_after(made).map(|wait| at.plus(wait)),
            _ => None,
        };
    }
    pub fn attempts(&self, uuid: &str) -> Option<Vec<Attempt>> {
        self.sent.iter().find(|sent| sent.uuid == uuid).map(|sent| sent.attempts.clone())
    }
    /// Those of which an attempt was made, newest first, each with its place.
    pub fn history(&self) -> Vec<(usize, &Sent)> {
        let tried = self.sent.iter().enumerate().filter(|(_, sent)| !sent.attempts.is_empty());
        let mut all: Vec<(usize, &Sent)> = tried.collect();
        all.sort_by_key(|(place, sent)| std::cmp::Reverse((sent.at, *place)));
        all
    }
}

/// One attempt, and Apple's word for how it went.
pub async fn send(url: &str, body: Bytes) -> &'static str {
    word(&deliver(url, body).await)
}

fn word(outcome: &Result<Answer, CallError>) -> &'static str {
    match outcome {
        Ok(answer) if (200..=206).contains(&answer.status) => SUCCESS,
        Ok(_) => "UNSUCCESSFUL_HTTP_RESPONSE_CODE",
        Err(CallError::Timeout) => "TIMED_OUT",
        Err(CallError::Connect(_)) => "SOCKET_ISSUE",
        Err(CallError::Http(error)) if error.is_parse() => "INVALID_RESPONSE",
        Err(CallError::Http(error)) if error.is_incomplete_message() => "PREMATURE_CLOSE",
        Err(CallError::Http(error)) if error.is_canceled() || error.is_closed() => "NO_RESPONSE",
        // The stand-in speaks no TLS.
        Err(CallError::Address) => "TLS_ISSUE",
        Err(CallError::Http(_)) => "OTHER",
    }
}
