//! Classic histograms, a series for each bound, as native ones with custom buckets.
//!
//! Source: Prometheus, `util/convertnhcb/convertnhcb.go`.
use super::{Buckets, CUSTOM_BUCKETS, Histogram};
use crate::number::general;

/// The samples of one classic histogram at one instant, collected in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassicHistogram {
    /// Upper bounds with the observations at or below them, ascending.
    buckets: Vec<(f64, f64)>,
    /// `_count`, if it was seen.
    count: Option<f64>,
    /// `_sum`, or zero.
    sum: f64,
}

/// Samples that make no histogram.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClassicError {
    /// A bound is not a number.
    #[error("bucket boundary must not be NaN")]
    BoundNan,
    /// A bucket counts less than nothing.
    #[error("bucket count must be non-negative: le={}, count={}", general(*bound, None), general(*count, None))]
    NegativeBucket {
        /// Its upper bound.
        bound: f64,
        /// Its count.
        count: f64,
    },
    /// A bucket counts less than a lower one.
    #[error("count is not cumulative: {} {} {}", general(*count, None), if *too_small { '<' } else { '>' }, general(*neighbour, None))]
    NotCumulative {
        /// Its count.
        count: f64,
        /// The count of the bucket beside it.
        neighbour: f64,
        /// It is below the count of the bucket before, rather than above that of the bucket behind.
        too_small: bool,
    },
    /// `_count` is less than nothing.
    #[error("count must be non-negative: count={}", general(*.0, None))]
    NegativeCount(f64),
    /// `_count` is not what the infinite bucket counts.
    #[error("count mismatch: count={} != le={} count={}", general(*count, None), general(*bound, None), general(*found, None))]
    CountMismatch {
        /// `_count`.
        count: f64,
        /// The highest bound.
        bound: f64,
        /// The count of that bucket.
        found: f64,
    },
}

impl ClassicHistogram {
    /// Takes a sample of `_bucket`; of samples with one bound the first counts.
    ///
    /// # Errors
    /// [`ClassicError`] if it cannot belong to the others.
    pub fn set_bucket(&mut self, bound: f64, count: f64) -> Result<(), ClassicError> {
        if bound.is_nan() {
            return Err(ClassicError::BoundNan);
        }
        if count < 0.0 {
            return Err(ClassicError::NegativeBucket { bound, count });
        }
        let at = self.buckets.partition_point(|(other, _)| *other < bound);
        let next = self.buckets.get(at).copied();
        if next.is_some_and(|(other, _)| other == bound) {
            return Ok(());
        }
        let not_cumulative = |neighbour, too_small| ClassicError::NotCumulative {
            count,
            neighbour,
            too_small,
        };
        if let Some(&(_, below)) = at.checked_sub(1).and_then(|i| self.buckets.get(i))
            && count < below
        {
            return Err(not_cumulative(below, true));
        }
        if let Some((_, above)) = next
            && count > above
        {
            return Err(not_cumulative(above, false));
        }
        self.buckets.insert(at, (bound, count));
        Ok(())
    }

    /// Takes the sample of `_count`.
    ///
    /// # Errors
    /// [`ClassicError::NegativeCount`].
    pub fn set_count(&mut self, count: f64) -> Result<(), ClassicError> {
        if count < 0.0 {
            return Err(ClassicError::NegativeCount(count));
        }
        self.count = Some(count);
        Ok(())
    }

    /// Takes the sample of `_sum`.
    pub const fn set_sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// The native histogram.
    ///
    /// # Errors
    /// [`ClassicError::CountMismatch`] if the infinite bucket does not hold every observation.
    pub fn to_native(&self) -> Result<Histogram, ClassicError> {
        let mut buckets = self.buckets.clone();
        let highest = buckets.last().copied();
        let count = self.count.or(highest.map(|(_, n)| n)).unwrap_or(0.0);
        if highest.is_none_or(|(bound, _)| bound != f64::INFINITY) {
            buckets.push((f64::INFINITY, count));
        }
        let (bound, found) = *buckets
            .last()
            .expect("a bucket was added if there was none");
        if count != found {
            return Err(ClassicError::CountMismatch {
                count,
                bound,
                found,
            });
        }
        let is_whole = |n: f64| n == n.round();
        let whole = is_whole(count) && buckets.iter().all(|(_, n)| is_whole(*n));
        let mut below = 0.0;
        let counts = buckets.iter().map(|(_, n)| {
            let within = n - below;
            below = *n;
            within
        });
        let mut histogram = Histogram {
            schema: CUSTOM_BUCKETS,
            count,
            sum: self.sum,
            positive: Buckets::from_first(0, counts.collect()),
            custom_values: (buckets.iter().map(|(bound, _)| *bound))
                .filter(|bound| *bound != f64::INFINITY)
                .collect(),
            ..Histogram::default()
        };
        // As Prometheus stores them, so that the layouts are equal, too.
        histogram.compact(if whole { 2 } else { 0 });
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn cumulative_buckets_become_absolute_ones() {
        let mut classic = ClassicHistogram::default();
        classic.set_sum(7.5);
        for (bound, count) in [(0.5, 3.0), (0.1, 1.0), (1.0, 3.0), (f64::INFINITY, 4.0)] {
            classic.set_bucket(bound, count).unwrap();
        }
        let native = classic.to_native().unwrap();
        expect!["{{schema:-53 count:4 sum:7.5 custom_values:[0.1 0.5 1] buckets:[1 2 0 1]}}"]
            .assert_eq(&native.literal().unwrap());
        native.check_whole().unwrap();
    }

    #[test]
    fn samples_that_cannot_belong_together_are_refused() {
        let mut classic = ClassicHistogram::default();
        classic.set_bucket(1.0, 3.0).unwrap();
        let error = classic.set_bucket(2.0, 2.0).unwrap_err();
        expect!["count is not cumulative: 2 < 3"].assert_eq(&error.to_string());
        let error = classic.set_bucket(0.5, 4.0).unwrap_err();
        expect!["count is not cumulative: 4 > 3"].assert_eq(&error.to_string());
        classic.set_count(4.0).unwrap();
        classic.set_bucket(f64::INFINITY, 3.0).unwrap();
        let error = classic.to_native().unwrap_err();
        expect!["count mismatch: count=4 != le=+Inf count=3"].assert_eq(&error.to_string());
    }
}
