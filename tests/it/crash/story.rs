//! A seeded story: what a team's app, RevenueCat, Apple and the clock may bring, told to a real ledger,
//! one command at a time and several in one commit.

use super::campaign::{CAMPAIGN, NOON, adopt, my_code, policy, user};
use crate::support::disk::{Disk, Fault, Image, Tape};
use crate::support::gate::Gate;
use crate::support::rng::Rng;
use redb::Database;
use referd::clock::ManualClock;
use referd::domain::at::{At, Span};
use referd::domain::batch::{Batch, BatchState, Origin};
use referd::domain::code::CodeText;
use referd::domain::decide::claim::{ClaimBy, MakeClaim};
use referd::domain::decide::delivery::{Begin, Discard, Recover, Retry, Settle};
use referd::domain::decide::pool::{Adopt, Import, Refill};
use referd::domain::decide::share::Issue;
use referd::domain::decide::webhook::{AdoptWebhooks, EnableWebhook, Listed};
use referd::domain::decide::{By, Command, Reply};
use referd::domain::delivery::{Effect, Item, ItemState};
use referd::domain::due::Due;
use referd::domain::id::{Id, Person, UserId};
use referd::domain::outcome::{Answer, Outcome};
use referd::domain::policy::Environment;
use referd::domain::purchase::{About, Purchase, RefundWord, Report, Source};
use referd::domain::webhook::Webhook;
use referd::entropy::SeededEntropy;
use referd::ledger::{Entry, Fail, Home, Ledger, list};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

const SOURCES: [Source; 4] = [Source::RevenueCat, Source::RevenueCat, Source::Apple, Source::App];

/// What kind of story.
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    pub seed: u64,
    pub steps: usize,
    /// Bodies of some ten kilobytes, so that the file grows.
    pub is_long: bool,
}

/// Something that an answer promised: it stands from then on.
#[derive(Clone, Debug)]
pub enum Promise {
    Assigned(CodeText, Person),
    Claimed(String, Person),
    Seen(Source, String),
}

/// An answer, by the place on the tape at which it was there.
pub struct Ack {
    pub place: usize,
    /// The last entry that was durable then.
    pub seq: u64,
    pub promises: Vec<Promise>,
}

/// Commands that were asked together.
pub struct Step {
    pub begun: usize,
    pub done: usize,
    pub before: u64,
    pub after: u64,
}

pub struct Story {
    pub plot: Plot,
    pub ledger: Ledger,
    pub disk: Disk,
    pub acks: Vec<Ack>,
    pub steps: Vec<Step>,
    /// Answers that were not Ok because the disk failed.
    pub unknown: usize,
    clock: Arc<ManualClock>,
    gate: Arc<Gate>,
    rng: Rng,
    runtime: tokio::runtime::Runtime,
    now: At,
    codes: Vec<CodeText>,
    slugs: Vec<String>,
    reports: Vec<Entry>,
    made: u32,
}

type Asked<'a> = Pin<Box<dyn Future<Output = Result<Reply, Fail>> + 'a>>;

impl Story {
    /// Opens the ledger of a story; with a fault that may already fail.
    pub fn open(plot: Plot, on: Image, fault: Option<Fault>) -> Result<Story, (Disk, String)> {
        let disk = Disk::over(on);
        if let Some(fault) = fault {
            disk.fail(fault);
        }
        let (clock, gate) = (Arc::new(ManualClock::at(NOON)), Arc::new(Gate::default()));
        let pass = gate.clone();
        let take_turns = Box::new(move || {
            pass.pass();
            Ok(())
        });
        let opened = Database::builder().create_with_backend(disk.clone()).map_err(|error| error.to_string());
        let started = opened.and_then(|db| {
            let entropy = SeededEntropy::new(plot.seed);
            Ledger::start(db, clock.clone(), &entropy, Home::none(take_turns)).map_err(|error| error.to_string())
        });
        let ledger = started.map_err(|why| (disk.clone(), why))?;
        Ok(Story {
            plot,
            ledger,
            disk,
            acks: Vec::new(),
            steps: Vec::new(),
            unknown: 0,
            clock,
            gate,
            rng: Rng::new(plot.seed),
            runtime: tokio::runtime::Builder::new_current_thread().build().expect("a runtime"),
            now: NOON,
            codes: Vec::new(),
            slugs: Vec::new(),
            reports: Vec::new(),
            made: 0,
        })
    }

