//! Somebody asks for the signature of a promotional offer.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::id::Person;
use crate::domain::offer::{Offer, Signing};
use crate::domain::subscription::Subscription;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOffer {
    pub person: Person,
    /// As it was configured then.
    pub offer: Offer,
    pub nonce: String,
}

#[derive(Default)]
pub struct OfferFacts {
    /// What this person bought, by whichever of their ids.
    pub bought: Vec<Subscription>,
    /// What was signed for them.
    pub signed: Vec<Signing>,
}

pub struct SignOfferFamily;

impl Family for SignOfferFamily {
    type Command = SignOffer;
    type Facts = OfferFacts;

    fn decide(facts: &OfferFacts, command: &SignOffer, stamp: Stamp) -> Result<Decision, Refusal> {
        let may = command.offer.eligible(&facts.bought, &facts.signed, stamp.at);
        may.map_err(Refusal::Ineligible)?;
        let (person, offer) = (command.person, command.offer.id.clone());
        let signing = Signing { person, offer, nonce: command.nonce.clone(), at: stamp.at };
        let mut decision = Decision::same(Reply::Signing(signing.clone()));
        decision.put(Put::Signing(signing));
        Ok(decision)
    }
}
