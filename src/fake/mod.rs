//! Stand-ins for the services that referd calls, as real HTTP servers on loopback ports, and for those that call it.
//! They ship in the program: `demo` walks the whole loop against them, and the tests make them fail in every known way.

pub mod app_store_connect;
pub mod app_store_server;
pub mod apple_chain;
pub mod apple_event;
pub mod calls;
pub mod client;
pub mod device_check;
pub mod faults;
pub mod receiver;
pub mod revenuecat;
pub mod revenuecat_event;
pub mod stand;
pub mod token;
pub mod tremendous;

use crate::domain::at::At;
use sha2::{Digest, Sha256};
use std::sync::{Mutex, MutexGuard};

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().expect("no panic holds this lock")
}

/// Bytes that look random and are the same in every run: ids and codes come from these.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn uuid(parts: &[&[u8]]) -> String {
    let mut text = hex(&digest(parts)[..16]);
    for dash in [20, 16, 12, 8] {
        text.insert(dash, '-');
    }
    text
}

/// The instant for a calendar; one beyond its range becomes the calendar's end.
fn timestamp(at: At) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::client::{Answer, CallError, call};
    use axum::http::Request;
    use bytes::Bytes;

    /// One request by hand: method, address, headers, body.
    pub async fn ask(
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, CallError> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        call(request.body(body.into()).unwrap()).await
    }
}
