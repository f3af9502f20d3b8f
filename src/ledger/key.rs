//! Keys: order-preserving bytes. Texts end with a zero byte, which no text here holds.

use crate::domain::at::At;
use crate::domain::delivery::ItemId;

#[derive(Default)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn new() -> Key {
        Key::default()
    }
    pub fn text(mut self, text: &str) -> Key {
        debug_assert!(!text.as_bytes().contains(&0));
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }
    /// Bytes of a length that the table's keys share, or the last part of a key.
    pub fn bytes(mut self, bytes: &[u8]) -> Key {
        self.0.extend_from_slice(bytes);
        self
    }
    pub fn u32(self, n: u32) -> Key {
        self.bytes(&n.to_be_bytes())
    }
    pub fn u64(self, n: u64) -> Key {
        self.bytes(&n.to_be_bytes())
    }
    pub fn at(self, at: At) -> Key {
        self.u64((at.0 as u64) ^ (1 << 63))
    }
    pub fn item(self, id: ItemId) -> Key {
        self.u64(id.seq).bytes(&id.n.to_be_bytes())
    }
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// The first key that does not begin with this prefix.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return Some(end);
        }
        end.pop();
    }
    None
}

pub fn item_of(bytes: &[u8]) -> Option<ItemId> {
    let (seq, n) = bytes.split_at_checked(8)?;
    Some(ItemId { seq: u64::from_be_bytes(seq.try_into().ok()?), n: u16::from_be_bytes(n.try_into().ok()?) })
}

pub fn at_of(bytes: &[u8]) -> Option<At> {
    Some(At((u64::from_be_bytes(bytes.try_into().ok()?) ^ (1 << 63)) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order() {
        let at = |n| Key::new().at(At(n)).done();
        let times = [i64::MIN, -1, 0, 1, i64::MAX];
        assert!(times.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
        assert!(times.iter().all(|n| at_of(&at(*n)) == Some(At(*n))));
        let texts = ["", "a", "a b", "ab", "b"];
        assert!(texts.windows(2).all(|pair| Key::new().text(pair[0]).done() < Key::new().text(pair[1]).done()));
        let id = ItemId { seq: 258, n: 3 };
        assert_eq!(item_of(&Key::new().item(id).done()), Some(id));
        assert_eq!(item_of(b"short"), None);
    }

    #[test]
    fn prefixes_end() {
        assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after_prefix(&[1, 255]), Some(vec![2]));
        assert_eq!(after_prefix(&[255]), None);
    }
}
