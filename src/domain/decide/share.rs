//! A referrer's own code, and codes issued in a list.

use super::{Decision, Draw, Family, Put, Refusal, Reply, Stamp};
use crate::domain::at::At;
use crate::domain::code::Code;
use crate::domain::id::Person;
use crate::domain::partner::Partner;
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
        if !policy.is_for_sharing() {
            return Err(Refusal::UnknownCampaign);
        }
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
    /// They are a partner's, who holds them.
    pub for_partner: bool,
}

pub struct IssueFacts {
    /// Absent where the holder is none.
    pub partner: Option<Partner>,
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
        if shelf.rules.policy.wins_back() {
            return Err(Refusal::OnlyForTheLapsed);
        }
        let is_theirs = |partner: &&Partner| partner.campaign == command.campaign && !partner.is_erased();
        if command.for_partner && facts.partner.as_ref().filter(is_theirs).is_none() {
            return Err(Refusal::UnknownPartner);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::Span;
    use crate::domain::code::CodeState;
    use crate::domain::sample::{self, NOON, day, person, stamp};

    #[test]
    fn the_same_code_until_it_is_used_or_about_to_end() {
        let used = CodeState::Used { at: NOON };
        let expired = CodeState::Expired { at: NOON };
        // The reserve is fourteen days before the code's end, at day 100.
        let reserve = At(day(86).0);
        // (its state, now, codes in stock) -> which code is shown
        for (state, now, stock, shown) in [
            (Some(CodeState::Pending), NOON, 1, Some("old")),
            (Some(CodeState::Pending), reserve.minus(Span(1)), 1, Some("old")),
            (Some(CodeState::Pending), reserve, 1, Some("new")),
            (Some(CodeState::Pending), reserve, 0, Some("old")),
            (Some(CodeState::Pending), day(100).minus(Span(1)), 0, Some("old")),
            (Some(CodeState::Pending), day(100), 0, None),
            (Some(used), NOON, 1, Some("new")),
            (Some(used), NOON, 0, None),
            (Some(expired), NOON, 1, Some("new")),
            (None, NOON, 1, Some("new")),
            (None, NOON, 0, None),
        ] {
            let current = state.map(|state| sample::code(9, 1, state));
            let referrer = current.as_ref().map(|_| Referrer::new("friends", person(1), "slug-1".into()));
            let is_known = referrer.is_some();
            let rules = Some(sample::rules(sample::policy()));
            let standing = Standing { rules, referrer, current: current.clone() };
            let shelf = Some(sample::shelf(sample::policy(), stock, stock));
            let facts = MyCodeFacts { standing, shelf, slug: "slug-1".into() };
            let command = MyCode { campaign: "friends".into(), person: person(1) };
            let decision = ShareFamily::decide(&facts, &command, stamp(now)).unwrap();
            let got = match &decision.reply {
                Reply::Code { code, .. } if Some(code) == current.as_ref() => Some("old"),
                Reply::Code { .. } => Some("new"),
                Reply::Empty { slug, .. } if slug == "slug-1" => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(got, shown, "{state:?} {now:?} {stock}");
            let puts_referrer = decision.puts.iter().any(|put| matches!(put, Put::Referrer(_)));
            assert_eq!(puts_referrer, got == Some("new") || !is_known, "an empty stock gives a slug all the same");
        }
    }

    #[test]
    fn a_list_is_whole_or_not_at_all() {
        for (stock, count, issued) in [(5, 3, Ok(3)), (3, 3, Ok(3)), (2, 3, Err(Refusal::PoolEmpty)), (0, 0, Ok(0))] {
            let shelf = Some(sample::shelf(sample::policy(), stock, count.min(stock)));
            let facts = IssueFacts { partner: None, shelf, referrer: None, slug: "slug-1".into() };
            let label = Some("spring".to_owned());
            let command = Issue { campaign: "friends".into(), holder: person(1), label, count, for_partner: false };
            let decided = IssueFamily::decide(&facts, &command, stamp(NOON));
            let codes = decided.map(|decision| match decision.reply {
                Reply::Issued(codes) => codes.len(),
                other => panic!("{other:?}"),
            });
            assert_eq!(codes, issued, "{count} of {stock}");
        }
    }

    #[test]
    fn an_unknown_campaign_is_refused() {
        let standing = Standing { rules: None, referrer: None, current: None };
        let facts = MyCodeFacts { standing, shelf: None, slug: String::new() };
        let command = MyCode { campaign: "foes".into(), person: person(1) };
        assert_eq!(ShareFamily::decide(&facts, &command, stamp(NOON)), Err(Refusal::UnknownCampaign));
    }
}
