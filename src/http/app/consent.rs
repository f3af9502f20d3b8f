//! What a user allows, as the app asked them.

use crate::domain::consent::Purpose;
use crate::domain::decide::consent::SayConsent;
use crate::domain::decide::{By, Command, Reply};
use crate::http::extract::{json_body, ok};
use crate::http::front::App;
use crate::http::limits::BODY_MAX;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, put};
use crate::wire::view;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::HeaderMap;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    vec![
        put(Who::User, "/users/me/consent", consent, "What the user allows")
            .takes(Content::One("consent_request"))
            .answers(200, Content::One("consent")),
    ]
}

#[derive(Deserialize)]
struct ConsentBody {
    win_back: Option<bool>,
    refund_data: Option<bool>,
}

impl ConsentBody {
    fn given(&self) -> Result<BTreeMap<Purpose, bool>, Problem> {
        let given = [(Purpose::WinBack, self.win_back), (Purpose::RefundData, self.refund_data)];
        let given: BTreeMap<_, _> = given.into_iter().filter_map(|(purpose, given)| Some((purpose, given?))).collect();
        if given.is_empty() {
            Err(Problem::bad_request("give win_back or refund_data: true or false"))
        } else {
            Ok(given)
        }
    }
}

/// Answers with what they allow by now.
async fn consent(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let given = json_body::<ConsentBody>(body, BODY_MAX).await?.given()?;
    let command = Command::SayConsent(SayConsent { person: app.ledger.person(&user), given });
    match app.submit(command, By::App, vec![user], None).await? {
        Reply::Consents(said) => Ok(ok(&view::consents(&said))),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}
