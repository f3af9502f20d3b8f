//! A stand-in for Apple's DeviceCheck: it keeps two bits for each device of a team.

mod routes;
mod token;

pub use crate::fake::token::{Key, fresh_key};

use crate::clock::Clock;
use crate::domain::at::At;
use crate::fake::calls::{Call as Seen, Calls};
use crate::fake::faults::Faults;
use crate::fake::lock;
use crate::fake::stand::Stand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

pub struct Setup {
    /// A key of the developer account. Its issuer does not count here: the team stands in that place.
    pub key: Key,
    pub team_id: String,
    pub clock: Arc<dyn Clock>,
}

/// The running stand-in, to inspect and to steer. Dropped, it stops.
pub struct DeviceCheck {
    stand: Stand,
    team: Arc<Team>,
    calls: Calls,
    faults: Faults,
}

/// One request as it came, with what it asked for.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub device: Option<String>,
    pub transaction_id: Option<String>,
    /// What an update sets.
    pub bits: Option<(bool, bool)>,
    /// None: nothing was answered.
    pub status: Option<u16>,
    pub at: At,
}

impl From<Seen> for Call {
    fn from(seen: Seen) -> Call {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let bit = |name: &str| body.get(name).and_then(Value::as_bool);
        Call {
            path: seen.path,
            device: text("device_token").and_then(device_of),
            transaction_id: text("transaction_id").map(str::to_owned),
            bits: bit("bit0").zip(bit("bit1")),
            status: seen.status,
            at: seen.at,
        }
    }
}

/// A token as the device of this name makes one, another for each nonce: Apple's are for one use each.
pub fn token(device: &str, nonce: u32) -> String {
    STANDARD.encode(format!("device:{device}:{nonce}"))
}

/// The device that made a token; that of another maker is unknown.
pub fn device_of(token: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (device, nonce) = text.strip_prefix("device:")?.rsplit_once(':')?;
    nonce.parse::<u32>().ok()?;
    Some(device.to_owned())
}

impl DeviceCheck {
    pub async fn start(setup: Setup) -> io::Result<DeviceCheck> {
        let bound = Stand::bind().await?;
        let (calls, faults) = (Calls::new(setup.clock.clone()), Faults::default());
        let team = Arc::new(Team { setup, devices: Mutex::default() });
        let stand = bound.serve(routes::router(team.clone(), &faults, &calls));
        Ok(DeviceCheck { stand, team, calls, faults })
    }
    pub fn base_url(&self) -> &str {
        self.stand.base_url()
    }
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
    pub fn calls(&self) -> Vec<Call> {
        self.calls.seen().into_iter().map(Call::from).collect()
    }
    /// None: the device was never written.
    pub fn bits(&self, device: &str) -> Option<(bool, bool)> {
        lock(&self.team.devices).get(device).map(|state| (state.bit0, state.bit1))
    }
    /// As another server of the team would.
    pub fn set(&self, device: &str, bit0: bool, bit1: bool) {
        self.team.write(device, Some(bit0), Some(bit1));
    }
}

struct Team {
    setup: Setup,
    devices: Mutex<BTreeMap<String, State>>,
}

/// What was last written of one device.
#[derive(Clone, Copy, Default)]
struct State {
    bit0: bool,
    bit1: bool,
    at: At,
}

impl Team {
    fn now(&self) -> At {
        self.setup.clock.now()
    }
    fn state(&self, device: &str) -> Option<State> {
        lock(&self.devices).get(device).copied()
    }
    /// A bit that is not named stays as it is.
    fn write(&self, device: &str, bit0: Option<bool>, bit1: Option<bool>) {
        let now = self.now();
        let mut devices = lock(&self.devices);
        let old = devices.get(device).copied().unwrap_or_default();
        let state = State { bit0: bit0.unwrap_or(old.bit0), bit1: bit1.unwrap_or(old.bit1), at: now };
        devices.insert(device.to_owned(), state);
    }
}

#[cfg(test)]
mod tests;
