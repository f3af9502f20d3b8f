//! What others tell us.

mod apple;
mod revenuecat;
mod tremendous;

use super::front::App;
use axum::Router;
use axum::routing::post;
use std::sync::Arc;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/webhooks/revenuecat", post(revenuecat::event))
        .route("/webhooks/apple", post(apple::production))
        .route("/webhooks/apple/sandbox", post(apple::sandbox))
        .route("/webhooks/tremendous", post(tremendous::event))
}
