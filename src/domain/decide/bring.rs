//! What was before referd: codes that somebody has, and completions that were credited, as another system tells of them.
//! Nothing is granted for it.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::at::{At, Span};
use crate::domain::batch::{Chunk, Packed};
use crate::domain::claim::{Claim, ClaimState};
use crate::domain::code::{Code, CodeState, CodeText, Handed};
use crate::domain::completion::{Completion, CompletionState, Method};
use crate::domain::due::{Due, DueWhat};
use crate::domain::id::{Id, Person};
use crate::domain::person::Circle;
use crate::domain::policy::Rules;
use crate::domain::referrer::{Reached, Referrer};
use crate::domain::reward::Account;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A code that somebody was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BringCode {
    pub campaign: String,
    pub text: CodeText,
    pub holder: Person,
    pub expires_at: At,
    pub assigned_at: Option<At>,
    pub state: CodeState,
}

/// A completion that was credited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BringCompletion {
    pub campaign: String,
    pub referrer: Person,
    pub referee: Person,
    pub code: CodeText,
    pub at: At,
    /// What it earned there.
    pub days: u32,
    /// How far the referrer's days reached there, if that is known.
    pub granted_until: Option<At>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    Taken,
    /// It stands here already.
    Known,
    Clash(Clash),
}

/// Why what stands here and what is told cannot both be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    #[error("the code is somebody else's here, or another campaign's")]
    OfAnother,
    #[error("the code, or the referee, stands in a claim here that waits")]
    Claimed,
    #[error("referrer and referee are one person")]
    SelfReferral,
    #[error("the referee has completed something else here")]
    Completed,
    #[error("it was rejected here")]
    Rejected,
    #[error("it stands here with another time or other days")]
    Differs,
}

impl Clash {
    pub fn word(self) -> &'static str {
        match self {
            Clash::OfAnother => "of_another",
            Clash::Claimed => "claimed",
            Clash::SelfReferral => "self_referral",
            Clash::Completed => "completed",
            Clash::Rejected => "rejected",
            Clash::Differs => "differs",
        }
    }
}

fn same(brought: Brought) -> Result<Decision, Refusal> {
    Ok(Decision::same(Reply::Brought(brought)))
}

/// The rules of a campaign in which users share.
fn shared(rules: Option<&Arc<Rules>>) -> Result<&Rules, Refusal> {
    rules.map(AsRef::as_ref).filter(|rules| rules.policy.is_for_sharing()).ok_or(Refusal::UnknownCampaign)
}

/// A code that came from elsewhere, each in a batch of its own.
fn brought(campaign: &str, text: &CodeText, to: Person, at: At, expires_at: At) -> Code {
    let batch = Id::of("brought", &[text.as_str().as_bytes()]);
    Handed { text: text.clone(), campaign: campaign.to_owned(), batch, expires_at, to, at }.row(at)
}

/// Whose seat among those who share it is.
pub struct Seat {
    /// Their ids.
    pub circle: Circle,
    /// The record of the id that has the code.
    pub referrer: Option<Referrer>,
    pub slug: String,
}

impl Seat {
    fn referrer(&self, campaign: &str, person: Person) -> Referrer {
        self.referrer.clone().unwrap_or_else(|| Referrer::new(campaign, person, self.slug.clone()))
    }
}

pub struct BringCodeFacts {
    pub rules: Option<Arc<Rules>>,
    pub known: Option<Code>,
    pub holder: Seat,
    /// The code that the holder shows now.
    pub current: Option<Code>,
}

pub struct BringCodeFamily;

impl Family for BringCodeFamily {
    type Command = BringCode;
    type Facts = BringCodeFacts;

    fn decide(facts: &BringCodeFacts, command: &BringCode, stamp: Stamp) -> Result<Decision, Refusal> {
        shared(facts.rules.as_ref())?;
        if let Some(known) = &facts.known {
            return again(facts, known, command);
        }
        let is_over = command.state == CodeState::Pending && command.expires_at <= stamp.at;
        let (text, holder, expires_at) = (&command.text, command.holder, command.expires_at);
        let at = command.assigned_at.unwrap_or(stamp.at);
        let code = Code {
            state: if is_over { CodeState::Expired { at: expires_at } } else { command.state },
            ..brought(&command.campaign, text, holder, at, expires_at)
        };
        let mut referrer = facts.holder.referrer(&command.campaign, command.holder);
        referrer.shared += 1;
        if code.lasts(stamp.at) && !facts.current.as_ref().is_some_and(|current| current.lasts(stamp.at)) {
            referrer.current = Some(code.text.clone());
        }
        let mut decision = Decision::same(Reply::Brought(Brought::Taken));
        if code.is_pending() {
            // A list of its own, so that it ends as other codes do.
            let codes = Packed::of(std::slice::from_ref(&code.text));
            decision.put(Put::Chunk(Chunk { batch: code.batch, number: 0, codes }));
            let what = DueWhat::Expire { batch: code.batch, chunk: 0 };
            decision.put(Put::Due(Due { at: code.expires_at, what }));
        }
        decision.put(Put::Code(code));
        decision.put(Put::Referrer(referrer));
        Ok(decision)
    }
}

/// A code that is here already: that it was used or withdrawn there is news, and all else is not.
fn again(facts: &BringCodeFacts, known: &Code, command: &BringCode) -> Result<Decision, Refusal> {
    let is_theirs = facts.holder.circle.has(known.assigned_to) && known.campaign == command.campaign;
    if !is_theirs || known.is_custom {
        return same(Brought::Clash(Clash::OfAnother));
    }
    let is_open = matches!(known.state, CodeState::Pending | CodeState::Expired { .. });
    let is_news = is_open && matches!(command.state, CodeState::Used { .. } | CodeState::Void { .. });
    match known.claimed_by {
        _ if !is_news => same(Brought::Known),
        Some(_) => same(Brought::Clash(Clash::Claimed)),
        None => {
            let mut decision = Decision::same(Reply::Brought(Brought::Taken));
            decision.put(Put::Code(Code { state: command.state, ..known.clone() }));
            Ok(decision)
        }
    }
}

