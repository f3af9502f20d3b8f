//! Small private files beside the ledgers. Each is there whole, or not at all.

use super::Error;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub struct Drawer(PathBuf);

impl Drawer {
    /// The folder is made when something is put into it.
    pub fn at(folder: PathBuf) -> Drawer {
        Drawer(folder)
    }

    /// What was put under a name, if anything was.
    pub fn get(&self, name: &str) -> std::result::Result<Option<Vec<u8>>, Error> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// Replaces what stands under a name. When this returns it is on the disk.
    pub fn put(&self, name: &str, bytes: &[u8]) -> std::result::Result<(), Error> {
        self.write(name, bytes).map_err(|error| failed(&self.0.join(name), &error))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let (fresh, path) = (self.0.join(format!("{name}.new")), self.0.join(name));
        if fresh.exists() {
            fs::remove_file(&fresh)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(&self.0)?.sync_all()
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.display().to_string(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_put_is_private_and_whole() {
        let home = std::env::temp_dir().join(format!("referd-drawer-{}", std::process::id()));
        let drawer = Drawer::at(home.join("a/b"));
        let mode = |path: &str| home.join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(drawer.get("key").unwrap(), None);
        for bytes in [&b"one"[..], b"", b"another one"] {
            drawer.put("key", bytes).unwrap();
            assert_eq!(drawer.get("key").unwrap().as_deref(), Some(bytes));
        }
        assert_eq!([mode("a"), mode("a/b"), mode("a/b/key")], [0o700, 0o700, 0o600]);

        // A process ended in the middle: what it left is no longer there, and nobody reads it.
        fs::write(home.join("a/b/key.new"), "torn").unwrap();
        assert_eq!(drawer.get("key").unwrap().as_deref(), Some(&b"another one"[..]));
        drawer.put("key", b"whole").unwrap();
        assert_eq!(drawer.get("key").unwrap().as_deref(), Some(&b"whole"[..]));
        assert!(!home.join("a/b/key.new").exists());

        fs::create_dir(home.join("a/b/folder")).unwrap();
        assert!(drawer.put("folder", b"x").is_err_and(|error| error.to_string().contains("a/b/folder")));
        assert!(drawer.get("folder").is_err());
        fs::remove_dir_all(&home).unwrap();
    }
}
