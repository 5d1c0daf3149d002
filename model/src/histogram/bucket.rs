//! Buckets with their bounds.
use std::fmt;

use super::{Buckets, Count, Histogram, bounds::bound};
use crate::number::general;

/// A bucket with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// What lies below is outside.
    pub lower: f64,
    /// What lies above is outside.
    pub upper: f64,
    /// `lower` itself is inside.
    pub lower_inclusive: bool,
    /// `upper` itself is inside.
    pub upper_inclusive: bool,
    /// Observations in it.
    pub count: f64,
}

impl Bucket {
    /// How the HTTP API says which bounds are inside: 0 the upper, 1 the lower, 2 none, 3 both.
    pub const fn boundaries(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }

    /// The part of the bucket's width at or below `value`, which lies strictly between finite bounds.
    ///
    /// `linear` for custom buckets and the zero bucket; other buckets are interpolated on a logarithmic scale.
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|v| v.abs().log2());
        match value > 0.0 {
            true => (at - lower) / (upper - lower),
            false => 1.0 - (at - upper) / (lower - upper),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        let [lower, upper, count] = [self.lower, self.upper, self.count].map(|v| general(v, None));
        write!(f, "{open}{lower},{upper}{close}:{count}")
    }
}

impl<N: Count> Histogram<N> {
    /// The buckets of the positive side, ascending.
    pub fn positive_buckets(&self) -> impl Iterator<Item = Bucket> {
        self.positive.iter().map(|bucket| self.above(bucket))
    }

    /// The buckets of the negative side, descending.
    pub fn negative_buckets(&self) -> impl Iterator<Item = Bucket> {
        self.negative.iter().map(|bucket| self.below(bucket))
    }

    /// The zero bucket.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count.value(),
        }
    }

    /// All buckets ascending, the zero bucket only if it holds anything.
    ///
    /// A bucket that overlaps with the zero bucket begins, or ends, where that ends.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        self.outside_zero(&self.negative, true)
            .chain(self.filled_zero())
            .chain(self.outside_zero(&self.positive, false))
    }

    /// [`Self::buckets`] descending.
    pub fn buckets_back(&self) -> impl Iterator<Item = Bucket> {
        let positive = self.positive.iter_back().map(|bucket| self.above(bucket));
        let negative = self.negative_buckets();
        positive
            .map(|bucket| self.clamp(bucket))
            .chain(self.filled_zero())
            .chain(negative.map(|bucket| self.clamp(bucket)))
    }

    fn filled_zero(&self) -> Option<Bucket> {
        (self.zero_count.value() > 0.0).then(|| self.zero_bucket())
    }

    fn outside_zero<'a>(
        &'a self,
        side: &'a Buckets<N>,
        negative: bool,
    ) -> Box<dyn Iterator<Item = Bucket> + 'a> {
        match negative {
            true => Box::new(side.iter_back().map(|b| self.clamp(self.below(b)))),
            false => Box::new(side.iter().map(|b| self.clamp(self.above(b)))),
        }
    }

    fn clamp(&self, mut bucket: Bucket) -> Bucket {
        let zero = self.zero_threshold;
        if bucket.upper < 0.0 && bucket.upper > -zero {
            bucket.upper = -zero;
        } else if bucket.lower > 0.0 && bucket.lower < zero {
            bucket.lower = zero;
        }
        bucket
    }

    /// A bucket of the positive side.
    fn above(&self, (index, n): (i32, N)) -> Bucket {
        let [lower, upper] = self.bounds(index);
        self.with_bounds(index, lower, upper, n)
    }

    /// A bucket of the negative side.
    fn below(&self, (index, n): (i32, N)) -> Bucket {
        let [upper, lower] = self.bounds(index).map(|bound| -bound);
        self.with_bounds(index, lower, upper, n)
    }

    fn with_bounds(&self, index: i32, lower: f64, upper: f64, n: N) -> Bucket {
        let custom = self.has_custom_buckets();
        Bucket {
            lower,
            upper,
            lower_inclusive: if custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: custom || upper > 0.0,
            count: n.value(),
        }
    }

    /// The bounds of the bucket `index` of the positive side.
    pub(super) fn bounds(&self, index: i32) -> [f64; 2] {
        let index = i64::from(index);
        [index - 1, index].map(|i| bound(i, self.schema, &self.custom_values))
    }
}
