//! referd, the referral daemon. ARCHITECTURE.md is the map.

pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod entropy;
pub mod fake;
pub mod http;
pub mod ledger;
pub mod motor;
pub mod outside;
pub mod wire;
