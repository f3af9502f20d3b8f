//! One entry of the journal: what happened, who asked, and every row that followed.

use super::at::At;
use super::code::{Code, CodeText, Handed};
use super::conversion::Conversion;
use super::decide::claim::{ClaimBy, MakeClaim};
use super::decide::evidence::Show;
use super::decide::partner::{AddCoupon, ChangePartner, EndCoupon, ErasePartner};
use super::decide::payout::Draft;
use super::decide::{By, Command, Put};
use super::delivery::{Effect, Item};
use super::due::{Due, DueWhat};
use super::id::{Id, Person};
use super::partner::Partner;
use super::purchase::About;
use super::question::Question;
use super::redemption::Redemption;
use super::sale::Sale;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: At,
    pub by: By,
    pub command: Command,
    pub puts: Vec<Put>,
}

/// Who was forgotten: a user, by each of their ids, or a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgotten {
    User(Person),
    Partner(Id),
}

/// What must outlive the restore of an older backup: codes that are in somebody's hands, and who was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lasting {
    pub codes: Vec<Handed>,
    pub forgotten: Vec<Forgotten>,
}

impl Lasting {
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty() && self.forgotten.is_empty()
    }
    pub fn add(&mut self, more: Lasting) {
        self.codes.extend(more.codes);
        self.forgotten.extend(more.forgotten);
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    Person(Person),
    Code(CodeText),
    Transaction(String),
}

impl Entry {
    /// The codes that it took from the stock: a draw moves the stock on, and hands out what was nobody's; a restore finds
    /// that they were taken. So it does of those that another system handed out: they may be in stock here, too. Custom codes
    /// are in no stock.
    pub fn drawn(&self) -> impl Iterator<Item = &Code> {
        let is_known = self.command.is_history() || matches!(self.command, Command::Return(_));
        let moves = self.puts.iter().any(|put| matches!(put, Put::Pool(_)));
        let is_drawn = move |code: &&Code| is_known || (moves && code.assigned_at == self.at);
        let of_stock = move |code: &&Code| !code.is_custom && is_drawn(code);
        self.puts.iter().filter_map(|put| if let Put::Code(code) = put { Some(code) } else { None }).filter(of_stock)
    }

    pub fn lasting(&self) -> Lasting {
        let mut forgotten = Vec::new();
        for put in &self.puts {
            match put {
                Put::Erasure(row) => forgotten.extend(row.members.iter().copied().map(Forgotten::User)),
                Put::Partner(row) if row.is_erased() => forgotten.push(Forgotten::Partner(row.id)),
                _ => {}
            }
        }
        Lasting { codes: self.drawn().map(Handed::of).collect(), forgotten }
    }

