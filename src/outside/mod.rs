//! Every call that leaves the house: one function for each, and one way to say how it failed.

pub mod app_store_connect;
pub mod app_store_server;
pub mod client;
pub mod device_check;
pub mod jwks;
pub mod revenuecat;
#[cfg(test)]
mod stand_in;
pub mod tremendous;

use crate::domain::at::Span;

/// The texts are for logs and for people: they hold no user ids, codes or keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Refused or unreachable before anything was sent.
    #[error("nothing was sent: {0}")]
    NotSent(String),
    /// Sent, and the answer is lost: it may have been done.
    #[error("sent, but the answer is lost: {0}")]
    Unsure(String),
    /// An answer that says to try later, and how much later where it says so.
    #[error("to be tried later: {why}")]
    Later { why: String, after: Option<Span> },
    /// An answer that refuses our key or its role.
    #[error("the key or its role is refused: {0}")]
    Refused(String),
    /// An answer that will be the same next time.
    #[error("will not succeed: {0}")]
    Never(String),
}

impl Failure {
    pub fn later(why: impl Into<String>, after: Option<Span>) -> Failure {
        Failure::Later { why: why.into(), after }
    }
}
