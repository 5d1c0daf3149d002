//! Wall clocks. Timers are tokio's own, which a simulation pauses.
use std::time::{SystemTime, UNIX_EPOCH};

use model::{Millis, Timestamp};

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that follows tokio's timer, so that paused time is paused for it too.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: tokio::time::Instant,
    at_origin: Timestamp,
}

impl TokioClock {
    /// A clock that shows `at` now.
    pub fn starting_at(at: Timestamp) -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            at_origin: at,
        }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.at_origin + Millis::from(self.origin.elapsed())
    }
}
