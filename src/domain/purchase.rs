//! What a source reports: purchases, and who is whom.

use super::at::At;
use super::id::{Id, Person};
use serde::{Deserialize, Serialize};

/// Who told us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    RevenueCat,
}

impl Source {
    pub fn word(self) -> &'static str {
        match self {
            Source::RevenueCat => "revenuecat",
        }
    }
}

/// One event of a source, as far as it matters here. `P` is a user id where it is read and a
/// [`Person`] where it is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report<P = Person> {
    pub source: Source,
    /// The source's own id of the event: the same at every delivery.
    pub event: String,
    /// A hash of what was delivered, so that a resend that differs can be told.
    pub digest: Id,
    /// The event type in the source's words, known to us or not.
    pub kind: String,
    /// When the source made the event.
    pub at: Option<At>,
    pub about: About<P>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum About<P = Person> {
    /// A store purchase. It counts as a redemption when it names an offer.
    Purchase { people: Vec<P>, purchase: Purchase },
    /// Ids of one person, the one used last first, and nothing else that matters.
    People(Vec<P>),
    /// Purchases moved from one person to another; each list holds ids of one person.
    Transfer { from: Vec<P>, to: Vec<P> },
    /// A grant of the team's own, coming back as an event.
    OwnGrant,
    /// Kept, without effect.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    pub original_transaction_id: String,
    pub transaction_id: String,
    pub product_id: String,
    /// The offer's reference name, never the one-time code, whatever the field is called.
    pub offer: Option<String>,
    pub purchased_at: Option<At>,
    /// Anything but a production purchase.
    pub is_test: bool,
}

impl<P> Report<P> {
    /// The same report about the same people, named otherwise.
    pub fn map<Q>(self, mut name: impl FnMut(P) -> Q) -> Report<Q> {
        let mut all = |people: Vec<P>| people.into_iter().map(&mut name).collect::<Vec<Q>>();
        let about = match self.about {
            About::Purchase { people, purchase } => About::Purchase { people: all(people), purchase },
            About::People(people) => About::People(all(people)),
            About::Transfer { from, to } => About::Transfer { from: all(from), to: all(to) },
            About::OwnGrant => About::OwnGrant,
            About::Nothing => About::Nothing,
        };
        Report { source: self.source, event: self.event, digest: self.digest, kind: self.kind, at: self.at, about }
    }
    pub fn people(&self) -> Vec<&P> {
        match &self.about {
            About::Purchase { people, .. } | About::People(people) => people.iter().collect(),
            About::Transfer { from, to } => from.iter().chain(to).collect(),
            About::OwnGrant | About::Nothing => Vec::new(),
        }
    }
}
