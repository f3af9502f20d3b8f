//! What a completion comes to: held, credited, taken back, given again, refused. The referrer's figures, their
//! milestones and what they are granted follow from it.

use super::at::{At, Span};
use super::case::{Case, Changes};
use super::claim::{Claim, ClaimState};
use super::code::CodeState;
use super::completion::{Completion, CompletionState, Cut, Method, Reason};
use super::delivery::Effect;
use super::extension::{Extension, ExtensionState, extendable};
use super::grant::TakeBack;
use super::id::Id;
use super::policy::{Anchor, Expiry, Policy};
use super::purchase::Share;
use super::redemption::{Redemption, RedemptionState};
use super::referrer::Reached;
use super::reward::{Account, Part};
use super::screening::Look;
use super::subscription::Subscription;

/// What is taken of the days for something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Much {
    All,
    /// Of a completion, which keeps the rest.
    Some,
}

impl Case {
    /// Completes a claim: it is credited, unless something holds it or its evidence was refunded by then. The
    /// code must be free: whoever used it was first.
    pub fn complete(&mut self, at: usize, found: Option<usize>, method: Method, now: At, changes: &mut Changes) {
        let claim = self.claims[at].claim.clone();
        let Some(rules) = self.rules_of(&claim.campaign) else { return };
        if matches!(self.claims[at].code.state, CodeState::Used { .. }) {
            return;
        }
        let mut completion = self.draft(&claim, rules.version, found);
        completion.method = Some(method);
        completion.reasons = self.looked_at(&claim, found, &rules.policy, now);
        completion.held_until = held_until(&completion, &rules.policy, now);
        let evidence = found.map(|found| &self.redemptions[found]);
        completion.days = worth(&completion, evidence, &rules.policy);
        completion.counts = counts(&completion, &rules.policy);
        let refunded = evidence.and_then(|evidence| self.refunded(evidence));
        let is_refunded = refunded == Some(Share::ALL);
        self.referrer_of(&completion).completed(now.date());
        let state = match is_refunded {
            true => CompletionState::Reversed { at: now },
            false => self.due_state(&completion, now),
        };
        completion.reasons.extend(is_refunded.then_some(Reason::Refund));
        self.prorate(&mut completion, refunded, now, changes);
        self.enter(&mut completion, state, now, changes);
        self.settle(at, found, completion, now, changes);
    }

    /// The referee is the referrer: nobody is credited and the code is used up. What was credited
    /// before that was known is taken back.
    pub fn reject(&mut self, at: usize, found: Option<usize>, now: At, changes: &mut Changes) {
        let claim = self.claims[at].claim.clone();
        let Some(rules) = self.rules_of(&claim.campaign) else { return };
        let known = self.claims[at].completion.clone().filter(|known| !known.is_rejected());
        let mut completion = match known {
            Some(mut known) => {
                self.leave(&mut known, now, changes);
                known
            }
            None => {
                let drafted = self.draft(&claim, rules.version, found);
                self.referrer_of(&drafted).completed(now.date());
                changes.referrers.push(self.referrer_of(&drafted).clone());
                drafted
            }
        };
        if let (None, Some(found)) = (completion.redemption, found) {
            completion = completion.resting_on(&self.redemptions[found]);
        }
        completion.state = CompletionState::Rejected { at: now };
        completion.reasons = vec![Reason::SelfReferral];
        (completion.method, completion.days, completion.counts) = (None, 0, false);
        (completion.taken, completion.cut) = (None, None);
        let found = completion.redemption.and_then(|id| self.redemption_at(id));
        self.settle(at, found, completion, now, changes);
    }

    /// From what it is to something else; the referrer's figures and account follow.
    pub fn turn(&mut self, completion: &mut Completion, state: CompletionState, now: At, changes: &mut Changes) {
        self.leave(completion, now, changes);
        self.enter(completion, state, now, changes);
    }

    /// It is found to earn nothing.
    pub fn devalue(&mut self, completion: &mut Completion, now: At, changes: &mut Changes) {
        let state = completion.state;
        self.leave(completion, now, changes);
        (completion.days, completion.counts, completion.taken, completion.cut) = (0, false, None, None);
        self.enter(completion, state, now, changes);
    }

