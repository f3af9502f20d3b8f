//! Deliveries begin, end, and are dealt with by hand.

use super::pool::{chunks, shelve};
use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::batch::{Batch, BatchState};
use crate::domain::delivery::{Answer, Effect, Item, ItemId, ItemState, Outcome};
use crate::domain::policy::Rules;
use crate::domain::pool::Pool;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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

pub struct ItemFacts {
    pub item: Option<Item>,
    /// Another item of its lane is in flight.
    pub lane_is_busy: bool,
    /// What a batch's request or reading is about.
    pub stock: Option<Stock>,
}

pub struct Stock {
    pub rules: Arc<Rules>,
    pub pool: Pool,
    pub batch: Batch,
}

impl ItemFacts {
    fn item(&self) -> Result<Item, Refusal> {
        self.item.clone().ok_or(Refusal::UnknownItem)
    }
}

pub struct BeginFamily;

impl Family for BeginFamily {
    type Command = Begin;
    type Facts = ItemFacts;

    fn decide(facts: &ItemFacts, _: &Begin, stamp: Stamp) -> Result<Decision, Refusal> {
        let item = facts.item()?;
        if !item.is_due(stamp.at) || facts.lane_is_busy {
            return Err(Refusal::WrongState);
        }
        Ok(replace(item.begun(stamp.at)))
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
        let item = item.settled(&outcome, stamp.at);
        let mut decision = replace(item.clone());
        if let Some(stock) = &facts.stock {
            follow(stock, &item, &outcome, stamp, &mut decision);
        }
        Ok(decision)
    }
}

/// An answer that is not what was asked for is no delivery.
fn checked(item: &Item, stock: Option<&Stock>, outcome: &Outcome) -> Outcome {
    match (&item.effect, outcome) {
        (Effect::Grant { end, .. }, Outcome::Done(Answer::Granted { end: got })) if got.plus(ROUNDING) < *end => {
            Outcome::Again { after: None, why: "answered as done, but the entitlement was not extended".to_owned() }
        }
        (Effect::FetchCodes { .. }, Outcome::Done(Answer::Codes(codes))) => {
            let asked = stock.map_or(0, |stock| stock.batch.asked as usize);
            if codes.len() == asked {
                return outcome.clone();
            }
            Outcome::Again { after: None, why: format!("{} of {asked} codes are there", codes.len()) }
        }
        _ => outcome.clone(),
    }
}

/// RevenueCat gives whole seconds.
const ROUNDING: crate::domain::at::Span = crate::domain::at::Span::seconds(1);

/// What the outcome means for the batch and the stock.
fn follow(stock: &Stock, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
    let (mut batch, mut pool) = (stock.batch.clone(), stock.pool.clone());
    let policy = &stock.rules.policy;
    match outcome {
        Outcome::Done(Answer::BatchMade { apple_id }) => {
            batch.apple_id = Some(apple_id.clone());
            batch.state = BatchState::Generating;
            decision.effects.push(Effect::FetchCodes { campaign: batch.campaign.clone(), batch: batch.id });
            decision.put(Put::Batch(batch));
        }
        Outcome::Done(Answer::Codes(codes)) => {
            decision.puts.extend(chunks(&batch, 0, codes).map(Put::Chunk));
            pool.arrived(batch.id, true, stamp.at);
            shelve(&mut batch, &mut pool, &policy.pool, stamp.at, decision);
            decision.put(Put::Batch(batch));
            decision.put_pool(pool, policy, stamp.at, false);
        }
        Outcome::Done(Answer::Granted { .. }) => {}
        Outcome::Again { why, .. } | Outcome::Never { why } | Outcome::Unsure { why } => {
            if matches!(item.state, ItemState::Dead { .. }) {
                give_up(batch, pool, why, stamp, decision);
            }
        }
        Outcome::Absent => {}
    }
}

fn give_up(mut batch: Batch, mut pool: Pool, why: &str, stamp: Stamp, decision: &mut Decision) {
    batch.state = BatchState::Failed { at: stamp.at, why: why.to_owned() };
    pool.arrived(batch.id, false, stamp.at);
    decision.put(Put::Batch(batch));
    decision.put(Put::Pool(pool));
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
        Ok(replace(item.interrupted(stamp.at)))
    }
}

pub struct RetryFamily;

impl Family for RetryFamily {
    type Command = Retry;
    type Facts = ItemFacts;

    fn decide(facts: &ItemFacts, _: &Retry, stamp: Stamp) -> Result<Decision, Refusal> {
        let item = facts.item()?;
        if !matches!(item.state, ItemState::Waiting { .. } | ItemState::Dead { .. }) {
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
        if let (Some(stock), ItemState::Waiting { .. }) = (&facts.stock, item.state) {
            give_up(stock.batch.clone(), stock.pool.clone(), "discarded by hand", stamp, &mut decision);
        }
        Ok(decision)
    }
}

fn replace(item: Item) -> Decision {
    let mut decision = Decision::same(Reply::Item(item.clone()));
    decision.put(Put::Item(item));
    decision
}
