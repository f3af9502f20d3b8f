//! Which life of the books it is. Each start begins the next one. It stands in the database and in a file beside it, so
//! that an old database, or one that belongs elsewhere, is known for what it is.

use super::Error;
use super::error::at;
use super::file::Place;
use super::record::{decode, encode};
use super::step::Tables;
use super::store::Store;
use super::table::Tab;
use crate::domain::id::Id;
use crate::entropy::Entropy;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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

/// What stands beside a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    pub epoch: Epoch,
    /// The last entry of the journal at the last start or good end.
    pub seq: u64,
    /// Where the database was.
    pub path: PathBuf,
}

const HEAD: &str = "referd-epoch-1";

impl Beside {
    pub fn new(epoch: Epoch, seq: u64, place: &Place) -> Result<Beside, Error> {
        let path = place.database();
        Ok(Beside { epoch, seq, path: path.canonicalize().map_err(at(&path))? })
    }

    pub fn read(place: &Place) -> Result<Option<Beside>, Error> {
        let Some(bytes) = place.drawer().get(&place.epoch_name())? else { return Ok(None) };
        let known = std::str::from_utf8(&bytes).ok().and_then(Beside::parse);
        known.map(Some).ok_or_else(|| Error::Draws(format!("{} is damaged", place.epoch().display())))
    }

    fn parse(text: &str) -> Option<Beside> {
        let mut lines = text.lines();
        let mut word = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let instance = Id::parse(word(HEAD)?)?;
        let number = word("epoch")?.parse().ok()?;
        let seq = word("entries")?.parse().ok()?;
        Some(Beside { epoch: Epoch { instance, number }, seq, path: word("database")?.into() })
    }

    pub fn write(&self, place: &Place) -> Result<(), Error> {
        let Beside { epoch: Epoch { instance, number }, seq, path } = self;
        let text = format!("{HEAD} {instance}\nepoch {number}\nentries {seq}\ndatabase {}\n", path.display());
        place.drawer().put(&place.epoch_name(), text.as_bytes())
    }

    /// Refuses a database that does not belong beside this file: another one, an older one, or a copy of one that is
    /// still where it was.
    pub fn check(&self, books: Epoch, seq: u64, place: &Place) -> Result<(), Error> {
        let file = place.epoch();
        if self.epoch.instance != books.instance {
            return Err(Error::Draws(format!("{} is of another database", file.display())));
        }
        if (books.number, seq) < (self.epoch.number, self.seq) {
            return Err(Error::Old { path: file.display().to_string() });
        }
        let own = Beside::new(books, seq, place)?.path;
        if own != self.path && self.is_still_there(&file) {
            return Err(Error::Copied { of: self.path.display().to_string() });
        }
        Ok(())
    }

    /// Whether the place that the file names has the same instance in other files: this folder is the copy.
    fn is_still_there(&self, own: &Path) -> bool {
        let (Some(folder), Some(app)) = (self.path.parent(), self.path.file_stem().and_then(OsStr::to_str)) else {
            return false;
        };
        let there = Place { folder: folder.to_owned(), app: app.to_owned() };
        let file = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        let is_same = |other: &Beside| other.epoch.instance == self.epoch.instance;
        Beside::read(&there).is_ok_and(|other| other.as_ref().is_some_and(is_same)) && file(&there.epoch()) != file(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::folder::Folder;

    #[test]
    fn it_is_read_as_it_was_written() {
        let folder = Folder::new();
        let place = Place { folder: folder.0.clone(), app: "alma".into() };
        assert_eq!(Beside::read(&place).unwrap(), None);
        let epoch = Epoch { instance: Id([7; 16]), number: 3 };
        let beside = Beside { epoch, seq: 12, path: "/var/lib/a folder/alma.redb".into() };
        beside.write(&place).unwrap();
        assert_eq!(Beside::read(&place).unwrap(), Some(beside));
        for text in ["", "referd-epoch-1 zz\n", "referd-epoch-1 07\nepoch 1\n"] {
            std::fs::write(place.epoch(), text).unwrap();
            assert!(Beside::read(&place).is_err(), "{text}");
        }
    }
}
