//! What was done to win customers back.

use super::{Row, count_key, of_person};
use crate::domain::winback::WinBack;
use crate::ledger::table::Tab;

impl Row for WinBack {
    const TAB: Tab = Tab::WinBack;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn index(&self) -> Vec<(Tab, Vec<u8>, Vec<u8>)> {
        vec![of_person(self.person, Tab::WinBack, &self.key())]
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("winback", &self.campaign, self.state.word()))
    }
}
