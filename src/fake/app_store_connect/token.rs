//! The bearer token of a request, checked as Apple does ("Generating Tokens for API Requests").

use crate::domain::at::At;
use crate::entropy::Entropy;
use crate::fake::{hex, uuid};
use axum::http::Method;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use serde::Deserialize;

const LONGEST_LIFE_SECONDS: i64 = 1200;

/// The public half of an App Store Connect API key.
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
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: String,
    iat: i64,
    exp: i64,
    scope: Option<Vec<String>>,
}

/// Whether the token allows this request now. `target` is path and query.
pub fn accepts(key: &Key, token: &str, method: &Method, target: &str, now: At) -> bool {
    let mut checks = Validation::new(Algorithm::ES256);
    checks.set_audience(&["appstoreconnect-v1"]);
    checks.validate_exp = false; // against the stand-in's clock, below
    let Ok(token) = decode::<Claims>(token, &DecodingKey::from_ec_der(&key.public), &checks) else { return false };
    let claims = token.claims;
    let now = now.0.div_euclid(1000);
    let life = claims.exp.saturating_sub(claims.iat);
    let bearer = match &key.issuer {
        Some(issuer) => claims.iss.as_ref() == Some(issuer),
        None => claims.iss.is_none() && claims.sub.as_deref() == Some("user"),
    };
    token.header.kid.as_ref() == Some(&key.id)
        && claims.aud == "appstoreconnect-v1"
        && bearer
        && (1..=LONGEST_LIFE_SECONDS).contains(&life)
        && claims.iat <= now.saturating_add(60)
        && now < claims.exp
        && claims.scope.is_none_or(|scope| scope.iter().any(|entry| covers(entry, method, target)))
}

/// Only GET can be scoped; paging and order do not count.
fn covers(entry: &str, method: &Method, target: &str) -> bool {
    let parts = |target: &str| {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let paging = |name: &str| matches!(name, "" | "limit" | "cursor" | "sort");
        let mut query: Vec<String> = query
            .split('&')
            .filter(|pair| !paging(pair.split('=').next().unwrap_or_default()))
            .map(str::to_owned)
            .collect();
        query.sort();
        (path.to_owned(), query)
    };
    *method == Method::GET && entry.strip_prefix("GET ").is_some_and(|scope| parts(scope) == parts(target))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use p256::pkcs8::EncodePublicKey;
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
    pub fn claims() -> Value {
        let now = NOW.0 / 1000;
        json!({"iss": ISSUER, "iat": now, "exp": now + 1200, "aud": "appstoreconnect-v1"})
    }
    pub fn token() -> String {
        sign(7, "KEYFORTEST", &claims())
    }

    fn with(changes: Value) -> Value {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    #[test]
    fn claims_are_checked_one_by_one() {
        let now = NOW.0 / 1000;
        let team = [
            (json!({}), true),
            (json!({"exp": now + 1201}), false),
            (json!({"exp": now}), false),
            (json!({"iat": now - 1200, "exp": now}), false),
            (json!({"iat": now - 1199, "exp": now + 1}), true),
            (json!({"iat": now + 600, "exp": now + 900}), false),
            (json!({"iat": null}), false),
            (json!({"exp": null}), false),
            (json!({"exp": "soon"}), false),
            (json!({"iss": null}), false),
            (json!({"iss": "someone-else"}), false),
            (json!({"iss": null, "sub": "user"}), false),
            (json!({"aud": "appstoreconnect-v2"}), false),
            (json!({"aud": null}), false),
            (json!({"scope": ["GET /v1/apps"]}), false),
            (json!({"scope": []}), false),
            (json!({"scope": ["GET /v1/x"]}), true),
        ];
        for (changes, allowed) in team {
            let token = sign(7, "KEYFORTEST", &with(changes.clone()));
            assert_eq!(accepts(&key(Some(ISSUER)), &token, &Method::GET, "/v1/x?limit=3", NOW), allowed, "{changes}");
        }
        let individual = [
            (json!({"iss": null, "sub": "user"}), true),
            (json!({"iss": null}), false),
            (json!({"iss": null, "sub": "admin"}), false),
            (json!({"sub": "user"}), false),
        ];
        for (changes, allowed) in individual {
            let token = sign(7, "KEYFORTEST", &with(changes.clone()));
            assert_eq!(accepts(&key(None), &token, &Method::GET, "/", NOW), allowed, "{changes}");
        }
    }

    #[test]
    fn signature_key_and_algorithm_are_checked() {
        let good = token();
        let spki = secret(7).public_key().to_public_key_der().unwrap().as_bytes().to_vec();
        let key = key(Some(ISSUER));
        let ask = |key: &Key, token: &str| accepts(key, token, &Method::POST, "/", NOW);
        assert!(ask(&key, &good));
        assert!(ask(&Key { public: spki, id: key.id.clone(), issuer: key.issuer.clone() }, &good));
        let hmac = encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(&key.public)).unwrap();
        let scoped = sign(7, "KEYFORTEST", &with(json!({"scope": ["POST /", "GET /"]})));
        let (signed, _) = good.rsplit_once('.').unwrap();
        for bad in [
            sign(8, "KEYFORTEST", &claims()),
            sign(7, "OTHERKEYID", &claims()),
            hmac,
            scoped,
            format!("{signed}."),
            signed.to_owned(),
            String::new(),
        ] {
            assert!(!ask(&key, &bad), "{bad}");
        }
    }

    #[test]
    fn a_fresh_key_signs_what_its_own_half_accepts() {
        let entropy = SeededEntropy::new(1);
        let ((pem, key), (_, other)) = (fresh_key(&entropy), fresh_key(&entropy));
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id.clone());
        let mut claims = claims();
        claims["iss"] = key.issuer.clone().into();
        let token = encode(&header, &claims, &EncodingKey::from_ec_pem(pem.as_bytes()).unwrap()).unwrap();
        assert!(accepts(&key, &token, &Method::POST, "/", NOW));
        let stranger = Key { public: other.public, ..key };
        assert!(!accepts(&stranger, &token, &Method::POST, "/", NOW));
    }

    #[test]
    fn a_scope_names_get_requests() {
        for (entry, target, covered) in [
            ("GET /v1/a?x=1&y=2", "/v1/a?y=2&x=1&cursor=c&sort=z", true),
            ("GET /v1/a?x=1", "/v1/a", false),
            ("GET /v1/a", "/v1/a?x=1", false),
            ("get /v1/a", "/v1/a", false),
            ("POST /v1/a", "/v1/a", false),
        ] {
            assert_eq!(covers(entry, &Method::GET, target), covered, "{entry} {target}");
        }
    }
}
