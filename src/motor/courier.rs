//! The courier: takes effects that are due, records that an attempt begins, makes the call, and brings
//! the outcome back in through the ledger's one door.

use super::apple::Apple;
use super::connect::Connect;
use super::outcome::{again, not_configured, outcome, reading};
use super::payer::Payer;
use super::teller::Teller;
use super::{is_over, until};
use crate::clock::Clock;
use crate::domain::at::{At, Span};
use crate::domain::decide::delivery::{Begin, Recover, Settle};
use crate::domain::decide::{By, Command, Reply};
use crate::domain::delivery::{Effect, Item, ItemId};
use crate::domain::grant::{Next, TakeBack};
use crate::domain::id::Person;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::purchase::HandOn;
use crate::ledger::key::{Key, after_prefix, item_of};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use crate::ledger::{Entry, Error, Fail, Ledger, inbox, people};
use crate::outside::device_check::DeviceCheck;
use crate::outside::post::{Post, Sent};
use crate::outside::revenuecat::RevenueCat;
use crate::wire::device_check::Bits;
use std::ops::Bound;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The others, as far as this app has them.
pub struct Outside {
    pub connect: Option<Connect>,
    pub payer: Option<Payer>,
    /// Takes bytes to whom the owner named.
    pub post: Post,
    pub forward_to: Vec<String>,
    pub teller: Teller,
    pub revenuecat: Option<RevenueCat>,
    pub apple: Option<Apple>,
    pub device_check: Option<DeviceCheck>,
    /// The entitlement that is granted.
    pub entitlement: String,
}

pub struct Courier {
    ledger: Arc<Ledger>,
    outside: Outside,
    clock: Arc<dyn Clock>,
    app: String,
}

/// Calls under way at once.
const CALLS: usize = 8;
/// Items looked at for one round.
const ROUND: usize = 256;

impl Courier {
    pub fn new(app: &str, ledger: Arc<Ledger>, outside: Outside, clock: Arc<dyn Clock>) -> Arc<Courier> {
        Arc::new(Courier { ledger, outside, clock, app: app.to_owned() })
    }

    /// Attempts that a kill cut off are marked as such: their answers are not known.
    pub async fn recover(&self) -> Result<usize, Fail> {
        let begun = self.begun().map_err(|_| Fail::Unknown)?;
        for item in &begun {
            self.ledger.submit(Entry::new(Command::Recover(Recover { item: *item }), By::House)).await?;
        }
        Ok(begun.len())
    }

    fn begun(&self) -> Result<Vec<ItemId>, Error> {
        let rows = self.ledger.snapshot().prefix(Tab::Begun, &[], usize::MAX)?;
        Ok(rows.iter().filter_map(|(key, _)| item_of(key)).collect())
    }

    /// Works until told to stop; calls under way are finished.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut calls: JoinSet<Result<(), Fail>> = JoinSet::new();
        let mut changed = self.ledger.changed();
        loop {
            changed.borrow_and_update();
            let next = match self.start_due(&mut calls).await {
                Ok(next) => next,
                Err(fail) if is_over(&fail) => break,
                Err(fail) => {
                    tracing::warn!(app = self.app, error = %fail, "deliveries pause");
                    Some(self.clock.now().plus(Span::seconds(1)))
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                changed = changed.changed() => if changed.is_err() { break },
                Some(_) = calls.join_next() => {}
                () = tokio::time::sleep(until(next, self.clock.now())) => {}
            }
        }
        while calls.join_next().await.is_some() {}
    }

    /// Delivers what is due, and what becomes due by that, until nothing is.
    pub async fn drain(self: &Arc<Self>) -> Result<usize, Fail> {
        let mut delivered = 0;
        loop {
            let mut calls = JoinSet::new();
            self.start_due(&mut calls).await?;
            if calls.is_empty() {
                return Ok(delivered);
            }
            while let Some(done) = calls.join_next().await {
                done.map_err(|_| Fail::Defect)??;
                delivered += 1;
            }
        }
    }

    /// Begins what is due and says when the next item will be.
    async fn start_due(self: &Arc<Self>, calls: &mut JoinSet<Result<(), Fail>>) -> Result<Option<At>, Fail> {
        let now = self.clock.now();
        let (due, mut next) = self.due(now).map_err(|error| self.broken(&error))?;
        for id in due {
            if calls.len() >= CALLS {
                return Ok(Some(now.plus(Span::seconds(1))));
            }
            match self.ledger.submit(Entry::new(Command::Begin(Begin { item: id }), By::House)).await {
                Ok(Reply::Item(item)) => {
                    let courier = self.clone();
                    calls.spawn(async move { courier.deliver(item).await });
                }
                // Its lane is busy, or somebody dealt with it: the next change brings it back. Where the clock stepped back
                // between this look and the writer's, nothing changes, so it is looked at again in any case.
                Ok(_) | Err(Fail::Refused(_)) => {
                    let soon = now.plus(Span::seconds(1));
                    next = Some(next.map_or(soon, |next| next.min(soon)));
                }
                Err(fail) => return Err(fail),
            }
        }
        Ok(next)
    }

