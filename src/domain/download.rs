//! The users that were seen with one Apple Account, by Apple's name for that account's copy of the app
//! (`appTransactionId`: one for each Apple Account and app; Apple, AppTransaction).

use super::id::{Id, Person};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    pub app_transaction_id: String,
    /// In order, each once.
    pub people: Vec<Person>,
}

/// A device passed around has few users; one with more is read no further.
const MOST: usize = 32;

impl Download {
    pub fn id(app_transaction_id: &str) -> Id {
        Id::of("download", &[app_transaction_id.as_bytes()])
    }
    pub fn new(app_transaction_id: &str) -> Download {
        Download { app_transaction_id: app_transaction_id.to_owned(), people: Vec::new() }
    }
    /// With one more user, unless they are known.
    pub fn with(&self, person: Person) -> Option<Download> {
        let at = self.people.binary_search(&person).err().filter(|_| self.people.len() < MOST)?;
        let mut more = self.clone();
        more.people.insert(at, person);
        Some(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_one_account() {
        let person = |n: u8| Person([n; 16]);
        let two = Download::new("70").with(person(2)).and_then(|one| one.with(person(1))).expect("both are new");
        assert_eq!(two.people, [person(1), person(2)]);
        assert_eq!(two.with(person(2)), None);
        let many = (0..200).fold(two, |known, n| known.with(person(n)).unwrap_or(known));
        assert_eq!(many.people.len(), MOST);
    }
}
