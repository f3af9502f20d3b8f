//! The signatures on webhooks, HMAC-SHA256: RevenueCat's over the time of sending and the raw body, Tremendous' over the
//! raw body alone.

use crate::domain::at::{At, Span};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

pub const REVENUECAT_SIGNATURE: &str = "x-revenuecat-webhook-signature";
pub const TREMENDOUS_SIGNATURE: &str = "tremendous-webhook-signature";

/// Every attempt is signed anew, so this need not cover RevenueCat's waits between attempts.
const TOLERANCE: Span = Span::minutes(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("the signature header is not of the form t=…,v1=…")]
    Malformed,
    #[error("the signature's time is more than five minutes from now")]
    Stale,
    #[error("the signature does not match")]
    Mismatch,
}

/// Holds when any `v1` of the header is that of the body: there may be several while a secret is being replaced.
pub fn revenuecat_signature_holds(header: &str, secret: &[u8], body: &[u8], now: At) -> Result<(), SignatureFault> {
    let (sent, signatures) = parts(header).ok_or(SignatureFault::Malformed)?;
    let seconds: i64 = sent.parse().map_err(|_| SignatureFault::Malformed)?;
    if now.apart(At(seconds.saturating_mul(1_000))) > TOLERANCE {
        return Err(SignatureFault::Stale);
    }
    let expected = mac(secret, &[sent.as_bytes(), b".", body]).ok_or(SignatureFault::Mismatch)?;
    let holds = signatures.iter().fold(Choice::from(0), |any, given| any | expected.ct_eq(given));
    if bool::from(holds) { Ok(()) } else { Err(SignatureFault::Mismatch) }
}

/// There is no time in it: what stops a replay is the event's own id.
pub fn tremendous_signature_holds(header: &str, key: &[u8], body: &[u8]) -> bool {
    let Some(given) = header.strip_prefix("sha256=").and_then(unhex) else { return false };
    mac(key, &[body]).is_some_and(|expected| expected.ct_eq(&given).into())
}

pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}

