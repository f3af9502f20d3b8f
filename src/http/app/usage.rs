//! How a user used what they bought, as the app knows it.

use crate::domain::decide::usage::SayUsage;
use crate::domain::decide::{By, Command, Reply};
use crate::domain::purchase::Share;
use crate::domain::usage::{Delivery, Scope, Used};
use crate::http::extract::{json_body, ok};
use crate::http::front::App;
use crate::http::limits::BODY_MAX;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, put};
use crate::wire::text::parse_rfc3339;
use crate::wire::view;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::HeaderMap;
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    vec![
        put(Who::User, "/users/me/usage", usage, "How the user used what they bought")
            .takes(Content::One("usage_request"))
            .answers(200, Content::One("usage")),
    ]
}

#[derive(Deserialize)]
struct UsageBody {
    product_id: Option<String>,
    transaction_id: Option<String>,
    delivery: Option<String>,
    consumed_percent: Option<f64>,
    sample_content: Option<bool>,
    play_minutes: Option<u32>,
    account_created_at: Option<String>,
}

/// No id of Apple's is longer.
const LONGEST: usize = 255;

impl UsageBody {
    /// A transaction is of a product, so it says more.
    fn scope(&self) -> Result<Scope, Problem> {
        let given = [&self.transaction_id, &self.product_id];
        if given.into_iter().flatten().any(|id| id.is_empty() || id.len() > LONGEST) {
            return Err(Problem::bad_request(format!("product_id and transaction_id have 1 to {LONGEST} bytes")));
        }
        Ok(match given.map(Clone::clone) {
            [Some(id), _] => Scope::Transaction(id),
            [None, Some(id)] => Scope::Product(id),
            [None, None] => Scope::All,
        })
    }

    fn used(&self) -> Result<Used, Problem> {
        let delivery = |word: &String| {
            let found = Delivery::ALL.into_iter().find(|delivery| delivery.word() == word);
            let words = Delivery::ALL.map(Delivery::word).join(", ");
            found.ok_or_else(|| Problem::bad_request(format!("delivery is one of {words}")))
        };
        let consumed = |percent: &f64| {
            let good = (0.0..=100.0).contains(percent);
            let share = Share::new((percent * 1000.0).round() as i64);
            if good { Ok(share) } else { Err(Problem::bad_request("consumed_percent is 0 to 100")) }
        };
        let time = |text: &String| {
            parse_rfc3339(text).ok_or_else(|| Problem::bad_request("account_created_at is a time as in RFC 3339"))
        };
        let used = Used {
            delivery: self.delivery.as_ref().map(delivery).transpose()?,
            consumed: self.consumed_percent.as_ref().map(consumed).transpose()?,
            sample_content: self.sample_content,
            play_minutes: self.play_minutes,
            account_created_at: self.account_created_at.as_ref().map(time).transpose()?,
        };
        if used.is_empty() { Err(Problem::bad_request("nothing is said of any usage")) } else { Ok(used) }
    }
}

/// Answers with all that is known of the same scope by now.
async fn usage(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let body: UsageBody = json_body(body, BODY_MAX).await?;
    let said = SayUsage { person: app.ledger.person(&user), scope: body.scope()?, used: body.used()? };
    match app.submit(Command::SayUsage(said), By::App, vec![user], None).await? {
        Reply::Usage(row) => Ok(ok(&view::usage(&row))),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}
