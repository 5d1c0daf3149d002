//! The database: what is shared by appending, selecting and maintaining.
mod append;
mod blocks;
mod cut;
mod damage;
mod days;
mod delete;
mod generations;
mod labels;
mod little;
mod load;
mod maintain;
mod marks;
mod merge;
mod names;
mod numbers;
mod pushed;
mod retention;
mod retire;
mod select;
mod stats;
mod verify;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use model::{GroupKey, Millis, TimeRange, Timestamp};
use parking_lot::{Mutex, RwLock};

use crate::{
    dictionary::Dictionary,
    error::TsdbError,
    group::Group,
    index::ActiveIndex,
    keys::{Era, FORMAT_KEY, META},
    pushed::PushedGroup,
    store::{Batch, Store},
};

pub use append::{Appended, Defined};
use damage::Damage;
pub use days::Day;
use delete::Tombstones;
use generations::Generations;
pub use labels::SeriesOf;
pub use maintain::Maintained;
use maintain::Maintenance;
use numbers::Numbers;
pub use pushed::{Pushed, Refusal, Refused, Written};
pub use select::{Select, Take};
use stats::Counters;
pub use stats::Stats;
pub use verify::Verified;

/// The version of everything that this release writes.
const FORMAT: u64 = 2;

/// Rows further ahead of the clock than this are refused: one wrong clock must not move retention.
pub(crate) const MAX_AHEAD: Millis = Millis::from_seconds(3600);
/// A row's own time may differ from its slot by this much.
pub(crate) const MAX_LATE: Millis = Millis::from_seconds(3600);
/// Explicit times may lie this much before their row's slot …
pub(crate) const EXPLICIT_BEFORE: Millis = Millis::from_seconds(3600);
/// … and this much after, as in Prometheus' scrape loop (`maxAheadTime`).
pub(crate) const EXPLICIT_AFTER: Millis = Millis::from_seconds(600);

/// So many low bits of a batch's sequence number count within one run; those above are the run's own number: the first
/// that it may give to a dictionary, which is above all of the runs before.
const SEQUENCE_BITS: u32 = 31;

/// What an operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long data is kept, counted back from the newest sample; none keeps it for ever.
    pub retention: Option<Millis>,
    /// How many bytes are kept at most, about; none sets no limit.
    pub retention_bytes: Option<u64>,
    /// How many rows of a group make a segment; above zero.
    pub rows_per_segment: usize,
    /// How far behind the newest of all samples a pushed sample may lie that is older than others of its series;
    /// zero or less takes none. See [`Tsdb::set_out_of_order_window`].
    pub out_of_order_window: Millis,
}

impl Default for Options {
    /// Fifteen days, as Prometheus.
    fn default() -> Self {
        Self {
            retention: Some(Millis::from_seconds(15 * 86_400)),
            retention_bytes: None,
            rows_per_segment: 32,
            out_of_order_window: Millis::ZERO,
        }
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// For how long, counted back from the newest sample; none: for ever.
    pub time: Option<Millis>,
    /// How many bytes at most, about; none: any number.
    pub bytes: Option<u64>,
}

/// A database over a [`Store`]. Clones are the same database; all calls may come from any thread.
#[derive(Clone, Debug)]
pub struct Tsdb {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    options: Options,
    retention: RwLock<Retention>,
    groups: RwLock<HashMap<GroupKey, Arc<Mutex<Group>>>>,
    pushed_groups: RwLock<HashMap<GroupKey, Arc<Mutex<PushedGroup>>>>,
    index: RwLock<ActiveIndex>,
    generations: Mutex<Generations>,
    /// The numbers of dictionaries.
    numbers: Mutex<Numbers>,
    /// Below all sequence numbers of this run, and above those of the runs before.
    first_sequence: u64,
    /// The groups that have rows enough for a segment.
    due: Mutex<Vec<GroupKey>>,
    /// The families known to exist.
    families: Mutex<BTreeSet<String>>,
    /// The latest `now` that was told.
    clock: AtomicI64,
    out_of_order_window: AtomicI64,
    /// The earliest and latest instant of any stored row; `min > max` if there is none.
    min_time: AtomicI64,
    max_time: AtomicI64,
    /// No row that is in memory or in segments has an earlier slot.
    active_since: AtomicI64,
    counters: Counters,
    damage: Damage,
    tombstones: Tombstones,
    /// Held by the one call that maintains.
    maintenance: Mutex<Maintenance>,
}

impl Tsdb {
    /// Opens the database in `store` at the instant `now`: loads the rows that no segment holds, and re-encodes nothing.
    ///
    /// # Errors
    /// [`TsdbError::NewerFormat`] if a later release wrote it; what the store says.
    pub fn open(
        store: Arc<dyn Store>,
        options: Options,
        now: Timestamp,
    ) -> Result<Self, TsdbError> {
        check_format(&*store)?;
        let (tombstones, broken) = Tombstones::load(&*store)?;
        let numbers = Numbers::load(&*store)?;
        let first_sequence = u64::from(numbers.next().0) << SEQUENCE_BITS;
        let inner = Inner {
            families: Mutex::new(store.families()?.into_iter().collect()),
            numbers: Mutex::new(numbers),
            first_sequence,
            store,
            retention: RwLock::new(Retention {
                time: options.retention,
                bytes: options.retention_bytes,
            }),
            options,
            groups: RwLock::default(),
            pushed_groups: RwLock::default(),
            index: RwLock::default(),
            generations: Mutex::new(Generations::new(now)),
            due: Mutex::default(),
            clock: AtomicI64::new(now.as_millis()),
            out_of_order_window: AtomicI64::new(options.out_of_order_window.as_millis()),
            min_time: AtomicI64::new(i64::MAX),
            max_time: AtomicI64::new(i64::MIN),
            active_since: AtomicI64::new(i64::MAX),
            counters: Counters::default(),
            damage: Damage::default(),
            tombstones,
            maintenance: Mutex::default(),
        };
        broken.into_iter().for_each(|error| inner.damage(error));
        load::load(&inner)?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Sets how far behind the newest of all samples a pushed sample may lie that is older than others of its series.
    pub fn set_out_of_order_window(&self, window: Millis) {
        let window = window.as_millis();
        self.inner
            .out_of_order_window
            .store(window, Ordering::Relaxed);
    }

    /// Sets how much is kept, in place of what the options said; [`Tsdb::maintain`] drops the rest.
    pub fn set_retention(&self, retention: Retention) {
        *self.inner.retention.write() = retention;
    }

    /// How much is kept.
    pub fn retention(&self) -> Retention {
        *self.inner.retention.read()
    }

    /// Makes every row appended so far survive a crash of the machine; without it a row survives that of the process alone.
    ///
    /// # Errors
    /// What the store says; nothing is then known of the rows since the last call.
    pub fn sync(&self) -> Result<(), TsdbError> {
        Ok(self.inner.store.sync()?)
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::Relaxed))
    }

