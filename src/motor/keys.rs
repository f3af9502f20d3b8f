//! Keeps a key set current: read at the start, every quarter of an hour, and when a token names a key
//! that is not in it.

use crate::outside::client::Client;
use crate::outside::jwks::fetch_jwks;
use crate::wire::user_token::{KeySet, Verifier};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const USUAL: Duration = Duration::from_secs(15 * 60);
/// After a reading that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two readings, whoever asks.
const PAUSE: Duration = Duration::from_secs(1);

pub async fn keep_keys(verifier: Arc<Verifier>, client: Client, url: String, mut stop: watch::Receiver<bool>) {
    let Some(set) = verifier.key_set() else { return };
    loop {
        let read = read(set, &client, &url).await;
        let usual = if read { USUAL } else { AGAIN };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = async {
                tokio::time::sleep(PAUSE).await;
                tokio::select! {
                    () = set.wanted() => {}
                    () = tokio::time::sleep(usual - PAUSE) => {}
                }
            } => {}
        }
    }
}

/// A set that cannot be read leaves the old one in its place.
async fn read(set: &KeySet, client: &Client, url: &str) -> bool {
    let body = match fetch_jwks(client, url).await {
        Ok(body) => body,
        Err(failure) => {
            tracing::warn!(%failure, "the users' key set was not read");
            return false;
        }
    };
    match set.replace(&body) {
        Ok(keys) => tracing::info!(keys, "the users' key set was read"),
        Err(fault) => tracing::warn!(%fault, "the users' key set was not read"),
    }
    set.is_loaded()
}
