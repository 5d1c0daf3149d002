//! Sums that carry what rounding would lose.
//!
//! Source: Prometheus, `util/kahansum/kahansum.go` (Neumaier's variant of Kahan's summation).

/// A sum and its compensation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kahan {
    pub(crate) sum: f64,
    pub(crate) rest: f64,
}

impl Kahan {
    /// A sum of one.
    pub(crate) const fn of(value: f64) -> Self {
        Self {
            sum: value,
            rest: 0.0,
        }
    }

    /// The sum with `value` added.
    #[must_use]
    pub(crate) fn plus(self, value: f64) -> Self {
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
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            sum: f(self.sum),
            rest: f(self.rest),
        }
    }

    /// The sum, compensated.
    pub(crate) fn total(self) -> f64 {
        self.sum + self.rest
    }
}

/// A running mean: of the sum as long as that stays finite, then of means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean {
    /// The sum; once `incremental`, the mean.
    value: Kahan,
    count: f64,
    incremental: bool,
}

impl Mean {
    /// The mean of one.
    pub(crate) const fn of(value: f64) -> Self {
        Self {
            value: Kahan::of(value),
            count: 1.0,
            incremental: false,
        }
    }

    /// Takes `value` in.
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let next = self.value.plus(value);
            if !next.sum.is_infinite() {
                self.value = next;
                return;
            }
            self.incremental = true;
            let before = self.count - 1.0;
            self.value = self.value.map(|part| part / before);
        }
        let weight = (self.count - 1.0) / self.count;
        let weighted = self.value.map(|part| weight * part);
        self.value = weighted.plus(value / self.count);
    }

    /// The mean.
    pub(crate) fn get(self) -> f64 {
        match self.incremental {
            true => self.value.total(),
            false => self.value.sum / self.count + self.value.rest / self.count,
        }
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

    #[test]
    fn a_mean_survives_sums_that_overflow() {
        let mut mean = Mean::of(f64::MAX);
        mean.add(f64::MAX);
        mean.add(f64::MAX);
        assert!((mean.get() / f64::MAX - 1.0).abs() < 1e-12);
        let mut mean = Mean::of(1.0);
        mean.add(2.0);
        assert_eq!(mean.get(), 1.5);
    }
}
