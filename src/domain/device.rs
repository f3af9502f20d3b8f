//! What Apple keeps of a referee's device: whether something was redeemed with it before. It can be asked, and told, of
//! a device only with a token that the app makes there, and that lives for a while.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Device {
    Asked {
        token: String,
    },
    /// The other bit is somebody else's: it stays as it is.
    New {
        token: String,
        bit1: bool,
    },
    Seen,
    /// Apple did not answer in time, or not at all: nobody is held for that.
    Unanswered,
    /// Something was credited for it, and Apple is told so.
    Marked,
}

impl Device {
    pub fn word(&self) -> &'static str {
        match self {
            Device::Asked { .. } => "asked",
            Device::New { .. } => "new",
            Device::Seen => "seen",
            Device::Unanswered => "unanswered",
            Device::Marked => "marked",
        }
    }

    /// Apple's answer, or none. An answer that nobody waits for changes nothing.
    pub fn answered(self, bits: Option<(bool, bool)>) -> Device {
        match (self, bits) {
            (Device::Asked { .. }, Some((true, _))) => Device::Seen,
            (Device::Asked { token }, Some((false, bit1))) => Device::New { token, bit1 },
            (Device::Asked { .. }, None) => Device::Unanswered,
            (settled, _) => settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let asked = || Device::Asked { token: "t".into() };
        for (device, bits, after) in [
            (asked(), Some((false, false)), Device::New { token: "t".into(), bit1: false }),
            (asked(), Some((false, true)), Device::New { token: "t".into(), bit1: true }),
            (asked(), Some((true, false)), Device::Seen),
            (asked(), None, Device::Unanswered),
            (Device::Marked, Some((true, true)), Device::Marked),
            (Device::Seen, None, Device::Seen),
        ] {
            assert_eq!(device.answered(bits), after);
        }
    }
}
