//! Promotional offers of an app, and who may have them.

use serde::{Deserialize, Serialize};

/// A promotional offer that may be signed, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Apple's `offerIdentifier`.
    pub id: String,
    pub product_id: String,
    /// Any of these will do.
    pub eligible: Vec<Standing>,
    /// For `Lapsed` only.
    pub lapsed_days_min: u32,
    /// 0: no limit.
    pub per_user: u32,
}

/// How somebody stands with the subscriptions of the offer's product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    Active,
    AutoRenewOff,
    BillingRetry,
    Lapsed,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Standing::Active => "active",
            Standing::AutoRenewOff => "auto_renew_off",
            Standing::BillingRetry => "billing_retry",
            Standing::Lapsed => "lapsed",
        }
    }
}
