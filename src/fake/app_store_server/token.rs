//! The bearer token of a request, checked as Apple does ("Generating JSON Web Tokens for API requests").

use crate::domain::at::At;
use crate::fake::token::{Claims, Key};

const LONGEST_LIFE_SECONDS: i64 = 3600;

/// Whether the token allows requests about this app now. `iat` may be missing: a library of Apple's leaves it out.
pub fn accepts(key: &Key, token: &str, bundle_id: &str, now: At) -> bool {
    let Some(claims) = Claims::read(key, token, now) else { return false };
    key.issuer.is_some()
        && claims.iss == key.issuer
        && claims.bid.as_deref() == Some(bundle_id)
        && claims.lives(LONGEST_LIFE_SECONDS, now)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    pub use crate::fake::token::tests::{ISSUER, NOW, key};
    use crate::fake::token::tests::{sign, with};
    use serde_json::{Value, json};

    pub const BUNDLE: &str = "com.example.alma";

    fn claims() -> Value {
        let now = NOW.0 / 1000;
        json!({"iss": ISSUER, "iat": now, "exp": now + 3600, "aud": "appstoreconnect-v1", "bid": BUNDLE})
    }
    pub fn token_with(changes: Value) -> String {
        sign(7, "KEYFORTEST", &with(claims(), changes))
    }

    #[test]
    fn claims_are_checked_one_by_one() {
        let now = NOW.0 / 1000;
        for (changes, allowed) in [
            (json!({}), true),
            (json!({"exp": now + 3601}), false),
            (json!({"exp": now}), false),
            (json!({"iat": now - 3600, "exp": now}), false),
            (json!({"iat": now - 3599, "exp": now + 1}), true),
            (json!({"iat": now - 3600, "exp": now + 1}), false),
            (json!({"iat": now + 600, "exp": now + 900}), false),
            (json!({"iat": null}), true),
            (json!({"iat": null, "exp": now + 3601}), false),
            (json!({"exp": null}), false),
            (json!({"iss": null}), false),
            (json!({"iss": "someone-else"}), false),
            (json!({"iss": null, "sub": "user"}), false),
            (json!({"aud": "appstoreconnect-v2"}), false),
            (json!({"aud": ["appstoreconnect-v1"]}), false),
            (json!({"bid": null}), false),
            (json!({"bid": "com.example.other"}), false),
        ] {
            let token = token_with(changes.clone());
            assert_eq!(accepts(&key(Some(ISSUER)), &token, BUNDLE, NOW), allowed, "{changes}");
        }
        for (seed, kid, allowed) in [(7, "KEYFORTEST", true), (8, "KEYFORTEST", false), (7, "OTHERKEYID", false)] {
            let token = sign(seed, kid, &claims());
            assert_eq!(accepts(&key(Some(ISSUER)), &token, BUNDLE, NOW), allowed, "{seed} {kid}");
        }
        assert!(!accepts(&key(None), &token_with(json!({"iss": null, "sub": "user"})), BUNDLE, NOW));
    }
}
