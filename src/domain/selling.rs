//! All that is known of what was sold with one original transaction, and whose it is. Whatever happened last, the
//! same function looks at all of it, so the order of events cannot matter.

use super::at::At;
use super::code::Code;
use super::completion::{Completion, CompletionState};
use super::conversion::{Conversion, Kind, Reason, Via};
use super::id::Id;
use super::money::{BasisPoints, Money};
use super::partner::{Coupon, Partner, Token};
use super::policy::{Rules, Touch};
use super::purchase::Share;
use super::redemption::{Redemption, RedemptionState};
use super::refund::Refund;
use super::sale::{Sale, What};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub struct Selling {
    pub rules: Vec<Arc<Rules>>,
    pub sales: Vec<Sale>,
    /// By transaction, as the next.
    pub refunds: BTreeMap<String, Refund>,
    pub known: BTreeMap<String, Conversion>,
    /// What was redeemed with it.
    pub redeemed: Vec<Redeemed>,
    /// Those whose codes or coupons these are.
    pub partners: BTreeMap<Id, Partner>,
}

/// A redemption, and what may make it a partner's.
pub struct Redeemed {
    pub redemption: Redemption,
    /// Its offer is a partner's own.
    pub own_offer: Option<Coupon>,
    /// It completed a claim of this code, which may be a custom one.
    pub by_code: Option<(Completion, Code, Option<Coupon>)>,
}

/// What follows: everything that changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sold {
    pub sales: Vec<Sale>,
    pub conversions: Vec<Conversion>,
    /// Those that turned out to be none, by transaction, before anybody agreed to them.
    pub gone: Vec<String>,
    pub redemptions: Vec<Redemption>,
}

/// From then on the customer is this partner's.
struct Brought<'a> {
    at: At,
    partner: &'a Partner,
    via: Via,
    coupon: Option<&'a Coupon>,
}

impl Selling {
    pub fn follow(&self) -> Sold {
        let mut out = Sold::default();
        let mut brought: Vec<Brought<'_>> = self.redeemed.iter().filter_map(|one| self.brought(one)).collect();
        brought.sort_by_key(|one| (one.at, one.partner.id));
        let mut sales: Vec<(&Sale, &What)> =
            self.sales.iter().filter_map(|sale| Some((sale, &sale.what.as_ref()?.value))).collect();
        sales.sort_by_key(|(sale, what)| (what.purchased_at, &sale.transaction_id));
        let mut firsts: BTreeMap<Id, At> = BTreeMap::new();
        for (sale, what) in sales {
            let by = self.whose(&brought, what.purchased_at);
            let partner = by.map(|by| by.partner.id);
            if sale.partner != partner {
                out.sales.push(Sale { partner, ..sale.clone() });
            }
            let known = self.known.get(&sale.transaction_id);
            let earned = by.and_then(|by| self.earned(sale, what, by, &mut firsts));
            let is_one = earned.as_ref().is_some_and(|(_, reasons)| !reasons.contains(&Reason::NotCovered));
            let follows = match (known, earned) {
                (Some(known), _) if !is_one && !known.is_looked_at() => {
                    out.gone.push(known.transaction_id.clone());
                    None
                }
                (Some(known), Some((found, reasons))) => Some(self.again(known, found, reasons)),
                (None, Some((found, reasons))) if is_one => Some(self.refunded(found, reasons)),
                // What somebody decided on stays whose it is.
                (Some(known), None) => Some(self.again(known, known.clone(), Vec::new())),
                (None, _) => None,
            };
            out.conversions.extend(follows.filter(|follows| Some(follows) != known));
        }
        for Redeemed { redemption, own_offer, .. } in &self.redeemed {
            let Some(coupon) = own_offer.as_ref().filter(|coupon| coupon.is_live_at(redemption.redeemed_at)) else {
                continue;
            };
            let mut after = redemption.clone();
            after.campaign = Some(coupon.campaign.clone());
            if after.state == RedemptionState::Unattributed {
                after.state = RedemptionState::Sold { coupon: coupon.id };
            }
            out.redemptions.extend(Some(after).filter(|after| after != redemption));
        }
        out
    }

    fn brought<'a>(&'a self, one: &'a Redeemed) -> Option<Brought<'a>> {
        let at = one.redemption.redeemed_at;
        if let Some(coupon) = one.own_offer.as_ref().filter(|coupon| coupon.is_live_at(at)) {
            let Token::Offer(name) = &coupon.what else { return None };
            let partner = self.partners.get(&coupon.partner)?;
            return Some(Brought { at, partner, via: Via::Offer(name.clone()), coupon: Some(coupon) });
        }
        let (completion, code, coupon) = one.by_code.as_ref()?;
        // A refund says nothing of who brought the customer; a doubt that nobody resolved does.
        let stands = matches!(completion.state, CompletionState::Credited { .. } | CompletionState::Reversed { .. });
        let is_live = coupon.as_ref().is_none_or(|coupon| coupon.is_live_at(at));
        let partner = self.partners.get(&Partner::held_by(code.assigned_to)).filter(|_| stands && is_live)?;
        Some(Brought { at, partner, via: Via::Code(code.text.clone()), coupon: coupon.as_ref() })
    }

