//! Where claims and redemptions meet. Whatever happened last, the same function looks at all that is
//! known of the referee, so the order of events cannot matter.

use super::at::At;
use super::claim::{Claim, ClaimState};
use super::code::{Code, CodeState};
use super::completion::{Completion, CompletionState, Method, Reason};
use super::delivery::Effect;
use super::id::Person;
use super::person::Circle;
use super::policy::{Rules, campaign_of};
use super::redemption::{Redemption, RedemptionState};
use super::referrer::Referrer;
use super::reward::Account;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All that is known of one referee.
#[derive(Clone, Debug)]
pub struct Case {
    pub rules: Vec<Arc<Rules>>,
    pub circle: Circle,
    pub claims: Vec<Filed>,
    pub redemptions: Vec<Redemption>,
    /// The referrers of the claims.
    pub referrers: BTreeMap<(String, Person), Referrer>,
    /// The circle of each of these referrers, by id.
    pub circles: BTreeMap<Person, Circle>,
    /// What was granted to these circles, by their name.
    pub accounts: BTreeMap<Person, Account>,
}

/// A claim with what it rests on.
#[derive(Clone, Debug)]
pub struct Filed {
    pub claim: Claim,
    pub code: Code,
    pub completion: Option<Completion>,
}

/// What follows from a case: everything that changed, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub codes: Vec<Code>,
    pub claims: Vec<Claim>,
    pub redemptions: Vec<Redemption>,
    pub completions: Vec<Completion>,
    pub referrers: Vec<Referrer>,
    pub accounts: Vec<Account>,
    pub effects: Vec<Effect>,
}

impl Case {
    pub fn rules_of(&self, campaign: &str) -> Option<Arc<Rules>> {
        self.rules.iter().find(|rules| rules.policy.campaign == campaign).cloned()
    }

    /// The claim that stands for this person in a campaign.
    pub fn standing(&self, campaign: &str, now: At) -> Option<&Filed> {
        let rules = self.rules_of(campaign)?;
        let stands =
            |filed: &&Filed| filed.claim.campaign == campaign && filed.claim.binds(now, &rules.policy.attribution);
        let completed = |filed: &&Filed| filed.claim.state == ClaimState::Completed;
        self.claims.iter().filter(stands).find(completed).or_else(|| self.claims.iter().find(stands))
    }

    pub fn is_completed(&self, campaign: &str) -> bool {
        self.claims.iter().any(|filed| filed.claim.campaign == campaign && filed.claim.state == ClaimState::Completed)
    }

    /// A redemption that could complete this claim.
    pub fn evidence(&self, claim: &Claim) -> Option<&Redemption> {
        self.evidence_at(claim).map(|at| &self.redemptions[at])
    }

    fn evidence_at(&self, claim: &Claim) -> Option<usize> {
        let fits = |redemption: &Redemption| {
            redemption.state == RedemptionState::Unattributed
                && campaign_of(&self.rules, &redemption.offer, &redemption.product_id).is_some_and(|rules| {
                    rules.policy.campaign == claim.campaign
                        && claim.meets(redemption.redeemed_at, &rules.policy.attribution)
                })
        };
        let first = |at: &usize| (self.redemptions[*at].redeemed_at, self.redemptions[*at].id);
        (0..self.redemptions.len()).filter(|at| fits(&self.redemptions[*at])).min_by_key(first)
    }

    /// Matches what can be matched, and says what changed.
    pub fn join(mut self, now: At) -> (Case, Changes) {
        let mut changes = Changes::default();
        let mut order: Vec<usize> = (0..self.claims.len()).collect();
        order.sort_by_key(|at| (self.claims[*at].claim.at, self.claims[*at].claim.code.clone()));
        for at in order {
            let found = self.evidence_at(&self.claims[at].claim);
            let filed = &self.claims[at];
            let is_self = self.circle.has(filed.claim.referrer);
            match filed.claim.state {
                ClaimState::Pending if is_self => self.reject(at, found, now, &mut changes),
                ClaimState::Pending if found.is_some() && !self.is_completed(&filed.claim.campaign) => {
                    self.complete(at, found, Method::ClaimRevenueCat, now, &mut changes);
                }
                ClaimState::Completed | ClaimState::Rejected => self.support(at, found, &mut changes),
                ClaimState::Pending | ClaimState::Superseded => {}
            }
        }
        (self, changes)
    }

