//! The native part of a histogram message.
use model::{
    Histogram, ResetHint,
    histogram::{Buckets, ClassicError, ClassicHistogram, HistogramError},
};

use super::message::{HistogramMessage, Side};
use crate::float;

/// A message that is no native histogram.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum NativeError {
    /// A side of it has another number of buckets than its spans say.
    #[error("{side} side: spans require {needed} buckets, have {given}")]
    Mismatch {
        side: &'static str,
        needed: u64,
        given: usize,
    },
    /// It may not be stored.
    #[error(transparent)]
    Histogram(#[from] HistogramError),
    /// Its classic buckets make none.
    #[error(transparent)]
    Classic(#[from] ClassicError),
}

/// The native histogram of `message`.
pub(super) fn native(
    message: &HistogramMessage<'_>,
    is_gauge: bool,
) -> Result<Histogram, NativeError> {
    let is_float = message.is_float();
    let (count, zero_count) = match is_float {
        true => (message.float_count, message.float_zero_count),
        false => (message.whole_count as f64, message.whole_zero_count as f64),
    };
    let mut histogram = Histogram {
        reset_hint: hint(is_gauge),
        schema: message.schema,
        zero_threshold: message.zero_threshold,
        zero_count,
        count,
        sum: float::without_payload(message.sum),
        positive: buckets("positive", &message.positive, is_float)?,
        negative: buckets("negative", &message.negative, is_float)?,
        ..Histogram::default()
    };
    histogram.compact(0);
    match is_float {
        true => histogram.check()?,
        false => histogram.check_whole()?,
    }
    Ok(histogram)
}

/// The classic buckets of `message` as a native histogram with custom ones.
pub(super) fn converted(
    message: &HistogramMessage<'_>,
    is_gauge: bool,
) -> Result<Histogram, NativeError> {
    let mut classic = ClassicHistogram::default();
    classic.set_count(message.count())?;
    classic.set_sum(float::without_payload(message.sum));
    for bucket in &message.buckets {
        classic.set_bucket(bucket.bound, bucket.count)?;
    }
    let mut histogram = classic.to_native()?;
    histogram.reset_hint = hint(is_gauge);
    histogram.check()?;
    Ok(histogram)
}

const fn hint(is_gauge: bool) -> ResetHint {
    match is_gauge {
        true => ResetHint::Gauge,
        false => ResetHint::Unknown,
    }
}

fn buckets(name: &'static str, side: &Side, is_float: bool) -> Result<Buckets, NativeError> {
    let counts: Vec<f64> = match is_float {
        true => side.counts.clone(),
        false => {
            let sum = |count: &mut i64, delta: &i64| {
                *count = count.wrapping_add(*delta);
                Some(*count as f64)
            };
            side.deltas.iter().scan(0, sum).collect()
        }
    };
    let needed: u64 = side.spans.iter().map(|span| u64::from(span.length)).sum();
    if needed != counts.len() as u64 {
        return Err(NativeError::Mismatch {
            side: name,
            needed,
            given: counts.len(),
        });
    }
    let buckets = Buckets::new(side.spans.iter().copied(), counts);
    buckets.map_err(|source| HistogramError::Spans { side: name, source }.into())
}
