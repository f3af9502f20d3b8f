//! The one writer. It takes what waits, decides in order, commits once, and answers after the commit:
//! refusals and repeats too, for they were read from rows that were not yet durable.

use super::Aside;
use super::draws::Draws;
use super::erase::{forget, forget_partner};
use super::error::{Error, Fail};
use super::follow::follow;
use super::inbox;
use super::load::Load;
use super::mark::{self, Mark};
use super::names::Names;
use super::record::encode;
use super::step::Tables;
use super::store::{Snapshot, Store};
use super::table::Tab;
use super::tell::tell;
use crate::clock::{Clock, Stopwatch};
use crate::domain::decide::alert::{ClearFamily, WatchFamily};
use crate::domain::decide::bring::{BringCodeFamily, BringCompletionFamily};
use crate::domain::decide::claim::ClaimFamily;
use crate::domain::decide::consent::ConsentFamily;
use crate::domain::decide::conversion::JudgeFamily;
use crate::domain::decide::delivery::{BeginFamily, DiscardFamily, RecoverFamily, RetryFamily, SettleFamily};
use crate::domain::decide::due::DueFamily;
use crate::domain::decide::erasure::EraseUserFamily;
use crate::domain::decide::evidence::{NameUserFamily, ShowFamily};
use crate::domain::decide::hearing::{AskTestFamily, CatchUpFamily};
use crate::domain::decide::offer::SignOfferFamily;
use crate::domain::decide::partner::{
    AddCouponFamily, ChangePartnerFamily, EndCouponFamily, ErasePartnerFamily, MakePartnerFamily,
};
use crate::domain::decide::payout::{AdvanceFamily, AskPayoutFamily, DraftFamily};
use crate::domain::decide::pool::{AdoptFamily, ImportFamily, RefillFamily};
use crate::domain::decide::question::RefundRulesFamily;
use crate::domain::decide::reconciliation::AskReportsFamily;
use crate::domain::decide::report::ReportFamily;
use crate::domain::decide::restore::{ReturnFamily, WithholdFamily};
use crate::domain::decide::review::ReviewFamily;
use crate::domain::decide::share::{IssueFamily, ShareFamily};
use crate::domain::decide::usage::UsageFamily;
use crate::domain::decide::webhook::{AdoptWebhooksFamily, EnableWebhookFamily, TestWebhooksFamily};
use crate::domain::decide::winback::GiveCodeFamily;
use crate::domain::decide::{By, Command, Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::entry::Lasting;
use crate::domain::id::UserId;
use crate::domain::policy::Rules;
use crate::domain::purchase::Source;
use arc_swap::ArcSwap;
use redb::{Database, ReadableDatabase, WriteTransaction};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// A command on its way to the writer.
pub struct Envelope {
    pub entry: super::Entry,
    pub reply: oneshot::Sender<Result<Reply, Fail>>,
}

/// What the writer is asked for.
pub enum Ask {
    Command(Box<Envelope>),
    /// A durable write with no content: is the disk still there?
    Beat(oneshot::Sender<Result<Reply, Fail>>),
}

const BATCH: usize = 256;

/// How the writing goes, for the metrics.
#[derive(Default)]
pub struct Pulse {
    pub commits: AtomicU64,
    pub commands: AtomicU64,
    pub commit_micros: AtomicU64,
    pub slowest_micros: AtomicU64,
    pub defects: AtomicU64,
    /// Commands that the disk took no write for.
    pub refused: AtomicU64,
    /// When the last durable write was done, milliseconds.
    pub last_commit: AtomicU64,
}

pub(super) struct Writer {
    pub db: Arc<Database>,
    pub names: Arc<Names>,
    pub clock: Arc<dyn Clock>,
    pub view: Arc<ArcSwap<Snapshot>>,
    pub changed: watch::Sender<u64>,
    pub failed: watch::Sender<bool>,
    pub pulse: Arc<Pulse>,
    pub disk: super::Disk,
    /// Why it takes no writes now.
    pub unwritable: Option<Fail>,
    /// Absent where there is no folder.
    pub draws: Option<Draws>,
    pub mark: Mark,
    pub rules: Mutex<Option<Vec<Arc<Rules>>>>,
}

/// The one way to write. With quick repair the file survives a failed flush, and opens at once after
/// a kill, however large it is.
#[allow(clippy::disallowed_methods)] // the one caller
pub fn begin(db: &Database) -> Result<WriteTransaction, Error> {
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    Ok(txn)
}

impl Writer {
    /// Works until the ledger is closed or the disk fails.
    pub fn run(mut self, asks: &Receiver<Ask>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            match asks.recv_timeout(Duration::from_secs(3600)) {
                Ok(ask) => batch.push(ask),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            }
            batch.extend(asks.try_iter().take(BATCH - 1));
            let mut answers = Vec::with_capacity(batch.len());
            let done = self.commit(batch.drain(..), &mut answers);
            if let Err(error) = &done {
                tracing::error!(%error, "the write failed; referd ends, to start again from the file");
            }
            for (reply, answer) in answers {
                _ = reply.send(if done.is_ok() { answer } else { Err(Fail::Unknown) });
            }
            if done.is_err() {
                _ = self.failed.send(true);
                return;
            }
        }
    }

    /// Whether the disk takes writes; a change is told.
    fn look(&mut self) -> Result<(), Fail> {
        let found = (self.disk)();
        let now = found.as_ref().err().cloned();
        if now != self.unwritable {
            match &now {
                Some(fail) => tracing::error!(%fail, "NOTHING IS WRITTEN: what is known is still told"),
                None => tracing::info!("the disk takes writes again"),
            }
            self.unwritable = now;
        }
        found
    }

    fn commit(&mut self, batch: impl Iterator<Item = Ask>, answers: &mut Vec<Answered>) -> Result<(), Error> {
        let (started, watch) = (self.clock.now(), Stopwatch::start());
        let asks: Vec<Ask> = batch.collect();
        let count = asks.len() as u64;
        if let Err(fail) = self.look() {
            let commands = asks.iter().filter(|ask| matches!(ask, Ask::Command(_))).count();
            self.pulse.refused.fetch_add(commands as u64, Ordering::Relaxed);
            answers.extend(asks.into_iter().map(|ask| (ask.reply(), Err(fail.clone()))));
            return Ok(());
        }
        let mut mark = self.mark;
        mark.at = mark.at.max(started);
        let txn = begin(&self.db)?;
        let (mut writes, mut lasting) = (false, Lasting::default());
        {
            let mut tables = Tables::open(&txn, self.names.clone(), &self.rules)?;
            for ask in asks {
                match ask {
                    Ask::Beat(reply) => {
                        writes = true;
                        answers.push((reply, Ok(Reply::Nothing)));
                    }
                    Ask::Command(envelope) => {
                        let Envelope { entry, reply } = *envelope;
                        let stamp = Stamp { seq: mark.seq + 1, at: mark.at };
                        // The sender's answer stands in the list before anything can fail.
                        answers.push((reply, Err(Fail::Unknown)));
                        let answer = self.take(&mut tables, stamp, entry, &mut lasting)?;
                        if let Ok((_, true)) = answer {
                            mark.seq += 1;
                            writes = true;
                        }
                        writes |= matches!(answer, Err(Fail::Defect));
                        if let Some(last) = answers.last_mut() {
                            last.1 = answer.map(|(reply, _)| reply);
                        }
                    }
                }
            }
            if writes {
                mark::write(&mut tables, mark)?;
                tables.finish()?;
            }
        }
        if !writes {
            return Ok(());
        }
        txn.commit()?;
        if let Some(draws) = &mut self.draws {
            draws.add(mark, lasting)?;
        }
        self.view.store(Arc::new(Snapshot::new(self.db.begin_read()?, self.names.clone())));
        self.mark = mark;
        self.changed.send_replace(mark.seq);
        self.measure(watch.micros(), count);
        Ok(())
    }

    /// Decides one command and writes what follows. The flag says whether anything was written, and what must outlive a
    /// restore is added to `lasting`.
    fn take(
        &self,
        tables: &mut Tables<'_>,
        stamp: Stamp,
        entry: super::Entry,
        lasting: &mut Lasting,
    ) -> Result<Result<(Reply, bool), Fail>, Error> {
        let super::Entry { command, by, people, token, aside, raw } = entry;
        let mut decided = match decide(tables, &command, stamp)? {
            Ok(Ok(decision)) => decision,
            Ok(Err(refusal)) => return Ok(Err(Fail::Refused(refusal))),
            Err(Panicked) => {
                self.pulse.defects.fetch_add(1, Ordering::Relaxed);
                tracing::error!(kind = command.kind(), "a defect stopped a command; it is kept in quarantine");
                let kept = encode(&(stamp.at, by, &command));
                let name = crate::domain::id::Id::of("quarantine", &[&kept]);
                tables.insert(Tab::Quarantine, name.as_bytes(), &kept)?;
                return Ok(Err(Fail::Defect));
            }
        };
        if decided.is_same() {
            return Ok(Ok((decided.reply, false)));
        }
        follow(tables, stamp, &mut decided)?;
        if !command.is_history() {
            tell(tables, stamp, &mut decided)?;
        }
        keep_aside(tables, aside, &decided.puts)?;
        for put in &decided.puts {
            match put {
                Put::Erasure(erasure) => forget(tables, erasure)?,
                Put::Partner(partner) if partner.is_erased() => forget_partner(tables, partner.id)?,
                _ => {}
            }
        }
        for user in &people {
            self.call(tables, user, &by)?;
        }
        if let (Some(user), Some(token)) = (people.first(), token) {
            tables.insert(Tab::Token, self.names.person(user).as_bytes(), token.as_bytes())?;
        }
        if let Some(raw) = raw {
            inbox::keep(tables, stamp, &raw)?;
        }
        decided.puts.iter().for_each(announce);
        let reply = decided.reply.clone();
        let entry = tables.apply(stamp, by, &command, decided)?;
        lasting.add(entry.lasting());
        Ok(Ok((reply, true)))
    }

    /// Keeps what a person calls themselves. Apple writes ids in small letters whatever the app does, so its
    /// spelling gives way to another's.
    fn call(&self, tables: &mut Tables<'_>, user: &UserId, by: &By) -> Result<(), Error> {
        let (person, name) = (self.names.person(user), user.as_str().as_bytes());
        let known = tables.get(Tab::People, person.as_bytes())?;
        let is_theirs = matches!(by, By::App | By::Source(Source::RevenueCat));
        if known.is_none_or(|known| known != name && is_theirs) {
            tables.insert(Tab::People, person.as_bytes(), name)?;
        }
        Ok(())
    }

    fn measure(&self, micros: u64, commands: u64) {
        self.pulse.commits.fetch_add(1, Ordering::Relaxed);
        self.pulse.commands.fetch_add(commands, Ordering::Relaxed);
        self.pulse.commit_micros.fetch_add(micros, Ordering::Relaxed);
        self.pulse.slowest_micros.fetch_max(micros, Ordering::Relaxed);
        self.pulse.last_commit.store(self.clock.now().0 as u64, Ordering::Relaxed);
    }
}

