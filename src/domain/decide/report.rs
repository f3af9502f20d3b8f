//! A source reports a purchase, or who is whom.

use super::question;
use super::{Decision, Family, Put, Refusal, Reply, Seen, Stamp};
use crate::domain::at::At;
use crate::domain::case::{Case, Changes, Filed};
use crate::domain::claim::{Claim, ClaimState};
use crate::domain::code::{Code, CodeState};
use crate::domain::completion::Method;
use crate::domain::delivery::Effect;
use crate::domain::download::Download;
use crate::domain::grant::TakeBack;
use crate::domain::id::{Id, Person};
use crate::domain::person::{Circle, Move};
use crate::domain::policy::{Rules, campaign_of};
use crate::domain::purchase::{About, HandOn, Purchase, Report, Source};
use crate::domain::question::Question;
use crate::domain::redemption::{Redemption, RedemptionState};
use crate::domain::refund::Refund;
use crate::domain::reward::Account;
use crate::domain::sale::Sale;
use crate::domain::subscription::{Owner, Subscription};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub struct ReportFacts {
    pub seen: Option<Seen>,
    pub rules: Vec<Arc<Rules>>,
    /// The ids named now with those known before: one circle, or for a transfer one a side.
    pub links: Vec<Link>,
    /// Whom it is about: the purchase's owner, or the new one; those whose ids became one; those who share an
    /// Apple Account with them; and the referees of what the redemptions completed.
    pub cases: Vec<Case>,
    /// The subscription that the purchase belongs to, as reported before.
    pub subscription: Option<Subscription>,
    /// The redemptions of that subscription, or of those that a transfer moves, as reported before.
    pub redemptions: Vec<Redemption>,
    /// What was said before of a refund of this transaction.
    pub refund: Option<Refund>,
    /// What Apple asked of this transaction before.
    pub question: Option<Question>,
    /// What is known of it as a sale.
    pub sale: Option<Sale>,
    /// A code whose text stands in the purchase's offer field.
    pub named: Option<Named>,
    /// Where the purchases went from their owner, or the new one, as reported before, one after another.
    pub moves: Vec<Move>,
    /// For a transfer to somebody else: the subscriptions of who loses them.
    pub lost: Option<Vec<Subscription>>,
    /// The Apple Accounts that are the owner's by this.
    pub downloads: Vec<Download>,
    /// Those whose days may wait for the end of what they pay for, and may pay for something else by this.
    pub payers: Vec<Payer>,
}

/// A person, what was granted to them, and what they bought as reported before.
pub struct Payer {
    pub circle: Circle,
    pub account: Option<Account>,
    pub subscriptions: Vec<Subscription>,
}

/// Ids that are one person.
pub struct Link {
    pub circle: Circle,
    /// The circles of two or more that were known before.
    pub before: Vec<Circle>,
    /// What was granted to any of these ids.
    pub accounts: Vec<Account>,
}

/// A code that a source named outright, and the claim by which somebody holds it.
pub struct Named {
    pub code: Code,
    pub holder: Option<Claim>,
}

pub struct ReportFamily;

impl Family for ReportFamily {
    type Command = Report;
    type Facts = ReportFacts;