    /// The refund was reversed: it is what it was, or what it would be by now.
    pub fn restore(&mut self, completion: &mut Completion, now: At, changes: &mut Changes) {
        completion.reasons.retain(|reason| *reason != Reason::Refund);
        let state = match completion.taken {
            Some(_) => CompletionState::Credited { at: now },
            None => self.due_state(completion, now),
        };
        self.turn(completion, state, now, changes);
    }

    /// Part of the price went back, or does no longer: so it is with the days. A completion that is taken back whole, or
    /// by hand, has nothing to take from.
    pub fn prorate(&mut self, completion: &mut Completion, refunded: Option<Share>, now: At, changes: &mut Changes) {
        let part = refunded.filter(|share| *share < Share::ALL);
        let is_credited = matches!(completion.state, CompletionState::Credited { .. });
        let stands = is_credited || matches!(completion.state, CompletionState::Held { .. });
        if !stands || completion.cut.map(|cut| cut.share) == part {
            return;
        }
        completion.reasons.retain(|reason| *reason != Reason::PartRefund);
        if let Some(cut) = completion.cut.take() {
            completion.days += cut.days;
            if is_credited {
                self.referrer_of(completion).days += cut.days;
                self.give(completion, completion.id, cut.days, Some(cut.left), now, changes);
            }
        }
        if let Some(share) = part {
            let days = share.of_days(completion.days);
            completion.days -= days;
            let mut left = Span::days(days.into());
            if is_credited {
                self.referrer_of(completion).days -= days;
                left = self.take(completion, completion.id, days, Much::Some, now, changes);
            }
            completion.cut = Some(Cut { share, days, left });
            completion.reasons.push(Reason::PartRefund);
        }
        if is_credited {
            changes.referrers.push(self.referrer_of(completion).clone());
        }
    }

    /// What the completion of a claim that was screened is by now.
    pub fn due_state(&self, completion: &Completion, now: At) -> CompletionState {
        let expires_to = self.rules_of(&completion.campaign).map(|rules| rules.policy.fraud.flags_expire_to);
        match completion.held_until {
            Some(until) if now < until => CompletionState::Held { until: Some(until) },
            None if completion.is_flagged() => CompletionState::Held { until: None },
            Some(_) if completion.is_flagged() && expires_to == Some(Expiry::Rejected) => {
                CompletionState::Rejected { at: now }
            }
            _ => CompletionState::Credited { at: now },
        }
    }

    fn leave(&mut self, completion: &mut Completion, now: At, changes: &mut Changes) {
        let days = completion.days;
        let referrer = self.referrer_of(completion);
        match completion.state {
            CompletionState::Held { .. } => referrer.held -= 1,
            CompletionState::Reversed { .. } => referrer.reversed -= 1,
            CompletionState::Rejected { .. } => {}
            CompletionState::Credited { .. } => {
                referrer.credited -= 1;
                referrer.days -= days;
                referrer.counted -= u32::from(completion.counts);
                completion.taken = Some(self.take(completion, completion.id, days, Much::All, now, changes));
                self.milestones(completion, now, changes);
            }
        }
        changes.referrers.push(self.referrer_of(completion).clone());
    }

    fn enter(&mut self, completion: &mut Completion, state: CompletionState, now: At, changes: &mut Changes) {
        completion.state = state;
        let days = completion.days;
        let referrer = self.referrer_of(completion);
        match state {
            CompletionState::Held { until } => {
                referrer.held += 1;
                changes.releases.extend(until.map(|until| (until, completion.id)));
            }
            CompletionState::Reversed { .. } => referrer.reversed += 1,
            CompletionState::Rejected { .. } => {}
            CompletionState::Credited { .. } => {
                referrer.credited += 1;
                referrer.days += days;
                referrer.counted += u32::from(completion.counts);
                let given = completion.taken.take();
                self.give(completion, completion.id, days, given, now, changes);
                self.milestones(completion, now, changes);
            }
        }
        changes.referrers.push(self.referrer_of(completion).clone());
    }

