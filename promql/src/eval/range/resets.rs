//! `resets` and `changes`: how often a value fell, or differed from the one before.
use model::Sample;

use super::window::{Function, Window};
use crate::error::EvalError;

/// Counts of an event between neighbours, summed up from the first sample on.
pub(super) struct Running {
    happens: fn(f64, f64) -> bool,
    /// For each sample, how many events there were up to it.
    before: Vec<u32>,
}

impl Running {
    /// Counts where a value is below its predecessor.
    pub(super) fn resets() -> Self {
        Self::new(|before, after| after < before)
    }

    /// Counts where a value differs from its predecessor; NaN is like NaN.
    pub(super) fn changes() -> Self {
        Self::new(|before, after| after != before && !(after.is_nan() && before.is_nan()))
    }

    fn new(happens: fn(f64, f64) -> bool) -> Self {
        Self {
            happens,
            before: Vec::new(),
        }
    }

    /// How many events the window has.
    pub(super) fn within(&self, window: &Window<'_>) -> u32 {
        self.before[window.after() - 1] - self.before[window.first]
    }
}

impl Function for Running {
    fn begin(&mut self, samples: &[Sample]) {
        self.before.clear();
        let mut n = 0;
        let mut last = None;
        for sample in samples {
            n += u32::from(last.is_some_and(|last| (self.happens)(last, sample.value)));
            self.before.push(n);
            last = Some(sample.value);
        }
    }

    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        Ok(Some(f64::from(self.within(&window))))
    }
}
