//! The user's own token: a JWT that the team's backend signed. Keys come from a file, a secret, or a
//! key set that changes over time.

use crate::domain::at::{At, Span};
use crate::domain::id::{BadUserId, UserId};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use std::sync::RwLock;
use tokio::sync::{Notify, watch};

/// Clocks of two machines differ.
const LEEWAY: Span = Span::seconds(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the token is no JWT signed with the configured algorithm and key")]
    Invalid,
    #[error("the token has expired or is not valid yet")]
    Time,
    #[error("the token's issuer, audience or claims are not those configured")]
    Claims,
    #[error("the token names a key that is not known")]
    UnknownKey,
    #[error("the keys have not been read yet")]
    NoKeys,
    #[error("the token's user cannot be used: {0}")]
    User(BadUserId),
}

#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    #[error("the key is not a public key of the configured algorithm")]
    NotAKey,
    #[error("the key set cannot be read")]
    NotASet,
}

/// What a token must be like.
pub struct Verifier {
    algorithm: Algorithm,
    validation: Validation,
    user_claim: String,
    keys: Keys,
}

enum Keys {
    Fixed(DecodingKey),
    Set(KeySet),
}

/// Keys that are read from a URL, and read again when a token names one that is not here.
pub struct KeySet {
    keys: RwLock<Option<JwkSet>>,
    wanted: Notify,
    version: watch::Sender<u64>,
}

impl KeySet {
    fn new() -> KeySet {
        KeySet { keys: RwLock::new(None), wanted: Notify::new(), version: watch::Sender::new(0) }
    }
    pub fn replace(&self, body: &[u8]) -> Result<usize, KeyFault> {
        let set: JwkSet = serde_json::from_slice(body).map_err(|_| KeyFault::NotASet)?;
        let count = set.keys.len();
        *self.keys.write().expect("no panic holds this lock") = Some(set);
        self.version.send_modify(|version| *version += 1);
        Ok(count)
    }
    pub fn is_loaded(&self) -> bool {
        self.keys.read().expect("no panic holds this lock").is_some()
    }
    /// Asks for the keys to be read again, and gives the changes to wait for.
    pub fn want(&self) -> watch::Receiver<u64> {
        let changes = self.version.subscribe();
        self.wanted.notify_one();
        changes
    }
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

/// The algorithms a team may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    Es256,
    Rs256,
    EdDsa,
    Hs256,
}

type FromPem = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;

/// Where the key is.
pub enum KeySource<'a> {
    Pem(&'a [u8]),
    Secret(&'a [u8]),
    Url,
}

impl Verifier {
    pub fn new(
        signed_by: SignedBy,
        key: KeySource<'_>,
        issuer: &str,
        audience: &str,
        user_claim: &str,
    ) -> Result<Verifier, KeyFault> {
        let (algorithm, from_pem): (_, FromPem) = match signed_by {
            SignedBy::Es256 => (Algorithm::ES256, DecodingKey::from_ec_pem),
            SignedBy::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem),
            SignedBy::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_pem),
            SignedBy::Hs256 => (Algorithm::HS256, |secret| Ok(DecodingKey::from_secret(secret))),
        };
        let keys = match key {
            KeySource::Pem(pem) => Keys::Fixed(from_pem(pem).map_err(|_| KeyFault::NotAKey)?),
            KeySource::Secret(secret) => Keys::Fixed(DecodingKey::from_secret(secret)),
            KeySource::Url => Keys::Set(KeySet::new()),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        // The library would read the system's clock; the times are checked below against ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Verifier { algorithm, validation, user_claim: user_claim.to_owned(), keys })
    }

    pub fn key_set(&self) -> Option<&KeySet> {
        match &self.keys {
            Keys::Set(set) => Some(set),
            Keys::Fixed(_) => None,
        }
    }

    /// The user that a token proves.
    pub fn user(&self, token: &str, now: At) -> Result<UserId, TokenFault> {
        let header = decode_header(token).map_err(|_| TokenFault::Invalid)?;
        if header.alg != self.algorithm {
            return Err(TokenFault::Invalid);
        }
        let claims = match &self.keys {
            Keys::Fixed(key) => self.claims(token, key)?,
            Keys::Set(set) => {
                let key = chosen(set, header.kid.as_deref())?;
                self.claims(token, &key)?
            }
        };
        let seconds = |name: &str| claims.get(name).and_then(Value::as_f64).map(|s| At((s * 1000.0) as i64));
        let expires = seconds("exp").ok_or(TokenFault::Claims)?;
        let begins = if claims.contains_key("nbf") { Some(seconds("nbf").ok_or(TokenFault::Claims)?) } else { None };
        if expires.plus(LEEWAY) <= now || begins.is_some_and(|begins| begins.minus(LEEWAY) > now) {
            return Err(TokenFault::Time);
        }
        let user = claims.get(&self.user_claim).and_then(Value::as_str).ok_or(TokenFault::Claims)?;
        UserId::parse(user).map_err(TokenFault::User)
    }

    fn claims(&self, token: &str, key: &DecodingKey) -> Result<Map<String, Value>, TokenFault> {
        use jsonwebtoken::errors::ErrorKind::{InvalidAudience, InvalidIssuer, MissingRequiredClaim};
        decode(token, key, &self.validation).map(|data| data.claims).map_err(|error| match error.kind() {
            InvalidAudience | InvalidIssuer | MissingRequiredClaim(_) => TokenFault::Claims,
            _ => TokenFault::Invalid,
        })
    }
}

