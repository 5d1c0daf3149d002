//! The database's timers: rows are made durable, segments are cut, figures are told.
use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use proto::v1;
use runtime::Load;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use tsdb::TsdbError;

use crate::{scrape::Targets, shared::Shared};

/// How often segments are looked after.
const MAINTAIN: Duration = Duration::from_secs(5);
/// How often figures are gathered: it takes a look at every group.
const FIGURES: Duration = Duration::from_secs(10);

/// Syncs every `every` until `stop`. A sync that fails is tried again: a full disk may get room.
pub(crate) async fn sync(shared: Arc<Shared>, every: Duration, stop: CancellationToken) {
    let mut failing = false;
    let mut timer = Timer::new(every, stop);
    while timer.next().await {
        let (db, began) = (shared.db.clone(), Instant::now());
        let synced = shared.offload().run(move || db.sync()).await;
        shared
            .metrics
            .sync_seconds
            .observe(began.elapsed().as_secs_f64());
        told(&shared, &mut failing, "sync", synced);
    }
}

/// Cuts, merges and drops what is due, until `stop`.
pub(crate) async fn maintain(shared: Arc<Shared>, stop: CancellationToken) {
    let mut failing = false;
    let mut timer = Timer::new(MAINTAIN, stop);
    while timer.next().await {
        let (db, now, began) = (shared.db.clone(), shared.now(), Instant::now());
        let done = shared.offload().run(move || db.maintain(now)).await;
        shared
            .metrics
            .maintain_seconds
            .observe(began.elapsed().as_secs_f64());
        told(&shared, &mut failing, "maintain", done.map(drop));
    }
}

/// Counts a failure, and logs when failing begins and ends.
fn told(shared: &Shared, failing: &mut bool, what: &str, result: Result<(), TsdbError>) {
    match result {
        Ok(()) => {
            if std::mem::replace(failing, false) {
                info!(what, "storage works again");
            }
        }
        Err(cause) => {
            shared.metrics.storage_failures.inc();
            if !std::mem::replace(failing, true) {
                error!(what, error = %runtime::Chain(&cause), "storage fails");
            }
        }
    }
}

/// The figures that heartbeats tell. Clones share them.
#[derive(Clone)]
pub(crate) struct Figures {
    gathered: Arc<Mutex<Load>>,
    targets: Targets,
}

impl Figures {
    /// None are gathered yet.
    pub(crate) fn new(targets: Targets) -> Self {
        Self {
            gathered: Arc::default(),
            targets,
        }
    }

    /// How many targets are scraped now, those too that others have and this ingester is about to leave; and the rest
    /// as it was gathered last.
    pub(crate) fn load(&self) -> Load {
        Load {
            n_targets: self.targets.n_scraped() as u64,
            ..self.gathered.lock().clone()
        }
    }

    /// Gathers them again and again until `stop`.
    pub(crate) async fn gather(self, shared: Arc<Shared>, stop: CancellationToken) {
        let mut timer = Timer::new(FIGURES, stop);
        while timer.next().await {
            let db = shared.db.clone();
            let stats = shared.offload().run(move || db.stats()).await;
            let metrics = &shared.metrics;
            metrics.series.set(stats.n_series as i64);
            metrics.active_series.set(stats.n_active_series as i64);
            metrics.groups.set(stats.n_groups as i64);
            let store = &stats.store;
            metrics.file_bytes.set(store.file_bytes as i64);
            metrics
                .write_buffer_bytes
                .set(store.write_buffer_bytes as i64);
            metrics
                .block_cache_bytes
                .set(store.block_cache_bytes as i64);
            shared.gate.counted(stats.n_active_series);
            let targets = shared.targets.all();
            metrics.prometheus.targets(&targets);
            let keys: HashSet<_> = targets.iter().map(|state| state.key).collect();
            shared.gate.sum_up(|key| keys.contains(&key));
            metrics.damaged.set(stats.damaged_total as i64);
            for damage in shared.db.take_damage() {
                warn!(damage, "stored data is broken and left out");
            }
            self.targets.prune();
            let shards = stats.active_series_by_shard.iter();
            let shards = shards.map(|(shard, n_series)| v1::ShardLoad {
                shard: u32::from(shard.0),
                n_series: *n_series,
            });
            *self.gathered.lock() = Load {
                n_series: stats.n_active_series,
                n_targets: 0,
                shards: shards.collect(),
            };
        }
    }
}

/// Ticks until it is told to stop; the next tick comes no sooner than the work after the last has ended.
struct Timer {
    tick: Interval,
    stop: CancellationToken,
}

impl Timer {
    fn new(every: Duration, stop: CancellationToken) -> Self {
        let mut tick = interval(every.max(Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { tick, stop }
    }

    /// Waits for the next tick; false if it is time to stop.
    async fn next(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            _ = self.tick.tick() => true,
        }
    }
}
