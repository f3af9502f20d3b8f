//! A backup as it travels: with its checksum beside it, and perhaps encrypted.

use super::error::at;
use super::{Drawer, Error};
use crate::domain::at::At;
use age::x25519::Recipient;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const AGE: &[u8] = b"age-encryption.org/v1\n";

/// Length and SHA-256 of a file.
pub fn sum(path: &Path) -> Result<(u64, String), Error> {
    let mut file = File::open(path).map_err(at(path))?;
    let (mut hash, mut block, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut block).map_err(at(path))? {
            0 => break,
            n => {
                hash.update(&block[..n]);
                bytes += n as u64;
            }
        }
    }
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The same path with something behind it.
pub fn added(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A name that is made of an instant and that no file has yet, and that instant.
pub fn free_name(now: At, name: impl Fn(At) -> PathBuf) -> (PathBuf, At) {
    let mut at = now;
    while name(at).exists() {
        at = At(at.0 + 1);
    }
    (name(at), at)
}

pub fn sum_path(path: &Path) -> PathBuf {
    added(path, ".sha256")
}

/// As `sha256sum` writes and reads it.
fn sum_line(path: &Path, sum: &str) -> String {
    format!("{sum}  {}\n", path.file_name().map(OsStr::to_string_lossy).unwrap_or_default())
}

/// Puts a finished file in its place under its name, its checksum first.
pub fn put(part: &Path, path: &Path, sum: &str) -> Result<(), Error> {
    let beside = sum_path(path).file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned();
    Drawer::at(folder(path)).put(&beside, sum_line(path, sum).as_bytes())?;
    File::open(part).and_then(|file| file.sync_all()).map_err(at(part))?;
    std::fs::rename(part, path).map_err(at(path))?;
    sync_folder(path)
}

pub fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = folder(path);
    File::open(&folder).and_then(|file| file.sync_all()).map_err(at(&folder))
}

fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// A new file that its owner alone can read.
pub fn private(path: &Path) -> Result<File, Error> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path).map_err(at(path))
}

/// Whether a file is what was written. False where there is no checksum to tell by.
pub fn check(path: &Path) -> Result<bool, Error> {
    let beside = sum_path(path);
    if !beside.exists() {
        return Ok(false);
    }
    let said = std::fs::read(&beside).map_err(at(&beside))?;
    if said != sum_line(path, &sum(path)?.1).as_bytes() {
        return Err(Error::Unsound(format!("{} and {} do not agree", path.display(), beside.display())));
    }
    Ok(true)
}

/// A copy under another name, with a checksum of its own.
pub fn copy(from: &Path, to: &Path) -> Result<(u64, String), Error> {
    let part = added(to, ".part");
    let (mut source, mut target) = (File::open(from).map_err(at(from))?, private(&part)?);
    std::io::copy(&mut source, &mut target).map_err(at(&part))?;
    let (here, there) = (sum(from)?, sum(&part)?);
    if here != there {
        return Err(Error::Unsound(format!("the copy {} came out differently", to.display())));
    }
    put(&part, to, &there.1)?;
    Ok(there)
}

pub fn encrypt(from: &Path, to: &Path, recipient: &str) -> Result<(), Error> {
    let recipient: Recipient = recipient.parse().map_err(|why: &str| Error::Sealed(why.to_owned()))?;
    let sealed = |error: age::EncryptError| Error::Sealed(error.to_string());
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).map_err(sealed)?;
    let mut plain = File::open(from).map_err(at(from))?;
    let write = || -> std::io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
        let mut out = encryptor.wrap_output(BufWriter::new(file))?;
        std::io::copy(&mut plain, &mut out)?;
        out.finish()?.into_inner()?.sync_all()
    };
    write().map_err(at(to))
}

/// The database in a backup: the file itself or, where it is encrypted, its content in a file without a name.
pub fn open(path: &Path, identity: Option<&Path>, scratch: &Path) -> Result<File, Error> {
    let mut file = File::open(path).map_err(at(path))?;
    let mut head = Vec::new();
    (&mut file).take(AGE.len() as u64).read_to_end(&mut head).and_then(|_| file.rewind()).map_err(at(path))?;
    if head != AGE {
        return Ok(file);
    }
    let Some(identity) = identity else {
        return Err(Error::Sealed("the backup is encrypted: name the file of the key with --identity".to_owned()));
    };
    let keys = File::open(identity).map_err(at(identity))?;
    let sealed = |error: age::DecryptError| Error::Sealed(error.to_string());
    let keys = age::IdentityFile::from_buffer(BufReader::new(keys)).map_err(at(identity))?;
    let keys = keys.into_identities().map_err(sealed)?;
    let decryptor = age::Decryptor::new_buffered(BufReader::new(file)).map_err(sealed)?;
    let mut plain = decryptor.decrypt(keys.iter().map(|key| &**key as &dyn age::Identity)).map_err(sealed)?;
    let hidden = scratch.join(format!(".referd-{}.plain", std::process::id()));
    let mut out = private(&hidden)?;
    std::fs::remove_file(&hidden).map_err(at(&hidden))?;
    std::io::copy(&mut plain, &mut out).and_then(|_| out.rewind()).map_err(at(path))?;
    Ok(out)
}
