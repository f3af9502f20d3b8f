//! Every call we answer: listeners, routes, pages. A handler proves who asks, translates, submits and
//! renders; what follows is decided elsewhere.

pub mod admin;
pub mod app;
mod extract;
pub mod front;
mod guard;
pub mod health;
mod inbound;
pub mod limits;
pub mod listen;
pub mod meter;
mod metrics;
pub mod openapi;
mod pages;
pub mod peer;
pub mod problem;
mod quota;
pub mod rate;
pub mod route;
pub mod routes;
mod statement;
pub mod tls;
