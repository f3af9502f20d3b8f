//! What the App Store Server API says besides the data: its error, and when to come again.

use crate::domain::at::{At, Span};
use crate::wire::text;
use serde_json::Value;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    pub code: Option<i64>,
    pub message: String,
}

/// The transaction is not of the environment that was asked (Apple, TransactionIdNotFoundError).
const TRANSACTION_NOT_FOUND: i64 = 4_040_010;
/// Also of a token that has expired (Apple, TestNotificationNotFoundError).
const TEST_NOT_FOUND: i64 = 4_040_008;
/// Account, app or original transaction not found, and internal errors: "Please try again."
const RETRYABLE: [i64; 5] = [4_040_002, 4_040_004, 4_040_006, 5_000_000, 5_000_001];

/// The state of a subscription, two extensions in 365 days and Family Sharing forbid one more.
const NOT_EXTENDABLE: [i64; 3] = [4_030_004, 4_030_005, 4_030_007];

/// The longest line that is passed on.
const LINE: usize = 240;

impl ApiError {
    /// Empty when the body is something else. Only JSON is read: what stands before Apple's service answers in HTML.
    pub fn parse(content_type: Option<&str>, body: &[u8]) -> ApiError {
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/json") {
            return ApiError::default();
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        ApiError {
            code: body["errorCode"].as_i64(),
            message: body["errorMessage"].as_str().unwrap_or_default().to_owned(),
        }
    }

    pub fn is_transaction_not_found(&self) -> bool {
        self.code == Some(TRANSACTION_NOT_FOUND)
    }
    pub fn is_test_not_found(&self) -> bool {
        self.code == Some(TEST_NOT_FOUND)
    }
    pub fn is_retryable(&self) -> bool {
        self.code.is_some_and(|code| RETRYABLE.contains(&code))
    }
    /// A 403 about the subscription, and not about our key.
    pub fn is_not_extendable(&self) -> bool {
        self.code.is_some_and(|code| NOT_EXTENDABLE.contains(&code))
    }

    /// One line for a log, without the id that the call was about.
    pub fn describe(&self, id: &str) -> String {
        let message = if id.is_empty() { self.message.clone() } else { hidden(&self.message, id) };
        let code = self.code.map(|code| code.to_string());
        let parts: Vec<String> = code.into_iter().chain((!message.is_empty()).then_some(message)).collect();
        let line = if parts.is_empty() { "no reason given".to_owned() } else { parts.join(": ") };
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE).collect()
    }
}

fn hidden(message: &str, id: &str) -> String {
    message.replace(id, "…").replace(&text::percent_encode(id), "…")
}

/// The pause after an answer that names none.
const USUAL_PAUSE: Span = Span::minutes(1);
/// The limits are counted by the hour: whatever says more is mistaken.
const LONGEST_PAUSE: Span = Span::days(1);

/// How long to wait after a 429. Its `Retry-After` is an instant in milliseconds (Apple, Identifying rate limits).
pub fn pause(retry_after: Option<&str>, now: At) -> Span {
    let until = retry_after.and_then(|text| text.trim().parse().ok()).map(At).filter(|until| *until > now);
    until.map_or(USUAL_PAUSE, |until| until.apart(now).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors() {
        let json = Some("application/json");
        let found = r#"{"errorCode":4040010,"errorMessage":"Transaction id not found."}"#;
        let both = (Some(4_040_010), "Transaction id not found.");
        let rows = [
            (json, found, both),
            (Some("Application/JSON; charset=utf-8"), found, both),
            (Some("text/html"), found, (None, "")),
            (Some("application/json-patch"), found, (None, "")),
            (Some(""), found, (None, "")),
            (None, found, (None, "")),
            (json, r#"{"errorCode":"4040010"}"#, (None, "")),
            (json, r#"{"errorMessage":"Rate limit exceeded."}"#, (None, "Rate limit exceeded.")),
            (json, r#"{"errorCode":9990000,"errorMessage":7}"#, (Some(9_990_000), "")),
            (json, "[]", (None, "")),
            (json, "<html>", (None, "")),
            (json, "", (None, "")),
        ];
        for (content_type, body, (code, message)) in rows {
            let expected = ApiError { code, message: message.to_owned() };
            assert_eq!(ApiError::parse(content_type, body.as_bytes()), expected, "{content_type:?} {body}");
        }
    }

    #[test]
    fn codes() {
        type Question = fn(&ApiError) -> bool;
        let questions: [(&str, Question); 4] = [
            ("transaction not found", ApiError::is_transaction_not_found),
            ("test not found", ApiError::is_test_not_found),
            ("retryable", ApiError::is_retryable),
            ("not extendable", ApiError::is_not_extendable),
        ];
        let rows = [
            (Some(4_040_010), "transaction not found"),
            (Some(4_040_008), "test not found"),
            (Some(4_040_002), "retryable"),
            (Some(4_040_004), "retryable"),
            (Some(4_040_006), "retryable"),
            (Some(5_000_000), "retryable"),
            (Some(5_000_001), "retryable"),
            (Some(4_030_004), "not extendable"),
            (Some(4_030_005), "not extendable"),
            (Some(4_030_007), "not extendable"),
            (Some(4_030_006), ""),
            (Some(4_040_001), ""),
            (Some(4_040_003), ""),
            (Some(4_040_005), ""),
            (Some(4_000_006), ""),
            (Some(4_290_000), ""),
            (None, ""),
        ];
        for (code, expected) in rows {
            let error = ApiError { code, ..ApiError::default() };
            for (question, ask) in questions {
                assert_eq!(ask(&error), question == expected, "{code:?}: {question}");
            }
        }
    }

    #[test]
    fn lines() {
        let long = "x".repeat(300);
        let rows = [
            (Some(4_040_010), "Transaction id not found.", "4040010: Transaction id not found."),
            (Some(4_000_006), "No 2000/1 here,\nor 2000%2F1.", "4000006: No … here, or …."),
            (Some(5), "", "5"),
            (None, "Slow down.", "Slow down."),
            (None, "", "no reason given"),
            (None, &long, &long[..LINE]),
        ];
        for (code, message, expected) in rows {
            let error = ApiError { code, message: message.to_owned() };
            assert_eq!(error.describe("2000/1"), expected);
        }
        let error = ApiError { code: None, message: "ab".to_owned() };
        assert_eq!(error.describe(""), "ab");
    }

    #[test]
    fn pauses() {
        const NOW: At = At(1_795_253_400_000);
        let rows = [
            (Some("1795253430000"), Span::seconds(30)),
            (Some(" 1795253400001 "), Span::millis(1)),
            (Some("1795339800000"), Span::days(1)),
            (Some("1795339800001"), Span::days(1)),
            (Some("9223372036854775807"), Span::days(1)),
            (Some("1795253400000"), USUAL_PAUSE),
            (Some("1795253399999"), USUAL_PAUSE),
            (Some("30"), USUAL_PAUSE),
            (Some("-1"), USUAL_PAUSE),
            (Some("99999999999999999999"), USUAL_PAUSE),
            (Some("1795253430000.5"), USUAL_PAUSE),
            (Some("Sat, 21 Nov 2026 09:30:00 GMT"), USUAL_PAUSE),
            (Some(""), USUAL_PAUSE),
            (None, USUAL_PAUSE),
        ];
        for (header, expected) in rows {
            assert_eq!(pause(header, NOW), expected, "{header:?}");
        }
    }
}
