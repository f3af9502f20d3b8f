//! The engine by itself, over memory.

mod disk;
pub mod draws;
mod facts;
pub mod folder;
mod golden;
mod orders;
mod properties;
mod questions;
mod restore;
mod rewarding;
mod rewards;
mod sold;
mod sound;
mod stock;
mod stories;
mod storm;
mod words;

use super::store::Store;
use super::*;
use crate::clock::ManualClock;
use crate::domain::at::{At, Span};
use crate::domain::batch::{Batch, BatchState, Origin};
use crate::domain::claim::ClaimState;
use crate::domain::code::{Code, CodeText};
use crate::domain::completion::{Completion, CompletionState};
use crate::domain::decide::Refusal;
use crate::domain::decide::claim::{ClaimBy, MakeClaim};
use crate::domain::decide::pool::{Adopt, Import, Refill};
use crate::domain::decide::share::{Issue, MyCode};
use crate::domain::delivery::{Effect, Item};
use crate::domain::id::Id;
use crate::domain::policy::*;
use crate::domain::purchase::{About, Report, Source};
use crate::domain::redemption::Redemption;
use crate::domain::referrer::Referrer;
use crate::domain::reward::Account;
use crate::domain::sample;
use crate::entropy::SeededEntropy;
use rows::Row;
use std::collections::BTreeMap;

const NOON: At = At(1_790_000_000_000);
const CAMPAIGN: &str = "friends";

/// A ledger over memory with a clock that stands, and short words for what is asked of it.
pub struct House {
    ledger: Ledger,
    clock: Arc<ManualClock>,
}

impl House {
    /// The usual campaign with this many codes.
    fn of(codes: u32) -> House {
        House::with(sample::policy(), codes)
    }

    fn empty() -> House {
        let db = Database::builder().create_with_backend(redb::backends::InMemoryBackend::new()).unwrap();
        let clock = Arc::new(ManualClock::at(NOON));
        let ledger = Ledger::start(db, clock.clone(), &SeededEntropy::new(1), Home::none(Box::new(|| Ok(())))).unwrap();
        House { ledger, clock }
    }

    fn with(policy: Policy, codes: u32) -> House {
        let house = House::empty();
        house.ask(Command::Adopt(Adopt { policy })).unwrap();
        if codes > 0 {
            house.import("first", 0..codes, 100);
        }
        house
    }

    fn ask(&self, command: Command) -> Result<Reply, Refusal> {
        self.ledger.submit_blocking(super::Entry::new(command, By::House)).map_err(|fail| match fail {
            Fail::Refused(refusal) => refusal,
            other => panic!("{other}"),
        })
    }

    pub fn import(&self, list: &str, codes: std::ops::Range<u32>, days: i64) {
        let codes: Vec<CodeText> = codes.map(code_text).collect();
        let batch = Batch {
            id: Id::of("import", &[list.as_bytes()]),
            campaign: CAMPAIGN.into(),
            origin: Origin::Import,
            environment: Environment::Production,
            expires: NOON.plus(Span::days(days)).date(),
            asked: codes.len() as u32,
            requested_at: NOON,
            apple_id: None,
            state: BatchState::Generating,
        };
        self.ask(Command::Import(Import { batch, first_chunk: 0, codes, last: true })).unwrap();
    }

    fn wait(&self, span: Span) {
        self.clock.set(self.clock.now().plus(span));
    }

    fn person(&self, name: &str) -> Person {
        self.ledger.person(&UserId::parse(name).unwrap())
    }

    fn people(&self, names: &[&str]) -> Vec<Person> {
        names.iter().map(|name| self.person(name)).collect()
    }

