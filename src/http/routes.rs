//! The whole public side: the routes of every app under its path, and the process's own health.

use super::admin::{self, Admin};
use super::front::App;
use super::quota::by_address;
use super::route::{About, Route, abouts, mount};
use super::tls::Certificates;
use super::{app, health, inbound, pages, statement};
use crate::config::Secret;
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;

pub fn public(apps: &[Arc<App>], certificates: Option<Arc<Certificates>>) -> Router {
    let health = health::Health { apps: apps.into(), certificates };
    let mut router = mount(health::routes()).with_state(health);
    for one in apps {
        let limited = mount(app::routes()).route_layer(from_fn_with_state(one.clone(), by_address));
        let routes = limited.merge(mount(open())).with_state(one.clone());
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

/// Routes of an app where nobody is held back by address.
fn open() -> Vec<Route<Arc<App>>> {
    [inbound::routes(), pages::routes(), statement::routes()].into_iter().flatten().collect()
}

/// Every route there is, as it is called from outside.
pub fn described() -> Vec<About> {
    abouts(health::routes()).chain(abouts(app::routes())).chain(abouts(open())).chain(admin::described()).collect()
}
