//! `rate`, `increase`, `delta`, `irate` and `idelta`.
use model::Sample;

use super::{
    resets::Running,
    window::{Function, Window},
};
use crate::error::EvalError;

/// What is told of the change within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extrapolation {
    /// A counter's increase per second.
    Rate,
    /// A counter's increase.
    Increase,
    /// A gauge's change.
    Delta,
}

/// The change from the first to the last sample, extrapolated to the window's ends.
pub(super) struct Extrapolated {
    kind: Extrapolation,
    resets: Running,
    sampled: Sampled,
    to_start: Seconds,
    to_end: Seconds,
    range: Seconds,
}

/// A distance that mostly is that of the window before: dividing takes longer than all else that is done for a window.
#[derive(Clone, Copy, Default)]
struct Seconds {
    millis: i64,
    seconds: f64,
}

impl Seconds {
    fn of(&mut self, from: i64, to: i64) -> f64 {
        let millis = to.saturating_sub(from);
        if millis != self.millis {
            *self = Self {
                millis,
                seconds: millis as f64 / 1000.0,
            };
        }
        self.seconds
    }
}

/// How far apart the samples of a window are, as long as that does not change.
#[derive(Clone, Copy, Default)]
struct Sampled {
    first_to_last: Seconds,
    n_gaps: usize,
    /// The seconds from the first to the last, and between two.
    seconds: f64,
    mean_gap: f64,
}

impl Sampled {
    fn update(&mut self, from: i64, to: i64, n_gaps: usize) -> Self {
        let seconds = self.first_to_last.of(from, to);
        if n_gaps != self.n_gaps || seconds != self.seconds {
            (self.n_gaps, self.seconds) = (n_gaps, seconds);
            self.mean_gap = seconds / n_gaps as f64;
        }
        *self
    }
}

impl Extrapolated {
    pub(super) fn new(kind: Extrapolation) -> Self {
        Self {
            kind,
            resets: Running::resets(),
            sampled: Sampled::default(),
            to_start: Seconds::default(),
            to_end: Seconds::default(),
            range: Seconds::default(),
        }
    }

    /// The change between the first and the last sample; a counter's resets are added back.
    #[inline]
    fn change(&self, window: &Window<'_>) -> f64 {
        let change = window.newest().value - window.oldest().value;
        // Most windows have no reset and need no look at their samples.
        match self.kind != Extrapolation::Delta && self.resets.within(window) > 0 {
            true => with_resets(change, window.samples),
            false => change,
        }
    }
}

#[cold]
fn with_resets(mut change: f64, samples: &[Sample]) -> f64 {
    for pair in samples.windows(2) {
        if pair[1].value < pair[0].value {
            change += pair[0].value;
        }
    }
    change
}

impl Function for Extrapolated {
    fn begin(&mut self, samples: &[Sample]) {
        if self.kind != Extrapolation::Delta {
            self.resets.begin(samples);
        }
    }

    /// Source: `extrapolatedRate` in Prometheus, `promql/functions.go`.
    // Each of millions of windows is looked at for a few nanoseconds: the call would be a good part of it.
    #[inline(always)]
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        let n_gaps = window.samples.len() - 1;
        if n_gaps == 0 {
            return Ok(None);
        }
        let change = self.change(&window);
        let (first, last) = (window.oldest(), window.newest());
        let (first_at, last_at) = (first.at.as_millis(), last.at.as_millis());
        let Sampled {
            seconds: sampled,
            mean_gap,
            ..
        } = self.sampled.update(first_at, last_at, n_gaps);
        // A series that ends further from the window's end than this is taken to end within the window.
        let threshold = mean_gap * 1.1;

        let mut to_start = self.to_start.of(window.start, first_at);
        if to_start >= threshold {
            to_start = mean_gap / 2.0;
        }
        if self.kind != Extrapolation::Delta && change > 0.0 && first.value >= 0.0 {
            // A counter was not below zero, so it began no earlier than where its slope meets zero.
            let to_zero = sampled * (first.value / change);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        let mut to_end = self.to_end.of(last_at, window.end);
        if to_end >= threshold {
            to_end = mean_gap / 2.0;
        }
        let mut factor = 1.0;
        if sampled != 0.0 {
            factor = (sampled + to_start + to_end) / sampled;
        }
        if self.kind == Extrapolation::Rate {
            factor /= self.range.of(window.start, window.end);
        }
        Ok(Some(change * factor))
    }
}

/// The change between the last two samples, per second; after a reset, from zero.
pub(super) fn irate(window: Window<'_>) -> Option<f64> {
    let [.., before, last] = window.samples else {
        return None;
    };
    let change = match last.value < before.value {
        true => last.value,
        false => last.value - before.value,
    };
    let gap = (last.at - before.at).as_millis();
    (gap != 0).then(|| change / (gap as f64 / 1000.0))
}

/// The change between the last two samples.
pub(super) fn idelta(window: Window<'_>) -> Option<f64> {
    let [.., before, last] = window.samples else {
        return None;
    };
    Some(last.value - before.value)
}
