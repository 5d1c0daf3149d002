//! The samples of one page that no segment holds yet, in the order in which they came.
//!
//! Ten bytes a sample, and sixteen a run: the samples of one batch that share a time; histograms and starts stand beside. Nothing is kept by series or by
//! row, so that an append is a copy whatever the times are; a reader sorts what it needs.
use std::{collections::BTreeSet, sync::Arc};

use model::{Histogram, RowHead, Sparse, Stamp, TimeRange, Timestamp};

use super::PAGE;
use crate::{
    codec::histograms::n_buckets,
    keys::Era,
    row::{DictionaryNo, OWN_TIME, Ordinal},
    table::{Column, Table},
};

/// More runs are cut at once: each may become a row of its own.
pub(crate) const MAX_RUNS: usize = 1 << 15;
/// More samples, or buckets of histograms, are cut at once.
const MANY_SAMPLES: usize = 1 << 18;

/// A sample of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) at: Timestamp,
    pub(crate) ordinal: u16,
    /// Of a histogram its sum.
    pub(crate) value: f64,
    pub(crate) histogram: Option<Arc<Histogram>>,
    /// Since when it counts.
    pub(crate) start: Option<Timestamp>,
}

/// The samples with one time of one batch.
#[derive(Clone, Copy, Debug)]
struct Run {
    at: Timestamp,
    /// The index of its first sample.
    first: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Held {
    runs: Vec<Run>,
    /// Who made the runs from an index on.
    stamps: Vec<(u32, Stamp)>,
    ordinals: Vec<u16>,
    values: Vec<f64>,
    /// By index into `values`, as are the starts.
    histograms: Sparse<Arc<Histogram>>,
    starts: Sparse<Timestamp>,
    /// How many buckets the histograms have.
    n_buckets: usize,
    /// The places that have a sample, one bit each.
    present: Vec<u64>,
    n_series: usize,
    oldest: Option<Timestamp>,
    days: BTreeSet<i64>,
}

impl Held {
    /// How many samples.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many series have a sample.
    pub(crate) fn n_series(&self) -> usize {
        self.n_series
    }

    /// How many rows there are, or somewhat more.
    pub(crate) fn n_rows(&self) -> usize {
        self.runs.len()
    }

    /// True if it must not grow much further.
    pub(crate) fn is_large(&self) -> bool {
        self.runs.len() >= MAX_RUNS || self.values.len() + self.n_buckets >= MANY_SAMPLES
    }

    /// The earliest time of a sample.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// The days of the samples.
    pub(crate) fn days(&self) -> impl Iterator<Item = i64> {
        self.days.iter().copied()
    }

    /// Appends what one batch brought, ascending by time.
    pub(crate) fn extend(&mut self, points: &[Point], stamp: Stamp) {
        if self.stamps.last().is_none_or(|(_, last)| *last != stamp) {
            self.stamps.push((self.runs.len() as u32, stamp));
        }
        reserve(&mut self.ordinals, points.len());
        reserve(&mut self.values, points.len());
        for run in points.chunk_by(|a, b| a.at == b.at) {
            let (at, first) = (run[0].at, self.values.len() as u32);
            self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
            self.days.insert(Era::Series.of(at));
            self.runs.push(Run { at, first });
            for (place, point) in (first..).zip(run) {
                if let Some(histogram) = &point.histogram {
                    self.n_buckets += n_buckets(histogram);
                    self.histograms.push(place, Arc::clone(histogram));
                }
                if let Some(start) = point.start {
                    self.starts.push(place, start);
                }
            }
            self.ordinals.extend(run.iter().map(|point| point.ordinal));
            self.values.extend(run.iter().map(|point| point.value));
        }
        self.present.resize(PAGE / 64, 0);
        for point in points {
            let (word, bit) = (point.ordinal as usize / 64, 1 << (point.ordinal % 64));
            if let Some(word) = self.present.get_mut(word) {
                self.n_series += usize::from(*word & bit == 0);
                *word |= bit;
            }
        }
    }

    /// True if a sample is a histogram.
    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// The value of a series at a time, and the histogram if it is one.
    pub(crate) fn find(&self, ordinal: u16, at: Timestamp) -> Option<(f64, Option<&Histogram>)> {
        let (runs, oldest) = (0..self.runs.len(), self.oldest?);
        let mut runs = runs.filter(|i| at >= oldest && self.runs[*i].at == at);
        runs.find_map(|i| {
            let samples = self.samples(i);
            let found = self.ordinals[samples.clone()]
                .iter()
                .position(|o| *o == ordinal)?;
            let place = samples.start + found;
            let histogram = self.histograms.get(place).map(|h| &**h);
            Some((self.values[place], histogram))
        })
    }

