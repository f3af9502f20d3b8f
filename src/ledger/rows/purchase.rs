//! What Apple and RevenueCat say of purchases, how well they are heard, and what was signed for Apple.

use super::{Row, count_key, of_person};
use crate::domain::download::Download;
use crate::domain::hearing::Hearing;
use crate::domain::network::Network;
use crate::domain::offer::Signing;
use crate::domain::refund::Refund;
use crate::domain::subscription::Subscription;
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

type Index = Vec<(Tab, Vec<u8>, Vec<u8>)>;

impl Row for Subscription {
    const TAB: Tab = Tab::Subscription;
    fn key(&self) -> Vec<u8> {
        Subscription::id(&self.original_transaction_id).as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        self.person().map(|person| of_person(person, Tab::Subscription, &self.key())).into_iter().collect()
    }
}

impl Row for Refund {
    const TAB: Tab = Tab::Refund;
    fn key(&self) -> Vec<u8> {
        Refund::id(&self.transaction_id).as_bytes().to_vec()
    }
}

impl Row for Download {
    const TAB: Tab = Tab::Download;
    fn key(&self) -> Vec<u8> {
        Download::id(&self.app_transaction_id).as_bytes().to_vec()
    }
    fn index(&self) -> Index {
        let key = self.key();
        self.people.iter().map(|person| of_person(*person, Tab::Download, &key)).collect()
    }
}

impl Row for Signing {
    const TAB: Tab = Tab::Signing;
    fn key(&self) -> Vec<u8> {
        Key::new().bytes(self.person.as_bytes()).at(self.at).bytes(self.nonce.as_bytes()).done()
    }
    fn index(&self) -> Index {
        vec![of_person(self.person, Tab::Signing, &self.key())]
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("signature", &self.offer, ""))
    }
}

impl Row for Hearing {
    const TAB: Tab = Tab::Hearing;
    fn key(&self) -> Vec<u8> {
        hearing_key(self.is_test)
    }
}

impl Row for Network {
    const TAB: Tab = Tab::Network;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
}

pub fn hearing_key(is_test: bool) -> Vec<u8> {
    vec![u8::from(is_test)]
}
