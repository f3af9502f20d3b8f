//! All that is held about one person, until they are erased.

use super::{Admin, Parts, WHY, Why, by};
use crate::domain::claim::Claim;
use crate::domain::code::Code;
use crate::domain::completion::Completion;
use crate::domain::consent::Consent;
use crate::domain::decide::erasure::EraseUser;
use crate::domain::decide::{Command, Refusal, Reply};
use crate::domain::download::Download;
use crate::domain::extension::Extension;
use crate::domain::id::UserId;
use crate::domain::person::Erasure;
use crate::domain::question::Question;
use crate::domain::redemption::Redemption;
use crate::domain::reward::Account;
use crate::domain::subscription::Subscription;
use crate::domain::winback::WinBack;
use crate::http::extract::ok;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, delete, get};
use crate::ledger::rows::Row;
use crate::ledger::store::Store;
use crate::ledger::{Error, Snapshot, circle, list, people, referrer};
use crate::wire::text::rfc3339;
use crate::wire::view::{self, View};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of one noun that are shown; the lists give the rest.
const MOST: usize = 1_000;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/users/{id}", user, "All that is held about one person").answers(200, Content::One("person")),
        delete(Who::Admin, "/users/{id}", erase, "Erases a person").may_take(WHY).answers(200, Content::One("erasure")),
    ]
}

async fn user(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let unknown = || Problem::not_found("nothing is known of this user");
    let user = UserId::parse(target.id.as_deref().unwrap_or_default()).map_err(|_| unknown())?;
    let (store, person, now) = (app.ledger.snapshot(), app.ledger.person(&user), app.clock.now());
    let name = app.names();
    let view = View { name: &name };
    let own = circle(&*store, person)?;
    let erased: Option<Erasure> = store.row(person.as_bytes())?;
    let account: Option<Account> = store.row(own.name().as_bytes())?;
    let downloads = rows(&store, person, |row: &Download| json!(row.app_transaction_id))?;
    let mut shares: Vec<Value> = Vec::new();
    for campaign in &app.config.campaigns {
        for member in own.members() {
            let row = referrer(&*store, &campaign.policy.campaign, *member)?;
            let row = row.map(|row| view.referrer(&row));
            shares.extend(row.filter(|row| !shares.contains(row)));
        }
    }
    let body = json!({
        "user": name(person),
        "erased_at": erased.as_ref().map(|row| rfc3339(row.at)),
        "ids": own.members().iter().map(|member| name(*member)).collect::<Vec<_>>(),
        "app_account_token": people::token_of(&*store, person)?,
        "granted_until": account.as_ref().and_then(Account::granted_until).map(rfc3339),
        "granted_by_others_until": account.as_ref().and_then(|account| account.others).map(rfc3339),
        "days": account.map_or(0, |account| account.days),
        "app_transaction_ids": downloads,
        "subscriptions": rows(&store, person, |row: &Subscription| view.subscription(row, now))?,
        "referrer": shares,
        "codes": rows(&store, person, |row: &Code| view.code(row))?,
        "claims": rows(&store, person, |row: &Claim| view.claim(row))?,
        "redemptions": rows(&store, person, |row: &Redemption| view.redemption(row))?,
        "extensions": rows(&store, person, |row: &Extension| view.extension(row))?,
        "consent": rows(&store, person, |row: &Consent| view::consents(std::slice::from_ref(row)))?,
        "winbacks": rows(&store, person, |row: &WinBack| view.winback(row))?,
        "usage": rows(&store, person, view::usage)?,
        "refund_questions": rows(&store, person, |row: &Question| view.question(row))?,
        "completions": rows(&store, person, |row: &Completion| view.completion(row))?,
    });
    let is_known = people::user_of(&*store, person)?.is_some() || own.members().len() > 1 || erased.is_some();
    if is_known { Ok(ok(&body)) } else { Err(unknown()) }
}

/// Nothing names them afterwards, and what is counted and owed stays as it is.
async fn erase(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let user = UserId::parse(target.id.as_deref().unwrap_or_default()).map_err(|_| Refusal::UnknownUser)?;
    let (person, why) = (app.ledger.person(&user), Why::read(body).await?);
    match app.submit(Command::EraseUser(EraseUser { person }), by(why.reason), vec![], None).await? {
        Reply::Erased(row) => Ok(ok(&json!({
            "person": row.person.to_string(), "ids": row.members.len(), "erased_at": rfc3339(row.at),
        }))),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

fn rows<R: Row>(
    store: &Snapshot,
    person: crate::domain::id::Person,
    show: impl Fn(&R) -> Value,
) -> Result<Vec<Value>, Error> {
    Ok(list::rows_of(store, person, None, MOST, |_: &R| true)?.items.iter().map(show).collect())
}
