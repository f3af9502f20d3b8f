//! The whole public side: the routes of every app under its path, and the process's own health.

use super::admin::{self, Admin};
use super::front::App;
use super::quota::by_address;
use super::tls::Certificates;
use super::{app, health, inbound, pages, statement};
use crate::config::Secret;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use std::sync::Arc;

pub fn public(apps: &[Arc<App>], certificates: Option<Arc<Certificates>>) -> Router {
    let all: Arc<[Arc<App>]> = apps.into();
    let mut router = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(move || async move { health::ready(&all, certificates.as_deref()).await }));
    for one in apps {
        let limited = app::routes().route_layer(from_fn_with_state(one.clone(), by_address));
        let open = inbound::routes().merge(pages::routes()).merge(statement::routes());
        let routes = limited.merge(open).with_state(one.clone());
        router = match one.config.base_path.as_str() {
            "" => router.merge(routes),
            path => router.nest(path, routes),
        };
    }
    router
}

pub fn private(apps: &[Arc<App>], token: Secret, certificates: Option<Arc<Certificates>>) -> Router {
    admin::router(Arc::new(Admin { apps: apps.to_vec(), token, certificates }))
}
