//! The signed download of the app (Apple, AppTransaction): whose Apple Account a device belongs to.

use super::{App, Fields, device_verification, word};
use crate::domain::at::At;
use crate::domain::policy::Environment;
use crate::fake::apple_chain::Chain;
use crate::fake::uuid;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const ORDER: [&str; 13] = [
    "receiptType",
    "appAppleId",
    "bundleId",
    "applicationVersion",
    "versionExternalIdentifier",
    "receiptCreationDate",
    "originalPurchaseDate",
    "originalApplicationVersion",
    "deviceVerification",
    "deviceVerificationNonce",
    "preorderDate",
    "appTransactionId",
    "originalPlatform",
];

#[derive(Clone)]
pub struct AppTransaction(Fields);

impl AppTransaction {
    /// A download from the App Store, asked for on a device at this instant.
    pub fn download(app_transaction_id: &str, at: At) -> AppTransaction {
        AppTransaction(Fields::of(json!({
            "receiptType": word(Environment::Production),
            "applicationVersion": "42",
            "versionExternalIdentifier": 860_000_001,
            "receiptCreationDate": at.0,
            "originalPurchaseDate": at.0,
            "originalApplicationVersion": "42",
            "deviceVerification": device_verification(app_transaction_id),
            "deviceVerificationNonce": uuid(&[b"device", app_transaction_id.as_bytes()]),
            "appTransactionId": app_transaction_id,
            "originalPlatform": "iOS",
        })))
    }
    pub fn sandbox(self) -> AppTransaction {
        self.set("receiptType", json!(word(Environment::Sandbox)))
    }
    pub fn set(mut self, field: &str, value: Value) -> AppTransaction {
        self.0.set(field, value);
        self
    }
    pub fn without(mut self, field: &str) -> AppTransaction {
        self.0.remove(field);
        self
    }

    pub fn payload(&self, app: &App) -> Box<RawValue> {
        let mut fields = self.0.clone();
        fields.fill("appAppleId", json!(app.apple_id));
        fields.fill("bundleId", json!(app.bundle_id));
        fields.ordered(&ORDER, None)
    }
    pub fn signed(&self, chain: &Chain, app: &App) -> String {
        chain.sign(&*self.payload(app))
    }
}