    /// Tells the story, to its end or to the first failure of the disk.
    pub fn tell(&mut self) {
        let first = self.import(6, true);
        for step in 0..self.plot.steps {
            let pause = if self.rng.percent(5) { Span::days(2) } else { Span::millis(1 + self.rng.below(3000) as i64) };
            self.now = self.now.plus(pause);
            self.clock.set(self.now);
            let entries = match step {
                0 => vec![adopt()],
                1 => vec![Entry::new(first.command.clone(), By::House)],
                _ if self.rng.percent(25) => (0..2 + self.rng.below(5)).map(|_| self.any()).collect(),
                _ => vec![self.any()],
            };
            self.ask(entries);
            if self.unknown > 0 {
                return;
            }
        }
    }

    pub fn end(self) -> Tape {
        let disk = self.disk.clone();
        drop(self);
        disk.take_tape()
    }

    /// Asks all at once: the first in a batch of its own, which is held until the rest wait, so that
    /// the rest are one batch.
    fn ask(&mut self, entries: Vec<Entry>) {
        let changed = self.ledger.changed();
        let seq = || *changed.borrow();
        let (begun, before) = (self.disk.place(), seq());
        let commands: Vec<Command> = entries.iter().map(|entry| entry.command.clone()).collect();
        let batches = self.gate.shut();
        let mut waker = Context::from_waker(Waker::noop());
        let mut waiting: Vec<Asked<'_>> = Vec::new();
        let mut answers = Vec::new();
        for entry in entries {
            let mut asked: Asked<'_> = Box::pin(self.ledger.submit(entry));
            // The first poll puts it in the queue; behind the shut gate nothing is answered.
            _ = asked.as_mut().poll(&mut waker);
            waiting.push(asked);
            if waiting.len() == 1 {
                self.gate.wait_for(batches + 1);
            }
        }
        self.gate.open();
        for asked in waiting {
            let answer = self.runtime.block_on(asked);
            // In this order: what was durable is on the tape before the place.
            let seq = seq();
            answers.push((answer, Ack { place: self.disk.place(), seq, promises: Vec::new() }));
        }
        let (done, after) = (self.disk.place(), seq());
        self.steps.push(Step { begun, done, before, after });
        for (command, (answer, mut ack)) in commands.iter().zip(answers) {
            match answer {
                Ok(reply) => {
                    ack.promises = self.learn(command, reply);
                    self.acks.push(ack);
                }
                Err(Fail::Refused(_)) => self.acks.push(ack),
                Err(Fail::Unknown) => self.unknown += 1,
                Err(other) => panic!("{}: {other}", command.kind()),
            }
        }
    }

    fn learn(&mut self, command: &Command, reply: Reply) -> Vec<Promise> {
        match (command, reply) {
            (_, Reply::Code { code, slug }) => {
                self.codes.push(code.text.clone());
                self.slugs.push(slug);
                vec![Promise::Assigned(code.text, code.assigned_to)]
            }
            (_, Reply::Issued(codes)) => {
                self.codes.extend(codes.iter().map(|code| code.text.clone()));
                codes.into_iter().map(|code| Promise::Assigned(code.text, code.assigned_to)).collect()
            }
            (_, Reply::Claim { claim, .. }) => {
                let promise = Promise::Claimed(claim.campaign, claim.referee);
                vec![promise, Promise::Assigned(claim.code, claim.referrer)]
            }
            (Command::Report(report), _) => vec![Promise::Seen(report.source, report.event.clone())],
            _ => Vec::new(),
        }
    }

    fn any(&mut self) -> Entry {
        let codes = self.codes.clone();
        match self.rng.below(100) {
            0..15 => {
                let name = self.name();
                my_code(&self.ledger, &name)
            }
            15..27 => match self.rng.pick(&codes).cloned() {
                Some(code) => self.claim(ClaimBy::Code(code)),
                None => self.report(),
            },
            27..37 => match self.rng.pick(&self.slugs).cloned() {
                Some(slug) => self.claim(ClaimBy::Slug(slug)),
                None => self.report(),
            },
            37..62 => self.report(),
            62..66 => self.issue(),
            66..90 => self.courier().unwrap_or_else(|| self.house(Command::Refill(self.refill()))),
            90..92 => self.house(Command::Refill(self.refill())),
            92..95 => {
                let of = |n: usize| Webhook::id(&n.to_string());
                match self.rng.below(3) {
                    0 => self.house(Command::EnableWebhook(EnableWebhook { webhook: of(0) })),
                    count => {
                        let listed = |n| Listed { id: of(n), host: "b.example".into(), events: Vec::new() };
                        self.house(Command::AdoptWebhooks(AdoptWebhooks { webhooks: (0..count).map(listed).collect() }))
                    }
                }
            }
            95 => {
                let mut policy = policy();
                policy.pool.low_water = 4 + self.rng.below(4) as u32;
                self.house(Command::Adopt(Adopt { policy }))
            }
            96..98 => self.import(3, true),
            _ => {
                let due =
                    list::rows::<_, Due>(&*self.ledger.snapshot(), None, 9, |_| true).expect("memory reads").items;
                match self.rng.pick(&due).cloned() {
                    Some(due) => self.house(Command::Fire(due)),
                    None => self.report(),
                }
            }
        }
    }

