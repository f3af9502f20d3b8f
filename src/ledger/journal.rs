//! The journal: what happened, who asked, and every row that followed. All other tables follow from
//! it, and `explain` reads it.

use super::Error;
use super::key::Key;
use super::record::decode;
use super::store::Store;
use super::table::Tab;
use crate::domain::at::At;
use crate::domain::code::CodeText;
use crate::domain::decide::claim::{ClaimBy, MakeClaim};
use crate::domain::decide::{By, Command, Put};
use crate::domain::delivery::Effect;
use crate::domain::id::Person;
use crate::domain::purchase::{About, Report};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Bound;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: At,
    pub by: By,
    pub command: Command,
    pub puts: Vec<Put>,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    Person(Person),
    Code(CodeText),
    Transaction(String),
}

impl Entry {
    pub fn subjects(&self) -> BTreeSet<Subject> {
        let mut all = BTreeSet::new();
        let mut person = |who: Person| all.insert(Subject::Person(who));
        match &self.command {
            Command::MyCode(my_code) => _ = person(my_code.person),
            Command::Issue(issue) => _ = person(issue.holder),
            Command::Claim(claim) => _ = person(claim.person),
            Command::Report(report) => report.people().into_iter().for_each(|who| _ = person(*who)),
            Command::Adopt(_)
            | Command::Refill(_)
            | Command::Import(_)
            | Command::Begin(_)
            | Command::Settle(_)
            | Command::Recover(_)
            | Command::Retry(_)
            | Command::Discard(_)
            | Command::Fire(_) => {}
        }
        for put in &self.puts {
            match put {
                Put::Referrer(row) => _ = person(row.person),
                Put::Claim(row) => [row.referee, row.referrer].into_iter().for_each(|who| _ = person(who)),
                Put::Completion(row) => [row.referee, row.referrer].into_iter().for_each(|who| _ = person(who)),
                Put::Redemption(row) => _ = person(row.user),
                Put::Account(row) => _ = person(row.to),
                Put::Item(row) => match row.effect {
                    Effect::Grant { to, .. } => _ = person(to),
                    Effect::RequestBatch { .. } | Effect::FetchCodes { .. } => {}
                },
                _ => {}
            }
        }
        if let Command::Claim(MakeClaim { by: ClaimBy::Code(text), .. }) = &self.command {
            all.insert(Subject::Code(text.clone()));
        }
        if let Command::Report(Report { about: About::Purchase { purchase, .. }, .. }) = &self.command {
            all.insert(Subject::Transaction(purchase.original_transaction_id.clone()));
            all.insert(Subject::Transaction(purchase.transaction_id.clone()));
        }
        for put in &self.puts {
            match put {
                Put::Code(row) => _ = all.insert(Subject::Code(row.text.clone())),
                Put::Claim(row) => _ = all.insert(Subject::Code(row.code.clone())),
                Put::Redemption(row) => _ = all.insert(Subject::Transaction(row.original_transaction_id.clone())),
                _ => {}
            }
        }
        all
    }
}

fn subject_prefix(subject: &Subject) -> Vec<u8> {
    match subject {
        Subject::Person(person) => Key::new().bytes(b"p").bytes(person.as_bytes()).done(),
        Subject::Code(text) => Key::new().bytes(b"c").text(text.as_str()).done(),
        // A peer chooses this text, so it is hashed to a length.
        Subject::Transaction(text) => {
            let name = crate::domain::id::Id::of("transaction", &[text.as_bytes()]);
            Key::new().bytes(b"t").bytes(name.as_bytes()).done()
        }
    }
}

pub fn about_key(subject: &Subject, seq: u64) -> Vec<u8> {
    Key::new().bytes(&subject_prefix(subject)).u64(seq).done()
}

/// The sequence numbers of the entries about a subject, in order, from `after` on.
pub fn about(store: &impl Store, subject: &Subject, after: u64, limit: usize) -> Result<Vec<u64>, Error> {
    let prefix = subject_prefix(subject);
    let from = Key::new().bytes(&prefix).u64(after).done();
    let to = Key::new().bytes(&prefix).u64(u64::MAX).done();
    let rows = store.range(Tab::About, Bound::Excluded(&from), Bound::Included(&to), limit)?;
    Ok(rows.iter().filter_map(|(key, _)| seq_of(&key[prefix.len()..])).collect())
}

pub fn seq_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

pub fn entry(store: &impl Store, seq: u64) -> Result<Option<Entry>, Error> {
    let bytes = store.get(Tab::Journal, &Key::new().u64(seq).done())?;
    bytes.map(|bytes| decode(&bytes, Tab::Journal.name())).transpose()
}
