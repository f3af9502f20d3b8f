//! The routes for the app and its users.

mod claim;
mod consent;
mod evidence;
mod offers;
mod share;
mod usage;

use super::front::App;
use super::route::Route;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    let nouns = [share::routes(), claim::routes(), offers::routes(), consent::routes(), usage::routes()];
    nouns.into_iter().flatten().collect()
}
