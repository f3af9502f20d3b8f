//! One decision becomes rows: the only place that writes to a table of the books. Index rows and
//! counts follow from the rows by the one `put`.

use super::Error;
use super::about;
use super::key::{Key, item_of};
use super::names::Names;
use super::record::encode;
use super::rows::{Row, due_key, item_key, lane_prefix};
use super::store::{Pair, Store, get_from, range_from, read_rules};
use super::table::Tab;
use crate::domain::at::{At, Span};
use crate::domain::decide::{By, Command, Decision, Put, Stamp};
use crate::domain::delivery::{Effect, Item, ItemId, ItemState, Order};
use crate::domain::entry::Entry;
use crate::domain::hearing::Heard;
use crate::domain::policy::Rules;
use crate::domain::purchase::Source;
use redb::{Table, WriteTransaction};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

/// All tables of one write transaction.
pub struct Tables<'txn> {
    open: Vec<Table<'txn, &'static [u8], &'static [u8]>>,
    counts: BTreeMap<Vec<u8>, i64>,
    rules: &'txn Mutex<Option<Vec<Arc<Rules>>>>,
    names: Arc<Names>,
}

impl<'txn> Tables<'txn> {
    /// `rules` is a cache that outlives the transaction; it is emptied when rules are put.
    pub fn open(
        txn: &'txn WriteTransaction,
        names: Arc<Names>,
        rules: &'txn Mutex<Option<Vec<Arc<Rules>>>>,
    ) -> Result<Tables<'txn>, Error> {
        let open = Tab::ALL.iter().map(|tab| txn.open_table(tab.definition())).collect::<Result<_, _>>()?;
        Ok(Tables { open, counts: BTreeMap::new(), rules, names })
    }

    /// Writes the counts that changed. The last act of a batch.
    pub fn finish(mut self) -> Result<(), Error> {
        for (key, change) in std::mem::take(&mut self.counts) {
            let before = self.get(Tab::Count, &key)?.map_or(0, |bytes| number(&bytes));
            let now = before + change;
            assert!(now >= 0, "a count went below zero");
            match now {
                0 => self.remove(Tab::Count, &key)?,
                _ => self.insert(Tab::Count, &key, &now.to_be_bytes())?,
            }
        }
        Ok(())
    }

    pub fn insert(&mut self, tab: Tab, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.open[tab as usize].insert(key, value)?;
        Ok(())
    }

    pub fn remove(&mut self, tab: Tab, key: &[u8]) -> Result<(), Error> {
        self.open[tab as usize].remove(key)?;
        Ok(())
    }

    fn put<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        let key = row.key();
        let old: Option<R> = self.row(&key)?;
        self.derive(old.as_ref(), Some(row))?;
        self.insert(R::TAB, &key, &encode(row))
    }

    fn gone<R: Row>(&mut self, key: &[u8]) -> Result<(), Error> {
        let old: Option<R> = self.row(key)?;
        self.derive(old.as_ref(), None)?;
        self.remove(R::TAB, key)
    }

    fn derive<R: Row>(&mut self, old: Option<&R>, new: Option<&R>) -> Result<(), Error> {
        let (before, after) = (old.map(Row::index).unwrap_or_default(), new.map(Row::index).unwrap_or_default());
        for (tab, key, _) in before.iter().filter(|row| !after.contains(row)) {
            self.remove(*tab, key)?;
        }
        for (tab, key, value) in after.iter().filter(|row| !before.contains(row)) {
            self.insert(*tab, key, value)?;
        }
        for (row, sign) in old.map(|row| (row, -1)).into_iter().chain(new.map(|row| (row, 1))) {
            for (key, change) in row.sums() {
                self.add(&key, sign * change)?;
            }
        }
        let (before, after) = (old.and_then(Row::count), new.and_then(Row::count));
        if before != after {
            before.into_iter().for_each(|key| *self.counts.entry(key).or_default() -= 1);
            after.into_iter().for_each(|key| *self.counts.entry(key).or_default() += 1);
        }
        Ok(())
    }

    /// Decisions of the same batch read it, so it is written at once.
    fn add(&mut self, key: &[u8], change: i64) -> Result<(), Error> {
        let before = self.get(Tab::Balance, key)?.map_or(0, |bytes| number(&bytes));
        match before + change {
            0 => self.remove(Tab::Balance, key),
            now => self.insert(Tab::Balance, key, &now.to_be_bytes()),
        }
    }

    fn apply_put(&mut self, put: &Put) -> Result<(), Error> {
        match put {
            Put::Rules(row) => {
                *self.rules.lock().expect("no panic holds this lock") = None;
                self.put(row)
            }
            Put::Pool(row) => self.put(row),
            Put::Batch(row) => self.put(row),
            Put::Chunk(row) => self.put(row),
            Put::Code(row) => self.put(row),
            Put::Referrer(row) => self.put(row),
            Put::Alias(row) => self.put(row),
            Put::Move(row) => self.put(row),
            Put::Erasure(row) => self.put(row),
            Put::Claim(row) => self.put(row),
            Put::Subscription(row) => self.put(row),
            Put::Refund(row) => self.put(row),
            Put::RefundRules(row) => self.put(row),
            Put::Consent(row) => self.put(row),
            Put::Usage(row) => self.put(row),
            Put::Question(row) => self.put(row),
            Put::WinBack(row) => self.put(row),
            Put::Download(row) => self.put(row),
            Put::Hearing(row) => self.put(row),
            Put::Network(row) => self.put(row),
            Put::NetworkGone(id) => self.gone::<crate::domain::network::Network>(id.as_bytes()),
            Put::Redemption(row) => self.put(row),
            Put::Completion(row) => self.put(row),
            Put::Account(row) => self.put(row),
            Put::Extension(row) => self.put(row),
            Put::Sale(row) => self.put(row),
            Put::Partner(row) => self.put(row),
            Put::Coupon(row) => self.put(row),
            Put::Conversion(row) => self.put(row),
            Put::ConversionGone(id) => self.gone::<crate::domain::conversion::Conversion>(id.as_bytes()),
            Put::Payout(row) => self.put(row),
            Put::Movement(row) => self.put(row),
            Put::Alert(row) => self.put(row),
            Put::Signing(row) => self.put(row),
            Put::Webhook(row) => self.put(row),
            Put::WebhookGone(id) => self.gone::<crate::domain::webhook::Webhook>(id.as_bytes()),
            Put::Reconciliation(row) => self.put(row),
            Put::AccountGone(person) => self.gone::<crate::domain::reward::Account>(person.as_bytes()),
            Put::Seen(row) => self.put(row),
            Put::Item(row) => self.put(row),
            Put::ItemGone(id) => self.gone::<Item>(&item_key(*id)),
            Put::Due(row) => self.put(row),
            Put::DueGone(row) => self.gone::<crate::domain::due::Due>(&due_key(row)),
        }
    }

    fn hear(&mut self, source: Source, at: At) -> Result<(), Error> {
        let key = last_key(source);
        let before = self.get(Tab::Count, &key)?.and_then(|bytes| read_heard(&bytes));
        let heard = before.map_or(Heard::first(at), |before| before.again(at));
        self.insert(Tab::Count, &key, &heard_bytes(heard))
    }

    /// What is written for an entry of the journal, now or when it is replayed.
    pub fn replay(&mut self, seq: u64, entry: &Entry) -> Result<(), Error> {
        for put in &entry.puts {
            self.apply_put(put)?;
            match (put, &entry.by) {
                // A webhook. What is read when we ask says nothing of how well a source is heard.
                (Put::Seen(seen), By::Source(source)) if seen.source == *source => self.hear(*source, entry.at)?,
                _ => {}
            }
        }
        for subject in entry.subjects() {
            if let Some((tab, key)) = about::key(&subject, seq) {
                self.insert(tab, &key, &[])?;
            }
        }
        Ok(())
    }

    /// Writes a decision: its rows, its effects as items in their lanes, and its journal entry.
    pub fn apply(&mut self, stamp: Stamp, by: By, command: &Command, decision: Decision) -> Result<Entry, Error> {
        let mut puts = decision.puts;
        for (n, effect) in decision.effects.into_iter().enumerate() {
            let id = ItemId { seq: stamp.seq, n: n as u16 };
            puts.push(Put::Item(self.in_lane(effect, id, &puts, stamp.at)?));
        }
        let entry = Entry { at: stamp.at, by, command: command.brief(), puts: last_of_each(puts) };
        self.replay(stamp.seq, &entry)?;
        self.insert(Tab::Journal, &Key::new().u64(stamp.seq).done(), &encode(&entry))?;
        Ok(entry)
    }

    /// The item that carries an effect: in a `Latest` lane the one that waits already.
    fn in_lane(&self, effect: Effect, id: ItemId, puts: &[Put], now: At) -> Result<Item, Error> {
        let waiting =
            |item: &Item| matches!(item.state, ItemState::Waiting { .. }) && (!item.unsure || item.effect.outdates());
        if effect.order() == Order::Latest {
            let lane = lane_prefix(&effect);
            let here = puts.iter().rev().find_map(|put| match put {
                Put::Item(item) if lane_prefix(&item.effect) == lane => Some(item.clone()),
                _ => None,
            });
            let stored = || -> Result<Option<Item>, Error> {
                for (key, _) in self.prefix(Tab::Lane, &lane, usize::MAX)? {
                    let found: Option<Item> = self.row(&key[lane.len()..])?;
                    if let Some(item) = found.filter(waiting) {
                        return Ok(Some(item));
                    }
                }
                Ok(None)
            };
            let found = match here {
                Some(item) => Some(item).filter(waiting),
                None => stored()?,
            };
            if let Some(item) = found {
                return Ok(item.renewed(effect, id.seq));
            }
        }
        let item = Item::new(id, effect, now);
        Ok(if self.comes_first(&item, puts)? { item } else { item.behind() })
    }

    /// Whether nothing of its lane is open before it, after these puts.
    fn comes_first(&self, item: &Item, puts: &[Put]) -> Result<bool, Error> {
        if item.effect.order() != Order::Queue {
            return Ok(true);
        }
        let lane = lane_prefix(&item.effect);
        let of_lane = |put: &Put| match put {
            Put::Item(other) if lane_prefix(&other.effect) == lane => Some((other.id, other.state.is_open())),
            Put::ItemGone(id) => Some((*id, false)),
            _ => None,
        };
        let by_this: BTreeMap<ItemId, bool> = puts.iter().filter_map(of_lane).collect();
        let stored = self.prefix(Tab::Lane, &lane, 2)?;
        let mut stored = stored.iter().filter_map(|(key, _)| item_of(&key[lane.len()..]));
        Ok(!by_this.values().any(|is_open| *is_open) && stored.all(|id| by_this.contains_key(&id)))
    }
}

