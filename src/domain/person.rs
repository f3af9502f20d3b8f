//! Who is whom. RevenueCat knows one customer under several ids; they form a circle, named by its
//! smallest member, so that the order in which the ids became known leaves no trace.

use super::at::At;
use super::id::Person;
use serde::{Deserialize, Serialize};

/// All ids of one person. A person without aliases is a circle of one and has no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    members: Vec<Person>,
}

impl Circle {
    pub fn of(mut members: Vec<Person>) -> Circle {
        assert!(!members.is_empty(), "a circle has a member");
        members.sort();
        members.dedup();
        Circle { members }
    }
    pub fn name(&self) -> Person {
        self.members[0]
    }
    pub fn members(&self) -> &[Person] {
        &self.members
    }
    pub fn has(&self, person: Person) -> bool {
        self.members.binary_search(&person).is_ok()
    }
    pub fn union(circles: &[Circle]) -> Circle {
        Circle::of(circles.iter().flat_map(|circle| circle.members.iter().copied()).collect())
    }
    pub fn records(&self) -> Vec<Alias> {
        let list = |person: &Person| Alias {
            person: *person,
            circle: self.name(),
            members: if *person == self.name() { self.members.clone() } else { Vec::new() },
        };
        self.members.iter().map(list).collect()
    }
}

/// The record of one id that has aliases; the circle's name also keeps the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub person: Person,
    pub circle: Person,
    pub members: Vec<Person>,
}

/// Purchases went from one id to another. Kept, so that a purchase reported later finds its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub from: Person,
    pub at: At,
    pub to: Person,
}

/// Somebody was forgotten: what still stands of them stands under a name that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// By the id that was given.
    pub person: Person,
    /// All ids that they had then.
    pub members: Vec<Person>,
    pub at: At,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_do_not_remember_their_order() {
        let p = |n: u8| Person([n; 16]);
        let ab = Circle::of(vec![p(2), p(1)]);
        let c = Circle::of(vec![p(3), p(3)]);
        let one = Circle::union(&[ab.clone(), c.clone()]);
        let other = Circle::union(&[c, ab]);
        assert_eq!(one, other);
        assert_eq!(one.name(), p(1));
        assert_eq!(one.records().iter().filter(|alias| !alias.members.is_empty()).count(), 1);
        assert!(one.has(p(3)) && !one.has(p(4)));
    }
}
