//! What the team's own server is told: what became of our nouns, each as it stood then.

use super::alert::Alert;
use super::at::At;
use super::claim::Claim;
use super::code::Code;
use super::completion::{Completion, CompletionState};
use super::conversion::{Conversion, ConversionState};
use super::extension::{Extension, ExtensionState};
use super::id::Person;
use super::payout::{Payout, PayoutState};
use super::policy::PoolRules;
use super::pool::Pool;
use super::question::{Question, State};
use super::referrer::{Reached, Referrer};
use super::winback::WinBack;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A code was handed out.
    CodeAssigned(Code),
    ClaimMade(Claim),
    /// A completion came into this state.
    Completion(Completion),
    /// RevenueCat has confirmed this end of what was granted.
    Granted {
        person: Person,
        until: At,
        /// Days were taken back by it.
        is_less: bool,
    },
    /// Apple has moved a renewal date.
    Extended(Extension),
    MilestoneReached {
        campaign: String,
        person: Person,
        reached: Reached,
    },
    Pool {
        campaign: String,
        level: Level,
        available: u32,
        low_water: u32,
    },
    Conversion(Conversion),
    /// Nothing makes it a conversion any more.
    ConversionWithdrawn(Conversion),
    Payout(Payout),
    Alert(Alert),
    /// A code was issued to somebody who left, with its end; or they came back.
    WinBack {
        row: WinBack,
        expires_at: Option<At>,
    },
    /// Of a refund that a customer asked Apple for.
    Refund {
        step: RefundStep,
        question: Question,
    },
    /// Asked for by hand.
    Test,
}

/// What became of a stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    Low,
    Empty,
    Refilled,
}

/// How far a refund came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundStep {
    /// Apple asks about it, for the first time or again.
    Requested,
    Answered,
    /// Apple granted it, declined it, or took it back.
    Decided,
}

/// Every word for an event, as receivers choose by them.
pub const WORDS: [&str; 31] = [
    "alert.cleared",
    "alert.raised",
    "claim.made",
    "code.assigned",
    "completion.credited",
    "completion.held",
    "completion.rejected",
    "completion.reversed",
    "conversion.approved",
    "conversion.paid",
    "conversion.pending",
    "conversion.rejected",
    "conversion.withdrawn",
    "milestone.reached",
    "payout.approved",
    "payout.cancelled",
    "payout.draft",
    "payout.failed",
    "payout.sent",
    "payout.settled",
    "pool.empty",
    "pool.low",
    "pool.refilled",
    "refund.answered",
    "refund.decided",
    "refund.requested",
    "reward.extended",
    "reward.granted",
    "webhook.test",
    "winback.came_back",
    "winback.code_issued",
];

