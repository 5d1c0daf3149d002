//! Appending pushed samples: one durable record a batch and page, and a copy in the head.
//!
//! What is taken, of one series:
//!
//! ```text
//!            retention's start        newest - window          newest of the series         now + 1 h
//! ───────────────┼──────────────────────────┼────────────────────────────┼──────────────────────┼──────────>
//!  out of bounds │ too old, or, without a   │ out of order: taken        │ taken                │ out of bounds
//!                │ window, out of order     │                            │                      │
//! ```
//!
//! The newest of a series is known while its page is in memory; a series that was not heard of for hours may begin
//! anew anywhere within retention, as one that was never heard of. [`Tsdb::backfill`] takes samples at any time within
//! retention. A sample whose series has a value at its time already changes nothing: it is known if the value is the
//! same, and refused if it is another. Where that cannot be told at once, since the first is in a segment already, both are
//! stored, and the one that came first is read.
mod cut;
mod load;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use model::{
    GroupKey, Histogram, HistogramSample, Labels, ResetHint, Sample, Stamp, StartTime, TimeRange,
    Timestamp, histogram::hint_after,
};
use parking_lot::{Mutex, MutexGuard};

use super::{Inner, MAX_AHEAD, Tsdb, names::Names, select::Wanted};
use crate::{
    codec::histograms::fits,
    dictionary::StoreMark,
    error::TsdbError,
    keys::{DATA, Era, Key},
    pushed::{Page, Point, PushedGroup, PushedPlace, record},
    store::Batch,
    table::Table,
};

pub(super) use load::FoundPushed;

/// Samples of one series, as they were pushed.
#[derive(Clone, Copy, Debug)]
pub struct Pushed<'a> {
    /// The series.
    pub labels: &'a Labels,
    /// In any order; of two at one time the earlier in the slice comes first.
    pub samples: &'a [Sample],
    /// The same; one comes after a sample at its time. [`ResetHint::NotReset`] is not believed but found out.
    pub histograms: &'a [HistogramSample],
    /// Since when samples and histograms count, ascending by their times.
    pub starts: &'a [StartTime],
}

/// What became of pushed samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// How many were stored.
    pub n_stored: u64,
    /// How many were there already, with the same value.
    pub n_known: u64,
    /// Those that were not taken, series by series within their groups.
    pub refused: Vec<Refusal>,
}

/// A sample that was not taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal {
    /// The index of its series among those that were pushed.
    pub series: usize,
    /// The sample; of a histogram its time and sum.
    pub sample: Sample,
    /// Why.
    pub reason: Refused,
}

/// Why a pushed sample was not taken, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refused {
    /// It is older than what retention keeps, or too far ahead of the clock.
    #[error("out of bounds")]
    OutOfBounds,
    /// Its series has a newer one, and out-of-order samples are not taken.
    #[error("out of order sample")]
    OutOfOrder,
    /// Its series has a newer one, and it is older than the window for such samples.
    #[error("too old sample")]
    TooOld,
    /// Its series has another value at that time.
    #[error("duplicate sample for timestamp")]
    Duplicate,
    /// It is a histogram of more buckets than are taken.
    #[error("histogram bucket limit exceeded")]
    TooManyBuckets,
}

impl Refused {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::OutOfBounds,
        Self::OutOfOrder,
        Self::TooOld,
        Self::Duplicate,
        Self::TooManyBuckets,
    ];
}

impl<'a> Pushed<'a> {
    /// Numbers alone.
    pub const fn of_samples(labels: &'a Labels, samples: &'a [Sample]) -> Self {
        Self {
            labels,
            samples,
            histograms: &[],
            starts: &[],
        }
    }

    /// The samples, of a histogram its sum.
    fn numbers(&self) -> impl Iterator<Item = Sample> {
        let histograms = self.histograms.iter().map(|sample| Sample {
            at: sample.at,
            value: sample.histogram.sum,
        });
        self.samples.iter().copied().chain(histograms)
    }

