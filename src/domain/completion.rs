//! A claim and a redemption that match: what a referrer is credited for, at most once for a referee.

use super::at::{At, Span};
use super::code::CodeText;
use super::id::{Id, Person};
use super::purchase::{Share, Source};
use super::redemption::Redemption;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    pub id: Id,
    pub campaign: String,
    /// Version of the campaign's rules it was decided under.
    pub policy: u32,
    pub referrer: Person,
    pub referee: Person,
    pub code: CodeText,
    pub state: CompletionState,
    pub method: Option<Method>,
    pub reasons: Vec<Reason>,
    /// Until when it is held, or was; absent where nothing holds it, or for ever.
    pub held_until: Option<At>,
    pub is_test: bool,
    /// What it earns, or would.
    pub days: u32,
    /// Whether it counts towards milestones.
    pub counts: bool,
    /// What was left of the days when they were taken back.
    pub taken: Option<Span>,
    /// What was taken of the days because part of the price went back.
    pub cut: Option<Cut>,
    pub redemption: Option<Id>,
    pub original_transaction_id: Option<String>,
    pub claimed_at: Option<At>,
    pub redeemed_at: Option<At>,
}

/// A prorated refund: as much of the days as of the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    pub share: Share,
    pub days: u32,
    /// What had not passed of them.
    pub left: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompletionState {
    Held { until: Option<At> },
    Credited { at: At },
    Reversed { at: At },
    Rejected { at: At },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The claim and RevenueCat's event.
    ClaimRevenueCat,
    /// The claim and the signed transaction that the app showed.
    ClaimTransaction,
    /// The claim and what Apple said.
    ClaimNotification,
    /// RevenueCat's event named the code itself.
    Code,
    /// The app's word alone.
    Confirm,
    /// Another system credited it, before referd came.
    Import,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    SelfReferral,
    /// The redemption's transaction was refunded or revoked.
    Refund,
    /// Part of its price went back.
    PartRefund,
    /// An administrator decided.
    ByHand,
    /// Claim to purchase in fewer seconds than people need.
    TooFast,
    /// More completions of the referrer in a day than allowed.
    PerDay,
    /// More claims from the network in a day than allowed.
    PerNetwork,
    /// The referee bought something before.
    NotNew,
    /// The purchase was shared in a family: it earns nothing.
    FamilyShared,
    /// The referee referred the referrer.
    Ring,
    /// The device was seen before.
    DeviceSeen,
    /// Apple is asked about the device.
    DeviceAsked,
    /// Apple did not answer about it.
    DeviceUnanswered,
    /// More completions of the referrer in a month than are rewarded without review.
    PerMonth,
    /// More completions of the referrer in all.
    Total,
}

impl CompletionState {
    pub fn word(self) -> &'static str {
        match self {
            CompletionState::Held { .. } => "held",
            CompletionState::Credited { .. } => "credited",
            CompletionState::Reversed { .. } => "reversed",
            CompletionState::Rejected { .. } => "rejected",
        }
    }
}

impl Method {
    /// A claim and this redemption. Apple's signature stands above another's word.
    pub fn of(redemption: &Redemption) -> Method {
        match redemption.sources.iter().max() {
            Some(Source::App) => Method::ClaimTransaction,
            Some(Source::Apple) => Method::ClaimNotification,
            Some(Source::RevenueCat) | None => Method::ClaimRevenueCat,
        }
    }
    pub fn word(self) -> &'static str {
        match self {
            Method::ClaimRevenueCat => "claim+revenuecat",
            Method::ClaimTransaction => "claim+transaction",
            Method::ClaimNotification => "claim+notification",
            Method::Code => "code",
            Method::Confirm => "confirm",
            Method::Import => "import",
        }
    }
}

impl Reason {
    /// Whether it holds a completion until somebody has looked at it.
    pub fn is_flag(self) -> bool {
        match self {
            Reason::SelfReferral
            | Reason::Refund
            | Reason::PartRefund
            | Reason::ByHand
            | Reason::FamilyShared
            | Reason::DeviceUnanswered => false,
            Reason::TooFast
            | Reason::PerDay
            | Reason::PerNetwork
            | Reason::NotNew
            | Reason::Ring
            | Reason::DeviceSeen
            | Reason::DeviceAsked
            | Reason::PerMonth
            | Reason::Total => true,
        }
    }
    pub fn word(self) -> &'static str {
        match self {
            Reason::SelfReferral => "self_referral",
            Reason::Refund => "refund",
            Reason::PartRefund => "prorated_refund",
            Reason::ByHand => "by_hand",
            Reason::TooFast => "too_fast",
            Reason::PerDay => "max_per_referrer_per_day",
            Reason::PerNetwork => "max_claims_per_network_per_day",
            Reason::NotNew => "not_new_customer",
            Reason::FamilyShared => "family_shared",
            Reason::Ring => "ring",
            Reason::DeviceSeen => "device_seen",
            Reason::DeviceAsked => "device_asked",
            Reason::DeviceUnanswered => "device_unanswered",
            Reason::PerMonth => "max_per_month",
            Reason::Total => "max_total",
        }
    }
}

impl Completion {
    pub fn id(campaign: &str, referrer: Person, referee: Person) -> Id {
        Id::of("completion", &[campaign.as_bytes(), referrer.as_bytes(), referee.as_bytes()])
    }
    /// With this redemption as its evidence, as far as that is known.
    pub fn resting_on(self, redemption: &Redemption) -> Completion {
        Completion {
            method: if self.method == Some(Method::Confirm) { Some(Method::of(redemption)) } else { self.method },
            is_test: redemption.is_test,
            redemption: Some(redemption.id),
            original_transaction_id: Some(redemption.original_transaction_id.clone()),
            redeemed_at: Some(redemption.redeemed_at),
            ..self
        }
    }
    pub fn is_rejected(&self) -> bool {
        matches!(self.state, CompletionState::Rejected { .. })
    }
    /// Taken back for a refund, and for nothing else.
    pub fn is_refunded(&self) -> bool {
        matches!(self.state, CompletionState::Reversed { .. }) && !self.reasons.contains(&Reason::ByHand)
    }
    /// Something makes it doubtful.
    pub fn is_flagged(&self) -> bool {
        self.reasons.iter().any(|reason| reason.is_flag())
    }
    pub fn credited_at(&self) -> Option<At> {
        match self.state {
            CompletionState::Credited { at } => Some(at),
            _ => None,
        }
    }
}
