//! What a report touches: the ids it names, the owner's case, the redemption as known before.

use super::Load;
use super::case::{case, circle, introduce, rows_of, spend};
use super::claim::holder;
use crate::domain::at::At;
use crate::domain::code::{Code, CodeText};
use crate::domain::decide::report::{Link, Named, ReportFacts, ReportFamily};
use crate::domain::id::Person;
use crate::domain::person::{Circle, Move};
use crate::domain::purchase::{About, Purchase, Report, Source};
use crate::domain::redemption::Redemption;
use crate::domain::reward::Account;
use crate::ledger::Error;
use crate::ledger::record::decode;
use crate::ledger::rows::{code_key, move_key, redemption_key, seen_key};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use std::ops::Bound;

/// Purchases are not handed on more often than this.
const MOVES: usize = 16;

impl Load for ReportFamily {
    fn load<S: Store>(store: &S, report: &Report, now: At) -> Result<ReportFacts, Error> {
        let mut facts = ReportFacts {
            seen: store.row(&seen_key(report.source, &report.event))?,
            links: Vec::new(),
            cases: Vec::new(),
            known: None,
            named: None,
            moves: Vec::new(),
            lost: None,
        };
        if facts.seen.is_some() {
            return Ok(facts);
        }
        let told_at = report.at.unwrap_or(now);
        match &report.about {
            About::Purchase { people, purchase } if !people.is_empty() => {
                facts.links = vec![link(store, people)?];
                match &purchase.offer {
                    Some(offer) => redeemed(store, &mut facts, report.source, purchase, offer, people[0], told_at)?,
                    None => load_cases(store, &mut facts, people[0])?,
                }
            }
            About::People(people) if !people.is_empty() => {
                facts.links = vec![link(store, people)?];
                load_cases(store, &mut facts, people[0])?;
            }
            About::Transfer { from, to } if !from.is_empty() && !to.is_empty() => {
                let sides = [link(store, to)?, link(store, from)?];
                if sides[1].circle.members().iter().any(|person| sides[0].circle.has(*person)) {
                    // One person on both sides gives nothing away.
                    facts.links = vec![link(store, &[from.as_slice(), to].concat())?];
                } else {
                    facts.lost = Some(rows_of(store, &sides[1].circle)?);
                    facts.links = sides.into();
                    facts.moves = moves(store, &facts.links, to[0], told_at)?;
                }
                load_cases(store, &mut facts, to[0])?;
                for redemption in facts.lost.iter().flatten() {
                    spend(store, &mut facts.cases[0], redemption)?;
                }
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

/// A purchase that names an offer: what is known of it, whose it is in the end, and the code that it may name.
fn redeemed<S: Store>(
    store: &S,
    facts: &mut ReportFacts,
    source: Source,
    purchase: &Purchase,
    offer: &str,
    user: Person,
    told_at: At,
) -> Result<(), Error> {
    let code: Option<Code> = match CodeText::parse(offer) {
        Some(text) => store.row(&code_key(&text))?,
        None => None,
    };
    let rules = match &code {
        Some(code) => store.rules_of(&code.campaign)?,
        None => None,
    };
    let offer = rules.as_ref().map_or(offer, |rules| &rules.policy.offer);
    let mut redemption = Redemption::reported(purchase, offer, user, source, told_at);
    facts.known = store.row(&redemption_key(redemption.id))?;
    if let Some(known) = &facts.known {
        redemption = known.clone().merged(redemption);
    }
    facts.moves = moves(store, &facts.links, redemption.user, redemption.owned_at)?;
    load_cases(store, facts, redemption.user)?;
    spend(store, &mut facts.cases[0], &redemption)?;
    if let Some(code) = code {
        introduce(store, &mut facts.cases[0], &code.campaign, code.assigned_to)?;
        facts.named = Some(Named { holder: holder(store, &code)?, code });
    }
    Ok(())
}

/// The case of the purchase's owner in the end, and of everybody whose ids become one by this.
fn load_cases<S: Store>(store: &S, facts: &mut ReportFacts, owner: Person) -> Result<(), Error> {
    let owner = facts.moves.last().map_or(owner, |last| last.to);
    let mut circles = vec![whole(store, &facts.links, owner)?];
    for link in facts.links.iter().filter(|link| link.before.len() > 1) {
        if !circles.contains(&link.circle) {
            circles.push(link.circle.clone());
        }
    }
    facts.cases = circles.into_iter().map(|circle| case(store, circle)).collect::<Result<_, _>>()?;
    Ok(())
}

/// All ids of a person, with those that are told now.
fn whole<S: Store>(store: &S, links: &[Link], person: Person) -> Result<Circle, Error> {
    match links.iter().find(|link| link.circle.has(person)) {
        Some(link) => Ok(link.circle.clone()),
        None => circle(store, person),
    }
}

/// Where purchases went that this person owned at a time.
fn moves<S: Store>(store: &S, links: &[Link], owner: Person, mut since: At) -> Result<Vec<Move>, Error> {
    let mut owner = whole(store, links, owner)?;
    let mut chain: Vec<Move> = Vec::new();
    while chain.len() < MOVES {
        let mut next: Option<Move> = None;
        for member in owner.members() {
            let (from, to) = (move_key(*member, since), move_key(*member, At(i64::MAX)));
            for (_, bytes) in store.range(Tab::Move, Bound::Included(&from), Bound::Included(&to), MOVES)? {
                let gone: Move = decode(&bytes, Tab::Move.name())?;
                let leaves = !owner.has(gone.to) && !chain.contains(&gone);
                if leaves && next.as_ref().is_none_or(|known| (gone.at, gone.from) < (known.at, known.from)) {
                    next = Some(gone);
                }
            }
        }
        let Some(gone) = next else { break };
        (owner, since) = (whole(store, links, gone.to)?, gone.at);
        chain.push(gone);
    }
    Ok(chain)
}
