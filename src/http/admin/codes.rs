//! The stock by hand: asked for, taken in, issued.

use super::overview::one_pool;
use super::{Admin, BODY_MAX, Parts, body, by, is_dry, read_id};
use crate::domain::code::CodeText;
use crate::domain::decide::pool::Refill;
use crate::domain::decide::share::Issue;
use crate::domain::decide::{Command, Reply};
use crate::domain::id::{Person, UserId};
use crate::domain::partner::Partner;
use crate::http::extract::{json, json_body, ok, query};
use crate::http::front::App;
use crate::http::limits;
use crate::http::problem::Problem;
use crate::http::route::{CAMPAIGN, CSV, Content, DRY_RUN, Query, Route, Who, post};
use crate::ledger::Entry;
use crate::ledger::intake::List;
use crate::wire::app_store_connect as apple;
use crate::wire::csv::csv_row;
use crate::wire::text::{parse_date, redeem_url, rfc3339};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::json as object;
use std::sync::Arc;

const EXPIRES: Query = Query::needed("expires_at", "date", "The codes' expiration date.");

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        post(Who::Admin, "/pool/refill", refill, "Asks Apple for a batch of codes now, whatever the stock")
            .takes(Content::One("refill_request"))
            .answers(202, Content::One("refill_answer")),
        post(Who::Admin, "/pool/import", import, "Takes in a list of codes, one a line")
            .query(&[CAMPAIGN, EXPIRES, DRY_RUN])
            .takes(CSV)
            .answers(200, Content::One("import_answer")),
        post(Who::Admin, "/codes/issue", issue, "Hands out codes to a user, a list or a partner")
            .takes(Content::One("issue_request"))
            .answers(200, CSV)
            .refuses(&["pool-empty"]),
    ]
}

#[derive(Deserialize)]
struct RefillBody {
    campaign: Option<String>,
    reason: Option<String>,
}

async fn refill(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: RefillBody = json_body(body, limits::BODY_MAX).await?;
    let policy = &app.campaign(asked.campaign.as_deref())?.policy;
    if policy.offer_code_id.is_empty() {
        return Err(Problem::bad_request("this campaign has no offer_code_id: its codes come from imports"));
    }
    let command = Command::Refill(Refill { campaign: policy.campaign.clone(), by_hand: true });
    match app.submit(command, by(asked.reason), vec![], None).await? {
        Reply::Refill { asked, coming } => {
            let status = if asked.is_some() { "requested" } else { "already_coming" };
            let batch = coming.map(|id| id.to_string());
            let body = object!({ "status": status, "batch": batch, "pool": one_pool(app, &policy.campaign)? });
            Ok(json(StatusCode::ACCEPTED, &body))
        }
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

async fn import(
    State(admin): State<Arc<Admin>>,
    Path(target): Parts,
    uri: Uri,
    content: Body,
) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let [campaign, expires, dry] = query(&uri, ["campaign", "expires_at", "dry_run"])?;
    let campaign = app.campaign(campaign.as_deref())?.policy.campaign.clone();
    let expires = expires.ok_or_else(|| Problem::bad_request("expires_at is missing: the codes' expiration date"))?;
    let expires = parse_date(expires.get(..10).unwrap_or(&expires))
        .ok_or_else(|| Problem::bad_request("expires_at is a date, YYYY-MM-DD"))?;
    if expires.codes_stop() <= app.clock.now() {
        return Err(Problem::bad_request("expires_at has passed"));
    }
    let content = body(content, BODY_MAX).await?;
    let read = apple::codes(&content).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    let codes: Vec<CodeText> = read.codes.into_iter().filter_map(CodeText::of).collect();
    if codes.is_empty() {
        return Err(Problem::bad_request("there is no code in the list"));
    }
    let (dry, total) = (is_dry(dry), codes.len());
    let list = List { campaign: campaign.clone(), expires, codes };
    let taken = app.ledger.take_in(list, by(None), app.clock.now(), dry).await?;
    Ok(ok(&object!({
        "campaign": campaign, "batch": taken.batch.to_string(), "codes": total, "repeated_in_file": read.repeated,
        "imported": taken.imported, "known": taken.known, "dry_run": dry,
    })))
}

#[derive(Deserialize)]
struct IssueBody {
    campaign: Option<String>,
    count: u32,
    assigned_to: Option<String>,
    partner: Option<String>,
    label: Option<String>,
    reason: Option<String>,
}

/// Codes in one answer. They leave the stock together or not at all.
const ISSUE: u32 = 500;
const MOST: u32 = 10_000;

async fn issue(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: IssueBody = json_body(body, limits::BODY_MAX).await?;
    if !(1..=MOST).contains(&asked.count) {
        return Err(Problem::bad_request(format!("count is 1 to {MOST}")));
    }
    if asked.label.as_ref().is_some_and(|label| label.len() > 100 || label.chars().any(char::is_control)) {
        return Err(Problem::bad_request("a label has at most 100 bytes and no control characters"));
    }
    let (user, person) = holder(app, asked.assigned_to.as_deref(), asked.partner.as_deref())?;
    let campaign = &app.campaign(asked.campaign.as_deref())?.policy.campaign;
    let shown = user.as_ref().map_or_else(|| Partner::held_by(person).to_string(), |user| user.as_str().to_owned());
    let mut rows = csv_row(["code", "redeem_url", "expires_at", "assigned_to", "label"]);
    let mut left = asked.count;
    while left > 0 {
        let count = left.min(ISSUE);
        let (label, for_partner) = (asked.label.clone(), user.is_none());
        let issue = Issue { campaign: campaign.clone(), holder: person, label, count, for_partner };
        let entry = Entry::new(Command::Issue(issue), by(asked.reason.clone())).naming(user.clone());
        let issued = match app.ledger.submit(entry).await {
            Ok(Reply::Issued(codes)) => codes,
            Ok(_) => return Err(Problem::internal("an answer of another kind")),
            Err(fail) => return Err(Problem::from(fail).with("issued", asked.count - left)),
        };
        issued.iter().for_each(|code| rows.push_str(&row(app, code, &shown)));
        left -= count;
    }
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"))], rows).into_response())
}

/// A user, or a partner, who has no user id.
fn holder(app: &App, user: Option<&str>, partner: Option<&str>) -> Result<(Option<UserId>, Person), Problem> {
    match (user, partner) {
        (Some(user), None) => {
            let user = UserId::parse(user).map_err(|fault| Problem::bad_request(fault.to_string()))?;
            let person = app.ledger.person(&user);
            Ok((Some(user), person))
        }
        (None, Some(partner)) => {
            let id = read_id(partner, "partner")?;
            Ok((None, Partner::person(id)))
        }
        _ => Err(Problem::bad_request("say whose they are: assigned_to, a user id, or partner")),
    }
}

fn row(app: &App, code: &crate::domain::code::Code, holder: &str) -> String {
    let text = code.text.as_str();
    let label = code.label.as_deref().unwrap_or("");
    csv_row([text, &redeem_url(app.config.apple_id, text), &rfc3339(code.expires_at), holder, label])
}
