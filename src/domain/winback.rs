//! Codes that are to win customers back: who lapsed, who may have one now, and who came back.

use super::at::{At, Span};
use super::code::CodeText;
use super::consent::{Consent, Purpose};
use super::ending::Ending;
use super::id::{Id, Person};
use super::policy::{Policy, WinBackRules};
use super::subscription::{Paid, Status, Subscription};
use serde::{Deserialize, Serialize};

/// The end of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapse {
    pub original_transaction_id: String,
    pub ended_at: At,
    pub why: Ending,
}

/// What a campaign did about one end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WinBack {
    pub id: Id,
    pub campaign: String,
    pub person: Person,
    pub lapse: Lapse,
    pub how: How,
    /// When it was decided: the code was issued then.
    pub at: At,
    pub state: WinBackState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// So many days after the end.
    Rule,
    /// An administrator named them.
    List,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WinBackState {
    Declined { why: Declined },
    Issued { code: CodeText },
    CameBack { code: CodeText, by: Return },
}

/// The first purchase after the code was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    pub at: At,
    pub transaction_id: String,
    pub product_id: String,
    /// It was with an offer code of the campaign's offer.
    pub with_offer: bool,
}

/// Why somebody gets no code now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Declined {
    NeverSubscribed,
    /// A subscription of theirs runs, or ended otherwise than this.
    NotLapsed,
    /// Their money went back.
    Refunded,
    /// The campaign is not for those who left like this.
    OtherReason,
    NoConsent,
    /// They had one not so long ago.
    TooSoon,
    /// There is no code now.
    PoolEmpty,
    /// As many as may be were issued today.
    DayFull,
    /// The campaign is not configured any more.
    Over,
}

impl How {
    pub fn word(self) -> &'static str {
        match self {
            How::Rule => "rule",
            How::List => "list",
        }
    }
}

impl Declined {
    pub fn word(self) -> &'static str {
        match self {
            Declined::NeverSubscribed => "never_subscribed",
            Declined::NotLapsed => "not_lapsed",
            Declined::Refunded => "refunded",
            Declined::OtherReason => "other_reason",
            Declined::NoConsent => "no_consent",
            Declined::TooSoon => "too_soon",
            Declined::PoolEmpty => "pool_empty",
            Declined::DayFull => "day_full",
            Declined::Over => "campaign_over",
        }
    }

    /// When the rule looks again: these pass by themselves.
    pub fn again_at(self, now: At) -> Option<At> {
        match self {
            Declined::PoolEmpty => Some(now.plus(Span::hours(6))),
            Declined::DayFull => Some(now.date().plus_days(1).start()),
            _ => None,
        }
    }
}

impl WinBackState {
    pub fn word(&self) -> &'static str {
        match self {
            WinBackState::Declined { why: Declined::PoolEmpty | Declined::DayFull } => "waiting",
            WinBackState::Declined { .. } => "declined",
            WinBackState::Issued { .. } => "issued",
            WinBackState::CameBack { by: Return { with_offer: true, .. }, .. } => "came_back_with_code",
            WinBackState::CameBack { .. } => "came_back",
        }
    }
}

/// How a subscription of somebody stands.
enum Stands {
    Runs,
    Refunded,
    Over(Lapse),
}

fn stands(one: &Subscription, now: At) -> Option<Stands> {
    let last = one.last()?;
    let period = one.period.as_ref().filter(|period| period.transaction_id == last.transaction_id);
    let is_refunded = period.is_some_and(|period| period.revoked_at.is_some())
        || matches!(one.status, Some((_, Status::Revoked)))
        || last.ended.is_some_and(|(_, why)| why == Ending::Refunded);
    match one.status {
        Some((_, Status::Active | Status::BillingRetry | Status::GracePeriod)) => Some(Stands::Runs),
        _ if !is_refunded && last.time.until > now => Some(Stands::Runs),
        // What a member of the family had was not theirs to lose.
        _ if one.is_family_shared() => None,
        _ if is_refunded => Some(Stands::Refunded),
        _ => Some(Stands::Over(Lapse {
            original_transaction_id: one.original_transaction_id.clone(),
            ended_at: last.time.until,
            why: one.ended().map_or(Ending::Other, |(_, why)| why),
        })),
    }
}

fn is_of(policy: &Policy, product_id: &str) -> bool {
    policy.product_ids.is_empty() || policy.product_ids.iter().any(|id| id == product_id)
}

/// The end that a campaign's rule is to look at, and when: it was told of, and somebody lost something by it.
pub fn to_look_at(policy: &Policy, one: &Subscription) -> Option<(At, Lapse)> {
    let rules = policy.winback.as_ref().filter(|rules| rules.test_users || !one.is_test)?;
    let (ended_at, why) = one.ended()?;
    let product_id = one.last()?.product_id.as_str();
    if one.person().is_none() || one.is_family_shared() || !is_of(policy, product_id) {
        return None;
    }
    let lapse = Lapse { original_transaction_id: one.original_transaction_id.clone(), ended_at, why };
    Some((ended_at.plus(Span::days(rules.lapsed_days.into())), lapse))
}

/// What is known of somebody who may be won back.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub bought: Vec<Subscription>,
    pub consents: Vec<Consent>,
    /// When they were erased: what they said before holds no more.
    pub erased_at: Option<At>,
    /// What the campaign did before.
    pub before: Vec<WinBack>,
}

