//! The bearer token of a request, checked as Apple does ("Generating Tokens for API Requests").

use crate::domain::at::At;
use crate::fake::token::{Claims, Key};
use axum::http::Method;

const LONGEST_LIFE_SECONDS: i64 = 1200;

/// Whether the token allows this request now. `target` is path and query.
pub fn accepts(key: &Key, token: &str, method: &Method, target: &str, now: At) -> bool {
    let Some(claims) = Claims::read(key, token, now) else { return false };
    let bearer = match &key.issuer {
        Some(issuer) => claims.iss.as_ref() == Some(issuer),
        None => claims.iss.is_none() && claims.sub.as_deref() == Some("user"),
    };
    bearer
        && claims.iat.is_some()
        && claims.lives(LONGEST_LIFE_SECONDS, now)
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
    pub use crate::fake::token::tests::{ISSUER, NOW, key, sign};
    use crate::fake::token::tests::{secret, with};
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use p256::pkcs8::EncodePublicKey;
    use serde_json::{Value, json};

    pub fn claims() -> Value {
        claims_at(NOW)
    }
    fn claims_at(now: At) -> Value {
        let now = now.0 / 1000;
        json!({"iss": ISSUER, "iat": now, "exp": now + 1200, "aud": "appstoreconnect-v1"})
    }
    pub fn token(now: At) -> String {
        sign(7, "KEYFORTEST", &claims_at(now))
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
            let token = sign(7, "KEYFORTEST", &with(claims(), changes.clone()));
            assert_eq!(accepts(&key(Some(ISSUER)), &token, &Method::GET, "/v1/x?limit=3", NOW), allowed, "{changes}");
        }
        let individual = [
            (json!({"iss": null, "sub": "user"}), true),
            (json!({"iss": null}), false),
            (json!({"iss": null, "sub": "admin"}), false),
            (json!({"sub": "user"}), false),
        ];
        for (changes, allowed) in individual {
            let token = sign(7, "KEYFORTEST", &with(claims(), changes.clone()));
            assert_eq!(accepts(&key(None), &token, &Method::GET, "/", NOW), allowed, "{changes}");
        }
    }

    #[test]
    fn signature_key_and_algorithm_are_checked() {
        let good = token(NOW);
        let spki = secret(7).public_key().to_public_key_der().unwrap().as_bytes().to_vec();
        let key = key(Some(ISSUER));
        let ask = |key: &Key, token: &str| accepts(key, token, &Method::POST, "/", NOW);
        assert!(ask(&key, &good));
        assert!(ask(&Key { public: spki, id: key.id.clone(), issuer: key.issuer.clone() }, &good));
        let hmac = encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(&key.public)).unwrap();
        let scoped = sign(7, "KEYFORTEST", &with(claims(), json!({"scope": ["POST /", "GET /"]})));
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
