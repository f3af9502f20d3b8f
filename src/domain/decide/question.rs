//! Apple's questions about refunds: asked, answered or not, and what becomes of an answer.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::At;
use crate::domain::consent::{Consent, Purpose};
use crate::domain::consumption::{Bought, Consumption, RefundRules};
use crate::domain::delivery::{Effect, Item, ItemState};
use crate::domain::due::{Due, DueWhat};
use crate::domain::id::Person;
use crate::domain::outcome::Outcome;
use crate::domain::purchase::Purchase;
use crate::domain::question::{Question, Silence, State};
use crate::domain::refund::Refund;
use crate::domain::subscription::Subscription;
use crate::domain::usage::{Usage, Used};

pub struct RefundRulesFamily;

impl Family for RefundRulesFamily {
    type Command = RefundRules;
    /// As they were, if there were any.
    type Facts = Option<RefundRules>;

    fn decide(known: &Option<RefundRules>, rules: &RefundRules, _: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        if known.clone().unwrap_or_default() != *rules {
            decision.put(Put::RefundRules(rules.clone()));
        }
        Ok(decision)
    }
}

/// What a report says of a request for a refund. What follows is decided by [`follow`].
pub fn report(known: Option<&Question>, purchase: &Purchase, told_at: At, decision: &mut Decision) {
    let Some(reported) = Question::reported(purchase, told_at) else { return };
    decision.put(Put::Question(match known.cloned() {
        Some(known) => known.merged(reported),
        None => reported,
    }));
}

/// What is known around a question.
pub struct Known {
    /// The question, as it stood before.
    pub before: Option<Question>,
    pub rules: RefundRules,
    pub subscription: Option<Subscription>,
    /// What all ids of its owner were said to allow.
    pub consents: Vec<Consent>,
    pub refund: Option<Refund>,
    /// That it is not answered.
    pub alert: Option<Alert>,
}

impl Known {
    fn owner(&self) -> Option<Person> {
        self.subscription.as_ref().and_then(Subscription::person)
    }

    /// Why nothing is to be answered.
    fn silence(&self, question: &Question) -> Option<Silence> {
        let reasons = [
            (question.asked.is_none(), Silence::NotAsked),
            (!self.rules.answers(&question.product_id), Silence::NotWanted),
            (self.owner().is_none(), Silence::UnknownUser),
            (!Consent::is_given(&self.consents, Purpose::RefundData), Silence::NoConsent),
            (question.is_decided(), Silence::Decided),
        ];
        reasons.into_iter().find_map(|(holds, why)| holds.then_some(why))
    }
}

/// A question as it stands by all that is known by now, whatever became known last: that it was asked, whose purchase it
/// is, what they allow, what Apple decided.
pub fn follow(question: &Question, known: &Known, now: At, decision: &mut Decision) {
    let before = known.before.as_ref();
    let mut after = Question { owner: known.owner(), ..question.clone() };
    after.verdict = after.verdict_with(known.refund.as_ref());
    let is_anew = after.deadline() > before.and_then(Question::deadline);
    let silence = known.silence(&after);
    after.state = match (after.state, silence) {
        // There is one answer, and one that is on its way is looked at when an attempt begins.
        (state @ (State::Answered { .. } | State::Waiting), _) => state,
        (state @ (State::Late { .. } | State::Failed { .. }), _) if !is_anew => state,
        (state @ State::Silent { .. }, _) if !is_anew && !question.is_open(now) => state,
        (_, Some(why)) => State::Silent { why },
        (_, None) if question.is_open(now) => State::Waiting,
        (_, None) => State::Late { at: now },
    };
    let is_sent = |known: &Question| known.state == State::Waiting && !is_anew;
    if let (State::Waiting, Some(person), Some(deadline)) = (&after.state, after.owner, after.deadline())
        && !before.is_some_and(is_sent)
    {
        let (transaction_id, is_test) = (after.transaction_id.clone(), after.is_test);
        decision.effects.push(Effect::AnswerRefund { transaction_id, person, is_test, deadline });
        let what = DueWhat::AnswerRefund { transaction_id: after.transaction_id.clone(), deadline };
        decision.put(Put::Due(Due { at: Question::warning(deadline, now), what }));
    }
    tell(&after, known, now, decision);
    if before != Some(&after) {
        decision.put(Put::Question(after));
    }
}

