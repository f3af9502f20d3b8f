//! What the app shows, beside what its report touches.

use super::Load;
use super::case::circle;
use super::claim::code;
use crate::domain::at::At;
use crate::domain::completion::Completion;
use crate::domain::decide::evidence::{NameUser, NameUserFacts, NameUserFamily, Show, ShowFacts, ShowFamily};
use crate::domain::decide::report::ReportFamily;
use crate::domain::purchase::About;
use crate::ledger::Error;
use crate::ledger::people::user_of;
use crate::ledger::rows::spent_key;
use crate::ledger::store::Store;
use crate::ledger::table::Tab;

impl Load for ShowFamily {
    fn load<S: Store>(store: &S, command: &Show, now: At) -> Result<ShowFacts, Error> {
        let code = code(store, &command.code)?;
        let mut completed: Option<Completion> = None;
        if let (Some(code), About::Purchase { purchase, .. }) = (&code, &command.report.about)
            && let Some(id) = store.get(Tab::Spent, &spent_key(&code.campaign, &purchase.original_transaction_id))?
        {
            completed = store.row(&id)?;
        }
        let report = ReportFamily::load(store, &command.report, now)?;
        Ok(ShowFacts { code, completed, circle: circle(store, command.person)?, report })
    }
}

impl Load for NameUserFamily {
    fn load<S: Store>(store: &S, command: &NameUser, now: At) -> Result<NameUserFacts, Error> {
        Ok(NameUserFacts {
            circle: circle(store, command.person)?,
            named: circle(store, command.token)?,
            is_known: user_of(store, command.token)?.is_some(),
            report: ReportFamily::load(store, &command.report(), now)?,
        })
    }
}
