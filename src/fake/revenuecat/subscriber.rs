//! One customer of RevenueCat: grants side by side, store subscriptions, and the object that shows them.

use crate::domain::at::{At, Span};
use crate::fake::{digest, hex, timestamp};
use serde_json::{Map, Value, json};

/// Ends this close together are taken for one grant asked for twice (RevenueCat, "Grant an Entitlement").
const SAME_GRANT: Span = Span::hours(2);

/// A subscription bought in the App Store.
#[derive(Clone)]
pub struct StoreSubscription {
    pub product_id: String,
    pub entitlement: String,
    pub transaction_id: String,
    pub purchased: At,
    pub expires: At,
    pub sandbox: bool,
}

struct Grant {
    entitlement: String,
    /// `custom` for an absolute end, otherwise the name of the duration.
    kind: String,
    start: At,
    end: At,
    id: String,
}

pub struct Subscriber {
    first_seen: At,
    grants: Vec<Grant>,
    bought: Vec<StoreSubscription>,
}

impl Grant {
    fn product(&self) -> String {
        format!("rc_promo_{}_{}", self.entitlement, self.kind)
    }
}

/// The days of each named duration, as granted in practice ("monthly" is 31).
pub fn duration(name: &str) -> Option<Span> {
    let days = match name {
        "daily" => 1,
        "three_day" => 3,
        "weekly" => 7,
        "two_week" => 14,
        "monthly" => 31,
        "two_month" => 61,
        "three_month" => 92,
        "six_month" => 183,
        "yearly" => 365,
        "lifetime" => 73_000,
        _ => return None,
    };
    Some(Span::days(days))
}

impl Subscriber {
    pub fn new(now: At) -> Subscriber {
        Subscriber { first_seen: now, grants: Vec::new(), bought: Vec::new() }
    }

    /// False: taken for a duplicate of an earlier grant, even of one that has ended; nothing changed.
    pub fn grant(&mut self, user: &str, entitlement: &str, kind: &str, end: At, now: At) -> bool {
        if self.grants.iter().any(|old| old.entitlement == entitlement && old.end.apart(end) <= SAME_GRANT) {
            return false;
        }
        let count = self.grants.len().to_be_bytes();
        let id = hex(&digest(&[b"grant", user.as_bytes(), entitlement.as_bytes(), &count])[..16]);
        self.grants.push(Grant { entitlement: entitlement.into(), kind: kind.into(), start: now, end, id });
        true
    }

    /// All grants of the entitlement end now.
    pub fn revoke(&mut self, entitlement: &str, now: At) {
        for grant in self.grants.iter_mut().filter(|grant| grant.entitlement == entitlement) {
            grant.end = grant.end.min(now);
        }
    }

    pub fn buy(&mut self, bought: StoreSubscription) {
        self.bought.retain(|old| old.product_id != bought.product_id);
        self.bought.push(bought);
    }

    pub fn promo_end(&self) -> Option<At> {
        self.grants.iter().map(|grant| grant.end).max()
    }

    pub fn grants(&self) -> usize {
        self.grants.len()
    }

    pub fn render(&self, user: &str, now: At) -> Value {
        let mut shown: Vec<&Grant> = self.grants.iter().collect();
        shown.sort_by_key(|grant| grant.end); // of one product the furthest end is shown
        let mut subscriptions = Map::new();
        let mut access: Vec<(&str, String, At, At)> = Vec::new();
        for grant in shown {
            let entry = subscription(grant.start, grant.end, "promotional", false, &grant.id);
            subscriptions.insert(grant.product(), entry);
            access.push((&grant.entitlement, grant.product(), grant.start, grant.end));
        }
        for one in &self.bought {
            let entry = subscription(one.purchased, one.expires, "app_store", one.sandbox, &one.transaction_id);
            subscriptions.insert(one.product_id.clone(), entry);
            access.push((&one.entitlement, one.product_id.clone(), one.purchased, one.expires));
        }
        access.sort_by_key(|(_, _, _, end)| *end);
        let mut entitlements = Map::new();
        for (name, product, start, end) in access {
            let entry = json!({
                "expires_date": iso(end),
                "grace_period_expires_date": null,
                "product_identifier": product,
                "purchase_date": iso(start),
            });
            entitlements.insert(name.to_owned(), entry);
        }
        json!({
            "request_date": iso(now),
            "request_date_ms": now.0,
            "subscriber": {
                "entitlements": entitlements,
                "first_seen": iso(self.first_seen),
                "last_seen": iso(self.first_seen),
                "management_url": null,
                "non_subscriptions": {},
                "original_app_user_id": user,
                "original_application_version": null,
                "original_purchase_date": null,
                "other_purchases": {},
                "subscriber_attributes": {},
                "subscriptions": subscriptions,
            },
        })
    }
}