/// The time as it was signed, and the signatures.
fn parts(header: &str) -> Option<(&str, Vec<[u8; 32]>)> {
    let mut sent = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", time) if sent.is_none() && !time.is_empty() && time.bytes().all(|b| b.is_ascii_digit()) => {
                sent = Some(time);
            }
            ("t", _) => return None,
            ("v1", signature) => signatures.push(unhex(signature)?),
            _ => {}
        }
    }
    sent.filter(|_| !signatures.is_empty()).map(|sent| (sent, signatures))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 2 * out.len() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"test_signing_secret";
    const BODY: &[u8] = br#"{"api_version":"1.0","event":{"id":"12345678-1234-1234-1234-123456789012","type":"TEST"}}"#;
    const GOOD: &str = "c8973b8e3489b488b4bb66a8b79287ada686405c820781853f210fa89578e5b0";
    const NOW: At = At(1_700_000_000_000);

    fn check(header: &str, now: At, expected: Result<(), SignatureFault>) {
        assert_eq!(revenuecat_signature_holds(header, SECRET, BODY, now), expected, "{header}");
    }

    #[test]
    fn headers() {
        use SignatureFault::*;
        let other = "0".repeat(64);
        let rows = [
            (format!("t=1700000000,v1={GOOD}"), Ok(())),
            (format!("v1={GOOD},t=1700000000"), Ok(())),
            (format!("t=1700000000, v1={GOOD}"), Ok(())),
            (format!("t=1700000000,v1={other},v1={GOOD}"), Ok(())),
            (format!("t=1700000000,v1={GOOD},v1={other}"), Ok(())),
            (format!("t=1700000000,v0=abc,v1={GOOD}"), Ok(())),
            (format!("t=1700000000,v1={other}"), Err(Mismatch)),
            (format!("t=1700000001,v1={GOOD}"), Err(Mismatch)),
            (format!("t=01700000000,v1={GOOD}"), Err(Mismatch)),
            (format!("t=1700000000,v1={}", &GOOD[..62]), Err(Malformed)),
            (format!("t=1700000000,v1={GOOD}00"), Err(Malformed)),
            (format!("t=1700000000,t=1700000000,v1={GOOD}"), Err(Malformed)),
            (format!("t=,v1={GOOD}"), Err(Malformed)),
            (format!("t=-1700000000,v1={GOOD}"), Err(Malformed)),
            (format!("t=99999999999999999999,v1={GOOD}"), Err(Malformed)),
            (format!("t=9223372036854775807,v1={GOOD}"), Err(Stale)),
            (format!("v1={GOOD}"), Err(Malformed)),
            ("t=1700000000".to_owned(), Err(Malformed)),
            (format!("t=1700000000,v1={}", "é".repeat(32)), Err(Malformed)),
            (GOOD.to_owned(), Err(Malformed)),
            (String::new(), Err(Malformed)),
        ];
        for (header, expected) in rows {
            check(&header, NOW, expected);
        }
    }

    #[test]
    fn five_minutes_either_way() {
        let header = format!("t=1700000000,v1={GOOD}");
        let rows = [
            (NOW.plus(Span::minutes(5)), Ok(())),
            (NOW.minus(Span::minutes(5)), Ok(())),
            (NOW.plus(Span::millis(300_001)), Err(SignatureFault::Stale)),
            (NOW.minus(Span::millis(300_001)), Err(SignatureFault::Stale)),
            (At(i64::MIN), Err(SignatureFault::Stale)),
        ];
        for (now, expected) in rows {
            check(&header, now, expected);
        }
    }

    #[test]
    fn every_bit_counts() {
        let header = format!("t=1700000000,v1={GOOD}");
        let flipped = |bytes: &[u8], bit: usize| {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        let mismatch = Err(SignatureFault::Mismatch);
        for bit in 0..BODY.len() * 8 {
            assert_eq!(revenuecat_signature_holds(&header, SECRET, &flipped(BODY, bit), NOW), mismatch);
        }
        for bit in 0..SECRET.len() * 8 {
            assert_eq!(revenuecat_signature_holds(&header, &flipped(SECRET, bit), BODY, NOW), mismatch);
        }
        for bit in 0..256 {
            let tag: String = flipped(&unhex(GOOD).unwrap(), bit).iter().map(|b| format!("{b:02x}")).collect();
            check(&format!("t=1700000000,v1={tag}"), NOW, mismatch);
        }
    }

    #[test]
    fn of_tremendous() {
        let key = b"tremendous_private_key";
        let body = br#"{"event":"REWARDS.DELIVERY.SUCCEEDED","uuid":"5ccc7bb1-7659-4e23-a407-77d8cd9c62f5"}"#;
        let good = "0840c1d2fbbac5d3a6006362a1230f45fa1ff0dc77ec6b6622c443b85e3d40f7";
        let rows = [
            (format!("sha256={good}"), true),
            (format!("sha256={}", good.to_uppercase()), true),
            (format!("sha256={}", "0".repeat(64)), false),
            (format!("sha256={}", &good[..62]), false),
            (format!("sha256={good}00"), false),
            (format!("sha256={good},sha256={good}"), false),
            (format!("sha256= {good}"), false),
            (format!("sha256={}", "é".repeat(32)), false),
            (format!("sha1={good}"), false),
            (format!("SHA256={good}"), false),
            (good.to_owned(), false),
            ("sha256=".to_owned(), false),
            (String::new(), false),
        ];
        for (header, expected) in rows {
            assert_eq!(tremendous_signature_holds(&header, key, body), expected, "{header}");
        }
        let header = format!("sha256={good}");
        assert!(!tremendous_signature_holds(&header, b"tremendous_private_kez", body));
        assert!(!tremendous_signature_holds(&header, b"", body));
        assert!(!tremendous_signature_holds(&header, key, &body[1..]));
    }
}