/// Two puts of one row in a decision: the later one is what follows.
pub fn last_of_each(puts: Vec<Put>) -> Vec<Put> {
    let mut last: BTreeMap<(Tab, Vec<u8>), usize> = BTreeMap::new();
    for (at, put) in puts.iter().enumerate() {
        last.insert(place(put), at);
    }
    let keep = |(at, put): (usize, Put)| (last.get(&place(&put)) == Some(&at)).then_some(put);
    puts.into_iter().enumerate().filter_map(keep).collect()
}

/// The table and the key of what a put is about.
fn place(put: &Put) -> (Tab, Vec<u8>) {
    fn of<R: Row>(row: &R) -> (Tab, Vec<u8>) {
        (R::TAB, row.key())
    }
    match put {
        Put::Rules(row) => of(row),
        Put::Pool(row) => of(row),
        Put::Batch(row) => of(row),
        Put::Chunk(row) => of(row),
        Put::Code(row) => of(row),
        Put::Referrer(row) => of(row),
        Put::Alias(row) => of(row),
        Put::Move(row) => of(row),
        Put::Erasure(row) => of(row),
        Put::Claim(row) => of(row),
        Put::Redemption(row) => of(row),
        Put::Completion(row) => of(row),
        Put::Account(row) => of(row),
        Put::AccountGone(person) => (Tab::Account, person.as_bytes().to_vec()),
        Put::Seen(row) => of(row),
        Put::Item(row) => of(row),
        Put::ItemGone(id) => (Tab::Item, item_key(*id)),
        Put::Due(row) | Put::DueGone(row) => of(row),
        Put::Subscription(row) => of(row),
        Put::Refund(row) => of(row),
        Put::RefundRules(row) => of(row),
        Put::Consent(row) => of(row),
        Put::Usage(row) => of(row),
        Put::Question(row) => of(row),
        Put::WinBack(row) => of(row),
        Put::Download(row) => of(row),
        Put::Hearing(row) => of(row),
        Put::Network(row) => of(row),
        Put::NetworkGone(id) => (Tab::Network, id.as_bytes().to_vec()),
        Put::Extension(row) => of(row),
        Put::Sale(row) => of(row),
        Put::Partner(row) => of(row),
        Put::Coupon(row) => of(row),
        Put::Conversion(row) => of(row),
        Put::ConversionGone(id) => (Tab::Conversion, id.as_bytes().to_vec()),
        Put::Payout(row) => of(row),
        Put::Movement(row) => of(row),
        Put::Alert(row) => of(row),
        Put::Signing(row) => of(row),
        Put::Webhook(row) => of(row),
        Put::WebhookGone(id) => (Tab::Webhook, id.as_bytes().to_vec()),
        Put::Reconciliation(row) => of(row),
    }
}

