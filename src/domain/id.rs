//! Names of people and things. What follows from something outside is derived from it, so that
//! "twice" cannot be written down.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The app's own name for a user: the text that it also gives RevenueCat as `app_user_id`.
/// It stays out of the journal and of every decision; those use [`Person`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUserId {
    #[error("a user id has 1 to 100 characters")]
    Length,
    #[error("a user id holds no control characters and no slash")]
    Character,
    #[error("RevenueCat refuses this value as a user id")]
    Forbidden,
}

/// Values that RevenueCat blocks as `app_user_id` (RevenueCat, Identifying Customers).
const FORBIDDEN: &[&str] = &[
    "no_user",
    "null",
    "none",
    "nil",
    "(null)",
    "nan",
    "\\x00",
    "unidentified",
    "undefined",
    "unknown",
    "anonymous",
    "guest",
    "-1",
    "0",
    "[]",
    "{}",
    "[object object]",
];

impl UserId {
    pub fn parse(text: &str) -> Result<UserId, BadUserId> {
        if text.trim().is_empty() || text.chars().count() > 100 {
            return Err(BadUserId::Length);
        }
        if text.chars().any(|c| c.is_control() || c == '/') {
            return Err(BadUserId::Character);
        }
        if FORBIDDEN.contains(&text.to_ascii_lowercase().as_str()) {
            return Err(BadUserId::Forbidden);
        }
        Ok(UserId(text.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The id where it is a UUID, in small letters: what an `appAccountToken` can hold. Swift writes capitals,
    /// Apple small letters, and both mean the same.
    pub fn uuid(&self) -> Option<String> {
        let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
        let fits = |(at, byte): (usize, u8)| if is_dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
        let is_uuid = self.0.len() == 36 && self.0.bytes().enumerate().all(fits);
        is_uuid.then(|| self.0.to_ascii_lowercase())
    }
    /// An id that RevenueCat's SDK made up before the user was known.
    pub fn is_anonymous(&self) -> bool {
        self.0.starts_with("$RCAnonymousID:")
    }
}

/// Whole user ids never reach a log.
impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(3).collect();
        write!(f, "{shown}…")
    }
}

/// Sixteen bytes, shown and written in hexadecimal.
macro_rules! sixteen {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
            pub fn from_slice(bytes: &[u8]) -> Option<$name> {
                bytes.try_into().ok().map($name)
            }
            pub fn parse(hex: &str) -> Option<$name> {
                if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return None;
                }
                let mut out = [0; 16];
                for (i, byte) in out.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
                }
                Some($name(out))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_bytes(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                struct Bytes;
                impl serde::de::Visitor<'_> for Bytes {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("16 bytes")
                    }
                    fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<$name, E> {
                        $name::from_slice(v).ok_or_else(|| E::invalid_length(v.len(), &"16 bytes"))
                    }
                }
                d.deserialize_bytes(Bytes)
            }
        }
    };
}

sixteen!(
    /// A user as the ledger knows them: a keyed hash of the user id.
    Person
);
sixteen!(
    /// The name of a thing: a hash of its natural key.
    Id
);

impl Person {
    /// Who has what nobody is to have.
    pub const NOBODY: Person = Person([0; 16]);
}

impl Id {
    /// SHA-256 over the tag and the length-prefixed parts, cut to 16 bytes.
    pub fn of(tag: &str, parts: &[&[u8]]) -> Id {
        let mut hash = Sha256::new();
        for part in std::iter::once(tag.as_bytes()).chain(parts.iter().copied()) {
            hash.update((part.len() as u32).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut out = [0; 16];
        out.copy_from_slice(&digest[..16]);
        Id(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids() {
        let long = "x".repeat(101);
        let rows: &[(&str, Result<(), BadUserId>)] = &[
            ("u1", Ok(())),
            ("$RCAnonymousID:8069238d6049ce87cc529853916d624c", Ok(())),
            ("jen@example.com", Ok(())),
            ("ünïcode", Ok(())),
            ("", Err(BadUserId::Length)),
            ("   ", Err(BadUserId::Length)),
            (&long, Err(BadUserId::Length)),
            ("a/b", Err(BadUserId::Character)),
            ("a\u{0}b", Err(BadUserId::Character)),
            ("a\nb", Err(BadUserId::Character)),
            ("null", Err(BadUserId::Forbidden)),
            ("NaN", Err(BadUserId::Forbidden)),
            ("[object Object]", Err(BadUserId::Forbidden)),
            ("0", Err(BadUserId::Forbidden)),
            ("-1", Err(BadUserId::Forbidden)),
        ];
        for (text, expected) in rows {
            assert_eq!(UserId::parse(text).map(|_| ()), *expected, "{text:?}");
        }
    }

    #[test]
    fn ids_depend_on_where_the_parts_end() {
        assert_ne!(Id::of("t", &[b"ab", b"c"]), Id::of("t", &[b"a", b"bc"]));
        let id = Id::of("t", &[b"a"]);
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_eq!(Id::parse("zz"), None);
    }

    #[test]
    fn debug_shows_no_whole_user_id() {
        assert_eq!(format!("{:?}", UserId::parse("secret-person").unwrap()), "sec…");
    }
}
