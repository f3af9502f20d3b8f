//! A referee's claim, and their word that they redeemed.

use super::evidence::{Shown, shows};
use crate::domain::claim::Claim;
use crate::domain::code::CodeText;
use crate::domain::completion::Completion;
use crate::domain::decide::claim::{ClaimBy, MakeClaim};
use crate::domain::decide::evidence::{NameUser, Show};
use crate::domain::decide::{By, Command, Refusal, Reply};
use crate::domain::id::UserId;
use crate::http::extract::{json, json_body, parsed_if_any, query};
use crate::http::front::App;
use crate::http::limits::{BODY_MAX, read_body};
use crate::http::peer::Client;
use crate::http::problem::Problem;
use crate::http::route::{Content, Query, Route, Who, post};
use crate::ledger::{self, Entry};
use crate::wire::text::redeem_url;
use crate::wire::view::own_completion;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::sync::Arc;

const CODE: Query = Query::needed("referral_code", "text", "The code that the user redeemed.");

pub fn routes() -> Vec<Route<Arc<App>>> {
    const REFUSALS: &[&str] = &[
        "already-claimed",
        "bad-signature",
        "code-expired",
        "code-used",
        "not-eligible",
        "not-found",
        "pool-empty",
        "self-referral",
        "unknown-code",
        "wrong-app",
    ];
    vec![
        post(Who::User, "/referral/claim", claim, "The referee's claim, before or after redeeming")
            .takes(Content::One("claim_request"))
            .answers(201, Content::One("claim_answer"))
            .answers(200, Content::One("claim_answer"))
            .refuses(REFUSALS),
        post(Who::User, "/referral/confirm-redemption", confirm, "Claim and confirmation in one")
            .query(&[CODE])
            .may_take(Content::One("confirm_request"))
            .answers(200, Content::One("claim_answer"))
            .answers(202, Content::One("claim_answer"))
            .refuses(REFUSALS),
    ]
}

#[derive(Deserialize)]
struct ClaimBody {
    code: Option<String>,
    slug: Option<String>,
    /// What Apple is to name this user by, where the user id is no UUID.
    app_account_token: Option<String>,
}

async fn claim(
    State(app): State<Arc<App>>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let body = json_body(body, BODY_MAX).await?;
    let asker = Asker { app: &app, client, headers: &headers, user };
    app.guess(app.ledger.person(&asker.user), client, claimed(&asker, body)).await
}

/// Who asks, and from where.
struct Asker<'a> {
    app: &'a App,
    client: Client,
    headers: &'a HeaderMap,
    user: UserId,
}

async fn claimed(asker: &Asker<'_>, body: ClaimBody) -> Result<Response, Problem> {
    let (app, ClaimBody { code, slug, app_account_token }) = (asker.app, body);
    let by = match (code, slug) {
        (Some(code), None) => ClaimBy::Code(code_text(app, &code)?),
        (None, Some(slug)) => ClaimBy::Slug(slug_text(&slug)?),
        _ => return Err(Problem::bad_request("give either a code or a slug")),
    };
    let token = account_token(asker, app_account_token).await?;
    let command = MakeClaim::of(by, app.ledger.person(&asker.user));
    let (claim, completion, fresh) = made(asker, token, command).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &answer(app, &claim, completion.as_ref())))
}

/// A claim, and what shows that the code was redeemed: the evidence is filed first, so that the claim meets it.
async fn confirm(
    State(app): State<Arc<App>>,
    client: Client,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let [code] = query(&uri, ["referral_code"])?;
    let code = code.ok_or_else(|| Problem::bad_request("referral_code is missing"))?;
    let body = read_body(body, BODY_MAX).await?;
    let asker = Asker { app: &app, client, headers: &headers, user };
    app.guess(app.ledger.person(&asker.user), client, confirmed(&asker, &code, &body)).await
}

async fn confirmed(asker: &Asker<'_>, code: &str, body: &[u8]) -> Result<Response, Problem> {
    let (app, user) = (asker.app, &asker.user);
    let code = code_text(app, code)?;
    let shown: Shown = parsed_if_any(body)?;
    let (reports, device_token) = (shown.reports(app, user)?, shown.device_token()?);
    let token = account_token(asker, shown.app_account_token).await?;
    let shows = shows(&reports);
    let person = app.ledger.person(user);
    for report in reports {
        let report = report.map(|user| app.ledger.person(&user));
        let show = Command::Show(Show { person, code: code.clone(), report });
        app.submit(show, By::App, vec![user.clone()], None).await?;
    }
    let by = ClaimBy::Code(code);
    let command = MakeClaim { confirm: true, shows, device_token, ..MakeClaim::of(by, person) };
    let (claim, completion, _) = made(asker, token, command).await?;
    let status = completion.as_ref().map_or("awaiting_purchase", |completion| completion.state.word());
    let mut body = answer(app, &claim, completion.as_ref());
    body["status"] = status.into();
    Ok(json(if completion.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED }, &body))
}

/// What else Apple is to call this user, as the team's own server says: a user could name another. From now on
/// both are one person, so the name must be nobody else's.
async fn account_token(asker: &Asker<'_>, given: Option<String>) -> Result<Option<String>, Problem> {
    let Asker { app, headers, user, .. } = asker;
    let Some(given) = given else { return Ok(None) };
    if !app.is_server(headers) {
        return Err(Problem::not_eligible("app_account_token is taken from the team's server only"));
    }
    let odd = || Problem::bad_request("app_account_token is a UUID, and not one of noughts");
    let uuid = UserId::parse(&given).ok().and_then(|token| token.uuid()).ok_or_else(odd)?;
    if uuid.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
        return Err(odd());
    }
    let token = UserId::parse(&uuid).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    let name = NameUser { person: app.ledger.person(user), token: app.ledger.person(&token) };
    app.submit(Command::NameUser(name), By::App, vec![user.clone(), token], None).await?;
    Ok(Some(uuid))
}

async fn made(
    asker: &Asker<'_>,
    token: Option<String>,
    claim: MakeClaim,
) -> Result<(Claim, Option<Completion>, bool), Problem> {
    let (app, user) = (asker.app, asker.user.clone());
    let has_token = token.is_some() || user.uuid().is_some();
    let network = app.rate.network(asker.client, app.clock.now().date());
    let command = Command::Claim(MakeClaim { has_token, network, ..claim });
    let entry = Entry::new(command, By::App).naming([user]).token(token);
    match app.ledger.submit(entry).await? {
        Reply::Claim { claim, completion, fresh } => Ok((claim, completion, fresh)),
        Reply::SelfReferral => Err(Refusal::SelfReferral.into()),
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
fn code_text(app: &App, text: &str) -> Result<CodeText, Problem> {
    let code = CodeText::parse(text.trim());
    let code = code.ok_or_else(|| Problem::unknown_code("a code is 1 to 64 letters and digits"))?;
    // Everybody may use a custom code, at once if they like.
    if !ledger::code(&*app.ledger.snapshot(), &code)?.is_some_and(|known| known.is_custom) {
        app.call_by_code(&code)?;
    }
    Ok(code)
}

pub fn slug_text(text: &str) -> Result<String, Problem> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then(|| text.to_owned()).ok_or_else(|| Problem::not_found("there is no such share link"))
}
