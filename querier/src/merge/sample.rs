//! A sample with all that stands beside its number.
use std::{cmp::Ordering, sync::Arc};

use model::{
    Histogram, HistogramSample, Sample, Series, SeriesSlice, StartTime, Timestamp,
    histogram::know_resets,
};

/// A number or a histogram at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Full<'s> {
    /// Of a histogram its sum.
    pub(super) sample: Sample,
    histogram: Option<&'s Arc<Histogram>>,
    start: Option<Timestamp>,
}

impl<'s> Full<'s> {
    /// A number alone.
    pub(super) const fn of(at: Timestamp, value: f64) -> Self {
        Self {
            sample: Sample { at, value },
            histogram: None,
            start: None,
        }
    }

    /// The `i`th sample of `series`, at `at`, of which `values` are the values.
    pub(super) fn of_slice(
        series: &'s SeriesSlice,
        values: &[f64],
        i: usize,
        at: Timestamp,
    ) -> Self {
        Self {
            sample: Sample {
                at,
                value: values[i],
            },
            histogram: series.histograms.get(i),
            start: series.starts.get(i).copied(),
        }
    }

    /// All samples of `series`: the numbers, then the histograms.
    pub(super) fn all(series: &'s Series) -> impl Iterator<Item = Self> {
        let with = |sample: Sample, histogram| {
            let start = series.starts.binary_search_by_key(&sample.at, |s| s.at);
            Self {
                sample,
                histogram,
                start: start.ok().map(|start| series.starts[start].start),
            }
        };
        let numbers = series.samples.iter().map(move |s| with(*s, None));
        let histograms = series.histograms.iter().map(move |h| {
            let (at, value) = (h.at, h.histogram.sum);
            with(Sample { at, value }, Some(&h.histogram))
        });
        numbers.chain(histograms)
    }

    /// Appends it to `series`, whose samples are older.
    pub(super) fn put(self, series: &mut Series) {
        let Sample { at, value } = self.sample;
        match self.histogram {
            None => series.samples.push(Sample { at, value }),
            Some(histogram) => series.histograms.push(HistogramSample {
                at,
                histogram: Arc::clone(histogram),
            }),
        }
        if let Some(start) = self.start {
            series.starts.push(StartTime { at, start });
        }
    }

    /// An order of samples of one instant, for no reason but that it is always the same.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let bits = |full: &Self| (full.sample.value.to_bits(), full.start);
        let rest = || match self == other {
            true => Ordering::Equal,
            false => format!("{:?}", self.histogram).cmp(&format!("{:?}", other.histogram)),
        };
        bits(self).cmp(&bits(other)).then_with(rest)
    }
}

/// Takes all samples out of `series`.
pub(super) fn clear(series: &mut Series) {
    series.samples.clear();
    series.histograms.clear();
    series.starts.clear();
}

/// Says of the histograms of a merged series what is known of resets; what was said of them before they were merged is
/// void.
pub(super) fn settle(series: &mut Series) {
    if !series.histograms.is_empty() {
        know_resets(&mut series.histograms, &series.samples);
    }
}
