//! Why a subscription ended.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ending {
    /// The customer cancelled it.
    Voluntary,
    /// The customer could not be charged.
    Billing,
    /// The customer did not agree to a higher price.
    PriceIncrease,
    /// The product was not for sale any more.
    Unavailable,
    /// The customer got the money back.
    Refunded,
    /// Another reason, or one that nobody told.
    Other,
}

impl Ending {
    pub fn word(self) -> &'static str {
        match self {
            Ending::Voluntary => "voluntary",
            Ending::Billing => "billing",
            Ending::PriceIncrease => "price_increase",
            Ending::Unavailable => "unavailable",
            Ending::Refunded => "refunded",
            Ending::Other => "other",
        }
    }
}
