//! Secrets: given inline as `x`, or as the file `x_file`. Their content is never shown.

use super::section::Section;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

/// Text that no log, error or dump shows. Comparing takes the same time wherever two of a length differ.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }
    pub fn expose(&self) -> &str {
        &self.0
    }
    /// Whether a peer's bytes are this secret, in constant time.
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.matches(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The fewest bytes of a secret that stands between a stranger and the appliance.
pub(super) const STRONG: usize = 8;

/// Keys and certificate chains are a few kilobytes; a device that never ends is not read to its end.
const MOST: u64 = 1 << 20;

impl Section<'_> {
    /// A secret of at least `least` bytes; None when it is absent or faulty.
    pub fn secret(&mut self, key: &str, least: usize) -> Option<Secret> {
        let (key, text) = match self.source(key)? {
            Source::Inline(text) => (key.to_owned(), trimmed(&text).to_owned()),
            Source::File(key, path) => {
                let text = self.content(&key, &path)?;
                self.context.secret_files.borrow_mut().push(path);
                (key, text)
            }
        };
        if text.len() < least {
            self.wrong(&key, format!("is shorter than {least} bytes"), "make a fresh one with `referd token`");
            return None;
        }
        Some(Secret(text))
    }

    pub fn needed_secret(&mut self, key: &str, least: usize) -> Secret {
        let file = format!("{key}_file");
        if !self.has(key) && !self.has(&file) {
            self.wrong(key, "is missing", format!("give {file} or {key}"));
        }
        self.secret(key, least).unwrap_or_default()
    }

    fn source(&mut self, key: &str) -> Option<Source> {
        let file = format!("{key}_file");
        if self.has(key) && self.has(&file) {
            self.wrong(key, format!("is given twice, here and as {file}"), "remove one of the two");
            self.text(key);
            self.text(&file);
            return None;
        }
        let inline = self.text(key);
        let path = self.path(&file).map(|path| self.copy_of(&path).unwrap_or(path));
        inline.map(Source::Inline).or(path.map(|path| Source::File(file, path)))
    }

    /// A path: from the configuration file's folder, or a credential that the service manager hands over.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        if text.contains('\n') || text.contains("-----BEGIN") {
            self.wrong(key, "is a key, not a path", "write the path of its file");
            return None;
        }
        let Some(name) = text.strip_prefix("credential:") else { return Some(self.context.folder.join(text)) };
        if name.is_empty() || name.starts_with('.') || name.contains('/') {
            self.wrong(key, "does not name a credential", "write credential: and the name given to LoadCredential");
            return None;
        }
        let Some(credentials) = &self.context.credentials else {
            self.wrong(key, "needs $CREDENTIALS_DIRECTORY, which is not set", "run under systemd, or give a path");
            return None;
        };
        Some(credentials.join(name))
    }

    /// What the service manager hands over of a folder beside the configuration file, which only root can read. The
    /// name is systemd's: with `LoadCredential=secrets:…/secrets`, `secrets/x` is the credential `secrets_x`.
    fn copy_of(&self, path: &Path) -> Option<PathBuf> {
        let name = path.strip_prefix(&self.context.folder).ok()?.to_str()?.replace('/', "_");
        let copy = self.context.credentials.as_ref()?.join(name);
        copy.is_file().then_some(copy)
    }

    /// The text of a file that must be there, readable and not empty; its last line break left out.
    pub fn content(&self, key: &str, path: &Path) -> Option<String> {
        let (what, remedy) = match String::from_utf8(self.bytes(key, path)?) {
            Ok(text) if !trimmed(&text).trim().is_empty() => return Some(trimmed(&text).to_owned()),
            Ok(_) => ("is empty", "put the content there"),
            Err(_) => ("is not text", "write it as text: PEM, base64 or hexadecimal"),
        };
        self.wrong(key, format!("the file {path:?} {what}"), remedy);
        None
    }

    /// The bytes of a file that must be there and readable.
    pub fn bytes(&self, key: &str, path: &Path) -> Option<Vec<u8>> {
        let read = std::fs::File::open(path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(MOST).read_to_end(&mut bytes).map(|_| bytes)
        });
        let (what, remedy) = match read {
            Ok(bytes) => return Some(bytes),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => ("is missing".to_owned(), "put the file there"),
            Err(e) => (format!("cannot be read ({})", e.kind()), "give it to the user that referd runs as"),
        };
        self.wrong(key, format!("the file {path:?} {what}"), remedy);
        None
    }
}

enum Source {
    Inline(String),
    /// The key of the file, and where it is.
    File(String, PathBuf),
}

fn trimmed(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::new("hunter2hunter2hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "… … Some(…)");
    }

    #[test]
    fn equality_is_of_content() {
        for (a, b, same) in [("abc", "abc", true), ("abc", "abd", false), ("abc", "ab", false), ("", "", true)] {
            assert_eq!(Secret::new(a) == Secret::new(b), same, "{a} {b}");
            assert_eq!(Secret::new(a).matches(b.as_bytes()), same, "{a} {b}");
        }
    }
}
