//! What the outcome of a delivery means: for the stock, for what was granted or extended, for a device, for how Apple
//! is heard, for a custom code, for a payout, for an answer to Apple, for what is known of a day, and for how a webhook is
//! heard.

use super::partner::void;
use super::payout::Paying;
use super::pool::{chunks, shelve};
use super::question::Answering;
use super::reconciliation::{DayFacts, compare};
use super::webhook::heard;
use super::{Decision, Put, Refusal, Stamp};
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::{At, Span};
use crate::domain::batch::{Batch, BatchState};
use crate::domain::case::{Case, Changes};
use crate::domain::code::{Code, CodeState};
use crate::domain::delivery::{Effect, Item, ItemState};
use crate::domain::extension::{Extension, ExtensionState};
use crate::domain::grant::ROUNDING;
use crate::domain::hearing::{Hearing, TestEnd};
use crate::domain::id::Person;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::partner::{Coupon, Custom, CustomState, Token};
use crate::domain::policy::Rules;
use crate::domain::pool::Pool;
use crate::domain::reward::{Account, Part};
use crate::domain::subscription::Subscription;
use crate::domain::webhook::Webhook;
use std::sync::Arc;

pub struct ItemFacts {
    pub item: Option<Item>,
    /// Another item of its lane is in flight, or comes first where all are sent in order.
    pub lane_is_busy: bool,
    /// Where all are sent in order: the one behind it.
    pub next: Option<Item>,
    /// A newer wish waits in its lane, and makes up for this one.
    pub is_outdated: bool,
    /// What a grant is about, as it stands.
    pub account: Option<Account>,
    /// What a batch's request or reading is about.
    pub stock: Option<Stock>,
    /// How far the notifications of an environment were read.
    pub hearing: Option<Hearing>,
    /// The case of the referee whose device it is about.
    pub case: Option<Case>,
    pub extending: Option<Extending>,
    pub minting: Option<Minting>,
    /// The payout that it is about.
    pub paying: Option<Paying>,
    /// The question that it answers.
    pub answering: Option<Answering>,
    /// What is known of the day that a report is of.
    pub day: Option<DayFacts>,
    /// Who is to be told, unless they are configured no more.
    pub webhook: Option<Webhook>,
}

/// A custom code at Apple and here.
pub struct Minting {
    pub coupon: Coupon,
    pub code: Option<Code>,
    /// That Apple did not make it.
    pub alert: Option<Alert>,
}

/// What an extension is about, with what is known of the person whose subscription it is of.
pub struct Extending {
    pub extension: Extension,
    /// All that they bought.
    pub bought: Vec<Subscription>,
    /// All that was extended for them.
    pub before: Vec<Extension>,
    /// What Apple was to extend of what is owed by now.
    pub owed: u32,
    /// Their circle's name, and what was granted to it.
    pub person: Person,
    pub account: Option<Account>,
}

pub struct Stock {
    pub rules: Arc<Rules>,
    pub pool: Pool,
    pub batch: Batch,
}

impl Minting {
    /// Apple is asked once more for what it refused.
    pub fn again(&self, decision: &mut Decision) {
        let Token::Custom(custom) = &self.coupon.what else { return };
        if !matches!(custom.state, CustomState::Failed { .. }) || self.coupon.ended_at.is_some() {
            return;
        }
        let what = Token::Custom(Custom { state: CustomState::Requested, ..custom.clone() });
        decision.put(Put::Coupon(Coupon { what, ..self.coupon.clone() }));
        let code = self.code.clone().map(|code| Code { state: CodeState::Pending, ..code });
        decision.puts.extend(code.map(Put::Code));
    }
}

impl ItemFacts {
    pub fn item(&self) -> Result<Item, Refusal> {
        self.item.clone().ok_or(Refusal::UnknownItem)
    }
}

