//! Money is paid in deliberate steps: drafted, approved, sent; then it is settled, or it failed.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::{At, Span};
use crate::domain::conversion::{Conversion, Counted};
use crate::domain::delivery::Effect;
use crate::domain::due::{Due, DueWhat};
use crate::domain::id::Id;
use crate::domain::money::{Currency, Money};
use crate::domain::partner::{Partner, PartnerState, Rail};
use crate::domain::payout::{Order, Payout, PayoutState, Progress};
use crate::domain::policy::Rules;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a partner is owed in a currency, as far as it can be paid now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub partner: Id,
    pub currency: Currency,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advance {
    pub payout: Id,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    Approve,
    Send,
    /// The money arrived: for what no payment service tells of.
    Settle,
    Fail,
    Cancel,
}

/// The payment service says that something happened to an order or a reward of this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskPayout {
    pub name: String,
}

/// More conversions than these wait for the next payout.
pub const MOST: usize = 2_000;
/// How often an order that is on its way is asked about.
const LOOK_AGAIN: Span = Span::hours(1);

pub struct DraftFacts {
    pub rules: Option<Arc<Rules>>,
    pub partner: Option<Partner>,
    /// Approved, in no payout and past their hold: the oldest first.
    pub payable: Vec<Conversion>,
    /// What is carried over, below zero where more was paid than was owed in the end.
    pub carried: i64,
}

pub struct DraftFamily;

impl Family for DraftFamily {
    type Command = Draft;
    type Facts = DraftFacts;

    fn decide(facts: &DraftFacts, command: &Draft, stamp: Stamp) -> Result<Decision, Refusal> {
        let partner = facts.partner.as_ref().ok_or(Refusal::UnknownPartner)?;
        let policy = facts.rules.as_ref().map(|rules| &rules.policy).ok_or(Refusal::UnknownCampaign)?;
        let payout = policy.payout.as_ref().ok_or(Refusal::NotForPartners)?;
        let counted: i64 = facts.payable.iter().map(|one| one.commission.minor).sum();
        let amount = counted + facts.carried;
        let is_payable = partner.state == PartnerState::Active && partner.rail != Rail::None;
        if !is_payable || amount <= 0 || amount.unsigned_abs() < payout.minimum {
            return Ok(Decision::same(Reply::Payout(None)));
        }
        let payout = Payout {
            id: Payout::id(partner.id, stamp.seq),
            partner: partner.id,
            campaign: partner.campaign.clone(),
            money: Money::new(amount, command.currency),
            counted,
            conversions: facts.payable.len() as u32,
            rail: partner.rail,
            state: PayoutState::Draft,
            order: None,
            trouble: None,
            made_at: stamp.at,
        };
        let mut decision = Decision::same(Reply::Payout(Some(payout.clone())));
        for one in &facts.payable {
            let counted = Some(Counted { payout: payout.id, minor: one.commission.minor, paid_at: None });
            decision.put(Put::Conversion(Conversion { counted, ..one.clone() }));
        }
        decision.put(Put::Payout(payout));
        Ok(decision)
    }
}

/// A payout with the conversions that are in it.
#[derive(Clone)]
pub struct Paying {
    pub payout: Payout,
    pub conversions: Vec<Conversion>,
    /// Where it is in trouble, the alert about it.
    pub alert: Option<Alert>,
}

pub struct AdvanceFacts {
    pub paying: Option<Paying>,
}

pub struct AdvanceFamily;

impl Family for AdvanceFamily {
    type Command = Advance;
    type Facts = AdvanceFacts;

    fn decide(facts: &AdvanceFacts, command: &Advance, stamp: Stamp) -> Result<Decision, Refusal> {
        let paying = facts.paying.as_ref().ok_or(Refusal::UnknownPayout)?;
        let (payout, at) = (&paying.payout, stamp.at);
        let by_hand = payout.is_by_hand();
        let state = match (command.step, &payout.state) {
            (Step::Approve, PayoutState::Draft) => PayoutState::Approved { at },
            (Step::Send, PayoutState::Approved { .. }) => PayoutState::Sent { at },
            (Step::Settle, PayoutState::Sent { .. }) if by_hand => PayoutState::Settled { at },
            (Step::Fail, PayoutState::Sent { .. }) if by_hand => PayoutState::Failed { at, why: "by hand".to_owned() },
            (Step::Cancel, PayoutState::Draft | PayoutState::Approved { .. }) => PayoutState::Cancelled { at },
            (Step::Cancel, PayoutState::Sent { .. }) if payout.rail != Rail::Tremendous => {
                PayoutState::Cancelled { at }
            }
            // The same asked again.
            (Step::Approve, PayoutState::Approved { .. })
            | (Step::Send, PayoutState::Sent { .. })
            | (Step::Settle, PayoutState::Settled { .. })
            | (Step::Fail, PayoutState::Failed { .. })
            | (Step::Cancel, PayoutState::Cancelled { .. }) => {
                return Ok(Decision::same(Reply::Payout(Some(payout.clone()))));
            }
            _ => return Err(Refusal::WrongState),
        };
        let mut decision = Decision::same(Reply::Nothing);
        if (command.step, payout.rail) == (Step::Send, Rail::Tremendous) {
            decision.effects.push(Effect::PayOut { payout: payout.id });
        }
        let after = paying.becomes(Payout { state, ..payout.clone() }, at, &mut decision);
        decision.reply = Reply::Payout(Some(after));
        Ok(decision)
    }
}