impl Event {
    pub fn word(&self) -> &'static str {
        match self {
            Event::CodeAssigned(_) => "code.assigned",
            Event::ClaimMade(_) => "claim.made",
            Event::Completion(row) => match row.state {
                CompletionState::Held { .. } => "completion.held",
                CompletionState::Credited { .. } => "completion.credited",
                CompletionState::Reversed { .. } => "completion.reversed",
                CompletionState::Rejected { .. } => "completion.rejected",
            },
            Event::Granted { .. } => "reward.granted",
            Event::Extended(_) => "reward.extended",
            Event::MilestoneReached { .. } => "milestone.reached",
            Event::Pool { level: Level::Low, .. } => "pool.low",
            Event::Pool { level: Level::Empty, .. } => "pool.empty",
            Event::Pool { level: Level::Refilled, .. } => "pool.refilled",
            Event::Conversion(row) => match row.state() {
                ConversionState::Pending => "conversion.pending",
                ConversionState::Approved => "conversion.approved",
                ConversionState::Rejected => "conversion.rejected",
                ConversionState::Paid => "conversion.paid",
            },
            Event::ConversionWithdrawn(_) => "conversion.withdrawn",
            Event::Payout(row) => match row.state {
                PayoutState::Draft => "payout.draft",
                PayoutState::Approved { .. } => "payout.approved",
                PayoutState::Sent { .. } => "payout.sent",
                PayoutState::Settled { .. } => "payout.settled",
                PayoutState::Failed { .. } => "payout.failed",
                PayoutState::Cancelled { .. } => "payout.cancelled",
            },
            Event::Alert(row) if row.is_open() => "alert.raised",
            Event::Alert(_) => "alert.cleared",
            Event::WinBack { row, .. } if row.came_back().is_some() => "winback.came_back",
            Event::WinBack { .. } => "winback.code_issued",
            Event::Refund { step: RefundStep::Requested, .. } => "refund.requested",
            Event::Refund { step: RefundStep::Answered, .. } => "refund.answered",
            Event::Refund { step: RefundStep::Decided, .. } => "refund.decided",
            Event::Test => "webhook.test",
        }
    }

    /// Whom it is about.
    pub fn person(&self) -> Option<Person> {
        match self {
            Event::CodeAssigned(row) => Some(row.assigned_to),
            Event::ClaimMade(row) => Some(row.referee),
            Event::Completion(row) => Some(row.referrer),
            Event::Granted { person, .. } | Event::MilestoneReached { person, .. } => Some(*person),
            Event::Extended(row) => Some(row.to),
            Event::WinBack { row, .. } => Some(row.person),
            Event::Refund { question, .. } => question.owner,
            Event::Pool { .. }
            | Event::Conversion(_)
            | Event::ConversionWithdrawn(_)
            | Event::Payout(_)
            | Event::Alert(_)
            | Event::Test => None,
        }
    }

    pub fn of_code(before: Option<&Code>, after: &Code) -> Option<Event> {
        before.is_none().then(|| Event::CodeAssigned(after.clone()))
    }

    /// One that takes the place of another is a new one.
    pub fn of_claim(before: Option<&Claim>, after: &Claim) -> Option<Event> {
        let same = before.is_some_and(|before| (before.at, &before.code) == (after.at, &after.code));
        (!same).then(|| Event::ClaimMade(after.clone()))
    }

    pub fn of_completion(before: Option<&Completion>, after: &Completion) -> Option<Event> {
        let same = before.is_some_and(|before| before.state.word() == after.state.word());
        (!same).then(|| Event::Completion(after.clone()))
    }

    pub fn of_extension(before: Option<&Extension>, after: &Extension) -> Option<Event> {
        let is_extended = |row: &Extension| matches!(row.state, ExtensionState::Extended { .. });
        (is_extended(after) && !before.is_some_and(is_extended)).then(|| Event::Extended(after.clone()))
    }

    /// The milestones that were granted by this, for the first time or again.
    pub fn of_referrer(before: Option<&Referrer>, after: &Referrer) -> Vec<Event> {
        let granted = |row: &Referrer, which: &Reached| {
            row.milestones.iter().any(|one| one.referrals == which.referrals && one.taken.is_none())
        };
        let is_new = |which: &&Reached| granted(after, which) && !before.is_some_and(|before| granted(before, which));
        let event = |reached: &Reached| Event::MilestoneReached {
            campaign: after.campaign.clone(),
            person: after.person,
            reached: reached.clone(),
        };
        after.milestones.iter().filter(is_new).map(event).collect()
    }

    /// A stock that is new has nothing yet, and that is no news.
    pub fn of_pool(before: Option<&Pool>, after: &Pool, rules: &PoolRules, now: At) -> Option<Event> {
        let (was, is) = (before?.available(rules, now), after.available(rules, now));
        let level = match (was, is) {
            _ if is > was => Level::Refilled,
            (1.., 0) => Level::Empty,
            _ if is < rules.low_water && rules.low_water <= was => Level::Low,
            _ => return None,
        };
        let campaign = after.campaign.clone();
        Some(Event::Pool { campaign, level, available: is, low_water: rules.low_water })
    }

    pub fn of_conversion(before: Option<&Conversion>, after: &Conversion) -> Option<Event> {
        let same = before.is_some_and(|before| before.state() == after.state());
        (!same).then(|| Event::Conversion(after.clone()))
    }

    pub fn of_payout(before: Option<&Payout>, after: &Payout) -> Option<Event> {
        let same = before.is_some_and(|before| before.state.word() == after.state.word());
        (!same).then(|| Event::Payout(after.clone()))
    }

    /// `code` is the one that was issued, where this decision issued it. A rule that did not hold is no news.
    pub fn of_winback(before: Option<&WinBack>, after: &WinBack, code: Option<&Code>) -> Option<Event> {
        let told = |row: &WinBack| (row.code().is_some(), row.came_back().is_some());
        let is_news = after.code().is_some() && before.map(told) != Some(told(after));
        is_news.then(|| Event::WinBack { row: after.clone(), expires_at: code.map(|code| code.expires_at) })
    }

    pub fn of_question(before: Option<&Question>, after: &Question) -> Vec<Event> {
        let times = |row: &Question| row.asked.as_ref().map_or(0, |asked| asked.times);
        let is_answered = |row: &Question| matches!(row.state, State::Answered { .. });
        let is_requested = times(after) > before.map_or(0, times);
        let is_answered = is_answered(after) && !before.is_some_and(is_answered);
        let is_decided = after.verdict.is_some() && after.verdict != before.and_then(|before| before.verdict);
        let steps = [
            (is_requested, RefundStep::Requested),
            (is_answered, RefundStep::Answered),
            (is_decided, RefundStep::Decided),
        ];
        let event = |(_, step)| Event::Refund { step, question: after.clone() };
        steps.into_iter().filter(|(is_news, _)| *is_news).map(event).collect()
    }

    /// One that is raised again while it is open is the same.
    pub fn of_alert(before: Option<&Alert>, after: &Alert) -> Option<Event> {
        let was_open = before.is_some_and(Alert::is_open);
        (was_open != after.is_open()).then(|| Event::Alert(after.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::CodeState;
    use crate::domain::sample::{self, NOON, day, person};
    use std::collections::BTreeSet;

    #[test]
    fn every_event_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = sample::events().iter().map(Event::word).collect();
        assert_eq!(words, BTreeSet::from(WORDS));
        assert_eq!(sample::events().len(), WORDS.len());
    }

    #[test]
    fn what_is_new_of_a_row_is_told_once() {
        for event in sample::events() {
            let (fresh, same) = match &event {
                Event::CodeAssigned(row) => (Event::of_code(None, row), Event::of_code(Some(row), row)),
                Event::ClaimMade(row) => (Event::of_claim(None, row), Event::of_claim(Some(row), row)),
                Event::Completion(row) => (Event::of_completion(None, row), Event::of_completion(Some(row), row)),
                Event::Extended(row) => (Event::of_extension(None, row), Event::of_extension(Some(row), row)),
                Event::Conversion(row) => (Event::of_conversion(None, row), Event::of_conversion(Some(row), row)),
                Event::Payout(row) => (Event::of_payout(None, row), Event::of_payout(Some(row), row)),
                Event::Alert(row) if row.is_open() => (Event::of_alert(None, row), Event::of_alert(Some(row), row)),
                _ => continue,
            };
            assert_eq!((fresh, same), (Some(event.clone()), None), "{}", event.word());
        }
    }

    #[test]
    fn refunds() {
        let Some(Event::Refund { question: decided, .. }) =
            sample::events().into_iter().find(|one| one.word() == "refund.decided")
        else {
            panic!("there is none");
        };
        let fresh = Question { state: State::Waiting, verdict: None, ..decided.clone() };
        let answered = Question { verdict: None, ..decided.clone() };
        let mut again = decided.clone();
        again.asked.iter_mut().for_each(|asked| asked.times += 1);
        for (before, after, told) in [
            (None, &fresh, &["refund.requested"][..]),
            (Some(&fresh), &fresh, &[]),
            (Some(&fresh), &answered, &["refund.answered"]),
            (Some(&answered), &decided, &["refund.decided"]),
            (Some(&decided), &again, &["refund.requested"]),
            (Some(&fresh), &decided, &["refund.answered", "refund.decided"]),
        ] {
            let events = Event::of_question(before, after);
            assert_eq!(events.iter().map(Event::word).collect::<Vec<_>>(), told);
        }
    }

    #[test]
    fn what_becomes_of_a_row() {
        let used = sample::code(1, 2, CodeState::Used { at: NOON });
        assert_eq!(Event::of_code(Some(&sample::code(1, 2, CodeState::Pending)), &used), None);
        let claim = |at| sample::claim(&used, 2, at, crate::domain::claim::ClaimState::Pending);
        assert_eq!(Event::of_claim(Some(&claim(NOON)), &claim(day(1))), Some(Event::ClaimMade(claim(day(1)))));
        let alert = Alert::raise(crate::domain::alert::AlertKind::PayoutFailed, "9", "no".into(), NOON);
        let cleared = alert.clone().cleared(day(1));
        assert_eq!(Event::of_alert(Some(&alert), &cleared), Some(Event::Alert(cleared.clone())));
        assert_eq!(Event::of_alert(Some(&cleared), &alert), Some(Event::Alert(alert.clone())));
        assert_eq!(Event::of_alert(Some(&cleared), &cleared), None);
    }

    #[test]
    fn milestones() {
        let referrer = |reached: &[(u32, bool)]| {
            let mut row = Referrer::new("friends", person(1), "slug-1".into());
            let one = |(referrals, granted): &(u32, bool)| Reached {
                referrals: *referrals,
                days: 365,
                taken: (!granted).then_some(crate::domain::at::Span::ZERO),
            };
            row.milestones = reached.iter().map(one).collect();
            row
        };
        for (before, after, told) in [
            (None, &[(5, true)][..], &[5][..]),
            (None, &[], &[]),
            (Some(&[(5, true)][..]), &[(5, true), (10, true)], &[10]),
            (Some(&[(5, true)]), &[(5, false)], &[]),
            (Some(&[(5, false)]), &[(5, true)], &[5]),
            (Some(&[]), &[(5, true), (10, true)], &[5, 10]),
        ] {
            let events = Event::of_referrer(before.map(referrer).as_ref(), &referrer(after));
            let of = |event: &Event| match event {
                Event::MilestoneReached { reached, .. } => reached.referrals,
                other => panic!("{other:?}"),
            };
            assert_eq!(events.iter().map(of).collect::<Vec<_>>(), told, "{before:?} {after:?}");
        }
    }

    #[test]
    fn stocks() {
        let mut rules = sample::policy().pool;
        rules.low_water = 10;
        let pool = |left: u32| {
            let mut pool = Pool::new("friends");
            let batch = sample::batch(100, day(100));
            pool.stock(&batch, left);
            pool
        };
        for (before, after, low_water, told) in [
            (None, 0, 10, None),
            (Some(12), 11, 10, None),
            (Some(11), 10, 10, None),
            (Some(10), 9, 10, Some("pool.low")),
            (Some(9), 8, 10, None),
            (Some(12), 0, 10, Some("pool.empty")),
            (Some(1), 0, 10, Some("pool.empty")),
            (Some(0), 0, 10, None),
            (Some(0), 50, 10, Some("pool.refilled")),
            (Some(0), 5, 10, Some("pool.refilled")),
            (Some(1), 0, 0, Some("pool.empty")),
            (Some(5), 4, 0, None),
        ] {
            rules.low_water = low_water;
            let event = Event::of_pool(before.map(pool).as_ref(), &pool(after), &rules, NOON);
            assert_eq!(event.as_ref().map(Event::word), told, "{before:?} {after} {low_water}");
        }
    }
}