    /// What they are in the place `ordinal` of a page.
    fn points(&self, ordinal: u16) -> impl Iterator<Item = Point> {
        let numbers = self.samples.iter().map(|_| None);
        let histograms = self.histograms.iter().map(|h| Some(&h.histogram));
        let point = move |(sample, histogram): (Sample, Option<&Arc<Histogram>>)| {
            let start = self.starts.binary_search_by_key(&sample.at, |s| s.at);
            Point {
                at: sample.at,
                ordinal,
                value: sample.value,
                histogram: histogram.map(|histogram| match histogram.reset_hint {
                    ResetHint::NotReset => Arc::clone(histogram).with_hint(ResetHint::Unknown),
                    _ => Arc::clone(histogram),
                }),
                start: start.ok().map(|start| self.starts[start].start),
            }
        };
        self.numbers().zip(numbers.chain(histograms)).map(point)
    }
}

impl Bounds {
    fn contain(&self, at: Timestamp) -> bool {
        self.oldest <= at && at <= self.latest
    }
}

impl Tsdb {
    /// Appends samples of pushed series, whose groups and dictionaries are made as they come, in one write.
    /// `stamp` gives for a group who orders its samples.
    ///
    /// # Errors
    /// What the store says, and then nothing is held; what is wrong with single samples stands in [`Written::refused`].
    pub fn append_pushed(
        &self,
        series: &[Pushed<'_>],
        stamp: &dyn Fn(GroupKey) -> Stamp,
    ) -> Result<Written, TsdbError> {
        self.inner.push(series, stamp, false)
    }

    /// True if memory holds the pushed series.
    pub fn is_pushed_known(&self, labels: &Labels) -> bool {
        let group = self.inner.pushed_group(GroupKey::of_pushed(labels));
        group.is_some_and(|group| group.lock().has(labels))
    }

    /// Appends samples of pushed series at any time that retention keeps, also before others of their series.
    ///
    /// # Errors
    /// As [`Tsdb::append_pushed`].
    pub fn backfill(
        &self,
        series: &[Pushed<'_>],
        stamp: &dyn Fn(GroupKey) -> Stamp,
    ) -> Result<Written, TsdbError> {
        self.inner.push(series, stamp, true)
    }
}

/// The times at which samples are taken.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    oldest: Timestamp,
    latest: Timestamp,
    /// Samples behind the newest of their series are taken from here on.
    out_of_order_since: Timestamp,
    /// What those before it are refused with.
    behind: Refused,
}

/// What a sample is to its page.
enum Verdict {
    New,
    Known,
    Refused(Refused),
}

/// What a batch brings to one page.
#[derive(Default)]
struct PageWork {
    points: Vec<Point>,
    /// True if a point is a histogram.
    has_histograms: bool,
    /// What the newest samples were, to be undone from the last.
    before: Vec<(u16, Option<Sample>)>,
}

/// What a batch brings to one group.
struct GroupWork<'g> {
    group: MutexGuard<'g, PushedGroup>,
    stamp: Stamp,
    /// By the index of the page.
    pages: BTreeMap<usize, PageWork>,
}

