//! What is true and what follows from it: pure, total, deterministic.
//! The order of these lines is the order of dependency: a file uses only what stands above it.

pub mod at;
pub mod id;
pub mod money;
pub mod policy;
pub mod subscription;
pub mod offer;
pub mod purchase;
pub mod refund;
pub mod download;
pub mod hearing;
pub mod code;
pub mod batch;
pub mod pool;
pub mod person;
pub mod network;
pub mod referrer;
pub mod device;
pub mod claim;
pub mod redemption;
pub mod sale;
pub mod commission;
pub mod partner;
pub mod books;
pub mod conversion;
pub mod payout;
pub mod alert;
pub mod reconciliation;
pub mod completion;
pub mod simulation;
pub mod reward;
pub mod extension;
pub mod grant;
pub mod outcome;
pub mod delivery;
pub mod screening;
pub mod case;
pub mod award;
pub mod inspection;
pub mod attribution;
pub mod selling;
pub mod decide;
pub mod entry;
#[cfg(test)]
pub(crate) mod sample;
