//! Which series of a request are taken, and as what.
use std::sync::Arc;

use model::{HistogramSample, Labels, METRIC_NAME, Millis, Timestamp};
use runtime::{Push, PushedSeries};

use super::{
    fields::FieldError,
    request::{self, TimeSeries},
};

/// How far ahead of the clock a sample may lie.
///
/// Source: `maxAheadTime` in Prometheus, `storage/remote/write_handler.go`.
const MAX_AHEAD: Millis = Millis::from_seconds(600);

/// What a request gave.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// What is to be written.
    pub(crate) push: Push,
    /// How many samples are to be written.
    pub(crate) n_samples: u64,
    /// Samples of series whose labels are no series'; Prometheus leaves them out and says nothing.
    pub(crate) n_invalid: u64,
    /// Samples that were refused for good.
    pub(crate) n_refused: u64,
    /// The first reason to refuse one.
    pub(crate) reason: Option<String>,
}

/// Reads the series of `request` at the instant `now`.
///
/// # Errors
/// If the bytes are no request; nothing may then be written.
pub(crate) fn take(request: &[u8], now: Timestamp) -> Result<Taken, FieldError> {
    let latest = now + MAX_AHEAD;
    let mut taken = Taken::default();
    let metadata = request::read(request, |series| {
        let n_samples = (series.samples.len() + series.histograms.len()) as u64;
        match labels(&mut series.labels) {
            Some(labels) => taken.add(labels, series, latest),
            None => taken.n_invalid += n_samples,
        }
    })?;
    taken.push.metadata = metadata;
    Ok(taken)
}

impl Taken {
    fn add(&mut self, labels: Labels, series: &mut TimeSeries<'_>, latest: Timestamp) {
        let samples = series.samples.iter().filter(|sample| sample.at <= latest);
        let samples: Vec<_> = samples.copied().collect();
        let mut n_ahead = series.samples.len() - samples.len();
        let mut histograms = Vec::with_capacity(series.histograms.len());
        for (at, read) in series.histograms.drain(..) {
            match read {
                _ if at > latest => n_ahead += 1,
                Ok(histogram) => histograms.push(HistogramSample {
                    at,
                    histogram: Arc::new(histogram),
                }),
                Err(error) => self.refuse(1, || error.to_string()),
            }
        }
        if n_ahead > 0 {
            self.refuse(n_ahead, || {
                "out of bounds: timestamp is too far in the future".to_owned()
            });
        }
        let mut exemplars = std::mem::take(&mut series.exemplars);
        exemplars.retain(|exemplar| exemplar.at <= latest);
        if !samples.is_empty() || !histograms.is_empty() || !exemplars.is_empty() {
            self.n_samples += (samples.len() + histograms.len()) as u64;
            self.push.series.push(PushedSeries {
                labels,
                samples,
                histograms,
                exemplars,
                starts: Vec::new(),
            });
        }
    }

    fn refuse(&mut self, n_samples: usize, reason: impl FnOnce() -> String) {
        self.n_refused += n_samples as u64;
        self.reason.get_or_insert_with(reason);
    }
}

/// The label set that `pairs` are; none if they are no series'. Their order does not matter, empty values are left out.
fn labels(pairs: &mut [(&[u8], &[u8])]) -> Option<Labels> {
    pairs.sort_unstable_by_key(|(name, _)| *name);
    let is_twice = pairs.windows(2).any(|pair| pair[0].0 == pair[1].0);
    let is_nameless = pairs.iter().any(|(name, _)| name.is_empty());
    if is_twice || is_nameless {
        return None;
    }
    let mut texts = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        texts.push((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?));
    }
    let labels = Labels::from_pairs(texts);
    labels.get(METRIC_NAME).is_some().then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Option<String> {
        let mut pairs: Vec<_> = pairs
            .iter()
            .map(|(n, v)| (n.as_bytes(), v.as_bytes()))
            .collect();
        labels(&mut pairs).map(|labels| labels.to_string())
    }

    #[test]
    fn labels_are_sorted_and_empty_ones_are_left_out() {
        let set = set(&[("b", "1"), ("__name__", "é.x"), ("a", "")]);
        assert_eq!(set.unwrap(), r#"{__name__="é.x", b="1"}"#);
    }

    #[test]
    fn labels_that_no_series_may_have_are_refused() {
        assert_eq!(set(&[("a", "1")]), None);
        assert_eq!(set(&[("__name__", "")]), None);
        assert_eq!(set(&[("__name__", "x"), ("", "1")]), None);
        assert_eq!(set(&[("__name__", "x"), ("a", "1"), ("a", "1")]), None);
        assert_eq!(labels(&mut [(b"__name__", b"x"), (b"a", b"\xff")]), None);
        assert_eq!(labels(&mut [(b"__name__", b"x"), (b"\xff", b"a")]), None);
    }
}
