//! What a report touches: the ids it names, the owner's case, the redemption as known before.

use super::Load;
use super::case::{case, circle, introduce, kin, refunded, rings, rows_of, spend};
use super::claim::{holder, wins_back};
use crate::domain::at::At;
use crate::domain::code::{Code, CodeText};
use crate::domain::completion::Completion;
use crate::domain::decide::report::{Link, Named, Payer, ReportFacts, ReportFamily, owner};
use crate::domain::download::Download;
use crate::domain::id::Person;
use crate::domain::person::{Circle, Move};
use crate::domain::policy::Anchor;
use crate::domain::purchase::{About, Purchase, Report, Source};
use crate::domain::question::Question;
use crate::domain::redemption::{Redemption, RedemptionState};
use crate::domain::refund::Refund;
use crate::domain::reward::Account;
use crate::domain::sale::Sale;
use crate::domain::subscription::{Owner, Subscription};
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
        let seen = store.row(&seen_key(report.source, &report.event))?;
        let mut facts = ReportFacts { seen, rules: store.rules()?, ..ReportFacts::default() };
        if facts.seen.is_some() {
            return Ok(facts);
        }
        let told_at = report.at.unwrap_or(now);
        match &report.about {
            About::Purchase { people, token, purchase } => {
                if !people.is_empty() {
                    facts.links = vec![link(store, people)?];
                }
                bought(store, &mut facts, report.source, purchase, owner(people, *token, told_at), token.is_some())?;
            }
            About::Download { people, app_transaction_id } if !people.is_empty() => {
                facts.links = vec![link(store, people)?];
                facts.downloads = vec![download(store, app_transaction_id)?];
                load_cases(store, &mut facts, Some(people[0]))?;
            }
            About::People(people) if !people.is_empty() => {
                facts.links = vec![link(store, people)?];
                load_cases(store, &mut facts, Some(people[0]))?;
            }
            About::Transfer { from, to } if !from.is_empty() && !to.is_empty() => {
                let sides = [link(store, to)?, link(store, from)?];
                if sides[1].circle.members().iter().any(|person| sides[0].circle.has(*person)) {
                    // One person on both sides gives nothing away.
                    facts.links = vec![link(store, &[from.as_slice(), to].concat())?];
                } else {
                    let lost: Vec<Subscription> = rows_of(store, &sides[1].circle)?;
                    for known in &lost {
                        facts.redemptions.extend(redeemed(store, known)?);
                        facts.downloads.extend(
                            known
                                .app_transaction_id
                                .iter()
                                .map(|id| download(store, id))
                                .collect::<Result<Vec<_>, _>>()?,
                        );
                    }
                    facts.lost = Some(lost);
                    facts.links = sides.into();
                    facts.moves = moves(store, &facts.links, to[0], told_at)?;
                }
                load_cases(store, &mut facts, Some(to[0]))?;
            }
            _ => {}
        }
        facts.payers = payers(store, &facts)?;
        Ok(facts)
    }
}

