//! What is true and what follows from it: pure, total, deterministic.
//! The order of these lines is the order of dependency: a file uses only what stands above it.

pub mod at;
pub mod id;
pub mod policy;
pub mod purchase;
