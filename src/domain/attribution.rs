//! Where claims and redemptions meet. Whatever happened last, the same function looks at all that is
//! known of the referee, so the order of events cannot matter.

use super::at::At;
use super::award::{attribute, worth};
use super::case::{Case, Changes, Filed};
use super::claim::ClaimState;
use super::completion::{Completion, CompletionState, Method, Reason};
use super::delivery::Effect;
use super::purchase::Share;
use super::redemption::{Redemption, RedemptionState};

impl Case {
    /// Matches what can be matched, and says what changed. What waits comes before what is settled:
    /// evidence goes to a claim that needs it.
    pub fn join(mut self, now: At) -> (Case, Changes) {
        let mut changes = Changes::default();
        let mut order: Vec<usize> = (0..self.claims.len()).collect();
        order.sort_by_key(|at| {
            let claim = &self.claims[*at].claim;
            (claim.state != ClaimState::Pending, claim.at, claim.code.clone())
        });
        for at in order {
            let found = self.evidence_at(&self.claims[at].claim);
            let filed = &self.claims[at];
            let is_self = self.is_self(filed.claim.referrer) || self.is_theirs(filed, found);
            match filed.claim.state {
                ClaimState::Pending | ClaimState::Completed if is_self => self.reject(at, found, now, &mut changes),
                ClaimState::Pending if found.is_some() && self.may_complete(&filed.claim.campaign) => {
                    let method = found.map(|found| Method::of(&self.redemptions[found]));
                    self.complete(at, found, method.unwrap_or(Method::Confirm), now, &mut changes);
                }
                ClaimState::Completed | ClaimState::Rejected => self.support(at, found, now, &mut changes),
                ClaimState::Pending | ClaimState::Superseded => {}
            }
            self.bind(at, &mut changes);
            self.mark_device(at, &mut changes);
        }
        (self, changes)
    }

    /// What the referee shows was the referrer's at a time.
    fn is_theirs(&self, filed: &Filed, found: Option<usize>) -> bool {
        let own = filed.completion.as_ref().and_then(|completion| self.redemption_at(completion.redemption?));
        let theirs = &self.circles[&filed.claim.referrer];
        own.or(found).is_some_and(|at| self.redemptions[at].owners.iter().any(|person| theirs.has(*person)))
    }

    /// Evidence for what is settled already: it belongs there and can complete nothing else. What
    /// becomes known of it later is the completion's too: that it earns nothing, was refunded, or was not.
    fn support(&mut self, at: usize, found: Option<usize>, now: At, changes: &mut Changes) {
        let Some(before) = self.claims[at].completion.clone() else { return };
        let found = match before.redemption {
            Some(own) => self.redemption_at(own),
            None => found,
        };
        let Some(found) = found else { return };
        let evidence = self.redemptions[found].clone();
        let mut completion = before.clone().resting_on(&evidence);
        let Some(rules) = self.rules_of(&completion.campaign) else { return };
        let is_news = completion.is_test != before.is_test || is_shared(&evidence, &before);
        if !completion.is_rejected() && is_news && worth(&completion, Some(&evidence), &rules.policy) == 0 {
            completion.reasons.extend(is_shared(&evidence, &before).then_some(Reason::FamilyShared));
            self.devalue(&mut completion, now, changes);
        }
        let refunded = self.refunded(&evidence);
        match (refunded == Some(Share::ALL), completion.state) {
            (true, CompletionState::Credited { .. } | CompletionState::Held { .. }) => {
                completion.reasons.push(Reason::Refund);
                self.turn(&mut completion, CompletionState::Reversed { at: now }, now, changes);
            }
            (false, CompletionState::Reversed { .. }) if completion.is_refunded() => {
                self.restore(&mut completion, now, changes);
            }
            _ => {}
        }
        self.prorate(&mut completion, refunded, now, changes);
        if completion == before {
            return;
        }
        attribute(&mut self.redemptions[found], &completion);
        changes.redemptions.push(self.redemptions[found].clone());
        if completion.is_rejected() && self.claims[at].claim.state != ClaimState::Rejected {
            self.claims[at].claim.state = ClaimState::Rejected;
            changes.claims.push(self.claims[at].claim.clone());
        }
        self.claims[at].completion = Some(completion.clone());
        changes.completions.push(completion);
    }

