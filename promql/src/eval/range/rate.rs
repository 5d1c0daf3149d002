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
}

impl Extrapolated {
    pub(super) fn new(kind: Extrapolation) -> Self {
        Self {
            kind,
            resets: Running::resets(),
        }
    }

    /// The change between the first and the last sample; a counter's resets are added back.
    fn change(&self, window: &Window<'_>) -> f64 {
        let mut change = window.newest().value - window.oldest().value;
        // Most windows have no reset and need no look at their samples.
        if self.kind != Extrapolation::Delta && self.resets.within(window) > 0 {
            for pair in window.samples.windows(2) {
                if pair[1].value < pair[0].value {
                    change += pair[0].value;
                }
            }
        }
        change
    }
}

impl Function for Extrapolated {
    fn begin(&mut self, samples: &[Sample]) {
        if self.kind != Extrapolation::Delta {
            self.resets.begin(samples);
        }
    }

    /// Source: `extrapolatedRate` in Prometheus, `promql/functions.go`.
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        let n_gaps = window.samples.len() - 1;
        if n_gaps == 0 {
            return Ok(None);
        }
        let change = self.change(&window);
        let (first, last) = (window.oldest(), window.newest());
        let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1000.0;
        let sampled = seconds(first.at.as_millis(), last.at.as_millis());
        let mean_gap = sampled / n_gaps as f64;
        // A series that ends further from the window's end than this is taken to end within the window.
        let threshold = mean_gap * 1.1;

        let mut to_start = seconds(window.start, first.at.as_millis());
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
        let mut to_end = seconds(last.at.as_millis(), window.end);
        if to_end >= threshold {
            to_end = mean_gap / 2.0;
        }
        let mut factor = 1.0;
        if sampled != 0.0 {
            factor = (sampled + to_start + to_end) / sampled;
        }
        if self.kind == Extrapolation::Rate {
            factor /= seconds(window.start, window.end);
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