/// What somebody has to look at. What it is about may be a code, so it is told to administrators only.
fn announce(put: &Put) {
    if let Put::Alert(alert) = put
        && alert.is_open()
    {
        tracing::error!(kind = alert.kind.word(), "somebody has to look at something: see the alerts");
    }
}

/// What names people stands beside the books, where it can be taken away.
fn keep_aside(tables: &mut Tables<'_>, aside: Option<Aside>, puts: &[Put]) -> Result<(), Error> {
    let partner = puts.iter().find_map(|put| match put {
        Put::Partner(row) => Some(row.id),
        _ => None,
    });
    match (aside, partner) {
        (Some(Aside::Contact(contact)), Some(id)) => tables.insert(Tab::Contact, id.as_bytes(), &encode(&contact)),
        (Some(Aside::Link(payout, link)), _) => tables.insert(Tab::Contact, payout.as_bytes(), link.as_bytes()),
        (Some(Aside::Contact(_)) | None, _) => Ok(()),
    }
}

type Answered = (oneshot::Sender<Result<Reply, Fail>>, Result<Reply, Fail>);

impl Ask {
    fn reply(self) -> oneshot::Sender<Result<Reply, Fail>> {
        match self {
            Ask::Command(envelope) => envelope.reply,
            Ask::Beat(reply) => reply,
        }
    }
}

