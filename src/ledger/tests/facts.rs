//! What can be found out about people, as values that a test can shuffle.

use super::*;
use crate::domain::purchase::{RefundWord, Share};

/// Whose code, and what a purchase names as its offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Campaign,
    /// The first code of somebody, outright.
    CodeOf(&'static str),
    Other,
    None,
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
    /// Who was seen with which Apple Account.
    Account(&'static str, &'static str),
}

/// A purchase by the first of these ids, reported some minutes after noon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    pub ids: Vec<&'static str>,
    pub transaction: &'static str,
    pub offer: Offer,
    pub is_test: bool,
    pub minute: i64,
    pub by: Source,
    /// Whom an `appAccountToken` names.
    pub token: Option<&'static str>,
    pub account: Option<&'static str>,
    /// The transaction, where it is not the first of the subscription.
    pub renewal: Option<&'static str>,
    pub refund: Option<RefundWord>,
    pub share: Option<Share>,
}

pub fn buy(ids: &[&'static str], transaction: &'static str) -> Fact {
    Fact::Buy(Bought {
        ids: ids.to_vec(),
        transaction,
        offer: Offer::Campaign,
        is_test: false,
        minute: 0,
        by: Source::RevenueCat,
        token: None,
        account: None,
        renewal: None,
        refund: None,
        share: None,
    })
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
            Fact::Buy(bought) => {
                let offer = match bought.offer {
                    Offer::Campaign => Some("REF30"),
                    Offer::CodeOf(whose) => Some(self.codes[whose].as_str()),
                    Offer::Other => Some("SPRING"),
                    Offer::None => None,
                };
                let mut purchase = sample::purchase(bought.transaction, offer, at(&bought.minute));
                purchase.is_test = bought.is_test;
                purchase.app_transaction_id = bought.account.map(str::to_owned);
                (purchase.refund, purchase.refunded_share) = (bought.refund, bought.share);
                if let Some(renewal) = bought.renewal {
                    purchase.transaction_id = renewal.to_owned();
                }
                let (people, token) = (house.people(&bought.ids), bought.token.map(|name| house.person(name)));
                let about = About::Purchase { people, token, purchase: Box::new(purchase) };
                house.tell_by(bought.by, &event, at(&bought.minute), about);
                Ok(())
            }
            Fact::Account(who, account) => {
                let (people, app_transaction_id) = (house.people(&[who]), (*account).to_owned());
                house.tell_by(Source::App, &event, NOON, About::Download { people, app_transaction_id });
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
