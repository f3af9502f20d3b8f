//! What a restored ledger lacks.

use super::Load;
use super::referrer::seat;
use super::share::shelf;
use crate::domain::at::At;
use crate::domain::decide::restore::{Return, ReturnFacts, ReturnFamily, Withhold, WithholdFamily};
use crate::domain::decide::share::Shelf;
use crate::domain::id::Person;
use crate::domain::referrer::Referrer;
use crate::ledger::Error;
use crate::ledger::rows::code_key;
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use std::collections::{BTreeMap, BTreeSet};

impl Load for ReturnFamily {
    fn load<S: Store>(store: &S, command: &Return, _: At) -> Result<ReturnFacts, Error> {
        let mut facts = ReturnFacts { codes: Vec::new(), referrers: BTreeMap::new() };
        let mut seen = BTreeSet::new();
        for code in &command.codes {
            if store.get(Tab::Code, &code_key(&code.text))?.is_some() || !seen.insert(&code.text) {
                continue;
            }
            facts.codes.push(code.clone());
            let holder = (code.campaign.clone(), code.to);
            // Who is won back shares nothing.
            let is_shared = store.rules_of(&code.campaign)?.is_none_or(|rules| !rules.policy.wins_back());
            if is_shared && code.to != Person::NOBODY && !facts.referrers.contains_key(&holder) {
                let (slug, known) = seat(store, &code.campaign, code.to)?;
                facts.referrers.insert(holder, known.unwrap_or_else(|| Referrer::new(&code.campaign, code.to, slug)));
            }
        }
        Ok(facts)
    }
}

impl Load for WithholdFamily {
    fn load<S: Store>(store: &S, command: &Withhold, now: At) -> Result<Option<Shelf>, Error> {
        shelf(store, &command.campaign, command.count, now)
    }
}