    /// Credits a claim. The code must be free: whoever used it was first.
    pub fn complete(&mut self, at: usize, found: Option<usize>, method: Method, now: At, changes: &mut Changes) {
        let claim = self.claims[at].claim.clone();
        let Some(rules) = self.rules_of(&claim.campaign) else { return };
        if matches!(self.claims[at].code.state, CodeState::Used { .. }) {
            return;
        }
        let mut completion = self.draft(&claim, rules.version, found);
        let reward = &rules.policy.reward;
        completion.state = CompletionState::Credited { at: now };
        completion.method = Some(method);
        completion.days = if completion.is_test && !reward.test_rewards { 0 } else { reward.days };
        self.settle(at, found, &completion, ClaimState::Completed, now, changes);
        let key = (claim.campaign.clone(), claim.referrer);
        let referrer = self.referrers.get_mut(&key).expect("the referrer of a claim is loaded with it");
        referrer.credited += 1;
        referrer.days += completion.days;
        changes.referrers.push(referrer.clone());
        if completion.days > 0 {
            let person = self.circles.get(&claim.referrer).expect("so is their circle").name();
            let account = Account::earn(self.accounts.remove(&person), person, claim.referrer, completion.days, now);
            changes.effects.push(Effect::Grant { account: person, to: account.to, end: account.end });
            changes.accounts.push(account.clone());
            self.accounts.insert(person, account);
        }
        changes.completions.push(completion);
    }

    /// The referee is the referrer: nobody is credited and the code is used up.
    pub fn reject(&mut self, at: usize, found: Option<usize>, now: At, changes: &mut Changes) {
        let claim = self.claims[at].claim.clone();
        let Some(rules) = self.rules_of(&claim.campaign) else { return };
        let mut completion = self.draft(&claim, rules.version, found);
        completion.state = CompletionState::Rejected { at: now };
        completion.reasons = vec![Reason::SelfReferral];
        self.settle(at, found, &completion, ClaimState::Rejected, now, changes);
        changes.completions.push(completion);
    }

    /// Evidence for what is settled already: it belongs there and can complete nothing else.
    fn support(&mut self, at: usize, found: Option<usize>, changes: &mut Changes) {
        let Some(found) = found else { return };
        let Some(mut completion) = self.claims[at].completion.clone() else { return };
        if completion.redemption.is_some() {
            return;
        }
        let redemption = &mut self.redemptions[found];
        completion.redemption = Some(redemption.id);
        completion.original_transaction_id = Some(redemption.original_transaction_id.clone());
        completion.redeemed_at = Some(redemption.redeemed_at);
        if completion.method == Some(Method::Confirm) {
            completion.method = Some(Method::ClaimRevenueCat);
        }
        redemption.state = match completion.state {
            CompletionState::Rejected { .. } => RedemptionState::Rejected { completion: completion.id },
            _ => RedemptionState::Attributed { completion: completion.id },
        };
        redemption.campaign = Some(completion.campaign.clone());
        changes.redemptions.push(redemption.clone());
        self.claims[at].completion = Some(completion.clone());
        changes.completions.push(completion);
    }

    fn draft(&self, claim: &Claim, policy: u32, found: Option<usize>) -> Completion {
        let redemption = found.map(|at| &self.redemptions[at]);
        Completion {
            id: Completion::id(&claim.campaign, claim.referrer, claim.referee),
            campaign: claim.campaign.clone(),
            policy,
            referrer: claim.referrer,
            referee: claim.referee,
            code: claim.code.clone(),
            state: CompletionState::Held { until: None },
            method: None,
            reasons: Vec::new(),
            is_test: redemption.is_some_and(|redemption| redemption.is_test),
            days: 0,
            redemption: redemption.map(|redemption| redemption.id),
            original_transaction_id: redemption.map(|redemption| redemption.original_transaction_id.clone()),
            claimed_at: Some(claim.at),
            redeemed_at: redemption.map(|redemption| redemption.redeemed_at),
        }
    }

    fn settle(
        &mut self,
        at: usize,
        found: Option<usize>,
        completion: &Completion,
        state: ClaimState,
        now: At,
        changes: &mut Changes,
    ) {
        let filed = &mut self.claims[at];
        filed.claim.state = state;
        filed.code = filed.code.clone().used(filed.claim.referee, now);
        filed.completion = Some(completion.clone());
        changes.claims.push(filed.claim.clone());
        changes.codes.push(filed.code.clone());
        if let Some(found) = found {
            let redemption = &mut self.redemptions[found];
            redemption.campaign = Some(completion.campaign.clone());
            redemption.state = match state {
                ClaimState::Rejected => RedemptionState::Rejected { completion: completion.id },
                _ => RedemptionState::Attributed { completion: completion.id },
            };
            changes.redemptions.push(redemption.clone());
        }
    }
}
