//! What an app shows for a redemption: a transaction, or its own download, signed by Apple.

use crate::domain::at::Span;
use crate::domain::id::UserId;
use crate::domain::purchase::{About, Report, Source};
use crate::http::front::App;
use crate::http::problem::Problem;
use crate::wire::apple_event::{self, Fault, Flaw, Limits};
use crate::wire::device_check::is_device_token;
use serde::Deserialize;

/// The body of a confirmation.
#[derive(Default, Deserialize)]
pub struct Shown {
    /// StoreKit's `Transaction.jwsRepresentation`.
    signed_transaction: Option<String>,
    /// StoreKit's `AppTransaction.jwsRepresentation`.
    app_transaction: Option<String>,
    /// DeviceCheck's `DCDevice.generateToken`, in base64.
    device_token: Option<String>,
    pub app_account_token: Option<String>,
}

impl Shown {
    pub fn device_token(&self) -> Result<Option<String>, Problem> {
        match &self.device_token {
            Some(token) if !is_device_token(token) => {
                Err(Problem::bad_request("device_token is DeviceCheck's token in base64"))
            }
            token => Ok(token.clone()),
        }
    }

    /// What was shown, verified: reports about this user.
    pub fn reports(&self, app: &App, user: &UserId) -> Result<Vec<Report<UserId>>, Problem> {
        let (limits, opener) = (limits(app), app.opener());
        let (bundle_id, person) = (&app.config.bundle_id, app.ledger.person(user));
        let mut reports = Vec::new();
        if let Some(jws) = &self.signed_transaction {
            let found = apple_event::transaction(jws, bundle_id, limits, &opener).map_err(refused)?;
            reports.push(found.report(Source::App, vec![user.clone()], Some(person), "TRANSACTION"));
        }
        if let Some(jws) = &self.app_transaction {
            let found = apple_event::app_transaction(jws, bundle_id, app.config.apple_id, limits, &opener);
            reports.push(found.map_err(refused)?.report(vec![user.clone()], person));
        }
        Ok(reports)
    }
}

/// The original transaction that was shown.
pub fn shows(reports: &[Report<UserId>]) -> Option<String> {
    reports.iter().find_map(|report| match &report.about {
        About::Purchase { purchase, .. } => Some(purchase.original_transaction_id.clone()),
        _ => None,
    })
}

/// Devices keep what Apple signed, and a claim may be confirmed as long as it can be met; older signatures
/// prove nothing here, and may be by a key that was stolen since it ran out.
fn limits(app: &App) -> Limits {
    let windows = app.config.campaigns.iter().map(|campaign| campaign.policy.attribution.claim_window_days);
    let window = Span::days(windows.max().unwrap_or(0).into());
    let max_age = app.config.notifications.max_age().map(|age| Span::millis(age.0 + window.0));
    Limits { now: app.clock.now(), max_age }
}

fn refused(fault: Fault) -> Problem {
    match fault {
        Fault::FromTheFuture => Problem::unavailable(fault.to_string()),
        Fault::Payload(Flaw::Bundle | Flaw::App | Flaw::Environment) => Problem::wrong_app(fault.to_string()),
        _ => Problem::bad_signature(fault.to_string()),
    }
}
