//! What a histogram from outside must be like.
use super::{CUSTOM_BUCKETS, EXPONENTIAL, Histogram, SpansError};
use crate::number::general;

/// What is wrong with a histogram.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HistogramError {
    /// Spans that describe no buckets.
    #[error("{side} side: {source}")]
    Spans {
        /// `positive` or `negative`.
        side: &'static str,
        /// What is wrong.
        source: SpansError,
    },
    /// No schema has this number.
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema {0}"
    )]
    Schema(i32),
    /// The bounds do not ascend.
    #[error(
        "custom buckets: previous bound is {previous:.6} and current is {current:.6}: histogram custom bounds must be in strictly increasing order"
    )]
    BoundsOrder {
        /// The bound before.
        previous: f64,
        /// The offending bound.
        current: f64,
    },
    /// A bound is not a number.
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    BoundNan,
    /// The infinite bound is listed.
    #[error(
        "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite"
    )]
    BoundInfinite,
    /// There are buckets beyond the bounds.
    #[error(
        "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length of {buckets}: histogram custom bounds are too few"
    )]
    BoundsTooFew {
        /// The bounds listed.
        bounds: usize,
        /// The buckets.
        buckets: i64,
    },
    /// A custom bucket lies before the first.
    #[error(
        "custom buckets: span number 1 with offset {0}: histogram has a span whose offset is negative"
    )]
    CustomOffset(i32),
    /// Custom buckets beside a zero bucket.
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    /// Custom buckets beside a zero bucket.
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    /// Custom buckets on the negative side.
    #[error("custom buckets: must not have negative buckets")]
    CustomNegative,
    /// Bounds that nothing uses.
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialBounds,
    /// A number of observations is below zero.
    #[error("{side} side: bucket number {number} has observation count of {}: histogram has a bucket whose observation count is negative", general(*count, None))]
    NegativeBucket {
        /// `positive` or `negative`.
        side: &'static str,
        /// Counts from 1.
        number: usize,
        /// The number of observations.
        count: f64,
    },
    /// The zero bucket's number is below zero.
    #[error("zero bucket has observation count of {}: histogram has a bucket whose observation count is negative", general(*.0, None))]
    NegativeZero(f64),
    /// The number of all observations is below zero.
    #[error("observation count is  {}: histogram's observation count is negative", general(*.0, None))]
    NegativeCount(f64),
    /// With whole numbers, more observations in buckets than in all.
    #[error(
        "{} observations found in buckets, but the Count field is {}: histogram's observation count should be at least the number of observations found in the buckets",
        general(*found, None), general(*count, None)
    )]
    CountTooSmall {
        /// Observations in buckets.
        found: f64,
        /// All observations.
        count: f64,
    },
    /// With whole numbers, other observations in buckets than in all.
    #[error(
        "{} observations found in buckets, but the Count field is {}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)",
        general(*found, None), general(*count, None)
    )]
    CountMismatch {
        /// Observations in buckets.
        found: f64,
        /// All observations.
        count: f64,
    },
}

impl Histogram {
    /// Refuses what cannot be a histogram of float counts.
    ///
    /// # Errors
    /// [`HistogramError`], with Prometheus' texts.
    pub fn check(&self) -> Result<(), HistogramError> {
        if self.has_custom_buckets() {
            self.check_custom()?;
        } else if !EXPONENTIAL.contains(&self.schema) {
            return Err(HistogramError::Schema(self.schema));
        } else {
            check_counts("negative", self.negative.counts())?;
            if self.zero_count < 0.0 {
                return Err(HistogramError::NegativeZero(self.zero_count));
            }
            if !self.custom_values.is_empty() {
                return Err(HistogramError::ExponentialBounds);
            }
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount(self.count));
        }
        check_counts("positive", self.positive.counts())
    }

    /// Refuses, beside [`Self::check`], a count that does not fit the buckets; for histograms of whole counts.
    ///
    /// Observations of NaN are in no bucket, and make the sum NaN.
    ///
    /// # Errors
    /// [`HistogramError`], with Prometheus' texts.
    pub fn check_whole(&self) -> Result<(), HistogramError> {
        self.check()?;
        let buckets = self.positive.counts().iter().chain(self.negative.counts());
        let found = buckets.sum::<f64>() + self.zero_count;
        let count = self.count;
        if self.sum.is_nan() {
            return match found > count {
                true => Err(HistogramError::CountTooSmall { found, count }),
                false => Ok(()),
            };
        }
        match found == count {
            true => Ok(()),
            false => Err(HistogramError::CountMismatch { found, count }),
        }
    }

    fn check_custom(&self) -> Result<(), HistogramError> {
        debug_assert_eq!(self.schema, CUSTOM_BUCKETS);
        if self.custom_values.iter().any(|bound| bound.is_nan()) {
            return Err(HistogramError::BoundNan);
        }
        if let Some(pair) = self.custom_values.windows(2).find(|w| w[1] <= w[0]) {
            return Err(HistogramError::BoundsOrder {
                previous: pair[0],
                current: pair[1],
            });
        }
        if self.custom_values.last() == Some(&f64::INFINITY) {
            return Err(HistogramError::BoundInfinite);
        }
        if let Some(first) = self.positive.spans().next().filter(|span| span.offset < 0) {
            return Err(HistogramError::CustomOffset(first.offset));
        }
        let (bounds, last) = (self.custom_values.len(), self.positive.last_index());
        let buckets = last.map_or(0, |last| i64::from(last) + 1);
        if buckets > bounds as i64 + 1 {
            return Err(HistogramError::BoundsTooFew { bounds, buckets });
        }
        if self.zero_count != 0.0 {
            return Err(HistogramError::CustomZeroCount);
        }
        if self.zero_threshold != 0.0 {
            return Err(HistogramError::CustomZeroThreshold);
        }
        match self.negative.is_empty() {
            true => Ok(()),
            false => Err(HistogramError::CustomNegative),
        }
    }
}

fn check_counts(side: &'static str, counts: &[f64]) -> Result<(), HistogramError> {
    match counts.iter().position(|n| *n < 0.0) {
        None => Ok(()),
        Some(i) => Err(HistogramError::NegativeBucket {
            side,
            number: i + 1,
            count: counts[i],
        }),
    }
}
