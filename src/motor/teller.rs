//! Tells the team's own server of events, signed.

use super::outcome::{again, reading};
use crate::clock::Clock;
use crate::domain::at::At;
use crate::domain::event::Event;
use crate::domain::id::Id;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::webhook::Webhook;
use crate::ledger::{Ledger, people};
use crate::outside::post::{Post, Sent};
use crate::wire::standard_webhooks::{SigningKey, sign};
use crate::wire::view::View;
use std::sync::Arc;

/// One who is told, and how it is signed for them: with two keys while one is being replaced.
pub struct Receiver {
    pub url: String,
    pub keys: Vec<SigningKey>,
}

pub struct Teller {
    pub app: String,
    pub apple_id: u64,
    pub receivers: Vec<Receiver>,
    pub ledger: Arc<Ledger>,
    pub clock: Arc<dyn Clock>,
}

impl Teller {
    /// The id stays over all attempts, and no other app's event has it.
    pub async fn tell(
        &self,
        post: &Post,
        webhook: Id,
        event: &Event,
        (at, seq, n): (At, u64, u16),
    ) -> Result<Outcome, Outcome> {
        let receiver = self.receivers.iter().find(|one| Webhook::id(&one.url) == webhook);
        let never = |why: &str| Outcome::Never { why: why.to_owned() };
        let receiver = receiver.ok_or_else(|| never("it is configured no more"))?;
        let name = people::names(self.ledger.snapshot());
        let body = View { name: &name }.event(&self.app, self.apple_id, event, at).to_string().into_bytes();
        let sealed = self.ledger.seal("event", &[&seq.to_be_bytes()[..], &n.to_be_bytes()].concat());
        let id = format!("evt_{}", Id::of("event", &[&sealed]));
        let headers = sign(&receiver.keys, &id, self.clock.now(), &body).map_err(|fault| again(&fault))?.named();
        match post.send(&receiver.url, Some("application/json"), &headers, body).await.map_err(reading)? {
            Sent::Taken => Ok(Outcome::Done(Answer::Sent)),
            Sent::Gone => Err(never("answered 410: it wants nothing any more")),
        }
    }
}
