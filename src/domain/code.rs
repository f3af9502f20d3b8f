//! One one-time-use code. An available code is only text in a batch; it becomes a record when it is
//! handed out.

use super::at::{At, Date};
use super::id::{Id, Person};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The code itself: 1 to 64 ASCII letters and digits. Apple's one-time codes have 18; custom ones are what a team likes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeText(String);

impl CodeText {
    pub fn parse(text: &str) -> Option<CodeText> {
        fits(text).then(|| CodeText(text.to_owned()))
    }
    /// The same without a copy.
    pub fn of(text: String) -> Option<CodeText> {
        fits(&text).then_some(CodeText(text))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// As Apple writes codes. People type them in small letters.
    pub fn upper(&self) -> CodeText {
        CodeText(self.0.to_ascii_uppercase())
    }
}

fn fits(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Codes never reach a log.
impl fmt::Debug for CodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{}", &self.0[self.0.len().saturating_sub(2).max(self.0.len().div_ceil(2))..])
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub text: CodeText,
    pub campaign: String,
    pub batch: Id,
    pub expires_at: At,
    pub assigned_to: Person,
    pub assigned_at: At,
    /// What the team calls the list it was issued for.
    pub label: Option<String>,
    /// The referee whose claim holds it.
    pub claimed_by: Option<Person>,
    /// A custom code: everybody may use it.
    pub is_custom: bool,
    pub state: CodeState,
}

/// A code as it left the stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    pub text: CodeText,
    pub campaign: String,
    pub batch: Id,
    pub expires_at: At,
    pub to: Person,
    pub at: At,
}

impl Handed {
    pub fn of(code: &Code) -> Handed {
        Handed {
            text: code.text.clone(),
            campaign: code.campaign.clone(),
            batch: code.batch,
            expires_at: code.expires_at,
            to: code.assigned_to,
            at: code.assigned_at,
        }
    }
    /// Its row: in its holder's hands, or withheld from everybody.
    pub fn row(&self, now: At) -> Code {
        let is_withheld = self.to == Person::NOBODY;
        Code {
            text: self.text.clone(),
            campaign: self.campaign.clone(),
            batch: self.batch,
            expires_at: self.expires_at,
            assigned_to: self.to,
            assigned_at: self.at,
            label: is_withheld.then(|| "withheld by a restore".to_owned()),
            claimed_by: None,
            is_custom: false,
            state: if is_withheld { CodeState::Void { at: now } } else { CodeState::Pending },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeState {
    Pending,
    Used { at: At },
    Expired { at: At },
    Void { at: At },
}

impl CodeState {
    pub fn word(self) -> &'static str {
        match self {
            CodeState::Pending => "pending",
            CodeState::Used { .. } => "used",
            CodeState::Expired { .. } => "expired",
            CodeState::Void { .. } => "void",
        }
    }
}

impl Code {
    /// The end of a code that has none: the last day of the year 9999.
    pub const NEVER: At = Date(2_932_896).start();

    pub fn ends(&self) -> bool {
        self.expires_at < Code::NEVER
    }
    pub fn is_pending(&self) -> bool {
        self.state == CodeState::Pending
    }
    /// Whether it can still be given to somebody who will redeem it in their own time.
    pub fn lasts(&self, until: At) -> bool {
        self.is_pending() && self.expires_at > until
    }
    /// A code is used once: what is learned of it later does not change when.
    pub fn used(mut self, by: Person, at: At) -> Code {
        if self.is_custom {
            return self;
        }
        if !matches!(self.state, CodeState::Used { .. }) {
            self.state = CodeState::Used { at };
        }
        self.claimed_by = Some(by);
        self
    }
    /// A claim holds it, until it is used or another takes its place.
    pub fn held_by(mut self, claimant: Option<Person>) -> Code {
        if !self.is_custom {
            self.claimed_by = claimant;
        }
        self
    }
    pub fn expired(mut self, at: At) -> Code {
        assert!(self.is_pending(), "only a pending code expires");
        self.state = CodeState::Expired { at };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_texts() {
        let long = "A".repeat(65);
        for (text, good) in [
            ("F4ERH8YJF7XETYLY7N", true),
            ("ABC123", true),
            ("abc123", true),
            ("JEN20", true),
            ("", false),
            ("ABC 123", false),
            ("ABC-123", false),
            ("ABCÄ123", false),
            (&long, false),
        ] {
            assert_eq!(CodeText::parse(text).is_some(), good, "{text:?}");
        }
        for (text, shown) in [("F4ERH8YJF7XETYLY7N", "…7N"), ("JEN20", "…20"), ("JEN", "…N"), ("J", "…")] {
            assert_eq!(format!("{:?}", CodeText::parse(text).unwrap()), shown);
        }
    }
}
