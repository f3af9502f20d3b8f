//! What is asked of Tremendous: one order for each payout, whatever becomes of the answers.

use super::outcome::{again, outcome, reading};
use crate::domain::id::Id;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::partner::Contact;
use crate::domain::payout::{Order, Payout};
use crate::ledger::store::Store;
use crate::ledger::{Aside, Ledger, people};
use crate::outside::tremendous::{Answered, Tremendous};
use crate::wire::tremendous::{Made, differs, progress};
use std::sync::Arc;

pub struct Payer {
    pub server: Tremendous,
    pub ledger: Arc<Ledger>,
}

/// What an attempt came to, and where the money can be collected, which no book holds.
pub type Paid = (Outcome, Option<Aside>);

impl Payer {
    /// After a lost answer it is looked for first. Asked for again it is the same order: its name is the payout's.
    pub async fn pay_out(&self, id: Id, unsure: bool) -> Paid {
        match self.order(id, unsure).await {
            Ok(paid) => paid,
            Err(outcome) => (outcome, None),
        }
    }

    /// What became of it.
    pub async fn look(&self, id: Id) -> Paid {
        match self.found(id).await {
            Ok(Some(paid)) => paid,
            Ok(None) => (Outcome::Never { why: "Tremendous knows no such order".to_owned() }, None),
            Err(outcome) => (outcome, None),
        }
    }

    async fn order(&self, id: Id, unsure: bool) -> Result<Paid, Outcome> {
        if unsure {
            return Ok(self.found(id).await?.unwrap_or((Outcome::Absent, None)));
        }
        let (payout, contact) = self.payout(id)?;
        let (name, email) = (contact.name.as_str(), contact.paid_at());
        let answered = self.server.order(&id.to_string(), payout.money, name, email).await;
        match answered.map_err(outcome)? {
            Answered::New(made) => Ok(ordered(&payout, made)),
            Answered::Repeated(made) => Ok(compared(&payout, &contact, made)),
            Answered::Conflict(why) => Ok((Outcome::Done(Answer::Disputed { why }), None)),
        }
    }

    async fn found(&self, id: Id) -> Result<Option<Paid>, Outcome> {
        let (payout, contact) = self.payout(id)?;
        let found = self.server.find(&id.to_string()).await.map_err(reading)?;
        Ok(found.map(|made| match &payout.order {
            // It was compared when it became known. The partner may have another address by now.
            Some(known) if known.id == made.order_id => ordered(&payout, made),
            _ => compared(&payout, &contact, made),
        }))
    }

    fn payout(&self, id: Id) -> Result<(Payout, Contact), Outcome> {
        let snapshot = self.ledger.snapshot();
        let payout: Option<Payout> = snapshot.row(id.as_bytes()).map_err(|error| again(&error))?;
        let payout = payout.ok_or_else(|| Outcome::Never { why: "the payout is unknown".to_owned() })?;
        let contact = people::contact(&*snapshot, payout.partner).map_err(|error| again(&error))?;
        let contact = contact.ok_or_else(|| Outcome::Never { why: "the partner was erased".to_owned() })?;
        Ok((payout, contact))
    }
}

/// An order of ours, if it is the one that was asked for.
fn compared(payout: &Payout, contact: &Contact, made: Made) -> Paid {
    match differs(&made, payout.money, contact.paid_at()) {
        None => ordered(payout, made),
        Some(what) => {
            let why = format!("there is an order of this name at Tremendous, and {what} is another");
            (Outcome::Done(Answer::Disputed { why }), None)
        }
    }
}

fn ordered(payout: &Payout, made: Made) -> Paid {
    let progress = progress(&made);
    let order = Order { id: made.order_id, reward: made.reward_id, progress };
    (Outcome::Done(Answer::Ordered(order)), made.link.map(|link| Aside::Link(payout.id, link)))
}
