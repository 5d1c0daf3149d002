//! Sums and means of histograms, with what rounding would lose.
//!
//! Source: Prometheus, `aggregation` in `promql/engine.go`; `funcSumOverTime`, `funcAvgOverTime` in
//! `promql/functions.go`.
use model::{
    Histogram, Kahan, ResetHint,
    histogram::{IncompatibleBuckets, Reconciled},
};

/// A sum or a mean that histograms are added to.
#[derive(Clone, Debug)]
pub(crate) struct HistogramFold {
    /// The sum; once `incremental`, the mean.
    value: Histogram<Kahan>,
    count: f64,
    is_mean: bool,
    incremental: bool,
    was_reset: bool,
    was_not_reset: bool,
}

impl HistogramFold {
    /// The sum, or the mean, of one.
    pub(crate) fn new(first: &Histogram, is_mean: bool) -> Self {
        let mut fold = Self {
            value: first.to_kahan(),
            count: 1.0,
            is_mean,
            incremental: false,
            was_reset: false,
            was_not_reset: false,
        };
        fold.note_hint(first);
        fold
    }

    /// Takes another in.
    pub(crate) fn add(&mut self, histogram: &Histogram) -> Result<Reconciled, IncompatibleBuckets> {
        self.note_hint(histogram);
        self.count += 1.0;
        if !self.is_mean {
            return self.value.add(histogram);
        }
        let before = self.count - 1.0;
        if !self.incremental {
            let mut next = self.value.clone();
            let reconciled = next.add(histogram)?;
            if !next.has_overflow() {
                self.value = next;
                return Ok(reconciled);
            }
            self.incremental = true;
            self.value.divide(before);
        }
        self.value.multiply(before / self.count);
        let mut part = histogram.clone();
        part.divide(self.count);
        self.value.add(&part)
    }

    /// True if some histogram began after a reset, and some other surely did not.
    pub(crate) fn hints_collide(&self) -> bool {
        self.was_reset && self.was_not_reset
    }

    /// The sum or the mean; empty buckets may be among its buckets.
    pub(crate) fn get(&self) -> Histogram {
        match self.is_mean && !self.incremental {
            true => {
                let count = self.count;
                self.value.map(|n| n.sum / count + n.rest / count)
            }
            false => self.value.total(),
        }
    }

    fn note_hint(&mut self, histogram: &Histogram) {
        self.was_reset |= histogram.reset_hint == ResetHint::Reset;
        self.was_not_reset |= histogram.reset_hint == ResetHint::NotReset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_survives_sums_that_overflow() {
        let huge = Histogram {
            count: f64::MAX,
            sum: 2.0,
            ..Histogram::default()
        };
        let mut mean = HistogramFold::new(&huge, true);
        mean.add(&huge).unwrap();
        mean.add(&huge).unwrap();
        assert!((mean.get().count / f64::MAX - 1.0).abs() < 1e-12);
        assert!((mean.get().sum - 2.0).abs() < 1e-12);
    }
}
