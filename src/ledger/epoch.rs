//! Which life of the books it is. Each start begins the next one.

use super::Error;
use super::record::{decode, encode};
use super::step::Tables;
use super::store::Store;
use super::table::Tab;
use crate::domain::id::Id;
use crate::entropy::Entropy;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Made with the database; its copies and backups have the same.
    pub instance: Id,
    pub number: u64,
}

impl Epoch {
    pub fn first(entropy: &dyn Entropy) -> Epoch {
        let mut instance = Id::default();
        entropy.fill(&mut instance.0);
        Epoch { instance, number: 0 }
    }
    pub fn next(self) -> Epoch {
        Epoch { number: self.number + 1, ..self }
    }
}

pub fn read(store: &impl Store) -> Result<Option<Epoch>, Error> {
    store.get(Tab::Meta, b"epoch")?.map(|bytes| decode(&bytes, Tab::Meta.name())).transpose()
}

pub fn write(tables: &mut Tables<'_>, epoch: Epoch) -> Result<(), Error> {
    tables.insert(Tab::Meta, b"epoch", &encode(&epoch))
}
