//! Codes, claims and referrers.

use super::{Row, count_key, of_person};
use crate::domain::claim::Claim;
use crate::domain::code::{Code, CodeText};
use crate::domain::id::Person;
use crate::domain::referrer::Referrer;
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

type Index = Vec<(Tab, Vec<u8>, Vec<u8>)>;

impl Row for Code {
    const TAB: Tab = Tab::Code;
    fn key(&self) -> Vec<u8> {
        code_key(&self.text)
    }
    fn index(&self) -> Index {
        vec![of_person(self.assigned_to, Tab::Code, &self.key())]
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("code", &self.campaign, self.state.word()))
    }
}

pub fn code_key(text: &CodeText) -> Vec<u8> {
    text.as_str().as_bytes().to_vec()
}

impl Row for Claim {
    const TAB: Tab = Tab::Claim;
    fn key(&self) -> Vec<u8> {
        claim_key(&self.campaign, self.referee)
    }
    fn index(&self) -> Index {
        let key = self.key();
        vec![of_person(self.referee, Tab::Claim, &key), of_person(self.referrer, Tab::Claim, &key)]
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("claim", &self.campaign, self.state.word()))
    }
}

pub fn claim_key(campaign: &str, referee: Person) -> Vec<u8> {
    Key::new().text(campaign).bytes(referee.as_bytes()).done()
}

/// A referrer is kept under the slug, which follows from who they are: one look-up from either side.
impl Row for Referrer {
    const TAB: Tab = Tab::Referrer;
    fn key(&self) -> Vec<u8> {
        referrer_key(&self.slug)
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("referrer", &self.campaign, ""))
    }
}

pub fn referrer_key(slug: &str) -> Vec<u8> {
    slug.as_bytes().to_vec()
}
