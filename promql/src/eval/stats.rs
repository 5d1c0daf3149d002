//! Histograms of which count and sum alone are needed.
//!
//! Source: Prometheus, `promql/histogram_stats_iterator.go`.
use std::sync::Arc;

use model::{Histogram, HistogramSample, ResetHint};

/// The histograms without their buckets; what is known of resets comes from the buckets.
pub(super) fn stats_of(histograms: &[HistogramSample]) -> Vec<HistogramSample> {
    let mut before: Option<&Histogram> = None;
    let stats = histograms.iter().map(|sample| {
        let now = &sample.histogram;
        let mut reset_hint = now.reset_hint;
        if !now.is_stale() {
            if let (ResetHint::Unknown, Some(before)) = (reset_hint, before) {
                reset_hint = match now.is_reset_after(before) {
                    true => ResetHint::Reset,
                    false => ResetHint::NotReset,
                };
            }
            before = Some(now);
        }
        HistogramSample {
            at: sample.at,
            histogram: Arc::new(Histogram {
                reset_hint,
                schema: now.schema,
                count: now.count,
                sum: now.sum,
                ..Histogram::default()
            }),
        }
    });
    stats.collect()
}
