//! Codes that are to win customers back: given some time after the end of a subscription, or to whom an administrator
//! names.

use super::share::Shelf;
use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::at::At;
use crate::domain::code::Code;
use crate::domain::due::{Due, DueWhat};
use crate::domain::id::{Id, Person};
use crate::domain::policy::Rules;
use crate::domain::subscription::Subscription;
use crate::domain::winback::{Declined, How, Known, Lapse, WinBack, WinBackState, to_look_at};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An administrator names somebody who is to have a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveCode {
    pub campaign: String,
    pub person: Person,
}

/// Somebody who may have a code of a campaign.
pub struct Candidate {
    pub person: Person,
    pub known: Known,
    /// The codes that they had of it.
    pub codes: Vec<Code>,
    pub shelf: Shelf,
}

/// What a list may give somebody.
#[derive(Debug, PartialEq, Eq)]
pub enum May {
    /// The code that they have already, and can still use.
    Again(Code),
    New(Lapse),
}

impl Candidate {
    pub fn by_list(&self, now: At) -> Result<May, Declined> {
        let lapse = self.lapse(None, now)?;
        match self.codes.iter().find(|code| code.lasts(now)) {
            Some(code) => Ok(May::Again(code.clone())),
            None => self.next(now).map(|()| May::New(lapse)),
        }
    }

    fn by_rule(&self, lapse: &Lapse, now: At) -> Result<Lapse, Declined> {
        let lapse = self.lapse(Some(lapse), now)?;
        self.next(now).map(|()| lapse)
    }

    fn lapse(&self, of: Option<&Lapse>, now: At) -> Result<Lapse, Declined> {
        let policy = &self.shelf.rules.policy;
        let rules = policy.winback.as_ref().ok_or(Declined::Over)?;
        rules.may(policy, &self.known, of, now)
    }

    /// Whether one more code can go to them now.
    fn next(&self, now: At) -> Result<(), Declined> {
        let rules = self.shelf.rules.policy.winback.as_ref().ok_or(Declined::Over)?;
        if !rules.is_time(&self.known, now) {
            return Err(Declined::TooSoon);
        }
        if rules.max_per_day > 0 && self.shelf.pool.drawn_on(now.date()) >= rules.max_per_day {
            return Err(Declined::DayFull);
        }
        if self.shelf.draw.taken.is_empty() { Err(Declined::PoolEmpty) } else { Ok(()) }
    }

    fn row(&self, id: Id, lapse: Lapse, how: How, state: WinBackState, at: At) -> WinBack {
        let campaign = self.shelf.rules.policy.campaign.clone();
        WinBack { id, campaign, person: self.person, lapse, how, at, state }
    }

    fn issue(&self, lapse: Lapse, how: How, now: At, decision: &mut Decision) -> Code {
        let policy = &self.shelf.rules.policy;
        let code = self.shelf.draw.hand_out(0, self.person, None, now);
        let id = match how {
            How::Rule => WinBack::by_rule(&policy.campaign, &lapse),
            How::List => WinBack::by_list(&code.text),
        };
        let state = WinBackState::Issued { code: code.text.clone() };
        decision.put(Put::Code(code.clone()));
        decision.put(Put::WinBack(self.row(id, lapse, how, state, now)));
        decision.put_pool(self.shelf.draw.pool.clone(), policy, now, false);
        code
    }
}

pub struct GiveCodeFamily;

impl Family for GiveCodeFamily {
    type Command = GiveCode;
    type Facts = Option<Candidate>;

    fn decide(facts: &Option<Candidate>, _: &GiveCode, stamp: Stamp) -> Result<Decision, Refusal> {
        let candidate = facts.as_ref().ok_or(Refusal::UnknownCampaign)?;
        match candidate.by_list(stamp.at).map_err(Refusal::NotWonBack)? {
            May::Again(code) => Ok(Decision::same(Reply::WinBack { code, fresh: false })),
            May::New(lapse) => {
                let mut decision = Decision::same(Reply::Nothing);
                let code = candidate.issue(lapse, How::List, stamp.at, &mut decision);
                decision.reply = Reply::WinBack { code, fresh: true };
                Ok(decision)
            }
        }
    }
}

