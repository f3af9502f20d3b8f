//! The secret that turns user ids into persons and persons into slugs. It is made with the database
//! and lives in it: without it nobody can tell whose rows are whose.

use crate::domain::id::{Person, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub struct Names {
    /// Keyed once, and copied for every name.
    mac: Hmac<Sha256>,
}

/// Digits and small letters without those that are mistaken for one another.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz0";

impl Names {
    pub fn new(key: [u8; 32]) -> Names {
        Names { mac: Hmac::new_from_slice(&key).expect("any key length will do") }
    }

    /// UUIDs are one in capitals and in small letters.
    pub fn person(&self, user: &UserId) -> Person {
        let mut out = [0; 16];
        let uuid = user.uuid();
        let text = uuid.as_deref().unwrap_or(user.as_str());
        out.copy_from_slice(&self.mac(&[b"person", text.as_bytes()])[..16]);
        Person(out)
    }

    /// Ten characters, 50 bits: the same for the same person and campaign.
    pub fn slug(&self, campaign: &str, person: Person) -> String {
        let mac = self.mac(&[b"slug", campaign.as_bytes(), person.as_bytes()]);
        mac[..10].iter().map(|byte| ALPHABET[usize::from(byte % 32)] as char).collect()
    }

    pub fn seal(&self, what: &str, bytes: &[u8]) -> [u8; 32] {
        self.mac(&[b"seal", what.as_bytes(), bytes])
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&(part.len() as u32).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
