//! The token of a link to a statement: whose, until when, and the seal of both.

use crate::domain::at::At;
use crate::domain::id::Id;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub partner: Id,
    pub until: At,
}

const SEALED: usize = 24;
const SEAL: usize = 32;

impl Link {
    fn bytes(&self) -> [u8; SEALED] {
        let mut out = [0; SEALED];
        out[..16].copy_from_slice(self.partner.as_bytes());
        out[16..].copy_from_slice(&self.until.0.to_be_bytes());
        out
    }

    pub fn token(&self, seal: impl Fn(&[u8]) -> [u8; SEAL]) -> String {
        let bytes = self.bytes();
        URL_SAFE_NO_PAD.encode([&bytes[..], &seal(&bytes)].concat())
    }
}

/// The same work for every token, whatever is wrong with it: how long it takes tells nothing.
pub fn open(token: &str, now: At, seal: impl Fn(&[u8]) -> [u8; SEAL]) -> Option<Link> {
    let read = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| <[u8; SEALED + SEAL]>::try_from(bytes).ok());
    let bytes = read.unwrap_or([0; SEALED + SEAL]);
    let (sealed, given) = bytes.split_at(SEALED);
    let holds: bool = seal(sealed).ct_eq(given).into();
    let (id, until) = sealed.split_at(16);
    let link = Link { partner: Id::from_slice(id)?, until: At(i64::from_be_bytes(until.try_into().ok()?)) };
    (holds & read.is_some() & (now < link.until)).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn seal(key: u8) -> impl Fn(&[u8]) -> [u8; SEAL] {
        move |bytes| Sha256::digest([&[key], bytes].concat()).into()
    }

    #[test]
    fn a_link_is_whole_or_nothing() {
        let link = Link { partner: Id([7; 16]), until: At(1_000) };
        let token = link.token(seal(1));
        assert_eq!(open(&token, At(999), seal(1)), Some(link));
        assert_eq!(open(&token, At(1_000), seal(1)), None, "it has ended");
        assert_eq!(open(&token, At(0), seal(2)), None, "another's seal");
        let other = Link { partner: Id([8; 16]), ..link };
        let swapped = URL_SAFE_NO_PAD.encode([&other.bytes()[..], &seal(1)(&link.bytes())].concat());
        let longer =
            URL_SAFE_NO_PAD.encode([&Link { until: At(9_000), ..link }.bytes()[..], &seal(1)(&link.bytes())].concat());
        for bad in [&swapped, &longer, "", "x", &token[1..], &format!("{token}A"), &token.to_lowercase(), "../../etc"] {
            assert_eq!(open(bad, At(0), seal(1)), None, "{bad}");
        }
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(std::str::from_utf8(&changed).unwrap(), At(0), seal(1)), None, "{at}");
        }
    }
}
