//! Zero buckets of different widths.
use std::cmp::Ordering;

use super::{Buckets, Count, Histogram};

impl<N: Count> Histogram<N> {
    /// What the zero bucket would count if it reached to `threshold`, and where it then ends.
    ///
    /// It ends at the upper bound of a bucket that holds anything and that `threshold` lies in. `threshold` must not
    /// be below the present one.
    pub(super) fn widened_zero(&self, mut threshold: f64) -> (N, f64) {
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        loop {
            let mut sum = self.zero_count;
            threshold = self.swallow(&self.positive, threshold, &mut sum);
            let reached = self.swallow(&self.negative, threshold, &mut sum);
            if reached > threshold {
                // The positive side has to be looked at again.
                threshold = reached;
            } else {
                return (sum, threshold);
            }
        }
    }

    /// Adds what `side` holds up to `threshold` to `sum` and gives where that ends.
    fn swallow(&self, side: &Buckets<N>, threshold: f64, sum: &mut N) -> f64 {
        for (index, n) in side.iter() {
            let [lower, upper] = self.bounds(index);
            if lower >= threshold {
                break;
            }
            *sum = sum.join(n);
            if upper > threshold {
                return if n.value() == 0.0 { threshold } else { upper };
            }
        }
        threshold
    }

    /// Widens the zero bucket until it is as wide as `other`'s could be without splitting a bucket of either.
    ///
    /// Gives what `other`'s would then count.
    pub(super) fn reconcile_zero(&mut self, other: &Histogram) -> N {
        if other.zero_threshold == self.zero_threshold {
            return N::of(other.zero_count);
        }
        let other = other.map(N::of);
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        // A threshold that is no number equals nothing, and would go round for ever.
        while threshold
            .partial_cmp(&self.zero_threshold)
            .is_some_and(Ordering::is_ne)
        {
            if self.zero_threshold > threshold {
                (count, threshold) = other.widened_zero(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                (self.zero_count, self.zero_threshold) = self.widened_zero(threshold);
                self.drop_inside_zero();
            }
        }
        count
    }

    /// Drops the buckets that the zero bucket has swallowed, and empty ones with them.
    fn drop_inside_zero(&mut self) {
        let outside = |side: &Buckets<N>| {
            let is_inside = |&(index, _): &(i32, N)| self.bounds(index)[0] < self.zero_threshold;
            side.iter().skip_while(is_inside).collect()
        };
        (self.positive, self.negative) = (outside(&self.positive), outside(&self.negative));
        self.compact(0);
    }
}
