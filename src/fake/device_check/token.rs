//! The bearer token of a request: it names the team, and its age is told by `iat` alone.

use crate::domain::at::At;
use crate::fake::token::Key;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

const OLDEST_SECONDS: i64 = 3600;
/// How far ahead the sender's clock may be.
const SKEW_SECONDS: i64 = 60;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
}

/// Whether this key signed the token for this team within the last hour. Other claims do not matter.
pub fn accepts(key: &Key, team_id: &str, token: &str, now: At) -> bool {
    let mut checks = Validation::new(Algorithm::ES256);
    checks.required_spec_claims.clear();
    checks.validate_exp = false;
    checks.validate_aud = false;
    let Ok(token) = decode::<Claims>(token, &DecodingKey::from_ec_der(&key.public), &checks) else { return false };
    let now = now.0.div_euclid(1000);
    let current = now.saturating_sub(OLDEST_SECONDS)..=now.saturating_add(SKEW_SECONDS);
    token.header.kid.as_ref() == Some(&key.id) && token.claims.iss == team_id && current.contains(&token.claims.iat)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    pub use crate::fake::token::tests::{NOW, key};
    use crate::fake::token::tests::{sign, with};
    use serde_json::{Value, json};

    pub const TEAM: &str = "A1B2C3D4E5";

    fn claims() -> Value {
        json!({"iss": TEAM, "iat": NOW.0 / 1000})
    }
    pub fn token_with(changes: Value) -> String {
        sign(7, "KEYFORTEST", &with(claims(), changes))
    }

    #[test]
    fn claims_are_checked_one_by_one() {
        let now = NOW.0 / 1000;
        for (changes, allowed) in [
            (json!({}), true),
            (json!({"iat": now - 3600}), true),
            (json!({"iat": now - 3601}), false),
            (json!({"iat": now + 60}), true),
            (json!({"iat": now + 61}), false),
            (json!({"iat": NOW.0}), false),
            (json!({"iat": null}), false),
            (json!({"iss": null}), false),
            (json!({"iss": "E5D4C3B2A1"}), false),
            (json!({"aud": "appstoreconnect-v1", "exp": now + 300}), true),
            (json!({"exp": now - 300}), true),
        ] {
            let token = token_with(changes.clone());
            assert_eq!(accepts(&key(None), TEAM, &token, NOW), allowed, "{changes}");
        }
        for (seed, kid, allowed) in [(7, "KEYFORTEST", true), (8, "KEYFORTEST", false), (7, "OTHERKEYID", false)] {
            let token = sign(seed, kid, &claims());
            assert_eq!(accepts(&key(None), TEAM, &token, NOW), allowed, "{seed} {kid}");
        }
        assert!(!accepts(&key(None), TEAM, "no token", NOW));
    }
}
