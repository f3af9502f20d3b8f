//! A creator or affiliate who is paid in money, and what identifies their sales.

use super::at::{At, Date};
use super::code::CodeText;
use super::commission::Terms;
use super::id::{Id, Person};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A partner as the books know them. What names them is a [`Contact`], which stands beside the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    pub id: Id,
    pub campaign: String,
    /// Each with the time from which on sales are made under it, in order. The first holds for earlier ones too.
    pub terms: Vec<(At, Terms)>,
    pub rail: Rail,
    pub state: PartnerState,
    pub made_at: At,
    pub changed_at: At,
}

/// How a partner is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rail {
    /// By a file that the team uploads to a payment service.
    Csv,
    Tremendous,
    /// Not by referd.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartnerState {
    Active,
    /// Earns, and is not paid.
    Paused,
    /// Nothing names them any more, and later sales earn nothing.
    Erased {
        at: At,
    },
}

/// What names a partner. Erasure takes it away and leaves the books as they are.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: String,
    pub email: Option<String>,
    /// Where money is sent to, if elsewhere.
    pub payout_email: Option<String>,
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
    /// The team has their tax form.
    pub has_tax_form: bool,
}

/// What identifies a partner's sale beside one-time codes of theirs: an offer of their own, or a custom code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    pub id: Id,
    pub partner: Id,
    pub campaign: String,
    pub what: Token,
    /// Instead of the partner's.
    pub terms: Option<Terms>,
    pub made_at: At,
    /// What is redeemed from then on is nobody's.
    pub ended_at: Option<At>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Token {
    /// The reference name of an offer, compared byte for byte.
    Offer(String),
    Custom(Custom),
}

/// A code of many uses, made through App Store Connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Custom {
    pub code: CodeText,
    pub count: u32,
    pub expires: Option<Date>,
    /// The offer that it is made of.
    pub offer_code_id: String,
    pub state: CustomState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomState {
    /// Apple is to be asked, or was asked and the answer is not known.
    Requested,
    Made {
        apple_id: String,
    },
    Failed {
        why: String,
    },
    /// Deactivated at Apple, for ever.
    Ended,
}

impl Rail {
    pub fn word(self) -> &'static str {
        match self {
            Rail::Csv => "csv",
            Rail::Tremendous => "tremendous",
            Rail::None => "none",
        }
    }
}

impl PartnerState {
    pub fn word(self) -> &'static str {
        match self {
            PartnerState::Active => "active",
            PartnerState::Paused => "paused",
            PartnerState::Erased { .. } => "erased",
        }
    }
}

impl CustomState {
    pub fn word(&self) -> &'static str {
        match self {
            CustomState::Requested => "requested",
            CustomState::Made { .. } => "active",
            CustomState::Failed { .. } => "failed",
            CustomState::Ended => "deactivated",
        }
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a partner's contact")
    }
}

impl Contact {
    pub fn paid_at(&self) -> Option<&str> {
        self.payout_email.as_deref().or(self.email.as_deref())
    }
}

impl Partner {
    /// Whose codes a partner's are: they hold codes as people do.
    pub fn person(id: Id) -> Person {
        Person(id.0)
    }
    pub fn held_by(person: Person) -> Id {
        Id(person.0)
    }
    /// The terms of a sale of this time.
    pub fn terms_at(&self, at: At) -> &Terms {
        let began = self.terms.iter().rev().find(|(since, _)| *since <= at);
        &began.or(self.terms.first()).expect("a partner has terms from the beginning").1
    }
    pub fn earns_at(&self, at: At) -> bool {
        !matches!(self.state, PartnerState::Erased { at: erased } if erased < at)
    }
    pub fn is_erased(&self) -> bool {
        matches!(self.state, PartnerState::Erased { .. })
    }
}

impl Coupon {
    /// What identifies a sale identifies it for one partner only.
    pub fn of_offer(name: &str) -> Id {
        Id::of("coupon-offer", &[name.as_bytes()])
    }
    pub fn of_code(code: &CodeText) -> Id {
        Id::of("coupon-code", &[code.as_str().as_bytes()])
    }
    pub fn is_live_at(&self, at: At) -> bool {
        self.ended_at.is_none_or(|ended| at < ended)
    }
    pub fn is_own_offer(&self) -> bool {
        matches!(self.what, Token::Offer(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::commission::{Rate, Recurring};
    use crate::domain::money::{Currency, Money};
    use crate::domain::sample::{NOON, day};
    use std::collections::BTreeMap;

    fn terms(minor: i64) -> Terms {
        let rate = Rate::Fixed(Money::new(minor, Currency::parse("USD").unwrap()));
        Terms { rate, recurring: Recurring::Always, products: BTreeMap::new() }
    }

    #[test]
    fn terms_hold_from_a_time_on() {
        let partner = |state| Partner {
            id: Id([1; 16]),
            campaign: "creators".into(),
            terms: vec![(day(0), terms(1)), (day(10), terms(2)), (day(20), terms(3))],
            rail: Rail::Csv,
            state,
            made_at: NOON,
            changed_at: NOON,
        };
        for (at, which) in [(day(-5), 1), (day(0), 1), (day(9), 1), (day(10), 2), (day(25), 3)] {
            assert_eq!(partner(PartnerState::Active).terms_at(at), &terms(which), "{at:?}");
        }
        let erased = partner(PartnerState::Erased { at: day(5) });
        assert!(erased.earns_at(day(5)) && !erased.earns_at(day(6)));
        assert!(partner(PartnerState::Paused).earns_at(day(5)));
    }

    #[test]
    fn a_contact_is_not_shown() {
        let contact = Contact { name: "Secret Name".into(), email: Some("a@example.com".into()), ..Contact::default() };
        assert_eq!(format!("{contact:?}"), "a partner's contact");
        assert_eq!(contact.paid_at(), Some("a@example.com"));
    }
}