/// Some time after an end. What was decided stands, with its reason; what only has to wait is looked at again.
pub fn look(candidate: &Candidate, campaign: &str, lapse: &Lapse, now: At, decision: &mut Decision) {
    let id = WinBack::by_rule(campaign, lapse);
    let known = candidate.known.before.iter().find(|row| row.id == id);
    if known.is_some_and(|row| row.code().is_some()) {
        return;
    }
    let why = match candidate.by_rule(lapse, now) {
        Ok(lapse) => {
            candidate.issue(lapse, How::Rule, now, decision);
            return;
        }
        Err(why) => why,
    };
    let state = WinBackState::Declined { why };
    if known.is_none_or(|row| row.state != state) {
        decision.put(Put::WinBack(candidate.row(id, lapse.clone(), How::Rule, state, now)));
    }
    if let Some(at) = why.again_at(now) {
        decision.put(Put::Due(due(campaign, lapse.clone(), at)));
    }
    if why == Declined::PoolEmpty {
        decision.reorder(&candidate.shelf.pool, &candidate.shelf.rules.policy, now);
    }
}

fn due(campaign: &str, lapse: Lapse, at: At) -> Due {
    Due { at, what: DueWhat::WinBack { campaign: campaign.to_owned(), lapse } }
}

/// What is to be looked at since more is known of a subscription: an end that was not known like this before.
pub fn ended(rules: &[Arc<Rules>], before: Option<&Subscription>, after: &Subscription) -> Vec<Due> {
    let mut all = Vec::new();
    for policy in rules.iter().map(|rules| &rules.policy) {
        let known = before.and_then(|before| to_look_at(policy, before));
        let found = to_look_at(policy, after).filter(|found| known.as_ref() != Some(found));
        all.extend(found.map(|(at, lapse)| due(&policy.campaign, lapse, at)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::{Span, Stretch};
    use crate::domain::code::CodeState;
    use crate::domain::consent::{Consent, Purpose};
    use crate::domain::ending::Ending;
    use crate::domain::policy::{Kind, Policy, WinBackRules};
    use crate::domain::sample::{self, NOON, day, person, stamp};
    use crate::domain::subscription::{Owner, Paid, Period, Status};

    fn policy(change: impl FnOnce(&mut WinBackRules)) -> Policy {
        let mut rules = WinBackRules {
            lapsed_days: 30,
            reasons: vec![Ending::Voluntary, Ending::Billing],
            require_consent: true,
            every_days: 180,
            max_per_day: 0,
            test_users: false,
        };
        change(&mut rules);
        let product_ids = vec!["monthly".to_owned()];
        Policy { kind: Kind::Winback, product_ids, winback: Some(rules), ..sample::policy() }
    }

    /// Person 1 had a month that ended on this day, as Apple tells it.
    fn had(id: &str, ends: i64, status: Status, why: Option<Ending>) -> Subscription {
        let time = Stretch { from: day(ends - 30), until: day(ends) };
        let period = Period {
            purchased_at: time.from,
            told_at: day(ends),
            transaction_id: id.into(),
            product_id: "monthly".into(),
            expires_at: Some(time.until),
            offer: None,
            revoked_at: None,
            is_family_shared: false,
        };
        let ended = why.map(|why| (day(ends), why));
        Subscription {
            owner: Some(Owner { is_told: true, at: time.from, person: person(1) }),
            period: Some(period),
            status: Some((day(ends), status)),
            paid: vec![Paid { product_id: "monthly".into(), ended, ..Paid::of(id, time, day(ends)) }],
            ..Subscription::new(id)
        }
    }

    fn left(why: Ending) -> Subscription {
        had("T1", -30, Status::Expired, Some(why))
    }

    fn changed(mut one: Subscription, change: impl FnOnce(&mut Subscription)) -> Subscription {
        change(&mut one);
        one
    }

    fn lapse() -> Lapse {
        Lapse { original_transaction_id: "T1".into(), ended_at: day(-30), why: Ending::Voluntary }
    }

    fn said(given: bool) -> Consent {
        Consent { person: person(1), purpose: Purpose::WinBack, given, at: day(-90) }
    }

    fn issued(n: u8, days_ago: i64) -> WinBack {
        let code = sample::code(n, 1, CodeState::Pending).text;
        let (id, at) = (WinBack::by_list(&code), day(-days_ago));
        let state = WinBackState::Issued { code };
        let campaign = "friends".into();
        WinBack { id, campaign, person: person(1), lapse: lapse(), how: How::List, at, state }
    }

    fn candidate(policy: Policy, bought: Vec<Subscription>, said: Vec<Consent>, before: Vec<WinBack>) -> Candidate {
        let known = Known { bought, consents: said, erased_at: None, before };
        Candidate { person: person(1), known, codes: Vec::new(), shelf: sample::shelf(policy, 5, 1) }
    }

    struct Row {
        what: &'static str,
        policy: Policy,
        bought: Vec<Subscription>,
        said: Vec<Consent>,
        before: Vec<WinBack>,
        stock: bool,
        /// What the rule and what a list makes of it.
        rule: &'static str,
        list: &'static str,
    }

    fn row(what: &'static str, rule: &'static str, list: &'static str) -> Row {
        let (policy, bought, said) = (policy(|_| {}), vec![left(Ending::Voluntary)], vec![said(true)]);
        Row { what, policy, bought, said, before: vec![], stock: true, rule, list }
    }

    fn check(row: Row) {
        let mut candidate = candidate(row.policy, row.bought, row.said, row.before);
        if !row.stock {
            candidate.shelf = Shelf { rules: candidate.shelf.rules.clone(), ..sample::shelf(sample::policy(), 0, 0) };
        }
        let rule = candidate.by_rule(&lapse(), NOON).map_or_else(Declined::word, |_| "code");
        assert_eq!(rule, row.rule, "{}", row.what);
        let list = candidate.by_list(NOON).map_or_else(Declined::word, |_| "code");
        assert_eq!(list, row.list, "{}, by list", row.what);
        let mut decision = Decision::same(Reply::Nothing);
        look(&candidate, "friends", &lapse(), NOON, &mut decision);
        let puts = |wanted: fn(&Put) -> bool| decision.puts.iter().filter(|put| wanted(put)).count();
        assert_eq!(puts(|put| matches!(put, Put::Code(_))), usize::from(rule == "code"), "{}", row.what);
        let waits = matches!(rule, "pool_empty" | "day_full");
        assert_eq!(puts(|put| matches!(put, Put::Due(_))), usize::from(waits), "{}", row.what);
        assert_eq!(puts(|put| matches!(put, Put::WinBack(_))), 1, "{}: every decision is explained", row.what);
    }

    #[test]
    fn who_gets_a_code() {
        use Ending::{Billing, Other, PriceIncrease, Refunded, Unavailable, Voluntary};
        use Status::{Active, BillingRetry, Expired, GracePeriod, Revoked};
        let with = |change: fn(&mut WinBackRules)| policy(change);
        let also = |one: Subscription| vec![left(Voluntary), one];
        let revoked = |one: &mut Subscription| one.period.as_mut().unwrap().revoked_at = Some(day(-35));
        let shared = |one: &mut Subscription| one.period.as_mut().unwrap().is_family_shared = true;
        let tester = |one: &mut Subscription| one.is_test = true;
        let told = |one: &mut Subscription| (one.period, one.status) = (None, None);
        let other = |one: &mut Subscription| one.paid[0].product_id = "yearly".into();
        for one in [
            row("cancelled", "code", "code"),
            Row { bought: vec![left(Billing)], ..row("not charged", "code", "code") },
            Row { bought: vec![left(PriceIncrease)], ..row("too dear", "other_reason", "code") },
            Row {
                policy: with(|rules| rules.reasons = vec![PriceIncrease]),
                bought: vec![left(PriceIncrease)],
                ..row("too dear, and asked for", "code", "code")
            },
            Row { bought: vec![left(Unavailable)], ..row("not for sale", "other_reason", "code") },
            Row { bought: vec![left(Other)], ..row("for another reason", "other_reason", "code") },
            Row { bought: vec![], ..row("never subscribed", "never_subscribed", "never_subscribed") },
            Row { bought: vec![had("T1", 9, Active, None)], ..row("active", "not_lapsed", "not_lapsed") },
            Row { bought: vec![had("T1", -1, BillingRetry, None)], ..row("retried", "not_lapsed", "not_lapsed") },
            Row { bought: vec![had("T1", -1, GracePeriod, None)], ..row("in grace", "not_lapsed", "not_lapsed") },
            Row { bought: also(had("T2", 9, Active, None)), ..row("another runs", "not_lapsed", "not_lapsed") },
            Row { bought: also(had("T2", -9, Expired, Some(Billing))), ..row("another ended later", "code", "code") },
            Row {
                bought: vec![had("T1", -5, Expired, Some(Voluntary))],
                ..row("renewed in between, and ended again", "not_lapsed", "code")
            },
            Row {
                bought: vec![changed(left(Voluntary), |one| {
                    one.paid.push(Paid::of("T9", Stretch { from: day(-9), until: day(21) }, NOON))
                })],
                ..row("another tells of a later period", "not_lapsed", "not_lapsed")
            },
            Row { bought: vec![changed(left(Voluntary), revoked)], ..row("refunded", "refunded", "refunded") },
            Row { bought: vec![had("T1", -30, Revoked, None)], ..row("revoked", "refunded", "refunded") },
            Row { bought: vec![changed(left(Refunded), told)], ..row("refunded, as told", "refunded", "refunded") },
            Row { bought: vec![changed(left(Billing), told)], ..row("told by RevenueCat alone", "code", "code") },
            Row {
                bought: vec![changed(left(Voluntary), shared)],
                ..row("the family's", "never_subscribed", "never_subscribed")
            },
            Row {
                bought: also(changed(had("T2", 9, Active, None), shared)),
                ..row("the family's runs", "not_lapsed", "not_lapsed")
            },
            Row {
                bought: vec![changed(left(Voluntary), tester)],
                ..row("a tester", "never_subscribed", "never_subscribed")
            },
            Row {
                policy: with(|rules| rules.test_users = true),
                bought: vec![changed(left(Voluntary), tester)],
                ..row("a tester, and asked for", "code", "code")
            },
            Row { bought: vec![changed(left(Voluntary), other)], ..row("another product", "not_lapsed", "not_lapsed") },
            Row { said: vec![], ..row("not asked", "no_consent", "no_consent") },
            Row { said: vec![said(false)], ..row("said no", "no_consent", "no_consent") },
            Row {
                said: vec![said(true), Consent { person: person(2), at: day(-1), ..said(false) }],
                ..row("took it back by another id", "no_consent", "no_consent")
            },
            Row {
                policy: with(|rules| rules.require_consent = false),
                said: vec![],
                ..row("need not be asked", "code", "code")
            },
            Row {
                policy: with(|rules| rules.require_consent = false),
                said: vec![said(false)],
                ..row("need not be asked, and said no", "no_consent", "no_consent")
            },
            Row { before: vec![issued(0, 179)], ..row("had one lately", "too_soon", "too_soon") },
            Row { before: vec![issued(0, 180)], ..row("had one long ago", "code", "code") },
            Row {
                policy: with(|rules| rules.every_days = 0),
                before: vec![issued(0, 3000)],
                ..row("had one, once and for all", "too_soon", "too_soon")
            },
            Row { stock: false, ..row("no stock", "pool_empty", "pool_empty") },
            Row { stock: false, said: vec![], ..row("no stock, and not asked", "no_consent", "no_consent") },
            Row {
                policy: Policy { winback: None, ..policy(|_| {}) },
                ..row("the campaign is over", "campaign_over", "campaign_over")
            },
        ] {
            check(one);
        }
    }

    #[test]
    fn a_day_has_its_limit() {
        for (limit, drawn, next) in [(0, 9, Ok(())), (3, 2, Ok(())), (3, 3, Err(Declined::DayFull)), (3, 0, Ok(()))] {
            let bought = vec![left(Ending::Voluntary)];
            let mut one = candidate(policy(|rules| rules.max_per_day = limit), bought, vec![said(true)], vec![]);
            one.shelf.pool.count_draw(day(-1), 7);
            one.shelf.pool.count_draw(NOON, drawn);
            assert_eq!(one.next(NOON), next, "{limit} {drawn}");
        }
        let tomorrow = NOON.date().plus_days(1).start();
        assert_eq!(Declined::DayFull.again_at(NOON), Some(tomorrow));
        assert_eq!(Declined::PoolEmpty.again_at(NOON), Some(NOON.plus(Span::hours(6))));
        assert_eq!(Declined::NoConsent.again_at(NOON), None);
    }

    #[test]
    fn whoever_was_erased_said_nothing() {
        // Ninety days ago they said yes, or nothing.
        for (erased, said_so, require_consent, expected) in [
            (Some(-89), true, true, Err(Declined::NoConsent)),
            (Some(-91), true, true, Ok(())),
            (Some(-1), false, false, Err(Declined::NoConsent)),
            (Some(-1), true, false, Err(Declined::NoConsent)),
            (None, false, false, Ok(())),
        ] {
            let policy = policy(|rules| rules.require_consent = require_consent);
            let words = if said_so { vec![said(true)] } else { vec![] };
            let mut one = candidate(policy, vec![left(Ending::Voluntary)], words, vec![]);
            one.known.erased_at = erased.map(day);
            assert_eq!(one.by_list(NOON).map(drop), expected, "{erased:?} {said_so} {require_consent}");
        }
    }

    #[test]
    fn a_list_shows_a_code_again_while_it_can_be_used() {
        let used = CodeState::Used { at: NOON };
        for (state, now, said_now, expected) in [
            (CodeState::Pending, day(50), true, "again"),
            (CodeState::Pending, day(50), false, "no_consent"),
            (CodeState::Pending, day(100), true, "too_soon"),
            (used, day(50), true, "too_soon"),
            (CodeState::Expired { at: NOON }, day(50), true, "too_soon"),
        ] {
            let (bought, words) = (vec![left(Ending::Voluntary)], vec![said(said_now)]);
            let mut one = candidate(policy(|_| {}), bought, words, vec![issued(0, 0)]);
            one.codes = vec![sample::code(0, 1, state)];
            let decided = GiveCodeFamily::decide(&Some(one), &give(), stamp(now));
            let told = match decided {
                Ok(Decision { puts, reply: Reply::WinBack { fresh: false, .. }, .. }) if puts.is_empty() => "again",
                Err(Refusal::NotWonBack(why)) => why.word(),
                other => panic!("{other:?}"),
            };
            assert_eq!(told, expected, "{state:?} {now:?} {said_now}");
        }
        assert_eq!(GiveCodeFamily::decide(&None, &give(), stamp(NOON)), Err(Refusal::UnknownCampaign));
    }

    fn give() -> GiveCode {
        GiveCode { campaign: "friends".into(), person: person(1) }
    }

    #[test]
    fn the_rule_gives_one_code_for_an_end() {
        let row = WinBack { id: WinBack::by_rule("friends", &lapse()), ..issued(0, 500) };
        let one = candidate(policy(|_| {}), vec![left(Ending::Voluntary)], vec![said(true)], vec![row]);
        let mut decision = Decision::same(Reply::Nothing);
        look(&one, "friends", &lapse(), NOON, &mut decision);
        assert!(decision.is_same(), "however long ago it was");
    }

    #[test]
    fn ends_are_looked_at_when_they_become_known() {
        let rules = [sample::rules(policy(|_| {})), sample::rules(sample::policy())];
        let at = day(0);
        let ended_at = |why| (Some(at), Some(why));
        let nobodys = |mut one: Subscription| {
            one.owner = None;
            one
        };
        let running = || had("T1", -30, Status::Active, None);
        let voluntary = || left(Ending::Voluntary);
        for (what, before, after, expected) in [
            ("told first", None, voluntary(), ended_at(Ending::Voluntary)),
            ("told now", Some(running()), voluntary(), ended_at(Ending::Voluntary)),
            ("told again", Some(voluntary()), voluntary(), (None, None)),
            ("a reason, at last", Some(left(Ending::Other)), left(Ending::Billing), ended_at(Ending::Billing)),
            ("an owner, at last", Some(nobodys(voluntary())), voluntary(), ended_at(Ending::Voluntary)),
            ("of nobody", None, nobodys(voluntary()), (None, None)),
            ("still running", None, running(), (None, None)),
            ("of a tester", None, changed(voluntary(), |one| one.is_test = true), (None, None)),
            ("of another product", None, changed(voluntary(), |one| one.paid[0].product_id.clear()), (None, None)),
        ] {
            let due = ended(&rules, before.as_ref(), &after);
            let found = due.first().map(|due| match &due.what {
                DueWhat::WinBack { lapse, .. } => (due.at, lapse.why),
                other => panic!("{other:?}"),
            });
            assert_eq!(found.unzip(), expected, "{what}");
            assert!(due.len() <= 1, "{what}");
        }
    }

    #[test]
    fn who_came_back() {
        let bought = |id: &str, from: i64, offer: Option<&str>| Paid {
            product_id: "monthly".into(),
            offer: offer.map(str::to_owned),
            ..Paid::of(id, Stretch { from: day(from), until: day(from + 30) }, day(from))
        };
        let (plain, with) = (|id, from| bought(id, from, None), |id, from| bought(id, from, Some("REF30")));
        // (what they bought) -> the first purchase, whether it was with the offer, whether the code was redeemed
        for (what, paid, expected) in [
            ("nothing", vec![], (None, false)),
            ("before the code", vec![plain("T2", 0), plain("T1", -60)], (None, false)),
            ("at the full price", vec![plain("T2", 1)], (Some(("T2", false)), false)),
            ("with the offer", vec![with("T2", 1)], (Some(("T2", true)), true)),
            ("with the offer later", vec![plain("T2", 1), with("T3", 31)], (Some(("T2", false)), true)),
            ("told in another order", vec![with("T3", 31), plain("T2", 1)], (Some(("T2", false)), true)),
            ("with another offer", vec![bought("T2", 1, Some("OTHER"))], (Some(("T2", false)), false)),
            ("where the code is named", vec![bought("T2", 1, Some("code000"))], (Some(("T2", true)), true)),
            ("after the next code", vec![with("T2", 201)], (None, false)),
        ] {
            let one = Subscription { paid, ..Subscription::new("T1") };
            let (row, rows) = (issued(0, 0), [issued(0, 0), issued(1, -200)]);
            let (after, is_redeemed) = row.after(&policy(|_| {}), &rows, std::slice::from_ref(&one));
            let by = after.came_back().map(|by| (by.transaction_id.as_str(), by.with_offer));
            assert_eq!((by, is_redeemed), expected, "{what}");
            let tester = Subscription { is_test: true, ..one };
            assert_eq!(row.after(&policy(|_| {}), &rows, &[tester]), (row, false), "{what}, by a tester");
        }
    }
}
