//! Lists, page by page.

use super::{Admin, Parts};
use crate::domain::claim::Claim;
use crate::domain::code::Code;
use crate::domain::completion::Completion;
use crate::domain::delivery::{Effect, Item};
use crate::domain::entry::Subject;
use crate::domain::id::{Person, UserId};
use crate::domain::redemption::Redemption;
use crate::domain::winback::WinBack;
use crate::http::extract::{ok, query};
use crate::http::front::App;
use crate::http::problem::Problem;
use crate::http::route::{Route, Who, get};
use crate::ledger::list::{self, Page};
use crate::ledger::rows::Row;
use crate::ledger::{circle, journal, people};
use crate::wire::view::View;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::Uri;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const USUAL: usize = 50;
const MOST: usize = 500;

pub struct Wish {
    pub status: Option<String>,
    pub campaign: Option<String>,
    pub person: Option<Person>,
    pub limit: usize,
    pub cursor: Option<Vec<u8>>,
}

impl Wish {
    pub fn read(app: &App, uri: &Uri) -> Result<Wish, Problem> {
        let [status, campaign, user, limit, cursor] = query(uri, ["status", "campaign", "user", "limit", "cursor"])?;
        let user = user.map(|user| UserId::parse(&user)).transpose();
        let user = user.map_err(|fault| Problem::bad_request(format!("user: {fault}")))?;
        let limit = limit.map_or(Ok(USUAL), |limit| limit.parse());
        let limit = limit.ok().filter(|limit| (1..=MOST).contains(limit));
        let cursor = cursor.map(|cursor| unhex(&cursor).ok_or(())).transpose();
        Ok(Wish {
            status,
            campaign,
            person: user.map(|user| app.ledger.person(&user)),
            limit: limit.ok_or_else(|| Problem::bad_request(format!("limit is 1 to {MOST}")))?,
            cursor: cursor.map_err(|()| Problem::bad_request("the cursor is not one of ours"))?,
        })
    }
    pub fn keeps(&self, campaign: Option<&str>, status: &str) -> bool {
        self.status.as_deref().is_none_or(|wanted| wanted == status)
            && self.campaign.as_deref().is_none_or(|wanted| campaign == Some(wanted))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits =
        text.len().is_multiple_of(2) && text.len() <= 1024 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).ok();
    if digits { (0..text.len()).step_by(2).map(pair).collect() } else { None }
}

pub fn answer(items: Vec<Value>, next: Option<&[u8]>) -> Response {
    ok(&listed(items, next))
}

fn listed(items: Vec<Value>, next: Option<&[u8]>) -> Value {
    json!({ "items": items, "next_cursor": next.map(hex) })
}

fn page<R: Row>(
    app: &App,
    uri: &Uri,
    keep: impl Fn(&Wish, &R) -> bool,
    show: impl Fn(&View<'_>, &R) -> Value,
) -> Result<Response, Problem> {
    items(app, uri, keep, show).map(|body| ok(&body))
}

/// One page of a noun that belongs to people.
pub fn items<R: Row>(
    app: &App,
    uri: &Uri,
    keep: impl Fn(&Wish, &R) -> bool,
    show: impl Fn(&View<'_>, &R) -> Value,
) -> Result<Value, Problem> {
    let (wish, store) = (Wish::read(app, uri)?, app.ledger.snapshot());
    let cursor = wish.cursor.as_deref();
    let page: Page<R> = match wish.person {
        Some(person) => list::rows_of(&*store, person, cursor, wish.limit, |row| keep(&wish, row))?,
        None => list::rows(&*store, cursor, wish.limit, |row| keep(&wish, row))?,
    };
    let name = app.names();
    let view = View { name: &name };
    Ok(listed(page.items.iter().map(|row| show(&view, row)).collect(), page.next.as_deref()))
}

impl App {
    /// What people call themselves; those who were erased have only a hash.
    pub fn names(&self) -> impl Fn(Person) -> String {
        people::names(self.ledger.snapshot())
    }
}

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/codes", codes, "Codes that were handed out").lists("code"),
        get(Who::Admin, "/claims", claims, "Claims").lists("claim"),
        get(Who::Admin, "/completions", completions, "Completions").lists("completion"),
        get(Who::Admin, "/redemptions", redemptions, "Redemptions").lists("redemption"),
        get(Who::Admin, "/winbacks", winbacks, "Who was, or was not, given a code to come back with").lists("winback"),
        get(Who::Admin, "/outbox", outbox, "Deliveries").lists("delivery"),
        get(Who::Admin, "/journal", journal, "Everything that happened, or what concerns one user").lists("entry"),
    ]
}

