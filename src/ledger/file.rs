//! The file of a ledger on its disk.

use super::error::at;
use super::{Drawer, Error, Fail, parcel};
use crate::domain::at::At;
use redb::{Builder, Database};
use rustix::fs::{Advice, StatVfsMountFlags, fadvise, statvfs};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Below this much free space nothing is written: on a full disk the database cannot even delete.
pub(super) const FLOOR: u64 = 64 << 20;
/// Space kept back, to be given up by hand when a disk filled up all the same.
const BALLAST: u64 = 8 << 20;
const CACHE: usize = 48 << 20;

/// Whether the disk takes a write, or why not. It is asked before every batch, so that writing goes on when it can.
pub type Disk = Box<dyn Fn() -> Result<(), Fail> + Send>;

/// Where a ledger lives: its disk, and the files that stand beside its database.
pub struct Home {
    pub(super) disk: Disk,
    pub(super) place: Option<Place>,
}

impl Home {
    /// Of a database without a folder: in memory, or under construction.
    pub fn none(disk: Disk) -> Home {
        Home { disk, place: None }
    }
}

/// A folder and the name of an app in it.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: PathBuf,
    pub app: String,
}

impl Place {
    pub fn database(&self) -> PathBuf {
        self.file("redb")
    }
    pub fn draws(&self) -> PathBuf {
        self.file("draws")
    }
    pub fn epoch(&self) -> PathBuf {
        self.folder.join(self.epoch_name())
    }
    pub fn epoch_name(&self) -> String {
        format!("{}.epoch", self.app)
    }
    pub fn drawer(&self) -> Drawer {
        Drawer::at(self.folder.clone())
    }
    pub fn backups(&self) -> PathBuf {
        self.folder.join("backups")
    }
    /// A backup that is made ready to take the database's place.
    pub fn restoring(&self) -> PathBuf {
        self.file("redb.restoring")
    }
    /// The name under which a file is kept that another takes the place of.
    pub fn before(&self, path: &Path, now: At) -> PathBuf {
        parcel::free_name(now, |at| parcel::added(path, &format!(".before-{}", compact(at)))).0
    }
    fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.app))
    }
}

/// Opens an app's file, or makes it: under another name first, for a file that was cut short while it
/// was made cannot be opened again.
pub fn open_file(folder: &Path, app: &str) -> Result<(Database, Home), Error> {
    let place = Place { folder: folder.to_owned(), app: app.to_owned() };
    let path = place.database();
    if !folder.exists() {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
    }
    if !path.exists() && (place.draws().exists() || place.epoch().exists()) {
        return Err(Error::Gone { path: path.display().to_string() });
    }
    if !path.exists() {
        let fresh = folder.join(format!("{app}.redb.new"));
        if fresh.exists() {
            std::fs::remove_file(&fresh).map_err(at(&fresh))?;
        }
        Builder::new().set_cache_size(CACHE).create(&fresh)?.close()?;
        private(&fresh).map_err(at(&fresh))?;
        File::open(&fresh).and_then(|file| file.sync_all()).map_err(at(&fresh))?;
        std::fs::rename(&fresh, &path).map_err(at(&path))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    }
    // After a failed flush the kernel may hold pages that never reached the disk: read the disk.
    let file = File::open(&path).map_err(at(&path))?;
    fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| at(&path)(error.into()))?;
    let db = Builder::new().set_cache_size(CACHE).open(&path).map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => Error::InUse { path: path.display().to_string() },
        error => error.into(),
    })?;
    ballast(&folder.join("ballast")).map_err(at(folder))?;
    let folder: PathBuf = folder.to_owned();
    Ok((db, Home { disk: Box::new(move || room(&folder).map(drop)), place: Some(place) }))
}

/// An instant as it stands in the name of a file: 20261122T033000.000Z.
pub(super) fn compact(at: At) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().strftime("%Y%m%dT%H%M%S%.3fZ").to_string()
}

pub(super) fn read_compact(text: &str) -> Option<At> {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.fZ", text).ok()?;
    let at = At(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond());
    (compact(at) == text).then_some(at)
}

/// Bytes that can be written to the disk of a folder.
pub(super) fn free(folder: &Path) -> Result<u64, Error> {
    let disk = statvfs(folder).map_err(|error| at(folder)(error.into()))?;
    Ok(disk.f_bavail * disk.f_frsize)
}

/// Bytes that can be written to the disk of a folder, or why none are.
pub fn room(folder: &Path) -> Result<u64, Fail> {
    let disk = statvfs(folder).map_err(|_| Fail::NoSpace)?;
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(Fail::ReadOnly);
    }
    let free = disk.f_bavail * disk.f_frsize;
    if free < FLOOR { Err(Fail::NoSpace) } else { Ok(free) }
}

pub fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))
}

pub fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

fn ballast(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    if file.metadata()?.len() != BALLAST {
        // Where the file system cannot reserve space, the floor alone has to do.
        _ = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BALLAST);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_stand_in_names() {
        for (at, text) in [(0, "19700101T000000.000Z"), (1_790_000_000_123, "20260921T141320.123Z")] {
            assert_eq!(compact(At(at)), text);
            assert_eq!(read_compact(text), Some(At(at)));
        }
        for text in ["", "2026-09-21", "20260921T141320.1Z", "20260921T141320.123", "20261321T141320.123Z"] {
            assert_eq!(read_compact(text), None, "{text}");
        }
    }
}
