//! What makes a completion doubtful. Only the same person is refused outright; all else holds it for review, or,
//! for a family, earns nothing.

use super::at::{Date, Span};
use super::claim::Claim;
use super::completion::Reason;
use super::device::Device;
use super::policy::Policy;
use super::redemption::Redemption;
use super::referrer::Referrer;

/// What is looked at when a claim is completed.
pub struct Look<'a> {
    pub policy: &'a Policy,
    pub claim: &'a Claim,
    pub redemption: Option<&'a Redemption>,
    pub referrer: &'a Referrer,
    /// The referee referred the referrer.
    pub is_ring: bool,
    /// The referee bought something before this.
    pub bought_before: bool,
    pub today: Date,
}

impl Look<'_> {
    pub fn reasons(&self) -> Vec<Reason> {
        let (fraud, reward) = (&self.policy.fraud, &self.policy.reward);
        let over = |limit: u32, count: u32| limit > 0 && count >= limit;
        let is_shared = self.redemption.is_some_and(|redemption| redemption.is_family_shared);
        let device = self.claim.device.as_ref().filter(|_| fraud.device_check);
        let rows = [
            (Reason::TooFast, self.is_too_fast()),
            (Reason::PerDay, over(fraud.max_per_referrer_per_day, self.referrer.completed_on(self.today))),
            (Reason::PerNetwork, self.claim.is_crowded),
            (Reason::NotNew, fraud.require_new_customer && self.bought_before),
            (Reason::FamilyShared, fraud.family_sharing && is_shared),
            (Reason::Ring, fraud.rings && self.is_ring),
            (Reason::DeviceAsked, matches!(device, Some(Device::Asked { .. }))),
            (Reason::DeviceSeen, matches!(device, Some(Device::Seen))),
            (Reason::DeviceUnanswered, matches!(device, Some(Device::Unanswered))),
            (Reason::PerMonth, over(reward.max_per_month, self.referrer.completed_in_month(self.today))),
            (Reason::Total, over(reward.max_total, self.referrer.credited + self.referrer.held)),
        ];
        rows.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect()
    }

    /// A purchase before the claim is not fast: the app may claim late.
    fn is_too_fast(&self) -> bool {
        let Some(redemption) = self.redemption else { return false };
        let taken = redemption.redeemed_at.0 - self.claim.at.0;
        (0..Span::seconds(self.policy.fraud.too_fast_seconds.into()).0).contains(&taken)
    }
}
