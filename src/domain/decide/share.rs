//! A referrer's own code, and codes issued in a list.

use super::{Decision, Draw, Family, Put, Refusal, Reply, Stamp};
use crate::domain::at::At;
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
    pub standing: Standing,
    /// Absent where the campaign is not known, or the code stands.
    pub shelf: Option<Shelf>,
    pub slug: String,
}

/// What a referrer has already.
pub struct Standing {
    /// Absent where the campaign is not known.
    pub rules: Option<Arc<Rules>>,
    /// This person's record; that of an alias where they have none of their own.
    pub referrer: Option<Referrer>,
    pub current: Option<Code>,
}

impl Standing {
    /// The code to show again: it lasts beyond the reserve.
    pub fn reply(&self, now: At) -> Option<Reply> {
        self.until(reserve(&self.rules.as_ref()?.policy.pool, now))
    }
    fn until(&self, until: At) -> Option<Reply> {
        let (referrer, code) = (self.referrer.as_ref()?, self.current.as_ref()?);
        code.lasts(until).then(|| Reply::Code { code: code.clone(), slug: referrer.slug.clone() })
    }
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
        if let Some(reply) = facts.standing.reply(stamp.at) {
            return Ok(Decision::same(reply));
        }
        let shelf = facts.shelf.as_ref().ok_or(Refusal::UnknownCampaign)?;
        let policy = &shelf.rules.policy;
        let known = facts.standing.referrer.clone();
        let is_new = known.is_none();
        let mut referrer =
            known.unwrap_or_else(|| Referrer::new(&command.campaign, command.person, facts.slug.clone()));
        if shelf.draw.taken.is_empty() {
            // With nothing else to give, a code near its end is better than none.
            if let Some(reply) = facts.standing.until(stamp.at) {
                return Ok(Decision::same(reply));
            }
            let reply = Reply::Empty { campaign: command.campaign.clone(), slug: referrer.slug.clone() };
            let mut decision = Decision::same(reply);
            if is_new {
                decision.put(Put::Referrer(referrer));
            }
            decision.reorder(&shelf.pool, policy, stamp.at);
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