/// Somebody is told of what should have been answered, until it is, or Apple does not wait for it any more.
fn tell(question: &Question, known: &Known, now: At, decision: &mut Decision) {
    let was = known.before.as_ref().map(|before| &before.state);
    let is_over = match &question.state {
        State::Waiting => question.is_decided(),
        State::Late { .. } | State::Failed { .. } => {
            if was != Some(&question.state) && !question.is_decided() {
                decision.put(Put::Alert(unanswered(question, now)));
            }
            question.is_decided()
        }
        State::Silent { .. } | State::Answered { .. } => true,
    };
    if is_over && let Some(alert) = known.alert.as_ref().filter(|alert| alert.is_open()) {
        decision.put(Put::Alert(alert.clone().cleared(now)));
    }
}

fn unanswered(question: &Question, now: At) -> Alert {
    let detail = match &question.state {
        State::Failed { why, .. } => format!("Apple's question about the refund cannot be answered: {why}"),
        State::Late { .. } => "Apple's question about the refund was not answered within twelve hours".to_owned(),
        _ => "Apple's question about the refund is not answered yet, and the time for it ends soon".to_owned(),
    };
    Alert::raise(AlertKind::RefundUnanswered, &question.transaction_id, detail, now)
}

/// The end of the window is near.
pub fn warn(question: &Question, deadline: At, now: At, decision: &mut Decision) {
    if question.state == State::Waiting && question.deadline() == Some(deadline) && !question.is_decided() {
        decision.put(Put::Alert(unanswered(question, now)));
    }
}

/// What a delivery of an answer is about.
pub struct Answering {
    pub question: Question,
    pub known: Known,
    /// What all ids of the owner were said to have used.
    pub usage: Vec<Usage>,
}

/// What a beginning attempt does to the question.
pub struct Begun {
    /// Whether there is anything to be sent.
    pub is_answer: bool,
    /// As it stands then; absent where nothing becomes of it.
    pub question: Option<Question>,
}

impl Answering {
    fn is_anew(&self, effect: &Effect) -> bool {
        matches!(effect, Effect::AnswerRefund { deadline, .. } if self.question.deadline() > Some(*deadline))
    }

    fn as_state(&self, state: State) -> Put {
        Put::Question(Question { state, ..self.question.clone() })
    }

    /// What an attempt says, by what is known now. After a lost answer the same is said again.
    pub fn begin(&self, is_unsure: bool, now: At) -> Begun {
        if self.question.state != State::Waiting {
            return Begun { is_answer: false, question: None };
        }
        let state = match self.known.silence(&self.question) {
            _ if !self.question.is_open(now) => State::Late { at: now },
            None => State::Waiting,
            Some(why) if is_unsure => {
                let why = format!("nobody knows whether Apple got the answer; it is not sent again: {}", why.word());
                State::Failed { at: now, why }
            }
            Some(why) => State::Silent { why },
        };
        let is_answer = state == State::Waiting;
        let said = self.question.answer.clone();
        let answer = if is_answer && !(is_unsure && said.is_some()) { Some(self.answer(now)) } else { said };
        Begun { is_answer, question: Some(Question { state, answer, ..self.question.clone() }) }
    }

    fn answer(&self, now: At) -> Consumption {
        let Question { product_id, transaction_id, is_renewing, .. } = &self.question;
        let had_free_period = self.known.subscription.as_ref().is_some_and(|one| one.had_free_period);
        let bought = Bought { product_id, is_renewing: *is_renewing, had_free_period };
        self.known.rules.consumption(&bought, &Used::of(&self.usage, product_id, transaction_id), now)
    }

    /// What came of an attempt.
    pub fn settled(&self, item: &Item, outcome: &Outcome, now: At, decision: &mut Decision) {
        let state = match (outcome, item.state) {
            (Outcome::Done(_), _) => State::Answered { at: now },
            (Outcome::Never { why }, ItemState::Dead { .. }) => State::Failed { at: now, why: why.clone() },
            // Asked again meanwhile, Apple waits for longer than this item was told.
            (_, ItemState::Dead { .. }) if !self.is_anew(&item.effect) => State::Late { at: now },
            _ => return,
        };
        decision.put(self.as_state(state));
    }

    /// Somebody does not want it to be sent.
    pub fn discarded(&self, now: At, decision: &mut Decision) {
        if self.question.state == State::Waiting {
            decision.put(self.as_state(State::Failed { at: now, why: "discarded by hand".to_owned() }));
        }
    }
}

#[cfg(test)]
mod tests;
