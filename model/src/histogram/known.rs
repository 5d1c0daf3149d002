//! What is known about counter resets in a series that is read back.
use std::sync::Arc;

use super::{Histogram, ResetHint};
use crate::{HistogramSample, Sample};

/// Gives each of `histograms`, of a series that has `samples` besides, both oldest first, the hint that a storage gives
/// it: gauges keep theirs; a counter's is [`ResetHint::NotReset`] where it follows upon a histogram like it without a
/// reset, and [`ResetHint::Unknown`] elsewhere, since what was before may not be there to compare with. Of the very first
/// it is believed that it was not reset.
///
/// Source: `counterResetHint` in Prometheus, `tsdb/chunkenc/histogram_meta.go`.
pub fn know_resets(histograms: &mut [HistogramSample], samples: &[Sample]) {
    let place = |now: &HistogramSample| samples.partition_point(|s| s.at < now.at);
    for i in 0..histograms.len() {
        let (before, now) = histograms.split_at_mut(i);
        let now = &mut now[0];
        let hint = match (now.histogram.reset_hint, before.last()) {
            (ResetHint::Gauge, _) => continue,
            (ResetHint::NotReset, None) if place(now) == 0 => ResetHint::NotReset,
            // A number between the two parts them.
            (_, Some(before)) if samples.is_empty() || place(before) == place(now) => {
                hint_after(&now.histogram, &before.histogram)
            }
            _ => ResetHint::Unknown,
        };
        if now.histogram.reset_hint != hint {
            now.histogram = Arc::clone(&now.histogram).with_hint(hint);
        }
    }
}

/// What a storage knows of a counter that comes after `before`: that it was not reset, or nothing.
pub fn hint_after(now: &Histogram, before: &Histogram) -> ResetHint {
    let goes_on = before.reset_hint != ResetHint::Gauge
        && now.reset_hint != ResetHint::Reset
        && !before.is_stale()
        && before.schema == now.schema
        && before.zero_threshold == now.zero_threshold
        && before.custom_values == now.custom_values
        && !now.is_less_than(before);
    match goes_on {
        true => ResetHint::NotReset,
        false => ResetHint::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_counter_is_known_not_to_be_reset_where_it_follows_upon_its_like() {
        use ResetHint::{Gauge, NotReset, Reset, Unknown};
        let histogram = |(at, count, reset_hint): (i64, f64, ResetHint)| HistogramSample {
            at: Timestamp::from_millis(at),
            histogram: Arc::new(Histogram {
                count,
                reset_hint,
                ..Histogram::default()
            }),
        };
        let hints = |given: &[(i64, f64, ResetHint)], numbers: &[i64]| -> Vec<ResetHint> {
            let mut histograms: Vec<_> = given.iter().copied().map(histogram).collect();
            let number = |at: &i64| Sample {
                at: Timestamp::from_millis(*at),
                value: 0.0,
            };
            let numbers: Vec<Sample> = numbers.iter().map(number).collect();
            know_resets(&mut histograms, &numbers);
            histograms.iter().map(|h| h.histogram.reset_hint).collect()
        };
        let falling = [(1, 5.0, Unknown), (2, 5.0, Unknown), (3, 4.0, NotReset)];
        assert_eq!(hints(&falling, &[]), [Unknown, NotReset, Unknown]);
        let told = [
            (1, 1.0, NotReset),
            (2, 2.0, Reset),
            (3, 3.0, Gauge),
            (4, 4.0, Unknown),
        ];
        assert_eq!(hints(&told, &[]), [NotReset, Unknown, Gauge, Unknown]);
        let parted = [(1, 1.0, NotReset), (3, 2.0, NotReset), (4, 3.0, Unknown)];
        assert_eq!(hints(&parted, &[0, 2]), [Unknown, Unknown, NotReset]);
    }
}