    /// The first who brought the customer, or the last where their campaign says so.
    fn whose<'a, 'b>(&self, brought: &'b [Brought<'a>], at: At) -> Option<&'b Brought<'a>> {
        let before = brought.iter().filter(|one| one.at <= at);
        before.reduce(|known, next| match self.touch(&next.partner.campaign) {
            Touch::First => known,
            Touch::Last => next,
        })
    }

    fn touch(&self, campaign: &str) -> Touch {
        self.payout(campaign).map_or(Touch::First, |payout| payout.touch)
    }

    fn payout(&self, campaign: &str) -> Option<&super::policy::PayoutRules> {
        let rules = self.rules.iter().find(|rules| rules.policy.campaign == campaign)?;
        rules.policy.payout.as_ref()
    }

    /// The conversion that a sale is, and why it earns nothing, beside a refund. Nothing was sold where nothing was paid.
    fn earned(
        &self,
        sale: &Sale,
        what: &What,
        by: &Brought<'_>,
        firsts: &mut BTreeMap<Id, At>,
    ) -> Option<(Conversion, Vec<Reason>)> {
        let price = sale.paid()?;
        let (partner, at) = (by.partner, what.purchased_at);
        let mut reasons = Vec::new();
        reasons.extend(sale.is_upgraded.then_some(Reason::Upgraded));
        reasons.extend(sale.is_family_shared.then_some(Reason::FamilyShared));
        let is_before = !firsts.contains_key(&partner.id);
        let is_first = is_before && reasons.is_empty();
        if is_first {
            firsts.insert(partner.id, at);
        }
        let first_at = firsts.get(&partner.id).copied().unwrap_or(at);
        let terms = by.coupon.and_then(|coupon| coupon.terms.as_ref()).unwrap_or_else(|| partner.terms_at(at));
        if reasons.is_empty() && (!terms.recurring.covers(first_at, at, is_first) || !partner.earns_at(at)) {
            reasons.push(Reason::NotCovered);
        }
        let left = self.payout(&partner.campaign).map_or(BasisPoints::ALL, |payout| payout.proceeds);
        let whole = terms.commission(sale, left)?;
        let kind = match (what.is_one_time, is_before) {
            (true, _) => Kind::OneTime,
            (false, true) => Kind::First,
            (false, false) => Kind::Renewal,
        };
        let conversion = Conversion {
            transaction_id: sale.transaction_id.clone(),
            original_transaction_id: sale.original_transaction_id.clone(),
            product_id: what.product_id.clone(),
            campaign: partner.campaign.clone(),
            partner: partner.id,
            via: by.via.clone(),
            kind,
            price,
            whole,
            commission: whole,
            reasons: Vec::new(),
            approved_at: None,
            counted: None,
            is_test: sale.is_test,
            purchased_at: at,
        };
        Some((conversion, reasons))
    }

    /// What is known now of one that was known before. One that somebody agreed to stays whose it is, and what it was
    /// worth then.
    fn again(&self, known: &Conversion, found: Conversion, mut reasons: Vec<Reason>) -> Conversion {
        reasons.extend(known.reasons.contains(&Reason::ByHand).then_some(Reason::ByHand));
        let now = if known.is_settled() {
            // Another's terms say nothing of it.
            reasons.retain(|reason| *reason != Reason::NotCovered || found.partner == known.partner);
            Conversion { kind: found.kind, is_test: known.is_test || found.is_test, ..known.clone() }
        } else {
            Conversion { approved_at: None, counted: None, ..found }
        };
        self.refunded(now, reasons)
    }

    /// As much of the commission goes back as of the price.
    fn refunded(&self, conversion: Conversion, mut reasons: Vec<Reason>) -> Conversion {
        let share = self.refunds.get(&conversion.transaction_id).and_then(Refund::refunded);
        let whole = conversion.whole;
        let back =
            share.filter(|share| *share != Share::ALL).map_or(Money::zero(whole.currency), |share| share.of(whole));
        reasons.extend((share == Some(Share::ALL)).then_some(Reason::Refund));
        reasons.extend((back.minor != 0).then_some(Reason::ProratedRefund));
        reasons.sort();
        reasons.dedup();
        conversion.because(reasons, Money { minor: whole.minor - back.minor, ..whole })
    }
}
