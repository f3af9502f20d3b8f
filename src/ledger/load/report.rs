//! What a report touches: the ids it names, the owner's case, the redemption as known before.

use super::Load;
use super::case::{case, circle, introduce, rows_of};
use super::claim::holder;
use crate::domain::at::At;
use crate::domain::code::{Code, CodeText};
use crate::domain::decide::report::{Link, Named, ReportFacts, ReportFamily};
use crate::domain::id::Person;
use crate::domain::person::{Circle, Move};
use crate::domain::policy::Rules;
use crate::domain::purchase::{About, Purchase, Report};
use crate::domain::redemption::Redemption;
use crate::domain::reward::Account;
use crate::ledger::Error;
use crate::ledger::record::decode;
use crate::ledger::rows::{code_key, move_prefix, redemption_key, seen_key};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use std::sync::Arc;

/// Purchases are not handed on more often than this.
const MOVES: usize = 16;

impl Load for ReportFamily {
    fn load<S: Store>(store: &S, report: &Report, now: At) -> Result<ReportFacts, Error> {
        let mut facts = ReportFacts {
            seen: store.row(&seen_key(report.source, &report.event))?,
            links: Vec::new(),
            case: None,
            known: None,
            named: None,
            moves: Vec::new(),
            loser: None,
        };
        if facts.seen.is_some() {
            return Ok(facts);
        }
        match &report.about {
            About::Purchase { people, purchase } if !people.is_empty() => {
                let link = link(store, people)?;
                purchase_facts(store, &mut facts, purchase, people[0], &link, report.at.unwrap_or(now))?;
                facts.links.push(link);
            }
            About::People(people) if !people.is_empty() => {
                let link = link(store, people)?;
                facts.case = Some(case(store, link.circle.clone())?);
                facts.links.push(link);
            }
            About::Transfer { from, to } if !from.is_empty() && !to.is_empty() => {
                let (from, to) = (link(store, from)?, link(store, to)?);
                facts.case = Some(case(store, to.circle.clone())?);
                facts.loser = Some((from.circle.clone(), rows_of(store, &from.circle)?));
                facts.links = vec![from, to];
            }
            _ => {}
        }
        Ok(facts)
    }
}

fn link<S: Store>(store: &S, people: &[Person]) -> Result<Link, Error> {
    let mut before: Vec<Circle> = Vec::new();
    for person in people {
        let known = circle(store, *person)?;
        if !before.contains(&known) {
            before.push(known);
        }
    }
    let mut accounts = Vec::new();
    for known in &before {
        accounts.extend(store.row::<Account>(known.name().as_bytes())?);
    }
    Ok(Link { circle: Circle::union(&before), before, accounts })
}

fn purchase_facts<S: Store>(
    store: &S,
    facts: &mut ReportFacts,
    purchase: &Purchase,
    user: Person,
    link: &Link,
    told_at: At,
) -> Result<(), Error> {
    let Some(offer) = &purchase.offer else {
        facts.case = Some(case(store, link.circle.clone())?);
        return Ok(());
    };
    let code: Option<Code> = match CodeText::parse(offer) {
        Some(text) => store.row(&code_key(&text))?,
        None => None,
    };
    let rules: Option<Arc<Rules>> = match &code {
        Some(code) => store.rules_of(&code.campaign)?,
        None => None,
    };
    let offer = rules.as_ref().map_or(offer, |rules| &rules.policy.offer);
    facts.known = store.row(&redemption_key(Redemption::id(&purchase.original_transaction_id, offer)))?;
    let (owner, since) = match &facts.known {
        Some(known) if known.owned_at > told_at => (known.user, known.owned_at),
        _ => (user, told_at),
    };
    facts.moves = moves(store, owner, since)?;
    let owner = facts.moves.last().map_or(owner, |last| last.to);
    let mut case =
        if link.circle.has(owner) { case(store, link.circle.clone())? } else { case(store, circle(store, owner)?)? };
    if let Some(code) = code {
        introduce(store, &mut case, &code.campaign, code.assigned_to)?;
        facts.named = Some(Named { holder: holder(store, &code)?, code });
    }
    facts.case = Some(case);
    Ok(())
}

/// Where purchases went that this person owned at a time.
fn moves<S: Store>(store: &S, mut owner: Person, mut since: At) -> Result<Vec<Move>, Error> {
    let mut chain: Vec<Move> = Vec::new();
    while chain.len() < MOVES {
        let mut next: Option<Move> = None;
        for member in circle(store, owner)?.members() {
            for (_, bytes) in store.prefix(Tab::Move, &move_prefix(*member), MOVES)? {
                let gone: Move = decode(&bytes, Tab::Move.name())?;
                if gone.at > since && next.as_ref().is_none_or(|known| gone.at < known.at) {
                    next = Some(gone);
                }
            }
        }
        let Some(gone) = next else { break };
        (owner, since) = (gone.to, gone.at);
        chain.push(gone);
    }
    Ok(chain)
}
