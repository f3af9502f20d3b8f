//! Partners come, change and go, and what identifies their sales.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::alert::Alert;
use crate::domain::at::{At, Date};
use crate::domain::code::{Code, CodeState, CodeText};
use crate::domain::commission::Terms;
use crate::domain::delivery::Effect;
use crate::domain::due::{Due, DueWhat};
use crate::domain::id::Id;
use crate::domain::partner::{Coupon, Custom, CustomState, Partner, PartnerState, Rail, Token};
use crate::domain::policy::Rules;
use crate::domain::referrer::Referrer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakePartner {
    pub campaign: String,
    pub terms: Terms,
    pub rail: Rail,
}

/// What is absent stays as it is. What names the partner stands beside the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePartner {
    pub partner: Id,
    /// For sales from now on.
    pub terms: Option<Terms>,
    pub rail: Option<Rail>,
    pub is_paused: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasePartner {
    pub partner: Id,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddCoupon {
    pub partner: Id,
    pub wanted: Wanted,
    pub terms: Option<Terms>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// The reference name of an offer of the partner's own.
    Offer(String),
    /// Of the campaign's offer, or of the one that is named.
    Custom { code: CodeText, count: u32, expires: Option<Date>, offer_code_id: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndCoupon {
    pub partner: Id,
    pub coupon: Id,
}

/// How many of the offers that Apple allows are in use by partners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnOffers {
    pub in_use: u32,
    pub limit: u32,
}

#[derive(Default)]
pub struct PartnerFacts {
    pub rules: Vec<Arc<Rules>>,
    /// Of this ledger alone: payment services see ids that are made of it, and those of several ledgers.
    pub salt: Id,
    pub partner: Option<Partner>,
    pub has_open_payouts: bool,
    pub coupon: Option<Coupon>,
    /// The code of that coupon, or one of the wanted name.
    pub code: Option<Code>,
    /// Live offers of partners' own.
    pub own_offers: u32,
    /// What identifies the partner's sales, with the codes of those that are codes.
    pub coupons: Vec<(Coupon, Option<Code>)>,
    /// Of codes among these coupons that Apple did not make.
    pub alerts: Vec<Alert>,
    /// Their place among those who share, and the name of their link.
    pub referrer: Option<Referrer>,
    pub slug: String,
}

impl PartnerFacts {
    fn rules_of(&self, campaign: &str) -> Result<&Rules, Refusal> {
        let found = self.rules.iter().map(AsRef::as_ref).find(|rules: &&Rules| rules.policy.campaign == campaign);
        let found = found.ok_or(Refusal::UnknownCampaign)?;
        found.policy.payout.as_ref().map(|_| found).ok_or(Refusal::NotForPartners)
    }
    /// There is nothing to be looked at any more.
    fn settle(&self, at: At, decision: &mut Decision) {
        decision.puts.extend(self.alerts.iter().map(|alert| Put::Alert(alert.clone().cleared(at))));
    }
    fn partner(&self) -> Result<&Partner, Refusal> {
        self.partner.as_ref().filter(|partner| !partner.is_erased()).ok_or(Refusal::UnknownPartner)
    }
}

pub struct MakePartnerFamily;

impl Family for MakePartnerFamily {
    type Command = MakePartner;
    type Facts = PartnerFacts;

    fn decide(facts: &PartnerFacts, command: &MakePartner, stamp: Stamp) -> Result<Decision, Refusal> {
        facts.rules_of(&command.campaign)?;
        Ok(put(Partner {
            id: Id::of("partner", &[facts.salt.as_bytes(), &stamp.seq.to_be_bytes()]),
            campaign: command.campaign.clone(),
            terms: vec![(stamp.at, command.terms.clone())],
            rail: command.rail,
            state: PartnerState::Active,
            made_at: stamp.at,
            changed_at: stamp.at,
        }))
    }
}

pub struct ChangePartnerFamily;

impl Family for ChangePartnerFamily {
    type Command = ChangePartner;
    type Facts = PartnerFacts;

    fn decide(facts: &PartnerFacts, command: &ChangePartner, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut partner = facts.partner()?.clone();
        if let Some(terms) = command.terms.as_ref().filter(|terms| *terms != partner.terms_at(stamp.at)) {
            partner.terms.push((stamp.at, terms.clone()));
        }
        partner.rail = command.rail.unwrap_or(partner.rail);
        partner.state = match command.is_paused {
            Some(true) => PartnerState::Paused,
            Some(false) => PartnerState::Active,
            None => partner.state,
        };
        partner.changed_at = stamp.at;
        Ok(put(partner))
    }
}

pub struct ErasePartnerFamily;

impl Family for ErasePartnerFamily {
    type Command = ErasePartner;
    type Facts = PartnerFacts;

    fn decide(facts: &PartnerFacts, _: &ErasePartner, stamp: Stamp) -> Result<Decision, Refusal> {
        let partner = facts.partner.clone().ok_or(Refusal::UnknownPartner)?;
        if facts.has_open_payouts {
            return Err(Refusal::WrongState);
        }
        if partner.is_erased() {
            return Ok(Decision::same(Reply::Partner(partner)));
        }
        let state = PartnerState::Erased { at: stamp.at };
        let mut decision = put(Partner { state, rail: Rail::None, changed_at: stamp.at, ..partner });
        for (coupon, code) in facts.coupons.iter().filter(|(coupon, _)| coupon.ended_at.is_none()) {
            end(coupon.clone(), code.clone(), stamp.at, &mut decision);
        }
        facts.settle(stamp.at, &mut decision);
        Ok(decision)
    }
}

fn put(partner: Partner) -> Decision {
    let mut decision = Decision::same(Reply::Partner(partner.clone()));
    decision.put(Put::Partner(partner));
    decision
}

pub struct AddCouponFamily;

impl Family for AddCouponFamily {
    type Command = AddCoupon;
    type Facts = PartnerFacts;

    fn decide(facts: &PartnerFacts, command: &AddCoupon, stamp: Stamp) -> Result<Decision, Refusal> {
        let partner = facts.partner()?;
        let policy = &facts.rules_of(&partner.campaign)?.policy;
        let limit = policy.payout.as_ref().map_or(0, |payout| payout.own_offers_max);
        let mut offers = OwnOffers { in_use: facts.own_offers, limit };
        match &facts.coupon {
            Some(known) if known.partner != partner.id => return Err(Refusal::Taken),
            Some(known) if known.is_live_at(stamp.at) => {
                return Ok(Decision::same(Reply::Coupon { coupon: known.clone(), fresh: false, offers }));
            }
            // Apple takes no code back twice. What was redeemed with an offer before stays whose it is.
            Some(known) if !known.is_own_offer() => return Err(Refusal::Taken),
            Some(_) | None => {}
        }
        let mut decision = Decision::same(Reply::Nothing);
        let (id, what) = match &command.wanted {
            Wanted::Offer(name) => {
                if facts.rules.iter().any(|rules| rules.policy.offer == *name) {
                    return Err(Refusal::Taken);
                }
                if offers.in_use >= limit {
                    return Err(Refusal::TooManyOffers);
                }
                offers.in_use += 1;
                let id = Coupon::of_offer(name);
                let what = DueWhat::Attribute { coupon: id, after: None };
                decision.put(Put::Due(Due { at: stamp.at, what }));
                (id, Token::Offer(name.clone()))
            }
            Wanted::Custom { code, count, expires, offer_code_id } => {
                let offer_code_id = offer_code_id.clone().unwrap_or_else(|| policy.offer_code_id.clone());
                if offer_code_id.is_empty() {
                    return Err(Refusal::NoOffer);
                }
                if facts.code.is_some() {
                    return Err(Refusal::Taken);
                }
                let id = Coupon::of_code(code);
                decision.put(Put::Code(Code {
                    text: code.clone(),
                    campaign: partner.campaign.clone(),
                    batch: id,
                    expires_at: expires.map_or(Code::NEVER, Date::codes_stop),
                    assigned_to: Partner::person(partner.id),
                    assigned_at: stamp.at,
                    label: None,
                    claimed_by: None,
                    is_custom: true,
                    state: CodeState::Pending,
                }));
                let person = Partner::person(partner.id);
                let shares = facts.referrer.clone();
                let shares = shares.unwrap_or_else(|| Referrer::new(&partner.campaign, person, facts.slug.clone()));
                decision.put(Put::Referrer(Referrer { current: Some(code.clone()), ..shares }));
                decision.effects.push(Effect::MakeCustomCode { coupon: id });
                let (count, expires, state) = (*count, *expires, CustomState::Requested);
                (id, Token::Custom(Custom { code: code.clone(), count, expires, offer_code_id, state }))
            }
        };
        let coupon = Coupon {
            id,
            partner: partner.id,
            campaign: partner.campaign.clone(),
            what,
            terms: command.terms.clone(),
            made_at: stamp.at,
            ended_at: None,
        };
        decision.put(Put::Coupon(coupon.clone()));
        decision.reply = Reply::Coupon { coupon, fresh: true, offers };
        Ok(decision)
    }
}

pub struct EndCouponFamily;

impl Family for EndCouponFamily {
    type Command = EndCoupon;
    type Facts = PartnerFacts;

    fn decide(facts: &PartnerFacts, command: &EndCoupon, stamp: Stamp) -> Result<Decision, Refusal> {
        let coupon = facts.coupon.clone().filter(|coupon| coupon.partner == command.partner);
        let coupon = coupon.ok_or(Refusal::UnknownCoupon)?;
        let mut offers = OwnOffers { in_use: facts.own_offers, limit: 0 };
        if let Ok(rules) = facts.rules_of(&coupon.campaign) {
            offers.limit = rules.policy.payout.as_ref().map_or(0, |payout| payout.own_offers_max);
        }
        if coupon.ended_at.is_some() {
            return Ok(Decision::same(Reply::Coupon { coupon, fresh: false, offers }));
        }
        let mut decision = Decision::same(Reply::Nothing);
        offers.in_use -= u32::from(coupon.is_own_offer()).min(offers.in_use);
        let coupon = end(coupon, facts.code.clone(), stamp.at, &mut decision);
        facts.settle(stamp.at, &mut decision);
        decision.reply = Reply::Coupon { coupon, fresh: true, offers };
        Ok(decision)
    }
}

/// It identifies nothing from now on. A custom code that Apple is still asked for is ended when it is made.
fn end(coupon: Coupon, code: Option<Code>, at: At, decision: &mut Decision) -> Coupon {
    let coupon = Coupon { ended_at: Some(at), ..coupon };
    decision.puts.extend(code.map(|code| Put::Code(void(code, at))));
    if matches!(&coupon.what, Token::Custom(Custom { state: CustomState::Made { .. }, .. })) {
        decision.effects.push(Effect::EndCustomCode { coupon: coupon.id });
    }
    decision.put(Put::Coupon(coupon.clone()));
    coupon
}

/// Nobody can claim it any more.
pub fn void(code: Code, at: At) -> Code {
    Code { state: CodeState::Void { at }, ..code }
}
