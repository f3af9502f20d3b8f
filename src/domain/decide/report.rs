//! A source reports a purchase, or who is whom.

use super::{Decision, Family, Put, Refusal, Reply, Seen, Stamp};
use crate::domain::at::At;
use crate::domain::attribution::{Case, Changes, Filed};
use crate::domain::claim::{Claim, ClaimState};
use crate::domain::code::{Code, CodeState};
use crate::domain::completion::Method;
use crate::domain::delivery::Effect;
use crate::domain::id::Person;
use crate::domain::person::{Circle, Move};
use crate::domain::policy::campaign_of;
use crate::domain::purchase::{About, Purchase, Report};
use crate::domain::redemption::{Redemption, RedemptionState};
use crate::domain::reward::Account;

pub struct ReportFacts {
    pub seen: Option<Seen>,
    /// The ids named now with those known before: one circle, or for a transfer one a side.
    pub links: Vec<Link>,
    /// The person it is about: the purchase's owner, or the new one. Absent where it is about nobody.
    pub case: Option<Case>,
    /// The redemption that the purchase was reported as before.
    pub known: Option<Redemption>,
    /// A code whose text stands in the purchase's offer field.
    pub named: Option<Named>,
    /// Where the purchase's owner gave their purchases, as reported before, one after another.
    pub moves: Vec<Move>,
    /// For a transfer: who loses purchases, and these.
    pub loser: Option<(Circle, Vec<Redemption>)>,
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
        let Some(case) = &facts.case else { return Ok(decision) };
        let mut case = case.clone();
        facts.links.iter().for_each(|one| link(one, &mut case, stamp.at, &mut decision));
        let told_at = report.at.unwrap_or(stamp.at);
        let mut first = Changes::default();
        match &report.about {
            About::Purchase { people, purchase } => {
                if let (Some(user), Some(offer)) = (people.first(), &purchase.offer) {
                    redeem(
                        facts,
                        &mut case,
                        report,
                        purchase,
                        *user,
                        offer,
                        told_at,
                        stamp.at,
                        &mut decision,
                        &mut first,
                    );
                }
            }
            About::Transfer { to, .. } => transfer(facts, &mut case, to, told_at, &mut decision),
            About::People(_) | About::OwnGrant | About::Nothing => {}
        }
        let (_, changes) = case.join(stamp.at);
        decision.take(first);
        decision.take(changes);
        Ok(decision)
    }
}

/// The named ids are one person from now on, with one account.
fn link(link: &Link, case: &mut Case, now: At, decision: &mut Decision) {
    if link.circle.members().len() == 1 || link.before.contains(&link.circle) {
        return;
    }
    decision.puts.extend(link.circle.records().into_iter().map(Put::Alias));
    case.circles
        .values_mut()
        .filter(|known| link.before.contains(known))
        .for_each(|known| *known = link.circle.clone());
    let name = link.circle.name();
    let Some(joined) = Account::joined(name, &link.accounts, now) else { return };
    if link.accounts.contains(&joined) {
        return;
    }
    for old in link.accounts.iter().filter(|account| account.person != name) {
        decision.put(Put::AccountGone(old.person));
        case.accounts.remove(&old.person);
    }
    if link.accounts.len() > 1 {
        decision.effects.push(Effect::Grant { account: name, to: joined.to, end: joined.end });
    }
    case.accounts.insert(name, joined.clone());
    decision.put(Put::Account(joined));
}

/// A purchase that names an offer is a redemption; one that names a code completes that code.
#[allow(clippy::too_many_arguments)] // one step of `decide`, told apart for reading
fn redeem(
    facts: &ReportFacts,
    case: &mut Case,
    report: &Report,
    purchase: &Purchase,
    user: Person,
    offer: &str,
    told_at: At,
    now: At,
    decision: &mut Decision,
    changes: &mut Changes,
) {
    let rules = facts.named.as_ref().and_then(|named| case.rules_of(&named.code.campaign));
    let offer = rules.as_ref().map_or(offer, |rules| rules.policy.offer.as_str());
    let mut redemption = Redemption::reported(purchase, offer, user, report.source, told_at);
    if let Some(known) = &facts.known {
        redemption = known.clone().merged(redemption);
    }
    for gone in &facts.moves {
        if gone.at > redemption.owned_at {
            (redemption.user, redemption.owned_at) = (gone.to, gone.at);
        }
    }
    if redemption.campaign.is_none() {
        let found = campaign_of(&case.rules, &redemption.offer, &redemption.product_id);
        redemption.campaign = found.map(|rules| rules.policy.campaign.clone());
    }
    if facts.known.as_ref() != Some(&redemption) {
        decision.put(Put::Redemption(redemption.clone()));
    }
    case.redemptions.retain(|other| other.id != redemption.id);
    let free = redemption.state == RedemptionState::Unattributed;
    case.redemptions.push(redemption);
    if let Some(named) = facts.named.as_ref().filter(|_| free) {
        complete_named(case, named, user, now, decision, changes);
    }
}

fn complete_named(
    case: &mut Case,
    named: &Named,
    user: Person,
    now: At,
    decision: &mut Decision,
    changes: &mut Changes,
) {
    let code = &named.code;
    let open = matches!(code.state, CodeState::Pending | CodeState::Expired { .. });
    if !open || case.is_completed(&code.campaign) {
        return;
    }
    if let Some(rival) = named.holder.as_ref().filter(|rival| !case.circle.has(rival.referee)) {
        decision.put(Put::Claim(Claim { state: ClaimState::Superseded, ..rival.clone() }));
    }
    let same = |filed: &Filed| filed.claim.campaign == code.campaign && filed.claim.code == code.text;
    if !case.claims.iter().any(same) {
        let claim = Claim {
            campaign: code.campaign.clone(),
            referee: user,
            referrer: code.assigned_to,
            code: code.text.clone(),
            at: now,
            state: ClaimState::Pending,
        };
        case.claims.retain(|filed| filed.claim.campaign != code.campaign || filed.claim.referee != user);
        case.claims.push(Filed { claim, code: code.clone(), completion: None });
    }
    let at = case.claims.iter().position(same).expect("it was filed");
    let found = case.redemptions.len().checked_sub(1);
    if case.circle.has(code.assigned_to) {
        case.reject(at, found, now, changes);
    } else {
        case.complete(at, found, Method::Code, now, changes);
    }
}

/// The purchases of one person go to another.
fn transfer(facts: &ReportFacts, case: &mut Case, to: &[Person], told_at: At, decision: &mut Decision) {
    let (Some((loser, redemptions)), Some(to)) = (&facts.loser, to.first()) else { return };
    for from in loser.members() {
        decision.put(Put::Move(Move { from: *from, at: told_at, to: *to }));
    }
    for redemption in redemptions.iter().filter(|redemption| redemption.owned_at <= told_at) {
        let moved = Redemption { user: *to, owned_at: told_at, ..redemption.clone() };
        decision.put(Put::Redemption(moved.clone()));
        case.redemptions.push(moved);
    }
}
