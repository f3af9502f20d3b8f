//! One request for codes made to Apple, or one imported list.

use super::at::{At, Date};
use super::id::Id;
use super::policy::Environment;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub id: Id,
    pub campaign: String,
    pub origin: Origin,
    pub environment: Environment,
    pub expires: Date,
    /// How many codes were asked for, or stand in the list.
    pub asked: u32,
    pub requested_at: At,
    /// The batch's id in App Store Connect, once it is known.
    pub apple_id: Option<String>,
    pub state: BatchState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    Apple,
    Import,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatchState {
    /// Apple is to be asked, or was asked and the answer is not known.
    Requested,
    /// Apple made it (or an import began); the codes are not all here.
    Generating,
    Ready {
        at: At,
    },
    Failed {
        at: At,
        why: String,
    },
    Deactivated {
        at: At,
    },
}

impl BatchState {
    pub fn word(&self) -> &'static str {
        match self {
            BatchState::Requested => "requested",
            BatchState::Generating => "generating",
            BatchState::Ready { .. } => "ready",
            BatchState::Failed { .. } => "failed",
            BatchState::Deactivated { .. } => "deactivated",
        }
    }
}

/// How many codes one stored row holds: with Apple's 18 characters it fills a page of the database.
pub const CHUNK: usize = 200;

/// A run of codes of one batch, in the order in which they are handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub batch: Id,
    pub number: u32,
    /// The codes, one after another, each ended by a line feed.
    pub codes: Packed,
}

/// Codes packed into one text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Packed(String);

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} codes", self.iter().count())
    }
}

impl Packed {
    pub fn of(codes: &[super::code::CodeText]) -> Packed {
        let mut out = String::with_capacity(codes.len() * 19);
        for code in codes {
            out.push_str(code.as_str());
            out.push('\n');
        }
        Packed(out)
    }
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\n')
    }
}
