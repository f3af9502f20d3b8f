//! What leaves the house: effects, and the lanes they wait in.

use super::at::{At, Date, Span};
use super::event::Event;
use super::extension::Extension;
use super::grant::{ONE_GRANT, ROUNDING, TakeBack};
use super::id::{Id, Person};
use super::outcome::{Answer, Outcome};
use super::purchase::HandOn;
use super::reward::Account;
use serde::{Deserialize, Serialize};

/// Everything the outside can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// RevenueCat: the entitlement of `to`, until `end`. Sent again it changes nothing. Where what was
    /// sent before may go further it is taken back first, and granted anew only if the end is yet to come.
    Grant {
        account: Person,
        to: Person,
        end: At,
        take_back: Option<TakeBack>,
    },
    /// App Store Connect: make this batch.
    RequestBatch {
        campaign: String,
        batch: Id,
    },
    /// App Store Connect: read the batch's codes.
    FetchCodes {
        campaign: String,
        batch: Id,
    },
    /// App Store Server: name this user in what is said of the subscription from now on.
    SetAppAccountToken {
        original_transaction_id: String,
        person: Person,
        is_test: bool,
    },
    /// RevenueCat and the App Store Server: what did this person buy?
    LookUp {
        person: Person,
    },
    /// App Store Server: the notifications since then.
    CatchUp {
        is_test: bool,
        since: At,
    },
    /// App Store Server: move the renewal date. Which period ends when is kept from before the attempt: where the answer
    /// is lost, a later end shows that it was moved.
    Extend {
        id: Id,
        round: u32,
        to: Person,
        original_transaction_id: String,
        days: u32,
        reason: u8,
        period: Option<(String, At)>,
    },
    /// DeviceCheck: was something redeemed before with the device of this claim?
    AskDevice {
        campaign: String,
        referee: Person,
        token: String,
    },
    /// DeviceCheck: something was redeemed with it now.
    MarkDevice {
        campaign: String,
        referee: Person,
        token: String,
        bit1: bool,
    },
    /// App Store Server: send a TEST notification.
    RequestTest {
        is_test: bool,
    },
    /// App Store Server: what became of it?
    CheckTest {
        is_test: bool,
        token: String,
    },
    /// App Store Connect: make this custom code, or deactivate it for ever.
    MakeCustomCode {
        coupon: Id,
    },
    EndCustomCode {
        coupon: Id,
    },
    /// App Store Connect: the redemptions of a day.
    FetchReport {
        date: Date,
    },
    /// Tremendous: send this money. Its name makes it one order, however often it is asked for.
    PayOut {
        payout: Id,
    },
    /// Tremendous: what became of it?
    AskPayout {
        payout: Id,
    },
    /// App Store Server: what it should know of this purchase, unless its time is over by then. The same again changes
    /// nothing.
    AnswerRefund {
        transaction_id: String,
        person: Person,
        is_test: bool,
        deadline: At,
    },
    /// One who wants every notification: the body of this entry, as it came. Its time and number are its name.
    Forward {
        to: HandOn,
        at: At,
        seq: u64,
    },
    /// One of those who are told of events. The entry that made it and its place there are the event's name.
    Tell {
        webhook: Id,
        host: String,
        event: Box<Event>,
        at: At,
        seq: u64,
        n: u16,
    },
}

/// How the items of a lane relate. One item of a lane is in flight at a time in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Every item is sent, in the order in which they were made.
    Queue,
    /// Every item is sent; one that fails lets the others pass.
    Each,
    /// Only the newest wish counts: it takes the place of one that still waits.
    Latest,
}

