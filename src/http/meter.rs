//! What only this process knows: deliveries of webhooks, repeats and refusals included, and calls over a limit.

use crate::domain::at::At;
use crate::domain::purchase::Source;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What this process counts beside the ledger.
#[derive(Default)]
pub struct Meter {
    webhooks: Mutex<BTreeMap<(Source, String, &'static str), u64>>,
    last_seen: Mutex<BTreeMap<Source, At>>,
    limited: Mutex<BTreeMap<&'static str, u64>>,
}

/// Event types are counted by name as long as there are no more than this; a source may invent some.
const KINDS: usize = 200;

impl Meter {
    pub fn webhook(&self, source: Source, kind: &str, result: &'static str, at: Option<At>) {
        let mut webhooks = self.webhooks.lock().expect("no panic holds this lock");
        let known = webhooks.contains_key(&(source, kind.to_owned(), result));
        let kind = if known || webhooks.len() < KINDS { kind } else { "other" };
        *webhooks.entry((source, kind.to_owned(), result)).or_default() += 1;
        if let Some(at) = at {
            self.last_seen.lock().expect("no panic holds this lock").insert(source, at);
        }
    }

    /// When a source was last heard of, repeats included.
    pub fn last_seen(&self, source: Source) -> Option<At> {
        self.last_seen.lock().expect("no panic holds this lock").get(&source).copied()
    }

    /// A call was one too many for a user, a code or an address.
    pub fn limited(&self, by: &'static str) {
        *self.limited.lock().expect("no panic holds this lock").entry(by).or_default() += 1;
    }

    pub fn limited_by(&self, by: &str) -> u64 {
        self.limited.lock().expect("no panic holds this lock").get(by).copied().unwrap_or(0)
    }

    /// Deliveries by source, type and what became of them.
    pub fn webhooks(&self) -> BTreeMap<(Source, String, &'static str), u64> {
        self.webhooks.lock().expect("no panic holds this lock").clone()
    }
}
