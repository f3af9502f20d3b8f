//! Deliveries dealt with by hand.

use super::{Admin, Parts, Why, by};
use crate::domain::decide::delivery::{Discard, Retry};
use crate::domain::decide::{Command, Reply};
use crate::domain::delivery::ItemId;
use crate::http::extract::ok;
use crate::http::problem::Problem;
use crate::http::route::{Route, Who, post};
use crate::wire::view::View;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        post(Who::Admin, "/outbox/{id}/retry", retry, "Tries a delivery at once").steps("delivery"),
        post(Who::Admin, "/outbox/{id}/discard", discard, "Takes a delivery out").steps("delivery"),
    ]
}

async fn retry(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    deal(&admin, &target, body, |item| Command::Retry(Retry { item })).await
}

async fn discard(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    deal(&admin, &target, body, |item| Command::Discard(Discard { item })).await
}

async fn deal(
    admin: &Admin,
    target: &super::Target,
    body: Body,
    command: fn(ItemId) -> Command,
) -> Result<Response, Problem> {
    let app = admin.app(target)?;
    let why = Why::read(body).await?;
    let id = target.id.as_deref().and_then(item_id).ok_or_else(|| Problem::not_found("no such delivery"))?;
    match app.submit(command(id), by(why.reason), vec![], None).await? {
        Reply::Item(item) => {
            let name = app.names();
            Ok(ok(&View { name: &name }.item(&item)))
        }
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

fn item_id(text: &str) -> Option<ItemId> {
    let (seq, n) = text.split_once('-')?;
    Some(ItemId { seq: seq.parse().ok()?, n: n.parse().ok()? })
}
