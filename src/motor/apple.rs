//! What is asked of the App Store Server API: notifications that were missed, purchases behind claims that
//! wait, a name for a user, a TEST. What Apple answers is signed, and goes through the same door as what it sends.

use super::outcome::{again, outcome, reading};
use crate::clock::Clock;
use crate::domain::at::{At, Span};
use crate::domain::consumption::Api;
use crate::domain::decide::{By, Command, Reply, Seen};
use crate::domain::id::{Id, Person, UserId};
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::policy::Environment;
use crate::domain::purchase::{HandOn, Report, Source};
use crate::domain::question::Question;
use crate::domain::subscription::Subscription;
use crate::ledger::rows::seen_key;
use crate::ledger::store::Store;
use crate::ledger::{Entry, Fail, Ledger, list, people};
use crate::outside::app_store_server::AppStoreServer;
use crate::outside::revenuecat::RevenueCat;
use crate::wire::app_store_server::LastTransaction;
use crate::wire::apple_event::{self, Expected, Fault, Jws, Limits, Transaction};
use crate::wire::jws::Verifier;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The App Store Server, what its answers must be about, and where they go.
pub struct Apple {
    pub server: AppStoreServer,
    pub verifier: Arc<Verifier>,
    pub bundle_id: String,
    pub apple_id: u64,
    /// Who wants every notification, also one that came late.
    pub hand_on: Vec<HandOn>,
    /// The shape of what is answered about refunds.
    pub refund_api: Api,
    pub ledger: Arc<Ledger>,
    pub clock: Arc<dyn Clock>,
}

/// Transactions of one person that are asked about.
const MOST: usize = 50;
/// Pages of one customer's history that are read, of twenty transactions each.
const PAGES: usize = 10;

impl Apple {
    fn limits(now: At) -> Limits {
        Limits { now, max_age: None }
    }

    fn notification(&self, jws: &Jws, environment: Environment, now: At) -> Result<Report<UserId>, Fault> {
        let expected = Expected { bundle_id: &self.bundle_id, apple_id: self.apple_id, environment };
        apple_event::notification(jws.as_str(), &expected, Apple::limits(now), &|text| self.verifier.verify(text, now))
    }

    fn transaction(&self, jws: &Jws, now: At) -> Result<Transaction, Fault> {
        let open = |text: &str| self.verifier.verify(text, now);
        apple_event::transaction(jws.as_str(), &self.bundle_id, Apple::limits(now), &open)
    }

    /// A subscription as it stands: its last transaction, and what is said of its renewal.
    fn subscription(&self, last: &LastTransaction, now: At) -> Result<Transaction, Fault> {
        let mut found = self.transaction(&last.transaction, now)?;
        if let Some(jws) = &last.renewal {
            let open = |text: &str| self.verifier.verify(text, now);
            found = found.with(apple_event::renewal(jws.as_str(), Apple::limits(now), &open)?)?;
        }
        found.purchase.status = last.status;
        Ok(found)
    }
}

fn environment(is_test: bool) -> Environment {
    if is_test { Environment::Sandbox } else { Environment::Production }
}

/// Whether it was new.
async fn file(ledger: Arc<Ledger>, report: Report<UserId>, raw: Option<Vec<u8>>) -> Result<bool, Fail> {
    let people: Vec<UserId> = report.people().into_iter().cloned().collect();
    let report = report.map(|user| ledger.person(&user));
    let mut entry = Entry::new(Command::Report(report), By::House).naming(people);
    entry.raw = raw;
    match ledger.submit(entry).await? {
        Reply::Kept { repeated, .. } => Ok(!repeated),
        _ => Ok(false),
    }
}

