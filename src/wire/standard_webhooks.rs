//! What we send to the team's own server, signed as Standard Webhooks 1.0: HMAC-SHA256 over the message's id, the time
//! of the attempt and the raw body.

use super::hook::mac;
use crate::domain::at::At;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::ops::RangeInclusive;

pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

const PREFIX: &str = "whsec_";
/// An empty key would sign as well, and so would anybody.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a signing secret is whsec_ and the base64 of 24 to 64 bytes")]
    Secret,
    #[error("there is no key to sign with")]
    NoKey,
    #[error("the id of a webhook is visible ASCII without a dot")]
    Id,
}

/// The bytes that a secret's text stands for.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// With `whsec_` or without. The base64 is that of the libraries, padded: what they cannot read must not be signed
    /// with.
    pub fn parse(secret: &str) -> Result<SigningKey, Fault> {
        let key = STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).map_err(|_| Fault::Secret)?;
        if KEY_BYTES.contains(&key.len()) { Ok(SigningKey(key)) } else { Err(Fault::Secret) }
    }
}

/// The values of the three headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    pub id: String,
    /// Unix seconds.
    pub timestamp: String,
    /// `v1,…` for each key, with a blank between them.
    pub signature: String,
}

impl Headers {
    pub fn named(self) -> [(&'static str, String); 3] {
        [(ID, self.id), (TIMESTAMP, self.timestamp), (SIGNATURE, self.signature)]
    }
}

/// Signs with one key, or with two while one is being replaced. The id stays over all attempts; the time is the
/// attempt's.
pub fn sign(keys: &[SigningKey], id: &str, at: At, body: &[u8]) -> Result<Headers, Fault> {
    // With a dot in it, the bytes that are signed could be read as another id, time and body.
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic() && b != b'.') {
        return Err(Fault::Id);
    }
    let timestamp = at.0.div_euclid(1_000).to_string();
    let signed = |key: &SigningKey| {
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        mac(&key.0, &parts).map(|mac| format!("v1,{}", STANDARD.encode(mac)))
    };
    let signatures = keys.iter().map(signed).collect::<Option<Vec<_>>>().filter(|all| !all.is_empty());
    let signature = signatures.ok_or(Fault::NoKey)?.join(" ");
    Ok(Headers { id: id.to_owned(), timestamp, signature })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::Span;
    use standardwebhooks::{Webhook, WebhookError};

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const AT: At = At(1_649_367_553_000);
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const GOOD: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    fn keys(secrets: &[&str]) -> Vec<SigningKey> {
        secrets.iter().map(|secret| SigningKey::parse(secret).unwrap()).collect()
    }

    #[test]
    fn secrets() {
        let bytes = |n: usize| STANDARD.encode(vec![0xfb; n]);
        let rows = [
            (SECRET.to_owned(), true),
            (SECRET["whsec_".len()..].to_owned(), true),
            (bytes(24), true),
            (bytes(25), true),
            (bytes(64), true),
            (format!("whsec_{}", bytes(64)), true),
            (bytes(23), false),
            (bytes(65), false),
            (bytes(25).trim_end_matches('=').to_owned(), false),
            (bytes(24).replace('+', "-").replace('/', "_"), false),
            (format!("whsec_whsec_{}", bytes(24)), false),
            (format!("whsk_{}", bytes(32)), false),
            (format!("WHSEC_{}", bytes(24)), false),
            (format!(" {SECRET}"), false),
            (format!("{SECRET}\n"), false),
            ("whsec_".to_owned(), false),
            ("a secret that is no base64 at all".to_owned(), false),
            (String::new(), false),
        ];
        for (secret, good) in rows {
            let key = SigningKey::parse(&secret);
            assert_eq!(key.as_ref().err(), (!good).then_some(&Fault::Secret), "{secret}");
            // What we sign with, the receiver's library reads.
            assert!(!good || Webhook::new(&secret).is_ok(), "{secret}");
        }
        assert_eq!(format!("{:?}", keys(&[SECRET])), "[SigningKey(…)]");
    }

    #[test]
    fn the_reference() {
        let headers = sign(&keys(&[SECRET]), MESSAGE, AT, BODY).unwrap();
        let [id, timestamp, signature] = headers.named();
        assert_eq!(id, ("webhook-id", MESSAGE.to_owned()));
        assert_eq!(timestamp, ("webhook-timestamp", "1649367553".to_owned()));
        assert_eq!(signature, ("webhook-signature", GOOD.to_owned()));
    }

    #[test]
    fn each_key_signs() {
        let signature = |secrets: &[&str]| sign(&keys(secrets), MESSAGE, AT, BODY).map(|headers| headers.signature);
        let other = Webhook::new(OTHER).unwrap().sign(MESSAGE, 1_649_367_553, BODY).unwrap();
        let rows: [(&[&str], Result<String, Fault>); 4] = [
            (&[SECRET], Ok(GOOD.to_owned())),
            (&[SECRET, OTHER], Ok(format!("{GOOD} {other}"))),
            (&[OTHER, SECRET], Ok(format!("{other} {GOOD}"))),
            (&[], Err(Fault::NoKey)),
        ];
        for (secrets, expected) in rows {
            assert_eq!(signature(secrets), expected);
        }
    }

    #[test]
    fn ids_and_times() {
        let rows = [
            ("a", AT, Ok("1649367553")),
            ("~!,;:/", AT.plus(Span::millis(999)), Ok("1649367553")),
            ("a", At(0), Ok("0")),
            ("", AT, Err(Fault::Id)),
            ("a.b", AT, Err(Fault::Id)),
            (".", AT, Err(Fault::Id)),
            ("a b", AT, Err(Fault::Id)),
            ("a\n", AT, Err(Fault::Id)),
            ("a\0", AT, Err(Fault::Id)),
            ("a\u{7f}", AT, Err(Fault::Id)),
            ("ä", AT, Err(Fault::Id)),
        ];
        for (id, at, expected) in rows {
            let got = sign(&keys(&[SECRET]), id, at, BODY).map(|headers| headers.timestamp);
            assert_eq!(got, expected.map(str::to_owned), "{id:?}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // the official verifier reads the clock itself
    fn the_official_verifier_agrees() {
        let now = At(jiff::Timestamp::now().as_millisecond());
        let verified = |secret: &str, at: At, body: &[u8]| {
            let headers = sign(&keys(&[OTHER, SECRET]), MESSAGE, at, BODY).unwrap().named();
            let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            Webhook::new(secret).unwrap().verify(body, &headers.into_iter().collect())
        };
        let stranger = format!("whsec_{}", STANDARD.encode([7; 32]));
        assert!(verified(SECRET, now, BODY).is_ok());
        assert!(verified(OTHER, now, BODY).is_ok());
        assert!(matches!(verified(&stranger, now, BODY), Err(WebhookError::InvalidSignature)));
        assert!(matches!(verified(SECRET, now, &BODY[1..]), Err(WebhookError::InvalidSignature)));
        let (old, early) = (now.minus(Span::minutes(6)), now.plus(Span::minutes(6)));
        assert!(matches!(verified(SECRET, old, BODY), Err(WebhookError::TimestampTooOldError)));
        assert!(matches!(verified(SECRET, early, BODY), Err(WebhookError::FutureTimestampError)));
    }
}
