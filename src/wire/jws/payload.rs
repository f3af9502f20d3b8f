//! When a payload was signed, by its own word. Asked only of payloads whose signature holds.

use super::Fault;
use crate::domain::at::At;
use serde::Deserialize;
use serde_json::Number;

/// Transactions, renewals and notifications have the first, app transactions the second (Apple,
/// JWSTransactionDecodedPayload and AppTransaction).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dates {
    signed_date: Option<Number>,
    receipt_creation_date: Option<Number>,
}

/// Nothing where the payload has no date.
pub fn signed_at(payload: &[u8]) -> Result<Option<At>, Fault> {
    let text = std::str::from_utf8(payload).map_err(|_| Fault::Payload)?;
    // The fields would be read off an array too.
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(Fault::Payload);
    }
    let dates: Dates = serde_json::from_str(text).map_err(|_| Fault::Payload)?;
    dates.signed_date.or(dates.receipt_creation_date).map(|number| millis(&number)).transpose()
}

/// Xcode writes fractions of a millisecond, and Apple's library takes them.
fn millis(number: &Number) -> Result<At, Fault> {
    let whole = number.as_i64().or_else(|| number.as_f64().map(|fraction| fraction as i64));
    whole.map(At).ok_or(Fault::Payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let rows: [(&str, Option<i64>); 9] = [
            (r#"{"signedDate":1662122492884}"#, Some(1_662_122_492_884)),
            (r#"{"receiptCreationDate":7}"#, Some(7)),
            (r#"{"receiptCreationDate":7,"signedDate":9}"#, Some(9)),
            (r#"{"signedDate":null,"receiptCreationDate":7}"#, Some(7)),
            (r#"{"signedDate":1700000000000.75}"#, Some(1_700_000_000_000)),
            (r#"{"signedDate":-1}"#, Some(-1)),
            (r#"{"signedDate":1e300}"#, Some(i64::MAX)),
            (r#"{"data":{"signedDate":5}}"#, None),
            (" \t\r\n{}\n", None),
        ];
        for (payload, expected) in rows {
            assert_eq!(signed_at(payload.as_bytes()), Ok(expected.map(At)), "{payload}");
        }
    }

    #[test]
    fn payloads_that_are_refused() {
        let rows: [&[u8]; 14] = [
            br#"{"signedDate":"1662122492884"}"#,
            br#"{"signedDate":true}"#,
            br#"{"signedDate":{}}"#,
            br#"{"signedDate":1e999}"#,
            br#"{"signedDate":1,"signedDate":1}"#,
            b"[1,2]",
            b"[]",
            b"null",
            b"7",
            br#""{}""#,
            b"",
            b"{}{}",
            b"{\"a\":\"\xff\"}",
            b"\xef\xbb\xbf{}",
        ];
        for payload in rows {
            assert_eq!(signed_at(payload), Err(Fault::Payload), "{}", String::from_utf8_lossy(payload));
        }
    }
}
