//! The private side: every route asks for the administrator's token, unknown ones too.

mod backup;
mod codes;
mod completions;
mod explain;
mod lists;
mod money;
mod notifications;
mod outbox;
mod overview;
mod partners;
pub mod refunds;
mod rules;
mod users;
mod webhooks;
mod winback;

use super::extract::{bearer, optional_json_body};
use super::front::App;
use super::limits::{self, read_body_within};
use super::metrics;
use super::problem::Problem;
use super::tls::Certificates;
use crate::config::Secret;
use crate::domain::at::Date;
use crate::domain::decide::By;
use crate::domain::id::Id;
use crate::wire::text::parse_date;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

pub struct Admin {
    pub apps: Vec<Arc<App>>,
    pub token: Secret,
    /// Absent where TLS is somebody else's.
    pub certificates: Option<Arc<Certificates>>,
}

/// Lists of codes are long, and come from this machine.
pub const BODY_MAX: usize = 64 * 1024 * 1024;
const BODY_TIME: Duration = Duration::from_secs(120);

pub fn router(admin: Arc<Admin>) -> Router {
    let app = Router::new()
        .route("/stats", get(overview::stats))
        .route("/pool", get(overview::pool))
        .route("/pool/refill", post(codes::refill))
        .route("/pool/import", post(codes::import))
        .route("/codes/issue", post(codes::issue))
        .route("/codes", get(lists::codes))
        .route("/claims", get(lists::claims))
        .route("/completions", get(lists::completions))
        .route("/completions/{id}/approve", post(completions::approve))
        .route("/completions/{id}/reject", post(completions::reject))
        .route("/completions/{id}/reverse", post(completions::reverse))
        .route("/redemptions", get(lists::redemptions))
        .route("/partners", get(partners::list).post(partners::make))
        .route("/partners/{id}", get(partners::one).post(partners::change).delete(partners::erase))
        .route("/partners/{id}/coupons", post(partners::add_coupon))
        .route("/partners/{id}/coupons/{coupon}/end", post(partners::end_coupon))
        .route("/partners/{id}/statement", get(partners::statement))
        .route("/partners/{id}/link", post(partners::link))
        .route("/conversions", get(money::conversions))
        .route("/conversions/approve", post(money::approve_many))
        .route("/conversions/{id}/approve", post(money::approve))
        .route("/conversions/{id}/reject", post(money::reject))
        .route("/payouts", get(money::payouts).post(money::draft))
        .route("/payouts.csv", get(money::file))
        .route("/payouts/{id}", get(money::payout))
        .route("/payouts/{id}/approve", post(money::approve_payout))
        .route("/payouts/{id}/send", post(money::send))
        .route("/payouts/{id}/settle", post(money::settle))
        .route("/payouts/{id}/fail", post(money::fail))
        .route("/payouts/{id}/cancel", post(money::cancel))
        .route("/alerts", get(money::alerts))
        .route("/alerts/{id}/clear", post(money::clear))
        .route("/reconciliation", get(money::reconciliations).post(money::reconcile))
        .route("/winback", post(winback::give))
        .route("/winbacks", get(lists::winbacks))
        .route("/refunds", get(refunds::list))
        .route("/outbox", get(lists::outbox))
        .route("/journal", get(lists::journal))
        .route("/outbox/{id}/retry", post(outbox::retry))
        .route("/outbox/{id}/discard", post(outbox::discard))
        .route("/notifications", get(notifications::list))
        .route("/notifications/catch-up", post(notifications::catch_up))
        .route("/notifications/test", post(notifications::test))
        .route("/webhooks", get(webhooks::list))
        .route("/webhooks/test", post(webhooks::test))
        .route("/webhooks/{id}/enable", post(webhooks::enable))
        .route("/backup", post(backup::make))
        .route("/verify", post(backup::check))
        .route("/rules/simulate", post(rules::simulate))
        .route("/users/{id}", get(users::user).delete(users::erase))
        .route("/explain/{subject}", get(explain::explain));
    Router::new()
        .nest("/admin/{app}", app.clone())
        .nest("/admin", app)
        .route("/metrics", get(prometheus))
        .fallback(|| async { Problem::not_found("no route has this path") })
        .layer(from_fn_with_state(admin.clone(), guard))
        .with_state(admin)
}

async fn guard(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    if !bearer(request.headers()).is_some_and(|token| admin.token.matches(token.as_bytes())) {
        return Problem::unauthenticated("give the administrator's token").into_response();
    }
    next.run(request).await
}

async fn prometheus(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    let text = metrics::text(&admin.apps, admin.certificates.as_deref())?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))], text).into_response())
}

/// The parts of an admin path: the app may be left out where there is one.
#[derive(Deserialize)]
pub struct Target {
    app: Option<String>,
    id: Option<String>,
    subject: Option<String>,
    coupon: Option<String>,
}

impl Admin {
    pub fn app(&self, target: &Target) -> Result<&Arc<App>, Problem> {
        match (&target.app, &self.apps[..]) {
            (Some(name), apps) => apps
                .iter()
                .find(|app| app.config.name == *name)
                .ok_or_else(|| Problem::not_found("there is no such app")),
            (None, [only]) => Ok(only),
            (None, _) => Err(Problem::bad_request("there are several apps: name one in the path, /admin/{app}/…")),
        }
    }
}

type Parts = Path<Target>;

impl Target {
    /// The id in the path, if it is one.
    fn id(&self, noun: &str) -> Result<Id, Problem> {
        read_id(self.id.as_deref().unwrap_or_default(), noun)
    }
}

fn read_id(text: &str, noun: &str) -> Result<Id, Problem> {
    Id::parse(text).ok_or_else(|| Problem::not_found(format!("no such {noun}")))
}

fn read_date(text: &str, field: &str) -> Result<Date, Problem> {
    parse_date(text).ok_or_else(|| Problem::bad_request(format!("{field} is a date, YYYY-MM-DD")))
}

/// The body of what needs no more than a reason, which may be left out.
#[derive(Default, Deserialize)]
struct Why {
    reason: Option<String>,
}

impl Why {
    async fn read(body: Body) -> Result<Why, Problem> {
        optional_json_body(body, limits::BODY_MAX).await
    }
}

/// Who changes something, and why.
fn by(reason: Option<String>) -> By {
    By::Admin { token: "admin".to_owned(), reason }
}

async fn body(body: Body, cap: usize) -> Result<bytes::Bytes, Problem> {
    Ok(read_body_within(body, cap, BODY_TIME).await?)
}