    /// Somebody's own code, or none where the stock is empty.
    fn draw(&self, name: &str) -> Option<Code> {
        let ask = MyCode { campaign: CAMPAIGN.into(), person: self.person(name) };
        match self.ask(Command::MyCode(ask)).unwrap() {
            Reply::Code { code, .. } => Some(code),
            Reply::Empty { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    pub fn my_code(&self, name: &str) -> CodeText {
        self.draw(name).expect("the stock has a code").text
    }

    fn slug(&self, name: &str) -> String {
        let person = self.person(name);
        self.all::<Referrer>().into_iter().find(|row| row.person == person).expect("they share").slug
    }

    fn claim_by(&self, name: &str, by: ClaimBy, confirm: bool) -> Result<Claimed, Refusal> {
        match self.ask(Command::Claim(MakeClaim { confirm, ..MakeClaim::of(by, self.person(name)) }))? {
            Reply::Claim { claim, completion, .. } => {
                Ok(Claimed { state: claim.state, code: claim.code, completed: completion })
            }
            Reply::SelfReferral => Err(Refusal::SelfReferral),
            Reply::Empty { .. } => Err(Refusal::PoolEmpty),
            other => panic!("{other:?}"),
        }
    }

    fn claim(&self, name: &str, code: &CodeText) -> Result<ClaimState, Refusal> {
        self.claim_by(name, ClaimBy::Code(code.clone()), false).map(|claimed| claimed.state)
    }

    fn confirm(&self, name: &str, code: &CodeText) -> Result<ClaimState, Refusal> {
        self.claim_by(name, ClaimBy::Code(code.clone()), true).map(|claimed| claimed.state)
    }

    fn come_by(&self, name: &str, slug: &str) -> Result<Claimed, Refusal> {
        self.claim_by(name, ClaimBy::Slug(slug.to_owned()), false)
    }

    /// What a source reports about these people. Whether it was new.
    fn tell(&self, event: &str, at: At, about: About) -> bool {
        self.tell_by(Source::RevenueCat, event, at, about)
    }

    fn tell_by(&self, source: Source, event: &str, at: At, about: About) -> bool {
        let digest = Id::of("digest", &[event.as_bytes()]);
        let kind = "INITIAL_PURCHASE".into();
        let report = Report { source, event: event.into(), digest, kind, at: Some(at), about, hand_on: Vec::new() };
        match self.ask(Command::Report(report)).unwrap() {
            Reply::Kept { repeated, .. } => !repeated,
            other => panic!("{other:?}"),
        }
    }

    /// The first of these ids buys with the campaign's offer, in a transaction named after them.
    fn buy(&self, names: &[&str]) -> bool {
        self.buy_with(names, &format!("T-{}", names[0]), "REF30")
    }

    fn buy_with(&self, names: &[&str], transaction: &str, offer: &str) -> bool {
        let now = self.clock.now();
        let purchase = sample::purchase(transaction, Some(offer), now);
        let event = format!("buy {names:?} {transaction} {offer}");
        self.tell(
            &event,
            now,
            About::Purchase { people: self.people(names), token: None, purchase: Box::new(purchase) },
        )
    }

    fn link(&self, names: &[&str]) -> bool {
        self.tell(&format!("link {names:?}"), self.clock.now(), About::People(self.people(names)))
    }

    fn transfer(&self, from: &[&str], to: &[&str]) -> bool {
        let about = About::Transfer { from: self.people(from), to: self.people(to) };
        self.tell(&format!("transfer {from:?} {to:?}"), self.clock.now(), about)
    }

    fn all<R: Row>(&self) -> Vec<R> {
        let pairs = self.ledger.snapshot().prefix(R::TAB, &[], usize::MAX).unwrap();
        pairs.iter().map(|(_, bytes)| record::decode(bytes, R::TAB.name()).unwrap()).collect()
    }

    fn code(&self, text: &CodeText) -> Code {
        self.ledger.snapshot().row(&rows::code_key(text)).unwrap().expect("it was handed out")
    }

    fn code_word(&self, text: &CodeText) -> &'static str {
        self.code(text).state.word()
    }

    /// Referee, status and method of every completion, by the names given.
    fn completions(&self, names: &[&str]) -> Vec<String> {
        let name = |person: Person| names.iter().find(|name| self.person(name) == person).copied().unwrap_or("?");
        let told = |row: &Completion| {
            let method = row.method.map_or("-", |method| method.word());
            format!("{} for {}: {} {method} {}", name(row.referrer), name(row.referee), row.state.word(), row.days)
        };
        let mut all: Vec<String> = self.all::<Completion>().iter().map(told).collect();
        all.sort();
        all
    }

    fn credited(&self) -> usize {
        let is_credited = |row: &Completion| matches!(row.state, CompletionState::Credited { .. });
        self.all::<Completion>().into_iter().filter(is_credited).count()
    }

    /// Days and end, in days from noon, of the account that an id belongs to.
    fn account(&self, name: &str) -> Option<(u32, i64)> {
        let snapshot = self.ledger.snapshot();
        let circle = circle(&*snapshot, self.person(name)).unwrap();
        let account: Option<Account> = snapshot.row(circle.name().as_bytes()).unwrap();
        account.map(|account| (account.days, (account.end.0 - NOON.0) / Span::days(1).0))
    }

    fn items(&self, kind: &str) -> Vec<Item> {
        self.all::<Item>().into_iter().filter(|item| item.effect.kind() == kind).collect()
    }

    fn redemption(&self, transaction: &str) -> Redemption {
        let all = self.all::<Redemption>();
        all.into_iter().find(|row| row.original_transaction_id == transaction).expect("it was reported")
    }

    /// Every row of the books that does not say in which order things came.
    fn books(&self) -> Vec<(Tab, store::Pair)> {
        let snapshot = self.ledger.snapshot();
        let is_book = |tab: &&Tab| tab.role() == table::Role::Rows && !matches!(tab, Tab::Seen | Tab::Item);
        let rows = |tab: &Tab| snapshot.prefix(*tab, &[], usize::MAX).unwrap();
        Tab::ALL.iter().filter(is_book).flat_map(|tab| rows(tab).into_iter().map(|pair| (*tab, pair))).collect()
    }
}

#[derive(Debug)]
struct Claimed {
    state: ClaimState,
    code: CodeText,
    completed: Option<Completion>,
}

pub fn code_text(n: u32) -> CodeText {
    CodeText::parse(&format!("CODE{n:014}")).unwrap()
}
