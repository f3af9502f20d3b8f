//! The rules of a campaign, as decisions use them. They come from the configuration, are adopted
//! by a command, and are kept by version, so that a decision can cite the rules it was made under.

use super::ending::Ending;
use super::money::BasisPoints;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub campaign: String,
    pub kind: Kind,
    /// Reference name of the offer in App Store Connect, compared byte for byte.
    pub offer: String,
    /// The offer's id in App Store Connect; empty: codes come from imports only.
    pub offer_code_id: String,
    /// Products the offer belongs to; they tell two campaigns with equal offer names apart.
    pub product_ids: Vec<String>,
    pub pool: PoolRules,
    pub attribution: AttributionRules,
    pub reward: RewardRules,
    pub fraud: FraudRules,
    /// How partners are paid; there in a campaign of theirs only.
    pub payout: Option<PayoutRules>,
    /// Who is won back; there in a campaign that does it only, and until it is over.
    pub winback: Option<WinBackRules>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Referral,
    Partner,
    Winback,
}

/// How a campaign attributes sales to its partners and pays for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutRules {
    pub touch: Touch,
    /// Less than this is not paid out, in minor units of whatever currency it is.
    pub minimum: u64,
    /// So long after the purchase a commission can be paid at the earliest.
    pub hold_days: u32,
    /// How many offers of their own partners may have: Apple allows ten active ones.
    pub own_offers_max: u32,
    /// What is left of a price where nobody told of taxes and of Apple's commission.
    pub proceeds: BasisPoints,
}

/// Whom a campaign gives codes to that are to win them back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WinBackRules {
    /// So long after the end of a subscription the rule gives a code.
    pub lapsed_days: u32,
    /// The ends that the rule gives one for.
    pub reasons: Vec<Ending>,
    /// Only those who said yes get one; otherwise all but those who said no.
    pub require_consent: bool,
    /// At most one for a user in so many days; 0: one and no more.
    pub every_days: u32,
    /// Of the campaign in a day (UTC); 0: no limit.
    pub max_per_day: u32,
    /// Whether subscriptions of the sandbox count (a tester's set-up).
    pub test_users: bool,
}

/// Whose a sale is where several partners brought the buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Touch {
    First,
    Last,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRules {
    pub environment: Environment,
    /// Below this many available codes a batch is asked for.
    pub low_water: u32,
    pub batch_size: u32,
    pub expires_in_days: u32,
    /// A code with fewer days left is not handed out.
    pub reserve_days: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Environment {
    Production,
    Sandbox,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributionRules {
    pub accept: Accept,
    /// How far apart claim and redemption may be.
    pub claim_window_days: u32,
    /// The App Store Server API can be asked.
    pub asks_apple: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accept {
    /// A claim and a verified redemption.
    Evidence,
    /// The app's word is enough.
    Confirm,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardRules {
    /// Days of the entitlement for each credited completion.
    pub days: u32,
    /// Days on top, while the count of credited completions is at least so many; in order of the counts.
    pub milestones: Vec<Milestone>,
    /// How long a completion stays held.
    pub hold_days: u32,
    /// Completions of a referrer in a month (UTC), and in all; beyond them they are held for review; 0: no limit.
    pub max_per_month: u32,
    pub max_total: u32,
    /// Whether sandbox completions are rewarded too (a tester's set-up).
    pub test_rewards: bool,
    pub anchor: Anchor,
    /// Apple moves the renewal date of a referrer who pays, for this reason of Apple's list; absent: days are granted.
    pub extend: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    pub referrals: u32,
    pub days: u32,
}

/// Where granted days begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Anchor {
    /// After the last granted day.
    Promo,
    /// After the paid period too.
    Paid,
}

/// What holds a completion for review. The same person is always refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudRules {
    /// Claim to purchase in fewer seconds; 0: not asked, as in the next two.
    pub too_fast_seconds: u32,
    pub max_per_referrer_per_day: u32,
    pub max_claims_per_network_per_day: u32,
    /// The referee had an earlier purchase other than this redemption.
    pub require_new_customer: bool,
    /// A purchase shared in a family earns nothing.
    pub family_sharing: bool,
    /// Two who refer each other.
    pub rings: bool,
    /// A device that was seen before.
    pub device_check: bool,
    /// What nobody reviewed by then ends by itself; 0: never.
    pub flags_expire_days: u32,
    pub flags_expire_to: Expiry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiry {
    Credited,
    Rejected,
}

impl FraudRules {
    /// Nothing is asked.
    pub const NONE: FraudRules = FraudRules {
        too_fast_seconds: 0,
        max_per_referrer_per_day: 0,
        max_claims_per_network_per_day: 0,
        require_new_customer: false,
        family_sharing: false,
        rings: false,
        device_check: false,
        flags_expire_days: 0,
        flags_expire_to: Expiry::Credited,
    };
}

impl RewardRules {
    /// Days for each completion, and nothing else.
    pub fn of_days(days: u32) -> RewardRules {
        RewardRules {
            days,
            milestones: Vec::new(),
            hold_days: 0,
            max_per_month: 0,
            max_total: 0,
            test_rewards: false,
            anchor: Anchor::Promo,
            extend: None,
        }
    }
    /// Whether what a referrer bought matters for what they get.
    pub fn depends_on_purchases(&self) -> bool {
        self.anchor == Anchor::Paid || self.extend.is_some()
    }
    /// The days that a completion earns.
    pub fn earned(&self, is_test: bool) -> u32 {
        if is_test && !self.test_rewards { 0 } else { self.days }
    }
}

impl Policy {
    /// Whether users have codes of their own, to give away.
    pub fn is_for_sharing(&self) -> bool {
        self.kind == Kind::Referral
    }
    /// Whether its codes are given to those who lapsed, for themselves.
    pub fn wins_back(&self) -> bool {
        self.kind == Kind::Winback
    }
    /// Whether a later word takes the place of an earlier one that waits.
    pub fn last_touch(&self) -> bool {
        self.payout.as_ref().is_some_and(|payout| payout.touch == Touch::Last)
    }
}

/// A campaign's rules with the version they were adopted as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    pub version: u32,
    pub policy: Policy,
}

/// The campaign an offer belongs to. The reference name decides; where two campaigns share it, the
/// product does.
pub fn campaign_of<'a>(all: &'a [std::sync::Arc<Rules>], offer: &str, product: &str) -> Option<&'a Rules> {
    let of_it = |rules: &&Rules| rules.policy.offer == offer && !offer.is_empty();
    let named = || all.iter().map(AsRef::as_ref).filter(of_it);
    let sells = |rules: &&Rules| rules.policy.product_ids.iter().any(|id| id == product);
    match named().count() {
        0 | 1 => named().next(),
        _ => named().find(sells),
    }
}
