//! Reading, from a snapshot or from inside the writer's transaction, by the same functions.

use super::Error;
use super::key::after_prefix;
use super::names::Names;
use super::record::decode;
use super::rows::Row;
use super::table::Tab;
use crate::domain::policy::Rules;
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

pub type Pair = (Vec<u8>, Vec<u8>);

pub trait Store {
    fn names(&self) -> &Names;
    fn get(&self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Up to `limit` pairs from `from` on, before `to`.
    fn range(&self, tab: Tab, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> Result<Vec<Pair>, Error>;
    fn rules(&self) -> Result<Vec<Arc<Rules>>, Error>;

    fn row<R: Row>(&self, key: &[u8]) -> Result<Option<R>, Error> {
        self.get(R::TAB, key)?.map(|bytes| decode(&bytes, R::TAB.name())).transpose()
    }
    fn prefix(&self, tab: Tab, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, Error> {
        let end = after_prefix(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.range(tab, Bound::Included(prefix), to, limit)
    }
    fn rules_of(&self, campaign: &str) -> Result<Option<Arc<Rules>>, Error> {
        Ok(self.rules()?.into_iter().find(|rules| rules.policy.campaign == campaign))
    }
}

/// The newest rules of every campaign.
pub fn read_rules(store: &impl Store) -> Result<Vec<Arc<Rules>>, Error> {
    let mut newest: Vec<Arc<Rules>> = Vec::new();
    for (_, bytes) in store.prefix(Tab::Rules, &[], usize::MAX)? {
        let rules: Arc<Rules> = Arc::new(decode(&bytes, Tab::Rules.name())?);
        newest.retain(|older| older.policy.campaign != rules.policy.campaign);
        newest.push(rules);
    }
    Ok(newest)
}

pub fn get_from(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    Ok(table.get(key)?.map(|value| value.value().to_vec()))
}

pub fn range_from(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
    limit: usize,
) -> Result<Vec<Pair>, Error> {
    let mut out = Vec::new();
    for pair in table.range::<&[u8]>((from, to))?.take(limit) {
        let (key, value) = pair?;
        out.push((key.value().to_vec(), value.value().to_vec()));
    }
    Ok(out)
}

/// The state after a commit. It does not change; a newer one takes its place.
pub struct Snapshot {
    txn: ReadTransaction,
    tables: [OnceLock<ReadOnlyTable<&'static [u8], &'static [u8]>>; Tab::ALL.len()],
    rules: OnceLock<Vec<Arc<Rules>>>,
    names: Arc<Names>,
}

impl Snapshot {
    pub(super) fn new(txn: ReadTransaction, names: Arc<Names>) -> Snapshot {
        Snapshot { txn, tables: [const { OnceLock::new() }; Tab::ALL.len()], rules: OnceLock::new(), names }
    }

    /// Of a file in which nobody is looked for by what they call themselves.
    pub(super) fn nameless(db: &impl ReadableDatabase) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(db.begin_read()?, Arc::new(Names::new([0; 32]))))
    }

    pub(super) fn transaction(&self) -> &ReadTransaction {
        &self.txn
    }

    pub(super) fn shared_names(&self) -> Arc<Names> {
        self.names.clone()
    }

    fn table(&self, tab: Tab) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>, Error> {
        let slot = &self.tables[tab as usize];
        if let Some(table) = slot.get() {
            return Ok(table);
        }
        let table = self.txn.open_table(tab.definition())?;
        Ok(slot.get_or_init(|| table))
    }
}

impl Store for Snapshot {
    fn names(&self) -> &Names {
        &self.names
    }
    fn get(&self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        get_from(self.table(tab)?, key)
    }
    fn range(&self, tab: Tab, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> Result<Vec<Pair>, Error> {
        range_from(self.table(tab)?, from, to, limit)
    }
    fn rules(&self) -> Result<Vec<Arc<Rules>>, Error> {
        if let Some(rules) = self.rules.get() {
            return Ok(rules.clone());
        }
        let rules = read_rules(self)?;
        Ok(self.rules.get_or_init(|| rules).clone())
    }
}
