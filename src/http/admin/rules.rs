//! What other rules would have made of what happened.

use super::{Admin, BODY_MAX, Parts, body as read};
use crate::domain::policy::Policy;
use crate::http::extract::ok;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, post};
use crate::ledger::simulate::simulate as run;
use crate::wire::text::since;
use crate::wire::view::View;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        post(Who::Admin, "/rules/simulate", simulate, "What other rules would have made of what happened")
            .takes(Content::One("simulate_request"))
            .answers(200, Content::One("simulation")),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A date, or a time as in RFC 3339.
    since: String,
    /// The rules, as `referd rules simulate` reads them from a file; absent: those that run.
    campaigns: Option<Vec<Policy>>,
}

async fn simulate(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let body = read(body, BODY_MAX).await?;
    let shape = r#"the body is {"since": "2026-11-01", "campaigns": […]}, the rules being optional"#;
    let asked: Asked = serde_json::from_slice(&body).map_err(|_| Problem::bad_request(shape))?;
    let since = since(&asked.since).ok_or_else(|| Problem::bad_request("since is a date or a time"))?;
    let running = || app.config.campaigns.iter().map(|campaign| campaign.policy.clone()).collect();
    let policies = asked.campaigns.unwrap_or_else(running);
    let (store, now) = (app.ledger.snapshot(), app.clock.now());
    let simulation = tokio::task::spawn_blocking(move || run(&store, &policies, since, now));
    let simulation = simulation.await.map_err(|_| Problem::internal("the simulation broke off"))??;
    let name = app.names();
    Ok(ok(&View { name: &name }.simulation(&simulation)))
}
