//! Something that a person has to look at. One that is raised again stays one.

use super::at::At;
use super::id::Id;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub kind: AlertKind,
    /// What it is about: a day and an offer, a payout.
    pub about: String,
    pub detail: String,
    pub raised_at: At,
    /// When it turned out to be settled.
    pub cleared_at: Option<At>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertKind {
    /// Apple counted other redemptions than we did.
    RedemptionsDiffer,
    /// A payout needs somebody.
    PayoutInTrouble,
    PayoutFailed,
    CustomCodeFailed,
    /// One who is told of events is told nothing more.
    WebhookDisabled,
    /// Apple asks about a refund, and gets no answer.
    RefundUnanswered,
    /// The last backup was not made.
    BackupFailed,
    /// The certificate is over, or soon will be, and there is no newer one.
    CertificateFailing,
    /// Somebody's reward, a batch or an answer was given up.
    DeliveryDead,
    /// Webhooks fail to come for much longer than usual.
    SourceQuiet,
}

impl AlertKind {
    pub fn word(self) -> &'static str {
        match self {
            AlertKind::RedemptionsDiffer => "redemptions_differ",
            AlertKind::PayoutInTrouble => "payout_in_trouble",
            AlertKind::PayoutFailed => "payout_failed",
            AlertKind::CustomCodeFailed => "custom_code_failed",
            AlertKind::WebhookDisabled => "webhook_disabled",
            AlertKind::RefundUnanswered => "refund_unanswered",
            AlertKind::BackupFailed => "backup_failed",
            AlertKind::CertificateFailing => "certificate_failing",
            AlertKind::DeliveryDead => "delivery_dead",
            AlertKind::SourceQuiet => "source_quiet",
        }
    }
}

impl Alert {
    pub fn id(kind: AlertKind, about: &str) -> Id {
        Id::of("alert", &[kind.word().as_bytes(), about.as_bytes()])
    }
    pub fn raise(kind: AlertKind, about: &str, detail: String, now: At) -> Alert {
        Alert { kind, about: about.to_owned(), detail, raised_at: now, cleared_at: None }
    }
    pub fn cleared(self, now: At) -> Alert {
        Alert { cleared_at: self.cleared_at.or(Some(now)), ..self }
    }
    pub fn is_open(&self) -> bool {
        self.cleared_at.is_none()
    }
}
