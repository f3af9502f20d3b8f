//! A referee's claim, and their word that they redeemed.

use crate::domain::claim::Claim;
use crate::domain::code::CodeText;
use crate::domain::completion::Completion;
use crate::domain::decide::claim::{ClaimBy, MakeClaim};
use crate::domain::decide::{By, Command, Reply};
use crate::domain::id::UserId;
use crate::http::extract::{json, json_body, query};
use crate::http::front::App;
use crate::http::limits::{BODY_MAX, read_body};
use crate::http::problem::Problem;
use crate::wire::text::redeem_url;
use crate::wire::view::own_completion;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::sync::Arc;

#[derive(Deserialize)]
struct ClaimBody {
    code: Option<String>,
    slug: Option<String>,
}

/// What the app can prove a redemption with. Read, so that a wrong type is named.
#[derive(Deserialize)]
struct ConfirmBody {
    #[serde(rename = "signed_transaction")]
    _signed_transaction: Option<String>,
    #[serde(rename = "device_token")]
    _device_token: Option<String>,
    #[serde(rename = "app_transaction")]
    _app_transaction: Option<String>,
}

pub async fn claim(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let by = match json_body(body, BODY_MAX).await? {
        ClaimBody { code: Some(code), slug: None } => ClaimBy::Code(code_text(&code)?),
        ClaimBody { code: None, slug: Some(slug) } => ClaimBy::Slug(slug_text(&slug)?),
        _ => return Err(Problem::bad_request("give either a code or a slug")),
    };
    let (claim, completion, fresh) = made(&app, user, by, false).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &answer(&app, &claim, completion.as_ref())))
}

pub async fn confirm(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let [code] = query(&uri, ["referral_code"])?;
    let code = code.ok_or_else(|| Problem::bad_request("referral_code is missing"))?;
    let body = read_body(body, BODY_MAX).await?;
    if !body.is_empty() {
        let read: Result<ConfirmBody, _> = serde_json::from_slice(&body);
        read.map_err(|_| Problem::bad_request("the body is not the JSON object that this route takes"))?;
    }
    let (claim, completion, _) = made(&app, user, ClaimBy::Code(code_text(&code)?), true).await?;
    let status = completion.as_ref().map_or("awaiting_purchase", |completion| completion.state.word());
    let mut body = answer(&app, &claim, completion.as_ref());
    body["status"] = status.into();
    Ok(json(if completion.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED }, &body))
}

async fn made(
    app: &App,
    user: UserId,
    by: ClaimBy,
    confirm: bool,
) -> Result<(Claim, Option<Completion>, bool), Problem> {
    let person = app.ledger.person(&user);
    let command = Command::Claim(MakeClaim { by, person, confirm });
    match app.submit(command, By::App, vec![user], None).await? {
        Reply::Claim { claim, completion, fresh } => Ok((claim, completion, fresh)),
        Reply::SelfReferral => Err(crate::domain::decide::Refusal::SelfReferral.into()),
        Reply::Empty { slug, .. } => Err(app.empty(&slug)),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

fn answer(app: &App, claim: &Claim, completion: Option<&Completion>) -> Value {
    let code = claim.code.as_str();
    let mut body = object!({
        "claim": {"campaign": claim.campaign, "code": code, "status": claim.state.word()},
        "redeem_url": redeem_url(app.config.apple_id, code),
    });
    if let Some(completion) = completion {
        body["completion"] = own_completion(completion);
    }
    body
}

/// What nobody can have been given is unknown, whatever it looks like.
fn code_text(text: &str) -> Result<CodeText, Problem> {
    CodeText::parse(text.trim()).ok_or_else(|| Problem::unknown_code("a code is 6 to 40 letters and digits"))
}

pub fn slug_text(text: &str) -> Result<String, Problem> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then(|| text.to_owned()).ok_or_else(|| Problem::not_found("there is no such share link"))
}
