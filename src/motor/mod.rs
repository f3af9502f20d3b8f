//! What runs by itself: deliveries, things whose time has come, and bells that say when to look.

mod apple;
mod bells;
pub mod certificate;
mod connect;
mod courier;
mod keys;
mod outcome;
mod payer;
mod teller;
mod timers;
mod watch;

pub use apple::Apple;
pub use bells::{Bells, back_up, catch_up, look};
pub use connect::Connect;
pub use courier::{Courier, Outside};
pub use keys::keep_keys;
pub use payer::Payer;
pub use teller::{Receiver, Teller};
pub use timers::Timers;
pub use watch::{Warning, Watcher};

use crate::domain::at::{At, Span};
use crate::ledger::Fail;
use std::time::Duration;

/// Nothing sleeps longer, whatever its list says: a list can change behind a clock that jumped.
const LONGEST: Span = Span::seconds(60);

/// How long to sleep until an instant.
fn until(next: Option<At>, now: At) -> Duration {
    let left = next.map_or(LONGEST.0, |next| (next.0 - now.0).clamp(0, LONGEST.0));
    // A millisecond more, so that the instant has come when the sleeper wakes.
    Duration::from_millis(left as u64 + 1)
}

/// Whether the writer is gone, so that there is nothing left to do.
fn is_over(fail: &Fail) -> bool {
    matches!(fail, Fail::Closed | Fail::Unknown)
}
