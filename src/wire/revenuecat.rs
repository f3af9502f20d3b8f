//! RevenueCat's REST API v1, as far as granted entitlements go.

use super::text;
use crate::domain::at::At;
use crate::domain::grant::Shown;
use crate::domain::id::UserId;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("an id that cannot stand in a path")]
    Id,
    #[error("the answer is no RevenueCat subscriber")]
    Shape,
}

/// An entitlement without a last day.
pub const FOREVER: At = At(i64::MAX);

pub fn grant_path(user: &UserId, entitlement: &str) -> Result<String, Fault> {
    entitlement_path(user, entitlement, "promotional")
}

/// Takes every grant of the entitlement away, those made by hand included.
pub fn revoke_path(user: &UserId, entitlement: &str) -> Result<String, Fault> {
    entitlement_path(user, entitlement, "revoke_promotionals")
}

/// A GET makes the user where RevenueCat knows none.
pub fn subscriber_path(user: &UserId) -> Result<String, Fault> {
    Ok(format!("/v1/subscribers/{}", text::path_segment(user.as_str()).ok_or(Fault::Id)?))
}

/// The App Store's ids of a subscriber's purchases: of each product the last one.
pub fn transactions(body: &[u8]) -> Result<Vec<String>, Fault> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Fault::Shape)?;
    let subscriber = body["subscriber"].as_object().ok_or(Fault::Shape)?;
    let all = |name: &str| subscriber.get(name).and_then(Value::as_object).into_iter().flat_map(|all| all.values());
    let once = all("non_subscriptions").filter_map(Value::as_array).flatten();
    let bought = all("subscriptions")
        .chain(once)
        .filter(|item| item["store"].as_str().is_some_and(|store| matches!(store, "app_store" | "mac_app_store")));
    let id = |item: &Value| match &item["store_transaction_id"] {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    Ok(bought.filter_map(id).collect())
}

fn entitlement_path(user: &UserId, entitlement: &str, verb: &str) -> Result<String, Fault> {
    let user = text::path_segment(user.as_str()).ok_or(Fault::Id)?;
    let entitlement = text::path_segment(entitlement).ok_or(Fault::Id)?;
    Ok(format!("/v1/subscribers/{user}/entitlements/{entitlement}/{verb}"))
}

pub fn grant_body(end: At) -> Vec<u8> {
    json!({"end_time_ms": end.0}).to_string().into_bytes()
}

/// What may follow `rc_promo_{entitlement}_` in a product identifier. Without this list the grants of an
/// entitlement `pro_plus` would pass for grants of `pro`.
const KINDS: &[&str] = &[
    "custom",
    "daily",
    "three_day",
    "weekly",
    "two_week",
    "monthly",
    "two_month",
    "three_month",
    "six_month",
    "yearly",
    "lifetime",
];

/// The furthest end of the entitlement's grants, from a subscriber object.
pub fn promo_end(body: &[u8], entitlement: &str) -> Result<Option<At>, Fault> {
    Ok(grants(body, entitlement)?.into_iter().map(|grant| grant.end).max())
}

/// The entitlement's grants, from a subscriber object. Its `entitlements` show the purchase with the furthest end only,
/// whatever its store, so the grants are read from `subscriptions` too.
pub fn grants(body: &[u8], entitlement: &str) -> Result<Vec<Shown>, Fault> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Fault::Shape)?;
    let subscriber = body["subscriber"].as_object().ok_or(Fault::Shape)?;
    let prefix = format!("rc_promo_{entitlement}_");
    let granted = |product: &str| product.strip_prefix(&prefix).is_some_and(|kind| KINDS.contains(&kind));
    let grants = subscriber.get("subscriptions").and_then(Value::as_object).into_iter().flatten();
    let grants = grants.filter(|(product, grant)| granted(product) && grant["store"] == "promotional");
    let named = subscriber.get("entitlements").and_then(|all| all.get(entitlement));
    let named = named.and_then(|named| Some((named["product_identifier"].as_str()?, named)));
    let named = named.filter(|(product, _)| product.starts_with("rc_promo_"));
    let all = grants.map(|(product, grant)| (product.as_str(), grant)).chain(named);
    let shown = |(product, grant): (&str, &Value)| {
        Some(Shown { end: expires(grant)?, is_custom: product.ends_with("_custom") })
    };
    Ok(all.filter_map(shown).collect())
}

