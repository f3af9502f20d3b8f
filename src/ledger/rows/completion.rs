//! Redemptions, completions, and what was granted for them.

use super::{Row, count_key, of_person};
use crate::domain::completion::Completion;
use crate::domain::id::Id;
use crate::domain::redemption::Redemption;
use crate::domain::reward::Account;
use crate::ledger::table::Tab;

type Index = Vec<(Tab, Vec<u8>, Vec<u8>)>;

impl Row for Redemption {
    const TAB: Tab = Tab::Redemption;
    fn key(&self) -> Vec<u8> {
        redemption_key(self.id)
    }
    fn index(&self) -> Index {
        vec![of_person(self.user, Tab::Redemption, &self.key())]
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("redemption", self.campaign.as_deref().unwrap_or(""), self.state.word()))
    }
}

pub fn redemption_key(id: Id) -> Vec<u8> {
    id.as_bytes().to_vec()
}

impl Row for Completion {
    const TAB: Tab = Tab::Completion;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        let key = self.key();
        let mut rows = vec![of_person(self.referrer, Tab::Completion, &key)];
        if self.referee != self.referrer {
            rows.push(of_person(self.referee, Tab::Completion, &key));
        }
        rows
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("completion", &self.campaign, self.state.word()))
    }
}

impl Row for Account {
    const TAB: Tab = Tab::Account;
    fn key(&self) -> Vec<u8> {
        self.person.as_bytes().to_vec()
    }
}
