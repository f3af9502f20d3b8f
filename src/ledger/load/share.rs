//! A referrer's record and code, and the next codes of the stock.

use super::Load;
use super::case::circle;
use super::referrer::seat;
use crate::domain::at::At;
use crate::domain::batch::Chunk;
use crate::domain::code::CodeText;
use crate::domain::decide::Draw;
use crate::domain::decide::share::{Issue, IssueFacts, IssueFamily, MyCode, MyCodeFacts, ShareFamily, Shelf, Standing};
use crate::domain::id::Person;
use crate::domain::partner::Partner;
use crate::domain::policy::{PoolRules, Rules};
use crate::domain::pool::Pool;
use crate::domain::referrer::Referrer;
use crate::ledger::Error;
use crate::ledger::key::Key;
use crate::ledger::rows::{chunk_key, code_key};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use std::sync::Arc;

impl Load for ShareFamily {
    fn load<S: Store>(store: &S, command: &MyCode, now: At) -> Result<MyCodeFacts, Error> {
        let standing = standing(store, command)?;
        if standing.reply(now).is_some() {
            return Ok(MyCodeFacts { standing, shelf: None, slug: String::new() });
        }
        let shelf = shelf(store, &command.campaign, 1, now)?;
        let (slug, _) = seat(store, &command.campaign, command.person)?;
        Ok(MyCodeFacts { standing, shelf, slug })
    }
}

/// What a referrer has already.
pub fn standing<S: Store>(store: &S, command: &MyCode) -> Result<Standing, Error> {
    let referrer = referrer(store, &command.campaign, command.person)?;
    let current = match referrer.as_ref().and_then(|referrer| referrer.current.as_ref()) {
        Some(text) => store.row(&code_key(text))?,
        None => None,
    };
    Ok(Standing { rules: store.rules_of(&command.campaign)?, referrer, current })
}

impl Load for IssueFamily {
    fn load<S: Store>(store: &S, command: &Issue, now: At) -> Result<IssueFacts, Error> {
        let (slug, referrer) = seat(store, &command.campaign, command.holder)?;
        let shelf = shelf(store, &command.campaign, command.count, now)?;
        let partner = store.row(Partner::held_by(command.holder).as_bytes())?;
        Ok(IssueFacts { partner, shelf, referrer, slug })
    }
}

/// This person's own record, or that of another of their ids.
pub fn referrer<S: Store>(store: &S, campaign: &str, person: Person) -> Result<Option<Referrer>, Error> {
    if let (_, Some(own)) = seat(store, campaign, person)? {
        return Ok(Some(own));
    }
    for member in circle(store, person)?.members().iter().filter(|member| **member != person) {
        if let (_, Some(other)) = seat(store, campaign, *member)? {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

pub fn stock<S: Store>(store: &S, campaign: &str) -> Result<Option<(Arc<Rules>, Pool)>, Error> {
    let Some(rules) = store.rules_of(campaign)? else { return Ok(None) };
    let pool: Option<Pool> = store.row(&Key::new().text(campaign).done())?;
    Ok(pool.map(|pool| (rules, pool)))
}

pub fn shelf<S: Store>(store: &S, campaign: &str, count: u32, now: At) -> Result<Option<Shelf>, Error> {
    let Some((rules, pool)) = stock(store, campaign)? else { return Ok(None) };
    let draw = draw(store, &pool, &rules.policy.pool, count, now)?;
    Ok(Some(Shelf { rules, pool, draw }))
}

/// The next codes in their fixed order. A code that somebody has already, because it stood in two
/// lists, is passed by.
fn draw<S: Store>(store: &S, pool: &Pool, rules: &PoolRules, count: u32, now: At) -> Result<Draw, Error> {
    let mut draw = Draw { pool: pool.clone(), taken: Vec::with_capacity(count as usize) };
    let mut open: Option<Chunk> = None;
    while draw.taken.len() < count as usize {
        let Some(place) = draw.pool.take(rules, now) else { break };
        if open.as_ref().is_none_or(|chunk| (chunk.batch, chunk.number) != (place.batch, place.chunk)) {
            open = store.row(&chunk_key(place.batch, place.chunk))?;
        }
        let text = open.as_ref().and_then(|chunk| chunk.codes.iter().nth(place.offset)).and_then(CodeText::parse);
        let text = text.ok_or(Error::Broken("a place in the stock without a code"))?;
        if store.get(Tab::Code, &code_key(&text))?.is_none() {
            draw.taken.push((text, place));
        }
    }
    draw.pool.count_draw(now, draw.taken.len() as u32);
    Ok(draw)
}
