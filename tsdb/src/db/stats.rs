//! Figures: for placement, for `/api/v1/status/tsdb`, and for the metrics of the process.
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use model::{Millis, Shard, TimeRange, Timestamp};

use super::{Inner, Refused, Tsdb};
use crate::{index::IndexFigures, store::StoreUsage};

/// A pushed series is active for so long after a sample.
const ACTIVE: Millis = Millis::from_seconds(15 * 60);

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) rows: AtomicU64,
    pub(super) samples: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) samples_out_of_window: AtomicU64,
    pub(super) known: AtomicU64,
    refused_by: [AtomicU64; 5],
    pub(super) segments: AtomicU64,
    pub(super) blocks: AtomicU64,
}

/// The state of a database at one moment; totals count from when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Groups in memory.
    pub n_groups: u64,
    /// Series in memory: those that have data which is not in blocks yet, but for most of those that vanished.
    pub n_series: u64,
    /// Series in the newest row of their group; pushed ones with a sample in the last quarter of an hour.
    pub n_active_series: u64,
    /// The same, by shard; shards without any are left out.
    pub active_series_by_shard: BTreeMap<Shard, u64>,
    /// Rows in memory.
    pub n_held_rows: u64,
    /// The times of all stored rows.
    pub time_range: Option<TimeRange>,
    /// Rows taken.
    pub rows_total: u64,
    /// Samples taken.
    pub samples_total: u64,
    /// Rows refused: out of order, out of bounds or by a void dictionary.
    pub rows_refused_total: u64,
    /// Samples left out since their explicit time was too far from their slot.
    pub samples_out_of_window_total: u64,
    /// Pushed samples that were there already, with the same value.
    pub samples_known_total: u64,
    /// Pushed samples that were not taken, by reason.
    pub samples_refused_total: BTreeMap<Refused, u64>,
    /// Segments cut.
    pub segments_total: u64,
    /// Blocks merged.
    pub blocks_total: u64,
    /// Entries found broken.
    pub damaged_total: u64,
    /// What the store uses.
    pub store: StoreUsage,
}

impl Tsdb {
    /// The present figures.
    pub fn stats(&self) -> Stats {
        let inner = &self.inner;
        let groups: Vec<_> = inner.groups.read().values().cloned().collect();
        let counters = &inner.counters;
        let mut stats = Stats {
            n_groups: groups.len() as u64,
            n_series: inner.index.read().len(),
            time_range: inner.time_range(),
            rows_total: counters.rows.load(Relaxed),
            samples_total: counters.samples.load(Relaxed),
            rows_refused_total: counters.refused.load(Relaxed),
            samples_out_of_window_total: counters.samples_out_of_window.load(Relaxed),
            samples_known_total: counters.known.load(Relaxed),
            samples_refused_total: Refused::ALL
                .map(|reason| (reason, counters.refused_by(reason).load(Relaxed)))
                .into(),
            segments_total: counters.segments.load(Relaxed),
            blocks_total: counters.blocks.load(Relaxed),
            damaged_total: inner.damage.n_found(),
            // A store that fails to tell fails elsewhere too, where it matters.
            store: inner.store.usage().unwrap_or_default(),
            ..Stats::default()
        };
        for group in groups {
            let group = group.lock();
            stats.n_held_rows += group.rows.len() as u64;
            stats.n_active_series += group.n_active as u64;
            if group.n_active > 0 {
                let shard = group.key.shard();
                *stats.active_series_by_shard.entry(shard).or_default() += group.n_active as u64;
            }
        }
        let since = inner.now() - ACTIVE;
        for group in inner.all_pushed_groups() {
            let group = group.lock();
            stats.n_groups += 1;
            for page in &group.pages {
                let n_active = page.n_active(since) as u64;
                stats.n_held_rows += page.held.n_rows() as u64;
                stats.n_active_series += n_active;
                let shard = group.key.shard();
                *stats.active_series_by_shard.entry(shard).or_default() += n_active;
            }
        }
        stats.active_series_by_shard.retain(|_, n| *n > 0);
        stats
    }

    /// The figures of the active series of the shards that `wanted` names, with the `n_pairs` label values that most
    /// of them have.
    pub fn index_figures(&self, wanted: impl Fn(Shard) -> bool, n_pairs: usize) -> IndexFigures {
        self.inner.index.read().figures(wanted, n_pairs)
    }
}

impl Counters {
    pub(super) fn refused_by(&self, reason: Refused) -> &AtomicU64 {
        &self.refused_by[reason as usize]
    }
}

impl Inner {
    pub(super) fn time_range(&self) -> Option<TimeRange> {
        let load = |at: &AtomicI64| Timestamp::from_millis(at.load(Relaxed));
        TimeRange::new(load(&self.min_time), load(&self.max_time)).ok()
    }
}
