//! Signed app transactions (Apple, AppTransaction): which Apple Account got this copy of the app.

use super::{Fault, Flaw, Limits, Open, digest, environment, of_app, of_bundle};
use crate::domain::at::At;
use crate::domain::id::{Id, Person, UserId};
use crate::domain::policy::Environment;
use crate::domain::purchase::{About, Report, Source};
use crate::wire::fields::Fields;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppTransaction {
    pub app_transaction_id: String,
    pub environment: Environment,
    /// When it was signed.
    pub at: At,
    digest: Id,
}

pub fn app_transaction(
    jws: &str,
    bundle_id: &str,
    apple_id: u64,
    limits: Limits,
    open: Open,
) -> Result<AppTransaction, Fault> {
    let signed = open(jws).map_err(Flaw::Signature)?;
    let fields = Fields::parse(&signed.payload).ok_or(Flaw::Shape)?;
    let environment = tied(&fields, bundle_id, apple_id)?;
    let at = fields.instant("receiptCreationDate").ok_or(Flaw::Undated)?;
    limits.allow(at)?;
    let app_transaction_id = fields.text("appTransactionId").ok_or(Flaw::Incomplete)?;
    Ok(AppTransaction { app_transaction_id, environment, at, digest: digest(&signed) })
}

/// Its environment, if it is of this app.
pub(super) fn tied(fields: &Fields, bundle_id: &str, apple_id: u64) -> Result<Environment, Flaw> {
    of_bundle(fields, bundle_id)?;
    let environment = environment(fields, "receiptType")?;
    of_app(fields, apple_id, environment)?;
    Ok(environment)
}

impl AppTransaction {
    /// What a user's device says of them; `shown_by` is that user.
    pub fn report(self, people: Vec<UserId>, shown_by: Person) -> Report<UserId> {
        let signed_at = self.at.0.to_be_bytes();
        let parts = [self.app_transaction_id.as_bytes(), &signed_at, shown_by.as_bytes()];
        Report {
            source: Source::App,
            event: Id::of("app transaction", &parts).to_string(),
            digest: self.digest,
            kind: "APP_TRANSACTION".to_owned(),
            at: Some(self.at),
            about: About::Download { people, app_transaction_id: self.app_transaction_id },
            hand_on: Vec::new(),
        }
    }
}
