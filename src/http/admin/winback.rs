//! Codes to come back with, for whom an administrator names.

use super::{Admin, Parts, by};
use crate::domain::code::Code;
use crate::domain::decide::winback::{Candidate, GiveCode, May};
use crate::domain::decide::{Command, Refusal, Reply};
use crate::domain::id::UserId;
use crate::http::extract::{json_body, ok};
use crate::http::front::App;
use crate::http::limits;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, post};
use crate::ledger::{Entry, Fail, candidate};
use crate::wire::text::{redeem_url, rfc3339};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        post(Who::Admin, "/winback", give, "Codes to come back with, for a list of users")
            .takes(Content::One("winback_request"))
            .answers(200, Content::One("winback_answer")),
    ]
}

#[derive(Deserialize)]
struct ListBody {
    campaign: String,
    users: Vec<String>,
    #[serde(default)]
    check: bool,
    reason: Option<String>,
}

/// Users in one call.
const MOST: usize = 500;

impl ListBody {
    fn users(&self) -> Result<Vec<UserId>, Problem> {
        if !(1..=MOST).contains(&self.users.len()) {
            return Err(Problem::bad_request(format!("users is a list of 1 to {MOST} user ids")));
        }
        let read = self.users.iter().enumerate().map(|(place, text)| {
            UserId::parse(text).map_err(|fault| Problem::bad_request(format!("users[{place}]: {fault}")))
        });
        read.collect()
    }
}

/// Each user is a command of their own: what was given stands, and a repeat of the call shows it again.
async fn give(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: ListBody = json_body(body, limits::BODY_MAX).await?;
    let policy = &app.campaign(Some(&asked.campaign))?.policy;
    if !policy.wins_back() {
        return Err(Problem::bad_request("this campaign is not of kind \"winback\""));
    }
    let mut items = Vec::new();
    for user in asked.users()? {
        items.push(match asked.check {
            true => checked(app, &policy.campaign, &user)?,
            false => given(app, &policy.campaign, user, asked.reason.clone()).await?,
        });
    }
    Ok(ok(&json!({ "campaign": policy.campaign, "check": asked.check, "items": items })))
}

async fn given(app: &App, campaign: &str, user: UserId, reason: Option<String>) -> Result<Value, Problem> {
    let command = GiveCode { campaign: campaign.to_owned(), person: app.ledger.person(&user) };
    let shown = user.as_str().to_owned();
    let entry = Entry::new(Command::GiveCode(command), by(reason)).naming([user]);
    match app.ledger.submit(entry).await {
        Ok(Reply::WinBack { code, fresh }) => {
            Ok(item(app, &shown, if fresh { "issued" } else { "again" }, Some(&code)))
        }
        Ok(_) => Err(Problem::internal("an answer of another kind")),
        Err(Fail::Refused(Refusal::NotWonBack(why))) => Ok(declined(&shown, why.word())),
        Err(fail) => Err(fail.into()),
    }
}

/// What the same call would do now. Nothing is given, and no code kept for it.
fn checked(app: &App, campaign: &str, user: &UserId) -> Result<Value, Problem> {
    let now = app.clock.now();
    let found: Option<Candidate> = candidate(&*app.ledger.snapshot(), campaign, app.ledger.person(user), now)?;
    let found = found.ok_or(Refusal::UnknownCampaign)?;
    Ok(match found.by_list(now) {
        Ok(May::New(_)) => item(app, user.as_str(), "eligible", None),
        Ok(May::Again(code)) => item(app, user.as_str(), "again", Some(&code)),
        Err(why) => declined(user.as_str(), why.word()),
    })
}

fn item(app: &App, user: &str, status: &str, code: Option<&Code>) -> Value {
    let text = code.map(|code| code.text.as_str());
    json!({
        "user": user, "status": status, "reason": null, "code": text,
        "expires_at": code.map(|code| rfc3339(code.expires_at)),
        "redeem_url": text.map(|text| redeem_url(app.config.apple_id, text)),
    })
}

fn declined(user: &str, reason: &str) -> Value {
    let (status, nothing) = ("declined", Value::Null);
    json!({"user": user, "status": status, "reason": reason, "code": nothing, "expires_at": nothing, "redeem_url": nothing})
}
