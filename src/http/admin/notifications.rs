//! How Apple's notifications are heard: read again, and put to the test.

use super::overview::notifications;
use super::{Admin, Parts, by};
use crate::domain::decide::Command;
use crate::domain::decide::hearing::{AskTest, CatchUp};
use crate::domain::delivery::{Effect, Item, ItemState};
use crate::http::extract::{json, ok, optional_json_body};
use crate::http::front::App;
use crate::http::limits::BODY_MAX;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, get, post};
use crate::ledger::list;
use crate::wire::text::parse_rfc3339;
use crate::wire::view::View;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/notifications", list, "How far Apple's notifications were read, by environment")
            .answers(200, Content::Items("hearing")),
        post(Who::Admin, "/notifications/catch-up", catch_up, "Reads again what Apple sent")
            .may_take(Content::One("catch_up_request"))
            .answers(202, Content::Items("delivery")),
        post(Who::Admin, "/notifications/test", test, "Has Apple send a TEST notification")
            .may_take(Content::One("catch_up_request"))
            .answers(202, Content::Items("delivery")),
    ]
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// RFC 3339; absent: since the last time.
    since: Option<String>,
    /// `PRODUCTION` or `SANDBOX`.
    environment: Option<String>,
    reason: Option<String>,
}

async fn list(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    Ok(ok(&object!({ "items": notifications(app)? })))
}

/// Reads what Apple sent, in both environments unless one is named.
async fn catch_up(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let (app, asked) = asked(&admin, &target, body).await?;
    let since = asked.since.as_deref().map(|text| {
        parse_rfc3339(text).ok_or_else(|| Problem::bad_request("since is a time, as 2026-11-21T09:30:00Z"))
    });
    let (since, only) = (since.transpose()?, environment(asked.environment.as_deref())?);
    for is_test in [false, true].into_iter().filter(|is_test| only.is_none_or(|only| only == *is_test)) {
        let command = Command::CatchUp(CatchUp { is_test, since });
        app.submit(command, by(asked.reason.clone()), vec![], None).await?;
    }
    let is_asked = |effect: &Effect| matches!(effect, Effect::CatchUp { .. });
    Ok(json(StatusCode::ACCEPTED, &object!({ "items": open(app, is_asked)? })))
}

/// Has Apple send a TEST notification; how it went stands in the list a moment later.
async fn test(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let (app, asked) = asked(&admin, &target, body).await?;
    let is_test = environment(asked.environment.as_deref())?.unwrap_or(false);
    app.submit(Command::AskTest(AskTest { is_test }), by(asked.reason), vec![], None).await?;
    let is_asked = |effect: &Effect| matches!(effect, Effect::RequestTest { is_test: of } if *of == is_test);
    Ok(json(StatusCode::ACCEPTED, &object!({ "items": open(app, is_asked)? })))
}

async fn asked<'a>(admin: &'a Admin, target: &super::Target, body: Body) -> Result<(&'a Arc<App>, Asked), Problem> {
    let app = admin.app(target)?;
    if app.config.app_store_server.is_none() {
        return Err(Problem::not_found("this app has no app_store_server, so Apple cannot be asked"));
    }
    Ok((app, optional_json_body(body, BODY_MAX).await?))
}

/// Whether it is the sandbox.
fn environment(text: Option<&str>) -> Result<Option<bool>, Problem> {
    match text {
        None => Ok(None),
        Some("PRODUCTION") => Ok(Some(false)),
        Some("SANDBOX") => Ok(Some(true)),
        Some(_) => Err(Problem::bad_request("environment is PRODUCTION or SANDBOX")),
    }
}

/// The deliveries of a kind that are not done.
pub fn open(app: &App, is_asked: impl Fn(&Effect) -> bool) -> Result<Vec<Value>, Problem> {
    let keep =
        |item: &Item| is_asked(&item.effect) && !matches!(item.state, ItemState::Done { .. } | ItemState::Dead { .. });
    let items = list::open(&*app.ledger.snapshot(), keep)?;
    let name = app.names();
    let view = View { name: &name };
    Ok(items.iter().map(|item| view.item(item)).collect())
}