impl Inner {
    fn push(
        &self,
        series: &[Pushed<'_>],
        stamp: &dyn Fn(GroupKey) -> Stamp,
        anywhere: bool,
    ) -> Result<Written, TsdbError> {
        self.numbers.lock().reserve(&*self.store)?;
        let bounds = self.bounds(anywhere);
        let mut written = Written::default();
        let mut by_group: Vec<(GroupKey, usize)> = Vec::with_capacity(series.len());
        for (i, pushed) in series.iter().enumerate() {
            match pushed.numbers().any(|s| bounds.contain(s.at)) {
                true => by_group.push((GroupKey::of_pushed(pushed.labels), i)),
                // Not even a place is given to such a series.
                false => written.refused.extend(pushed.numbers().map(|s| Refusal {
                    series: i,
                    sample: s,
                    reason: Refused::OutOfBounds,
                })),
            }
        }
        by_group.sort_unstable();
        let parts: Vec<_> = by_group.chunk_by(|a, b| a.0 == b.0).collect();
        loop {
            let held = parts.iter().map(|part| self.pushed_group_or_new(part[0].0));
            let held: Vec<_> = held.collect();
            // All locks are taken in the order of keys, so that two batches cannot wait for each other.
            let guards: Vec<_> = held.iter().map(|group| group.lock()).collect();
            // A group that was let go between the look-up and the lock is looked up again.
            if guards.iter().any(|group| group.evicted) {
                continue;
            }
            let mut work = Vec::with_capacity(guards.len());
            for (group, part) in guards.into_iter().zip(&parts) {
                let stamp = stamp(group.key);
                let pages = BTreeMap::new();
                let mut one = GroupWork {
                    group,
                    stamp,
                    pages,
                };
                for (_, i) in *part {
                    self.judge(&mut one, *i, &series[*i], &bounds, &mut written);
                }
                work.push(one);
            }
            self.write_pushed(&mut work)?;
            self.count(&written);
            return Ok(written);
        }
    }

    fn bounds(&self, anywhere: bool) -> Bounds {
        let newest = Timestamp::from_millis(self.max_time.load(Relaxed));
        let window = self.out_of_order_window();
        Bounds {
            oldest: self.oldest_kept(),
            latest: self.now() + MAX_AHEAD,
            out_of_order_since: match (anywhere, window.as_millis()) {
                (true, _) => Timestamp::MIN,
                (false, ..=0) => Timestamp::MAX,
                (false, _) => newest - window,
            },
            behind: match window.as_millis() {
                ..=0 => Refused::OutOfOrder,
                _ => Refused::TooOld,
            },
        }
    }

    fn pushed_group_or_new(&self, key: GroupKey) -> Arc<Mutex<PushedGroup>> {
        if let Some(group) = self.pushed_group(key) {
            return group;
        }
        let new = || Arc::new(Mutex::new(PushedGroup::new(key, self.first_sequence)));
        let mut groups = self.pushed_groups.write();
        groups.entry(key).or_insert_with(new).clone()
    }

    /// Judges the samples of one series, which get their places, and notes those that are new.
    fn judge(
        &self,
        work: &mut GroupWork<'_>,
        i: usize,
        pushed: &Pushed<'_>,
        bounds: &Bounds,
        written: &mut Written,
    ) {
        let place = match work.group.find(pushed.labels) {
            Some(place) => place,
            None => self.define_pushed(&mut work.group, pushed.labels),
        };
        let page = &mut work.group.pages[place.page as usize];
        let noted = work.pages.entry(place.page as usize).or_default();
        let mut judge = |mut point: Point| {
            let (at, value) = (point.at, point.value);
            let sample = Sample { at, value };
            match verdict(page, &point, noted, bounds) {
                Verdict::New => {
                    point.histogram = (point.histogram)
                        .map(|histogram| hinted(histogram, page, place.ordinal, at, noted));
                    noted.has_histograms |= point.histogram.is_some();
                    noted.points.push(point);
                    let newest = page.newest(place.ordinal);
                    if newest.is_none_or(|newest| newest.at < at) {
                        page.set_newest(place.ordinal, Some(sample));
                        noted.before.push((place.ordinal, newest));
                    }
                    written.n_stored += 1;
                }
                Verdict::Known => written.n_known += 1,
                Verdict::Refused(reason) => written.refused.push(Refusal {
                    series: i,
                    sample,
                    reason,
                }),
            }
        };
        let points = pushed.points(place.ordinal);
        if pushed.samples.is_empty() || pushed.histograms.is_empty() {
            points.for_each(judge);
        } else {
            // Neither kind is late for the other's sake.
            let mut points: Vec<Point> = points.collect();
            points.sort_by_key(|point| point.at);
            points.into_iter().for_each(&mut judge);
        }
    }

    fn define_pushed(&self, group: &mut PushedGroup, labels: &Labels) -> PushedPlace {
        self.tombstones.define(|may_have| {
            let key = group.key;
            let last = group.open_page().map(|page| page.dictionary.number);
            if !last.is_some_and(|number| may_have(labels, key, number)) {
                let number = self.numbers.lock().take();
                group.add_page(number, self.options.rows_per_segment);
            }
            let place = group.define(labels);
            let dictionary = &mut group.pages[place.page as usize].dictionary;
            self.index.write().add(key, dictionary);
            place
        })
    }

    /// Writes what was noted in one batch, and then holds it; if it cannot be written, nothing has happened.
    fn write_pushed(&self, work: &mut [GroupWork<'_>]) -> Result<(), TsdbError> {
        let records = work.iter().flat_map(|one| one.pages.values());
        let n_records = records.filter(|page| !page.points.is_empty()).count();
        if n_records == 0 {
            return Ok(());
        }
        let generation = self.generations.lock().enter(n_records);
        let family = Era::Rows.family(generation);
        let mut batch = Batch::new();
        let mut marks: Vec<(usize, usize, StoreMark)> = Vec::new();
        for (w, one) in work.iter_mut().enumerate() {
            let (group, stamp) = (&*one.group, one.stamp);
            for (p, noted) in &mut one.pages {
                let (points, page) = (&mut noted.points, &group.pages[*p]);
                if points.is_empty() {
                    continue;
                }
                points.sort_unstable_by_key(|point| (point.at, point.ordinal));
                let dictionary = &page.dictionary;
                let key = Key::tag(DATA)
                    .group(group.key)
                    .u64(group.sequence + 1)
                    .dictionary(dictionary.number)
                    .bytes();
                let value = record::encode(&stamp, dictionary.len(), points);
                batch.put(&family, key, value);
                let mut days = page.days();
                days.extend(points.iter().map(|point| Era::Series.of(point.at)));
                for day in days.into_iter().filter(|day| !dictionary.is_stored(*day)) {
                    marks.push((w, *p, dictionary.store(group.key, day, &mut batch)));
                }
            }
        }
        if let Err(error) = self.write(batch) {
            self.generations.lock().leave(generation, n_records);
            work.iter_mut().for_each(GroupWork::undo);
            return Err(error);
        }
        for (w, p, mark) in marks {
            work[w].group.pages[p].dictionary.mark_stored(mark);
        }
        for one in work {
            self.hold_pushed(one, generation);
        }
        Ok(())
    }

    /// Takes what is written into the head.
    fn hold_pushed(&self, work: &mut GroupWork<'_>, generation: i64) {
        let GroupWork {
            group,
            stamp,
            pages,
        } = work;
        let (mut is_due, mut is_large) = (false, false);
        for (p, noted) in pages.iter().filter(|(_, noted)| !noted.points.is_empty()) {
            let (page, points) = (&mut group.pages[*p], &noted.points);
            let was_due = page.is_due();
            page.held.extend(points, *stamp);
            *page.records.entry(generation).or_default() += 1;
            is_due |= page.is_due() && !was_due;
            is_large |= page.held.is_large();
            self.saw(points[0].at);
            self.saw(points[points.len() - 1].at);
            self.is_active_at(points[0].at);
            let n_rows = points.chunk_by(|a, b| a.at == b.at).count();
            self.counters.rows.fetch_add(n_rows as u64, Relaxed);
        }
        group.sequence += 1;
        // Who sends faster than the timer runs cuts for himself, unless maintenance is under way: nothing may be cut
        // into what is being merged. What fails is tried again by the timer.
        if is_large && let Some(_held) = self.maintenance.try_lock() {
            is_due |= self.cut_pushed(group, Page::is_due).is_err();
        }
        if is_due {
            self.due.lock().push(group.key);
        }
    }

    fn count(&self, written: &Written) {
        let counters = &self.counters;
        counters.samples.fetch_add(written.n_stored, Relaxed);
        counters.known.fetch_add(written.n_known, Relaxed);
        for refusal in &written.refused {
            counters.refused_by(refusal.reason).fetch_add(1, Relaxed);
        }
    }

    /// Adds what the head has of a pushed group, and its dictionaries in memory.
    pub(super) fn read_pushed_head(
        &self,
        group: GroupKey,
        wanted: &Wanted,
        range: TimeRange,
        tables: &mut Vec<Table>,
        names: &mut Names,
    ) {
        let Some(group) = self.pushed_group(group) else {
            return;
        };
        let group = group.lock();
        for page in &group.pages {
            let number = page.dictionary.number;
            if let Some(ordinals) = wanted.get(&number) {
                names.insert(&page.dictionary, ordinals);
                // A page has fewer places than that.
                let ordinals = ordinals.iter().filter_map(|o| u16::try_from(o).ok());
                tables.extend(page.held.tables(number, range, ordinals, |_| 0));
            }
        }
    }
}

impl GroupWork<'_> {
    /// Puts the newest samples back to what they were.
    fn undo(&mut self) {
        for (p, noted) in &mut self.pages {
            for (ordinal, newest) in noted.before.drain(..).rev() {
                self.group.pages[*p].set_newest(ordinal, newest);
            }
        }
    }
}

/// What a sample is to a page that holds `noted` besides.
fn verdict(page: &Page, point: &Point, noted: &PageWork, bounds: &Bounds) -> Verdict {
    if !bounds.contain(point.at) {
        return Verdict::Refused(Refused::OutOfBounds);
    }
    if point.histogram.as_ref().is_some_and(|h| !fits(h)) {
        return Verdict::Refused(Refused::TooManyBuckets);
    }
    let newest = page.newest(point.ordinal);
    let Some(newest) = newest.filter(|newest| point.at <= newest.at) else {
        return Verdict::New;
    };
    let is_newest = point.at == newest.at;
    let noted_here = || {
        let is_it = |p: &&Point| p.ordinal == point.ordinal && p.at == point.at;
        let found = noted.points.iter().find(is_it)?;
        Some(is_same(point, found.value, found.histogram.as_deref()))
    };
    let held = || {
        let (value, histogram) = page.held.find(point.ordinal, point.at)?;
        Some(is_same(point, value, histogram))
    };
    // Of what is in segments already only the newest value is known: of a histogram the sum.
    let by_value = || is_newest.then(|| newest.value.to_bits() == point.value.to_bits());
    let any_histogram =
        point.histogram.is_some() || noted.has_histograms || page.held.has_histograms();
    let is_same = match is_newest && !any_histogram {
        true => by_value(),
        false => noted_here().or_else(held).or_else(by_value),
    };
    match is_same {
        Some(true) => Verdict::Known,
        Some(false) => Verdict::Refused(Refused::Duplicate),
        None if point.at >= bounds.out_of_order_since => Verdict::New,
        None => Verdict::Refused(bounds.behind),
    }
}

/// `histogram`, which is that of `point`, with what is known of it and the sample before it.
fn hinted(
    histogram: Arc<Histogram>,
    page: &Page,
    ordinal: u16,
    at: Timestamp,
    noted: &PageWork,
) -> Arc<Histogram> {
    let newest = page.newest(ordinal).filter(|newest| newest.at < at);
    let Some(newest) = newest.filter(|_| histogram.reset_hint == ResetHint::Unknown) else {
        return histogram;
    };
    let is_it = |p: &&Point| p.ordinal == ordinal && p.at == newest.at;
    let before = match noted.points.iter().rev().find(is_it) {
        Some(point) => point.histogram.as_deref(),
        None => page.held.find(ordinal, newest.at).and_then(|(_, h)| h),
    };
    let hint = before.map_or(ResetHint::Unknown, |before| hint_after(&histogram, before));
    histogram.with_hint(hint)
}

/// True if `point` is the number `value` or, if that is one, the histogram; hints do not count.
fn is_same(point: &Point, value: f64, histogram: Option<&Histogram>) -> bool {
    match (&point.histogram, histogram) {
        (None, None) => point.value.to_bits() == value.to_bits(),
        (Some(point), Some(histogram)) => point.same_data(histogram),
        _ => false,
    }
}