fn subscription(start: At, end: At, store: &str, sandbox: bool, transaction: &str) -> Value {
    json!({
        "auto_resume_date": null,
        "billing_issues_detected_at": null,
        "display_name": null,
        "expires_date": iso(end),
        "grace_period_expires_date": null,
        "is_sandbox": sandbox,
        "original_purchase_date": iso(start),
        "ownership_type": "PURCHASED",
        "period_type": "normal",
        "price": {"amount": 0.0, "currency": "USD"},
        "purchase_date": iso(start),
        "refunded_at": null,
        "store": store,
        "store_transaction_id": transaction,
        "unsubscribe_detected_at": null,
    })
}

/// Whole seconds: milliseconds are dropped, not rounded.
fn iso(at: At) -> String {
    timestamp(At(at.0.div_euclid(1000) * 1000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: At = At(1_790_000_000_000);

    #[test]
    fn ends_within_two_hours_are_one_grant() {
        let first = NOW.plus(Span::days(30));
        for (apart, extends) in [
            (Span::ZERO, false),
            (Span::hours(1), false),
            (Span::hours(2), false),
            (Span(Span::hours(2).0 + 1), true),
            (Span::days(30), true),
        ] {
            for end in [first.plus(apart), first.minus(apart)] {
                // The rule holds for a grant that has run out as well.
                for now in [NOW, first.plus(Span::minutes(33))] {
                    let mut subscriber = Subscriber::new(NOW);
                    assert!(subscriber.grant("u", "premium", "custom", first, NOW));
                    assert_eq!(subscriber.grant("u", "premium", "custom", end, now), extends, "{apart:?}");
                    assert_eq!(subscriber.promo_end(), Some(if extends { first.max(end) } else { first }));
                    assert!(subscriber.grant("u", "other", "custom", end, now), "entitlements do not disturb others");
                }
            }
        }
    }

    #[test]
    fn the_furthest_end_of_all_sources_is_shown() {
        let (near, far) = (NOW.plus(Span::days(10)), NOW.plus(Span::days(40)));
        let mut subscriber = Subscriber::new(NOW);
        subscriber.grant("u", "premium", "custom", At(far.0 + 999), NOW);
        subscriber.grant("u", "premium", "custom", near, NOW);
        subscriber.buy(StoreSubscription {
            product_id: "monthly".into(),
            entitlement: "premium".into(),
            transaction_id: "1".into(),
            purchased: NOW,
            expires: near,
            sandbox: false,
        });
        let body = subscriber.render("u", NOW);
        let entitlement = &body["subscriber"]["entitlements"]["premium"];
        assert_eq!(entitlement["expires_date"], iso(far));
        assert_eq!(entitlement["product_identifier"], "rc_promo_premium_custom");
        let grant = &body["subscriber"]["subscriptions"]["rc_promo_premium_custom"];
        assert_eq!((&grant["expires_date"], &grant["store"]), (&json!(iso(far)), &json!("promotional")));
        assert_eq!(grant["store_transaction_id"].as_str().map(str::len), Some(32));
        assert_eq!(body["subscriber"]["subscriptions"]["monthly"]["store"], "app_store");

        subscriber.revoke("premium", NOW.plus(Span::days(1)));
        assert_eq!(subscriber.promo_end(), Some(NOW.plus(Span::days(1))));
        let body = subscriber.render("u", NOW);
        assert_eq!(body["subscriber"]["entitlements"]["premium"]["product_identifier"], "monthly");
    }

    #[test]
    fn dates_are_whole_seconds() {
        for (at, text) in [(0, "1970-01-01T00:00:00Z"), (1_999, "1970-01-01T00:00:01Z"), (-1, "1969-12-31T23:59:59Z")] {
            assert_eq!(iso(At(at)), text);
        }
    }
}
