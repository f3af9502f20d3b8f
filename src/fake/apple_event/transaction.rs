//! A signed transaction (Apple, JWSTransactionDecodedPayload).

use super::{App, Fields, device_verification, number, word};
use crate::domain::at::{At, Span};
use crate::domain::policy::Environment;
use crate::fake::apple_chain::Chain;
use crate::fake::uuid;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const ORDER: [&str; 36] = [
    "transactionId",
    "originalTransactionId",
    "previousOriginalTransactionId",
    "webOrderLineItemId",
    "bundleId",
    "productId",
    "subscriptionGroupIdentifier",
    "purchaseDate",
    "originalPurchaseDate",
    "expiresDate",
    "quantity",
    "type",
    "deviceVerification",
    "deviceVerificationNonce",
    "appAccountToken",
    "inAppOwnershipType",
    "signedDate",
    "revocationReason",
    "revocationDate",
    "isUpgraded",
    "offerType",
    "offerIdentifier",
    "environment",
    "transactionReason",
    "storefront",
    "storefrontId",
    "price",
    "currency",
    "offerDiscountType",
    "appTransactionId",
    "offerPeriod",
    "revocationType",
    "revocationPercentage",
    "advancedCommerceInfo",
    "billingPlanType",
    "commitmentInfo",
];
const MONTH: Span = Span::days(30);
const SUBSCRIPTION: &str = "Auto-Renewable Subscription";
const PRICE: i64 = 9_990;

#[derive(Clone)]
pub struct Transaction(Fields);

impl Transaction {
    /// The first month of an auto-renewable subscription, bought at this instant in production.
    pub fn purchase(id: &str, at: At) -> Transaction {
        Transaction(Fields::of(json!({
            "transactionId": id,
            "originalTransactionId": id,
            "webOrderLineItemId": number("line item", id, 16),
            "productId": "premium_monthly",
            "subscriptionGroupIdentifier": "21500001",
            "purchaseDate": at.0,
            "originalPurchaseDate": at.0,
            "expiresDate": at.plus(MONTH).0,
            "quantity": 1,
            "type": SUBSCRIPTION,
            "inAppOwnershipType": "PURCHASED",
            "environment": word(Environment::Production),
            "transactionReason": "PURCHASE",
            "storefront": "USA",
            "storefrontId": "143441",
            "price": PRICE,
            "currency": "USD",
            "appTransactionId": number("app transaction", id, 18),
        })))
    }
    /// The period after another one, at the full price: the usual one, where an offer hides it.
    pub fn renewal_of(previous: &Transaction, id: &str) -> Transaction {
        let start = previous.expires_at().unwrap_or_else(|| previous.purchased_at().plus(MONTH));
        let length = Span(start.0.saturating_sub(previous.purchased_at().0));
        let full = json!(previous.full_price());
        let mut renewal = previous.clone().set("transactionId", json!(id)).set("price", full);
        for field in ["offerType", "offerIdentifier", "offerDiscountType", "offerPeriod", "isUpgraded", "signedDate"] {
            renewal.0.forget(field);
        }
        renewal
            .restored()
            .set("webOrderLineItemId", json!(number("line item", id, 16)))
            .set("purchaseDate", json!(start.0))
            .set("expiresDate", json!(start.plus(length).0))
            .set("transactionReason", json!("RENEWAL"))
    }