    fn name(&mut self) -> String {
        format!("user-{}", self.rng.below(10))
    }

    fn house(&self, command: Command) -> Entry {
        Entry::new(command, By::House)
    }

    fn refill(&self) -> Refill {
        Refill { campaign: CAMPAIGN.into(), by_hand: true }
    }

    fn claim(&mut self, by: ClaimBy) -> Entry {
        let who = user(&self.name());
        let confirm = self.rng.percent(30);
        let claim = MakeClaim { confirm, ..MakeClaim::of(by, self.ledger.person(&who)) };
        Entry::new(Command::Claim(claim), By::App).naming([who])
    }

    fn issue(&mut self) -> Entry {
        let (who, count) = (user("creator"), 1 + self.rng.below(3) as u32);
        let holder = self.ledger.person(&who);
        let issue = Issue { campaign: CAMPAIGN.into(), holder, label: Some("list".into()), count, for_partner: false };
        let by = By::Admin { token: "ops".into(), reason: None };
        Entry::new(Command::Issue(issue), by).naming([who])
    }

    fn texts(&mut self, count: usize) -> Vec<CodeText> {
        self.made += 1;
        let text = |n| format!("S{:04}C{:06}N{n:06}", self.plot.seed % 10_000, self.made);
        (0..count).map(|n| CodeText::parse(&text(n)).expect("a code")).collect()
    }

    fn import(&mut self, count: usize, last: bool) -> Entry {
        let codes = self.texts(count);
        let batch = Batch {
            id: Id::of("import", &[&self.made.to_be_bytes()]),
            campaign: CAMPAIGN.into(),
            origin: Origin::Import,
            environment: Environment::Production,
            expires: self.now.plus(Span::days(100)).date(),
            asked: count as u32,
            requested_at: self.now,
            apple_id: None,
            state: BatchState::Generating,
        };
        self.house(Command::Import(Import { batch, first_chunk: 0, codes, last }))
    }

