//! What a failed call means for the delivery.

use crate::domain::at::Span;
use crate::domain::outcome::Outcome;
use crate::outside::Failure;

/// A key that was refused is tried again slowly: people have to mend it.
const REFUSED: Span = Span::minutes(10);

pub fn not_configured(what: &str) -> Outcome {
    Outcome::Again { after: Some(REFUSED), why: format!("{what} is not configured") }
}

pub fn again(error: &impl std::fmt::Display) -> Outcome {
    Outcome::Again { after: None, why: error.to_string() }
}

/// Reading changes nothing, so a lost answer is only a late one.
pub fn reading(failure: Failure) -> Outcome {
    match outcome(failure) {
        Outcome::Unsure { why } => Outcome::Again { after: None, why },
        other => other,
    }
}

pub fn outcome(failure: Failure) -> Outcome {
    match failure {
        Failure::NotSent(why) => Outcome::Again { after: None, why },
        Failure::Unsure(why) => Outcome::Unsure { why },
        Failure::Later { why, after } => Outcome::Again { after, why },
        Failure::Refused(why) => Outcome::Again { after: Some(REFUSED), why },
        Failure::Never(why) => Outcome::Never { why },
    }
}