    fn decide(facts: &ReportFacts, report: &Report, stamp: Stamp) -> Result<Decision, Refusal> {
        if let Some(seen) = &facts.seen {
            return Ok(Decision::same(seen.reply(report)));
        }
        let mut decision = Decision::same(Reply::Kept { repeated: false, differs: false });
        decision.put(Put::Seen(Seen {
            source: report.source,
            event: report.event.clone(),
            kind: report.kind.clone(),
            digest: report.digest,
            seq: stamp.seq,
        }));
        let mut cases = facts.cases.clone();
        facts.links.iter().for_each(|one| link(one, &mut cases, stamp.at, &mut decision));
        let owner = match &report.about {
            About::Purchase { people, token, purchase } => {
                let told_at = report.at.unwrap_or(stamp.at);
                let told = Told {
                    source: report.source,
                    at: told_at,
                    owner: owner(people, *token, told_at),
                    has_token: token.is_some(),
                    purchase,
                };
                bought(facts, &mut cases, &told, stamp, &mut decision)
            }
            About::Transfer { from, to } => {
                transfer(facts, &mut cases, from, to, report.at.unwrap_or(stamp.at), &mut decision)
            }
            About::Download { people, .. } => people.first().copied(),
            About::People(_) | About::OwnGrant | About::Nothing => None,
        };
        if let Some(owner) = owner {
            decision.puts.extend(facts.downloads.iter().filter_map(|known| known.with(owner)).map(Put::Download));
        }
        let mut earlier: Option<Case> = None;
        for case in cases {
            let case = earlier.iter().fold(case, Case::after);
            let (case, changes) = case.join(stamp.at);
            decision.take(changes);
            earlier = Some(case);
        }
        facts.payers.iter().for_each(|payer| wait(payer, &mut decision));
        let hand_on = |to: &HandOn| Effect::Forward { to: to.clone(), at: stamp.at, seq: stamp.seq };
        decision.effects.extend(report.hand_on.iter().map(hand_on));
        Ok(decision)
    }
}

/// Whose purchase it is by this report.
pub fn owner(people: &[Person], token: Option<Person>, at: At) -> Option<Owner> {
    let told = people.first().map(|person| Owner { is_told: true, at, person: *person });
    told.or(token.map(|person| Owner { is_told: false, at, person }))
}

/// Days that wait for the end of what somebody pays for move with it.
fn wait(payer: &Payer, decision: &mut Decision) {
    let mut owned: BTreeMap<&str, &Subscription> = BTreeMap::new();
    let put = decision.puts.iter().filter_map(|put| match put {
        Put::Subscription(row) => Some(row),
        _ => None,
    });
    owned.extend(payer.subscriptions.iter().chain(put).map(|row| (row.original_transaction_id.as_str(), row)));
    let is_theirs = |row: &&&Subscription| row.person().is_some_and(|person| payer.circle.has(person));
    let paid = Subscription::all_times(owned.values().filter(is_theirs).copied());
    let name = payer.circle.name();
    let by_this = decision.puts.iter().rev().find_map(|put| match put {
        Put::Account(row) if row.person == name => Some(Some(row.clone())),
        Put::AccountGone(person) if *person == name => Some(None),
        _ => None,
    });
    let Some(before) = by_this.unwrap_or(payer.account.clone()) else { return };
    let after = before.clone().after(paid);
    if after.end != before.end {
        let take_back = (after.end < before.end).then_some(TakeBack::over(before.end));
        decision.effects.push(Effect::Grant { account: name, to: after.to, end: after.end, take_back });
    }
    if after != before {
        decision.put(Put::Account(after));
    }
}

/// The named ids are one person from now on, with one account.
fn link(link: &Link, cases: &mut [Case], now: At, decision: &mut Decision) {
    if link.circle.members().len() == 1 || link.before.contains(&link.circle) {
        return;
    }
    decision.puts.extend(link.circle.records().into_iter().map(Put::Alias));
    for known in cases.iter_mut().flat_map(|case| case.circles.values_mut()) {
        if link.before.contains(known) {
            known.clone_from(&link.circle);
        }
    }
    let name = link.circle.name();
    let Some(joined) = Account::joined(name, &link.accounts, now) else { return };
    if link.accounts.contains(&joined) {
        return;
    }
    for old in link.accounts.iter().filter(|account| account.person != name) {
        decision.put(Put::AccountGone(old.person));
        cases.iter_mut().for_each(|case| _ = case.accounts.remove(&old.person));
    }
    if link.accounts.iter().all(|account| account.end < joined.end) {
        decision.effects.push(Effect::Grant { account: name, to: joined.to, end: joined.end, take_back: None });
    }
    cases.iter_mut().for_each(|case| _ = case.accounts.insert(name, joined.clone()));
    decision.put(Put::Account(joined));
}

