//! What time brings: segments are cut, merged into blocks and dropped.
use std::sync::{Arc, atomic::Ordering::Relaxed};

use model::{Millis, Timestamp};
use parking_lot::Mutex;

use super::{Inner, Tsdb};
use crate::{
    error::TsdbError,
    group::Group,
    keys::Era,
    pushed::{Page, PushedGroup},
};

/// Rows that were written so many generations ago are cut whatever their number, so that the generation can be dropped.
const STRAGGLERS: i64 = 4;
/// The segments of two hours are merged so much later, when rows on their way have come.
const MERGE_DELAY: Millis = Millis::from_seconds(15 * 60);

/// More spans of two hours than this are merged as soon as they have ended: a store bears only so many families, and
/// what is backfilled may lie in any number of them.
const MANY_SPANS: usize = 48;

/// What vanished leaves memory so often.
const RETIRE_EVERY: Millis = Millis::from_seconds(5 * 60);

/// What maintenance remembers from call to call.
#[derive(Debug, Default)]
pub(super) struct Maintenance {
    /// The generation in which the slow work was last done.
    done: Option<i64>,
    /// When what vanished last left memory, or when that was first thought of.
    retired: Option<Timestamp>,
}

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
    /// Tells the time, and does what is due by now: cuts at every call; every 5 minutes lets
    /// go of series that vanished; every 15 minutes drops rows that are cut,
    /// merges what is two hours old, and drops what retention does not keep. To be called every few seconds.
    ///
    /// # Errors
    /// What the store says; what was not done is done by a later call.
    pub fn maintain(&self, now: Timestamp) -> Result<Maintained, TsdbError> {
        let inner = &self.inner;
        let mut maintenance = inner.maintenance.lock();
        inner.clock.fetch_max(now.as_millis(), Relaxed);
        inner.numbers.lock().reserve(&*inner.store)?;
        let now = inner.now();
        let generation = {
            let mut generations = inner.generations.lock();
            generations.advance(now);
            generations.current()
        };
        let mut done = Maintained {
            n_segments: inner.cut_due()?,
            ..Maintained::default()
        };
        for day in inner.broken_indexes() {
            inner.remake_index(day)?;
        }
        // After a start there is time for what was there before to come again.
        if *maintenance.retired.get_or_insert(now) + RETIRE_EVERY <= now {
            done.n_segments += inner.retire()?;
            maintenance.retired = Some(now);
        }
        if maintenance.done == Some(generation) {
            if inner.spans(Era::Segments).len() > MANY_SPANS {
                let (n_segments, n_blocks) = inner.merge_due(now)?;
                done.n_segments += n_segments;
                done.n_blocks += n_blocks;
            }
            return Ok(done);
        }
        done.n_segments += inner.cut_stragglers(generation - STRAGGLERS)?;
        done.n_dropped += inner.drop_generations()?;
        let (n_segments, n_blocks) = inner.merge_due(now)?;
        done.n_segments += n_segments;
        done.n_blocks += n_blocks;
        done.n_dropped += inner.retain()?;
        inner.store_time_range()?;
        maintenance.done = Some(generation);
        Ok(done)
    }
}

impl Tsdb {
    /// Does at once what [`Tsdb::maintain`] would do in the next hours, as far as it can be done now: cuts all that is held
    /// and merges every span of two hours that has ended.
    ///
    /// # Errors
    /// What the store says; what was not done is done by a later call.
    pub fn compact(&self, now: Timestamp) -> Result<Maintained, TsdbError> {
        let mut done = self.maintain(now)?;
        let inner = &self.inner;
        let _maintenance = inner.maintenance.lock();
        done.n_segments += inner.cut_all(|group| group.rows.len().checked_sub(1))?;
        done.n_segments += inner.cut_all_pushed(|_| true)?;
        inner.generations.lock().next();
        done.n_dropped += inner.drop_generations()?;
        let (n_segments, n_blocks) = inner.merge_due(inner.now())?;
        done.n_segments += n_segments;
        done.n_blocks += n_blocks;
        inner.store_time_range()?;
        Ok(done)
    }
}

impl Inner {
    pub(super) fn all_groups(&self) -> Vec<Arc<Mutex<Group>>> {
        self.groups.read().values().cloned().collect()
    }

    pub(super) fn all_pushed_groups(&self) -> Vec<Arc<Mutex<PushedGroup>>> {
        self.pushed_groups.read().values().cloned().collect()
    }

