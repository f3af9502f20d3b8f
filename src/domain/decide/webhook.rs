//! Those who are told of events: taken from the configuration, disabled where they want nothing, tried by hand.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::At;
use crate::domain::delivery::{Effect, Item, ItemState};
use crate::domain::event::Event;
use crate::domain::id::Id;
use crate::domain::outcome::Outcome;
use crate::domain::webhook::Webhook;
use serde::{Deserialize, Serialize};

/// The configuration's webhooks, all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptWebhooks {
    pub webhooks: Vec<Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub id: Id,
    pub host: String,
    pub events: Vec<String>,
}

/// It is told of events again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnableWebhook {
    pub webhook: Id,
}

/// Something is told, to see whether it arrives: to one, or to all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestWebhooks {
    pub webhook: Option<Id>,
}

/// A webhook with what stands around it.
pub struct Known {
    pub webhook: Webhook,
    /// That it was disabled.
    pub alert: Option<Alert>,
    /// The first of what waits to be called.
    pub parked: Option<Item>,
}

pub struct WebhookFacts {
    pub known: Vec<Known>,
}

pub struct AdoptWebhooksFamily;

impl Family for AdoptWebhooksFamily {
    type Command = AdoptWebhooks;
    type Facts = WebhookFacts;

    fn decide(facts: &WebhookFacts, command: &AdoptWebhooks, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        for Listed { id, host, events } in &command.webhooks {
            let known = facts.known.iter().map(|known| &known.webhook).find(|known| known.id == *id);
            let fresh = || Webhook { id: *id, host: host.clone(), events: vec![], failing_since: None, disabled: None };
            let listed = Webhook { events: events.clone(), ..known.cloned().unwrap_or_else(fresh) };
            if known != Some(&listed) {
                decision.put(Put::Webhook(listed));
            }
        }
        let is_listed = |known: &&Known| command.webhooks.iter().any(|listed| listed.id == known.webhook.id);
        for gone in facts.known.iter().filter(|known| !is_listed(known)) {
            decision.put(Put::WebhookGone(gone.webhook.id));
            gone.release(stamp.at, &mut decision);
        }
        Ok(decision)
    }
}

pub struct EnableWebhookFamily;

impl Family for EnableWebhookFamily {
    type Command = EnableWebhook;
    type Facts = WebhookFacts;

    fn decide(facts: &WebhookFacts, command: &EnableWebhook, stamp: Stamp) -> Result<Decision, Refusal> {
        let known = facts.find(command.webhook)?;
        let enabled = known.webhook.clone().enabled();
        let mut decision = Decision::same(Reply::Webhooks(vec![enabled.clone()]));
        if known.webhook.disabled.is_some() {
            decision.put(Put::Webhook(enabled));
            known.release(stamp.at, &mut decision);
        }
        Ok(decision)
    }
}

pub struct TestWebhooksFamily;

impl Family for TestWebhooksFamily {
    type Command = TestWebhooks;
    type Facts = WebhookFacts;

    fn decide(facts: &WebhookFacts, command: &TestWebhooks, stamp: Stamp) -> Result<Decision, Refusal> {
        let all = match command.webhook {
            Some(id) => vec![facts.find(id)?],
            None => facts.known.iter().collect(),
        };
        let enabled = || all.iter().map(|known| &known.webhook).filter(|known| known.disabled.is_none());
        if enabled().next().is_none() {
            return Err(if all.is_empty() { Refusal::UnknownWebhook } else { Refusal::WrongState });
        }
        let mut decision = Decision::same(Reply::Webhooks(enabled().cloned().collect()));
        decision.effects.extend(enabled().map(|webhook| tell(webhook, &Event::Test, 0, stamp)));
        Ok(decision)
    }
}

impl WebhookFacts {
    fn find(&self, id: Id) -> Result<&Known, Refusal> {
        self.known.iter().find(|known| known.webhook.id == id).ok_or(Refusal::UnknownWebhook)
    }
}