impl Apple {
    /// Reads what Apple sent since then, page by page. What is not Apple's, or not this app's, is left out.
    pub async fn catch_up(&self, is_test: bool, since: At) -> Result<Outcome, Outcome> {
        let until = self.clock.now();
        let (mut read, mut new, mut token) = (0, 0, None);
        loop {
            let asked = self.server.notification_history(environment(is_test), since, until, token.as_deref());
            // The name of the next page is good for a while only: then the reading begins anew.
            let page = asked.await.map_err(|failure| match (reading(failure), &token) {
                (Outcome::Never { why }, Some(_)) => Outcome::Again { after: None, why },
                (other, _) => other,
            })?;
            let mut filing = JoinSet::new();
            for sent in page.notifications {
                read += 1;
                match self.notification(&sent.signed_payload, environment(is_test), until) {
                    Ok(mut report) => {
                        report.hand_on = self.hand_on.clone();
                        filing.spawn(file(self.ledger.clone(), report, Some(sent.signed_payload.body())));
                    }
                    Err(fault) => {
                        tracing::warn!(
                            app = self.bundle_id,
                            why = fault.word(),
                            "a notification in Apple's history was left out"
                        );
                    }
                }
            }
            while let Some(filed) = filing.join_next().await {
                let is_new = filed.map_err(|_| Fail::Defect).and_then(|filed| filed);
                new += u32::from(is_new.map_err(|fail| again(&fail))?);
            }
            token = page.next;
            if token.is_none() {
                return Ok(Outcome::Done(Answer::CaughtUp { until, read, new }));
            }
        }
    }

    /// Asks for every purchase of a person that RevenueCat, or anybody before, knows of.
    pub async fn look_up(&self, person: Person, revenuecat: Option<&RevenueCat>) -> Result<Outcome, Outcome> {
        let store = self.ledger.snapshot();
        let user = people::user_of(&*store, person).map_err(|error| again(&error))?;
        let user = user.ok_or_else(|| Outcome::Never { why: "the person was erased".to_owned() })?;
        let known = list::rows_of(&*store, person, None, MOST, |_: &Subscription| true);
        let known = known.map_err(|error| again(&error))?.items;
        let mut ids: BTreeSet<String> = known.into_iter().map(|row| row.original_transaction_id).collect();
        if let Some(revenuecat) = revenuecat {
            ids.extend(revenuecat.transactions(&user).await.map_err(reading)?);
        }
        let mut purchases = 0;
        for id in ids.into_iter().take(MOST) {
            let found = match self.bought(&id).await {
                // An id that Apple does not know is RevenueCat's, or another app's.
                Err(Outcome::Never { .. }) => continue,
                found => found?,
            };
            let original = |one: &Transaction| one.purchase.original_transaction_id.clone();
            let own = found.first().and_then(|first| first.as_ref().ok().map(original));
            for found in found {
                match found {
                    Ok(found) => {
                        // One Apple Account may have been used by several users.
                        let people = if own == Some(original(&found)) { vec![user.clone()] } else { Vec::new() };
                        let report = found.report(Source::Apple, people, None, "TRANSACTION");
                        file(self.ledger.clone(), report, None).await.map_err(|fail| again(&fail))?;
                        purchases += 1;
                    }
                    Err(fault) => {
                        tracing::warn!(app = self.bundle_id, why = fault.word(), "a transaction was left out")
                    }
                }
            }
        }
        Ok(Outcome::Done(Answer::LookedUp { purchases }))
    }

    /// This transaction, the subscriptions of whoever made it as they stand, and what they redeemed: the
    /// transaction that RevenueCat knows may be of a later period.
    async fn bought(&self, id: &str) -> Result<Vec<Result<Transaction, Fault>>, Outcome> {
        let now = self.clock.now();
        let (environment, jws) = self.server.transaction(id).await.map_err(reading)?;
        let mut found = vec![self.transaction(&jws, now)];
        let (_, last) = self.server.statuses(id).await.map_err(reading)?;
        found.extend(last.iter().map(|last| self.subscription(last, now)));
        let mut revision = None;
        for _ in 0..PAGES {
            let page = self.server.history(id, environment, revision.as_deref()).await.map_err(reading)?;
            let redeemed =
                |one: &Result<Transaction, Fault>| one.as_ref().is_ok_and(|one| one.purchase.offer.is_some());
            found.extend(page.transactions.iter().map(|jws| self.transaction(jws, now)).filter(redeemed));
            revision = page.next;
            if revision.is_none() {
                break;
            }
        }
        Ok(found)
    }