    /// Days go to the referrer: all of them, or what was left when they were taken. What Apple extends is not granted too.
    fn give(&mut self, completion: &Completion, id: Id, days: u32, left: Option<Span>, now: At, changes: &mut Changes) {
        let total = if id == completion.id { completion.days } else { days };
        if days == 0 || self.extend(completion, id, days, left, now, changes) {
            return;
        }
        let granted = self.beside_apple(id, total) - self.beside_apple(id, total - days);
        if granted == 0 {
            return;
        }
        let (person, to) = (self.account_of(completion), completion.referrer);
        let span = left.unwrap_or(Span::days(days.into())).min(Span::days(granted.into()));
        let after_paid =
            self.rules_of(&completion.campaign).is_some_and(|rules| rules.policy.reward.anchor == Anchor::Paid);
        let part = Part { at: now, id, span, after_paid };
        let mut account = Account::earn(self.accounts.remove(&person), person, to, granted, part);
        if let Some(bought) = self.bought_by.get(&person).filter(|_| after_paid) {
            account = account.after(Subscription::all_times(bought));
        }
        if span > Span::ZERO {
            changes.effects.push(Effect::Grant { account: person, to: account.to, end: account.end, take_back: None });
        }
        changes.accounts.push(account.clone());
        self.accounts.insert(person, account);
    }

    /// Days are taken from the referrer: all that were given for something, or a part of a completion's. What had not
    /// passed of them; what Apple extended is as if it had not.
    fn take(&mut self, completion: &Completion, id: Id, days: u32, much: Much, now: At, changes: &mut Changes) -> Span {
        let total = if much == Much::Some { completion.days } else { 0 };
        let granted = self.beside_apple(id, total + days) - self.beside_apple(id, total);
        if much == Much::All {
            self.withdraw(id, changes);
        }
        let mut left = Span::days((days - granted).into());
        if granted > 0 {
            let person = self.account_of(completion);
            let account = self.accounts.remove(&person).expect("what was granted stands in an account");
            let take_back = Some(TakeBack::over(account.end));
            let span = (much == Much::Some).then_some(Span::days(granted.into()));
            let (account, of_account) = account.lose(id, granted, span, now);
            left = Span::millis(left.0 + of_account.0);
            changes.effects.push(Effect::Grant { account: person, to: account.to, end: account.end, take_back });
            changes.accounts.push(account.clone());
            self.accounts.insert(person, account);
        }
        left
    }

    /// Of so many days for something those that Apple does not extend.
    fn beside_apple(&self, id: Id, days: u32) -> u32 {
        let extended = self.extensions.get(&id).filter(|known| known.stands()).map_or(0, |known| known.days);
        days.saturating_sub(extended)
    }

    /// Apple extends instead, where it can and the campaign wants that. What was granted once is granted again.
    fn extend(
        &mut self,
        completion: &Completion,
        id: Id,
        days: u32,
        left: Option<Span>,
        now: At,
        changes: &mut Changes,
    ) -> bool {
        let known = self.extensions.get(&id);
        let is_fresh = match known.map(|known| known.state) {
            None => left.is_none(),
            Some(ExtensionState::Withdrawn) => left == Some(Span::days(days.into())),
            Some(ExtensionState::Asked | ExtensionState::Extended { .. } | ExtensionState::Refused) => false,
        };
        let round = known.map_or(0, |known| known.round) + 1;
        let Some(rules) = self.rules_of(&completion.campaign) else { return false };
        let Some(reason) = rules.policy.reward.extend.filter(|_| is_fresh) else { return false };
        let bought = self.bought_by.get(&self.account_of(completion)).map_or(&[][..], Vec::as_slice);
        let before: Vec<&Extension> = self.extensions.values().collect();
        let Some(found) = extendable(bought, &before, days, now) else { return false };
        let extension = Extension {
            id,
            to: completion.referrer,
            original_transaction_id: found.original_transaction_id.clone(),
            days,
            reason,
            after_paid: rules.policy.reward.anchor == Anchor::Paid,
            asked_at: now,
            round,
            state: ExtensionState::Asked,
        };
        changes.effects.push(Effect::extend(&extension, None));
        changes.extensions.push(extension.clone());
        self.extensions.insert(id, extension);
        true
    }

    /// Apple is not to be asked any more, if it was not yet; what it extended stays.
    fn withdraw(&mut self, id: Id, changes: &mut Changes) {
        if let Some(known) = self.extensions.get_mut(&id).filter(|known| known.state == ExtensionState::Asked) {
            known.state = ExtensionState::Withdrawn;
            changes.extensions.push(known.clone());
        }
    }

