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
    /// By step, of the windows that were looked at; for the next series, if its windows are the same.
    edges: Vec<Option<Edges>>,
}

/// What follows from the times of a window's samples: all but the change itself, unless a counter began in the window.
#[derive(Clone, Copy)]
struct Edges {
    /// The seconds from the first sample to the last.
    sampled: f64,
    /// How far the change is extrapolated beyond them, in seconds.
    to_start: f64,
    to_end: f64,
    /// The window's length, in seconds.
    range: f64,
    /// By what the change is multiplied.
    factor: f64,
}

impl Edges {
    /// Of a window with `samples`, two or more.
    // What is rarely called takes the window apart, so that the window need not be put together for each call of the function.
    #[cold]
    fn of(kind: Extrapolation, samples: &[Sample], (start, end): (i64, i64)) -> Self {
        let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1000.0;
        let first_at = samples[0].at.as_millis();
        let last_at = samples[samples.len() - 1].at.as_millis();
        let sampled = seconds(first_at, last_at);
        let mean_gap = sampled / (samples.len() - 1) as f64;
        // A series that ends further from the window's end than this is taken to end within the window.
        let threshold = mean_gap * 1.1;
        let near = |distance: f64| match distance >= threshold {
            true => mean_gap / 2.0,
            false => distance,
        };
        let edges = Self {
            sampled,
            to_start: near(seconds(start, first_at)),
            to_end: near(seconds(last_at, end)),
            range: seconds(start, end),
            factor: 0.0,
        };
        Self {
            factor: edges.factor(kind, edges.to_start),
            ..edges
        }
    }

    /// By what the change is multiplied if it is extrapolated so far before the first sample.
    fn factor(&self, kind: Extrapolation, to_start: f64) -> f64 {
        let mut factor = 1.0;
        if self.sampled != 0.0 {
            factor = (self.sampled + to_start + self.to_end) / self.sampled;
        }
        if kind == Extrapolation::Rate {
            factor /= self.range;
        }
        factor
    }
}

impl Extrapolated {
    pub(super) fn new(kind: Extrapolation) -> Self {
        Self {
            kind,
            resets: Running::resets(),
            edges: Vec::new(),
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
    fn begin(&mut self, samples: &[Sample], same_windows: bool) {
        if !same_windows {
            self.edges.clear();
        }
        if self.kind != Extrapolation::Delta {
            self.resets.begin(samples, same_windows);
        }
    }

    /// Source: `extrapolatedRate` in Prometheus, `promql/functions.go`.
    // Each of millions of windows is looked at for a few nanoseconds: the call would be a good part of it.
    #[inline(always)]
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        if window.samples.len() < 2 {
            return Ok(None);
        }
        let (change, first) = (self.change(&window), window.oldest().value);
        if self.edges.len() <= window.step {
            self.edges.resize(window.step + 1, None);
        }
        let span = (window.start, window.end);
        let edges = || Edges::of(self.kind, window.samples, span);
        let edges = self.edges[window.step].get_or_insert_with(edges);
        let mut factor = edges.factor;
        // Mostly a counter's slope meets zero long before the window. Dividing would take longer than all else.
        let is_far = edges.sampled * first > edges.to_start * change * 1.001;
        if !is_far && self.kind != Extrapolation::Delta && change > 0.0 && first >= 0.0 {
            // A counter was not below zero, so it began no earlier than where its slope meets zero.
            let to_zero = edges.sampled * (first / change);
            if to_zero < edges.to_start {
                factor = edges.factor(self.kind, to_zero);
            }
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
