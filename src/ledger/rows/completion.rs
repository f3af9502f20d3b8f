//! Redemptions, completions, and what was granted for them.

use super::{Row, count_key, of_offer_prefix, of_person};
use crate::domain::completion::Completion;
use crate::domain::extension::Extension;
use crate::domain::id::Id;
use crate::domain::redemption::Redemption;
use crate::domain::reward::Account;
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

type Index = Vec<(Tab, Vec<u8>, Vec<u8>)>;

impl Row for Redemption {
    const TAB: Tab = Tab::Redemption;
    fn key(&self) -> Vec<u8> {
        redemption_key(self.id)
    }
    fn index(&self) -> Index {
        let key = self.key();
        let of_offer = of_offer_prefix(&self.offer, Some(self.redeemed_at.pacific_date()));
        let mut rows = vec![(Tab::OfOffer, Key::new().bytes(&of_offer).bytes(&key).done(), Vec::new())];
        rows.extend(self.user.map(|user| of_person(user, Tab::Redemption, &key)));
        rows
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
        if let (Some(transaction), false) = (&self.original_transaction_id, self.is_rejected()) {
            rows.push((Tab::Spent, spent_key(&self.campaign, transaction), key));
        }
        rows
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("completion", &self.campaign, self.state.word()))
    }
}

/// A peer chooses a transaction's name, so it is hashed to a length.
pub fn spent_key(campaign: &str, original_transaction_id: &str) -> Vec<u8> {
    let name = Id::of("transaction", &[original_transaction_id.as_bytes()]);
    Key::new().text(campaign).bytes(name.as_bytes()).done()
}

impl Row for Extension {
    const TAB: Tab = Tab::Extension;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        vec![of_person(self.to, Tab::Extension, &self.key())]
    }
}

impl Row for Account {
    const TAB: Tab = Tab::Account;
    fn key(&self) -> Vec<u8> {
        self.person.as_bytes().to_vec()
    }
}
