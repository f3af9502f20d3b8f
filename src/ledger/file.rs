//! The file of a ledger on its disk.

use super::Error;
use redb::{Builder, Database};
use rustix::fs::{Advice, fadvise, statvfs};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// Below this much free space nothing is written: on a full disk the database cannot even delete.
const FLOOR: u64 = 64 << 20;
/// Space kept back, to be given up by hand when a disk filled up all the same.
const BALLAST: u64 = 8 << 20;
const CACHE: usize = 48 << 20;

/// Whether the disk has room for more.
pub type HasSpace = Box<dyn Fn() -> bool + Send>;

/// Opens an app's file, or makes it: under another name first, for a file that was cut short while it
/// was made cannot be opened again.
pub fn open_file(folder: &Path, app: &str) -> Result<(Database, HasSpace), Error> {
    let path = folder.join(format!("{app}.redb"));
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Error::File { path, why: error.to_string() }
    };
    if !folder.exists() {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
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
    let db = Builder::new().set_cache_size(CACHE).open(&path)?;
    ballast(&folder.join("ballast")).map_err(at(folder))?;
    let folder: PathBuf = folder.to_owned();
    let has_space = move || statvfs(&folder).is_ok_and(|disk| disk.f_bavail * disk.f_frsize >= FLOOR);
    Ok((db, Box::new(has_space)))
}

fn private(path: &Path) -> std::io::Result<()> {
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