pub struct BringCompletionFacts {
    pub rules: Option<Arc<Rules>>,
    pub code: Option<Code>,
    /// The referee's ids.
    pub referee: Circle,
    /// Their claims in the campaign, with what they completed.
    pub claims: Vec<(Claim, Option<Completion>)>,
    /// A completion of the two, if there was one.
    pub known: Option<Completion>,
    pub referrer: Seat,
    /// What was granted to the referrer.
    pub account: Option<Account>,
}

pub struct BringCompletionFamily;

impl Family for BringCompletionFamily {
    type Command = BringCompletion;
    type Facts = BringCompletionFacts;

    fn decide(facts: &BringCompletionFacts, command: &BringCompletion, stamp: Stamp) -> Result<Decision, Refusal> {
        let rules = shared(facts.rules.as_ref())?;
        if let Some(brought) = standing(facts, command) {
            return same(brought);
        }
        let fresh = || brought(&command.campaign, &command.code, command.referrer, command.at, command.at);
        let code = facts.code.clone().unwrap_or_else(fresh);
        let claim = Claim { state: ClaimState::Completed, ..Claim::of(&code, command.referee, command.at) };
        let mut referrer = facts.referrer.referrer(&command.campaign, code.assigned_to);
        referrer.shared += u32::from(facts.code.is_none());
        referrer.credited += 1;
        referrer.counted += 1;
        referrer.days += command.days;
        if command.at.plus(Span::days(Referrer::PACE_DAYS)) > stamp.at {
            referrer.completed(command.at.date());
        }
        settle(&mut referrer, rules);
        let mut decision = Decision::same(Reply::Brought(Brought::Taken));
        if command.days > 0 || command.granted_until.is_some() {
            let (person, before) = (facts.referrer.circle.name(), facts.account.clone());
            let account = Account::elsewhere(before, person, code.assigned_to, command.days, command.granted_until);
            decision.put(Put::Account(account));
        }
        decision.put(Put::Completion(completion(&claim, command, rules)));
        decision.put(Put::Code(code.used(command.referee, command.at)));
        decision.put(Put::Claim(claim));
        decision.put(Put::Referrer(referrer));
        Ok(decision)
    }
}

/// What speaks against it, or that it is here.
fn standing(facts: &BringCompletionFacts, command: &BringCompletion) -> Option<Brought> {
    let (referee, referrer) = (&facts.referee, &facts.referrer.circle);
    if referee.has(command.referrer) || referrer.has(command.referee) {
        return Some(Brought::Clash(Clash::SelfReferral));
    }
    for (claim, completion) in &facts.claims {
        let is_same = referrer.has(claim.referrer) && claim.code == command.code;
        let differs = completion.as_ref().is_some_and(|known| differs(known, command));
        match claim.state {
            ClaimState::Completed if is_same && differs => return Some(Brought::Clash(Clash::Differs)),
            ClaimState::Completed if is_same => return Some(Brought::Known),
            ClaimState::Completed => return Some(Brought::Clash(Clash::Completed)),
            ClaimState::Rejected => return Some(Brought::Clash(Clash::Rejected)),
            ClaimState::Pending if !is_same => return Some(Brought::Clash(Clash::Claimed)),
            ClaimState::Pending | ClaimState::Superseded => {}
        }
    }
    if facts.known.as_ref().is_some_and(Completion::is_rejected) {
        return Some(Brought::Clash(Clash::Rejected));
    }
    let code = facts.code.as_ref()?;
    if !referrer.has(code.assigned_to) || code.campaign != command.campaign || code.is_custom {
        return Some(Brought::Clash(Clash::OfAnother));
    }
    let is_held = code.claimed_by.is_some_and(|claimant| !referee.has(claimant));
    is_held.then_some(Brought::Clash(Clash::Claimed))
}

/// What was credited here has its own time and its own days.
fn differs(known: &Completion, command: &BringCompletion) -> bool {
    let days = known.days + known.cut.map_or(0, |cut| cut.days);
    let is_credited_then = known.credited_at().is_none_or(|at| at == command.at);
    known.method == Some(Method::Import) && (!is_credited_then || days != command.days)
}

/// A milestone that was passed by what was brought was granted elsewhere, or not at all.
fn settle(referrer: &mut Referrer, rules: &Rules) {
    for milestone in &rules.policy.reward.milestones {
        let is_known = referrer.milestones.iter().any(|known| known.referrals == milestone.referrals);
        if referrer.counted >= milestone.referrals && !is_known {
            referrer.milestones.push(Reached { referrals: milestone.referrals, days: 0, taken: None });
        }
    }
}

fn completion(claim: &Claim, command: &BringCompletion, rules: &Rules) -> Completion {
    Completion {
        id: Completion::id(&claim.campaign, claim.referrer, claim.referee),
        campaign: claim.campaign.clone(),
        policy: rules.version,
        referrer: claim.referrer,
        referee: claim.referee,
        code: claim.code.clone(),
        state: CompletionState::Credited { at: command.at },
        method: Some(Method::Import),
        reasons: Vec::new(),
        held_until: None,
        is_test: false,
        days: command.days,
        counts: true,
        taken: None,
        cut: None,
        redemption: None,
        original_transaction_id: None,
        claimed_at: None,
        redeemed_at: None,
    }
}

#[cfg(test)]
mod tests;
