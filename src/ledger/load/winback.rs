//! Somebody who may get a code to come back with.

use super::Load;
use super::case::{circle, rows_of};
use super::consent::consents;
use super::share::shelf;
use crate::domain::at::At;
use crate::domain::code::Code;
use crate::domain::decide::winback::{Candidate, GiveCode, GiveCodeFamily};
use crate::domain::id::Person;
use crate::domain::person::Erasure;
use crate::domain::winback::{Known, WinBack};
use crate::ledger::Error;
use crate::ledger::rows::code_key;
use crate::ledger::store::Store;

impl Load for GiveCodeFamily {
    fn load<S: Store>(store: &S, command: &GiveCode, now: At) -> Result<Option<Candidate>, Error> {
        candidate(store, &command.campaign, command.person, now)
    }
}

/// Absent where the campaign is not known.
pub fn candidate<S: Store>(store: &S, campaign: &str, person: Person, now: At) -> Result<Option<Candidate>, Error> {
    let Some(shelf) = shelf(store, campaign, 1, now)? else { return Ok(None) };
    let circle = circle(store, person)?;
    let mut before: Vec<WinBack> = rows_of(store, &circle)?;
    before.retain(|row| row.campaign == campaign);
    let mut codes: Vec<Code> = Vec::new();
    for text in before.iter().filter_map(WinBack::code) {
        codes.extend(store.row::<Code>(&code_key(text))?);
    }
    let mut erased_at: Option<At> = None;
    for member in circle.members() {
        let erased: Option<Erasure> = store.row(member.as_bytes())?;
        erased_at = erased_at.max(erased.map(|erased| erased.at));
    }
    let known = Known { bought: rows_of(store, &circle)?, consents: consents(store, &circle)?, erased_at, before };
    Ok(Some(Candidate { person, known, codes, shelf }))
}
