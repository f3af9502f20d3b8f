//! A referrer's own code, and codes issued in a list.

use super::{Decision, Draw, Family, Put, Refusal, Reply, Stamp};
use crate::domain::code::Code;
use crate::domain::id::Person;
use crate::domain::policy::Rules;
use crate::domain::pool::{Pool, reserve};
use crate::domain::referrer::Referrer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// "My code": the same one until it is used or about to expire, then the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MyCode {
    pub campaign: String,
    pub person: Person,
}

pub struct MyCodeFacts {
    /// Absent where the campaign is not known.
    pub shelf: Option<Shelf>,
    /// This person's record; that of an alias where they have none of their own.
    pub referrer: Option<Referrer>,
    pub current: Option<Code>,
    pub slug: String,
}

/// A campaign's stock with the codes that were asked for, as many as there are.
pub struct Shelf {
    pub rules: Arc<Rules>,
    pub pool: Pool,
    pub draw: Draw,
}

pub struct ShareFamily;

impl Family for ShareFamily {
    type Command = MyCode;
    type Facts = MyCodeFacts;

    fn decide(facts: &MyCodeFacts, command: &MyCode, stamp: Stamp) -> Result<Decision, Refusal> {
        let shelf = facts.shelf.as_ref().ok_or(Refusal::UnknownCampaign)?;
        let policy = &shelf.rules.policy;
        if let Some(reply) = standing(facts, reserve(&policy.pool, stamp.at)) {
            return Ok(Decision::same(reply));
        }
        let mut referrer = facts
            .referrer
            .clone()
            .unwrap_or_else(|| Referrer::new(&command.campaign, command.person, facts.slug.clone()));
        if shelf.draw.taken.is_empty() {
            if let Some(reply) = standing(facts, stamp.at) {
                return Ok(Decision::same(reply));
            }
            let reply = Reply::Empty { campaign: command.campaign.clone(), slug: referrer.slug.clone() };
            let mut decision = Decision::same(reply);
            if facts.referrer.is_none() {
                decision.put(Put::Referrer(referrer));
            }
            let mut pool = shelf.pool.clone();
            if pool.reorder(policy, stamp.at, false).is_some() {
                decision.put_pool(shelf.pool.clone(), policy, stamp.at, false);
            }
            return Ok(decision);
        }
        let code = shelf.draw.hand_out(0, referrer.person, None, stamp.at);
        referrer.current = Some(code.text.clone());
        referrer.shared += 1;
        let mut decision = Decision::same(Reply::Code { code: code.clone(), slug: referrer.slug.clone() });
        decision.put(Put::Code(code));
        decision.put(Put::Referrer(referrer));
        decision.put_pool(shelf.draw.pool.clone(), policy, stamp.at, false);
        Ok(decision)
    }
}

/// The code this person has already, if it lasts long enough.
fn standing(facts: &MyCodeFacts, until: crate::domain::at::At) -> Option<Reply> {
    let (referrer, code) = (facts.referrer.as_ref()?, facts.current.as_ref()?);
    code.lasts(until).then(|| Reply::Code { code: code.clone(), slug: referrer.slug.clone() })
}

/// Codes for a creator or a list, all at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    pub campaign: String,
    pub holder: Person,
    pub label: Option<String>,
    pub count: u32,
}

pub struct IssueFacts {
    pub shelf: Option<Shelf>,
    pub referrer: Option<Referrer>,
    pub slug: String,
}

pub struct IssueFamily;

impl Family for IssueFamily {
    type Command = Issue;
    type Facts = IssueFacts;

    fn decide(facts: &IssueFacts, command: &Issue, stamp: Stamp) -> Result<Decision, Refusal> {
        let shelf = facts.shelf.as_ref().ok_or(Refusal::UnknownCampaign)?;
        if shelf.draw.taken.len() < command.count as usize {
            return Err(Refusal::PoolEmpty);
        }
        let mut referrer = facts
            .referrer
            .clone()
            .unwrap_or_else(|| Referrer::new(&command.campaign, command.holder, facts.slug.clone()));
        referrer.shared += command.count;
        let hand_out = |at| shelf.draw.hand_out(at, command.holder, command.label.clone(), stamp.at);
        let codes: Vec<Code> = (0..command.count as usize).map(hand_out).collect();
        let mut decision = Decision::same(Reply::Issued(codes.clone()));
        decision.puts.extend(codes.into_iter().map(Put::Code));
        decision.put(Put::Referrer(referrer));
        decision.put_pool(shelf.draw.pool.clone(), &shelf.rules.policy, stamp.at, false);
        Ok(decision)
    }
}
