//! The referee's case, and what the claim names.

use super::Load;
use super::case::{case, circle, introduce};
use super::share::shelf;
use crate::domain::at::At;
use crate::domain::claim::Claim;
use crate::domain::code::{Code, CodeText};
use crate::domain::decide::claim::{ClaimBy, ClaimFacts, ClaimFamily, MakeClaim, Target};
use crate::domain::id::Id;
use crate::domain::network::Network;
use crate::domain::referrer::Referrer;
use crate::ledger::Error;
use crate::ledger::rows::{claim_key, code_key, referrer_key, spent_key};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;

impl Load for ClaimFamily {
    fn load<S: Store>(store: &S, command: &MakeClaim, now: At) -> Result<ClaimFacts, Error> {
        let mut case = case(store, circle(store, command.person)?)?;
        let target = match &command.by {
            ClaimBy::Code(text) => code(store, text)?.map(|code| by_code(store, code)).transpose()?,
            ClaimBy::Slug(slug) => by_slug(store, slug, now)?,
        };
        match &target {
            Some(Target::Code { code, .. }) => introduce(store, &mut case, &code.campaign, code.assigned_to)?,
            Some(Target::Link { referrer, .. }) => introduce(store, &mut case, &referrer.campaign, referrer.person)?,
            Some(Target::WinBack) | None => {}
        }
        let mut is_spent = false;
        if let (Some(shown), Some(Target::Code { code, .. })) = (&command.shows, &target) {
            is_spent = store.get(Tab::Spent, &spent_key(&code.campaign, shown))?.is_some();
        }
        let network = command.network.map(|id| network(store, id, now)).transpose()?;
        Ok(ClaimFacts { case, is_spent, network, target })
    }
}

fn network<S: Store>(store: &S, id: Id, now: At) -> Result<Network, Error> {
    Ok(store.row(id.as_bytes())?.unwrap_or(Network { id, day: now.date(), claims: 0 }))
}

/// The code as it was written, or as Apple writes codes.
pub fn code<S: Store>(store: &S, text: &CodeText) -> Result<Option<Code>, Error> {
    match store.row(&code_key(text))? {
        Some(code) => Ok(Some(code)),
        None => store.row(&code_key(&text.upper())),
    }
}

/// The claim by which somebody holds a code.
pub fn holder<S: Store>(store: &S, code: &Code) -> Result<Option<Claim>, Error> {
    let Some(referee) = code.claimed_by else { return Ok(None) };
    let claim: Option<Claim> = store.row(&claim_key(&code.campaign, referee))?;
    Ok(claim.filter(|claim| claim.code == code.text))
}

fn by_code<S: Store>(store: &S, code: Code) -> Result<Target, Error> {
    if wins_back(store, &code.campaign)? {
        return Ok(Target::WinBack);
    }
    let rival = holder(store, &code)?;
    Ok(Target::Code { code, rival })
}

pub fn wins_back<S: Store>(store: &S, campaign: &str) -> Result<bool, Error> {
    Ok(store.rules_of(campaign)?.is_some_and(|rules| rules.policy.wins_back()))
}

fn by_slug<S: Store>(store: &S, slug: &str, now: At) -> Result<Option<Target>, Error> {
    let Some(referrer) = store.row::<Referrer>(&referrer_key(slug))? else { return Ok(None) };
    if wins_back(store, &referrer.campaign)? {
        return Ok(None);
    }
    let current: Option<Code> = match &referrer.current {
        Some(text) => store.row(&code_key(text))?,
        None => None,
    };
    // A custom code is everybody's: nobody needs one of their own.
    if let Some(code) = current.filter(|code| code.is_custom && code.lasts(now)) {
        return by_code(store, code).map(Some);
    }
    let shelf = shelf(store, &referrer.campaign, 1, now)?;
    Ok(shelf.map(|shelf| Target::Link { referrer, shelf }))
}
