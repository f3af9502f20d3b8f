//! Every call that leaves the house: one function for each, and one way to say how it failed.

pub mod acme;
pub mod app_store_connect;
pub mod app_store_server;
pub mod client;
pub mod device_check;
pub mod jwks;
pub mod post;
mod public;
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

    /// Without a code, which an answer may quote in either case.
    fn hiding(mut self, code: &str) -> Failure {
        let (Failure::NotSent(why)
        | Failure::Unsure(why)
        | Failure::Later { why, .. }
        | Failure::Refused(why)
        | Failure::Never(why)) = &mut self;
        let text = why.to_ascii_lowercase();
        for (at, found) in text.rmatch_indices(&code.to_ascii_lowercase()).filter(|(_, found)| !found.is_empty()) {
            why.replace_range(at..at + found.len(), "…");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_without_a_code() {
        let rows = [
            ("ANNA26 is taken: \"anna26\"", "Anna26", "… is taken: \"…\""),
            ("ÄANNA26ß", "ANNA26", "Ä…ß"),
            ("AAAAA", "AA", "A……"),
            ("nothing", "ANNA26", "nothing"),
            ("nothing", "", "nothing"),
            ("…", "…", "…"),
        ];
        for (why, code, expected) in rows {
            assert_eq!(Failure::Never(why.to_owned()).hiding(code), Failure::Never(expected.to_owned()));
            assert_eq!(Failure::later(why, None).hiding(code), Failure::later(expected, None));
        }
    }
}
