//! How somebody used what they bought, as the app reports it: of all they have, of one product, or of one transaction.

use super::at::At;
use super::id::Person;
use super::purchase::Share;
use serde::{Deserialize, Serialize};

/// What it is said of. The later stands above the one before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    All,
    Product(String),
    Transaction(String),
}

/// Whether what was bought reached the customer and works (Apple, deliveryStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Delivery {
    Delivered,
    QualityIssue,
    WrongItem,
    ServerOutage,
    OtherIssue,
}

/// What is known of it. Nothing of it needs to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    pub delivery: Option<Delivery>,
    pub consumed: Option<Share>,
    pub sample_content: Option<bool>,
    pub play_minutes: Option<u32>,
    pub account_created_at: Option<At>,
}

/// A word, and when it was said.
type Said<T> = Option<(At, T)>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub person: Person,
    pub scope: Scope,
    pub delivery: Said<Delivery>,
    pub consumed: Said<Share>,
    pub sample_content: Said<bool>,
    pub play_minutes: Said<u32>,
    pub account_created_at: Said<At>,
}

impl Delivery {
    pub const ALL: [Delivery; 5] = [
        Delivery::Delivered,
        Delivery::QualityIssue,
        Delivery::WrongItem,
        Delivery::ServerOutage,
        Delivery::OtherIssue,
    ];

    /// In Apple's words.
    pub fn word(self) -> &'static str {
        match self {
            Delivery::Delivered => "DELIVERED",
            Delivery::QualityIssue => "UNDELIVERED_QUALITY_ISSUE",
            Delivery::WrongItem => "UNDELIVERED_WRONG_ITEM",
            Delivery::ServerOutage => "UNDELIVERED_SERVER_OUTAGE",
            Delivery::OtherIssue => "UNDELIVERED_OTHER",
        }
    }
}

impl Scope {
    fn is_of(&self, product_id: &str, transaction_id: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Product(id) => id == product_id,
            Scope::Transaction(id) => id == transaction_id,
        }
    }
}

impl Usage {
    pub fn said(person: Person, scope: Scope, used: &Used, at: At) -> Usage {
        fn then<T>(at: At, word: Option<T>) -> Said<T> {
            word.map(|word| (at, word))
        }
        Usage {
            person,
            scope,
            delivery: then(at, used.delivery),
            consumed: then(at, used.consumed),
            sample_content: then(at, used.sample_content),
            play_minutes: then(at, used.play_minutes),
            account_created_at: then(at, used.account_created_at),
        }
    }

    /// Two rows of one scope: of each part the latest word holds.
    pub fn merged(self, other: Usage) -> Usage {
        assert_eq!(self.scope, other.scope);
        Usage {
            delivery: self.delivery.max(other.delivery),
            consumed: self.consumed.max(other.consumed),
            sample_content: self.sample_content.max(other.sample_content),
            play_minutes: self.play_minutes.max(other.play_minutes),
            account_created_at: self.account_created_at.max(other.account_created_at),
            ..self
        }
    }

    /// What was said, whenever it was.
    pub fn used(&self) -> Used {
        Used {
            delivery: self.delivery.map(|(_, word)| word),
            consumed: self.consumed.map(|(_, word)| word),
            sample_content: self.sample_content.map(|(_, word)| word),
            play_minutes: self.play_minutes.map(|(_, word)| word),
            account_created_at: self.account_created_at.map(|(_, word)| word),
        }
    }
}

impl Used {
    /// What holds of a purchase: of each part the word that was said most closely of it, and of those the latest.
    pub fn of(rows: &[Usage], product_id: &str, transaction_id: &str) -> Used {
        fn nearest<T: Ord>(rows: &[&Usage], part: impl Fn(&Usage) -> Said<T>) -> Option<T> {
            let said = rows.iter().filter_map(|row| Some((&row.scope, part(row)?)));
            said.max().map(|(_, (_, word))| word)
        }
        let rows: Vec<&Usage> = rows.iter().filter(|row| row.scope.is_of(product_id, transaction_id)).collect();
        Used {
            delivery: nearest(&rows, |row| row.delivery),
            consumed: nearest(&rows, |row| row.consumed),
            sample_content: nearest(&rows, |row| row.sample_content),
            play_minutes: nearest(&rows, |row| row.play_minutes),
            account_created_at: nearest(&rows, |row| row.account_created_at),
        }
    }
    pub fn is_empty(&self) -> bool {
        *self == Used::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(person: u8, scope: Scope, minutes: u32, at: i64) -> Usage {
        let used = Used { play_minutes: Some(minutes), ..Used::default() };
        Usage::said(Person([person; 16]), scope, &used, At(at))
    }

    #[test]
    fn the_nearest_word_holds_and_of_those_the_latest() {
        let (product, other) = (|| Scope::Product("coins".into()), || Scope::Product("gems".into()));
        let (transaction, strange) = (|| Scope::Transaction("T1".into()), || Scope::Transaction("T2".into()));
        let sample =
            Usage::said(Person([1; 16]), Scope::All, &Used { sample_content: Some(true), ..Used::default() }, At(1));
        for (rows, minutes) in [
            (vec![], None),
            (vec![played(1, Scope::All, 3, 9)], Some(3)),
            (vec![played(1, product(), 4, 5), played(1, Scope::All, 3, 9)], Some(4)),
            (vec![played(1, transaction(), 5, 1), played(1, product(), 4, 5)], Some(5)),
            (vec![played(1, other(), 6, 5), played(1, strange(), 7, 5)], None),
            (vec![played(1, product(), 4, 5), played(2, product(), 8, 6)], Some(8)),
        ] {
            let rows: Vec<Usage> = rows.into_iter().chain([sample.clone()]).collect();
            let used = Used::of(&rows, "coins", "T1");
            assert_eq!((used.play_minutes, used.sample_content), (minutes, Some(true)), "{rows:?}");
        }
    }

    #[test]
    fn words_of_one_scope_are_merged() {
        let early = Used { delivery: Some(Delivery::WrongItem), consumed: Some(Share::new(5)), ..Used::default() };
        let late = Used { delivery: Some(Delivery::Delivered), play_minutes: Some(7), ..Used::default() };
        let row = |used: &Used, at| Usage::said(Person([1; 16]), Scope::All, used, At(at));
        let expected = Used { consumed: Some(Share::new(5)), ..late.clone() };
        for merged in [row(&early, 1).merged(row(&late, 2)), row(&late, 2).merged(row(&early, 1))] {
            assert_eq!(Used::of(&[merged], "", ""), expected);
        }
    }
}
