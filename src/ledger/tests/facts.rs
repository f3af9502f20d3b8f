//! What can be found out about people, as values that a test can shuffle.

use super::*;

/// Whose code, and what a purchase names as its offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Campaign,
    /// The first code of somebody, outright.
    CodeOf(&'static str),
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Who claims whose code.
    Claim(&'static str, &'static str),
    Confirm(&'static str, &'static str),
    /// Who came by whose link.
    ComeBy(&'static str, &'static str),
    Buy(Bought),
    Link(Vec<&'static str>),
    Transfer {
        from: Vec<&'static str>,
        to: Vec<&'static str>,
        minute: i64,
    },
    /// A grant of the team's own, coming back as an event.
    OwnGrant(&'static str),
}

/// A purchase by the first of these ids, reported some minutes after noon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    pub ids: Vec<&'static str>,
    pub transaction: &'static str,
    pub offer: Offer,
    pub is_test: bool,
    pub minute: i64,
}

pub fn buy(ids: &[&'static str], transaction: &'static str) -> Fact {
    Fact::Buy(Bought { ids: ids.to_vec(), transaction, offer: Offer::Campaign, is_test: false, minute: 0 })
}

/// The purchase, reported otherwise.
pub fn but(fact: Fact, change: impl Fn(&mut Bought)) -> Fact {
    match fact {
        Fact::Buy(mut bought) => {
            change(&mut bought);
            Fact::Buy(bought)
        }
        other => panic!("{other:?} is no purchase"),
    }
}

pub fn link(ids: &[&'static str]) -> Fact {
    Fact::Link(ids.to_vec())
}

pub fn transfer(from: &[&'static str], to: &[&'static str], minute: i64) -> Fact {
    Fact::Transfer { from: from.to_vec(), to: to.to_vec(), minute }
}

/// A house in which some share, each with a first code.
pub struct Told {
    pub house: House,
    codes: BTreeMap<&'static str, CodeText>,
}

impl Told {
    pub fn to(policy: Policy, sharers: &[&'static str]) -> Told {
        let house = House::with(policy, 40);
        let codes = sharers.iter().map(|name| (*name, house.my_code(name))).collect();
        Told { house, codes }
    }

    /// Tells the fact; refusals are among the ways a fact can be taken.
    pub fn tell(&self, fact: &Fact) -> Result<(), Refusal> {
        let house = &self.house;
        let event = format!("{fact:?}");
        let at = |minute: &i64| NOON.plus(Span::minutes(*minute));
        match fact {
            Fact::Claim(who, whose) => house.claim(who, &self.codes[whose]).map(|_| ()),
            Fact::Confirm(who, whose) => house.confirm(who, &self.codes[whose]).map(|_| ()),
            Fact::ComeBy(who, whose) => house.come_by(who, &house.slug(whose)).map(|_| ()),
            Fact::Buy(Bought { ids, transaction, offer, is_test, minute }) => {
                let offer = match offer {
                    Offer::Campaign => "REF30",
                    Offer::CodeOf(whose) => self.codes[whose].as_str(),
                    Offer::Other => "SPRING",
                };
                let mut purchase = sample::purchase(transaction, Some(offer), at(minute));
                purchase.is_test = *is_test;
                house.tell(&event, at(minute), About::Purchase { people: house.people(ids), purchase });
                Ok(())
            }
            Fact::Link(ids) => {
                house.tell(&event, NOON, About::People(house.people(ids)));
                Ok(())
            }
            Fact::Transfer { from, to, minute } => {
                let about = About::Transfer { from: house.people(from), to: house.people(to) };
                house.tell(&event, at(minute), about);
                Ok(())
            }
            Fact::OwnGrant(_) => {
                house.tell(&event, NOON, About::OwnGrant);
                Ok(())
            }
        }
    }
}