impl Effect {
    pub fn kind(&self) -> &'static str {
        match self {
            Effect::Grant { .. } => "grant",
            Effect::RequestBatch { .. } => "request_batch",
            Effect::FetchCodes { .. } => "fetch_codes",
            Effect::SetAppAccountToken { .. } => "set_app_account_token",
            Effect::LookUp { .. } => "look_up",
            Effect::Extend { .. } => "extend",
            Effect::AskDevice { .. } => "ask_device",
            Effect::MarkDevice { .. } => "mark_device",
            Effect::CatchUp { .. } => "catch_up",
            Effect::RequestTest { .. } => "request_test",
            Effect::CheckTest { .. } => "check_test",
            Effect::MakeCustomCode { .. } => "make_custom_code",
            Effect::EndCustomCode { .. } => "end_custom_code",
            Effect::FetchReport { .. } => "fetch_report",
            Effect::PayOut { .. } => "pay_out",
            Effect::AskPayout { .. } => "ask_payout",
            Effect::AnswerRefund { .. } => "answer_refund",
            Effect::Forward { .. } => "forward",
            Effect::Tell { .. } => "webhook",
        }
    }
    pub fn extend(wish: &Extension, period: Option<(String, At)>) -> Effect {
        Effect::Extend {
            id: wish.id,
            round: wish.round,
            to: wish.to,
            original_transaction_id: wish.original_transaction_id.clone(),
            days: wish.days,
            reason: wish.reason,
            period,
        }
    }
    pub fn target(&self) -> Vec<u8> {
        match self {
            Effect::Grant { account, .. } => account.as_bytes().to_vec(),
            Effect::RequestBatch { campaign, .. } => campaign.clone().into_bytes(),
            Effect::FetchCodes { batch, .. } => batch.as_bytes().to_vec(),
            Effect::SetAppAccountToken { original_transaction_id, .. }
            | Effect::Extend { original_transaction_id, .. } => original_transaction_id.clone().into_bytes(),
            Effect::LookUp { person } => person.as_bytes().to_vec(),
            Effect::AskDevice { campaign, referee, .. } | Effect::MarkDevice { campaign, referee, .. } => {
                [referee.as_bytes(), campaign.as_bytes()].concat()
            }
            Effect::CatchUp { is_test, .. } | Effect::RequestTest { is_test } | Effect::CheckTest { is_test, .. } => {
                vec![u8::from(*is_test)]
            }
            Effect::MakeCustomCode { coupon: id }
            | Effect::EndCustomCode { coupon: id }
            | Effect::PayOut { payout: id }
            | Effect::AskPayout { payout: id } => id.as_bytes().to_vec(),
            Effect::FetchReport { date } => date.0.to_be_bytes().to_vec(),
            Effect::AnswerRefund { transaction_id, .. } => transaction_id.clone().into_bytes(),
            Effect::Forward { to: HandOn { target: id, .. }, .. } | Effect::Tell { webhook: id, .. } => {
                id.as_bytes().to_vec()
            }
        }
    }
    /// Whom it is about.
    pub fn person(&self) -> Option<Person> {
        match self {
            Effect::Grant { to: person, .. }
            | Effect::Extend { to: person, .. }
            | Effect::SetAppAccountToken { person, .. }
            | Effect::LookUp { person }
            | Effect::AnswerRefund { person, .. }
            | Effect::AskDevice { referee: person, .. }
            | Effect::MarkDevice { referee: person, .. } => Some(*person),
            Effect::Tell { event, .. } => event.person(),
            Effect::RequestBatch { .. }
            | Effect::FetchCodes { .. }
            | Effect::CatchUp { .. }
            | Effect::RequestTest { .. }
            | Effect::CheckTest { .. }
            | Effect::MakeCustomCode { .. }
            | Effect::EndCustomCode { .. }
            | Effect::FetchReport { .. }
            | Effect::PayOut { .. }
            | Effect::AskPayout { .. }
            | Effect::Forward { .. } => None,
        }
    }
    pub fn order(&self) -> Order {
        match self {
            Effect::Grant { .. }
            | Effect::RequestBatch { .. }
            | Effect::FetchCodes { .. }
            | Effect::SetAppAccountToken { .. }
            | Effect::LookUp { .. }
            | Effect::AskDevice { .. }
            | Effect::MarkDevice { .. }
            | Effect::CatchUp { .. }
            | Effect::RequestTest { .. }
            | Effect::CheckTest { .. }
            | Effect::MakeCustomCode { .. }
            | Effect::EndCustomCode { .. }
            | Effect::FetchReport { .. }
            | Effect::PayOut { .. }
            | Effect::AskPayout { .. }
            | Effect::AnswerRefund { .. } => Order::Latest,
            Effect::Extend { .. } | Effect::Forward { .. } => Order::Queue,
            Effect::Tell { .. } => Order::Each,
        }
    }
    /// Whether a newer wish makes up for an older one whatever became of that. An absolute end does; a
    /// batch whose answer was lost has to be looked for.
    pub fn outdates(&self) -> bool {
        match self {
            Effect::RequestBatch { .. }
            | Effect::FetchCodes { .. }
            | Effect::CatchUp { .. }
            | Effect::Extend { .. }
            | Effect::MakeCustomCode { .. }
            | Effect::PayOut { .. }
            | Effect::Forward { .. }
            | Effect::Tell { .. } => false,
            Effect::Grant { .. }
            | Effect::SetAppAccountToken { .. }
            | Effect::LookUp { .. }
            | Effect::AskDevice { .. }
            | Effect::MarkDevice { .. }
            | Effect::RequestTest { .. }
            | Effect::CheckTest { .. }
            | Effect::EndCustomCode { .. }
            | Effect::FetchReport { .. }
            | Effect::AskPayout { .. }
            | Effect::AnswerRefund { .. } => true,
        }
    }
    /// This wish in the place of an older one: what was still to be revoked is still to be.
    fn instead_of(self, older: &Effect) -> Effect {
        match (self, older) {
            (Effect::Grant { account, to, end, take_back }, Effect::Grant { take_back: owed, .. }) => {
                let both = take_back.into_iter().chain(*owed).reduce(TakeBack::and);
                Effect::Grant { account, to, end, take_back: both }
            }
            (Effect::CatchUp { is_test, since }, Effect::CatchUp { since: owed, .. }) => {
                Effect::CatchUp { is_test, since: since.min(*owed) }
            }
            (newer, _) => newer,
        }
    }
    /// The wish as it is by now: what was granted may have changed since, on either side of a pause.
    pub fn as_of(self, account: Option<&Account>, now: At) -> Effect {
        match (self, account) {
            (Effect::Grant { account, to, end, take_back }, Some(by_now)) => {
                // Nothing of it is left: whatever was sent is taken back.
                let all = (by_now.days == 0).then_some(TakeBack::over(end));
                let take_back = take_back.or(all).map(|wish| TakeBack { others: by_now.others, ..wish });
                Effect::Grant { account, to, end: by_now.end, take_back }
            }
            (Effect::Grant { account, to, end, take_back }, None) => {
                Effect::Grant { account, to, end: now, take_back: take_back.or(Some(TakeBack::over(end))) }
            }
            (other, _) => other,
        }
    }
    /// The wish after this answer: where RevenueCat took the end for one that it has, that one goes first.
    pub fn as_answered(self, outcome: &Outcome) -> Effect {
        match (self, outcome) {
            (Effect::Grant { account, to, end, take_back }, Outcome::Done(Answer::Granted { end: got }))
                if got.plus(ROUNDING) < end && end.apart(*got) <= ONE_GRANT =>
            {
                Effect::Grant { account, to, end, take_back: take_back.or(Some(TakeBack::over(*got))) }
            }
            (other, _) => other,
        }
    }
    /// The pause after so many attempts; none where there is no further one.
    fn pause(&self, attempts: u32, id: ItemId, now: At) -> Option<Span> {
        match self {
            Effect::Tell { .. } => {
                SCHEDULE.get(attempts.saturating_sub(1) as usize).map(|base| spread(*base, attempts, id))
            }
            // There is time for one attempt more.
            Effect::AnswerRefund { deadline, .. } if now < deadline.minus(LAST_CALL) => {
                Some(back_off(attempts, id).min(deadline.minus(LAST_CALL).apart(now)))
            }
            _ => (attempts < ATTEMPTS).then(|| back_off(attempts, id)),
        }
    }
    /// Until when it is worth an attempt: somebody waits for the answer, or a token ends.
    fn last(&self, made_at: At) -> Option<At> {
        match self {
            Effect::AskDevice { .. } => Some(made_at.plus(Span::minutes(5))),
            Effect::MarkDevice { .. } => Some(made_at.plus(Span::days(1))),
            Effect::AnswerRefund { deadline, .. } => Some(*deadline),
            _ => None,
        }
    }
    /// How long a new wish waits for a newer one. Completions come in bursts, and one grant with the
    /// final end is better than three: RevenueCat keeps every grant it was ever asked for.
    pub fn settles(&self) -> Span {
        match self {
            Effect::Grant { .. } => Span::seconds(2),
            // Apple makes its first attempt within a moment.
            Effect::CheckTest { .. } => Span::seconds(2),
            _ => Span::ZERO,
        }
    }
}

