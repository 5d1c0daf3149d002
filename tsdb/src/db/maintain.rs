//! What time brings: segments are cut, merged into blocks and dropped.
use std::sync::atomic::Ordering::Relaxed;

use model::Timestamp;

use super::Tsdb;
use crate::error::TsdbError;

/// What one call of [`Tsdb::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Segments cut from the head.
    pub n_segments: usize,
    /// Blocks merged from segments.
    pub n_blocks: usize,
    /// Families dropped, since their data is elsewhere or too old.
    pub n_dropped: usize,
}

impl Tsdb {
    /// Tells the time, and does what is due by now: cuts, merges, drops. To be called every few seconds, from one thread.
    ///
    /// # Errors
    /// What the store says; what was not done is done by a later call.
    pub fn maintain(&self, now: Timestamp) -> Result<Maintained, TsdbError> {
        self.inner.clock.fetch_max(now.as_millis(), Relaxed);
        self.inner.generations.lock().advance(now);
        Ok(Maintained::default())
    }
}
