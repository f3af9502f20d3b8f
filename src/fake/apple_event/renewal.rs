//! Signed renewal information (Apple, JWSRenewalInfoDecodedPayload). It names no app.

use super::{Fields, Transaction, word};
use crate::domain::at::At;
use crate::domain::policy::Environment;
use crate::fake::apple_chain::Chain;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const ORDER: [&str; 24] = [
    "expirationIntent",
    "originalTransactionId",
    "autoRenewProductId",
    "productId",
    "autoRenewStatus",
    "isInBillingRetryPeriod",
    "priceIncreaseStatus",
    "gracePeriodExpiresDate",
    "offerType",
    "offerIdentifier",
    "renewalPrice",
    "currency",
    "signedDate",
    "environment",
    "recentSubscriptionStartDate",
    "renewalDate",
    "offerDiscountType",
    "eligibleWinBackOfferIds",
    "appTransactionId",
    "offerPeriod",
    "appAccountToken",
    "advancedCommerceInfo",
    "commitmentInfo",
    "renewalBillingPlanType",
];

#[derive(Clone)]
pub struct RenewalInfo(Fields);

impl RenewalInfo {
    /// Of a subscription that will renew as it is.
    pub fn of(transaction: &Transaction) -> RenewalInfo {
        let same = |field: &str| transaction.text(field).unwrap_or_default().to_owned();
        let renewal = RenewalInfo(Fields::of(json!({
            "originalTransactionId": same("originalTransactionId"),
            "autoRenewProductId": same("productId"),
            "productId": same("productId"),
            "autoRenewStatus": 1,
            "renewalPrice": transaction.full_price(),
            "currency": transaction.text("currency").unwrap_or("USD"),
            "environment": same("environment"),
            "recentSubscriptionStartDate": transaction.purchased_at().0,
            "renewalDate": transaction.expires_at().unwrap_or_default().0,
            "appTransactionId": same("appTransactionId"),
        })));
        match transaction.text("appAccountToken") {
            Some(token) => renewal.token(token),
            None => renewal,
        }
    }

    /// The customer turned renewal off: there is no next price.
    pub fn auto_renew_off(self) -> RenewalInfo {
        self.set("autoRenewStatus", json!(0)).without("renewalPrice").without("currency")
    }
    /// Intents: 1 cancelled, 2 billing error, 3 price increase not accepted, 4 product gone, 5 other.
    pub fn expired(self, intent: u8) -> RenewalInfo {
        self.auto_renew_off().set("expirationIntent", json!(intent)).set("isInBillingRetryPeriod", json!(false))
    }
    pub fn billing_retry(self) -> RenewalInfo {
        self.set("expirationIntent", json!(2)).set("isInBillingRetryPeriod", json!(true))
    }
    pub fn grace(self, until: At) -> RenewalInfo {
        self.billing_retry().set("gracePeriodExpiresDate", json!(until.0))
    }
    /// A higher price from the next period on, once the customer agrees.
    pub fn price_increase(self, milliunits: i64, is_accepted: bool) -> RenewalInfo {
        self.set("renewalPrice", json!(milliunits)).set("priceIncreaseStatus", json!(u8::from(is_accepted)))
    }
    /// What it renews to.
    pub fn product(self, id: &str) -> RenewalInfo {
        self.set("autoRenewProductId", json!(id))
    }
    /// A redeemed offer code, whose offer starts with the next period.
    pub fn offer_code(self, reference_name: &str) -> RenewalInfo {
        self.offer(3, reference_name)
    }
    /// The offer of the next period; types as in a transaction.
    pub fn offer<'a>(self, kind: i64, id: impl Into<Option<&'a str>>) -> RenewalInfo {
        let free = self.set("offerType", json!(kind)).set("offerDiscountType", json!("FREE_TRIAL"));
        let free = free.set("offerPeriod", json!("P1M")).set("renewalPrice", json!(0));
        match id.into() {
            Some(id) => free.set("offerIdentifier", json!(id)),
            None => free.without("offerIdentifier"),
        }
    }
    /// The token of the next renewal.
    pub fn token(self, uuid: &str) -> RenewalInfo {
        self.set("appAccountToken", json!(uuid))
    }
    pub fn sandbox(self) -> RenewalInfo {
        self.set("environment", json!(word(Environment::Sandbox)))
    }
    pub fn set(mut self, field: &str, value: Value) -> RenewalInfo {
        self.0.set(field, value);
        self
    }
    pub fn without(mut self, field: &str) -> RenewalInfo {
        self.0.remove(field);
        self
    }

    pub fn original_id(&self) -> &str {
        self.0.text("originalTransactionId").unwrap_or_default()
    }
    pub fn grace_until(&self) -> Option<At> {
        self.0.time("gracePeriodExpiresDate")
    }
    pub fn is_retried(&self) -> bool {
        self.0.set.get("isInBillingRetryPeriod") == Some(&Value::Bool(true))
    }

    pub fn payload(&self, at: At) -> Box<RawValue> {
        let mut fields = self.0.clone();
        fields.fill("signedDate", json!(at.0));
        fields.ordered(&ORDER, None)
    }
    pub fn signed(&self, chain: &Chain, at: At) -> String {
        chain.sign(&*self.payload(at))
    }
}
