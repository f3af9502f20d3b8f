//! What others tell us.

mod apple;
mod revenuecat;
mod tremendous;

use super::front::App;
use super::route::{Content, Route, Who, post};
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    let kept = Content::One("kept");
    vec![
        post(Who::RevenueCat, "/webhooks/revenuecat", revenuecat::event, "An event of RevenueCat's")
            .takes(Content::One("revenuecat_event"))
            .answers(200, kept)
            .refuses(&["not-found"]),
        post(Who::Apple, "/webhooks/apple", apple::production, "A notification of Apple's, version 2, of production")
            .takes(Content::One("apple_notification"))
            .answers(200, kept),
        post(
            Who::Apple,
            "/webhooks/apple/sandbox",
            apple::sandbox,
            "A notification of Apple's, version 2, of the sandbox",
        )
        .takes(Content::One("apple_notification"))
        .answers(200, kept),
        post(Who::Tremendous, "/webhooks/tremendous", tremendous::event, "An event of Tremendous's")
            .takes(Content::One("tremendous_event"))
            .answers(200, kept)
            .refuses(&["not-found"]),
    ]
}