fn expires(item: &Value) -> Option<At> {
    match item.get("expires_date")? {
        Value::Null => Some(FOREVER),
        Value::String(date) => text::parse_rfc3339(date),
        _ => None,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    pub code: Option<i64>,
    pub message: String,
}

/// The longest line that is passed on.
const LINE: usize = 240;

impl ApiError {
    /// Empty when the body is something else.
    pub fn parse(body: &[u8]) -> ApiError {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let code = body["code"].as_i64().or_else(|| body["code"].as_str()?.trim().parse().ok());
        ApiError { code, message: body["message"].as_str().unwrap_or_default().to_owned() }
    }

    /// One line for a log, without the user that the call was about.
    pub fn describe(&self, user: &UserId) -> String {
        let code = self.code.map(|code| format!("code {code}"));
        let message = self.message.replace(user.as_str(), "…").replace(&text::percent_encode(user.as_str()), "…");
        let parts: Vec<String> = code.into_iter().chain((!message.is_empty()).then_some(message)).collect();
        let line = if parts.is_empty() { "no reason given".to_owned() } else { parts.join(": ") };
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purchases_of_a_subscriber() {
        let body = r#"{"subscriber":{"subscriptions":{"monthly":{"store":"app_store","store_transaction_id":"2001"},
            "play":{"store":"play_store","store_transaction_id":"GPA.1"},"odd":{"store":"mac_app_store","store_transaction_id":2003},
            "rc_promo_pro_custom":{"store":"promotional","store_transaction_id":"rc1"},"none":{"store":"app_store"}},
            "non_subscriptions":{"coins":[{"store":"app_store","store_transaction_id":"2002"},{"store":"stripe"}]}}}"#;
        let mut ids = transactions(body.as_bytes()).unwrap();
        ids.sort();
        assert_eq!(ids, ["2001", "2002", "2003"]);
        assert_eq!(transactions(br#"{"subscriber":{}}"#), Ok(vec![]));
        assert_eq!(transactions(b"[]"), Err(Fault::Shape));
    }

    #[test]
    fn paths() {
        let user = |text| UserId::parse(text).unwrap();
        assert_eq!(
            grant_path(&user("$RCAnonymousID:80"), "Team Pro").unwrap(),
            "/v1/subscribers/%24RCAnonymousID%3A80/entitlements/Team%20Pro/promotional"
        );
        assert_eq!(
            revoke_path(&user("jen@example.com"), "pro").unwrap(),
            "/v1/subscribers/jen%40example.com/entitlements/pro/revoke_promotionals"
        );
        assert_eq!(grant_path(&user(".."), "pro"), Err(Fault::Id));
        assert_eq!(grant_path(&user("u"), ""), Err(Fault::Id));
        assert_eq!(grant_body(At(1_795_253_400_000)), br#"{"end_time_ms":1795253400000}"#);
    }

    #[test]
    fn ends() {
        let grant = |end: Value| json!({"store": "promotional", "expires_date": end, "period_type": "normal"});
        let early = "2026-11-21T09:30:00Z";
        let late = "2027-05-01T00:00:00Z";
        let at = |text| text::parse_rfc3339(text);
        let shown = |product: &str, end: Value| json!({"pro": {"product_identifier": product, "expires_date": end}});
        let rows = [
            ("custom", json!({"rc_promo_pro_custom": grant(early.into())}), json!({}), at(early)),
            (
                "furthest",
                json!({"rc_promo_pro_custom": grant(early.into()), "rc_promo_pro_six_month": grant(late.into())}),
                json!({}),
                at(late),
            ),
            ("forever", json!({"rc_promo_pro_lifetime": grant(Value::Null)}), json!({}), Some(FOREVER)),
            ("another entitlement", json!({"rc_promo_pro_plus_custom": grant(late.into())}), json!({}), None),
            (
                "another store",
                json!({"rc_promo_pro_custom": {"store": "app_store", "expires_date": late}}),
                json!({}),
                None,
            ),
            ("a store subscription", json!({"monthly": {"store": "app_store", "expires_date": late}}), json!({}), None),
            ("no end", json!({"rc_promo_pro_custom": {"store": "promotional"}}), json!({}), None),
            ("odd end", json!({"rc_promo_pro_custom": grant(json!(7))}), json!({}), None),
            ("bad end", json!({"rc_promo_pro_custom": grant("soon".into())}), json!({}), None),
            ("entitlement", json!({}), shown("rc_promo_pro_custom", early.into()), at(early)),
            ("entitlement forever", json!({}), shown("rc_promo_lifetime", Value::Null), Some(FOREVER)),
            ("entitlement of a store", json!({}), shown("monthly", late.into()), None),
            ("nothing", json!({}), json!({}), None),
            ("odd maps", json!([]), json!("x"), None),
        ];
        for (name, subscriptions, entitlements, expected) in rows {
            let body = json!({"request_date_ms": 1, "subscriber": {
                "subscriptions": subscriptions, "entitlements": entitlements}});
            assert_eq!(promo_end(body.to_string().as_bytes(), "pro"), Ok(expected), "{name}");
        }
        let spaced = json!({"subscriber": {"subscriptions": {"rc_promo_Team Pro_custom": grant(early.into())}}});
        assert_eq!(promo_end(spaced.to_string().as_bytes(), "Team Pro"), Ok(at(early)));
        for body in [&b"<html>"[..], b"{}", b"[]", br#"{"subscriber":null}"#, b""] {
            assert_eq!(promo_end(body, "pro"), Err(Fault::Shape));
        }
    }

    #[test]
    fn errors() {
        let user = UserId::parse("$RCAnonymousID:80").unwrap();
        let long = format!(r#"{{"message":"{}$RCAnonymousID:80"}}"#, "x".repeat(LINE - 5));
        let cut = "x".repeat(LINE - 5) + "…";
        let rows = [
            (r#"{"code":7225,"message":"Invalid API Key."}"#, Some(7_225), "code 7225: Invalid API Key."),
            (r#"{"code":"7638","message":"a\nb"}"#, Some(7_638), "code 7638: a b"),
            (r#"{"message":"no $RCAnonymousID:80, no %24RCAnonymousID%3A80"}"#, None, "no …, no …"),
            (r#"{"code":7000}"#, Some(7_000), "code 7000"),
            (r#"{"code":true}"#, None, "no reason given"),
            ("Bad Gateway", None, "no reason given"),
            ("[1]", None, "no reason given"),
            (&long, None, &cut),
        ];
        for (body, code, line) in rows {
            let error = ApiError::parse(body.as_bytes());
            assert_eq!((error.code, error.describe(&user).as_str()), (code, line), "{body}");
        }
    }
}
