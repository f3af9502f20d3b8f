//! From the schema of an older version to this one, in numbered steps. What was there is kept as a backup before the
//! first of them, and the books are verified after the last.

use super::copy::{self, Label};
use super::file::{self, Place};
use super::names::Names;
use super::step::Tables;
use super::store::Snapshot;
use super::table::Tab;
use super::{Error, parcel, verify, writer};
use crate::domain::at::At;
use redb::{Database, ReadTransaction, ReadableDatabase};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The oldest schema that is read: that of the first release.
const FIRST: u32 = 6;

/// What one version made of the files of the one before: the first step leads from `FIRST` to the next, and so on. A
/// step that was released stays as it is.
type Step = fn(&mut Tables<'_>) -> Result<(), Error>;
const STEPS: &[Step] = &[];

pub const SCHEMA: u32 = FIRST + STEPS.len() as u32;

/// Brings a file up to date, or says which version can read it. True if it was older.
pub fn bring_up(db: &Database, place: Option<&Place>, now: At) -> Result<bool, Error> {
    Steps { first: FIRST, all: STEPS }.bring_up(db, place, now)
}

/// Whether a file has to be brought up to date before its books can be verified.
pub fn is_older(state: &ReadTransaction) -> Result<bool, Error> {
    Ok(Steps { first: FIRST, all: STEPS }.older(state)?.is_some())
}

struct Steps {
    first: u32,
    all: &'static [Step],
}

impl Steps {
    fn known(&self) -> u32 {
        self.first + self.all.len() as u32
    }

    /// The schema of a file that is older than this version, and can be read.
    fn older(&self, state: &ReadTransaction) -> Result<Option<u32>, Error> {
        let (first, known) = (self.first, self.known());
        let Some(found) = schema(state)? else { return Ok(None) };
        if (first..=known).contains(&found) {
            return Ok(Some(found).filter(|found| *found < known));
        }
        let by = meta(state, b"version")?.and_then(|text| String::from_utf8(text).ok());
        Err(Error::Schema { found, first, known, by: by.unwrap_or_else(|| "?".to_owned()) })
    }

    fn bring_up(&self, db: &Database, place: Option<&Place>, now: At) -> Result<bool, Error> {
        let (state, known) = (db.begin_read()?, self.known());
        let Some(found) = self.older(&state)? else { return Ok(false) };
        if let Some(place) = place {
            let kept = keep(&state, place, found, now)?;
            tracing::info!(app = place.app, from = found, to = known, kept = %kept.display(), "the file is brought up to date");
        }
        drop(state);
        for (step, to) in self.all.iter().zip(self.first + 1..).filter(|(_, to)| *to > found) {
            let (txn, nothing) = (writer::begin(db)?, Mutex::new(None));
            {
                let mut tables = Tables::open(&txn, Arc::new(Names::new([0; 32])), &nothing)?;
                step(&mut tables)?;
                tables.insert(Tab::Meta, b"schema", &to.to_be_bytes())?;
            }
            txn.commit()?;
        }
        let report = verify::verify(&Snapshot::nameless(db)?)?;
        match report.faults.first() {
            None => Ok(true),
            Some(fault) => Err(Error::Unsound(format!(
                "after it was brought up to date the file is not sound ({fault}): restore the backup that was made of it \
                 with the version before this one"
            ))),
        }
    }
}

/// None in a file that was just made.
fn schema(state: &ReadTransaction) -> Result<Option<u32>, Error> {
    let number =
        |bytes: Vec<u8>| bytes[..].try_into().map(u32::from_be_bytes).map_err(|_| Error::Broken("no schema number"));
    meta(state, b"schema")?.map(number).transpose()
}

fn meta(state: &ReadTransaction, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    match state.open_table(Tab::Meta.definition()) {
        Ok(table) => Ok(table.get(key)?.map(|value| value.value().to_vec())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The file as it was, among the backups but not counted with them. An older file of this name is of a start that failed.
fn keep(state: &ReadTransaction, place: &Place, schema: u32, now: At) -> Result<PathBuf, Error> {
    let folder = place.backups();
    file::make_folder(&folder)?;
    let (path, part) = (folder.join(format!("{}-schema-{schema}.redb", place.app)), folder.join(".schema.part"));
    let label = Label { app: place.app.clone(), version: env!("CARGO_PKG_VERSION").to_owned(), at: now, seq: 0 };
    file::remove(&part)?;
    copy::write(state, &label, || Ok(Vec::new()), &part)?;
    let (_, sum) = parcel::sum(&part)?;
    parcel::put(&part, &path, &sum)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::inspect;
    use crate::ledger::store::Store;
    use crate::ledger::tests::draws::open;
    use crate::ledger::tests::folder::Folder;
    use crate::ledger::{open_file, rows};

    /// A ledger as it was two schemas ago.
    fn old(folder: &Folder) -> (Database, Place) {
        let house = open(folder);
        house.import("first", 0..3, 100);
        house.my_code("ann");
        drop(house);
        let (db, home) = open_file(&folder.0, "alma").unwrap();
        (db, home.place.unwrap())
    }

    fn first(tables: &mut Tables<'_>) -> Result<(), Error> {
        tables.insert(Tab::Meta, b"step", b"one")
    }
    fn second(tables: &mut Tables<'_>) -> Result<(), Error> {
        assert_eq!(tables.get(Tab::Meta, b"step")?.as_deref(), Some(&b"one"[..]), "steps go in order");
        tables.insert(Tab::Meta, b"step", b"two")
    }
    /// A step that forgets what follows from a row.
    fn wrong(tables: &mut Tables<'_>) -> Result<(), Error> {
        tables.remove(Tab::Code, &rows::code_key(&crate::ledger::tests::code_text(0)))
    }

    fn step(db: &Database) -> (Option<u32>, Option<Vec<u8>>) {
        let state = db.begin_read().unwrap();
        (schema(&state).unwrap(), meta(&state, b"step").unwrap())
    }

    #[test]
    fn steps_are_taken_in_order_after_what_was_there_is_kept() {
        let folder = Folder::new();
        let (db, place) = old(&folder);
        let steps = Steps { first: SCHEMA, all: &[first, second] };
        assert!(steps.bring_up(&db, Some(&place), At(0)).unwrap());
        assert_eq!(step(&db), (Some(SCHEMA + 2), Some(b"two".to_vec())));
        assert!(!steps.bring_up(&db, Some(&place), At(0)).unwrap(), "once is enough");
        let kept = folder.path(&format!("backups/alma-schema-{SCHEMA}.redb"));
        let kept = inspect::verify_backup(&kept, None, &folder.0).unwrap();
        assert_eq!((kept.report.faults, kept.has_sum), (Vec::new(), true));
        // A step that was taken already is not taken again.
        let more = Steps { first: SCHEMA, all: &[wrong, wrong, first] };
        assert!(more.bring_up(&db, None, At(0)).unwrap());
        assert_eq!(step(&db), (Some(SCHEMA + 3), Some(b"one".to_vec())));
    }

    #[test]
    fn what_a_step_breaks_is_found() {
        let folder = Folder::new();
        let (db, place) = old(&folder);
        let steps = Steps { first: SCHEMA, all: &[wrong] };
        assert!(matches!(steps.bring_up(&db, Some(&place), At(0)), Err(Error::Unsound(_))));
        let kept = folder.path(&format!("backups/alma-schema-{SCHEMA}.redb"));
        assert_eq!(inspect::verify_backup(&kept, None, &folder.0).unwrap().report.faults, Vec::<String>::new());
    }

    #[test]
    fn other_schemas_are_refused_with_the_version_that_wrote_them() {
        let folder = Folder::new();
        let (db, place) = old(&folder);
        for found in [0, FIRST - 1, SCHEMA + 1, u32::MAX] {
            let txn = writer::begin(&db).unwrap();
            {
                let mut meta = txn.open_table(Tab::Meta.definition()).unwrap();
                meta.insert(&b"schema"[..], &found.to_be_bytes()[..]).unwrap();
                meta.insert(&b"version"[..], &b"9.8.7"[..]).unwrap();
            }
            txn.commit().unwrap();
            let error = bring_up(&db, Some(&place), At(0)).unwrap_err().to_string();
            assert!(error.contains("9.8.7") && error.contains(&found.to_string()), "{error}");
            assert_eq!(step(&db), (Some(found), None), "nothing is written");
        }
        assert!(!folder.path("backups").exists());
    }
}
