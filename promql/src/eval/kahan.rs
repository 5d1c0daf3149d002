//! Means of sums that carry what rounding would lose.
pub(crate) use model::Kahan;

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
