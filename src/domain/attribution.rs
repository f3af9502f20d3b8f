//! Where claims and redemptions meet. Whatever happened last, the same function looks at all that is
//! known of the referee, so the order of events cannot matter.

use super::at::{At, Span};
use super::claim::{Claim, ClaimState};
use super::code::{Code, CodeState};
use super::completion::{Completion, CompletionState, Method, Reason};
use super::delivery::Effect;
use super::id::{Id, Person};
use super::person::Circle;
use super::policy::{Rules, campaign_of};
use super::redemption::{Redemption, RedemptionState};
use super::referrer::Referrer;
use super::refund::Refund;
use super::reward::Account;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All that is known of one referee.
#[derive(Clone, Debug)]
pub struct Case {
    pub rules: Vec<Arc<Rules>>,
    pub circle: Circle,
    /// Others who were seen with an Apple Account of theirs.
    pub kin: BTreeSet<Person>,
    /// Those of their ids that Apple can be told, as an `appAccountToken`.
    pub tokens: BTreeSet<Person>,
    pub claims: Vec<Filed>,
    pub redemptions: Vec<Redemption>,
    /// Campaign and original transaction, where one of these redemptions is of a transaction that completed
    /// something in the campaign before, for whomever and by whichever offer.
    pub spent: BTreeSet<(String, String)>,
    /// What was said of refunds of these redemptions' transactions.
    pub refunds: BTreeMap<String, Refund>,
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

    /// The same person, as far as anybody can tell.
    pub fn is_self(&self, other: Person) -> bool {
        self.circle.has(other) || self.kin.contains(&other)
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

    pub fn is_spent(&self, campaign: &str, redemption: &Redemption) -> bool {
        self.spent.contains(&(campaign.to_owned(), redemption.original_transaction_id.clone()))
    }

    fn evidence_at(&self, claim: &Claim) -> Option<usize> {
        let fits = |redemption: &Redemption| {
            redemption.state == RedemptionState::Unattributed
                && !self.is_spent(&claim.campaign, redemption)
                && campaign_of(&self.rules, &redemption.offer, &redemption.product_id).is_some_and(|rules| {
                    rules.policy.campaign == claim.campaign
                        && claim.meets(redemption.redeemed_at, &rules.policy.attribution)
                })
        };
        let first = |at: &usize| (self.redemptions[*at].redeemed_at, self.redemptions[*at].id);
        (0..self.redemptions.len()).filter(|at| fits(&self.redemptions[*at])).min_by_key(first)
    }

    fn redemption_at(&self, id: Id) -> Option<usize> {
        self.redemptions.iter().position(|redemption| redemption.id == id)
    }

    /// After another case of the same decision: the rows that both may change, as that one left them.
    pub fn after(mut self, earlier: &Case) -> Case {
        self.referrers.extend(earlier.referrers.clone());
        self.accounts.extend(earlier.accounts.clone());
        self
    }

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
            let is_self = self.is_self(filed.claim.referrer);
            match filed.claim.state {
                ClaimState::Pending | ClaimState::Completed if is_self => self.reject(at, found, now, &mut changes),
                ClaimState::Pending if found.is_some() && !self.is_completed(&filed.claim.campaign) => {
                    let method = found.map(|found| Method::of(&self.redemptions[found]));
                    self.complete(at, found, method.unwrap_or(Method::Confirm), now, &mut changes);
                }
                ClaimState::Completed | ClaimState::Rejected => self.support(at, found, now, &mut changes),
                ClaimState::Pending | ClaimState::Superseded => {}
            }
            self.bind(at, &mut changes);
        }
        (self, changes)
    }

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
    fn uncount(&mut self, completion: &Completion, changes: &mut Changes) {
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

    fn is_refunded(&self, redemption: &Redemption) -> bool {
        self.refunds.get(&redemption.transaction_id).is_some_and(Refund::is_refunded)
    }

    /// A completion's days are not deserved after all.
    fn take_back(&mut self, completion: &Completion, changes: &mut Changes) {
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

    /// Evidence for what is settled already: it belongs there and can complete nothing else. What
    /// becomes known of it later is the completion's too: that it was a tester's, was refunded, or was not.
    fn support(&mut self, at: usize, found: Option<usize>, now: At, changes: &mut Changes) {
        let Some(before) = self.claims[at].completion.clone() else { return };
        let found = match before.redemption {
            Some(own) => self.redemption_at(own),
            None => found,
        };
        let Some(found) = found else { return };
        let mut completion = before.clone().resting_on(&self.redemptions[found]);
        let earned = |rules: Arc<Rules>| rules.policy.reward.earned(completion.is_test);
        let earns_nothing = self.rules_of(&completion.campaign).map(earned) == Some(0);
        if completion.days > 0 && earns_nothing && completion.is_test != before.is_test {
            if completion.credited_at().is_some() {
                self.take_back(&completion, changes);
            }
            (completion.days, completion.taken) = (0, None);
        }
        match (self.is_refunded(&self.redemptions[found]), completion.state) {
            (true, CompletionState::Credited { .. }) => self.reverse(&mut completion, now, changes),
            (false, CompletionState::Reversed { .. }) if completion.is_refunded() => {
                self.restore(&mut completion, now, changes);
            }
            _ => {}
        }
        if completion == before {
            return;
        }
        attribute(&mut self.redemptions[found], &completion);
        changes.redemptions.push(self.redemptions[found].clone());
        self.claims[at].completion = Some(completion.clone());
        changes.completions.push(completion);
    }

    /// The redemption was refunded: what is left of its days is taken back.
    fn reverse(&mut self, completion: &mut Completion, now: At, changes: &mut Changes) {
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
    fn restore(&mut self, completion: &mut Completion, now: At, changes: &mut Changes) {
        let taken = completion.taken.take().unwrap_or(Span::days(completion.days.into()));
        self.uncount(completion, changes);
        (completion.state, completion.reasons) = (CompletionState::Credited { at: now }, Vec::new());
        self.reward(completion, taken, now, changes);
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

    fn referrer_of(&mut self, completion: &Completion) -> &mut Referrer {
        let key = (completion.campaign.clone(), completion.referrer);
        self.referrers.get_mut(&key).expect("the referrer of a claim is loaded with it")
    }

    fn account_of(&self, completion: &Completion) -> Person {
        self.circles.get(&completion.referrer).expect("so is their circle").name()
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
fn attribute(redemption: &mut Redemption, completion: &Completion) {
    redemption.campaign = Some(completion.campaign.clone());
    redemption.state = match completion.state {
        CompletionState::Rejected { .. } => RedemptionState::Rejected { completion: completion.id },
        _ => RedemptionState::Attributed { completion: completion.id },
    };
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(matches!(changes.effects[..], [Effect::Grant { shorter: true, .. }]));
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