impl Known {
    /// What waits goes on, and nobody has to look any more.
    fn release(&self, now: At, decision: &mut Decision) {
        decision.puts.extend(self.parked.clone().map(|item| Put::Item(item.called(now))));
        let open = self.alert.clone().filter(Alert::is_open);
        decision.puts.extend(open.map(|alert| Put::Alert(alert.cleared(now))));
    }
}

/// The event at this place of the decision, for one who wants it.
pub fn tell(webhook: &Webhook, event: &Event, n: u16, stamp: Stamp) -> Effect {
    let (webhook, host, event) = (webhook.id, webhook.host.clone(), Box::new(event.clone()));
    Effect::Tell { webhook, host, event, at: stamp.at, seq: stamp.seq, n }
}

/// What a delivery says of the event that a reward was granted.
pub fn granted(before: Option<&Item>, after: &Item) -> Option<Event> {
    let is_done = |item: &Item| matches!(item.state, ItemState::Done { .. });
    match (&after.effect, after.state) {
        (Effect::Grant { to, end, take_back, .. }, ItemState::Done { at })
            if *end > at && !before.is_some_and(is_done) =>
        {
            Some(Event::Granted { person: *to, until: *end, is_less: take_back.is_some() })
        }
        _ => None,
    }
}

/// What an attempt says of those who were to be told. What they will never take tells them nothing more.
pub fn heard(known: &Webhook, outcome: &Outcome, now: At, decision: &mut Decision) {
    let webhook = match outcome {
        Outcome::Done(_) => known.clone().heard(),
        Outcome::Never { why } => known.clone().disabled(now, why),
        _ => known.clone().failed(now),
    };
    if let (None, Some(end)) = (&known.disabled, &webhook.disabled) {
        let (about, detail) = (webhook.id.to_string(), format!("{}: {}", webhook.host, end.why));
        decision.put(Put::Alert(Alert::raise(AlertKind::WebhookDisabled, &about, detail, now)));
    }
    if webhook != *known {
        decision.put(Put::Webhook(webhook));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::ItemId;
    use crate::domain::sample::{NOON, day, person, stamp};

    fn listed(url: &str, events: &[&str]) -> Listed {
        let events = events.iter().map(|event| (*event).to_owned()).collect();
        Listed { id: Webhook::id(url), host: "b.example".into(), events }
    }

    fn known(url: &str, disabled: bool) -> Known {
        let Listed { id, host, events } = listed(url, &[]);
        let fresh = Webhook { id, host, events, failing_since: None, disabled: None };
        if !disabled {
            return Known { webhook: fresh, alert: None, parked: None };
        }
        let alert = Alert::raise(AlertKind::WebhookDisabled, &id.to_string(), "410".into(), NOON);
        let waits = Item::new(ItemId { seq: 1, n: 0 }, tell(&fresh, &Event::Test, 0, stamp(NOON)), NOON).behind();
        Known { webhook: fresh.disabled(NOON, "410"), alert: Some(alert), parked: Some(waits) }
    }

    /// What is put, by its noun.
    fn puts(decision: &Decision) -> Vec<&'static str> {
        let noun = |put: &Put| match put {
            Put::Webhook(row) => row.word(),
            Put::WebhookGone(_) => "gone",
            Put::Alert(row) if row.is_open() => "alert",
            Put::Alert(_) => "cleared",
            Put::Item(row) if row.is_due(day(9)) => "called",
            other => panic!("{other:?}"),
        };
        decision.puts.iter().map(noun).collect()
    }

    #[test]
    fn the_configuration_is_taken_over() {
        let all = || vec![known("a", false), known("b", true)];
        for (known, wanted, expected) in [
            (vec![], vec![listed("a", &[])], &["active"][..]),
            (all(), vec![listed("a", &[]), listed("b", &[])], &[]),
            (all(), vec![listed("a", &["pool.low"]), listed("b", &["pool.low"])], &["active", "disabled"]),
            (all(), vec![listed("a", &[])], &["gone", "called", "cleared"]),
            (all(), vec![listed("b", &[])], &["gone"]),
        ] {
            let adopt = AdoptWebhooks { webhooks: wanted };
            let decision = AdoptWebhooksFamily::decide(&WebhookFacts { known }, &adopt, stamp(day(1))).unwrap();
            assert_eq!(puts(&decision), expected, "{adopt:?}");
        }
    }

    #[test]
    fn one_is_enabled() {
        for (url, expected) in
            [("a", Ok(&[][..])), ("b", Ok(&["active", "called", "cleared"])), ("c", Err(Refusal::UnknownWebhook))]
        {
            let facts = WebhookFacts { known: vec![known("a", false), known("b", true)] };
            let decided =
                EnableWebhookFamily::decide(&facts, &EnableWebhook { webhook: Webhook::id(url) }, stamp(day(1)));
            assert_eq!(decided.as_ref().map(puts).map_err(|refusal| *refusal), expected.map(<[_]>::to_vec), "{url}");
        }
    }

    #[test]
    fn who_is_disabled_is_not_tried() {
        type Row = (&'static [bool], Option<&'static str>, Result<usize, Refusal>);
        let rows: [Row; 6] = [
            (&[], None, Err(Refusal::UnknownWebhook)),
            (&[false, true], None, Ok(1)),
            (&[false, false], None, Ok(2)),
            (&[true], None, Err(Refusal::WrongState)),
            (&[false, true], Some("1"), Err(Refusal::WrongState)),
            (&[false], Some("9"), Err(Refusal::UnknownWebhook)),
        ];
        for (disabled, asked, expected) in rows {
            let one = |(n, disabled): (usize, &bool)| known(&n.to_string(), *disabled);
            let facts = WebhookFacts { known: disabled.iter().enumerate().map(one).collect() };
            let test = TestWebhooks { webhook: asked.map(Webhook::id) };
            let told = TestWebhooksFamily::decide(&facts, &test, stamp(NOON)).map(|decision| decision.effects.len());
            assert_eq!(told, expected, "{disabled:?} {asked:?}");
        }
    }

    #[test]
    fn what_an_attempt_says_of_them() {
        let again = || Outcome::Again { after: None, why: "500".into() };
        let failing = || known("a", false).webhook.failed(NOON);
        for (webhook, outcome, now, expected) in [
            (known("a", false).webhook, Outcome::Done(crate::domain::outcome::Answer::Sent), NOON, &[][..]),
            (failing(), Outcome::Done(crate::domain::outcome::Answer::Sent), day(1), &["active"]),
            (known("a", false).webhook, again(), NOON, &["failing"]),
            (failing(), again(), day(4), &[]),
            (failing(), again(), day(5), &["alert", "disabled"]),
            (known("a", false).webhook, Outcome::Never { why: "410".into() }, NOON, &["alert", "disabled"]),
            (known("b", true).webhook, Outcome::Never { why: "410".into() }, day(1), &[]),
        ] {
            let mut decision = Decision::same(Reply::Nothing);
            heard(&webhook, &outcome, now, &mut decision);
            assert_eq!(puts(&decision), expected, "{webhook:?} {outcome:?}");
        }
    }

    #[test]
    fn what_was_granted_is_told_when_it_is_there() {
        let item = |end, state| {
            let effect = Effect::Grant { account: person(1), to: person(1), end, take_back: None };
            Item { state, ..Item::new(ItemId { seq: 1, n: 0 }, effect, NOON) }
        };
        let (begun, done) = (ItemState::Begun { at: NOON }, ItemState::Done { at: NOON });
        for (before, end, state, told) in [
            (begun, day(30), done, true),
            (begun, day(30), ItemState::Waiting { next: NOON }, false),
            (done, day(30), done, false),
            (begun, NOON, done, false),
        ] {
            let event = granted(Some(&item(end, before)), &item(end, state));
            assert_eq!(event.is_some(), told, "{before:?} {end:?} {state:?}");
        }
    }
}
