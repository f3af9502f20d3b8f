//! The private side: every route asks for the administrator's token, unknown ones too.

mod backup;
mod codes;
mod completions;
mod explain;
pub mod export;
mod lists;
pub mod listed;
mod money;
pub mod moving;
mod notifications;
mod outbox;
mod overview;
pub mod partners;
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
use super::route::{About, Content, LIST, PLAIN, Route, Who, abouts, get, mount};
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

/// What stands under `/admin`, and under `/admin/{app}`.
fn routes() -> Vec<Route<Arc<Admin>>> {
    let nouns = [
        overview::routes(),
        winback::routes(),
        refunds::routes(),
        codes::routes(),
        moving::routes(),
        lists::routes(),
        completions::routes(),
        partners::routes(),
        partners::import::routes(),
        money::routes(),
        outbox::routes(),
        notifications::routes(),
        webhooks::routes(),
        backup::routes(),
        rules::routes(),
        users::routes(),
        export::routes(),
        explain::routes(),
    ];
    nouns.into_iter().flatten().collect()
}

impl Route<Arc<Admin>> {
    fn lists(self, noun: &'static str) -> Route<Arc<Admin>> {
        self.query(LIST).answers(200, Content::Page(noun))
    }
    /// A step by hand: may be given a reason, and answers with what it is about.
    fn steps(self, noun: &'static str) -> Route<Arc<Admin>> {
        self.may_take(WHY).answers(200, Content::One(noun)).refuses(&["wrong-state"])
    }
}

/// What is asked of all apps at once.
fn of_all() -> Vec<Route<Arc<Admin>>> {
    vec![get(Who::Admin, "/metrics", prometheus, "Metrics in the text form of Prometheus").answers(200, PLAIN)]
}

pub fn router(admin: Arc<Admin>) -> Router {
    let app = mount(routes());
    mount(of_all())
        .nest("/admin/{app}", app.clone())
        .nest("/admin", app)
        .fallback(|| async { Problem::not_found("no route has this path") })
        .layer(from_fn_with_state(admin.clone(), guard))
        .with_state(admin)
}

pub fn described() -> impl Iterator<Item = About> {
    abouts(routes()).map(|about| about.under("/admin/{app}")).chain(abouts(of_all()))
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
    what: Option<String>,
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

const WHY: Content = Content::One("reason");

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

/// Whether a list is only tried.
fn is_dry(asked: Option<String>) -> bool {
    asked.is_some_and(|asked| asked != "false")
}

/// Who changes something, and why.
fn by(reason: Option<String>) -> By {
    By::Admin { token: "admin".to_owned(), reason }
}

async fn body(body: Body, cap: usize) -> Result<bytes::Bytes, Problem> {
    Ok(read_body_within(body, cap, BODY_TIME).await?)
}
