//! A person's place among the referrers of a campaign.

use crate::domain::id::Person;
use crate::domain::referrer::Referrer;
use crate::ledger::Error;
use crate::ledger::rows::referrer_key;
use crate::ledger::store::Store;

/// A person's slug in a campaign, and their record if they have one. A slug that is somebody else's
/// already is lengthened by a turn of the same hash.
pub fn seat<S: Store>(store: &S, campaign: &str, person: Person) -> Result<(String, Option<Referrer>), Error> {
    let mut slug = store.names().slug(campaign, person);
    loop {
        match store.row::<Referrer>(&referrer_key(&slug))? {
            Some(row) if row.person != person || row.campaign != campaign => {
                slug.push_str(&store.names().slug(&slug, person)[..2]);
            }
            found => return Ok((slug, found)),
        }
    }
}
