//! Sums that carry what rounding would lose.
//!
//! Source: Prometheus, `util/kahansum/kahansum.go` (Neumaier's variant of Kahan's summation).

/// A sum and its compensation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kahan {
    /// The sum, rounded.
    pub sum: f64,
    /// What rounding took from it.
    pub rest: f64,
}

impl Kahan {
    /// A sum of one.
    pub const fn of(value: f64) -> Self {
        Self {
            sum: value,
            rest: 0.0,
        }
    }

    /// The sum with `value` added.
    #[must_use]
    pub fn plus(self, value: f64) -> Self {
        let sum = self.sum + value;
        let rest = if sum.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.rest + ((self.sum - sum) + value)
        } else {
            self.rest + ((value - sum) + self.sum)
        };
        Self { sum, rest }
    }

    /// Both parts by `f`.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            sum: f(self.sum),
            rest: f(self.rest),
        }
    }

    /// The sum, compensated.
    pub fn total(self) -> f64 {
        self.sum + self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_loses_comes_back() {
        let values = [1.0, 1e100, 1.0, -1e100];
        let sum = values.into_iter().fold(Kahan::default(), Kahan::plus);
        assert_eq!(sum.total(), 2.0);
    }
}
