//! Completions decided by hand.

use super::{Admin, Parts, Target, Why, by};
use crate::domain::decide::review::{Review, Verdict};
use crate::domain::decide::{Command, Reply};
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
        post(Who::Admin, "/completions/{id}/approve", approve, "Credits a completion by hand").steps("completion"),
        post(Who::Admin, "/completions/{id}/reject", reject, "Rejects a completion by hand").steps("completion"),
        post(Who::Admin, "/completions/{id}/reverse", reverse, "Takes a completion back by hand").steps("completion"),
    ]
}

async fn approve(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    decide(&admin, &target, body, Verdict::Approve).await
}

async fn reject(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    decide(&admin, &target, body, Verdict::Reject).await
}

async fn reverse(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    decide(&admin, &target, body, Verdict::Reverse).await
}

async fn decide(admin: &Admin, target: &Target, body: Body, verdict: Verdict) -> Result<Response, Problem> {
    let app = admin.app(target)?;
    let (id, why) = (target.id("completion")?, Why::read(body).await?);
    let review = Command::Review(Review { completion: id, verdict });
    match app.submit(review, by(why.reason), vec![], None).await? {
        Reply::Completion(row) => {
            let name = app.names();
            Ok(ok(&View { name: &name }.completion(&row)))
        }
        _ => Err(Problem::internal("an answer of another kind")),
    }
}