/// All whose purchases may be others by this, where days wait for the end of what is paid.
fn payers<S: Store>(store: &S, facts: &ReportFacts) -> Result<Vec<Payer>, Error> {
    if !facts.rules.iter().any(|rules| rules.policy.reward.anchor == Anchor::Paid) {
        return Ok(Vec::new());
    }
    let mut circles: Vec<Circle> = facts.cases.iter().map(|case| case.circle.clone()).collect();
    circles.extend(facts.links.iter().map(|link| link.circle.clone()));
    if let Some(owner) = facts.subscription.as_ref().and_then(Subscription::person) {
        circles.push(whole(store, &facts.links, owner)?);
    }
    let mut payers: Vec<Payer> = Vec::new();
    for circle in circles {
        if payers.iter().all(|known| known.circle != circle) {
            let account = store.row(circle.name().as_bytes())?;
            payers.push(Payer { account, subscriptions: rows_of(store, &circle)?, circle });
        }
    }
    Ok(payers)
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

/// What is known of a purchase, whose it is in the end, and the code that it may name.
fn bought<S: Store>(
    store: &S,
    facts: &mut ReportFacts,
    source: Source,
    purchase: &Purchase,
    owner: Option<Owner>,
    has_token: bool,
) -> Result<(), Error> {
    let mut subscription = purchase.subscription(owner, has_token, At(0));
    facts.subscription = store.row(Subscription::id(&purchase.original_transaction_id).as_bytes())?;
    if let Some(known) = &facts.subscription {
        facts.redemptions = redeemed(store, known)?;
        subscription = known.clone().merged(subscription);
    }
    facts.refund = store.row(Refund::id(&purchase.transaction_id).as_bytes())?;
    facts.question = store.row(Question::id(&purchase.transaction_id).as_bytes())?;
    if facts.rules.iter().any(|rules| rules.policy.payout.is_some()) {
        facts.sale = store.row(Sale::id(&purchase.transaction_id).as_bytes())?;
    }
    if let Some(id) = &subscription.app_transaction_id {
        facts.downloads = vec![download(store, id)?];
    }
    if let Some(owner) = subscription.owner {
        facts.moves = moves(store, &facts.links, owner.person, owner.at)?;
    }
    load_cases(store, facts, subscription.person())?;
    // Only RevenueCat's field was ever seen with a code in it.
    let code: Option<Code> = match purchase.offer.as_deref().and_then(CodeText::parse) {
        Some(text) if source == Source::RevenueCat => {
            store.row(&code_key(&text))?.filter(|code: &Code| !code.is_custom)
        }
        _ => None,
    };
    let rules = match &code {
        Some(code) => store.rules_of(&code.campaign)?,
        None => None,
    };
    let offer = rules.as_ref().map(|rules| &rules.policy.offer).or(purchase.offer.as_ref());
    if let (Some(offer), Some(case)) = (offer, facts.cases.first_mut()) {
        spend(store, case, &Redemption::reported(purchase, offer, source, At(0)))?;
    }
    if let (Some(code), true) = (code, subscription.owner.is_some()) {
        if !wins_back(store, &code.campaign)? {
            introduce(store, &mut facts.cases[0], &code.campaign, code.assigned_to)?;
        }
        facts.named = Some(Named { holder: holder(store, &code)?, code });
    }
    Ok(())
}

fn redeemed<S: Store>(store: &S, known: &Subscription) -> Result<Vec<Redemption>, Error> {
    let rows = known.offers.iter().map(|offer| {
        let id = Redemption::id(&known.original_transaction_id, offer);
        store.row(&redemption_key(id))?.ok_or(Error::Broken("an offer without its redemption"))
    });
    rows.collect()
}

fn download<S: Store>(store: &S, id: &str) -> Result<Download, Error> {
    Ok(store.row(Download::id(id).as_bytes())?.unwrap_or_else(|| Download::new(id)))
}

/// The cases of the purchase's owner in the end, first; of everybody whose ids become one by this; of whom
/// its redemptions completed something for; and of all who turn out to share an Apple Account.
fn load_cases<S: Store>(store: &S, facts: &mut ReportFacts, owner: Option<Person>) -> Result<(), Error> {
    let owner = facts.moves.last().map(|last| last.to).or(owner);
    let mut circles = Vec::new();
    let mut add = |circle: Circle| {
        if !circles.contains(&circle) {
            circles.push(circle);
        }
    };
    let groups = groups(store, facts, owner)?;
    owner.map(|owner| whole(store, &facts.links, owner)).transpose()?.into_iter().for_each(&mut add);
    facts.links.iter().filter(|link| link.before.len() > 1).for_each(|link| add(link.circle.clone()));
    for redemption in &facts.redemptions {
        if let RedemptionState::Attributed { completion } = redemption.state {
            let known: Option<Completion> = store.row(completion.as_bytes())?;
            let known = known.ok_or(Error::Broken("a redemption without its completion"))?;
            add(whole(store, &facts.links, known.referee)?);
        }
    }
    groups.iter().flatten().for_each(|circle| add(circle.clone()));
    for circle in circles {
        let mut case = case(store, circle)?;
        for group in groups.iter().filter(|group| group.contains(&case.circle)) {
            let others = group.iter().filter(|circle| **circle != case.circle);
            case.kin.extend(others.flat_map(|circle| circle.members()));
        }
        rings(store, &mut case)?;
        for redemption in &facts.redemptions {
            spend(store, &mut case, redemption)?;
            refunded(store, &mut case, redemption)?;
        }
        facts.cases.push(case);
    }
    Ok(())
}

/// The circles that are seen with one Apple Account by this and were not before: the owner with the users of
/// a download, and ids that became one with the kin of each.
fn groups<S: Store>(store: &S, facts: &ReportFacts, owner: Option<Person>) -> Result<Vec<Vec<Circle>>, Error> {
    let mut groups = Vec::new();
    let tied = |known: &&Download| owner.is_some_and(|owner| known.with(owner).is_some());
    for known in facts.downloads.iter().filter(tied) {
        let people = known.people.iter().chain(&owner);
        groups.push(people.map(|person| whole(store, &facts.links, *person)).collect::<Result<Vec<_>, _>>()?);
    }
    for link in facts.links.iter().filter(|link| link.before.len() > 1) {
        let mut group = vec![link.circle.clone()];
        for other in kin(store, &link.circle)? {
            group.push(whole(store, &facts.links, other)?);
        }
        groups.push(group);
    }
    groups.retain(|group| group.len() > 1);
    Ok(groups)
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
