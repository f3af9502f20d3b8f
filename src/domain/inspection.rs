//! The device of a referee: Apple is asked about it when the app confirms, and told when something was credited for it.

use super::at::At;
use super::award::held_until;
use super::case::{Case, Changes};
use super::completion::{CompletionState, Reason};
use super::delivery::Effect;
use super::device::Device;
use super::id::Person;

impl Case {
    /// Apple is asked once for each claim: a later answer would be about what was credited meanwhile.
    pub fn ask_device(&mut self, campaign: &str, referee: Person, token: &str, changes: &mut Changes) {
        let asks = self.rules_of(campaign).is_some_and(|rules| rules.policy.fraud.device_check);
        let Some(at) = self.claim_of(campaign, referee).filter(|_| asks) else { return };
        let filed = &mut self.claims[at];
        if filed.claim.device.is_some() {
            return;
        }
        filed.claim.device = Some(Device::Asked { token: token.to_owned() });
        changes.claims.push(filed.claim.clone());
        let (campaign, token) = (campaign.to_owned(), token.to_owned());
        changes.effects.push(Effect::AskDevice { campaign, referee, token });
        if let Some(completion) = filed.completion.as_mut().filter(|completion| !completion.is_rejected()) {
            completion.reasons.push(Reason::DeviceAsked);
            changes.completions.push(completion.clone());
        }
    }

    /// What Apple said, or that it did not. Who waited for it waits no longer, or for a review.
    pub fn answer_device(
        &mut self,
        campaign: &str,
        referee: Person,
        bits: Option<(bool, bool)>,
        now: At,
        changes: &mut Changes,
    ) {
        let Some(at) = self.claim_of(campaign, referee) else { return };
        let Some(device) = self.claims[at].claim.device.clone() else { return };
        let device = device.answered(bits);
        self.claims[at].claim.device = Some(device.clone());
        changes.claims.push(self.claims[at].claim.clone());
        self.look_again(at, &device, now, changes);
        self.mark_device(at, changes);
    }

    fn look_again(&mut self, at: usize, device: &Device, now: At, changes: &mut Changes) {
        let Some(mut completion) = self.claims[at].completion.clone() else { return };
        let Some(rules) = self.rules_of(&completion.campaign) else { return };
        if !completion.reasons.contains(&Reason::DeviceAsked) {
            return;
        }
        completion.reasons.retain(|reason| *reason != Reason::DeviceAsked);
        completion.reasons.extend(match device {
            Device::Seen => Some(Reason::DeviceSeen),
            Device::Unanswered => Some(Reason::DeviceUnanswered),
            Device::Asked { .. } | Device::New { .. } | Device::Marked => None,
        });
        let is_doubtful = completion.is_flagged();
        match completion.state {
            CompletionState::Credited { .. } if !is_doubtful => {}
            CompletionState::Credited { .. } | CompletionState::Held { .. } => {
                completion.held_until = held_until(&completion, &rules.policy, now);
                let state = self.due_state(&completion, now);
                self.turn(&mut completion, state, now, changes);
            }
            CompletionState::Reversed { .. } | CompletionState::Rejected { .. } => {}
        }
        self.claims[at].completion = Some(completion.clone());
        changes.completions.push(completion);
    }

    /// Something was credited for a device that was new.
    pub fn mark_device(&mut self, at: usize, changes: &mut Changes) {
        let filed = &mut self.claims[at];
        let is_credited = filed.completion.as_ref().is_some_and(|completion| completion.credited_at().is_some());
        let Some(Device::New { token, bit1 }) = filed.claim.device.clone().filter(|_| is_credited) else { return };
        filed.claim.device = Some(Device::Marked);
        changes.claims.push(filed.claim.clone());
        let (campaign, referee) = (filed.claim.campaign.clone(), filed.claim.referee);
        changes.effects.push(Effect::MarkDevice { campaign, referee, token, bit1 });
    }

    fn claim_of(&self, campaign: &str, referee: Person) -> Option<usize> {
        self.claims.iter().position(|filed| filed.claim.campaign == campaign && filed.claim.referee == referee)
    }
}
