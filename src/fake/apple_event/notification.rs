//! A server notification, version 2 (Apple, responseBodyV2DecodedPayload).

use super::{App, AppTransaction, Fields, RenewalInfo, Transaction, status, word};
use crate::domain::at::{At, Span};
use crate::domain::policy::Environment;
use crate::fake::apple_chain::Chain;
use crate::fake::uuid;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const ORDER: [&str; 9] = [
    "notificationType",
    "subtype",
    "notificationUUID",
    "data",
    "version",
    "signedDate",
    "summary",
    "externalPurchaseToken",
    "appData",
];

/// The one member that says what it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Data,
    Summary,
    ExternalPurchaseToken,
    AppData,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Data => "data",
            Part::Summary => "summary",
            Part::ExternalPurchaseToken => "externalPurchaseToken",
            Part::AppData => "appData",
        }
    }
    fn order(self) -> &'static [&'static str] {
        match self {
            Part::Data => &[
                "appAppleId",
                "bundleId",
                "bundleVersion",
                "environment",
                "signedTransactionInfo",
                "signedRenewalInfo",
                "status",
                "consumptionRequestReason",
            ],
            Part::Summary => &[
                "environment",
                "appAppleId",
                "bundleId",
                "productId",
                "requestIdentifier",
                "storefrontCountryCodes",
                "succeededCount",
                "failedCount",
            ],
            Part::ExternalPurchaseToken => &["externalPurchaseId", "tokenCreationDate", "appAppleId", "bundleId"],
            Part::AppData => &["appAppleId", "bundleId", "environment", "signedAppTransactionInfo"],
        }
    }
}

/// Constructors give what such a notification carries; the builder methods change or remove any of it.
#[derive(Clone)]
pub struct Notification {
    at: At,
    environment: Environment,
    fields: Fields,
    part: Part,
    about: Fields,
    transaction: Option<Transaction>,
    renewal: Option<RenewalInfo>,
    app_transaction: Option<AppTransaction>,
}

