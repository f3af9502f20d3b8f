//! referd, the referral daemon. ARCHITECTURE.md is the map.

pub mod clock;
pub mod domain;
pub mod entropy;