/// An answer that is not what was asked for is no delivery.
pub fn checked(item: &Item, stock: Option<&Stock>, outcome: &Outcome) -> Outcome {
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

pub fn follow(facts: &ItemFacts, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
    if let Some(stock) = &facts.stock {
        restock(stock, item, outcome, stamp, decision);
    }
    if let (Outcome::Found { others }, Effect::Grant { account, to, .. }) = (outcome, &item.effect) {
        remember(facts, *account, *to, *others, stamp, decision);
    }
    if let Some(known) = &facts.extending {
        extended(known, item, outcome, stamp, decision);
    }
    if let Some(case) = &facts.case {
        inspect(case.clone(), item, outcome, stamp, decision);
    }
    if let Some(minting) = &facts.minting {
        minted(minting, item, outcome, stamp, decision);
    }
    if let Some(paying) = &facts.paying {
        paid(paying, item, outcome, stamp, decision);
    }
    if let Some(answering) = &facts.answering {
        answering.settled(item, outcome, stamp.at, decision);
    }
    if let (Some(day), Effect::FetchReport { date }, Outcome::Done(Answer::Report(Some(lines)))) =
        (&facts.day, &item.effect, outcome)
    {
        compare(day, *date, lines, stamp.at, decision);
    }
    if let Some(webhook) = &facts.webhook {
        heard(webhook, outcome, stamp.at, decision);
    }
    if let Some(hearing) = &facts.hearing {
        hear(hearing.clone(), item, outcome, stamp, decision);
    }
}

/// What the outcome means for the batch and the stock.
fn restock(stock: &Stock, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
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
        Outcome::Done(_) | Outcome::Absent | Outcome::Found { .. } => {}
        Outcome::Again { why, .. } | Outcome::Never { why } | Outcome::Unsure { why } => {
            if matches!(item.state, ItemState::Dead { .. }) {
                give_up(batch, pool, why, stamp, decision);
            }
        }
    }
}

impl Extending {
    /// The wish as it is by now, with the period that is to be longer afterwards.
    pub fn as_of(&self) -> Effect {
        let own = |row: &&Subscription| row.original_transaction_id == self.extension.original_transaction_id;
        let period = self.bought.iter().find(own).and_then(|row| row.period.as_ref());
        let ends = self.before.iter().filter_map(|one| match one.state {
            ExtensionState::Extended { until } => Some(until),
            _ => None,
        });
        let last = period.and_then(|period| Some((period.transaction_id.clone(), period.expires_at?)));
        Effect::extend(&self.extension, last.map(|(id, end)| (id, ends.fold(end, At::max))))
    }

    /// Nobody wants it any more, or another item carries it.
    pub fn is_over(&self, effect: &Effect) -> bool {
        let is_it = matches!(effect, Effect::Extend { round, .. } if *round == self.extension.round);
        !is_it || self.extension.state != ExtensionState::Asked
    }

    /// Apple does not extend: the days are granted.
    pub fn refused(&self, now: At, decision: &mut Decision) {
        decision.put(Put::Extension(Extension { state: ExtensionState::Refused, ..self.extension.clone() }));
        let Extension { id, to, after_paid, .. } = self.extension;
        let part = Part { at: now, id, span: Span::days(self.owed.into()), after_paid };
        let account = Account::earn(self.account.clone(), self.person, to, self.owed, part);
        let account = if after_paid { account.after(Subscription::all_times(&self.bought)) } else { account };
        decision.put(Put::Account(account.clone()));
        let Account { person, to, end, .. } = account;
        decision.effects.push(Effect::Grant { account: person, to, end, take_back: None });
    }
}

/// How far somebody else's grants reach stands with what was granted here, as long as it matters.
fn remember(facts: &ItemFacts, person: Person, to: Person, others: At, stamp: Stamp, decision: &mut Decision) {
    let known = facts.account.clone().unwrap_or_else(|| Account::empty(person, to, stamp.at));
    decision.put(Put::Account(Account { others: known.others.max(Some(others)), ..known }));
}

/// What the outcome says of an extension. What may have been made is granted by nobody but by hand.
fn extended(known: &Extending, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
    let is_dead = matches!(item.state, ItemState::Dead { .. });
    match outcome {
        Outcome::Done(Answer::Extended { until }) => {
            let state = ExtensionState::Extended { until: *until };
            decision.put(Put::Extension(Extension { state, ..known.extension.clone() }));
        }
        _ if is_dead && !item.unsure && !known.is_over(&item.effect) => {
            known.refused(stamp.at, decision);
        }
        _ => {}
    }
}

/// What the outcome says of a device.
fn inspect(mut case: Case, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
    let Effect::AskDevice { campaign, referee, .. } = &item.effect else { return };
    let bits = match outcome {
        Outcome::Done(Answer::Device { bit0, bit1 }) => Some((*bit0, *bit1)),
        _ if matches!(item.state, ItemState::Dead { .. }) => None,
        _ => return,
    };
    let mut changes = Changes::default();
    case.answer_device(campaign, *referee, bits, stamp.at, &mut changes);
    decision.take(changes);
}

