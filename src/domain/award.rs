//! What a completion comes to: credited, taken back, given again, refused. The referrer's figures and what they
//! are granted follow from it.

use super::at::{At, Span};
use super::case::{Case, Changes};
use super::claim::{Claim, ClaimState};
use super::code::CodeState;
use super::completion::{Completion, CompletionState, Method, Reason};
use super::delivery::Effect;
use super::redemption::{Redemption, RedemptionState};
use super::reward::Account;

impl Case {
    /// Completes a claim, and credits it unless its evidence was refunded by then. The code must be free:
    /// whoever used it was first.
    pub fn complete(&mut self, at: usize, found: Option<usize>, method: Method, now: At, changes: &mut Changes) {
        let claim = self.claims[at].claim.clone();
        let Some(rules) = self.rules_of(&claim.campaign) else { return };
        if matches!(self.claims[at].code.state, CodeState::Used { .. }) {
            return;
        }
        let mut completion = self.draft(&claim, rules.version, found);
        completion.method = Some(method);
        completion.days = rules.policy.reward.earned(completion.is_test);
        if found.is_some_and(|found| self.is_refunded(&self.redemptions[found])) {
            (completion.state, completion.reasons) = (CompletionState::Reversed { at: now }, vec![Reason::Refund]);
            completion.taken = Some(Span::days(completion.days.into()));
            let referrer = self.referrer_of(&completion);
            referrer.reversed += 1;
            changes.referrers.push(referrer.clone());
        } else {
            completion.state = CompletionState::Credited { at: now };
            self.reward(&completion, Span::days(completion.days.into()), now, changes);
        }
        self.settle(at, found, &completion, ClaimState::Completed, now, changes);
        changes.completions.push(completion);
    }

    /// The referrer is credited with a completion, and is given this much for it.
    fn reward(&mut self, completion: &Completion, given: Span, now: At, changes: &mut Changes) {
        let referrer = self.referrer_of(completion);
        referrer.credited += 1;
        referrer.days += completion.days;
        changes.referrers.push(referrer.clone());
        if completion.days > 0 {
            let (person, to) = (self.account_of(completion), completion.referrer);
            let account = Account::earn(self.accounts.remove(&person), person, to, completion.days, given, now);
            changes.effects.push(Effect::Grant { account: person, to: account.to, end: account.end, shorter: false });
            changes.accounts.push(account.clone());
            self.accounts.insert(person, account);
        }
    }

    /// The referee is the referrer: nobody is credited and the code is used up. What was credited
    /// before that was known is taken back.
    pub fn reject(&mut self, at: usize, found: Option<usize>, now: At, changes: &mut Changes) {
        let claim = self.claims[at].claim.clone();
        let Some(rules) = self.rules_of(&claim.campaign) else { return };
        let known = self.claims[at].completion.clone().filter(|known| !known.is_rejected());
        if let Some(known) = &known {
            self.uncount(known, changes);
        }
        let mut completion = known.unwrap_or_else(|| self.draft(&claim, rules.version, found));
        if let (None, Some(found)) = (completion.redemption, found) {
            completion = completion.resting_on(&self.redemptions[found]);
        }
        completion.state = CompletionState::Rejected { at: now };
        completion.reasons = vec![Reason::SelfReferral];
        (completion.method, completion.days, completion.taken) = (None, 0, None);
        let found = completion.redemption.and_then(|id| self.redemption_at(id));
        self.settle(at, found, &completion, ClaimState::Rejected, now, changes);
        changes.completions.push(completion);
    }

    /// A completion counts no more as what it was.
    pub fn uncount(&mut self, completion: &Completion, changes: &mut Changes) {
        match completion.state {
            CompletionState::Credited { .. } => {
                self.referrer_of(completion).credited -= 1;
                self.take_back(completion, changes);
            }
            CompletionState::Reversed { .. } => {
                let referrer = self.referrer_of(completion);
                referrer.reversed -= 1;
                changes.referrers.push(referrer.clone());
            }
            CompletionState::Held { .. } | CompletionState::Rejected { .. } => {}
        }
    }

    /// A completion's days are not deserved after all.
    pub fn take_back(&mut self, completion: &Completion, changes: &mut Changes) {
        let referrer = self.referrer_of(completion);
        referrer.days -= completion.days;
        changes.referrers.push(referrer.clone());
        if completion.days > 0 {
            let person = self.account_of(completion);
            let account = self.accounts.remove(&person).expect("what was earned stands in an account");
            let account = account.lose(completion.days);
            changes.effects.push(Effect::Grant { account: person, to: account.to, end: account.end, shorter: true });
            changes.accounts.push(account.clone());
            self.accounts.insert(person, account);
        }
    }

    /// The redemption was refunded: what is left of its days is taken back.
    pub fn reverse(&mut self, completion: &mut Completion, now: At, changes: &mut Changes) {
        let earned = Span::days(completion.days.into());
        let left = self.accounts.get(&self.account_of(completion)).map_or(earned, |account| account.left(now));
        completion.taken = Some(earned.min(left));
        self.uncount(completion, changes);
        let referrer = self.referrer_of(completion);
        referrer.reversed += 1;
        changes.referrers.push(referrer.clone());
        (completion.state, completion.reasons) = (CompletionState::Reversed { at: now }, vec![Reason::Refund]);
    }

    /// The refund was reversed: what was taken back is given again, and no more.
    pub fn restore(&mut self, completion: &mut Completion, now: At, changes: &mut Changes) {
        let taken = completion.taken.take().unwrap_or(Span::days(completion.days.into()));
        self.uncount(completion, changes);
        (completion.state, completion.reasons) = (CompletionState::Credited { at: now }, Vec::new());
        self.reward(completion, taken, now, changes);
    }

    fn draft(&self, claim: &Claim, policy: u32, found: Option<usize>) -> Completion {
        let completion = Completion {
            id: Completion::id(&claim.campaign, claim.referrer, claim.referee),
            campaign: claim.campaign.clone(),
            policy,
            referrer: claim.referrer,
            referee: claim.referee,
            code: claim.code.clone(),
            state: CompletionState::Held { until: None },
            method: None,
            reasons: Vec::new(),
            is_test: false,
            days: 0,
            taken: None,
            redemption: None,
            original_transaction_id: None,
            claimed_at: Some(claim.at),
            redeemed_at: None,
        };
        match found {
            Some(found) => completion.resting_on(&self.redemptions[found]),
            None => completion,
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
            attribute(&mut self.redemptions[found], completion);
            changes.redemptions.push(self.redemptions[found].clone());
        }
    }
}

/// The redemption belongs to this completion.
pub fn attribute(redemption: &mut Redemption, completion: &Completion) {
    redemption.campaign = Some(completion.campaign.clone());
    redemption.state = match completion.state {
        CompletionState::Rejected { .. } => RedemptionState::Rejected { completion: completion.id },
        _ => RedemptionState::Attributed { completion: completion.id },
    };
}