impl WinBackRules {
    /// The end that somebody may have a code for now: the one that the rule is about, or else their last one.
    pub fn may(&self, policy: &Policy, known: &Known, of: Option<&Lapse>, now: At) -> Result<Lapse, Declined> {
        let lapse = self.lapsed(policy, known, of, now)?;
        if of.is_some() && !self.reasons.contains(&lapse.why) {
            return Err(Declined::OtherReason);
        }
        let holds = |said: &&Consent| known.erased_at.is_none_or(|erased| said.at > erased);
        match Consent::latest(&known.consents, Purpose::WinBack).filter(holds).map(|said| said.given) {
            Some(true) => Ok(lapse),
            None if !self.require_consent && known.erased_at.is_none() => Ok(lapse),
            Some(false) | None => Err(Declined::NoConsent),
        }
    }

    fn lapsed(&self, policy: &Policy, known: &Known, of: Option<&Lapse>, now: At) -> Result<Lapse, Declined> {
        let counts = |one: &&Subscription| self.test_users || !one.is_test;
        let (mut over, mut refunded, mut any) = (Vec::new(), false, false);
        for one in known.bought.iter().filter(counts) {
            let Some(stands) = stands(one, now) else { continue };
            any = true;
            match stands {
                Stands::Runs => return Err(Declined::NotLapsed),
                Stands::Refunded => refunded = true,
                Stands::Over(lapse) => {
                    over.extend(Some(lapse).filter(|_| one.last().is_some_and(|last| is_of(policy, &last.product_id))))
                }
            }
        }
        let is_it = |lapse: &Lapse, of: &Lapse| {
            lapse.original_transaction_id == of.original_transaction_id && lapse.ended_at == of.ended_at
        };
        over.retain(|lapse| of.is_none_or(|of| is_it(lapse, of)));
        over.into_iter().max_by_key(|lapse| lapse.ended_at).ok_or(match (any, refunded) {
            (false, _) => Declined::NeverSubscribed,
            (true, true) => Declined::Refunded,
            (true, false) => Declined::NotLapsed,
        })
    }

    /// Whether it is long enough ago that they had one.
    pub fn is_time(&self, known: &Known, now: At) -> bool {
        let pause = Span::days(self.every_days.into());
        let had = known.before.iter().filter(|row| row.code().is_some());
        had.map(|row| row.at).all(|at| self.every_days > 0 && at.plus(pause) <= now)
    }
}

impl WinBack {
    /// The rule looks at one end once.
    pub fn by_rule(campaign: &str, lapse: &Lapse) -> Id {
        let parts = [campaign.as_bytes(), lapse.original_transaction_id.as_bytes(), &lapse.ended_at.0.to_be_bytes()];
        Id::of("win back by rule", &parts)
    }
    pub fn by_list(code: &CodeText) -> Id {
        Id::of("win back by list", &[code.as_str().as_bytes()])
    }

    pub fn code(&self) -> Option<&CodeText> {
        match &self.state {
            WinBackState::Declined { .. } => None,
            WinBackState::Issued { code } | WinBackState::CameBack { code, .. } => Some(code),
        }
    }

    pub fn came_back(&self) -> Option<&Return> {
        match &self.state {
            WinBackState::Declined { .. } | WinBackState::Issued { .. } => None,
            WinBackState::CameBack { by, .. } => Some(by),
        }
    }

    /// Whether a purchase was with the campaign's offer. A source may name the code in its place.
    fn is_with(&self, policy: &Policy, paid: &Paid) -> bool {
        let code = self.code().map(CodeText::as_str).unwrap_or_default();
        let named = |offer: &String| *offer == policy.offer || offer.eq_ignore_ascii_case(code);
        paid.offer.as_ref().is_some_and(named) && is_of(policy, &paid.product_id)
    }

    /// What they bought since the code was issued and until the next one was, one purchase after another.
    fn followed<'a>(&self, policy: &Policy, rows: &[WinBack], bought: &'a [Subscription]) -> Vec<&'a Paid> {
        let test_users = policy.winback.as_ref().is_some_and(|rules| rules.test_users);
        let later = |row: &&WinBack| row.campaign == self.campaign && row.code().is_some() && row.at > self.at;
        let next = rows.iter().filter(later).map(|row| row.at).min();
        let is_then = |paid: &&Paid| paid.time.from > self.at && next.is_none_or(|next| paid.time.from <= next);
        let own = bought.iter().filter(|one| !one.is_family_shared() && (test_users || !one.is_test));
        let mut all: Vec<&Paid> = own.flat_map(|one| &one.paid).filter(is_then).collect();
        all.sort_by_key(|paid| (paid.time.from, &paid.transaction_id));
        all
    }

    /// The same by what they bought, beside what was done about them otherwise: whoever came back stays so. And whether
    /// the code was redeemed, as far as can be told.
    pub fn after(&self, policy: &Policy, rows: &[WinBack], bought: &[Subscription]) -> (WinBack, bool) {
        let followed = self.followed(policy, rows, bought);
        let (Some(code), Some(first)) = (self.code(), followed.first()) else { return (self.clone(), false) };
        let by = Return {
            at: first.time.from,
            transaction_id: first.transaction_id.clone(),
            product_id: first.product_id.clone(),
            with_offer: self.is_with(policy, first),
        };
        let state = WinBackState::CameBack { code: code.clone(), by };
        (WinBack { state, ..self.clone() }, followed.iter().any(|paid| self.is_with(policy, paid)))
    }
}