/// One report of a purchase.
struct Told<'a> {
    source: Source,
    at: At,
    owner: Option<Owner>,
    has_token: bool,
    purchase: &'a Purchase,
}

/// What is known of the subscription by now, whose it is, and what was redeemed with it. A purchase that
/// names an offer is a redemption; one that names a code completes that code.
fn bought(
    facts: &ReportFacts,
    cases: &mut [Case],
    told: &Told<'_>,
    stamp: Stamp,
    decision: &mut Decision,
) -> Option<Person> {
    let purchase = told.purchase;
    let mut subscription = purchase.subscription(told.owner, told.has_token, told.at);
    let named = facts.named.as_ref().and_then(|named| Some((named, rules_of(facts, &named.code.campaign)?)));
    let named = named.filter(|(_, rules)| !rules.policy.offer.is_empty());
    let offer = named.as_ref().map(|(_, rules)| &rules.policy.offer).or(purchase.offer.as_ref());
    subscription.offers.extend(offer.cloned());
    if let Some(known) = &facts.subscription {
        subscription = known.clone().merged(subscription);
    }
    facts.moves.iter().for_each(|gone| subscription.told_of(gone.to));
    if let Some(gone) = facts.moves.last() {
        subscription.owner = Some(Owner { is_told: true, at: gone.at, person: gone.to });
    }
    if facts.subscription.as_ref() != Some(&subscription) {
        decision.put(Put::Subscription(subscription.clone()));
    }
    let reported = offer.map(|offer| Redemption::reported(purchase, offer, told.source, told.at));
    let id = reported.as_ref().map(|one| one.id);
    for mut redemption in with(&facts.redemptions, reported) {
        redemption.user = subscription.person();
        redemption.owners.clone_from(&subscription.owners);
        redemption.is_bound |= subscription.has_token || subscription.is_family_shared();
        if redemption.campaign.is_none() {
            let found = campaign_of(&facts.rules, &redemption.offer, &redemption.product_id);
            redemption.campaign = found.map(|rules| rules.policy.campaign.clone());
        }
        if !facts.redemptions.contains(&redemption) {
            decision.put(Put::Redemption(redemption.clone()));
        }
        give(cases, &redemption);
    }
    refund(facts, cases, told, decision);
    sold(facts, told, decision);
    question::report(facts.question.as_ref(), told.purchase, told.at, decision);
    let owner = subscription.person();
    if let (Some((named, _)), Some(owner), Some(id)) = (named, owner, id) {
        let case = cases.iter_mut().find(|case| case.circle.has(owner)).expect("the owner's case is loaded");
        complete_named(case, named, id, stamp.at, decision);
    }
    owner
}

fn rules_of<'a>(facts: &'a ReportFacts, campaign: &str) -> Option<&'a Rules> {
    facts.rules.iter().map(AsRef::as_ref).find(|rules: &&Rules| rules.policy.campaign == campaign)
}

/// What was known, and what is reported now.
fn with(known: &[Redemption], reported: Option<Redemption>) -> Vec<Redemption> {
    let mut all = known.to_vec();
    if let Some(reported) = reported {
        match all.iter_mut().find(|one| one.id == reported.id) {
            Some(one) => *one = one.clone().merged(reported),
            None => all.push(reported),
        }
    }
    all
}

/// The latest word on the transaction's refund, now or before.
fn refund(facts: &ReportFacts, cases: &mut [Case], told: &Told<'_>, decision: &mut Decision) {
    let reported = Refund::reported(told.purchase, told.at);
    let latest = match (facts.refund.clone(), reported) {
        (Some(known), Some(reported)) => Some(known.merged(reported)),
        (known, reported) => known.or(reported),
    };
    let Some(latest) = latest else { return };
    if facts.refund.as_ref() != Some(&latest) {
        decision.put(Put::Refund(latest.clone()));
    }
    for case in cases {
        case.refunds.insert(latest.transaction_id.clone(), latest.clone());
    }
}

