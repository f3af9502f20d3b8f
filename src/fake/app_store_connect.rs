//! A stand-in for the parts of Apple's App Store Connect API that make codes of subscription offers, and that report how
//! often they were redeemed.

mod batch;
mod custom_code;
mod refusal;
mod report;
mod routes;
mod shape;
mod token;

pub use crate::fake::token::{Key, fresh_key};
pub use batch::{Batch, Csv, Environment};
pub use custom_code::CustomCode;

use crate::clock::Clock;
use crate::domain::at::{At, Date, Span};
use crate::fake::calls::{Call, Calls};
use crate::fake::faults::Faults;
use crate::fake::stand::Stand;
use crate::fake::{lock, uuid};
use crate::wire::sales_report::Redeemed;
use axum::http::StatusCode;
use refusal::{Flaw, Refusal};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

const OFFER_TYPE: &str = "subscriptionOfferCodes";

#[derive(Clone, Debug)]
pub struct Offer {
    pub id: String,
    /// The reference name, which comes back as `offerIdentifier`.
    pub name: String,
    pub active: bool,
}

pub struct Setup {
    pub key: Key,
    pub clock: Arc<dyn Clock>,
    pub offers: Vec<Offer>,
    /// The app's numeric id, for redeem addresses.
    pub apple_id: u64,
    pub seed: u64,
    /// Allowed batch sizes; Apple publishes none.
    pub numbers: RangeInclusive<u32>,
    pub hourly_limit: u32,
    pub csv: Csv,
}

impl Setup {
    pub fn new(key: Key, clock: Arc<dyn Clock>, offers: Vec<Offer>) -> Setup {
        let (apple_id, numbers, hourly_limit) = (1_234_567_890, 1..=25_000, 3_600);
        Setup { key, clock, offers, apple_id, seed: 1, numbers, hourly_limit, csv: Csv::default() }
    }
}

/// The running stand-in, to inspect and to steer. Dropped, it stops.
pub struct AppStoreConnect {
    stand: Stand,
    account: Arc<Account>,
    calls: Calls,
    faults: Faults,
}

impl AppStoreConnect {
    pub async fn start(setup: Setup) -> io::Result<AppStoreConnect> {
        let bound = Stand::bind().await?;
        let (calls, faults) = (Calls::new(setup.clock.clone()), Faults::default());
        let account = Arc::new(Account::new(setup, bound.base_url()));
        let stand = bound.serve(routes::router(account.clone(), &faults, &calls));
        Ok(AppStoreConnect { stand, account, calls, faults })
    }
    pub fn base_url(&self) -> &str {
        self.stand.base_url()
    }
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
    pub fn calls(&self) -> Vec<Call> {
        self.calls.seen()
    }
    /// Changes with every call.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.calls.changed()
    }
    /// Every batch that was made, oldest first, whether or not anybody got the answer.
    pub fn batches(&self) -> Vec<Batch> {
        lock(&self.account.book).batches.clone()
    }
    pub fn codes(&self, batch: &str) -> Vec<String> {
        let book = lock(&self.account.book);
        let batch = book.batches.iter().find(|one| one.id == batch);
        batch.map(|batch| batch.codes(self.account.seed).collect()).unwrap_or_default()
    }
    /// Every custom code that was made, oldest first, those that have ended included.
    pub fn custom_codes(&self) -> Vec<CustomCode> {
        lock(&self.account.book).custom_codes.clone()
    }
    /// The report of a day, in place of the one that was there.
    pub fn set_report(&self, date: Date, lines: Vec<Redeemed>) {
        lock(&self.account.book).reports.insert(date, lines);
    }
    /// Whether the key's role may read reports.
    pub fn allow_reports(&self, allowed: bool) {
        lock(&self.account.book).reports_allowed = allowed;
    }
    /// What a person does in the web pages: an offer ends, and stays ended.
    pub fn deactivate_offer(&self, id: &str) {
        if let Some(offer) = lock(&self.account.book).offers.iter_mut().find(|offer| offer.id == id) {
            offer.active = false;
        }
    }
    pub fn set_csv(&self, csv: Csv) {
        lock(&self.account.book).csv = csv;
    }
    /// The budget of a rolling hour; 0 refuses everything.
    pub fn set_hourly_limit(&self, limit: u32) {
        lock(&self.account.book).hourly_limit = limit;
    }
}

struct Account {
    base_url: String,
    key: Key,
    clock: Arc<dyn Clock>,
    apple_id: u64,
    seed: u64,
    numbers: RangeInclusive<u32>,
    book: Mutex<Book>,
}

struct Book {
    offers: Vec<Offer>,
    batches: Vec<Batch>,
    custom_codes: Vec<CustomCode>,
    codes_made: u64,
    reports: BTreeMap<Date, Vec<Redeemed>>,
    reports_allowed: bool,
    /// When the requests of the last hour came.
    spent: VecDeque<At>,
    hourly_limit: u32,
    csv: Csv,
}

