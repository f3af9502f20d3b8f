//! Who is told of events, tried and enabled by hand.

use super::notifications::open;
use super::{Admin, Parts, WHY, Why, by, read_id};
use crate::domain::decide::webhook::{EnableWebhook, TestWebhooks};
use crate::domain::decide::{Command, Reply};
use crate::domain::delivery::Effect;
use crate::domain::event::Event;
use crate::http::extract::{json, ok, optional_json_body};
use crate::http::limits::BODY_MAX;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, get, post};
use crate::ledger;
use crate::wire::view;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json as object;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/webhooks", list, "Who is told of events").answers(200, Content::Items("webhook")),
        post(Who::Admin, "/webhooks/test", test, "Sends an event for a test")
            .may_take(Content::One("webhook_test_request"))
            .answers(202, Content::Items("delivery"))
            .refuses(&["wrong-state"]),
        post(Who::Admin, "/webhooks/{id}/enable", enable, "Tells a webhook of events again")
            .may_take(WHY)
            .answers(200, Content::One("webhook")),
    ]
}

async fn list(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let all = ledger::webhooks(&*app.ledger.snapshot())?;
    Ok(ok(&object!({ "items": all.iter().map(view::webhook).collect::<Vec<_>>() })))
}

async fn enable(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (webhook, why) = (target.id("webhook")?, Why::read(body).await?);
    match app.submit(Command::EnableWebhook(EnableWebhook { webhook }), by(why.reason), vec![], None).await? {
        Reply::Webhooks(all) if all.len() == 1 => Ok(ok(&view::webhook(&all[0]))),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

#[derive(Default, Deserialize)]
struct Asked {
    webhook: Option<String>,
    reason: Option<String>,
}

/// Answers with the deliveries, which tell what comes of it.
async fn test(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: Asked = optional_json_body(body, BODY_MAX).await?;
    let webhook = asked.webhook.as_deref().map(|id| read_id(id, "webhook")).transpose()?;
    app.submit(Command::TestWebhooks(TestWebhooks { webhook }), by(asked.reason), vec![], None).await?;
    let is_test = |effect: &Effect| matches!(effect, Effect::Tell { event, .. } if **event == Event::Test);
    Ok(json(StatusCode::ACCEPTED, &object!({ "items": open(app, is_test)? })))
}
