//! Sums, differences, products and quotients.
use std::sync::Arc;

use super::{Buckets, Count, Histogram, ResetHint, bounds::bound, custom};

/// Histograms with exponential buckets meet ones with custom buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas"
)]
pub struct IncompatibleBuckets;

/// What had to be reconciled for a sum or a difference, beside schemas and zero buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// One histogram begins after a reset, the other surely does not.
    pub hints: bool,
    /// The custom bounds differ, so that only the common ones are left.
    pub bounds: bool,
}

impl<N: Count> Histogram<N> {
    /// Adds `other`: buckets to buckets, in the coarser of both layouts.
    ///
    /// # Errors
    /// [`IncompatibleBuckets`] if one has custom buckets and the other has not.
    pub fn add(&mut self, other: &Histogram) -> Result<Reconciled, IncompatibleBuckets> {
        self.combine(other, 1.0)
    }

    /// Subtracts `other`; hints are combined as in a sum.
    ///
    /// # Errors
    /// [`IncompatibleBuckets`] if one has custom buckets and the other has not.
    pub fn sub(&mut self, other: &Histogram) -> Result<Reconciled, IncompatibleBuckets> {
        self.combine(other, -1.0)
    }

    fn combine(&mut self, other: &Histogram, sign: f64) -> Result<Reconciled, IncompatibleBuckets> {
        if self.has_custom_buckets() != other.has_custom_buckets() {
            return Err(IncompatibleBuckets);
        }
        let hints = self.combine_hints(other.reset_hint);
        let signed = |n: f64| N::of(n * sign);
        if !self.has_custom_buckets() {
            let zero = self.reconcile_zero(other);
            self.zero_count = self.zero_count.join(zero.apply(|n| n * sign));
        }
        self.count = self.count.join(signed(other.count));
        self.sum = self.sum.join(signed(other.sum));
        if self.has_custom_buckets() {
            let bounds = self.custom_values != other.custom_values;
            if bounds {
                let common = custom::common_bounds(&self.custom_values, &other.custom_values);
                let other = (&other.positive, &*other.custom_values);
                let mine = (&self.positive, &*self.custom_values);
                self.positive = custom::combined(mine, other, sign, &common);
                self.custom_values = common;
            } else {
                let others = other.positive.iter();
                self.positive.add(others.map(|(i, n)| (i, signed(n))));
            }
            return Ok(Reconciled { hints, bounds });
        }
        self.reduce(other.schema);
        let (schema, zero) = (self.schema, self.zero_threshold);
        let add = |mine: &mut Buckets<N>, others: &Buckets| {
            let inside_zero = |&(index, _): &(i32, N)| bound(i64::from(index), schema, &[]) <= zero;
            if other.schema == schema {
                let others = others.iter().map(|(i, n)| (i, signed(n)));
                mine.add(others.skip_while(inside_zero));
            } else {
                let others = others.map(N::of);
                let others = others.reduced(other.schema, schema);
                let others = others.map(|(i, n)| (i, n.apply(|n| n * sign)));
                mine.add(others.skip_while(inside_zero));
            }
        };
        add(&mut self.positive, &other.positive);
        add(&mut self.negative, &other.negative);
        Ok(Reconciled {
            hints,
            bounds: false,
        })
    }

    /// The hint of a sum; true if the hints contradict each other.
    fn combine_hints(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        match (self.reset_hint, other) {
            (mine, other) if mine == other => return false,
            (Gauge, _) | (_, Gauge) => self.reset_hint = Gauge,
            (Unknown, _) | (_, Unknown) => self.reset_hint = Unknown,
            _ => {
                self.reset_hint = Unknown;
                return true;
            }
        }
        false
    }

    /// Multiplies every number and the sum; times less than nothing gives a gauge.
    pub fn multiply(&mut self, factor: f64) {
        self.apply(|n| n * factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides every number and the sum; by less than nothing gives a gauge, by zero takes the buckets away.
    pub fn divide(&mut self, divisor: f64) {
        self.apply(|n| n / divisor);
        if divisor == 0.0 {
            (self.positive, self.negative) = (Buckets::default(), Buckets::default());
        } else if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    fn apply(&mut self, f: impl Fn(f64) -> f64) {
        self.zero_count = self.zero_count.apply(&f);
        self.count = self.count.apply(&f);
        self.sum = self.sum.apply(&f);
        self.positive.apply(&f);
        self.negative.apply(&f);
    }
}

impl Histogram {
    /// The same histogram behind another hint; nothing is copied if it has that already.
    #[must_use]
    pub fn with_hint(self: Arc<Self>, hint: ResetHint) -> Arc<Self> {
        match self.reset_hint == hint {
            true => self,
            false => Arc::new(Self {
                reset_hint: hint,
                ..Arc::unwrap_or_clone(self)
            }),
        }
    }
}
