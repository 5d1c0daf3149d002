//! Numbers of observations: plain, or with what rounding lost.
use std::fmt::Debug;

use crate::Kahan;

/// A number that a histogram counts with.
pub trait Count: Copy + Default + Debug + Send + Sync {
    /// A plain number.
    fn of(value: f64) -> Self;

    /// A compensated number, as far as this type can hold it.
    fn of_kahan(value: Kahan) -> Self;

    /// The number with its compensation.
    fn to_kahan(self) -> Kahan;

    /// The sum of both.
    #[must_use]
    fn join(self, other: Self) -> Self;

    /// Multiplied, or divided, or whatever keeps a sum of two parts a sum of two parts.
    #[must_use]
    fn apply(self, f: impl Fn(f64) -> f64) -> Self;

    /// The number without its compensation.
    fn value(self) -> f64;

    /// True for zero without a compensation.
    fn is_zero(self) -> bool;

    /// Tells numbers apart bit for bit.
    fn bits(self) -> [u64; 2];
}

impl Count for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn of_kahan(value: Kahan) -> Self {
        value.sum
    }

    fn to_kahan(self) -> Kahan {
        Kahan::of(self)
    }

    fn join(self, other: Self) -> Self {
        self + other
    }

    fn apply(self, f: impl Fn(f64) -> f64) -> Self {
        f(self)
    }

    fn value(self) -> f64 {
        self
    }

    fn is_zero(self) -> bool {
        self == 0.0
    }

    fn bits(self) -> [u64; 2] {
        [self.to_bits(), 0]
    }
}

impl Count for Kahan {
    fn of(value: f64) -> Self {
        Self::of(value)
    }

    fn of_kahan(value: Kahan) -> Self {
        value
    }

    fn to_kahan(self) -> Kahan {
        self
    }

    fn join(self, other: Self) -> Self {
        let sum = self.plus(other.sum);
        match other.rest == 0.0 {
            true => sum,
            false => sum.plus(other.rest),
        }
    }

    fn apply(self, f: impl Fn(f64) -> f64) -> Self {
        self.map(f)
    }

    fn value(self) -> f64 {
        self.sum
    }

    fn is_zero(self) -> bool {
        self.sum == 0.0 && self.rest == 0.0
    }

    fn bits(self) -> [u64; 2] {
        [self.sum.to_bits(), self.rest.to_bits()]
    }
}