    pub fn subjects(&self) -> BTreeSet<Subject> {
        let mut all = BTreeSet::new();
        let mut person = |who: Person| all.insert(Subject::Person(who));
        match &self.command {
            Command::MyCode(my_code) => _ = person(my_code.person),
            Command::Issue(issue) => _ = person(issue.holder),
            Command::Claim(claim) => _ = person(claim.person),
            Command::Report(report) | Command::Show(Show { report, .. }) => {
                report.people().into_iter().for_each(|who| _ = person(*who))
            }
            Command::SignOffer(sign) => _ = person(sign.person),
            Command::EraseUser(erase) => _ = person(erase.person),
            Command::SayConsent(said) => _ = person(said.person),
            Command::GiveCode(give) => _ = person(give.person),
            Command::SayUsage(said) => _ = person(said.person),
            Command::BringCode(code) => _ = person(code.holder),
            Command::NameUser(name) => [name.person, name.token].into_iter().for_each(|who| _ = person(who)),
            Command::Adopt(_)
            | Command::Refill(_)
            | Command::Import(_)
            | Command::BringCompletion(_)
            | Command::Begin(_)
            | Command::Settle(_)
            | Command::Recover(_)
            | Command::Retry(_)
            | Command::Discard(_)
            | Command::Fire(_)
            | Command::CatchUp(_)
            | Command::AskTest(_)
            | Command::AdoptRefunds(_)
            | Command::Review(_)
            | Command::MakePartner(_)
            | Command::Judge(_)
            | Command::Advance(_)
            | Command::AskPayout(_)
            | Command::AskReports(_)
            | Command::Clear(_)
            | Command::Watch(_)
            | Command::AdoptWebhooks(_)
            | Command::EnableWebhook(_)
            | Command::TestWebhooks(_)
            | Command::Return(_)
            | Command::Withhold(_) => {}
            Command::ChangePartner(ChangePartner { partner, .. })
            | Command::ErasePartner(ErasePartner { partner })
            | Command::AddCoupon(AddCoupon { partner, .. })
            | Command::EndCoupon(EndCoupon { partner, .. })
            | Command::Draft(Draft { partner, .. }) => _ = person(Partner::person(*partner)),
        }
        for put in &self.puts {
            match put {
                Put::Code(row) => _ = person(row.assigned_to),
                Put::Referrer(row) => _ = person(row.person),
                Put::Claim(row) => [row.referee, row.referrer].into_iter().for_each(|who| _ = person(who)),
                Put::Completion(row) => [row.referee, row.referrer].into_iter().for_each(|who| _ = person(who)),
                Put::Redemption(Redemption { user: Some(user), .. }) => _ = person(*user),
                Put::WinBack(row) => _ = person(row.person),
                Put::Subscription(row) => _ = row.person().map(&mut person),
                Put::Question(row) => _ = row.owner.map(&mut person),
                Put::Download(row) => row.people.iter().for_each(|who| _ = person(*who)),
                Put::Erasure(row) => row.members.iter().for_each(|who| _ = person(*who)),
                Put::Account(row) => _ = person(row.to),
                Put::Extension(row) => _ = person(row.to),
                Put::Partner(row) => _ = person(Partner::person(row.id)),
                Put::Coupon(row) => _ = person(Partner::person(row.partner)),
                Put::Conversion(row) => _ = person(Partner::person(row.partner)),
                Put::Payout(row) => _ = person(Partner::person(row.partner)),
                Put::Item(row) => _ = row.effect.person().map(&mut person),
                _ => {}
            }
        }
        if let Command::Claim(MakeClaim { by: ClaimBy::Code(text), .. }) = &self.command {
            all.insert(Subject::Code(text.clone()));
        }
        if let Command::Report(report) | Command::Show(Show { report, .. }) = &self.command
            && let About::Purchase { purchase, .. } = &report.about
        {
            all.insert(Subject::Transaction(purchase.original_transaction_id.clone()));
            all.insert(Subject::Transaction(purchase.transaction_id.clone()));
        }
        if let Command::Fire(Due { what: DueWhat::WinBack { lapse, .. }, .. }) = &self.command {
            all.insert(Subject::Transaction(lapse.original_transaction_id.clone()));
        }
        if let Command::Show(show) = &self.command {
            all.insert(Subject::Code(show.code.clone()));
        }
        for put in &self.puts {
            match put {
                Put::Code(row) => _ = all.insert(Subject::Code(row.text.clone())),
                Put::Claim(row) => _ = all.insert(Subject::Code(row.code.clone())),
                Put::WinBack(row) => {
                    all.extend(row.code().cloned().map(Subject::Code));
                    all.insert(Subject::Transaction(row.lapse.original_transaction_id.clone()));
                    all.extend(row.came_back().map(|by| Subject::Transaction(by.transaction_id.clone())));
                }
                Put::Redemption(row) => _ = all.insert(Subject::Transaction(row.original_transaction_id.clone())),
                Put::Extension(row) => _ = all.insert(Subject::Transaction(row.original_transaction_id.clone())),
                Put::Sale(Sale { transaction_id, original_transaction_id, .. })
                | Put::Conversion(Conversion { transaction_id, original_transaction_id, .. }) => {
                    all.insert(Subject::Transaction(transaction_id.clone()));
                    all.insert(Subject::Transaction(original_transaction_id.clone()));
                }
                Put::Question(Question { transaction_id, original_transaction_id, .. }) => {
                    all.insert(Subject::Transaction(transaction_id.clone()));
                    all.insert(Subject::Transaction(original_transaction_id.clone()));
                }
                Put::Item(Item { effect: Effect::AnswerRefund { transaction_id, .. }, .. }) => {
                    all.insert(Subject::Transaction(transaction_id.clone()));
                }
                Put::Item(Item { effect: Effect::SetAppAccountToken { original_transaction_id, .. }, .. }) => {
                    all.insert(Subject::Transaction(original_transaction_id.clone()));
                }
                _ => {}
            }
        }
        all
    }
}