fn heard_bytes(heard: Heard) -> Vec<u8> {
    [heard.last.0.to_be_bytes(), heard.longest.0.to_be_bytes(), i64::from(heard.count).to_be_bytes()].concat()
}

pub fn read_heard(bytes: &[u8]) -> Option<Heard> {
    let (last, rest) = bytes.split_at_checked(8)?;
    let (longest, count) = rest.split_at_checked(8)?;
    Some(Heard {
        last: At(number(last)),
        longest: Span::millis(number(longest)),
        count: u32::try_from(number(count)).ok()?,
    })
}

/// When a source was last heard of.
pub fn last_key(source: Source) -> Vec<u8> {
    Key::new().text("last").text(source.word()).done()
}

pub fn number(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(0, i64::from_be_bytes)
}

impl Store for Tables<'_> {
    fn names(&self) -> &Names {
        &self.names
    }
    fn get(&self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        get_from(&self.open[tab as usize], key)
    }
    fn range(&self, tab: Tab, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> Result<Vec<Pair>, Error> {
        range_from(&self.open[tab as usize], from, to, limit)
    }
    fn rules(&self) -> Result<Vec<Arc<Rules>>, Error> {
        let mut cache = self.rules.lock().expect("no panic holds this lock");
        if let Some(rules) = &*cache {
            return Ok(rules.clone());
        }
        let rules = read_rules(self)?;
        *cache = Some(rules.clone());
        Ok(rules)
    }
}
