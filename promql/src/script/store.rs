//! What a script has loaded.
use std::collections::BTreeMap;

use model::{
    BUCKET_LABEL, HistogramSample, Labels, METRIC_NAME, Matcher, ResetHint, Sample, StartTime,
    Timestamp,
    histogram::{ClassicHistogram, know_resets},
};

use super::{Load, LoadedSeries, SeriesValue};

/// The series that were loaded, by labels.
#[derive(Clone, Debug, Default)]
pub struct Store {
    series: BTreeMap<Labels, StoredSeries>,
}

/// One loaded series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredSeries {
    /// Oldest first, no two at one instant.
    pub samples: Vec<Sample>,
    /// Oldest first, no two at one instant, none at that of a sample.
    pub histograms: Vec<HistogramSample>,
    /// Where counting began, for those samples and histograms of which it was said; oldest first.
    pub starts: Vec<StartTime>,
}

impl Store {
    /// All series, sorted by labels.
    pub fn iter(&self) -> impl Iterator<Item = (&Labels, &StoredSeries)> {
        self.series.iter()
    }

    /// The series on which all of `matchers` pass, sorted by labels.
    pub fn select<'a>(
        &'a self,
        matchers: &'a [Matcher],
    ) -> impl Iterator<Item = (&'a Labels, &'a StoredSeries)> {
        self.iter()
            .filter(|(labels, _)| Matcher::all_match(matchers, labels))
    }

    /// Adds the samples of `load`; of two samples of a series at one instant the first stays. Of two lines for one
    /// series the last counts.
    pub(super) fn load(&mut self, load: &Load) -> Result<(), String> {
        let mut last: BTreeMap<&Labels, &LoadedSeries> = BTreeMap::new();
        last.extend(load.series.iter().map(|loaded| (&loaded.labels, loaded)));
        let at = |i: usize| Timestamp::from_millis(load.step.as_millis() * i as i64);
        for loaded in last.values() {
            let stored = self.series.entry(loaded.labels.clone()).or_default();
            for (i, value) in loaded.values.iter().enumerate() {
                stored.push(at(i), value);
            }
            for (i, offset) in loaded.starts.iter().enumerate() {
                if let Some(offset) = offset {
                    let start = at(i).as_millis() + offset.as_millis();
                    stored.starts.push(StartTime {
                        at: at(i),
                        start: Timestamp::from_millis(start),
                    });
                }
            }
            stored.settle();
        }
        if load.with_custom_buckets {
            for (labels, histograms) in native_histograms(&last, at)? {
                let stored = self.series.entry(labels).or_default();
                stored.histograms.extend(histograms);
                stored.settle();
            }
        }
        Ok(())
    }
}

impl StoredSeries {
    fn push(&mut self, at: Timestamp, value: &SeriesValue) {
        match value {
            SeriesValue::Missing => {}
            SeriesValue::Histogram(written) => self.histograms.push(HistogramSample {
                at,
                histogram: match written.histogram.reset_hint {
                    // A storage finds that out by itself.
                    ResetHint::NotReset => written.histogram.clone().with_hint(ResetHint::Unknown),
                    _ => written.histogram.clone(),
                },
            }),
            SeriesValue::Float(value) => self.samples.push(Sample { at, value: *value }),
        }
    }

    /// Puts what was added in order.
    fn settle(&mut self) {
        self.samples.sort_by_key(|sample| sample.at);
        self.samples.dedup_by_key(|sample| sample.at);
        self.histograms.sort_by_key(|sample| sample.at);
        self.histograms.dedup_by_key(|sample| sample.at);
        self.starts.sort_by_key(|start| start.at);
        self.starts.dedup_by_key(|start| start.at);
        let samples = &self.samples;
        let place = |at: Timestamp| samples.binary_search_by_key(&at, |s| s.at);
        self.histograms.retain(|h| place(h.at).is_err());
        // As a storage gives them back.
        know_resets(&mut self.histograms, &self.samples);
    }
}

/// The classic histograms among `loaded` as native ones.
fn native_histograms(
    loaded: &BTreeMap<&Labels, &LoadedSeries>,
    at: impl Fn(usize) -> Timestamp,
) -> Result<BTreeMap<Labels, Vec<HistogramSample>>, String> {
    let mut classic: BTreeMap<Labels, BTreeMap<usize, ClassicHistogram>> = BTreeMap::new();
    for series in loaded.values() {
        let name = series.labels.metric_name();
        let suffixes = ["_bucket", "_count", "_sum"];
        let found = suffixes
            .iter()
            .find_map(|suffix| Some((*suffix, name.strip_suffix(suffix)?)));
        let Some((suffix, base)) = found else {
            continue;
        };
        let bound = series.labels.value(BUCKET_LABEL).parse::<f64>();
        let bound = bound.ok().filter(|bound| !bound.is_nan());
        let labels = series.labels.without(BUCKET_LABEL).with(METRIC_NAME, base);
        for (i, value) in series.values.iter().enumerate() {
            let SeriesValue::Float(value) = value else {
                continue;
            };
            if suffix == "_bucket" && bound.is_none() {
                continue;
            }
            let histogram = classic.entry(labels.clone()).or_default();
            let histogram = histogram.entry(i).or_default();
            match (suffix, bound) {
                ("_bucket", Some(bound)) => histogram.set_bucket(bound, *value),
                ("_count", _) => histogram.set_count(*value),
                _ => {
                    histogram.set_sum(*value);
                    Ok(())
                }
            }
            .map_err(|e| format!("{labels}: {e}"))?;
        }
    }
    let convert = |(labels, by_step): (Labels, BTreeMap<usize, ClassicHistogram>)| {
        let samples = by_step.into_iter().map(|(i, classic)| {
            let histogram = classic.to_native().map_err(|e| format!("{labels}: {e}"))?;
            Ok(HistogramSample {
                at: at(i),
                histogram: histogram.into(),
            })
        });
        let samples = samples.collect::<Result<Vec<_>, String>>()?;
        Ok((labels, samples))
    };
    classic.into_iter().map(convert).collect()
}
