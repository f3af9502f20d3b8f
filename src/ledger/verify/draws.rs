//! The draw log beside the books: a code stands in both or in neither.

use super::{Report, fault};
use crate::domain::code::{Code, CodeText};
use crate::ledger::draws::{Reading, State};
use crate::ledger::record::decode;
use crate::ledger::rows::code_key;
use crate::ledger::store::{Snapshot, Store};
use crate::ledger::table::Tab;
use crate::ledger::{Error, epoch, journal};
use std::collections::HashSet;

pub fn check(report: &mut Report, store: &Snapshot, log: &Reading) -> Result<(), Error> {
    if log.state == State::Damaged {
        fault(report, "the draw log is damaged before its end".to_owned());
    }
    if epoch::read(store)?.is_some_and(|epoch| log.instance.is_some_and(|of| of != epoch.instance)) {
        fault(report, "the draw log is another database's".to_owned());
    }
    let mut logged: HashSet<&CodeText> = HashSet::new();
    let mut strangers = 0;
    for code in log.codes().filter(|code| logged.insert(&code.text)) {
        strangers += usize::from(store.get(Tab::Code, &code_key(&code.text))?.is_none());
    }
    if strangers > 0 {
        fault(report, format!("{strangers} codes of the draw log were never handed out by these books"));
    }
    // What a crash kept out of the log is added at the next start.
    let mut late: HashSet<CodeText> = HashSet::new();
    for seq in journal::after(store, log.reached().seq, usize::MAX)? {
        let entry = journal::entry(store, seq)?;
        late.extend(entry.iter().flat_map(|entry| entry.drawn()).map(|code| code.text.clone()));
    }
    let mut unknown = 0;
    for (_, bytes) in store.prefix(Tab::Code, &[], usize::MAX)? {
        let code: Code = decode(&bytes, Tab::Code.name())?;
        unknown += usize::from(!code.is_custom && !logged.contains(&code.text) && !late.contains(&code.text));
    }
    if unknown > 0 {
        fault(report, format!("{unknown} codes were handed out and are not in the draw log"));
    }
    Ok(())
}