impl Notification {
    /// Any notification, also of a type that nobody has heard of.
    pub fn of<'a>(
        kind: &str,
        subtype: impl Into<Option<&'a str>>,
        transaction: Option<&Transaction>,
        renewal: Option<&RenewalInfo>,
        at: At,
    ) -> Notification {
        let mut fields = Fields::of(json!({"notificationType": kind, "version": "2.0", "signedDate": at.0}));
        if let Some(subtype) = subtype.into() {
            fields.set("subtype", json!(subtype));
        }
        Notification {
            at,
            environment: transaction.map_or(Environment::Production, Transaction::environment),
            fields,
            part: Part::Data,
            about: Fields::default(),
            transaction: transaction.cloned(),
            renewal: renewal.cloned(),
            app_transaction: None,
        }
    }
    /// About a subscription that will renew as it is.
    pub fn about<'a>(
        kind: &str,
        subtype: impl Into<Option<&'a str>>,
        transaction: &Transaction,
        at: At,
    ) -> Notification {
        let renewal = transaction.is_subscription().then(|| RenewalInfo::of(transaction));
        Notification::of(kind, subtype, Some(transaction), renewal.as_ref(), at)
    }
    fn plain(kind: &str, subtype: Option<&str>, part: Part, about: Value, at: At) -> Notification {
        let about = Fields::of(about);
        Notification { part, about, ..Notification::of(kind, subtype, None, None, at) }
    }

    /// The first subscription in its group.
    pub fn subscribed(transaction: &Transaction, at: At) -> Notification {
        Notification::about("SUBSCRIBED", "INITIAL_BUY", transaction, at)
    }
    pub fn resubscribed(transaction: &Transaction, at: At) -> Notification {
        Notification::about("SUBSCRIBED", "RESUBSCRIBE", transaction, at)
    }
    /// By somebody who is subscribed already.
    pub fn offer_redeemed(transaction: &Transaction, at: At) -> Notification {
        Notification::about("OFFER_REDEEMED", None, transaction, at)
    }
    /// With an offer of a better product, which starts at once.
    pub fn offer_upgraded(transaction: &Transaction, at: At) -> Notification {
        Notification::about("OFFER_REDEEMED", "UPGRADE", transaction, at)
    }
    /// With an offer of a lesser product, which starts with the next period.
    pub fn offer_downgraded(transaction: &Transaction, product: &str, at: At) -> Notification {
        let notification = Notification::about("OFFER_REDEEMED", "DOWNGRADE", transaction, at);
        notification.renewing(|renewal| renewal.product(product))
    }
    pub fn did_renew(transaction: &Transaction, at: At) -> Notification {
        Notification::about("DID_RENEW", None, transaction, at)
    }
    /// After days without a successful charge.
    pub fn billing_recovered(transaction: &Transaction, at: At) -> Notification {
        Notification::about("DID_RENEW", "BILLING_RECOVERY", transaction, at)
    }
    /// The transaction is the one of the better product, charged at once.
    pub fn upgraded(transaction: &Transaction, at: At) -> Notification {
        Notification::about("DID_CHANGE_RENEWAL_PREF", "UPGRADE", transaction, at)
    }
    /// The transaction is the present one: the lesser product starts with the next period.
    pub fn downgraded(transaction: &Transaction, product: &str, at: At) -> Notification {
        let notification = Notification::about("DID_CHANGE_RENEWAL_PREF", "DOWNGRADE", transaction, at);
        notification.renewing(|renewal| renewal.product(product))
    }
    /// The customer has yet to agree, or does, or need not be asked.
    pub fn price_increase(transaction: &Transaction, milliunits: i64, is_accepted: bool, at: At) -> Notification {
        let subtype = if is_accepted { "ACCEPTED" } else { "PENDING" };
        let notification = Notification::about("PRICE_INCREASE", subtype, transaction, at);
        notification.renewing(|renewal| renewal.price_increase(milliunits, is_accepted))
    }
    /// The transaction has its new end already.
    pub fn renewal_extended(transaction: &Transaction, at: At) -> Notification {
        Notification::about("RENEWAL_EXTENDED", None, transaction, at)
    }
    pub fn renewal_turned(transaction: &Transaction, on: bool, at: At) -> Notification {
        let subtype = if on { "AUTO_RENEW_ENABLED" } else { "AUTO_RENEW_DISABLED" };
        let notification = Notification::about("DID_CHANGE_RENEWAL_STATUS", subtype, transaction, at);
        if on { notification } else { notification.renewing(RenewalInfo::auto_renew_off) }
    }
    /// Billing failed, with or without days of grace.
    pub fn did_fail_to_renew(transaction: &Transaction, grace_until: Option<At>, at: At) -> Notification {
        let subtype = grace_until.map(|_| "GRACE_PERIOD");
        let notification = Notification::about("DID_FAIL_TO_RENEW", subtype, transaction, at);
        notification.renewing(|renewal| match grace_until {
            Some(until) => renewal.grace(until),
            None => renewal.billing_retry(),
        })
    }
    /// The customer let it end.
    pub fn expired(transaction: &Transaction, at: At) -> Notification {
        Notification::expired_because("VOLUNTARY", transaction, at)
    }
    /// `VOLUNTARY`, `BILLING_RETRY`, `PRICE_INCREASE` or `PRODUCT_NOT_FOR_SALE`.
    pub fn expired_because(subtype: &str, transaction: &Transaction, at: At) -> Notification {
        let intent = match subtype {
            "VOLUNTARY" => 1,
            "BILLING_RETRY" => 2,
            "PRICE_INCREASE" => 3,
            "PRODUCT_NOT_FOR_SALE" => 4,
            _ => 5,
        };
        Notification::about("EXPIRED", subtype, transaction, at).renewing(|renewal| renewal.expired(intent))
    }
    /// In full, at that instant, unless the transaction says otherwise.
    pub fn refund(transaction: &Transaction, at: At) -> Notification {
        let transaction = transaction.clone();
        let refunded = if transaction.is_revoked() { transaction } else { transaction.refunded(at, 0) };
        Notification::about("REFUND", None, &refunded, at)
    }
    pub fn refund_declined(transaction: &Transaction, at: At) -> Notification {
        Notification::about("REFUND_DECLINED", None, transaction, at)
    }
    pub fn refund_reversed(transaction: &Transaction, at: At) -> Notification {
        Notification::about("REFUND_REVERSED", None, &transaction.clone().restored(), at)
    }
    /// Family sharing ended.
    pub fn revoke(transaction: &Transaction, at: At) -> Notification {
        let transaction = transaction.clone();
        let revoked = if transaction.is_revoked() { transaction } else { transaction.family_revoked(at) };
        Notification::about("REVOKE", None, &revoked, at)
    }
    /// A product that is no subscription was bought.
    pub fn one_time_charge(transaction: &Transaction, at: At) -> Notification {
        Notification::about("ONE_TIME_CHARGE", None, transaction, at)
    }
    pub fn consumption_request(transaction: &Transaction, reason: &str, at: At) -> Notification {
        let notification = Notification::about("CONSUMPTION_REQUEST", None, transaction, at);
        notification.set_about("consumptionRequestReason", json!(reason))
    }
    /// It carries nothing but whose it is.
    pub fn test(at: At) -> Notification {
        Notification::of("TEST", None, None, None, at)
    }
    /// How an extension of all renewal dates ended.
    pub fn summary(product: &str, succeeded: u32, failed: u32, at: At) -> Notification {
        let about = json!({
            "productId": product,
            "requestIdentifier": uuid(&[b"extension", product.as_bytes()]),
            "storefrontCountryCodes": ["CAN", "USA"],
            "succeededCount": succeeded,
            "failedCount": failed,
        });
        Notification::plain("RENEWAL_EXTENSION", Some("SUMMARY"), Part::Summary, about, at)
    }
    pub fn external_purchase_token(at: At) -> Notification {
        let about = json!({
            "externalPurchaseId": uuid(&[b"external purchase", &at.0.to_be_bytes()]),
            "tokenCreationDate": at.minus(Span::hours(1)).0,
        });
        Notification::plain("EXTERNAL_PURCHASE_TOKEN", Some("UNREPORTED"), Part::ExternalPurchaseToken, about, at)
    }
    /// A parent took back the consent to a child's use of the app.
    pub fn rescind_consent(app_transaction: &AppTransaction, at: At) -> Notification {
        let app_transaction = Some(app_transaction.clone());
        let plain = Notification::plain("RESCIND_CONSENT", None, Part::AppData, json!({}), at);
        Notification { app_transaction, ..plain }
    }

    /// All of it, inside and out.
    pub fn sandbox(mut self) -> Notification {
        self.environment = Environment::Sandbox;
        self.transaction = self.transaction.map(Transaction::sandbox);
        self.renewal = self.renewal.map(RenewalInfo::sandbox);
        self.app_transaction = self.app_transaction.map(AppTransaction::sandbox);
        match self.about.text("externalPurchaseId").map(|id| format!("SANDBOX_{id}")) {
            Some(id) => self.set_about("externalPurchaseId", json!(id)),
            None => self,
        }
    }
    pub fn renewing(mut self, change: impl FnOnce(RenewalInfo) -> RenewalInfo) -> Notification {
        self.renewal = self.renewal.map(change);
        self
    }
    /// A member of the payload itself.
    pub fn set(mut self, field: &str, value: Value) -> Notification {
        self.fields.set(field, value);
        self
    }
    pub fn without(mut self, field: &str) -> Notification {
        self.fields.remove(field);
        self
    }
    /// A member of `data`, or of what stands in its place.
    pub fn set_about(mut self, field: &str, value: Value) -> Notification {
        self.about.set(field, value);
        self
    }
    pub fn without_about(mut self, field: &str) -> Notification {
        self.about.remove(field);
        self
    }

    /// The UUID that was set, or one that follows from everything else in the notification: the same at each retry.
    pub fn uuid(&self) -> String {
        if let Some(own) = self.fields.text("notificationUUID") {
            return own.to_owned();
        }
        let nobody = App { bundle_id: String::new(), apple_id: 0 };
        let parts = [
            Some(self.fields.clone().ordered(&ORDER, None)),
            Some(self.about.clone().ordered(self.part.order(), None)),
            self.transaction.as_ref().map(|transaction| transaction.payload(&nobody, self.at)),
            self.renewal.as_ref().map(|renewal| renewal.payload(self.at)),
            self.app_transaction.as_ref().map(|app_transaction| app_transaction.payload(&nobody)),
        ];
        let parts: Vec<&[u8]> =
            parts.iter().map(|part| part.as_ref().map_or("", |part| part.get()).as_bytes()).collect();
        uuid(&[&[b"notification", word(self.environment).as_bytes()], parts.as_slice()].concat())
    }
    pub fn at(&self) -> At {
        self.at
    }
    pub fn environment(&self) -> Environment {
        self.environment
    }
    pub fn kind(&self) -> &str {
        self.fields.text("notificationType").unwrap_or_default()
    }
    pub fn subtype(&self) -> Option<&str> {
        self.fields.text("subtype")
    }
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }
    pub fn renewal(&self) -> Option<&RenewalInfo> {
        self.renewal.as_ref()
    }
    /// The same notification, with the parts as they are by now.
    pub(in crate::fake) fn with(self, transaction: Option<Transaction>, renewal: Option<RenewalInfo>) -> Notification {
        let uuid = self.uuid();
        Notification { transaction, renewal, ..self }.set("notificationUUID", json!(uuid))
    }

    /// The payload, whose nested parts are signed.
    pub fn payload(&self, chain: &Chain, app: &App) -> Box<RawValue> {
        let mut about = self.about.clone();
        about.fill("appAppleId", json!(app.apple_id));
        about.fill("bundleId", json!(app.bundle_id));
        if self.part != Part::ExternalPurchaseToken {
            about.fill("environment", json!(word(self.environment)));
        }
        if let Some(transaction) = &self.transaction {
            about.fill("bundleVersion", json!("42"));
            about.fill("signedTransactionInfo", json!(transaction.signed(chain, app, self.at)));
            if transaction.is_subscription() {
                about.fill("status", json!(status(transaction, self.renewal.as_ref(), self.at)));
            }
        }
        if let Some(renewal) = &self.renewal {
            about.fill("signedRenewalInfo", json!(renewal.signed(chain, self.at)));
        }
        if let Some(app_transaction) = &self.app_transaction {
            about.fill("signedAppTransactionInfo", json!(app_transaction.signed(chain, app)));
        }
        let mut fields = self.fields.clone();
        fields.fill("notificationUUID", json!(self.uuid()));
        fields.ordered(&ORDER, Some((self.part.name(), about.ordered(self.part.order(), None))))
    }
    pub fn signed(&self, chain: &Chain, app: &App) -> String {
        chain.sign(&*self.payload(chain, app))
    }
}
