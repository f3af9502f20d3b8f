//! Somebody who shares: their slug, the code they show now, and what has come of it.

use super::code::CodeText;
use super::id::Person;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referrer {
    pub campaign: String,
    pub person: Person,
    /// The stable public name in a share link; it outlives any code.
    pub slug: String,
    pub current: Option<CodeText>,
    /// Codes handed out in this referrer's name.
    pub shared: u32,
    pub credited: u32,
    pub held: u32,
    pub reversed: u32,
    pub days: u32,
}

impl Referrer {
    pub fn new(campaign: &str, person: Person, slug: String) -> Referrer {
        Referrer {
            campaign: campaign.to_owned(),
            person,
            slug,
            current: None,
            shared: 0,
            credited: 0,
            held: 0,
            reversed: 0,
            days: 0,
        }
    }
}
