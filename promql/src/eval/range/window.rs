//! What a function over windows sees.
use model::{HistogramSample, Labels, Sample, StartTime};

use crate::error::EvalError;

/// The samples that one step looks at; at least one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    /// In `(start, end]`, oldest first, no staleness markers; further ones if the call looks beyond the edges.
    pub(super) samples: &'a [Sample],
    /// The histograms of the same time; where there are some, there may be no sample.
    pub(super) histograms: &'a [HistogramSample],
    /// Where counting began, for all samples and histograms of the series; empty if nobody is to look at it.
    pub(super) starts: &'a [StartTime],
    /// The series.
    pub(super) labels: &'a Labels,
    /// The place of the first of them among all samples of the series.
    pub(super) first: usize,
    /// The window's open end, in milliseconds.
    pub(super) start: i64,
    /// The window's closed end, in milliseconds.
    pub(super) end: i64,
    /// The time of the step, in milliseconds; differs from `end` by offset and `@`.
    pub(super) time: i64,
    /// The place of the step.
    pub(super) step: usize,
}

impl Window<'_> {
    /// The oldest sample.
    pub(super) fn oldest(&self) -> Sample {
        self.samples[0]
    }

    /// The newest sample.
    pub(super) fn newest(&self) -> Sample {
        self.samples[self.samples.len() - 1]
    }

    /// The place after the last of them among all samples of the series.
    pub(super) fn after(&self) -> usize {
        self.first + self.samples.len()
    }

    /// The values, oldest first.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|s| s.value)
    }
}

/// A function of numbers that is called window by window, and may keep what it knows about the series.
pub(super) trait Function {
    /// Begins with another series. With `same_windows` its windows have samples at the times of those before, step by step.
    fn begin(&mut self, _samples: &[Sample], _same_windows: bool) {}

    /// The value at a step, if there is one. Windows come in the order of the steps.
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError>;
}

/// A function that follows from the window alone.
pub(super) struct Plain(pub(super) fn(Window<'_>) -> Option<f64>);

impl Function for Plain {
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        Ok((self.0)(window))
    }
}