/// An effect on its way. It is named by the decision that caused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: ItemId,
    pub effect: Effect,
    pub state: ItemState,
    pub attempts: u32,
    /// It was sent and the answer was lost, so look before acting again.
    pub unsure: bool,
    /// How often it was looked for without being found since then.
    pub looks: u32,
    pub last_error: Option<String>,
    /// The journal entry that caused it (the latest, in a `Latest` lane).
    pub caused_by: u64,
    pub made_at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId {
    pub seq: u64,
    pub n: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemState {
    Waiting {
        next: At,
    },
    /// An attempt is under way, or was when the process ended.
    Begun {
        at: At,
    },
    Done {
        at: At,
    },
    Dead {
        at: At,
    },
}

impl ItemState {
    pub fn word(self) -> &'static str {
        match self {
            ItemState::Waiting { .. } => "waiting",
            ItemState::Begun { .. } => "begun",
            ItemState::Done { .. } => "done",
            ItemState::Dead { .. } => "dead",
        }
    }
    pub fn is_open(self) -> bool {
        matches!(self, ItemState::Waiting { .. } | ItemState::Begun { .. })
    }
}

/// After this many attempts, about four days, an item is dead.
const ATTEMPTS: u32 = 100;
/// Between the attempts to tell of an event: ten within three days (Standard Webhooks 1.0).
const SCHEDULE: [Span; 9] = [
    Span::seconds(5),
    Span::minutes(5),
    Span::minutes(30),
    Span::hours(2),
    Span::hours(5),
    Span::hours(10),
    Span::hours(14),
    Span::hours(20),
    Span::hours(24),
];
/// So long before the end of a window something is tried for the last time.
const LAST_CALL: Span = Span::minutes(5);
/// Of what waits for others, and not for a time.
const NOT_YET: At = At(i64::MAX);
/// Between two looks: what was made may take a moment to be listed.
const LOOK_AGAIN: Span = Span::seconds(5);
/// A lost request is looked for this often before it is sent again.
const LOOKS: u32 = 3;

