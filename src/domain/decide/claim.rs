//! A referee says which code they use, or whose link they came through.

use super::share::Shelf;
use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::attribution::{Case, Changes, Filed};
use crate::domain::claim::{Claim, ClaimState};
use crate::domain::code::{Code, CodeState, CodeText};
use crate::domain::completion::Method;
use crate::domain::id::Person;
use crate::domain::policy::Accept;
use crate::domain::referrer::Referrer;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeClaim {
    pub by: ClaimBy,
    pub person: Person,
    /// The app says that the code was redeemed.
    pub confirm: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimBy {
    Code(CodeText),
    Slug(String),
}

pub struct ClaimFacts {
    pub case: Case,
    pub target: Option<Target>,
}

/// What was named: a code that somebody holds, or a referrer whose next code it will be.
pub enum Target {
    Code {
        code: Code,
        /// The claim by which somebody else holds the code.
        rival: Option<Claim>,
    },
    Link {
        referrer: Referrer,
        shelf: Shelf,
    },
}

pub struct ClaimFamily;

impl Family for ClaimFamily {
    type Command = MakeClaim;
    type Facts = ClaimFacts;

    fn decide(facts: &ClaimFacts, command: &MakeClaim, stamp: Stamp) -> Result<Decision, Refusal> {
        match &facts.target {
            Some(Target::Code { code, rival }) => by_code(&facts.case, code, rival.as_ref(), command, stamp),
            Some(Target::Link { referrer, shelf }) => by_link(&facts.case, referrer, shelf, command, stamp),
            None => Err(match command.by {
                ClaimBy::Code(_) => Refusal::UnknownCode,
                ClaimBy::Slug(_) => Refusal::UnknownSlug,
            }),
        }
    }
}

fn by_code(
    case: &Case,
    code: &Code,
    rival: Option<&Claim>,
    command: &MakeClaim,
    stamp: Stamp,
) -> Result<Decision, Refusal> {
    let is_self = case.circle.has(code.assigned_to);
    if let Some(standing) = case.standing(&code.campaign, stamp.at) {
        if standing.claim.code == code.text {
            return Ok(proceed(case.clone(), standing.clone(), false, Decision::same(Reply::Nothing), command, stamp));
        }
        return Err(if is_self { Refusal::SelfReferral } else { Refusal::AlreadyClaimed });
    }
    let claim = Claim {
        campaign: code.campaign.clone(),
        referee: command.person,
        referrer: code.assigned_to,
        code: code.text.clone(),
        at: stamp.at,
        state: ClaimState::Pending,
    };
    let evidence = case.evidence(&claim).is_some();
    match code.state {
        // Said once it is settled; a code that a friend holds stays theirs.
        _ if is_self && (!code.is_pending() || rival.is_some() || was_rejected(case, &code.campaign)) => {
            return Err(Refusal::SelfReferral);
        }
        CodeState::Used { .. } => return Err(Refusal::CodeUsed),
        CodeState::Void { .. } => return Err(Refusal::CodeExpired),
        CodeState::Expired { .. } if !evidence => return Err(Refusal::CodeExpired),
        CodeState::Pending if code.expires_at <= stamp.at && !evidence => return Err(Refusal::CodeExpired),
        CodeState::Pending | CodeState::Expired { .. } => {}
    }
    let mut decision = Decision::same(Reply::Nothing);
    if let Some(rival) = rival.filter(|rival| rival.state == ClaimState::Pending && !case.circle.has(rival.referee)) {
        let rules = case.rules_of(&code.campaign).ok_or(Refusal::UnknownCampaign)?;
        if rival.binds(stamp.at, &rules.policy.attribution) && !evidence {
            return Err(Refusal::AlreadyClaimed);
        }
        decision.put(Put::Claim(Claim { state: ClaimState::Superseded, ..rival.clone() }));
    }
    let filed = Filed { claim, code: code.clone(), completion: None };
    Ok(proceed(case.clone(), filed, true, decision, command, stamp))
}

fn by_link(
    case: &Case,
    referrer: &Referrer,
    shelf: &Shelf,
    command: &MakeClaim,
    stamp: Stamp,
) -> Result<Decision, Refusal> {
    if case.circle.has(referrer.person) {
        return Err(Refusal::SelfReferral);
    }
    if let Some(standing) = case.standing(&referrer.campaign, stamp.at) {
        if standing.claim.referrer == referrer.person {
            return Ok(proceed(case.clone(), standing.clone(), false, Decision::same(Reply::Nothing), command, stamp));
        }
        return Err(Refusal::AlreadyClaimed);
    }
    let policy = &shelf.rules.policy;
    if shelf.draw.taken.is_empty() {
        let reply = Reply::Empty { campaign: referrer.campaign.clone(), slug: referrer.slug.clone() };
        let mut decision = Decision::same(reply);
        decision.reorder(&shelf.pool, policy, stamp.at);
        return Ok(decision);
    }
    let code = shelf.draw.hand_out(0, referrer.person, None, stamp.at);
    let claim = Claim {
        campaign: referrer.campaign.clone(),
        referee: command.person,
        referrer: referrer.person,
        code: code.text.clone(),
        at: stamp.at,
        state: ClaimState::Pending,
    };
    let mut case = case.clone();
    let mut referrer = referrer.clone();
    referrer.shared += 1;
    let mut decision = Decision::same(Reply::Nothing);
    decision.put_pool(shelf.draw.pool.clone(), policy, stamp.at, false);
    decision.put(Put::Referrer(referrer.clone()));
    case.referrers.insert((referrer.campaign.clone(), referrer.person), referrer);
    Ok(proceed(case, Filed { claim, code, completion: None }, true, decision, command, stamp))
}

fn was_rejected(case: &Case, campaign: &str) -> bool {
    case.claims.iter().any(|filed| filed.claim.campaign == campaign && filed.claim.state == ClaimState::Rejected)
}

/// Files the claim, matches it, and takes the app's word where the campaign does.
fn proceed(
    mut case: Case,
    filed: Filed,
    fresh: bool,
    mut decision: Decision,
    command: &MakeClaim,
    stamp: Stamp,
) -> Decision {
    let (campaign, text) = (filed.claim.campaign.clone(), filed.claim.code.clone());
    if fresh {
        let mut filed = filed;
        filed.code.claimed_by = Some(command.person);
        decision.put(Put::Claim(filed.claim.clone()));
        decision.put(Put::Code(filed.code.clone()));
        case.claims.retain(|other| other.claim.campaign != campaign || other.claim.referee != command.person);
        case.claims.push(filed);
    }
    let (mut case, mut changes) = case.join(stamp.at);
    let at = case.claims.iter().position(|filed| filed.claim.campaign == campaign && filed.claim.code == text);
    let at = at.expect("the claim was filed");
    let takes_word = case.rules_of(&campaign).is_some_and(|r| r.policy.attribution.accept == Accept::Confirm);
    let waits = case.claims[at].claim.state == ClaimState::Pending && !case.is_completed(&campaign);
    if command.confirm && takes_word && waits {
        case.complete(at, None, Method::Confirm, stamp.at, &mut changes);
    }
    decision.take(std::mem::take::<Changes>(&mut changes));
    let filed = &case.claims[at];
    decision.reply = match filed.claim.state {
        ClaimState::Rejected => Reply::SelfReferral,
        _ => Reply::Claim { claim: filed.claim.clone(), completion: filed.completion.clone(), fresh },
    };
    decision
}
