//! The routes for the app and its users.

mod claim;
mod consent;
mod evidence;
mod offers;
mod share;
mod usage;

pub use offers::Signer;

use super::front::App;
use axum::Router;
use axum::routing::{get, post, put};
use std::sync::Arc;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/referral/my-code", get(share::my_code))
        .route("/referral/stats", get(share::stats))
        .route("/referral/claim", post(claim::claim))
        .route("/referral/confirm-redemption", post(claim::confirm))
        .route("/offers/eligibility", post(offers::eligibility))
        .route("/offers/signature", post(offers::sign))
        .route("/offers/introductory", post(offers::introductory))
        .route("/users/me/consent", put(consent::put))
        .route("/users/me/usage", put(usage::put))
}
