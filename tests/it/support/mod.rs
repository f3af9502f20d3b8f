//! What the stories stand on.

pub mod appliance;
pub mod caller;
pub mod disk;
pub mod document;
pub mod folder;
pub mod gate;
pub mod listener;
pub mod rng;
pub mod skipped;
pub mod tokens;
pub mod world;