    fn samples(&self, run: usize) -> std::ops::Range<usize> {
        let end = self.runs.get(run + 1).map(|next| next.first as usize);
        self.runs[run].first as usize..end.unwrap_or(self.values.len())
    }

    /// Forgets all samples.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The samples of the series `wanted`, ascending, within `range`, as tables by the dictionary `number`.
    /// A table has a bounded number of rows, all of one `part`.
    pub(crate) fn tables(
        &self,
        number: DictionaryNo,
        range: TimeRange,
        wanted: impl Iterator<Item = u16>,
        part: impl Fn(Timestamp) -> i64,
    ) -> Vec<Table> {
        let at = |run: &u32| self.runs[*run as usize].at;
        let runs = 0..self.runs.len() as u32;
        let mut order: Vec<u32> = runs.filter(|run| range.contains(at(run))).collect();
        order.sort_by_key(at);
        let wanted: Vec<u16> = wanted.collect();
        let mut tables = Vec::new();
        for part in order.chunk_by(|a, b| part(at(a)) == part(at(b))) {
            let mut rows: Vec<&[u32]> = part.chunk_by(|a, b| at(a) == at(b)).collect();
            while !rows.is_empty() {
                let rest = rows.split_off(rows.len().min(MAX_RUNS));
                tables.push(self.table(number, &rows, &wanted));
                rows = rest;
            }
        }
        tables
    }

    /// The table of some rows, each given by its runs, first come first.
    fn table(&self, number: DictionaryNo, rows: &[&[u32]], wanted: &[u16]) -> Table {
        let n_expected = (self.values.len() / self.n_series.max(1) + 1).min(rows.len());
        let column = |ordinal: &u16| Column::with_capacity(Ordinal((*ordinal).into()), n_expected);
        let mut columns: Vec<Column> = wanted.iter().map(column).collect();
        let mut picks = Picks::new(wanted);
        for (row, runs) in (0..).zip(rows) {
            for samples in runs.iter().map(|run| self.samples(*run as usize)) {
                for (place, column) in picks.of(&self.ordinals[samples.clone()]) {
                    let (i, column) = (samples.start + place, &mut columns[*column]);
                    if column.rows.last() == Some(row) {
                        continue;
                    }
                    let n = column.values.len() as u32;
                    column.push(row, self.values[i], OWN_TIME);
                    if let Some(histogram) = self.histograms.get(i) {
                        column.histograms.push(n, Arc::clone(histogram));
                    }
                    if let Some(start) = self.starts.get(i) {
                        column.starts.push(n, *start);
                    }
                }
            }
        }
        columns.retain(|column| !column.rows.is_empty());
        let head = |runs: &&[u32]| RowHead {
            slot: self.runs[runs[0] as usize].at,
            at: self.runs[runs[0] as usize].at,
            stamp: self.stamp(runs[0]),
        };
        Table {
            dictionary: number,
            position: i64::MAX,
            rows: rows.iter().map(head).collect(),
            columns,
        }
    }

    /// Who made a run; the first of all begins with a stamp.
    fn stamp(&self, run: u32) -> Stamp {
        let next = self.stamps.partition_point(|(first, _)| *first <= run);
        self.stamps[next - 1].1
    }
}

/// Which samples of a run are wanted. Run after run mostly has the same series, so that this is found out once.
struct Picks<'h> {
    /// By ordinal the place among those that are wanted, or [`UNWANTED`].
    places: Vec<u16>,
    /// The run that was looked at last.
    last: &'h [u16],
    /// The places in it of what is wanted, and what that is.
    found: Vec<(usize, usize)>,
}

const UNWANTED: u16 = u16::MAX;

impl<'h> Picks<'h> {
    fn new(wanted: &[u16]) -> Self {
        let len = wanted.last().map_or(0, |last| usize::from(*last) + 1);
        let mut places = vec![UNWANTED; len];
        for (place, ordinal) in (0..).zip(wanted) {
            places[usize::from(*ordinal)] = place;
        }
        Self {
            places,
            last: &[],
            found: Vec::new(),
        }
    }

    /// The places of what is wanted in `run`, each with its place among all that is.
    fn of(&mut self, run: &'h [u16]) -> &[(usize, usize)] {
        if self.last != run {
            self.last = run;
            let wanted = |(i, ordinal): (usize, &u16)| {
                let place = self.places.get(usize::from(*ordinal));
                let place = place.filter(|place| **place != UNWANTED);
                place.map(|place| (i, usize::from(*place)))
            };
            self.found.clear();
            self.found.extend(run.iter().enumerate().filter_map(wanted));
        }
        &self.found
    }
}

/// Makes room for `n` more without doubling.
fn reserve<T>(items: &mut Vec<T>, n: usize) {
    if items.capacity() - items.len() < n {
        items.reserve_exact(n.max(items.len() / 4));
    }
}
