//! The only place that reads the time. Everything else is told it.

use crate::domain::at::At;
use std::sync::atomic::{AtomicI64, Ordering};

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> At;
}

pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one reader of the system's clock
    fn now(&self) -> At {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        At(since.as_millis() as i64)
    }
}

/// A clock that stands until it is moved: tests, and the demonstration's later chapters.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(at: At) -> ManualClock {
        ManualClock(AtomicI64::new(at.0))
    }
    pub fn set(&self, at: At) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> At {
        At(self.0.load(Ordering::SeqCst))
    }
}

/// The clock by which systemd orders what it is told.
pub fn monotonic_micros() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}

/// Measures how long something takes; no decision sees it.
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods)] // durations for the metrics
    pub fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }
    pub fn micros(&self) -> u64 {
        self.0.elapsed().as_micros() as u64
    }
}