    /// What RevenueCat sends: a fifth of it again.
    fn report(&mut self) -> Entry {
        if self.rng.percent(20)
            && let Some(old) = self.rng.pick(&self.reports)
        {
            let Command::Report(mut report) = old.command.clone() else { unreachable!("only reports are kept") };
            if self.rng.percent(30) {
                report.digest = Id::of("digest", &[b"another"]);
            }
            return Entry::new(Command::Report(report), old.by.clone()).naming(old.people.clone());
        }
        let (first, second, turn) = (self.name(), self.name(), self.rng.below(10));
        let anonymous = format!("$RCAnonymousID:{:032}", self.rng.below(6));
        let transaction = format!("T{}", self.rng.below(20));
        let purchase = Box::new(Purchase {
            original_transaction_id: transaction.clone(),
            transaction_id: format!("{transaction}.{}", self.rng.below(3)),
            product_id: "monthly".into(),
            offer: self.rng.percent(85).then(|| self.codes_or_offer()),
            purchased_at: Some(self.now.minus(Span::seconds(30))),
            is_test: self.rng.percent(10),
            app_transaction_id: self.rng.percent(30).then(|| format!("D{}", self.rng.below(8))),
            refund: self.refund(),
            ..Purchase::default()
        });
        let source = if turn < 6 { *self.rng.pick(&SOURCES).expect("there are some") } else { Source::RevenueCat };
        let token = (source == Source::Apple && self.rng.percent(50)).then(|| user(&second));
        let people = match (source, turn) {
            (Source::Apple, _) => vec![],
            (_, 5) => vec![user(&first), user(&anonymous)],
            _ => vec![user(&first)],
        };
        let (kind, about) = match turn {
            0..6 => ("INITIAL_PURCHASE", About::Purchase { people, token, purchase }),
            6 => ("SUBSCRIBER_ALIAS", About::People(vec![user(&first), user(&anonymous)])),
            7 | 8 => ("TRANSFER", About::Transfer { from: vec![user(&first)], to: vec![user(&second)] }),
            _ => ("TEST", About::Nothing),
        };
        let size = if self.plot.is_long { 20_000 + self.rng.below(60_000) } else { self.rng.below(3000) };
        let body: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| self.rng.next().to_be_bytes()).collect();
        let event = format!("event-{}", self.rng.next());
        let report = Report {
            source,
            digest: Id::of("digest", &[&body]),
            event,
            kind: kind.into(),
            at: Some(self.now),
            about,
            hand_on: Vec::new(),
        };
        let people: Vec<UserId> = report.people().into_iter().cloned().collect();
        let report = report.map(|user| self.ledger.person(&user));
        let entry = Entry::new(Command::Report(report), By::Source(source)).naming(people).raw(&body);
        self.reports.push(Entry::new(entry.command.clone(), entry.by.clone()).naming(entry.people.clone()));
        entry
    }

    fn refund(&mut self) -> Option<RefundWord> {
        match self.rng.below(10) {
            0 => Some(RefundWord::Refunded { at: self.now }),
            1 => Some(RefundWord::Reversed),
            _ => None,
        }
    }

    /// Mostly the offer's name; sometimes a code that somebody holds.
    fn codes_or_offer(&mut self) -> String {
        match self.rng.pick(&self.codes).cloned().filter(|_| self.rng.percent(15)) {
            Some(code) => code.as_str().to_owned(),
            None => "REF30".to_owned(),
        }
    }

    /// The next step of some delivery, good or bad.
    fn courier(&mut self) -> Option<Entry> {
        let can_move = |item: &Item| !matches!(item.state, ItemState::Done { .. });
        let open = list::rows::<_, Item>(&*self.ledger.snapshot(), None, 50, can_move).expect("memory reads").items;
        let Item { id: item, state, effect, .. } = self.rng.pick(&open)?.clone();
        let command = match state {
            ItemState::Waiting { next } if next > self.now => match self.rng.below(10) {
                0 => Command::Discard(Discard { item }),
                _ => Command::Retry(Retry { item }),
            },
            ItemState::Waiting { .. } => Command::Begin(Begin { item }),
            ItemState::Dead { .. } if self.rng.percent(50) => Command::Discard(Discard { item }),
            ItemState::Dead { .. } | ItemState::Done { .. } => Command::Retry(Retry { item }),
            ItemState::Begun { .. } if self.rng.percent(10) => Command::Recover(Recover { item }),
            ItemState::Begun { .. } => Command::Settle(Settle { item, outcome: self.outcome(&effect) }),
        };
        Some(self.house(command))
    }

    fn outcome(&mut self, effect: &Effect) -> Outcome {
        match (self.rng.below(10), effect) {
            (0, _) => Outcome::Again { after: Some(Span::seconds(1)), why: "429".into() },
            (1, _) => Outcome::Never { why: "404".into() },
            (2, _) => Outcome::Unsure { why: "timeout".into() },
            (_, Effect::Grant { end, .. }) => Outcome::Done(Answer::Granted { end: *end }),
            (n, Effect::RequestBatch { .. }) => Outcome::Done(Answer::BatchMade { apple_id: format!("apple-{n}") }),
            (_, Effect::FetchCodes { .. }) => {
                Outcome::Done(Answer::Codes(self.texts(policy().pool.batch_size as usize)))
            }
            (n, Effect::CatchUp { since, .. }) => {
                Outcome::Done(Answer::CaughtUp { until: since.plus(Span::hours(n as i64)), read: 20, new: n as u32 })
            }
            (_, Effect::LookUp { .. }) => Outcome::Done(Answer::LookedUp { purchases: 1 }),
            (n, Effect::RequestTest { .. }) => Outcome::Done(Answer::TestRequested { token: format!("test-{n}") }),
            (n, Effect::CheckTest { .. }) => {
                Outcome::Done(Answer::TestSent { result: "SUCCESS".into(), has_arrived: n > 5 })
            }
            (_, Effect::Extend { .. }) => Outcome::Done(Answer::Extended { until: NOON }),
            (n, Effect::AskDevice { .. }) => Outcome::Done(Answer::Device { bit0: n > 7, bit1: n % 2 == 0 }),
            (n, Effect::MakeCustomCode { .. }) => {
                Outcome::Done(Answer::CustomCodeMade { apple_id: format!("code-{n}") })
            }
            (_, Effect::FetchReport { .. }) => Outcome::Done(Answer::Report(None)),
            (_, Effect::PayOut { .. } | Effect::AskPayout { .. }) => {
                Outcome::Done(Answer::Disputed { why: "another".into() })
            }
            (
                _,
                Effect::SetAppAccountToken { .. }
                | Effect::MarkDevice { .. }
                | Effect::EndCustomCode { .. }
                | Effect::AnswerRefund { .. }
                | Effect::Forward { .. }
                | Effect::Tell { .. },
            ) => Outcome::Done(Answer::Sent),
        }
    }
}
