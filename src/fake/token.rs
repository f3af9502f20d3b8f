//! The bearer token of a request to one of Apple's services, and the key that signs it.

use super::{hex, uuid};
use crate::domain::at::At;
use crate::entropy::Entropy;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use serde::Deserialize;

const AUDIENCE: &str = "appstoreconnect-v1";

/// The public half of a key that was made in App Store Connect.
pub struct Key {
    pub id: String,
    /// The P-256 point, SEC1 or SPKI in DER.
    pub public: Vec<u8>,
    /// None: an individual key, whose tokens have no `iss` and `sub` "user".
    pub issuer: Option<String>,
}

/// A new team key as the web pages hand it out: the private half in PEM, and what the stand-in keeps of it.
pub fn fresh_key(entropy: &dyn Entropy) -> (String, Key) {
    let mut bytes = [0; 32];
    let secret = loop {
        entropy.fill(&mut bytes);
        // Nought, or beyond the curve's order: draw again.
        if let Ok(secret) = p256::SecretKey::from_slice(&bytes) {
            break secret;
        }
    };
    let pem = secret.to_pkcs8_pem(LineEnding::LF).expect("every P-256 key can be written as PEM").to_string();
    let public = secret.public_key().to_sec1_bytes().to_vec();
    let id = hex(&public[1..6]).to_uppercase();
    let issuer = Some(uuid(&[b"issuer", &public]));
    (pem, Key { id, public, issuer })
}

#[derive(Deserialize)]
pub(super) struct Claims {
    pub iss: Option<String>,
    pub sub: Option<String>,
    pub aud: String,
    pub iat: Option<i64>,
    pub exp: i64,
    /// App Store Connect: the requests that the token is for.
    pub scope: Option<Vec<String>>,
    /// App Store Server: the app that it is for.
    pub bid: Option<String>,
}

impl Claims {
    /// What the token claims, if this key signed it for Apple and it is not over.
    pub fn read(key: &Key, token: &str, now: At) -> Option<Claims> {
        let mut checks = Validation::new(Algorithm::ES256);
        checks.set_audience(&[AUDIENCE]);
        checks.validate_exp = false; // against the stand-in's clock, below
        let token = decode::<Claims>(token, &DecodingKey::from_ec_der(&key.public), &checks).ok()?;
        let (claims, now) = (token.claims, now.0.div_euclid(1000));
        let current = claims.iat.is_none_or(|iat| iat <= now.saturating_add(60)) && now < claims.exp;
        let known = token.header.kid.as_ref() == Some(&key.id) && claims.aud == AUDIENCE;
        (known && current).then_some(claims)
    }
    /// Whether it lives this long at most, from `iat`, or else from now.
    pub fn lives(&self, longest_seconds: i64, now: At) -> bool {
        let from = self.iat.unwrap_or(now.0.div_euclid(1000));
        (1..=longest_seconds).contains(&self.exp.saturating_sub(from))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    pub const ISSUER: &str = "11111111-2222-3333-4444-555555555555";
    pub const NOW: At = At(1_790_000_000_000);

    pub fn secret(seed: u8) -> p256::SecretKey {
        p256::SecretKey::from_slice(&[seed; 32]).unwrap()
    }
    pub fn key(issuer: Option<&str>) -> Key {
        let public = secret(7).public_key().to_sec1_bytes().to_vec();
        Key { id: "KEYFORTEST".into(), public, issuer: issuer.map(str::to_owned) }
    }
    pub fn sign(seed: u8, kid: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.into());
        let der = secret(seed).to_pkcs8_der().unwrap();
        encode(&header, claims, &EncodingKey::from_ec_der(der.as_bytes())).unwrap()
    }
    /// Changed claims; null takes one away.
    pub fn with(mut claims: Value, changes: Value) -> Value {
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    #[test]
    fn a_fresh_key_signs_what_its_own_half_accepts() {
        let entropy = SeededEntropy::new(1);
        let ((pem, key), (_, other)) = (fresh_key(&entropy), fresh_key(&entropy));
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id.clone());
        let claims = json!({"iss": key.issuer, "aud": AUDIENCE, "exp": NOW.0 / 1000 + 60});
        let token = encode(&header, &claims, &EncodingKey::from_ec_pem(pem.as_bytes()).unwrap()).unwrap();
        let claims = Claims::read(&key, &token, NOW).unwrap();
        assert_eq!(claims.iss, key.issuer);
        assert!(claims.lives(60, NOW) && !claims.lives(59, NOW));
        let stranger = Key { public: other.public, ..key };
        assert!(Claims::read(&stranger, &token, NOW).is_none());
    }
}
