//! Campaign rules, pools, batches and their codes.

use super::{Row, count_key};
use crate::domain::batch::{Batch, Chunk};
use crate::domain::id::Id;
use crate::domain::policy::Rules;
use crate::domain::pool::Pool;
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

impl Row for Rules {
    const TAB: Tab = Tab::Rules;
    fn key(&self) -> Vec<u8> {
        Key::new().text(&self.policy.campaign).u32(self.version).done()
    }
}

impl Row for Pool {
    const TAB: Tab = Tab::Pool;
    fn key(&self) -> Vec<u8> {
        Key::new().text(&self.campaign).done()
    }
}

impl Row for Batch {
    const TAB: Tab = Tab::Batch;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("batch", &self.campaign, self.state.word()))
    }
}

impl Row for Chunk {
    const TAB: Tab = Tab::Chunk;
    fn key(&self) -> Vec<u8> {
        chunk_key(self.batch, self.number)
    }
}

pub fn chunk_key(batch: Id, number: u32) -> Vec<u8> {
    Key::new().bytes(batch.as_bytes()).u32(number).done()
}