    pub async fn name_user(&self, original: &str, person: Person, is_test: bool) -> Result<Outcome, Outcome> {
        let token = people::token_of(&*self.ledger.snapshot(), person).map_err(|error| again(&error))?;
        let token = token.ok_or_else(|| Outcome::Never { why: "the person was erased".to_owned() })?;
        // Sent again it changes nothing, so a lost answer is only a late one.
        self.server.set_app_account_token(environment(is_test), original, &token).await.map_err(reading)?;
        Ok(Outcome::Done(Answer::Sent))
    }

    /// As it was decided when the attempt began.
    pub async fn answer_refund(&self, id: &str, person: Person, is_test: bool) -> Result<Outcome, Outcome> {
        let store = self.ledger.snapshot();
        let question: Option<Question> = store.row(Question::id(id).as_bytes()).map_err(|error| again(&error))?;
        let answer = question.and_then(|question| question.answer);
        let answer = answer.ok_or_else(|| Outcome::Never { why: "there is nothing to be answered".to_owned() })?;
        let token = people::token_of(&*store, person).map_err(|error| again(&error))?;
        let sent = self.server.answer_refund(environment(is_test), id, self.refund_api, &answer, token.as_deref());
        sent.await.map_err(outcome)?;
        Ok(Outcome::Done(Answer::Sent))
    }

    pub async fn extend(&self, original: &str, days: u32, reason: u8, id: Id) -> Result<Outcome, Outcome> {
        let name = id.to_string();
        let asked = self.server.extend(Environment::Production, original, days, reason, &name);
        Ok(Outcome::Done(Answer::Extended { until: asked.await.map_err(outcome)? }))
    }

    /// After a lost answer: the period that was to be longer is longer, or it is not. Once another has begun nobody
    /// can tell.
    pub async fn look_for_extension(&self, original: &str, before: Option<&(String, At)>) -> Result<Outcome, Outcome> {
        let now = self.clock.now();
        let (_, last) = self.server.statuses(original).await.map_err(reading)?;
        let found = last.iter().filter_map(|last| self.subscription(last, now).ok());
        let periods = found.filter(|found| found.purchase.original_transaction_id == original);
        let period = periods.filter_map(|found| found.purchase.period).next();
        match (before, period) {
            (Some((id, end)), Some(period)) if period.transaction_id == *id => Ok(match period.expires_at {
                Some(until) if until > *end => Outcome::Done(Answer::Extended { until }),
                _ => Outcome::Absent,
            }),
            _ => Err(Outcome::Never { why: "nobody can tell any more whether Apple extended".to_owned() }),
        }
    }

    pub async fn request_test(&self, is_test: bool) -> Result<Outcome, Outcome> {
        let token = self.server.request_test(environment(is_test)).await.map_err(outcome)?;
        Ok(Outcome::Done(Answer::TestRequested { token }))
    }

    pub async fn check_test(&self, is_test: bool, token: &str) -> Result<Outcome, Outcome> {
        let soon = Some(Span::seconds(2));
        let sent = self.server.test_status(environment(is_test), token).await.map_err(reading)?;
        let Some(sent) = sent else {
            return Err(Outcome::Again { after: soon, why: "Apple has made no attempt yet".to_owned() });
        };
        let Some(result) = sent.send_attempts.last().map(|attempt| attempt.result.clone()) else {
            return Err(Outcome::Again { after: soon, why: "Apple has made no attempt yet".to_owned() });
        };
        let event =
            self.notification(&sent.signed_payload, environment(is_test), self.clock.now()).map(|report| report.event);
        let has_arrived = match event {
            Ok(event) => {
                let seen = self.ledger.snapshot().row::<Seen>(&seen_key(Source::Apple, &event));
                seen.map_err(|error| again(&error))?.is_some()
            }
            Err(_) => false,
        };
        Ok(Outcome::Done(Answer::TestSent { result, has_arrived }))
    }
}