    fn broken(&self, error: &Error) -> Fail {
        tracing::error!(app = self.app, %error, "the outbox cannot be read");
        Fail::Unknown
    }

    fn due(&self, now: At) -> Result<(Vec<ItemId>, Option<At>), Error> {
        let snapshot = self.ledger.snapshot();
        let limit = after_prefix(&Key::new().at(now).done());
        let to = limit.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let due = snapshot.range(Tab::Ready, Bound::Unbounded, to, ROUND)?;
        let from = limit.as_deref().map_or(Bound::Unbounded, Bound::Included);
        let next = snapshot.range(Tab::Ready, from, Bound::Unbounded, 1)?;
        let id = |(key, _): &(Vec<u8>, Vec<u8>)| key.get(8..).and_then(item_of);
        let at = |(key, _): &(Vec<u8>, Vec<u8>)| key.get(..8).and_then(crate::ledger::key::at_of);
        Ok((due.iter().filter_map(id).collect(), next.first().and_then(at)))
    }

    async fn deliver(&self, item: Item) -> Result<(), Fail> {
        let kind = item.effect.kind();
        let (outcome, aside) = match (&self.outside.payer, &item.effect) {
            (Some(payer), Effect::PayOut { payout }) => payer.pay_out(*payout, item.unsure).await,
            (Some(payer), Effect::AskPayout { payout }) => payer.look(*payout).await,
            _ => (self.attempt(&item).await.unwrap_or_else(|outcome| outcome), None),
        };
        match &outcome {
            Outcome::Done(_) => tracing::info!(app = self.app, kind, attempt = item.attempts, "delivered"),
            Outcome::Again { why, .. } | Outcome::Unsure { why } => {
                tracing::warn!(app = self.app, kind, attempt = item.attempts, why, "not delivered; it is tried again");
            }
            Outcome::Never { why } => tracing::error!(app = self.app, kind, why, "cannot be delivered"),
            Outcome::Found { .. } => tracing::info!(app = self.app, kind, "somebody else granted time; it is kept"),
            Outcome::Absent => tracing::warn!(app = self.app, kind, "looked for after a lost answer; not there"),
        }
        let settle = Command::Settle(Settle { item: item.id, outcome });
        loop {
            match self.ledger.submit(Entry::new(settle.clone(), By::House).aside(aside.clone())).await {
                Ok(_) | Err(Fail::Refused(_)) => return Ok(()),
                Err(Fail::Busy | Fail::NoSpace | Fail::ReadOnly) => {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await
                }
                Err(fail) => return Err(fail),
            }
        }
    }

    async fn attempt(&self, item: &Item) -> Result<Outcome, Outcome> {
        match &item.effect {
            Effect::Grant { to, end, take_back, .. } => self.grant(*to, *end, *take_back).await,
            Effect::RequestBatch { batch, .. } if item.unsure => self.connect()?.look_for(*batch).await,
            Effect::RequestBatch { batch, .. } => self.connect()?.request(*batch).await,
            Effect::FetchCodes { batch, .. } => self.connect()?.fetch(*batch).await,
            Effect::MakeCustomCode { coupon } if item.unsure => self.connect()?.look_for_custom_code(*coupon).await,
            Effect::MakeCustomCode { coupon } => self.connect()?.make_custom_code(*coupon).await,
            Effect::EndCustomCode { coupon } => self.connect()?.end_custom_code(*coupon).await,
            Effect::FetchReport { date } => self.connect()?.report(*date).await,
            Effect::PayOut { .. } | Effect::AskPayout { .. } => Err(not_configured("tremendous")),
            Effect::Forward { to, at, seq } => self.forward(to, *at, *seq).await,
            Effect::Tell { webhook, event, at, seq, n, .. } => {
                self.outside.teller.tell(&self.outside.post, *webhook, event, (*at, *seq, *n)).await
            }
            Effect::SetAppAccountToken { original_transaction_id, person, is_test } => {
                self.apple()?.name_user(original_transaction_id, *person, *is_test).await
            }
            Effect::LookUp { person } => self.apple()?.look_up(*person, self.outside.revenuecat.as_ref()).await,
            Effect::Extend { original_transaction_id, period, .. } if item.unsure => {
                self.apple()?.look_for_extension(original_transaction_id, period.as_ref()).await
            }
            Effect::Extend { id, original_transaction_id, days, reason, .. } => {
                self.apple()?.extend(original_transaction_id, *days, *reason, *id).await
            }
            Effect::AnswerRefund { transaction_id, person, is_test, .. } => {
                self.apple()?.answer_refund(transaction_id, *person, *is_test).await
            }
            Effect::AskDevice { token, .. } => self.ask_device(token, item).await,
            Effect::MarkDevice { token, bit1, .. } => self.mark_device(token, *bit1, item).await,
            Effect::CatchUp { is_test, since } => self.apple()?.catch_up(*is_test, *since).await,
            Effect::RequestTest { is_test } => self.apple()?.request_test(*is_test).await,
            Effect::CheckTest { is_test, token } => self.apple()?.check_test(*is_test, token).await,
        }
    }

