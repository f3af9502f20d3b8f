//! The rules of a campaign, as decisions use them. They come from the configuration, are adopted
//! by a command, and are kept by version, so that a decision can cite the rules it was made under.

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Referral,
    Partner,
    Winback,
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
    /// Whether sandbox completions are rewarded too (a tester's set-up).
    pub test_rewards: bool,
}

impl RewardRules {
    /// The days that a completion earns.
    pub fn earned(&self, is_test: bool) -> u32 {
        if is_test && !self.test_rewards { 0 } else { self.days }
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
    let named = || all.iter().map(AsRef::as_ref).filter(|rules: &&Rules| rules.policy.offer == offer);
    let sells = |rules: &&Rules| rules.policy.product_ids.iter().any(|id| id == product);
    match named().count() {
        0 | 1 => named().next(),
        _ => named().find(sells),
    }
}