    /// Cuts the groups that have enough rows.
    fn cut_due(&self) -> Result<usize, TsdbError> {
        let due = std::mem::take(&mut *self.due.lock());
        let mut n_segments = 0;
        for (i, key) in due.iter().enumerate() {
            if let Some(group) = self.pushed_group(*key) {
                match self.cut_pushed(&mut group.lock(), Page::is_due) {
                    Ok(n) => n_segments += n,
                    Err(error) => {
                        self.due.lock().extend_from_slice(&due[i..]);
                        return Err(error);
                    }
                }
            }
            let Some(group) = self.group(*key) else {
                continue;
            };
            let mut group = group.lock();
            let n_rows = group.rows.len();
            if n_rows >= group.rows_to_cut {
                match self.cut(&mut group, n_rows) {
                    Ok(n) => n_segments += n,
                    Err(error) => {
                        self.due.lock().extend_from_slice(&due[i..]);
                        return Err(error);
                    }
                }
            }
        }
        Ok(n_segments)
    }

    /// Cuts the rows that were written in `generation` or before.
    fn cut_stragglers(&self, generation: i64) -> Result<usize, TsdbError> {
        let n_segments = self.cut_all(|group| {
            let mut rows = group.rows.iter();
            rows.rposition(|row| row.generation <= generation)
        })?;
        let is_old = |page: &Page| page.records.keys().next().is_some_and(|g| *g <= generation);
        Ok(n_segments + self.cut_all_pushed(is_old)?)
    }

    /// Cuts each group up to the row that `last` gives.
    pub(super) fn cut_all(
        &self,
        last: impl Fn(&Group) -> Option<usize>,
    ) -> Result<usize, TsdbError> {
        let mut n_segments = 0;
        for group in self.all_groups() {
            let mut group = group.lock();
            if let Some(last) = last(&group) {
                n_segments += self.cut(&mut group, last + 1)?;
            }
        }
        Ok(n_segments)
    }

    /// Cuts the pages of pushed groups that `wants` takes.
    fn cut_all_pushed(&self, wants: impl Fn(&Page) -> bool) -> Result<usize, TsdbError> {
        let mut n_segments = 0;
        for group in self.all_pushed_groups() {
            n_segments += self.cut_pushed(&mut group.lock(), &wants)?;
        }
        Ok(n_segments)
    }

    /// Drops the generations whose rows are all cut. Their segments must be durable first.
    fn drop_generations(&self) -> Result<usize, TsdbError> {
        let done = self.generations.lock().done();
        if !done.is_empty() {
            self.store.sync()?;
        }
        for generation in &done {
            self.drop_family(&Era::Rows.family(*generation))?;
            self.generations.lock().dropped(*generation);
        }
        Ok(done.len())
    }

    /// Merges the spans of two hours that ended a while ago. Returns the numbers of segments cut for it and of blocks.
    fn merge_due(&self, now: Timestamp) -> Result<(usize, usize), TsdbError> {
        let ended = |period| Era::Segments.start(period + 1) + MERGE_DELAY <= now;
        let last = |group: &Group| {
            let mut rows = group.rows.iter();
            rows.rposition(|row| ended(Era::Segments.of(row.head.slot)))
        };
        let has_ended = |page: &Page| {
            let oldest = page.held.oldest();
            oldest.is_some_and(|at| ended(Era::Segments.of(at)))
        };
        let n_segments = self.cut_all(last)? + self.cut_all_pushed(has_ended)?;
        let mut n_blocks = 0;
        for period in self.spans(Era::Segments).into_iter().filter(|p| ended(*p)) {
            // Blocks come beside the log: what they rest on, dictionaries above all, must be durable before them.
            self.store.sync()?;
            n_blocks += self.merge(period)?;
        }
        if n_blocks > 0 {
            self.find_active_since();
        }
        Ok((n_segments, n_blocks))
    }

    /// Finds anew since when there are rows that are not in blocks.
    fn find_active_since(&self) {
        let first = || {
            let groups = self.all_groups().into_iter();
            let held = groups.filter_map(|group| Some(group.lock().rows.first()?.head.slot));
            let pushed = self.all_pushed_groups().into_iter();
            let pushed = pushed.filter_map(|group| {
                let group = group.lock();
                group.pages.iter().filter_map(|p| p.held.oldest()).min()
            });
            let segments = self.spans(Era::Segments).into_iter();
            let cut = segments.map(|period| Era::Segments.start(period));
            held.chain(pushed)
                .chain(cut)
                .min()
                .unwrap_or(Timestamp::MAX)
        };
        self.active_since.store(first().as_millis(), Relaxed);
        // What was appended since the first look is not missed by the second.
        self.is_active_at(first());
    }
}