/// What was sold, where somebody is paid for it.
fn sold(facts: &ReportFacts, told: &Told<'_>, decision: &mut Decision) {
    if facts.rules.iter().all(|rules| rules.policy.payout.is_none()) {
        return;
    }
    let reported = Sale::reported(told.purchase, told.source, told.at);
    let Some(reported) = reported else { return };
    let sale = facts.sale.iter().cloned().fold(reported, Sale::merged);
    if facts.sale.as_ref() != Some(&sale) {
        decision.put(Put::Sale(sale));
    }
}

/// The redemption is its owner's, and that of whom it completed something for.
fn give(cases: &mut [Case], redemption: &Redemption) {
    for case in cases {
        case.redemptions.retain(|other| other.id != redemption.id);
        let completed =
            |filed: &Filed| filed.completion.as_ref().is_some_and(|one| one.redemption == Some(redemption.id));
        if redemption.user.is_some_and(|user| case.circle.has(user)) || case.claims.iter().any(completed) {
            case.redemptions.push(redemption.clone());
        }
    }
}

/// This redemption named a code.
fn complete_named(case: &mut Case, named: &Named, redemption: Id, now: At, decision: &mut Decision) {
    let code = &named.code;
    let open = matches!(code.state, CodeState::Pending | CodeState::Expired { .. });
    let Some(found) = case.redemptions.iter().position(|one| one.id == redemption) else { return };
    let Some(referee) = case.redemptions[found].user else { return };
    let is_free = case.redemptions[found].state == RedemptionState::Unattributed;
    let is_spent = case.is_spent(&code.campaign, &case.redemptions[found]);
    if !open || !is_free || is_spent || !case.may_complete(&code.campaign) {
        return;
    }
    if let Some(rival) = named.holder.as_ref().filter(|rival| !case.circle.has(rival.referee)) {
        decision.put(Put::Claim(Claim { state: ClaimState::Superseded, ..rival.clone() }));
    }
    let same = |filed: &Filed| filed.claim.campaign == code.campaign && filed.claim.code == code.text;
    if !case.claims.iter().any(same) {
        let claim = Claim::of(code, referee, now);
        case.claims.retain(|filed| filed.claim.campaign != code.campaign || filed.claim.referee != referee);
        case.claims.push(Filed { claim, code: code.clone(), completion: None });
    }
    let at = case.claims.iter().position(same).expect("it was filed");
    let mut changes = Changes::default();
    if case.is_self(code.assigned_to) {
        case.reject(at, Some(found), now, &mut changes);
    } else {
        case.complete(at, Some(found), Method::Code, now, &mut changes);
    }
    decision.take(changes);
}

/// The purchases of one person go to another, and on to whom that one gave theirs later.
fn transfer(
    facts: &ReportFacts,
    cases: &mut [Case],
    from: &[Person],
    to: &[Person],
    told_at: At,
    decision: &mut Decision,
) -> Option<Person> {
    let (lost, to) = (facts.lost.as_ref()?, to.first()?);
    decision.puts.extend(from.iter().map(|from| Put::Move(Move { from: *from, at: told_at, to: *to })));
    let (person, at) = facts.moves.last().map_or((*to, told_at), |gone| (gone.to, gone.at));
    let goes = |known: &&Subscription| known.owner.is_some_and(|owner| owner.at <= told_at);
    for known in lost.iter().filter(goes) {
        let owner = Some(Owner { is_told: true, at, person });
        let mut known = Subscription { owner, ..known.clone() };
        known.told_of(*to);
        facts.moves.iter().for_each(|gone| known.told_of(gone.to));
        decision.put(Put::Subscription(known.clone()));
        let redeemed = |one: &&Redemption| one.original_transaction_id == known.original_transaction_id;
        for redemption in facts.redemptions.iter().filter(redeemed) {
            let moved = Redemption { user: Some(person), owners: known.owners.clone(), ..redemption.clone() };
            decision.put(Put::Redemption(moved.clone()));
            give(cases, &moved);
        }
    }
    Some(person)
}

#[cfg(test)]
mod tests;