/// What the outcome says of a custom code. One that was ended while Apple was asked for it is ended there too.
fn minted(known: &Minting, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
    let Token::Custom(custom) = &known.coupon.what else { return };
    let is_dead = matches!(item.state, ItemState::Dead { .. });
    let state = match (&item.effect, outcome) {
        (Effect::MakeCustomCode { .. }, Outcome::Done(Answer::CustomCodeMade { apple_id })) => {
            CustomState::Made { apple_id: apple_id.clone() }
        }
        (Effect::EndCustomCode { .. }, Outcome::Done(_)) => CustomState::Ended,
        (Effect::MakeCustomCode { .. }, _) if is_dead => {
            CustomState::Failed { why: item.last_error.clone().unwrap_or_default() }
        }
        _ => return,
    };
    if let CustomState::Failed { why } = &state {
        let alert = Alert::raise(AlertKind::CustomCodeFailed, &known.coupon.id.to_string(), why.clone(), stamp.at);
        decision.put(Put::Alert(alert));
        decision.puts.extend(known.code.clone().map(|code| Put::Code(void(code, stamp.at))));
    }
    if matches!(state, CustomState::Made { .. }) {
        decision.puts.extend(known.alert.clone().map(|alert| Put::Alert(alert.cleared(stamp.at))));
    }
    if known.coupon.ended_at.is_some() && matches!(state, CustomState::Made { .. }) {
        decision.effects.push(Effect::EndCustomCode { coupon: known.coupon.id });
    }
    let what = Token::Custom(Custom { state, ..custom.clone() });
    decision.put(Put::Coupon(Coupon { what, ..known.coupon.clone() }));
}

/// What the outcome says of a payout. Where nobody can tell whether it was made, it stays as it is, for a person.
fn paid(paying: &Paying, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
    let is_dead = matches!(item.state, ItemState::Dead { .. });
    let is_order = matches!(item.effect, Effect::PayOut { .. });
    let why = || item.last_error.clone().unwrap_or_default();
    match outcome {
        Outcome::Done(Answer::Ordered(order)) => paying.ordered(order, stamp.at, decision),
        Outcome::Done(Answer::Disputed { why }) => paying.disputed(why, stamp.at, decision),
        _ if is_dead && is_order && !item.unsure => paying.refused(&why(), stamp.at, decision),
        _ if is_dead => paying.disputed(&why(), stamp.at, decision),
        _ => {}
    }
}

/// What the outcome says of Apple's notifications.
fn hear(mut hearing: Hearing, item: &Item, outcome: &Outcome, stamp: Stamp, decision: &mut Decision) {
    let is_dead = matches!(item.state, ItemState::Dead { .. });
    match (&item.effect, outcome) {
        // A reading that began later leaves a gap before it.
        (Effect::CatchUp { since, .. }, Outcome::Done(Answer::CaughtUp { until, .. })) => {
            if *since <= hearing.caught_up {
                hearing.caught_up = hearing.caught_up.max(*until);
            }
        }
        (Effect::RequestTest { is_test }, Outcome::Done(Answer::TestRequested { token })) => {
            let Some(test) = &mut hearing.test else { return };
            test.token = Some(token.clone());
            decision.effects.push(Effect::CheckTest { is_test: *is_test, token: token.clone() });
        }
        (Effect::CheckTest { token, .. }, Outcome::Done(Answer::TestSent { result, has_arrived })) => {
            let Some(test) = hearing.test.as_mut().filter(|test| test.token.as_ref() == Some(token)) else { return };
            test.end = Some(TestEnd { at: stamp.at, result: result.clone(), has_arrived: *has_arrived });
        }
        (Effect::RequestTest { .. } | Effect::CheckTest { .. }, _) if is_dead => {
            let Some(test) = &mut hearing.test else { return };
            let why = item.last_error.clone().unwrap_or_default();
            test.end = Some(TestEnd { at: stamp.at, result: why, has_arrived: false });
        }
        _ => return,
    }
    decision.put(Put::Hearing(hearing));
}

pub fn give_up(mut batch: Batch, mut pool: Pool, why: &str, stamp: Stamp, decision: &mut Decision) {
    batch.state = BatchState::Failed { at: stamp.at, why: why.to_owned() };
    pool.arrived(batch.id, false, stamp.at);
    decision.put(Put::Batch(batch));
    decision.put(Put::Pool(pool));
}
