//! Native histograms as values.
//!
//! A [`Histogram`] counts observations in buckets whose bounds follow from a schema: powers of `2^(2^-schema)` for the
//! exponential schemas -4 to 8, or explicit upper bounds for [`CUSTOM_BUCKETS`]. Observations near zero fall into a
//! zero bucket of its own. All counts are floats, as in PromQL; the integer counts that clients expose fit exactly up
//! to 2^53, and whether a histogram was exposed with integer counts shows in that all of them are whole.
//!
//! ```text
//! negative.counts  zero_count  positive.counts        -[1]-[0]--|--zero--|--[0]-[1]--> value
//! ```
//!
//! # The canonical form
//! - [`Buckets`] hold no empty span, and two spans never touch; buckets that hold nothing may still be listed.
//! - With custom buckets the zero bucket and the negative buckets are empty, and the zero threshold is zero;
//!   with an exponential schema there are no custom values.
//! - A staleness marker is a histogram whose `sum` is [`crate::STALE_NAN`].
//!
//! [`Histogram::check`] tells whether a histogram from outside is like that. Equality is bit for bit.
//!
//! Source: Prometheus, `model/histogram/float_histogram.go` and `generic.go`.
mod arithmetic;
mod bounds;
mod bucket;
mod buckets;
mod check;
mod classic;
mod count;
mod custom;
mod known;
mod reset;
mod text;
mod trim;
mod zero;

use std::sync::Arc;

pub use arithmetic::{IncompatibleBuckets, Reconciled};
pub use bucket::Bucket;
pub use buckets::{Buckets, Span, SpansError};
pub use check::HistogramError;
pub use classic::{ClassicError, ClassicHistogram};
pub use count::Count;
pub use known::{hint_after, know_resets};
pub use trim::Keep;

use crate::{Kahan, is_stale_nan};

/// The schema of histograms whose bounds are listed.
pub const CUSTOM_BUCKETS: i32 = -53;

/// The exponential schemas; each step doubles the number of buckets.
pub const EXPONENTIAL: std::ops::RangeInclusive<i32> = -4..=8;

/// What is known about a counter reset between a histogram and the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Nothing: the two must be compared.
    #[default]
    Unknown,
    /// The counter was reset.
    Reset,
    /// The counter was not reset.
    NotReset,
    /// A gauge, which knows no resets.
    Gauge,
}

/// A native histogram; `N` is [`f64`], or [`Kahan`] while histograms are being summed.
#[derive(Clone, Debug, Default)]
pub struct Histogram<N = f64> {
    /// Whether the counter was reset before it.
    pub reset_hint: ResetHint,
    /// In [`EXPONENTIAL`], or [`CUSTOM_BUCKETS`].
    pub schema: i32,
    /// The zero bucket reaches from minus this to this, both included.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: N,
    /// All observations.
    pub count: N,
    /// The sum of all observations.
    pub sum: N,
    /// Buckets of positive values, upwards from zero; with custom buckets all of them.
    pub positive: Buckets<N>,
    /// Buckets of negative values, downwards from zero.
    pub negative: Buckets<N>,
    /// The upper bounds of custom buckets, ascending; one more bucket reaches to infinity.
    pub custom_values: Arc<[f64]>,
}

impl<N: Count> Histogram<N> {
    /// True if the bounds are listed rather than computed.
    pub const fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }

    /// The same histogram with every number of observations, and the sum, by `f`.
    #[must_use]
    pub fn map<M: Count>(&self, f: impl Fn(N) -> M) -> Histogram<M> {
        Histogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: f(self.zero_count),
            count: f(self.count),
            sum: f(self.sum),
            positive: self.positive.map(&f),
            negative: self.negative.map(&f),
            custom_values: Arc::clone(&self.custom_values),
        }
    }

    /// Drops empty buckets, but keeps up to `max_empty` of them between two that are not.
    pub fn compact(&mut self, max_empty: u32) {
        self.positive.compact(max_empty);
        self.negative.compact(max_empty);
    }

    /// Merges buckets until the schema is `schema`; nothing happens if it is not a coarser exponential one.
    pub fn reduce(&mut self, schema: i32) {
        if !self.has_custom_buckets() && schema != CUSTOM_BUCKETS && schema < self.schema {
            self.positive = self.positive.reduced(self.schema, schema).collect();
            self.negative = self.negative.reduced(self.schema, schema).collect();
            self.schema = schema;
        }
    }

    /// The bytes that it takes up as Prometheus counts them for a query's limit of samples.
    pub fn n_bytes(&self) -> usize {
        let side = |buckets: &Buckets<N>| 8 * (buckets.n_spans() + buckets.counts().len());
        168 + side(&self.positive) + side(&self.negative) + 8 * self.custom_values.len()
    }

    /// True if a number of it has left the range of floats.
    pub fn has_overflow(&self) -> bool {
        let counts = [&self.positive, &self.negative]
            .into_iter()
            .flat_map(Buckets::counts);
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(counts)
            .any(|n| n.value().is_infinite())
            || self.custom_values.iter().any(|v| v.is_infinite())
    }
}

impl Histogram {
    /// A histogram that marks its series as gone.
    pub fn stale() -> Self {
        Self {
            sum: crate::STALE_NAN,
            ..Self::default()
        }
    }

    /// True if it marks its series as gone.
    pub fn is_stale(&self) -> bool {
        is_stale_nan(self.sum)
    }

    /// True if both hold the same data in the same buckets, whatever is known about resets.
    ///
    /// Numbers are compared bit for bit, except bounds, where zero equals minus zero.
    pub fn same_data(&self, other: &Self) -> bool {
        let bits = |n: [f64; 3]| n.map(f64::to_bits);
        self.schema == other.schema
            && bits([self.count, self.sum, self.zero_count])
                == bits([other.count, other.sum, other.zero_count])
            && (!self.has_custom_buckets() || self.custom_values == other.custom_values)
            && self.zero_threshold == other.zero_threshold
            && self.positive == other.positive
            && self.negative == other.negative
    }

    /// Starts a compensated sum from it.
    pub fn to_kahan(&self) -> Histogram<Kahan> {
        self.map(Kahan::of)
    }
}

impl Histogram<Kahan> {
    /// The sum, compensated.
    pub fn total(&self) -> Histogram {
        self.map(Kahan::total)
    }
}

impl PartialEq for Histogram {
    /// Everything is compared bit for bit, so that NaN equals itself and zero differs from minus zero.
    fn eq(&self, other: &Self) -> bool {
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        self.reset_hint == other.reset_hint
            && self.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && bits(&self.custom_values) == bits(&other.custom_values)
            && self.same_data(other)
    }
}

#[cfg(test)]
mod tests;