impl Account {
    fn new(setup: Setup, base_url: &str) -> Account {
        let Setup { key, clock, offers, apple_id, seed, numbers, hourly_limit, csv } = setup;
        let book = Mutex::new(Book {
            offers,
            batches: Vec::new(),
            custom_codes: Vec::new(),
            codes_made: 0,
            reports: BTreeMap::new(),
            reports_allowed: true,
            spent: VecDeque::new(),
            hourly_limit,
            csv,
        });
        Account { base_url: base_url.to_owned(), key, clock, apple_id, seed, numbers, book }
    }

    fn create(&self, wish: batch::Wish) -> Result<Batch, Refusal> {
        let now = self.clock.now();
        let mut book = lock(&self.book);
        book.admits(&wish.offer, wish.flaws(&self.numbers, now))?;
        let number = u32::try_from(wish.number).map_err(|_| Refusal::plain(StatusCode::CONFLICT))?;
        let batch = Batch {
            id: uuid(&[b"batch", &self.seed.to_be_bytes(), &book.batches.len().to_be_bytes()]),
            offer: wish.offer,
            number,
            expires: wish.expires,
            environment: wish.environment,
            active: true,
            created: now,
            first: book.codes_made,
        };
        book.codes_made += u64::from(number);
        book.batches.push(batch.clone());
        Ok(batch)
    }

    fn create_custom_code(&self, wish: custom_code::Wish) -> Result<CustomCode, Refusal> {
        let now = self.clock.now();
        let mut book = lock(&self.book);
        book.admits(&wish.offer, wish.flaws(&book.custom_codes, now))?;
        let number = u32::try_from(wish.number).map_err(|_| Refusal::plain(StatusCode::CONFLICT))?;
        let id = uuid(&[b"custom code", &self.seed.to_be_bytes(), &book.custom_codes.len().to_be_bytes()]);
        let custom_code::Wish { offer, code, expires, .. } = wish;
        let custom = CustomCode { id, offer, code, number, expires, active: true, created: now };
        book.custom_codes.push(custom.clone());
        Ok(custom)
    }
}

impl Book {
    /// Whether codes may be made for an offer; an answer can hold several complaints.
    fn admits(&self, offer: &str, mut flaws: Vec<Flaw>) -> Result<(), Refusal> {
        let offer = self.offers.iter().find(|one| one.id == offer);
        if offer.is_none() {
            let title = "A relationship points to nothing.";
            let flaw = Flaw::new("ENTITY_ERROR.RELATIONSHIP.INVALID", title, "There is no offer with this id.");
            flaws.push(flaw.pointer("/data/relationships/offerCode"));
        }
        Refusal::of_all(StatusCode::CONFLICT, flaws)?;
        if offer.is_some_and(|offer| !offer.active) { Err(Refusal::inactive("offer")) } else { Ok(()) }
    }

    /// What is left of the rolling hour's budget.
    fn remaining(&mut self, now: At) -> u32 {
        let hour_ago = now.minus(Span::hours(1));
        while self.spent.front().is_some_and(|at| *at <= hour_ago) {
            self.spent.pop_front();
        }
        self.hourly_limit.saturating_sub(self.spent.len().try_into().unwrap_or(u32::MAX))
    }

    fn offer(&self, id: &str, base_url: &str) -> Result<Value, Refusal> {
        let offer = self.offers.iter().find(|offer| offer.id == id).ok_or_else(|| Refusal::not_found("offer"))?;
        let made = |environment| -> u64 {
            let of = self.batches.iter().filter(|batch| batch.offer == id && batch.environment == environment);
            of.map(|batch| u64::from(batch.number)).sum()
        };
        let (production, sandbox) = (made(Environment::Production), made(Environment::Sandbox));
        let own = format!("{base_url}/v1/{OFFER_TYPE}/{id}");
        Ok(json!({
            "type": OFFER_TYPE,
            "id": id,
            "attributes": {
                "name": offer.name,
                "customerEligibilities": ["NEW", "EXPIRED"],
                "offerEligibility": "REPLACE_INTRO_OFFERS",
                "duration": "ONE_MONTH",
                "offerMode": "FREE_TRIAL",
                "numberOfPeriods": 1,
                "totalNumberOfCodes": production + sandbox,
                "productionCodeCount": production,
                "sandboxCodeCount": sandbox,
                "active": offer.active,
                "autoRenewEnabled": true,
            },
            "relationships": {"oneTimeUseCodes": {"links": {
                "self": format!("{own}/relationships/oneTimeUseCodes"),
                "related": format!("{own}/oneTimeUseCodes"),
            }}},
            "links": {"self": own},
        }))
    }
}

#[cfg(test)]
mod tests;