    fn out_of_order_window(&self) -> Millis {
        Millis::new(self.out_of_order_window.load(Ordering::Relaxed))
    }

    /// Makes `name` exist.
    fn ensure_family(&self, name: &str) -> Result<(), TsdbError> {
        let mut families = self.families.lock();
        if !families.contains(name) {
            self.store.create_family(name)?;
            families.insert(name.to_owned());
        }
        Ok(())
    }

    /// Writes `batch`, whose families are made first.
    fn write(&self, batch: Batch) -> Result<(), TsdbError> {
        let families: BTreeSet<&str> = batch.changes().map(|(family, _)| family).collect();
        for family in families {
            self.ensure_family(family)?;
        }
        Ok(self.store.write(batch)?)
    }

    /// Forgets `name` with all it holds.
    fn drop_family(&self, name: &str) -> Result<(), TsdbError> {
        let mut families = self.families.lock();
        self.store.drop_family(name)?;
        families.remove(name);
        Ok(())
    }

    /// The spans of `era` that have a family, ascending.
    fn spans(&self, era: Era) -> Vec<i64> {
        era.numbers(self.families.lock().iter())
    }

    /// The spans of `era` whose rows may have samples in `range`.
    fn spans_in(&self, era: Era, range: TimeRange) -> Vec<i64> {
        let (first, last) = (range.start() - MAX_AHEAD, range.end() + EXPLICIT_BEFORE);
        let (first, last) = (era.of(first), era.of(last));
        let mut spans = self.spans(era);
        spans.retain(|span| (first..=last).contains(span));
        spans
    }

    /// The group of `key`, if it is in memory.
    fn group(&self, key: GroupKey) -> Option<Arc<Mutex<Group>>> {
        self.groups.read().get(&key).cloned()
    }

    /// The group of `key`, made if it is not in memory.
    fn group_or_new(&self, key: GroupKey) -> Arc<Mutex<Group>> {
        if let Some(group) = self.group(key) {
            return group;
        }
        let new = || {
            let number = self.numbers.lock().take();
            Arc::new(Mutex::new(Group::new(
                key,
                number,
                self.options.rows_per_segment,
            )))
        };
        self.groups.write().entry(key).or_insert_with(new).clone()
    }

    /// The pushed group of `key`, if it is in memory.
    fn pushed_group(&self, key: GroupKey) -> Option<Arc<Mutex<PushedGroup>>> {
        self.pushed_groups.read().get(&key).cloned()
    }

    /// Shows `look` those dictionaries of a group that are in memory.
    fn dictionaries(&self, key: GroupKey, mut look: impl FnMut(&Dictionary)) {
        if key.is_pushed() {
            if let Some(group) = self.pushed_group(key) {
                let group = group.lock();
                group.pages.iter().for_each(|page| look(&page.dictionary));
            }
        } else if let Some(group) = self.group(key) {
            group.lock().dictionaries.iter().for_each(look);
        }
    }

    /// Widens the span of stored time.
    fn saw(&self, at: Timestamp) {
        self.min_time.fetch_min(at.as_millis(), Ordering::Relaxed);
        self.max_time.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    /// Notes that a row with this slot is in memory or in a segment.
    fn is_active_at(&self, slot: Timestamp) {
        self.active_since
            .fetch_min(slot.as_millis(), Ordering::Relaxed);
    }

    /// True if what is not in blocks yet may have data in `range`.
    fn is_active(&self, range: TimeRange) -> bool {
        let since = self.active_since.load(Ordering::Relaxed);
        since != i64::MAX && Timestamp::from_millis(since) - MAX_LATE <= range.end()
    }

    /// The earliest instant that retention keeps.
    fn oldest_kept(&self) -> Timestamp {
        let newest = self.max_time.load(Ordering::Relaxed);
        match self.retention.read().time {
            Some(retention) if newest != i64::MIN => Timestamp::from_millis(newest) - retention,
            _ => Timestamp::MIN,
        }
    }
}

fn check_format(store: &dyn Store) -> Result<(), TsdbError> {
    store.create_family(META)?;
    let Some(found) = store.get(META, FORMAT_KEY)? else {
        let mut batch = Batch::new();
        batch.put(META, FORMAT_KEY, FORMAT.to_string());
        return Ok(store.write_synced(batch)?);
    };
    let found = str::from_utf8(&found).ok().and_then(|v| v.parse().ok());
    match found.unwrap_or(u64::MAX) {
        FORMAT => Ok(()),
        found => Err(TsdbError::NewerFormat {
            found,
            known: FORMAT,
        }),
    }
}

#[cfg(test)]
mod tests;