    /// An offer code was redeemed: the value is the offer's reference name, never the code.
    pub fn offer_code(self, reference_name: &str) -> Transaction {
        self.offer(3, reference_name)
    }
    /// Types: 1 introductory (which has no identifier), 2 promotional, 3 offer code, 4 win-back.
    pub fn offer<'a>(self, kind: i64, id: impl Into<Option<&'a str>>) -> Transaction {
        let is_subscription = self.is_subscription();
        let offered = self.set("offerType", json!(kind));
        let offered = match id.into() {
            Some(id) => offered.set("offerIdentifier", json!(id)),
            None => offered.without("offerIdentifier"),
        };
        if is_subscription {
            let free = offered.set("offerDiscountType", json!("FREE_TRIAL")).set("offerPeriod", json!("P1M"));
            free.set("price", json!(0))
        } else {
            offered.set("offerDiscountType", json!("ONE_TIME"))
        }
    }
    /// The user that the app named (`appAccountToken`).
    pub fn token(self, uuid: &str) -> Transaction {
        self.set("appAccountToken", json!(uuid))
    }
    /// The Apple Account, by Apple's name for its copy of the app: the same for all its purchases.
    pub fn app_transaction_id(self, id: &str) -> Transaction {
        self.set("appTransactionId", json!(id))
    }
    pub fn product(self, id: &str) -> Transaction {
        self.set("productId", json!(id))
    }
    /// In thousandths of the currency's major unit.
    pub fn price(self, milliunits: i64, currency: &str) -> Transaction {
        self.set("price", json!(milliunits)).set("currency", json!(currency))
    }
    /// Apple's word for a sort of product, like `Consumable` (Apple, `type`).
    pub fn kind(self, kind: &str) -> Transaction {
        self.set("type", json!(kind))
    }
    /// The customer moved up from it before it ended.
    pub fn upgraded(self) -> Transaction {
        self.set("isUpgraded", json!(true))
    }
    pub fn group(self, id: &str) -> Transaction {
        self.set("subscriptionGroupIdentifier", json!(id))
    }
    pub fn expires(self, at: At) -> Transaction {
        self.set("expiresDate", json!(at.0))
    }
    /// Reasons: 1 an issue with the app, 0 another.
    pub fn refunded(self, at: At, reason: u8) -> Transaction {
        self.revoked(at, reason, "REFUND_FULL")
    }
    /// A part was refunded: 50,000 is half (Apple, `revocationPercentage`).
    pub fn prorated(self, percentage: i64) -> Transaction {
        self.set("revocationType", json!("REFUND_PRORATED")).set("revocationPercentage", json!(percentage))
    }
    /// Taken from a member of the family.
    pub fn family_revoked(self, at: At) -> Transaction {
        self.family_shared().revoked(at, 0, "FAMILY_REVOKE")
    }
    /// Without any refund or revocation.
    pub fn restored(self) -> Transaction {
        ["revocationDate", "revocationReason", "revocationType", "revocationPercentage"]
            .into_iter()
            .fold(self, Transaction::without)
    }
    pub fn family_shared(self) -> Transaction {
        self.set("inAppOwnershipType", json!("FAMILY_SHARED"))
    }
    pub fn sandbox(self) -> Transaction {
        self.set("environment", json!(word(Environment::Sandbox)))
    }
    /// A product that is bought once and for good.
    pub fn one_time(self) -> Transaction {
        let offered = self.0.set.contains_key("offerType");
        let once = ["webOrderLineItemId", "subscriptionGroupIdentifier", "expiresDate", "offerPeriod"]
            .into_iter()
            .fold(self, Transaction::without)
            .product("premium_forever")
            .set("type", json!("Non-Consumable"));
        if offered { once.set("offerDiscountType", json!("ONE_TIME")) } else { once }
    }
    /// As the device has it (`jwsRepresentation`).
    pub fn on_device(self) -> Transaction {
        let (proof, nonce) = (device_verification(self.id()), uuid(&[b"device", self.id().as_bytes()]));
        self.set("deviceVerification", json!(proof)).set("deviceVerificationNonce", json!(nonce))
    }
    pub fn set(mut self, field: &str, value: Value) -> Transaction {
        self.0.set(field, value);
        self
    }
    pub fn without(mut self, field: &str) -> Transaction {
        self.0.remove(field);
        self
    }

    pub fn id(&self) -> &str {
        self.0.text("transactionId").unwrap_or_default()
    }
    pub fn original_id(&self) -> &str {
        self.0.text("originalTransactionId").unwrap_or_default()
    }
    pub fn environment(&self) -> Environment {
        let sandbox = self.text("environment") == Some(word(Environment::Sandbox));
        if sandbox { Environment::Sandbox } else { Environment::Production }
    }
    pub fn product_id(&self) -> &str {
        self.0.text("productId").unwrap_or_default()
    }
    pub fn purchased_at(&self) -> At {
        self.0.time("purchaseDate").unwrap_or_default()
    }
    pub fn expires_at(&self) -> Option<At> {
        self.0.time("expiresDate")
    }
    pub(super) fn full_price(&self) -> i64 {
        let price = self.0.set.get("price").and_then(Value::as_i64);
        price.filter(|_| !self.0.set.contains_key("offerType")).unwrap_or(PRICE)
    }
    pub fn is_subscription(&self) -> bool {
        self.text("type") == Some(SUBSCRIPTION)
    }
    pub fn is_family_shared(&self) -> bool {
        self.text("inAppOwnershipType") == Some("FAMILY_SHARED")
    }
    pub fn is_revoked(&self) -> bool {
        self.0.time("revocationDate").is_some()
    }
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.text(field)
    }

    pub fn payload(&self, app: &App, at: At) -> Box<RawValue> {
        let mut fields = self.0.clone();
        fields.fill("bundleId", json!(app.bundle_id));
        fields.fill("signedDate", json!(at.0));
        fields.ordered(&ORDER, None)
    }
    /// A compact JWS; what a call returns is signed at the time of the call.
    pub fn signed(&self, chain: &Chain, app: &App, at: At) -> String {
        chain.sign(&*self.payload(app, at))
    }

    fn revoked(self, at: At, reason: u8, kind: &str) -> Transaction {
        let revoked = self.set("revocationDate", json!(at.0)).set("revocationReason", json!(reason));
        revoked.set("revocationType", json!(kind))
    }
}
