//! All that is known of one referee: what decisions about claims and redemptions are made of.

use super::at::At;
use super::claim::{Claim, ClaimState};
use super::code::Code;
use super::completion::{Completion, Reason};
use super::delivery::Effect;
use super::extension::Extension;
use super::id::{Id, Person};
use super::person::Circle;
use super::policy::{Rules, campaign_of};
use super::purchase::Share;
use super::redemption::{Redemption, RedemptionState};
use super::referrer::Referrer;
use super::refund::Refund;
use super::reward::Account;
use super::subscription::Subscription;
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
    /// Campaign and referrer, where this person referred the referrer of a claim.
    pub rings: BTreeSet<(String, Person)>,
    /// When the purchases of this person began, by original transaction.
    pub bought: BTreeMap<String, At>,
    /// What was said of refunds of these redemptions' transactions.
    pub refunds: BTreeMap<String, Refund>,
    /// The referrers of the claims.
    pub referrers: BTreeMap<(String, Person), Referrer>,
    /// The circle of each of these referrers, by id.
    pub circles: BTreeMap<Person, Circle>,
    /// What was granted to these circles, by their name.
    pub accounts: BTreeMap<Person, Account>,
    /// What these circles bought, by their name, where their rewards depend on it.
    pub bought_by: BTreeMap<Person, Vec<Subscription>>,
    /// What Apple was asked to extend for these referrers.
    pub extensions: BTreeMap<Id, Extension>,
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
    pub extensions: Vec<Extension>,
    /// When completions that are held are to be looked at again.
    pub releases: Vec<(At, Id)>,
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

    /// Whether this person bought anything before this redemption: of another subscription, or of the same.
    pub fn bought_before(&self, redemption: &Redemption) -> bool {
        let is_first = redemption.transaction_id == redemption.original_transaction_id;
        !is_first || self.bought.values().any(|at| *at < redemption.redeemed_at)
    }

    /// The claim that stands for this person in a campaign.
    pub fn standing(&self, campaign: &str, now: At) -> Option<&Filed> {
        let rules = self.rules_of(campaign)?;
        let stands =
            |filed: &&Filed| filed.claim.campaign == campaign && filed.claim.binds(now, &rules.policy.attribution);
        let completed = |filed: &&Filed| filed.claim.state == ClaimState::Completed;
        self.claims.iter().filter(stands).find(completed).or_else(|| self.claims.iter().find(stands))
    }

    /// Somebody, or a rule, rejected what this person completed: they complete nothing else.
    pub fn is_barred(&self, campaign: &str) -> bool {
        let rejected = |completion: &Completion| {
            completion.campaign == campaign
                && completion.is_rejected()
                && !completion.reasons.contains(&Reason::SelfReferral)
        };
        self.claims.iter().filter_map(|filed| filed.completion.as_ref()).any(rejected)
    }

    pub fn may_complete(&self, campaign: &str) -> bool {
        let wins_back = self.rules_of(campaign).is_some_and(|rules| rules.policy.wins_back());
        !wins_back && !self.is_completed(campaign) && !self.is_barred(campaign)
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

    pub fn evidence_at(&self, claim: &Claim) -> Option<usize> {
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

    pub fn redemption_at(&self, id: Id) -> Option<usize> {
        self.redemptions.iter().position(|redemption| redemption.id == id)
    }

    /// After another case of the same decision: the rows that both may change, as that one left them.
    pub fn after(mut self, earlier: &Case) -> Case {
        self.referrers.extend(earlier.referrers.clone());
        self.accounts.extend(earlier.accounts.clone());
        self.extensions.extend(earlier.extensions.clone());
        self
    }

    /// How much of the redemption's price went back.
    pub fn refunded(&self, redemption: &Redemption) -> Option<Share> {
        self.refunds.get(&redemption.transaction_id).and_then(Refund::refunded)
    }

    pub fn referrer_of(&mut self, completion: &Completion) -> &mut Referrer {
        let key = (completion.campaign.clone(), completion.referrer);
        self.referrers.get_mut(&key).expect("the referrer of a claim is loaded with it")
    }

    pub fn account_of(&self, completion: &Completion) -> Person {
        self.circles.get(&completion.referrer).expect("so is their circle").name()
    }
}
