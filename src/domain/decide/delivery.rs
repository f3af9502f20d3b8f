//! Deliveries begin, end, and are dealt with by hand.

use super::outcome::{ItemFacts, checked, follow, give_up};
use super::payout::Paying;
use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::batch::{Batch, BatchState};
use crate::domain::delivery::{Effect, Item, ItemId, ItemState, Order};
use crate::domain::outcome::Outcome;
use crate::domain::payout::PayoutState;
use crate::domain::pool::Pool;
use serde::{Deserialize, Serialize};

/// An attempt is about to be made. Durable before the call, so that a kill leaves a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    pub item: ItemId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    pub item: ItemId,
    pub outcome: Outcome,
}

/// The process ended during this attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recover {
    pub item: ItemId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    pub item: ItemId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discard {
    pub item: ItemId,
}

pub struct BeginFamily;

impl Family for BeginFamily {
    type Command = Begin;
    type Facts = ItemFacts;

    fn decide(facts: &ItemFacts, _: &Begin, stamp: Stamp) -> Result<Decision, Refusal> {
        let item = facts.item()?;
        if !item.is_due(stamp.at) {
            return Err(Refusal::WrongState);
        }
        let is_disabled = facts.webhook.as_ref().is_some_and(|webhook| webhook.disabled.is_some());
        if item.effect.order() == Order::Each && (facts.lane_is_busy || is_disabled) {
            let mut decision = Decision::same(Reply::Nothing);
            decision.put(Put::Item(item.behind()));
            return Ok(decision);
        }
        if facts.lane_is_busy {
            return Err(Refusal::WrongState);
        }
        let said = facts.answering.as_ref().map(|known| known.begin(item.unsure, stamp.at));
        let is_over = facts.extending.as_ref().is_some_and(|known| known.is_over(&item.effect))
            || said.as_ref().is_some_and(|said| !said.is_answer);
        let mut decision = if is_over {
            let mut decision = Decision::same(Reply::Nothing);
            decision.put(Put::ItemGone(item.id));
            call_next(facts, stamp, &mut decision);
            decision
        } else {
            let effect = match &facts.extending {
                Some(known) if !item.unsure => known.as_of(),
                _ => item.effect.clone().as_of(facts.account.as_ref(), stamp.at),
            };
            replace(Item { effect, ..item.begun(stamp.at) })
        };
        decision.puts.extend(said.and_then(|said| said.question).map(Put::Question));
        Ok(decision)
    }
}

pub struct SettleFamily;

impl Family for SettleFamily {
    type Command = Settle;
    type Facts = ItemFacts;

    fn decide(facts: &ItemFacts, command: &Settle, stamp: Stamp) -> Result<Decision, Refusal> {
        let item = facts.item()?;
        if !matches!(item.state, ItemState::Begun { .. }) {
            return Err(Refusal::WrongState);
        }
        let outcome = checked(&item, facts.stock.as_ref(), &command.outcome);
        let mut item = item.settled(&outcome, stamp.at);
        item.effect = item.effect.as_answered(&command.outcome);
        let mut decision = back_in_lane(facts, item.clone());
        follow(facts, &item, &outcome, stamp, &mut decision);
        if !item.state.is_open() || item.effect.order() == Order::Each {
            call_next(facts, stamp, &mut decision);
        }
        Ok(decision)
    }
}

pub struct RecoverFamily;

impl Family for RecoverFamily {
    type Command = Recover;
    type Facts = ItemFacts;

    fn decide(facts: &ItemFacts, _: &Recover, stamp: Stamp) -> Result<Decision, Refusal> {
        let item = facts.item()?;
        if !matches!(item.state, ItemState::Begun { .. }) {
            return Ok(Decision::same(Reply::Nothing));
        }
        Ok(back_in_lane(facts, item.interrupted(stamp.at)))
    }
}

pub struct RetryFamily;

impl Family for RetryFamily {
    type Command = Retry;
    type Facts = ItemFacts;