    /// The same bytes as often as it takes: who gets them twice knows them by what Apple signed.
    async fn forward(&self, to: &HandOn, at: At, seq: u64) -> Result<Outcome, Outcome> {
        let body = inbox::body(&*self.ledger.snapshot(), at, seq).map_err(|error| again(&error))?;
        let body = body.ok_or_else(|| Outcome::Never { why: "its body is no longer kept".to_owned() })?;
        let url = self.outside.forward_to.iter().find(|url| HandOn::name(url) == to.target);
        let url = url.ok_or_else(|| Outcome::Never { why: "it is handed on to this target no more".to_owned() })?;
        match self.outside.post.send(url, to.content_type.as_deref(), &[], body).await.map_err(reading)? {
            Sent::Taken => Ok(Outcome::Done(Answer::Sent)),
            Sent::Gone => Err(Outcome::Again { after: None, why: "answered 410".to_owned() }),
        }
    }

    fn connect(&self) -> Result<&Connect, Outcome> {
        self.outside.connect.as_ref().ok_or_else(|| not_configured("app_store_connect"))
    }

    fn apple(&self) -> Result<&Apple, Outcome> {
        self.outside.apple.as_ref().ok_or_else(|| not_configured("app_store_server"))
    }

    /// Where days are taken back, RevenueCat is read before anything is revoked.
    async fn grant(&self, to: Person, end: At, take_back: Option<TakeBack>) -> Result<Outcome, Outcome> {
        let revenuecat = self.outside.revenuecat.as_ref().ok_or_else(|| not_configured("revenuecat"))?;
        let user = people::user_of(&*self.ledger.snapshot(), to).map_err(|error| again(&error))?;
        let user = user.ok_or_else(|| Outcome::Never { why: "the person was erased".to_owned() })?;
        let entitlement = &self.outside.entitlement;
        let next = match take_back {
            None => Next::Grant { until: end },
            Some(wish) => {
                let shown = revenuecat.grants(&user, entitlement).await.map_err(reading)?;
                wish.next(end, &shown, self.clock.now())
            }
        };
        let until = match next {
            Next::Done(end) => return Ok(Outcome::Done(Answer::Granted { end })),
            Next::Remember { others } => return Ok(Outcome::Found { others }),
            Next::Grant { until } => until,
            Next::Revoke { until } => {
                revenuecat.revoke(&user, entitlement).await.map_err(outcome)?;
                if until <= self.clock.now() {
                    return Ok(Outcome::Done(Answer::Granted { end }));
                }
                until
            }
        };
        let granted = revenuecat.grant(&user, entitlement, until).await.map_err(outcome)?;
        // Without an end in the answer nothing was granted that we can see.
        Ok(Outcome::Done(Answer::Granted { end: granted.unwrap_or(At(0)) }))
    }

    async fn ask_device(&self, token: &str, item: &Item) -> Result<Outcome, Outcome> {
        let bits = self.device_check()?.query(token, &request_name(item)).await.map_err(reading)?;
        Ok(Outcome::Done(Answer::Device { bit0: bits.bit0, bit1: bits.bit1 }))
    }

    /// The other bit belongs to somebody else, and both are sent.
    async fn mark_device(&self, token: &str, bit1: bool, item: &Item) -> Result<Outcome, Outcome> {
        let bits = Bits { bit0: true, bit1 };
        self.device_check()?.update(token, &request_name(item), bits).await.map_err(reading)?;
        Ok(Outcome::Done(Answer::Sent))
    }

    fn device_check(&self) -> Result<&DeviceCheck, Outcome> {
        self.outside.device_check.as_ref().ok_or_else(|| not_configured("device_check"))
    }
}

/// DeviceCheck wants a name for each request.
fn request_name(item: &Item) -> String {
    format!("{}-{}-{}", item.id.seq, item.id.n, item.attempts)
}
