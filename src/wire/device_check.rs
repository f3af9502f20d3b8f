//! DeviceCheck: two bits of a device that Apple keeps for a developer team, whatever was erased on the device
//! (Apple, Accessing and modifying per-device data).

use super::private_key::{CannotSign, PrivateKey};
use crate::domain::at::{At, Span};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

pub const QUERY_PATH: &str = "/v1/query_two_bits";
pub const UPDATE_PATH: &str = "/v1/update_two_bits";

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Signing(#[from] CannotSign),
    #[error("the answer is not what DeviceCheck documents: {0}")]
    Shape(&'static str),
    #[error("a device token is base64 without line breaks")]
    DeviceToken,
}

/// Both are shared by all apps of the team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Bits {
    pub bit0: bool,
    pub bit1: bool,
}

/// How far ahead of Apple's clock ours may be.
const SKEW: Span = Span::minutes(1);

/// A bearer token for one request. Apple tells its age by `iat`: there is no `exp`, and no `aud`.
pub fn token(key: &PrivateKey, key_id: &str, team_id: &str, now: At) -> Result<String, Fault> {
    let issued = now.minus(SKEW).0.div_euclid(1_000);
    Ok(key.token(key_id, &json!({"iss": team_id, "iat": issued}))?)
}

/// Apple names no limit; this bounds what is taken in.
const LONGEST: usize = 8 << 10;

/// Whether a text can be what `DCDevice.generateToken` gave, in base64.
pub fn is_device_token(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && STANDARD.decode(text).is_ok()
}

pub fn query_body(device_token: &str, transaction_id: &str, now: At) -> Result<Vec<u8>, Fault> {
    Ok(question(device_token, transaction_id, now)?.to_string().into_bytes())
}

pub fn update_body(device_token: &str, transaction_id: &str, now: At, bits: Bits) -> Result<Vec<u8>, Fault> {
    let mut body = question(device_token, transaction_id, now)?;
    body["bit0"] = json!(bits.bit0);
    body["bit1"] = json!(bits.bit1);
    Ok(body.to_string().into_bytes())
}

fn question(device_token: &str, transaction_id: &str, now: At) -> Result<Value, Fault> {
    if !is_device_token(device_token) {
        return Err(Fault::DeviceToken);
    }
    Ok(json!({"device_token": device_token, "transaction_id": transaction_id, "timestamp": now.0}))
}

/// A device that nobody wrote yet is answered with 200 and a text: the one that is sent, and the one of Apple's table.
const NEVER_WRITTEN: [&str; 2] = ["Failed to find bit state", "Bit State Not Found"];

/// The answer to [`QUERY_PATH`]. When the bits were last written is left out: Apple says no more than the month.
pub fn bits(body: &[u8]) -> Result<Bits, Fault> {
    let text = body.trim_ascii();
    if NEVER_WRITTEN.iter().any(|known| text.eq_ignore_ascii_case(known.as_bytes())) {
        return Ok(Bits::default());
    }
    serde_json::from_slice(text).map_err(|_| Fault::Shape("no state of two bits"))
}

/// The answer to [`UPDATE_PATH`] is empty; a text is of somebody in between.
pub fn is_updated(body: &[u8]) -> Result<(), Fault> {
    if body.trim_ascii().is_empty() { Ok(()) } else { Err(Fault::Shape("an update is answered by an empty body")) }
}

/// The longest line that is passed on, and the longest word: Apple's are short, and a part of a device token is not.
const LINE: usize = 240;
const WORD: usize = 24;