    fn decide(facts: &ItemFacts, _: &Retry, stamp: Stamp) -> Result<Decision, Refusal> {
        let item = facts.item()?;
        if item.is_behind() || !matches!(item.state, ItemState::Waiting { .. } | ItemState::Dead { .. }) {
            return Err(Refusal::WrongState);
        }
        let mut decision = Decision::same(Reply::Nothing);
        if let (Some(stock), ItemState::Dead { .. }) = (&facts.stock, item.state) {
            if stock.pool.coming.is_some_and(|other| other != stock.batch.id) {
                return Err(Refusal::WrongState);
            }
            let state = if stock.batch.apple_id.is_some() { BatchState::Generating } else { BatchState::Requested };
            decision.put(Put::Batch(Batch { state, ..stock.batch.clone() }));
            decision.put(Put::Pool(Pool { coming: Some(stock.batch.id), ..stock.pool.clone() }));
        }
        if let (Some(minting), ItemState::Dead { .. }) = (&facts.minting, item.state) {
            minting.again(&mut decision);
        }
        // What failed was let go: its conversions may be in another payout by now.
        let is_over = |paying: &Paying| !matches!(paying.payout.state, PayoutState::Sent { .. });
        if facts.paying.as_ref().is_some_and(is_over) {
            return Err(Refusal::WrongState);
        }
        if let (Some(paying), Effect::PayOut { .. }) = (&facts.paying, &item.effect) {
            paying.resumed(stamp.at, &mut decision);
        }
        let item = item.retried(stamp.at);
        decision.put(Put::Item(item.clone()));
        decision.reply = Reply::Item(item);
        Ok(decision)
    }
}

pub struct DiscardFamily;

impl Family for DiscardFamily {
    type Command = Discard;
    type Facts = ItemFacts;

    fn decide(facts: &ItemFacts, _: &Discard, stamp: Stamp) -> Result<Decision, Refusal> {
        let item = facts.item()?;
        if matches!(item.state, ItemState::Begun { .. } | ItemState::Done { .. }) {
            return Err(Refusal::WrongState);
        }
        let mut decision = Decision::same(Reply::Item(item.clone()));
        decision.put(Put::ItemGone(item.id));
        if !item.is_behind() {
            call_next(facts, stamp, &mut decision);
        }
        if let (Some(paying), Effect::PayOut { .. }) = (&facts.paying, &item.effect) {
            match item.unsure {
                true => {
                    paying.disputed("discarded by hand, and nobody knows whether it was sent", stamp.at, &mut decision)
                }
                false => paying.refused("discarded by hand", stamp.at, &mut decision),
            }
        }
        if let Some(known) = facts.extending.as_ref().filter(|known| !known.is_over(&item.effect)) {
            known.refused(stamp.at, &mut decision);
        }
        if let Some(known) = &facts.answering {
            known.discarded(stamp.at, &mut decision);
        }
        if let (Some(stock), ItemState::Waiting { .. }) = (&facts.stock, item.state) {
            give_up(stock.batch.clone(), stock.pool.clone(), "discarded by hand", stamp, &mut decision);
        }
        Ok(decision)
    }
}

/// After an attempt. One that would be made again, while a newer wish waits behind it, has nothing left
/// to do; but what was still to be revoked is still to be. How a TEST ended stands with the notifications, and that
/// nothing was learned of a device with the claim, that nothing was learned of an order with the payout, that nothing was
/// answered with Apple's question, and days that Apple does not extend are granted: nobody has to deal with these deliveries.
fn back_in_lane(facts: &ItemFacts, item: Item) -> Decision {
    let owes = matches!(item.effect, Effect::Grant { take_back: Some(_), .. });
    let is_finding = matches!(
        item.effect,
        Effect::RequestTest { .. }
            | Effect::CheckTest { .. }
            | Effect::AskDevice { .. }
            | Effect::MarkDevice { .. }
            | Effect::AskPayout { .. }
            | Effect::AnswerRefund { .. }
    );
    let is_over = match item.state {
        ItemState::Waiting { .. } => facts.is_outdated && !owes,
        ItemState::Dead { .. } => is_finding || (matches!(item.effect, Effect::Extend { .. }) && !item.unsure),
        ItemState::Begun { .. } | ItemState::Done { .. } => false,
    };
    if !is_over {
        return replace(item);
    }
    let mut decision = Decision::same(Reply::Item(item.clone()));
    decision.put(Put::ItemGone(item.id));
    decision
}

/// The lane's next item, where one waits for its turn.
fn call_next(facts: &ItemFacts, stamp: Stamp, decision: &mut Decision) {
    let next = facts.next.clone().filter(Item::is_behind);
    decision.puts.extend(next.map(|next| Put::Item(next.called(stamp.at))));
}

