//! An item, its lane, and the stock that its outcome touches.

use super::Load;
use super::case::{case, circle, rows_of};
use super::partner::{custom_code, day, not_made, paying};
use super::question::answering;
use super::share::stock;
use crate::domain::at::At;
use crate::domain::completion::Completion;
use crate::domain::decide::delivery::{
    Begin, BeginFamily, Discard, DiscardFamily, Recover, RecoverFamily, Retry, RetryFamily, Settle, SettleFamily,
};
use crate::domain::decide::outcome::{Extending, ItemFacts, Minting, Stock};
use crate::domain::delivery::{Effect, Item, ItemId, ItemState, Order};
use crate::domain::extension::Extension;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::partner::Coupon;
use crate::domain::reconciliation::Reported;
use crate::ledger::Error;
use crate::ledger::rows::{BEHIND, hearing_key, item_key, lane_prefix};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;

macro_rules! by_item {
    ($($family:ident $command:ident),*) => {$(
        impl Load for $family {
            fn load<S: Store>(store: &S, command: &$command, _: At) -> Result<ItemFacts, Error> {
                item(store, command.item, &[])
            }
        }
    )*};
}

by_item!(BeginFamily Begin, RecoverFamily Recover, RetryFamily Retry, DiscardFamily Discard);

impl Load for SettleFamily {
    fn load<S: Store>(store: &S, command: &Settle, _: At) -> Result<ItemFacts, Error> {
        let reported = match &command.outcome {
            Outcome::Done(Answer::Report(Some(lines))) => lines.as_slice(),
            _ => &[],
        };
        item(store, command.item, reported)
    }
}

fn item<S: Store>(store: &S, id: ItemId, reported: &[Reported]) -> Result<ItemFacts, Error> {
    let item: Option<Item> = store.row(&item_key(id))?;
    let mut facts = ItemFacts {
        item,
        lane_is_busy: false,
        next: None,
        is_outdated: false,
        account: None,
        stock: None,
        hearing: None,
        case: None,
        extending: None,
        minting: None,
        paying: None,
        answering: None,
        day: None,
        webhook: None,
    };
    let Some(item) = &facts.item else { return Ok(facts) };
    let lane = lane_prefix(&item.effect);
    match item.effect.order() {
        Order::Each => {
            facts.lane_is_busy = begun(store)?.iter().any(|other| other.id != id && lane_prefix(&other.effect) == lane);
            facts.next = behind(store, &lane)?;
        }
        order => {
            // A queue may be long, and only its head matters, with the one behind it.
            let most = if order == Order::Queue { 2 } else { usize::MAX };
            for (key, _) in store.prefix(Tab::Lane, &lane, most)? {
                let other: Option<Item> = store.row(&key[lane.len()..])?;
                let Some(other) = other.filter(|other| other.id != id) else { continue };
                let is_before = other.id < id && order == Order::Queue;
                facts.lane_is_busy |= is_before || matches!(other.state, ItemState::Begun { .. });
                facts.is_outdated |= other.id > id && other.effect.outdates();
                facts.next = facts.next.or(Some(other));
            }
        }
    }
    match &item.effect {
        Effect::Grant { account, .. } => {
            let name = circle(store, *account)?.name();
            facts.account = store.row(name.as_bytes())?;
        }
        Effect::RequestBatch { campaign, batch } | Effect::FetchCodes { campaign, batch } => {
            let batch = store.row(batch.as_bytes())?.ok_or(Error::Broken("a delivery about no batch"))?;
            facts.stock = stock(store, campaign)?.map(|(rules, pool)| Stock { rules, pool, batch });
        }
        Effect::CatchUp { is_test, .. } | Effect::RequestTest { is_test } | Effect::CheckTest { is_test, .. } => {
            facts.hearing = store.row(&hearing_key(*is_test))?;
        }
        Effect::Extend { id, to, .. } => {
            let extension: Extension =
                store.row(id.as_bytes())?.ok_or(Error::Broken("a delivery about no extension"))?;
            let completion: Option<Completion> = store.row(id.as_bytes())?;
            let owed = completion.map_or(extension.days, |completion| completion.days.min(extension.days));
            let own = circle(store, *to)?;
            let account = store.row(own.name().as_bytes())?;
            let (bought, before) = (rows_of(store, &own)?, rows_of(store, &own)?);
            facts.extending = Some(Extending { extension, bought, before, owed, person: own.name(), account });
        }
        Effect::MakeCustomCode { coupon } | Effect::EndCustomCode { coupon } => {
            let coupon: Coupon = store.row(coupon.as_bytes())?.ok_or(Error::Broken("a delivery about no coupon"))?;
            let (code, alert) = (custom_code(store, &coupon)?, not_made(store, &coupon)?);
            facts.minting = Some(Minting { coupon, code, alert });
        }
        Effect::PayOut { payout } | Effect::AskPayout { payout } => facts.paying = paying(store, *payout)?,
        Effect::FetchReport { date } => facts.day = Some(day(store, *date, reported)?),
        Effect::AnswerRefund { transaction_id, .. } => facts.answering = Some(answering(store, transaction_id)?),
        Effect::AskDevice { referee, .. } => facts.case = Some(case(store, circle(store, *referee)?)?),
        Effect::Tell { webhook, .. } => facts.webhook = store.row(webhook.as_bytes())?,
        Effect::SetAppAccountToken { .. }
        | Effect::LookUp { .. }
        | Effect::MarkDevice { .. }
        | Effect::Forward { .. } => {}
    }
    Ok(facts)
}

/// The attempts that are under way.
fn begun<S: Store>(store: &S) -> Result<Vec<Item>, Error> {
    let rows = store.prefix(Tab::Begun, &[], usize::MAX)?;
    let items = rows.iter().map(|(key, _)| store.row(key)?.ok_or(Error::Broken("an index row without its record")));
    items.collect()
}

/// The first item of a lane that waits to be called.
pub fn behind<S: Store>(store: &S, lane: &[u8]) -> Result<Option<Item>, Error> {
    let rows = store.prefix(Tab::Lane, lane, usize::MAX)?;
    match rows.iter().find(|(_, value)| value == BEHIND) {
        Some((key, _)) => store.row(&key[lane.len()..]),
        None => Ok(None),
    }
}
