//! Those who share and those they brought, as far as another system tells of them. It is read row by row, never by a
//! range: a trial of a list sees the rows that it would have put.

use super::Load;
use super::case::circle;
use super::claim::code;
use super::referrer::seat;
use crate::domain::at::At;
use crate::domain::claim::Claim;
use crate::domain::completion::Completion;
use crate::domain::decide::bring::{
    BringCode, BringCodeFacts, BringCodeFamily, BringCompletion, BringCompletionFacts, BringCompletionFamily, Seat,
};
use crate::domain::id::Person;
use crate::ledger::Error;
use crate::ledger::rows::{claim_key, code_key};
use crate::ledger::store::Store;

impl Load for BringCodeFamily {
    fn load<S: Store>(store: &S, command: &BringCode, _: At) -> Result<BringCodeFacts, Error> {
        let holder = taken(store, &command.campaign, command.holder)?;
        let current = match holder.referrer.as_ref().and_then(|referrer| referrer.current.as_ref()) {
            Some(text) => store.row(&code_key(text))?,
            None => None,
        };
        Ok(BringCodeFacts {
            rules: store.rules_of(&command.campaign)?,
            known: code(store, &command.text)?,
            holder,
            current,
        })
    }
}

impl Load for BringCompletionFamily {
    fn load<S: Store>(store: &S, command: &BringCompletion, _: At) -> Result<BringCompletionFacts, Error> {
        let campaign = &command.campaign;
        let (referee, sharing) = (circle(store, command.referee)?, circle(store, command.referrer)?);
        let code = code(store, &command.code)?;
        let holder = code.as_ref().map(|code| code.assigned_to).filter(|holder| sharing.has(*holder));
        let referrer = taken(store, campaign, holder.unwrap_or(command.referrer))?;
        let mut claims = Vec::new();
        for member in referee.members() {
            let Some(claim) = store.row::<Claim>(&claim_key(campaign, *member))? else { continue };
            let id = Completion::id(campaign, claim.referrer, claim.referee);
            let completion = store.row(id.as_bytes())?;
            claims.push((claim, completion));
        }
        Ok(BringCompletionFacts {
            rules: store.rules_of(campaign)?,
            known: store.row(Completion::id(campaign, command.referrer, command.referee).as_bytes())?,
            account: store.row(referrer.circle.name().as_bytes())?,
            code,
            referee,
            claims,
            referrer,
        })
    }
}

fn taken<S: Store>(store: &S, campaign: &str, person: Person) -> Result<Seat, Error> {
    let (slug, referrer) = seat(store, campaign, person)?;
    Ok(Seat { circle: circle(store, person)?, referrer, slug })
}
