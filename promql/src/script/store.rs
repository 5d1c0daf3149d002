//! What a script has loaded.
use std::collections::BTreeMap;

use model::{BUCKET_LABEL, Labels, METRIC_NAME, Matcher, Sample, Timestamp};

use super::{Load, SeriesValue};

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
    /// It has native histograms, which are not among `samples`.
    pub histograms: bool,
    /// Its samples have start timestamps, which are not kept.
    pub start_timestamps: bool,
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
    pub(super) fn load(&mut self, load: &Load) {
        let last: BTreeMap<&Labels, usize> = load
            .series
            .iter()
            .enumerate()
            .map(|(i, loaded)| (&loaded.labels, i))
            .collect();
        for (i, loaded) in load.series.iter().enumerate() {
            if last[&loaded.labels] != i {
                continue;
            }
            if load.with_custom_buckets
                && let Some(base) = histogram_of(&loaded.labels)
            {
                self.series.entry(base).or_default().histograms = true;
            }
            let stored = self.series.entry(loaded.labels.clone()).or_default();
            stored.start_timestamps |= loaded.start_timestamps;
            for (i, value) in loaded.values.iter().enumerate() {
                match value {
                    SeriesValue::Missing => {}
                    SeriesValue::Histogram => stored.histograms = true,
                    SeriesValue::Float(value) => stored.samples.push(Sample {
                        at: Timestamp::from_millis(load.step.as_millis() * i as i64),
                        value: *value,
                    }),
                }
            }
            stored.samples.sort_by_key(|sample| sample.at);
            stored.samples.dedup_by_key(|sample| sample.at);
        }
    }
}

/// The labels of the native histogram that a series of a classic one becomes a part of.
fn histogram_of(labels: &Labels) -> Option<Labels> {
    let name = labels.metric_name();
    let base = ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    Some(labels.without(BUCKET_LABEL).with(METRIC_NAME, base))
}