/// What an error says, as one line for a log and without the device token. Its wording changes: nothing follows from it.
pub fn reason(body: &[u8], device_token: &str) -> String {
    let text = String::from_utf8_lossy(body);
    if text.trim().is_empty() || text.trim_start().starts_with('<') {
        return "no reason given".to_owned();
    }
    let shown = |word: &str| !word.contains(device_token) && word.len() <= WORD;
    let words: Vec<&str> = text.split_whitespace().map(|word| if shown(word) { word } else { "…" }).collect();
    words.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::private_key::tests::{key, opened};

    const NOW: At = At(1_795_253_400_500);

    #[test]
    fn tokens() {
        let (header, claims) = opened(&token(&key(), "KEY1", "A1B2C3D4E5", NOW).unwrap());
        assert_eq!(header, json!({"alg": "ES256", "kid": "KEY1", "typ": "JWT"}));
        assert_eq!(claims, json!({"iss": "A1B2C3D4E5", "iat": 1_795_253_340}));
        for now in [At(0), At(i64::MAX), At(i64::MIN)] {
            assert!(token(&key(), "KEY1", "A1B2C3D4E5", now).is_ok());
        }
    }

    #[test]
    fn device_tokens() {
        let rows = [
            ("AAAA", true),
            ("AgAAA+8=", true),
            ("AgAAA+/=", false),
            ("AgAAAA==", true),
            ("", false),
            ("A", false),
            ("AgAAAA", false),
            ("AgAAAA=", false),
            ("AAAA====", false),
            ("AgAA_-8=", false),
            ("AAAA\nAAAA", false),
            ("AAAA\r\n", false),
            (" AAAA", false),
            ("{AAA", false),
            ("ÄAAA", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_device_token(text), expected, "{text:?}");
        }
        assert!(is_device_token(&"A".repeat(LONGEST)));
        assert!(!is_device_token(&"A".repeat(LONGEST + 4)));
    }

    #[test]
    fn bodies() {
        let read = |body: Result<Vec<u8>, Fault>| serde_json::from_slice::<Value>(&body.unwrap()).unwrap();
        let expected = json!({"device_token": "AgA/", "transaction_id": "t-1", "timestamp": 1_795_253_400_500_i64});
        assert_eq!(read(query_body("AgA/", "t-1", NOW)), expected);
        for (bit0, bit1) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut expected = expected.clone();
            expected["bit0"] = json!(bit0);
            expected["bit1"] = json!(bit1);
            assert_eq!(read(update_body("AgA/", "t-1", NOW, Bits { bit0, bit1 })), expected);
        }
        for odd in ["", "not base64", "AgA/\n"] {
            assert_eq!(query_body(odd, "t-1", NOW), Err(Fault::DeviceToken));
            assert_eq!(update_body(odd, "t-1", NOW, Bits::default()), Err(Fault::DeviceToken));
        }
    }

    #[test]
    fn states() {
        let of = |bit0, bit1| Ok(Bits { bit0, bit1 });
        let none = of(false, false);
        let shape = Err(Fault::Shape("no state of two bits"));
        let rows = [
            (r#"{"bit0":true,"bit1":false,"last_update_time":"2026-11"}"#, of(true, false)),
            (r#"{"bit0":false,"bit1":true,"last_update_time":"2026-11","new":[1]}"#, of(false, true)),
            ("{\"bit0\":true,\"bit1\":true}\n", of(true, true)),
            ("Failed to find bit state", none),
            ("failed to FIND bit state\r\n", none),
            (" Bit State Not Found ", none),
            ("bit state not found", none),
            ("Failed to find bit state.", shape),
            ("\"Failed to find bit state\"", shape),
            ("Missing or badly formatted device token", shape),
            (r#"{"bit0":true}"#, shape),
            (r#"{"bit0":1,"bit1":0}"#, shape),
            (r#"{"bit0":null,"bit1":false}"#, shape),
            ("{}", shape),
            ("null", shape),
            ("<html>", shape),
            ("", shape),
        ];
        for (body, expected) in rows {
            assert_eq!(bits(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(bits(&[0xff, 0xfe]), shape);
    }

    #[test]
    fn updates() {
        let rows = [("", true), ("\r\n", true), ("{}", false), ("Failed to find bit state", false), ("<html>", false)];
        for (body, expected) in rows {
            assert_eq!(is_updated(body.as_bytes()).is_ok(), expected, "{body}");
        }
    }

    #[test]
    fn reasons() {
        let rows = [
            ("Missing or badly formatted device token", "Missing or badly formatted device token"),
            ("Unable to verify\r\nauthorization token\n", "Unable to verify authorization token"),
            ("Bad Device Token: AgA/", "Bad Device Token: …"),
            ("Bad token=\"AgA/\", sorry", "Bad … sorry"),
            ("AgAAAA0123456789012345678 is half of it", "… is half of it"),
            ("a\u{1b}[31mred", "a [31mred"),
            ("", "no reason given"),
            (" \n", "no reason given"),
            ("<!doctype html><title>Sign in</title>", "no reason given"),
        ];
        for (body, expected) in rows {
            assert_eq!(reason(body.as_bytes(), "AgA/"), expected, "{body}");
        }
        assert_eq!(reason("so it is ".repeat(50).as_bytes(), "AgA/").chars().count(), LINE);
        assert_eq!(reason(b"\xff\xfe", "AgA/"), "\u{fffd}\u{fffd}");
    }
}