async fn codes(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let keep = |wish: &Wish, row: &Code| wish.keeps(Some(&row.campaign), row.state.word());
    page(admin.app(&target)?, &uri, keep, |view, row| view.code(row))
}

async fn claims(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let keep = |wish: &Wish, row: &Claim| wish.keeps(Some(&row.campaign), row.state.word());
    page(admin.app(&target)?, &uri, keep, |view, row| view.claim(row))
}

async fn completions(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let keep = |wish: &Wish, row: &Completion| wish.keeps(Some(&row.campaign), row.state.word());
    page(admin.app(&target)?, &uri, keep, |view, row| view.completion(row))
}

async fn redemptions(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let keep = |wish: &Wish, row: &Redemption| wish.keeps(row.campaign.as_deref(), row.state.word());
    page(admin.app(&target)?, &uri, keep, |view, row| view.redemption(row))
}

async fn winbacks(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let keep = |wish: &Wish, row: &WinBack| wish.keeps(Some(&row.campaign), row.state.word());
    page(admin.app(&target)?, &uri, keep, |view, row| view.winback(row))
}

/// Deliveries belong to people by their effect, not by an index.
async fn outbox(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (wish, store) = (Wish::read(app, &uri)?, app.ledger.snapshot());
    let whose = wish.person.map(|person| circle(&*store, person)).transpose()?;
    let is_theirs = |row: &Item| whose.as_ref().is_none_or(|own| row.effect.person().is_some_and(|who| own.has(who)));
    let campaign = |row: &Item| match &row.effect {
        Effect::RequestBatch { campaign, .. } | Effect::FetchCodes { campaign, .. } => Some(campaign.clone()),
        _ => None,
    };
    let keep = |row: &Item| wish.keeps(campaign(row).as_deref(), row.state.word()) && is_theirs(row);
    let page: Page<Item> = list::rows(&*store, wish.cursor.as_deref(), wish.limit, keep)?;
    let name = app.names();
    let view = View { name: &name };
    Ok(answer(page.items.iter().map(|row| view.item(row)).collect(), page.next.as_deref()))
}

/// The journal from its beginning, or what it says of one user.
async fn journal(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (wish, store) = (Wish::read(app, &uri)?, app.ledger.snapshot());
    let after = match &wish.cursor {
        Some(cursor) => journal::seq_of(cursor).ok_or_else(|| Problem::bad_request("the cursor is not one of ours"))?,
        None => 0,
    };
    let mut seqs: BTreeSet<u64> = BTreeSet::new();
    match wish.person {
        Some(person) => {
            for member in circle(&*store, person)?.members() {
                seqs.extend(journal::about(&*store, &Subject::Person(*member), after, wish.limit + 1)?);
            }
        }
        None => seqs.extend(journal::after(&*store, after, wish.limit + 1)?),
    }
    let more = seqs.len() > wish.limit;
    let name = app.names();
    let view = View { name: &name };
    let mut items = Vec::new();
    let mut last = after;
    for seq in seqs.into_iter().take(wish.limit) {
        if let Some(entry) = journal::entry(&*store, seq)? {
            items.push(view.entry(seq, &entry));
        }
        last = seq;
    }
    Ok(answer(items, more.then_some(&last.to_be_bytes()[..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_hexadecimal() {
        assert_eq!(unhex(&hex(b"any\0bytes\xff")), Some(b"any\0bytes\xff".to_vec()));
        for bad in ["0", "zz", "+1", &"00".repeat(600)] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
