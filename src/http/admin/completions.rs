//! Completions decided by hand.

use super::{Admin, Parts, Target, by};
use crate::domain::decide::review::{Review, Verdict};
use crate::domain::decide::{Command, Reply};
use crate::domain::id::Id;
use crate::http::extract::ok;
use crate::http::limits::{BODY_MAX, read_body};
use crate::http::problem::Problem;
use crate::wire::view::View;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Default, Deserialize)]
struct Why {
    reason: Option<String>,
}

pub async fn approve(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    decide(&admin, &target, body, Verdict::Approve).await
}

pub async fn reject(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    decide(&admin, &target, body, Verdict::Reject).await
}

pub async fn reverse(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    decide(&admin, &target, body, Verdict::Reverse).await
}

async fn decide(admin: &Admin, target: &Target, body: Body, verdict: Verdict) -> Result<Response, Problem> {
    let app = admin.app(target)?;
    let body = read_body(body, BODY_MAX).await?;
    let why: Why = match body.is_empty() {
        true => Why::default(),
        false => serde_json::from_slice(&body).map_err(|_| Problem::bad_request("the body is {\"reason\": \"…\"}"))?,
    };
    let id = target.id.as_deref().and_then(Id::parse).ok_or_else(|| Problem::not_found("no such completion"))?;
    let review = Command::Review(Review { completion: id, verdict });
    match app.submit(review, by(why.reason), vec![], None).await? {
        Reply::Completion(row) => {
            let name = app.names();
            Ok(ok(&View { name: &name }.completion(&row)))
        }
        _ => Err(Problem::internal("an answer of another kind")),
    }
}