    /// A milestone is reached once. Where the count falls below it its days are taken back, and given again when
    /// it is reached again: what was left of them.
    fn milestones(&mut self, completion: &Completion, now: At, changes: &mut Changes) {
        let Some(rules) = self.rules_of(&completion.campaign) else { return };
        for milestone in &rules.policy.reward.milestones {
            let referrer = self.referrer_of(completion);
            let is_reached = referrer.counted >= milestone.referrals;
            let id = Id::of(
                "milestone",
                &[completion.campaign.as_bytes(), completion.referrer.as_bytes(), &milestone.referrals.to_be_bytes()],
            );
            let known = referrer.milestones.iter().position(|known| known.referrals == milestone.referrals);
            match known.map(|at| (at, referrer.milestones[at].clone())) {
                None if is_reached => {
                    let reached = Reached { referrals: milestone.referrals, days: milestone.days, taken: None };
                    referrer.milestones.push(reached);
                    referrer.days += milestone.days;
                    self.give(completion, id, milestone.days, None, now, changes);
                }
                Some((at, Reached { days, taken: Some(left), .. })) if is_reached => {
                    referrer.milestones[at].taken = None;
                    referrer.days += days;
                    self.give(completion, id, days, Some(left), now, changes);
                }
                Some((at, Reached { days, taken: None, .. })) if !is_reached => {
                    referrer.days -= days;
                    let left = self.take(completion, id, days, Much::All, now, changes);
                    self.referrer_of(completion).milestones[at].taken = Some(left);
                }
                _ => {}
            }
        }
    }

    fn looked_at(&self, claim: &Claim, found: Option<usize>, policy: &Policy, now: At) -> Vec<Reason> {
        let referrer = self.referrers.get(&(claim.campaign.clone(), claim.referrer));
        Look {
            policy,
            claim,
            redemption: found.map(|found| &self.redemptions[found]),
            referrer: referrer.expect("the referrer of a claim is loaded with it"),
            is_ring: self.rings.contains(&(claim.campaign.clone(), claim.referrer)),
            bought_before: found.is_some_and(|found| self.bought_before(&self.redemptions[found])),
            today: now.date(),
        }
        .reasons()
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
            held_until: None,
            is_test: false,
            days: 0,
            counts: false,
            taken: None,
            cut: None,
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

    /// The claim ends with this completion, and the code is used.
    pub fn settle(&mut self, at: usize, found: Option<usize>, completion: Completion, now: At, changes: &mut Changes) {
        let filed = &mut self.claims[at];
        filed.claim.state = if completion.is_rejected() { ClaimState::Rejected } else { ClaimState::Completed };
        filed.code = filed.code.clone().used(filed.claim.referee, now);
        filed.completion = Some(completion.clone());
        changes.claims.push(filed.claim.clone());
        changes.codes.push(filed.code.clone());
        if let Some(found) = found {
            attribute(&mut self.redemptions[found], &completion);
            changes.redemptions.push(self.redemptions[found].clone());
        }
        changes.completions.push(completion);
    }
}

/// Until when something holds it, if anything does and ends.
pub fn held_until(completion: &Completion, policy: &Policy, now: At) -> Option<At> {
    let days = match (completion.is_flagged(), policy.fraud.flags_expire_days) {
        (false, _) => policy.reward.hold_days,
        (true, 0) => return None,
        (true, days) => days.max(policy.reward.hold_days),
    };
    (days > 0).then(|| now.plus(Span::days(days.into())))
}

/// The days that a completion earns: a tester's and a family's earn none.
pub fn worth(completion: &Completion, evidence: Option<&Redemption>, policy: &Policy) -> u32 {
    let is_shared = policy.fraud.family_sharing && evidence.is_some_and(|evidence| evidence.is_family_shared);
    if is_shared { 0 } else { policy.reward.earned(completion.is_test) }
}

/// Whether it counts towards a milestone.
fn counts(completion: &Completion, policy: &Policy) -> bool {
    (!completion.is_test || policy.reward.test_rewards) && !completion.reasons.contains(&Reason::FamilyShared)
}

/// The redemption belongs to this completion.
pub fn attribute(redemption: &mut Redemption, completion: &Completion) {
    redemption.campaign = Some(completion.campaign.clone());
    redemption.state = match completion.state {
        CompletionState::Rejected { .. } => RedemptionState::Rejected { completion: completion.id },
        _ => RedemptionState::Attributed { completion: completion.id },
    };
}