impl Paying {
    /// The payout as it stands now, and what that means for its conversions.
    fn becomes(&self, mut payout: Payout, now: At, decision: &mut Decision) -> Payout {
        payout.trouble = payout.trouble.filter(|_| payout.state.is_open());
        let settled_at = payout.settled_at();
        for one in self.conversions.iter().filter(|_| settled_at.is_some() || !payout.is_open()) {
            let after = match (settled_at, one.counted) {
                (Some(at), Some(counted)) => {
                    Conversion { counted: Some(Counted { paid_at: Some(at), ..counted }), ..one.clone() }
                }
                _ => one.clone().uncounted(),
            };
            decision.put(Put::Conversion(after));
        }
        let name = payout.id.to_string();
        if let PayoutState::Failed { why, .. } = &payout.state {
            decision.put(Put::Alert(Alert::raise(AlertKind::PayoutFailed, &name, why.clone(), now)));
        }
        match (&self.payout.trouble, &payout.trouble) {
            (None, Some(why)) => {
                decision.put(Put::Alert(Alert::raise(AlertKind::PayoutInTrouble, &name, why.clone(), now)));
            }
            (Some(_), None) => {
                let cleared = self.alert.clone().map(|alert| Alert { cleared_at: Some(now), ..alert });
                decision.puts.extend(cleared.map(Put::Alert));
            }
            _ => {}
        }
        decision.put(Put::Payout(payout.clone()));
        payout
    }

    /// What the payment service says of the order.
    pub fn ordered(&self, order: &Order, now: At, decision: &mut Decision) {
        if !matches!(self.payout.state, PayoutState::Sent { .. }) {
            return;
        }
        let (is_first, progress) = (self.payout.order.is_none(), order.progress);
        let state = match progress {
            Progress::Open | Progress::Undelivered => self.payout.state.clone(),
            Progress::Settled => PayoutState::Settled { at: now },
            Progress::Failed => PayoutState::Failed { at: now, why: "the order failed at Tremendous".to_owned() },
            Progress::Cancelled => PayoutState::Cancelled { at: now },
        };
        let undelivered = progress == Progress::Undelivered;
        let trouble = undelivered.then(|| "it was paid for, and could not be delivered".to_owned());
        let after = Payout { state, trouble, order: Some(order.clone()), ..self.payout.clone() };
        if after == self.payout {
            return;
        }
        if is_first && after.is_open() {
            let what = DueWhat::AskPayout { payout: after.id };
            decision.put(Put::Due(Due { at: now.plus(LOOK_AGAIN), what }));
        }
        self.becomes(after, now, decision);
    }

    /// It can never be sent as it is; nothing was.
    pub fn refused(&self, why: &str, now: At, decision: &mut Decision) {
        if matches!(self.payout.state, PayoutState::Sent { .. }) {
            let state = PayoutState::Failed { at: now, why: why.to_owned() };
            self.becomes(Payout { state, ..self.payout.clone() }, now, decision);
        }
    }

    /// It is tried again: until that ended nobody says by hand that it failed, or it would be paid twice.
    pub fn resumed(&self, now: At, decision: &mut Decision) {
        if self.payout.trouble.is_some() {
            self.becomes(Payout { trouble: None, ..self.payout.clone() }, now, decision);
        }
    }

    /// Nobody but a person can say what became of it.
    pub fn disputed(&self, why: &str, now: At, decision: &mut Decision) {
        if matches!(self.payout.state, PayoutState::Sent { .. }) {
            self.becomes(Payout { trouble: Some(why.to_owned()), ..self.payout.clone() }, now, decision);
        }
    }
}

/// Time to ask about an order that is on its way.
pub fn look(payout: &Payout, now: At, decision: &mut Decision) {
    if matches!(payout.state, PayoutState::Sent { .. }) && payout.order.is_some() {
        decision.effects.push(Effect::AskPayout { payout: payout.id });
        let what = DueWhat::AskPayout { payout: payout.id };
        decision.put(Put::Due(Due { at: now.plus(LOOK_AGAIN), what }));
    }
}

pub struct AskPayoutFacts {
    pub payout: Option<Payout>,
}

pub struct AskPayoutFamily;

impl Family for AskPayoutFamily {
    type Command = AskPayout;
    type Facts = AskPayoutFacts;

    fn decide(facts: &AskPayoutFacts, _: &AskPayout, _: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        let sent = |payout: &&Payout| matches!(payout.state, PayoutState::Sent { .. });
        if let Some(payout) = facts.payout.as_ref().filter(sent) {
            decision.effects.push(Effect::AskPayout { payout: payout.id });
        }
        Ok(decision)
    }
}
