//! Deliveries, the due list, and who is told of events.

use super::{Row, count_key};
use crate::domain::delivery::{Effect, Item, ItemId, ItemState};
use crate::domain::due::{Due, DueWhat};
use crate::domain::id::Id;
use crate::domain::question::Question;
use crate::domain::subscription::Subscription;
use crate::domain::webhook::Webhook;
use crate::ledger::key::Key;
use crate::ledger::table::Tab;

impl Row for Item {
    const TAB: Tab = Tab::Item;
    fn key(&self) -> Vec<u8> {
        item_key(self.id)
    }
    fn index(&self) -> Vec<(Tab, Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        if self.state.is_open() {
            let mark = if self.is_behind() { BEHIND } else { &[] };
            rows.push((Tab::Lane, Key::new().bytes(&lane_prefix(&self.effect)).item(self.id).done(), mark.to_vec()));
        }
        match self.state {
            ItemState::Waiting { next } => {
                rows.push((Tab::Ready, Key::new().at(next).item(self.id).done(), Vec::new()));
            }
            ItemState::Begun { .. } => rows.push((Tab::Begun, item_key(self.id), Vec::new())),
            ItemState::Done { .. } | ItemState::Dead { .. } => {}
        }
        rows
    }
    fn count(&self) -> Option<Vec<u8>> {
        Some(count_key("outbox", self.effect.kind(), self.state.word()))
    }
}

/// What stands in its lane of one that waits to be called.
pub const BEHIND: &[u8] = b"behind";

pub fn item_key(id: ItemId) -> Vec<u8> {
    Key::new().item(id).done()
}

pub fn lane_prefix(effect: &Effect) -> Vec<u8> {
    lane(effect.kind(), &effect.target())
}

pub fn webhook_lane(webhook: Id) -> Vec<u8> {
    lane("webhook", webhook.as_bytes())
}

/// The target's length stands before it, so that no target is the beginning of another.
fn lane(kind: &str, target: &[u8]) -> Vec<u8> {
    Key::new().text(kind).u32(target.len() as u32).bytes(target).done()
}

impl Row for Due {
    const TAB: Tab = Tab::Due;
    fn key(&self) -> Vec<u8> {
        due_key(self)
    }
}

pub fn due_key(due: &Due) -> Vec<u8> {
    let key = Key::new().at(due.at);
    match &due.what {
        DueWhat::TakeOff { campaign, batch } => key.text("take-off").text(campaign).bytes(batch.as_bytes()).done(),
        DueWhat::Release { completion } => key.text("release").bytes(completion.as_bytes()).done(),
        DueWhat::Attribute { coupon, after } => {
            let key = key.text("attribute").bytes(coupon.as_bytes());
            match after {
                Some((day, id)) => key.at(day.start()).bytes(id.as_bytes()).done(),
                None => key.done(),
            }
        }
        DueWhat::AskPayout { payout } => key.text("ask-payout").bytes(payout.as_bytes()).done(),
        DueWhat::WinBack { campaign, lapse } => {
            let ended = Subscription::id(&lapse.original_transaction_id);
            key.text("win-back").text(campaign).bytes(ended.as_bytes()).at(lapse.ended_at).done()
        }
        DueWhat::AnswerRefund { transaction_id, .. } => {
            key.text("answer-refund").bytes(Question::id(transaction_id).as_bytes()).done()
        }
        DueWhat::Forget { network } => key.text("forget").bytes(network.as_bytes()).done(),
        DueWhat::LookUp { campaign, referee, claimed_at, round } => {
            let key = key.text("look-up").text(campaign).bytes(referee.as_bytes());
            key.at(*claimed_at).bytes(&[*round]).done()
        }
        DueWhat::Expire { batch, chunk } => key.text("expire").bytes(batch.as_bytes()).u32(*chunk).done(),
    }
}

impl Row for Webhook {
    const TAB: Tab = Tab::Webhook;
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
}
