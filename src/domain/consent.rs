//! What a user allows, for each purpose. The latest word holds, whichever of their ids it was said of.

use super::at::At;
use super::id::Person;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Purpose {
    /// A code may be sent that is to win them back.
    WinBack,
    /// Apple may be told how a purchase was used, once a refund of it is asked for.
    RefundData,
}

impl Purpose {
    pub const ALL: [Purpose; 2] = [Purpose::WinBack, Purpose::RefundData];

    pub fn word(self) -> &'static str {
        match self {
            Purpose::WinBack => "win_back",
            Purpose::RefundData => "refund_data",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub person: Person,
    pub purpose: Purpose,
    pub given: bool,
    pub at: At,
}

impl Consent {
    /// Of what was said of all ids of a person the latest; a "no" where both were said at once.
    pub fn latest(said: &[Consent], purpose: Purpose) -> Option<&Consent> {
        said.iter().filter(|one| one.purpose == purpose).max_by_key(|one| (one.at, !one.given))
    }
    pub fn is_given(said: &[Consent], purpose: Purpose) -> bool {
        Consent::latest(said, purpose).is_some_and(|one| one.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_word_of_any_id_holds() {
        let said = |person: u8, at: i64, given| Consent {
            person: Person([person; 16]),
            purpose: Purpose::WinBack,
            given,
            at: At(at),
        };
        for (words, given) in [
            (vec![], false),
            (vec![said(1, 5, true)], true),
            (vec![said(1, 5, true), said(2, 6, false)], false),
            (vec![said(2, 6, false), said(1, 7, true)], true),
            (vec![said(1, 5, true), said(2, 5, false)], false),
        ] {
            assert_eq!(Consent::is_given(&words, Purpose::WinBack), given, "{words:?}");
        }
    }
}