impl Item {
    pub fn new(id: ItemId, effect: Effect, now: At) -> Item {
        let next = now.plus(effect.settles());
        Item {
            id,
            effect,
            state: ItemState::Waiting { next },
            attempts: 0,
            unsure: false,
            looks: 0,
            last_error: None,
            caused_by: id.seq,
            made_at: now,
        }
    }

    /// A newer wish in the place of one that waits. A pause asked for by the other side stands.
    pub fn renewed(mut self, effect: Effect, seq: u64) -> Item {
        assert!(matches!(self.state, ItemState::Waiting { .. }), "only a waiting wish is replaced");
        self.effect = effect.instead_of(&self.effect);
        self.caused_by = seq;
        self
    }

    /// Others of its lane come first: it waits until it is called.
    pub fn behind(mut self) -> Item {
        self.state = ItemState::Waiting { next: NOT_YET };
        self
    }

    pub fn is_behind(&self) -> bool {
        self.state == ItemState::Waiting { next: NOT_YET }
    }

    pub fn called(mut self, now: At) -> Item {
        self.state = ItemState::Waiting { next: now };
        self
    }

    pub fn is_due(&self, now: At) -> bool {
        matches!(self.state, ItemState::Waiting { next } if next <= now)
    }

    pub fn begun(mut self, now: At) -> Item {
        self.state = ItemState::Begun { at: now };
        self.attempts += 1;
        self
    }

    /// The process ended during the attempt.
    pub fn interrupted(mut self, now: At) -> Item {
        self.state = ItemState::Waiting { next: now };
        self.unsure = true;
        self.last_error = Some("interrupted: the answer is not known".to_owned());
        self
    }

    pub fn settled(mut self, outcome: &Outcome, now: At) -> Item {
        let pause = self.effect.pause(self.attempts, self.id, now);
        let is_last = pause.is_none();
        let pause = pause.unwrap_or(Span::ZERO);
        match outcome {
            Outcome::Done(_) => {
                (self.state, self.last_error, self.unsure) = (ItemState::Done { at: now }, None, false);
                return self;
            }
            Outcome::Again { after, why } => {
                let pause = after.unwrap_or(Span::ZERO).max(pause);
                self.state = ItemState::Waiting { next: now.plus(pause) };
                self.last_error = Some(why.clone());
            }
            Outcome::Never { why } => {
                self.state = ItemState::Dead { at: now };
                self.last_error = Some(why.clone());
            }
            Outcome::Unsure { why } => {
                self.state = ItemState::Waiting { next: now.plus(pause) };
                self.last_error = Some(why.clone());
                (self.unsure, self.looks) = (true, 0);
            }
            Outcome::Found { .. } => self.state = ItemState::Waiting { next: now },
            Outcome::Absent => {
                self.looks += 1;
                self.unsure = self.looks < LOOKS;
                let pause = if self.unsure { LOOK_AGAIN } else { Span::ZERO };
                self.state = ItemState::Waiting { next: now.plus(pause) };
                self.last_error = Some("the answer was lost; looked for it, not there".to_owned());
            }
        }
        let last = self.effect.last(self.made_at);
        let is_late = matches!((self.state, last), (ItemState::Waiting { next }, Some(last)) if next > last);
        if (is_last && self.state.is_open()) || is_late {
            self.state = ItemState::Dead { at: now };
        }
        self
    }

    /// By hand: at once, and from the first attempt.
    pub fn retried(mut self, now: At) -> Item {
        self.state = ItemState::Waiting { next: now };
        self.attempts = 0;
        self
    }
}

/// One second, doubled at each attempt up to an hour, spread by a fifth so that items that failed
/// together do not come back together.
pub fn back_off(attempts: u32, id: ItemId) -> Span {
    let base = Span::seconds(1).0 << attempts.saturating_sub(1).min(12);
    spread(Span(base.min(Span::hours(1).0)), attempts, id)
}

fn spread(Span(base): Span, attempts: u32, id: ItemId) -> Span {
    let name = Id::of("back-off", &[&id.seq.to_be_bytes(), &id.n.to_be_bytes(), &attempts.to_be_bytes()]);
    let spread = i64::from(u16::from_be_bytes([name.0[0], name.0[1]])) * (base / 5) / i64::from(u16::MAX);
    Span(base + spread)
}

#[cfg(test)]
mod tests;