/// The key a token names; a token that names none fits a set of one.
fn chosen(set: &KeySet, kid: Option<&str>) -> Result<DecodingKey, TokenFault> {
    let keys = set.keys.read().expect("no panic holds this lock");
    let keys = keys.as_ref().ok_or(TokenFault::NoKeys)?;
    let found = match (kid, &keys.keys[..]) {
        (Some(kid), _) => keys.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    DecodingKey::from_jwk(found.ok_or(TokenFault::UnknownKey)?).map_err(|_| TokenFault::UnknownKey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes, as HS256 asks";
    const NOW: At = At(1_790_000_000_000);

    fn token(algorithm: Algorithm, claims: &Value) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(SECRET)).unwrap()
    }

    #[test]
    fn what_a_token_must_say() {
        let verifier =
            Verifier::new(SignedBy::Hs256, KeySource::Secret(SECRET), "https://alma.example.com", "referd", "sub")
                .unwrap();
        let now = NOW.0 / 1000;
        let good = json!({"iss": "https://alma.example.com", "aud": "referd", "sub": "u1", "exp": now + 60});
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let without = |name: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        let rows = [
            (good.clone(), Ok("u1")),
            (with("aud", json!(["other", "referd"])), Ok("u1")),
            (with("exp", json!(now - 59)), Ok("u1")),
            (with("exp", json!(now - 60)), Err(TokenFault::Time)),
            (with("exp", json!("soon")), Err(TokenFault::Claims)),
            (with("nbf", json!(now + 61)), Err(TokenFault::Time)),
            (with("iss", json!("https://other.example.com")), Err(TokenFault::Claims)),
            (with("aud", json!("other")), Err(TokenFault::Claims)),
            (with("sub", json!(5)), Err(TokenFault::Claims)),
            (with("sub", json!("null")), Err(TokenFault::User(BadUserId::Forbidden))),
            (without("exp"), Err(TokenFault::Claims)),
            (without("iss"), Err(TokenFault::Claims)),
            (without("aud"), Err(TokenFault::Claims)),
            (without("sub"), Err(TokenFault::Claims)),
        ];
        for (claims, expected) in rows {
            let got = verifier.user(&token(Algorithm::HS256, &claims), NOW);
            assert_eq!(got.as_ref().map(UserId::as_str), expected.as_ref().map(|user| *user), "{claims}");
        }
        let mut other = token(Algorithm::HS256, &good);
        other.pop();
        let none = "eyJhbGciOiJub25lIn0.e30.";
        for bad in [token(Algorithm::HS384, &good), other, String::new(), "a.b.c".into(), none.into()] {
            assert_eq!(verifier.user(&bad, NOW).unwrap_err(), TokenFault::Invalid, "{bad}");
        }
    }

    #[test]
    fn keys_of_a_set_are_chosen_by_name() {
        let verifier = Verifier::new(SignedBy::Es256, KeySource::Url, "i", "a", "sub").unwrap();
        let header = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0"; // {"alg":"ES256","kid":"k1"}
        let set = verifier.key_set().unwrap();
        assert_eq!(verifier.user(&format!("{header}.e30.AAAA"), NOW).unwrap_err(), TokenFault::NoKeys);
        assert!(set.replace(b"[]").is_err() && !set.is_loaded());
        assert_eq!(set.replace(br#"{"keys":[]}"#).unwrap(), 0);
        assert_eq!(verifier.user(&format!("{header}.e30.AAAA"), NOW).unwrap_err(), TokenFault::UnknownKey);
    }
}
