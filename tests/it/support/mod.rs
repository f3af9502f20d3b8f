//! What the tests of the whole share.

pub mod disk;
pub mod rng;
