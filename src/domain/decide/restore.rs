//! After a restore: what was handed out since then is not handed out again.

use super::share::Shelf;
use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::code::Handed;
use crate::domain::id::Person;
use crate::domain::pool::Pool;
use crate::domain::referrer::Referrer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Codes that the draw log knows and the books do not: they are with whom they were given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    pub codes: Vec<Handed>,
}

pub struct ReturnFacts {
    /// Those that the books do not know.
    pub codes: Vec<Handed>,
    /// Their holders as they stand, or as they would begin.
    pub referrers: BTreeMap<(String, Person), Referrer>,
}

pub struct ReturnFamily;

impl Family for ReturnFamily {
    type Command = Return;
    type Facts = ReturnFacts;

    fn decide(facts: &ReturnFacts, _: &Return, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        let mut referrers = facts.referrers.clone();
        let mut touched = BTreeMap::new();
        for code in &facts.codes {
            decision.put(Put::Code(code.row(stamp.at)));
            if let Some(referrer) = referrers.get_mut(&(code.campaign.clone(), code.to)) {
                referrer.shared += 1;
                touched.insert((code.campaign.clone(), code.to), referrer.clone());
            }
        }
        decision.puts.extend(touched.into_values().map(Put::Referrer));
        Ok(decision)
    }
}

/// The next codes of a stock, of which nobody knows whether somebody has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withhold {
    pub campaign: String,
    pub count: u32,
}

pub struct WithholdFamily;

impl Family for WithholdFamily {
    type Command = Withhold;
    type Facts = Option<Shelf>;

    fn decide(facts: &Option<Shelf>, command: &Withhold, stamp: Stamp) -> Result<Decision, Refusal> {
        let shelf = facts.as_ref().ok_or(Refusal::UnknownCampaign)?;
        let taken = shelf.draw.taken.len();
        let mut decision = Decision::same(Reply::Nothing);
        for at in 0..taken {
            let code = shelf.draw.hand_out(at, Person::NOBODY, None, stamp.at);
            decision.put(Put::Code(Handed::of(&code).row(stamp.at)));
        }
        // What is not in stock may come: a batch that was on its way may have been drawn from, too.
        let owed = shelf.pool.owed + (command.count - taken as u32);
        let pool = Pool { owed, pace: shelf.pool.pace.clone(), ..shelf.draw.pool.clone() };
        decision.put_pool(pool, &shelf.rules.policy, stamp.at, false);
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::{Code, CodeState};
    use crate::domain::sample::{self, NOON, day, person, stamp};

    fn codes(decision: &Decision) -> Vec<&Code> {
        fn code(put: &Put) -> Option<&Code> {
            if let Put::Code(code) = put { Some(code) } else { None }
        }
        decision.puts.iter().filter_map(code).collect()
    }

    #[test]
    fn returned_codes_are_with_their_holders() {
        let handed = |n, to| Handed { to, ..Handed::of(&sample::code(n, 1, CodeState::Pending)) };
        let facts = ReturnFacts {
            codes: vec![handed(1, person(1)), handed(2, person(1)), handed(3, Person::NOBODY)],
            referrers: [(("friends".to_owned(), person(1)), Referrer::new("friends", person(1), "slug-1".into()))]
                .into(),
        };
        let decision = ReturnFamily::decide(&facts, &Return { codes: Vec::new() }, stamp(day(5))).unwrap();
        let states: Vec<_> = codes(&decision).iter().map(|code| (code.assigned_to, code.state)).collect();
        let void = CodeState::Void { at: day(5) };
        let pending = CodeState::Pending;
        assert_eq!(states, [(person(1), pending), (person(1), pending), (Person::NOBODY, void)]);
        let shared = |put: &Put| if let Put::Referrer(row) = put { Some((row.person, row.shared)) } else { None };
        assert_eq!(decision.puts.iter().filter_map(shared).collect::<Vec<_>>(), [(person(1), 2)]);
    }

    #[test]
    fn withheld_codes_leave_the_stock_and_what_is_owed_is_taken_from_what_comes() {
        // (in stock, asked) -> void, left, owed
        for (stock, count, void, left, owed) in [(9, 4, 4, 5, 0), (4, 4, 4, 0, 0), (3, 8, 3, 0, 5), (0, 2, 0, 0, 2)] {
            let shelf = Some(sample::shelf(sample::policy(), stock, count.min(stock)));
            let command = Withhold { campaign: "friends".into(), count };
            let decision = WithholdFamily::decide(&shelf, &command, stamp(NOON)).unwrap();
            let codes = codes(&decision);
            assert!(codes.iter().all(|code| code.state == CodeState::Void { at: NOON }));
            let pool = |put: &Put| if let Put::Pool(pool) = put { Some(pool.clone()) } else { None };
            let mut pool = decision.puts.iter().find_map(pool).unwrap();
            assert!(pool.pace.is_empty(), "nobody drew them");
            let in_stock: u32 = pool.shelves.iter().map(|shelf| shelf.left()).sum();
            assert_eq!((codes.len(), in_stock, pool.owed), (void, left, owed), "{count} of {stock}");
            pool.stock(&sample::batch(4, day(100)), 4);
            let after: u32 = pool.shelves.iter().map(|shelf| shelf.left()).sum();
            assert_eq!((after, pool.owed), (left + 4 - owed.min(4), owed.saturating_sub(4)), "{count} of {stock}");
        }
    }
}
