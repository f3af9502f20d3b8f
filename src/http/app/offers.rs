//! Promotional offers for a user: which they may have, and what the app shows Apple for one.

use crate::domain::at::Span;
use crate::domain::decide::offer::SignOffer;
use crate::domain::decide::{By, Command, Reply};
use crate::domain::offer::{Offer, Signing, last_transaction, may_have_introductory};
use crate::http::extract::{json_body, ok};
use crate::http::front::{App, Signer};
use crate::http::limits::BODY_MAX;
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, post};
use crate::ledger::standing_of;
use crate::wire::offer_signature::{self as signature, Fault, Request, Wanted};
use crate::wire::text::{rfc3339, uuid};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    vec![
        post(Who::User, "/offers/eligibility", eligibility, "Which promotional offers the user may have now")
            .takes(Content::One("eligibility_request"))
            .answers(200, Content::One("eligibility"))
            .refuses(&["not-found"]),
        post(Who::User, "/offers/signature", sign, "The signature of a promotional offer, if the user may have it")
            .takes(Content::One("signature_request"))
            .answers(200, Content::One("signature"))
            .refuses(&["not-eligible", "not-found"]),
        post(
            Who::User,
            "/offers/introductory",
            introductory,
            "Whether the user may have an introductory offer, signed",
        )
        .takes(Content::One("introductory_request"))
        .answers(200, Content::One("introductory"))
        .refuses(&["not-found"]),
    ]
}

/// Apple takes a signature for so long.
const GOOD_FOR: Span = Span::hours(24);

impl App {
    fn offer(&self, id: &str, product_id: Option<&str>) -> Result<&Offer, Problem> {
        let found = self.config.offers.iter().find(|offer| offer.id == id);
        let found = found.ok_or_else(|| Problem::not_found("there is no such offer"))?;
        match product_id {
            Some(product) if product != found.product_id => {
                Err(Problem::bad_request("product_id is not that of the offer"))
            }
            _ => Ok(found),
        }
    }

    fn signer(&self) -> Result<&Signer, Problem> {
        self.signer.as_ref().ok_or_else(|| Problem::not_found("this app signs no offers"))
    }

    fn nonce(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        uuid(bytes)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        match fault {
            Fault::Signing(_) => Problem::internal(fault.to_string()),
            Fault::Text(_) | Fault::Token | Fault::Nonce => Problem::bad_request(fault.to_string()),
        }
    }
}

#[derive(Deserialize)]
struct AskBody {
    offer_id: Option<String>,
}

/// Which offers the user may have now, and why not the others. Nothing is signed.
async fn eligibility(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let asked: AskBody = json_body(body, BODY_MAX).await?;
    let offers: Vec<&Offer> = match &asked.offer_id {
        Some(id) => vec![app.offer(id, None)?],
        None => app.config.offers.iter().collect(),
    };
    let known = standing_of(&*app.ledger.snapshot(), app.ledger.person(&user))?;
    let now = app.clock.now();
    let one = |offer: &&Offer| {
        let may = offer.eligible(&known.bought, &known.signed, now);
        json!({
            "offer_id": offer.id, "product_id": offer.product_id, "eligible": may.is_ok(),
            "reason": may.err().map(|why| why.word()),
        })
    };
    Ok(ok(&json!({"offers": offers.iter().map(one).collect::<Vec<_>>()})))
}

#[derive(Deserialize)]
struct SignatureBody {
    offer_id: String,
    product_id: Option<String>,
    app_account_token: Option<String>,
    transaction_id: Option<String>,
}

async fn sign(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let asked: SignatureBody = json_body(body, BODY_MAX).await?;
    let offer = app.offer(&asked.offer_id, asked.product_id.as_deref())?.clone();
    let signer = app.signer()?;
    let (person, token) = (app.ledger.person(&user), asked.app_account_token.map(|text| text.to_ascii_lowercase()));
    let bought = standing_of(&*app.ledger.snapshot(), person)?.bought;
    let transaction = asked.transaction_id.or_else(|| last_transaction(&bought).map(str::to_owned));
    signature::signable(&offer.product_id, &offer.id, token.as_deref(), transaction.as_deref())?;
    let command = Command::SignOffer(SignOffer { person, offer: offer.clone(), nonce: app.nonce() });
    match app.submit(command, By::App, vec![user], None).await? {
        Reply::Signing(signing) => {
            Ok(ok(&signed(&app, signer, &offer, &signing, token.as_deref(), transaction.as_deref())?))
        }
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

fn signed(
    app: &App,
    signer: &Signer,
    offer: &Offer,
    signing: &Signing,
    token: Option<&str>,
    transaction: Option<&str>,
) -> Result<Value, Problem> {
    let bundle_id = app.config.bundle_id.as_str();
    let (key_id, nonce, at) = (signer.key_id.as_str(), signing.nonce.as_str(), signing.at);
    let (product_id, offer_id) = (offer.product_id.as_str(), offer.id.as_str());
    let wanted = Wanted { bundle_id, key_id, product_id, offer_id, app_account_token: token, nonce, at };
    let request = Request { issuer: &signer.issuer, key_id, bundle_id, nonce, at };
    let jws = signature::promotional_jws(&request, product_id, offer_id, transaction, &signer.key)?;
    Ok(json!({
        "offer_id": offer_id, "product_id": product_id, "key_id": key_id, "nonce": nonce, "timestamp": at.0,
        "app_account_token": token, "signature": signature::v1(&wanted, &signer.key)?, "jws": jws,
        "expires_at": rfc3339(at.plus(GOOD_FOR)),
    }))
}

#[derive(Deserialize)]
struct IntroductoryBody {
    product_id: String,
    transaction_id: String,
}

async fn introductory(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let asked: IntroductoryBody = json_body(body, BODY_MAX).await?;
    let signer = app.signer()?;
    let known = standing_of(&*app.ledger.snapshot(), app.ledger.person(&user))?;
    let allowed = may_have_introductory(&known.bought);
    let (nonce, at) = (app.nonce(), app.clock.now());
    let (bundle_id, key_id) = (app.config.bundle_id.as_str(), signer.key_id.as_str());
    let request = Request { issuer: &signer.issuer, key_id, bundle_id, nonce: &nonce, at };
    let (product, transaction) = (asked.product_id.as_str(), asked.transaction_id.as_str());
    let jws = signature::introductory_jws(&request, product, allowed, transaction, &signer.key)?;
    Ok(ok(&json!({"product_id": product, "allowed": allowed, "nonce": nonce, "jws": jws})))
}