pub(super) struct Panicked;

pub(super) type Decided = Result<Result<Decision, Refusal>, Panicked>;

/// Which family decides which command.
pub(super) fn decide(store: &impl Store, command: &Command, stamp: Stamp) -> Result<Decided, Error> {
    match command {
        Command::MyCode(command) => by::<ShareFamily>(store, command, stamp),
        Command::Issue(command) => by::<IssueFamily>(store, command, stamp),
        Command::Claim(command) => by::<ClaimFamily>(store, command, stamp),
        Command::Report(command) => by::<ReportFamily>(store, command, stamp),
        Command::Show(command) => by::<ShowFamily>(store, command, stamp),
        Command::NameUser(command) => by::<NameUserFamily>(store, command, stamp),
        Command::Adopt(command) => by::<AdoptFamily>(store, command, stamp),
        Command::Refill(command) => by::<RefillFamily>(store, command, stamp),
        Command::Import(command) => by::<ImportFamily>(store, command, stamp),
        Command::BringCode(command) => by::<BringCodeFamily>(store, command, stamp),
        Command::BringCompletion(command) => by::<BringCompletionFamily>(store, command, stamp),
        Command::Begin(command) => by::<BeginFamily>(store, command, stamp),
        Command::Settle(command) => by::<SettleFamily>(store, command, stamp),
        Command::Recover(command) => by::<RecoverFamily>(store, command, stamp),
        Command::Retry(command) => by::<RetryFamily>(store, command, stamp),
        Command::Discard(command) => by::<DiscardFamily>(store, command, stamp),
        Command::Fire(command) => by::<DueFamily>(store, command, stamp),
        Command::CatchUp(command) => by::<CatchUpFamily>(store, command, stamp),
        Command::AskTest(command) => by::<AskTestFamily>(store, command, stamp),
        Command::Review(command) => by::<ReviewFamily>(store, command, stamp),
        Command::MakePartner(command) => by::<MakePartnerFamily>(store, command, stamp),
        Command::ChangePartner(command) => by::<ChangePartnerFamily>(store, command, stamp),
        Command::ErasePartner(command) => by::<ErasePartnerFamily>(store, command, stamp),
        Command::AddCoupon(command) => by::<AddCouponFamily>(store, command, stamp),
        Command::EndCoupon(command) => by::<EndCouponFamily>(store, command, stamp),
        Command::Judge(command) => by::<JudgeFamily>(store, command, stamp),
        Command::Draft(command) => by::<DraftFamily>(store, command, stamp),
        Command::Advance(command) => by::<AdvanceFamily>(store, command, stamp),
        Command::AskPayout(command) => by::<AskPayoutFamily>(store, command, stamp),
        Command::SignOffer(command) => by::<SignOfferFamily>(store, command, stamp),
        Command::AdoptRefunds(command) => by::<RefundRulesFamily>(store, command, stamp),
        Command::SayConsent(command) => by::<ConsentFamily>(store, command, stamp),
        Command::SayUsage(command) => by::<UsageFamily>(store, command, stamp),
        Command::GiveCode(command) => by::<GiveCodeFamily>(store, command, stamp),
        Command::Clear(command) => by::<ClearFamily>(store, command, stamp),
        Command::Watch(command) => by::<WatchFamily>(store, command, stamp),
        Command::AskReports(command) => by::<AskReportsFamily>(store, command, stamp),
        Command::AdoptWebhooks(command) => by::<AdoptWebhooksFamily>(store, command, stamp),
        Command::EnableWebhook(command) => by::<EnableWebhookFamily>(store, command, stamp),
        Command::TestWebhooks(command) => by::<TestWebhooksFamily>(store, command, stamp),
        Command::EraseUser(command) => by::<EraseUserFamily>(store, command, stamp),
        Command::Return(command) => by::<ReturnFamily>(store, command, stamp),
        Command::Withhold(command) => by::<WithholdFamily>(store, command, stamp),
    }
}

fn by<F: Load>(store: &impl Store, command: &F::Command, stamp: Stamp) -> Result<Decided, Error> {
    let facts = F::load(store, command, stamp.at)?;
    Ok(catch_unwind(AssertUnwindSafe(|| <F as Family>::decide(&facts, command, stamp))).map_err(|_| Panicked))
}
