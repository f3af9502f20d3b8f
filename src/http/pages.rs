//! The page behind a share link. Looking at it changes nothing.

use super::extract::query;
use super::front::App;
use super::peer::Client;
use super::route::{HTML, Route, Who, get};
use crate::domain::code::Code;
use crate::domain::referrer::Referrer;
use crate::ledger::rows::{code_key, referrer_key};
use crate::ledger::store::Store;
use crate::wire::text::{date, redeem_url};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{StatusCode, Uri};
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    let page = get(Who::Anyone, "/r/{slug}", share, "The share page of a referrer: looking at it changes nothing");
    vec![[200, 404, 429, 500, 503].into_iter().fold(page, |page, status| page.answers(status, HTML))]
}

#[derive(Template)]
#[template(path = "share.html")]
struct Page {
    title: &'static str,
    message: &'static str,
    offer: Option<Offer>,
}

struct Offer {
    words: String,
    code: String,
    redeem_url: String,
    note: String,
}

/// Nothing but the page's own style: no script, no foreign content.
pub const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async fn share(State(app): State<Arc<App>>, client: Client, Path(slug): Path<String>, uri: Uri) -> Response {
    if let Err(limited) = app.follow(client) {
        let message = "This link was asked for too often from your network. Please come back in a moment.";
        let words = Page { title: "Too many visits", message, offer: None };
        return later(page(limited.status, words), limited.retry_after.unwrap_or(60));
    }
    // Share links come back with parameters that messengers add; they mean nothing here.
    if query(&uri, []).is_err() {
        return page(StatusCode::NOT_FOUND, unknown());
    }
    let found = found(&app, &slug);
    if !matches!(found, Ok(None)) {
        app.led_somewhere(client);
    }
    match found {
        Ok(None) => page(StatusCode::NOT_FOUND, unknown()),
        Ok(Some(None)) => {
            let message = "There is no code to give at the moment. Please come back a little later: this link stays.";
            let words = Page { title: "Come back soon", message, offer: None };
            later(page(StatusCode::SERVICE_UNAVAILABLE, words), 60)
        }
        Ok(Some(Some(offer))) => {
            page(StatusCode::OK, Page { title: "You have been invited", message: "", offer: Some(offer) })
        }
        Err(error) => {
            tracing::error!(%error, "the ledger cannot be read");
            page(StatusCode::INTERNAL_SERVER_ERROR, Page { title: "Something broke", message: "", offer: None })
        }
    }
}

fn unknown() -> Page {
    Page { title: "Unknown link", message: "This link leads to nobody. Please check that it is complete.", offer: None }
}

/// The referrer behind a slug, and the code they show.
fn found(app: &App, slug: &str) -> Result<Option<Option<Offer>>, crate::ledger::Error> {
    let store = app.ledger.snapshot();
    let Some(referrer) = store.row::<Referrer>(&referrer_key(slug))? else { return Ok(None) };
    let code: Option<Code> = match &referrer.current {
        Some(text) => store.row(&code_key(text))?,
        None => None,
    };
    let code = code.filter(|code| code.lasts(app.clock.now()));
    Ok(Some(code.map(|code| Offer {
        words: words(app, &code),
        redeem_url: redeem_url(app.config.apple_id, code.text.as_str()),
        note: note(&code),
        code: code.text.as_str().to_owned(),
    })))
}

fn note(code: &Code) -> String {
    let until = date(code.expires_at.date());
    match (code.is_custom, code.ends()) {
        (false, _) => format!("The code can be used once, until {until}."),
        (true, true) => format!("The code can be used until {until}."),
        (true, false) => String::new(),
    }
}

/// The campaign's words, without the links that the page shows as a button.
fn words(app: &App, code: &Code) -> String {
    let campaign = app.config.campaigns.iter().find(|campaign| campaign.policy.campaign == code.campaign);
    let words = campaign.map_or("", |campaign| &campaign.share_text);
    let words = words.replace("{code}", code.text.as_str()).replace("{redeem_url}", "").replace("{share_url}", "");
    words.trim().trim_end_matches([':', ',', '-', '–']).trim().to_owned()
}

fn page(status: StatusCode, page: Page) -> Response {
    let Ok(html) = page.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    (status, headers, html).into_response()
}

fn later(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}
