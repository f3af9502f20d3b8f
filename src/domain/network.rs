//! Claims that came from one network in a day. The network is named by a salted hash that is another every day.

use super::at::{At, Date};
use super::id::Id;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub id: Id,
    pub day: Date,
    pub claims: u32,
}

impl Network {
    /// When nothing asks for it any more.
    pub fn ends_at(&self) -> At {
        self.day.plus_days(1).start()
    }
}