fn replace(item: Item) -> Decision {
    let mut decision = Decision::same(Reply::Item(item.clone()));
    decision.put(Put::Item(item));
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::{At, Span};
    use crate::domain::batch::Origin;
    use crate::domain::code::CodeText;
    use crate::domain::decide::outcome::Stock;
    use crate::domain::grant::TakeBack;
    use crate::domain::hearing::Hearing;
    use crate::domain::outcome::Answer;
    use crate::domain::sample::{self, NOON, day, person, stamp};

    fn grant(end: At) -> Effect {
        Effect::Grant { account: person(1), to: person(1), end, take_back: None }
    }

    fn fetch() -> Effect {
        Effect::FetchCodes { campaign: "friends".into(), batch: sample::batch(3, day(100)).id }
    }

    fn request() -> Effect {
        Effect::RequestBatch { campaign: "friends".into(), batch: sample::batch(3, day(100)).id }
    }

    fn facts(effect: Effect, state: ItemState) -> ItemFacts {
        let mut item = Item::new(ItemId { seq: 1, n: 0 }, effect, NOON);
        item.state = state;
        let stock = (!matches!(item.effect, Effect::Grant { .. })).then(|| {
            let batch = Batch { origin: Origin::Apple, ..sample::batch(3, day(100)) };
            let pool = Pool { coming: Some(batch.id), ..Pool::new("friends") };
            Stock { rules: sample::rules(sample::policy()), pool, batch }
        });
        ItemFacts {
            item: Some(item),
            lane_is_busy: false,
            next: None,
            is_outdated: false,
            account: None,
            stock,
            hearing: None,
            case: None,
            extending: None,
            minting: None,
            paying: None,
            answering: None,
            day: None,
            webhook: None,
        }
    }

    const BEGUN: ItemState = ItemState::Begun { at: NOON };
    const WAITING: ItemState = ItemState::Waiting { next: NOON };
    const DONE: ItemState = ItemState::Done { at: NOON };
    const DEAD: ItemState = ItemState::Dead { at: NOON };

    fn item(decision: &Decision) -> &Item {
        match &decision.reply {
            Reply::Item(item) => item,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_may_be_done_in_which_state() {
        let id = ItemId { seq: 1, n: 0 };
        let begin = |facts: &ItemFacts| BeginFamily::decide(facts, &Begin { item: id }, stamp(NOON)).is_ok();
        let settle = |facts: &ItemFacts| {
            let outcome = Outcome::Never { why: "404".into() };
            SettleFamily::decide(facts, &Settle { item: id, outcome }, stamp(NOON)).is_ok()
        };
        let retry = |facts: &ItemFacts| RetryFamily::decide(facts, &Retry { item: id }, stamp(NOON)).is_ok();
        let discard = |facts: &ItemFacts| DiscardFamily::decide(facts, &Discard { item: id }, stamp(NOON)).is_ok();
        // begin, settle, retry, discard
        for (state, expected) in [
            (WAITING, [true, false, true, true]),
            (ItemState::Waiting { next: day(1) }, [false, false, true, true]),
            (BEGUN, [false, true, false, false]),
            (DONE, [false, false, false, false]),
            (DEAD, [false, false, true, true]),
        ] {
            let facts = facts(grant(day(30)), state);
            assert_eq!([begin(&facts), settle(&facts), retry(&facts), discard(&facts)], expected, "{state:?}");
        }
        let busy = ItemFacts { lane_is_busy: true, ..facts(grant(day(30)), WAITING) };
        assert!(!begin(&busy));
        let nothing = ItemFacts { item: None, ..busy };
        assert_eq!(BeginFamily::decide(&nothing, &Begin { item: id }, stamp(NOON)), Err(Refusal::UnknownItem));
    }

    #[test]
    fn an_attempt_asks_for_what_is_wished_by_now() {
        let account = |end| Some(sample::account(1, end));
        let all = Some(TakeBack::over(day(30)));
        for (account, end, take_back) in
            [(account(day(30)), day(30), None), (account(day(60)), day(60), None), (None, NOON, all)]
        {
            let facts = ItemFacts { account, ..facts(grant(day(30)), WAITING) };
            let decision = BeginFamily::decide(&facts, &Begin { item: ItemId { seq: 1, n: 0 } }, stamp(NOON)).unwrap();
            let effect = Effect::Grant { account: person(1), to: person(1), end, take_back };
            assert_eq!((&item(&decision).effect, item(&decision).state), (&effect, BEGUN));
        }
    }

    #[test]
    fn what_an_answer_comes_to() {
        let granted = |end| Outcome::Done(Answer::Granted { end });
        let codes = |n: u8| {
            let codes: Vec<CodeText> =
                (0..n).map(|n| sample::code(n, 1, crate::domain::code::CodeState::Pending).text).collect();
            Outcome::Done(Answer::Codes(codes))
        };
        let never = || Outcome::Never { why: "409".into() };
        let later = || Outcome::Again { after: None, why: "429".into() };
        let made = || Outcome::Done(Answer::BatchMade { apple_id: "b".into() });
        // -> the item, the batch, what is on its way
        for (effect, outcome, state, batch, coming) in [
            (grant(day(30)), granted(day(30)), "done", None, None),
            (grant(day(30)), granted(day(30).minus(Span::millis(999))), "done", None, None),
            (grant(day(30)), granted(day(30).minus(Span::millis(1001))), "waiting", None, None),
            (grant(day(30)), granted(day(90)), "done", None, None),
            (grant(day(30)), granted(At(0)), "waiting", None, None),
            (request(), made(), "done", Some("generating"), None),
            (request(), later(), "waiting", None, None),
            (request(), never(), "dead", Some("failed"), Some(false)),
            (request(), Outcome::Absent, "waiting", None, None),
            (fetch(), codes(3), "done", Some("ready"), Some(false)),
            (fetch(), codes(2), "waiting", None, None),
            (fetch(), codes(4), "waiting", None, None),
            (fetch(), codes(0), "waiting", None, None),
            (fetch(), never(), "dead", Some("failed"), Some(false)),
        ] {
            let settle = Settle { item: ItemId { seq: 1, n: 0 }, outcome };
            let decision = SettleFamily::decide(&facts(effect, BEGUN), &settle, stamp(NOON)).unwrap();
            let put = decision.puts.iter().find_map(|put| match put {
                Put::Batch(batch) => Some(batch.state.word()),
                _ => None,
            });
            let waits = decision.puts.iter().find_map(|put| match put {
                Put::Pool(pool) => Some(pool.coming.is_some()),
                _ => None,
            });
            assert_eq!((item(&decision).state.word(), put, waits), (state, batch, coming), "{:?}", settle.outcome);
        }
    }

    #[test]
    fn a_test_that_failed_leaves_no_delivery() {
        use crate::domain::hearing::Test;
        let never = || Outcome::Never { why: "4040007".into() };
        let later = || Outcome::Again { after: None, why: "500".into() };
        let check = || Effect::CheckTest { is_test: true, token: "t".into() };
        // -> whether the item is left, and how the test ended
        for (effect, outcome, is_left, result) in [
            (Effect::RequestTest { is_test: true }, never(), false, Some("4040007")),
            (Effect::RequestTest { is_test: true }, later(), true, None),
            (check(), never(), false, Some("4040007")),
            (check(), later(), true, None),
            (Effect::CatchUp { is_test: true, since: NOON }, never(), true, None),
        ] {
            let test = Some(Test { asked_at: NOON, token: Some("t".into()), end: None });
            let hearing = Some(Hearing { is_test: true, caught_up: NOON, test });
            let facts = ItemFacts { stock: None, hearing, ..facts(effect.clone(), BEGUN) };
            let settle = Settle { item: ItemId { seq: 1, n: 0 }, outcome };
            let decision = SettleFamily::decide(&facts, &settle, stamp(NOON)).unwrap();
            let left = decision.puts.iter().any(|put| matches!(put, Put::Item(_)));
            let ended = decision.puts.iter().find_map(|put| match put {
                Put::Hearing(hearing) => hearing.test.as_ref()?.end.as_ref().map(|end| end.result.as_str()),
                _ => None,
            });
            assert_eq!((left, ended), (is_left, result), "{effect:?} {:?}", settle.outcome);
        }
    }

    #[test]
    fn a_dead_request_waits_for_the_one_on_its_way() {
        let mut facts = facts(request(), DEAD);
        let retry = Retry { item: ItemId { seq: 1, n: 0 } };
        for (coming, good) in [(None, true), (Some(crate::domain::id::Id([9; 16])), false)] {
            facts.stock.as_mut().unwrap().pool.coming = coming;
            assert_eq!(RetryFamily::decide(&facts, &retry, stamp(NOON)).is_ok(), good);
        }
    }

    #[test]
    fn after_a_kill_only_what_was_begun_is_unsure() {
        for (state, changed) in [(BEGUN, true), (WAITING, false), (DONE, false), (DEAD, false)] {
            let recover = Recover { item: ItemId { seq: 1, n: 0 } };
            let decision = RecoverFamily::decide(&facts(request(), state), &recover, stamp(NOON)).unwrap();
            assert_eq!(!decision.is_same(), changed, "{state:?}");
        }
    }
}