    /// Has Apple name the referee from now on, where it cannot do so yet.
    fn bind(&mut self, at: usize, changes: &mut Changes) {
        let Some(completion) = &self.claims[at].completion else { return };
        let (id, campaign, person) = (completion.redemption, &completion.campaign, completion.referee);
        let asks = self.rules_of(campaign).is_some_and(|rules| rules.policy.attribution.asks_apple);
        let Some(found) = id.and_then(|id| self.redemption_at(id)).filter(|_| asks) else { return };
        let redemption = &mut self.redemptions[found];
        let is_ours = matches!(redemption.state, RedemptionState::Attributed { .. });
        if redemption.is_bound || !is_ours || !self.tokens.contains(&person) {
            return;
        }
        redemption.is_bound = true;
        changes.redemptions.push(redemption.clone());
        let (original_transaction_id, is_test) = (redemption.original_transaction_id.clone(), redemption.is_test);
        changes.effects.push(Effect::SetAppAccountToken { original_transaction_id, person, is_test });
    }
}

/// Whether it is news that the purchase was shared in a family.
fn is_shared(evidence: &Redemption, known: &Completion) -> bool {
    evidence.is_family_shared && !known.reasons.contains(&Reason::FamilyShared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::CodeState;
    use crate::domain::id::Id;
    use crate::domain::policy::Policy;
    use crate::domain::sample::{self, NOON, circle, day, person};

    fn filed(n: u8, referrer: u8, referee: u8, at: At, state: ClaimState) -> Filed {
        let code = sample::code(n, referrer, CodeState::Pending);
        Filed { claim: sample::claim(&code, referee, at, state), code, completion: None }
    }

    fn pending(n: u8, referrer: u8, referee: u8, at: At) -> Filed {
        filed(n, referrer, referee, at, ClaimState::Pending)
    }

    fn case(ids: &[u8], claims: Vec<Filed>, redemptions: Vec<Redemption>) -> Case {
        Case { claims, redemptions, ..sample::case(sample::policy(), ids) }
    }

    /// Each claim's and each redemption's state after the case was joined.
    fn joined(case: Case) -> (Case, Vec<&'static str>) {
        let (case, _) = case.join(day(1));
        let claims = case.claims.iter().map(|filed| filed.claim.state.word());
        let words = claims.chain(case.redemptions.iter().map(|redemption| redemption.state.word())).collect();
        (case, words)
    }

    #[test]
    fn what_meets() {
        let bought = || sample::redemption("T1", 1, NOON);
        let elsewhere = |offer: &str| Redemption { offer: offer.into(), ..bought() };
        let taken = RedemptionState::Attributed { completion: Id([9; 16]) };
        let rows: Vec<(&str, Case, &[&str])> = vec![
            ("a claim alone", case(&[1], vec![pending(0, 100, 1, NOON)], vec![]), &["pending"]),
            ("a redemption alone", case(&[1], vec![], vec![bought()]), &["unattributed"]),
            ("both", case(&[1], vec![pending(0, 100, 1, NOON)], vec![bought()]), &["completed", "attributed"]),
            (
                "under two ids",
                case(&[1, 2], vec![pending(0, 100, 2, NOON)], vec![bought()]),
                &["completed", "attributed"],
            ),
            (
                "at the window's end",
                case(&[1], vec![pending(0, 100, 1, day(30))], vec![bought()]),
                &["completed", "attributed"],
            ),
            (
                "beyond it",
                case(&[1], vec![pending(0, 100, 1, At(day(30).0 + 1))], vec![bought()]),
                &["pending", "unattributed"],
            ),
            (
                "before it",
                case(&[1], vec![pending(0, 100, 1, At(day(-30).0 - 1))], vec![bought()]),
                &["pending", "unattributed"],
            ),
            (
                "another offer",
                case(&[1], vec![pending(0, 100, 1, NOON)], vec![elsewhere("REF3")]),
                &["pending", "unattributed"],
            ),
            (
                "its name in small letters",
                case(&[1], vec![pending(0, 100, 1, NOON)], vec![elsewhere("ref30")]),
                &["pending", "unattributed"],
            ),
            (
                "taken before",
                case(&[1], vec![pending(0, 100, 1, NOON)], vec![Redemption { state: taken, ..bought() }]),
                &["pending", "attributed"],
            ),
            (
                "the first of two claims",
                case(&[1, 2], vec![pending(1, 101, 2, day(1)), pending(0, 100, 1, NOON)], vec![bought()]),
                &["pending", "completed", "attributed"],
            ),
            (
                "one of two purchases",
                case(&[1], vec![pending(0, 100, 1, NOON)], vec![sample::redemption("T2", 1, day(1)), bought()]),
                &["completed", "unattributed", "attributed"],
            ),
            (
                "lost to a rival",
                case(&[1], vec![filed(0, 100, 1, NOON, ClaimState::Superseded)], vec![bought()]),
                &["superseded", "unattributed"],
            ),
            ("oneself", case(&[1], vec![pending(0, 1, 1, NOON)], vec![bought()]), &["rejected", "rejected"]),
            ("oneself, nothing bought", case(&[1, 2], vec![pending(0, 2, 1, NOON)], vec![]), &["rejected"]),
        ];
        for (what, case, words) in rows {
            assert_eq!(joined(case).1, words, "{what}");
        }
        let mut spent = case(&[1], vec![pending(0, 100, 1, NOON)], vec![bought()]);
        spent.spent.insert(("friends".into(), "T1".into()));
        assert_eq!(joined(spent).1, ["pending", "unattributed"], "a transaction that completed something");
    }

    #[test]
    fn a_second_look_changes_nothing() {
        let (case, _) = case(&[1], vec![pending(0, 100, 1, NOON)], vec![sample::redemption("T1", 1, NOON)]).join(NOON);
        assert_eq!(case.join(day(1)).1, Changes::default());
    }

    fn credit(policy: Policy, redemption: Option<Redemption>) -> (Case, Changes) {
        let mut case = sample::case(policy, &[1]);
        case.claims = vec![pending(0, 100, 1, NOON)];
        case.redemptions = redemption.into_iter().collect();
        let mut changes = Changes::default();
        case.complete(0, (!case.redemptions.is_empty()).then_some(0), Method::Confirm, NOON, &mut changes);
        (case, changes)
    }

    #[test]
    fn what_a_completion_earns() {
        let tested = || Redemption { is_test: true, ..sample::redemption("T1", 1, NOON) };
        let mut generous = sample::policy();
        generous.reward.test_rewards = true;
        // (rules, evidence) -> days
        for (policy, evidence, days) in [
            (sample::policy(), Some(sample::redemption("T1", 1, NOON)), 30),
            (sample::policy(), None, 30),
            (sample::policy(), Some(tested()), 0),
            (generous, Some(tested()), 30),
        ] {
            let (case, changes) = credit(policy, evidence);
            let completion = &changes.completions[0];
            assert_eq!((completion.days, completion.state.word(), completion.policy), (days, "credited", 3));
            assert_eq!(changes.effects.len(), usize::from(days > 0));
            let referrer = &case.referrers[&("friends".to_owned(), person(100))];
            assert_eq!((referrer.credited, referrer.days), (1, days));
        }
    }

    #[test]
    fn a_code_is_used_once() {
        let mut case = case(&[1], vec![pending(0, 100, 1, NOON)], vec![sample::redemption("T1", 1, NOON)]);
        case.claims[0].code.state = CodeState::Used { at: day(-1) };
        assert_eq!(case.join(NOON).1, Changes::default());
    }

    #[test]
    fn what_is_learned_later() {
        // A tester's evidence, an earlier report, and nothing new, for a completion on the app's word.
        let (confirmed, _) = credit(sample::trusting(), None);
        let mut tested = confirmed.clone();
        tested.redemptions = vec![Redemption { is_test: true, ..sample::redemption("T1", 1, NOON) }];
        let (tested, changes) = tested.join(NOON);
        let account = &changes.accounts[0];
        assert_eq!((account.days, account.end), (0, NOON));
        assert!(matches!(changes.effects[..], [Effect::Grant { take_back: Some(_), .. }]));
        assert_eq!(tested.claims[0].completion.as_ref().map(|row| (row.is_test, row.days)), Some((true, 0)));

        let mut known = confirmed;
        known.redemptions = vec![sample::redemption("T1", 1, day(2))];
        let (mut known, changes) = known.join(NOON);
        assert_eq!((changes.completions.len(), changes.effects.len(), changes.accounts.len()), (1, 0, 0));
        known.redemptions[0].redeemed_at = day(1);
        let (_, changes) = known.join(NOON);
        assert_eq!(changes.completions[0].redeemed_at, Some(day(1)));
    }

    #[test]
    fn who_turns_out_to_be_the_referrer() {
        let (mut case, _) = credit(sample::policy(), Some(sample::redemption("T1", 1, NOON)));
        case.circle = circle(&[1, 100]);
        let (case, changes) = case.join(day(1));
        let completion = &changes.completions[0];
        assert_eq!((completion.state.word(), completion.days, completion.method), ("rejected", 0, None));
        assert_eq!(completion.reasons, [Reason::SelfReferral]);
        assert_eq!((changes.accounts[0].days, changes.accounts[0].end), (0, NOON));
        assert_eq!(case.claims[0].code.state, CodeState::Used { at: NOON }, "it was used when it was used");
        let referrer = &case.referrers[&("friends".to_owned(), person(100))];
        assert_eq!((referrer.credited, referrer.days), (0, 0));
        assert_eq!(case.join(day(2)).1, Changes::default());
    }
}
