//! What each decision must know, read from the tables. One file for each family.

mod bring;
mod case;
mod claim;
mod consent;
mod delivery;
mod due;
mod erasure;
mod evidence;
mod hearing;
mod offer;
mod partner;
mod question;
mod referrer;
mod report;
mod restore;
mod review;
mod share;
mod stock;
mod webhook;
mod winback;

#[cfg(test)]
pub use case::kin;
pub use case::{case, circle, rows_of};
pub use claim::code;
pub use offer::standing_of;
pub use partner::{balances, is_partner, of_partner};
pub use question::known;
pub use share::{referrer, standing};
pub use winback::candidate;

use super::Error;
use super::store::Store;
use crate::domain::at::At;
use crate::domain::decide::Family;

pub trait Load: Family {
    fn load<S: Store>(store: &S, command: &Self::Command, now: At) -> Result<Self::Facts, Error>;
}
