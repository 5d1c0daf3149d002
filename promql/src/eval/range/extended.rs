//! `anchored` and `smoothed`: windows that know what is just outside of them.
//!
//! ```text
//!      o      |   o      o     |     o        samples and the window
//!      L          o      o     R              anchored: the left value is that of the sample before
//!             L   o      o     R              smoothed: both are on the lines between samples
//! ```
//!
//! Source: `extendedRate` and `pickFirstSampleIndices` in Prometheus, `promql/functions.go`; `extendFloats`,
//! `promql/engine.go`.
use model::{Sample, Timestamp};

use super::{
    rate::Extrapolation,
    resets::Running,
    window::{Function, Window},
};
use crate::error::EvalError;

/// The values at the edges of a window, and the samples between them.
struct Edged<'a> {
    left: f64,
    right: f64,
    inside: &'a [Sample],
    /// The first sample that was looked at.
    first: Sample,
}

/// Looks at `samples`, which reach beyond the window; `None` if all of them lie before it.
fn edged(
    samples: &[Sample],
    (start, end): (i64, i64),
    smoothed: bool,
    counter: bool,
) -> Option<Edged<'_>> {
    let at = |i: usize| samples[i].at.as_millis();
    let mut last = samples.len().checked_sub(1)?;
    let before = samples[..last].partition_point(|s| s.at.as_millis() <= start);
    let first = before.saturating_sub(1);
    if smoothed {
        last = samples[..last].partition_point(|s| s.at.as_millis() < end);
    }
    if at(last) <= start {
        return None;
    }
    let left = match smoothed && at(first) < start {
        true => between(samples[first], samples[first + 1], start, counter),
        false => samples[first].value,
    };
    let right = match smoothed && last > 0 && at(last) > end {
        true => between(samples[last - 1], samples[last], end, counter),
        false => samples[last].value,
    };
    let from = first + usize::from(at(first) <= start);
    let to = last + usize::from(at(last) < end);
    Some(Edged {
        left,
        right,
        inside: &samples[from..to.max(from)],
        first: samples[first],
    })
}

/// The value at `time` on the line between two samples; a counter that was reset begins at zero.
pub(crate) fn between(a: Sample, b: Sample, time: i64, counter: bool) -> f64 {
    let from = if counter && b.value < a.value {
        0.0
    } else {
        a.value
    };
    let (a, width) = (a.at.as_millis(), (b.at - a.at).as_millis());
    from + (b.value - from) * (time - a) as f64 / width as f64
}

/// The samples of an extended window: one at each edge, and those between them.
pub(crate) fn samples_with_edges(
    samples: &[Sample],
    (start, end): (i64, i64),
    smoothed: bool,
) -> Vec<Sample> {
    let Some(edged) = edged(samples, (start, end), smoothed, false) else {
        return Vec::new();
    };
    let edge = |at, value| Sample {
        at: Timestamp::from_millis(at),
        value,
    };
    let mut all = vec![edge(start, edged.left)];
    all.extend(edged.inside);
    all.push(edge(end, edged.right));
    all
}

/// `rate`, `increase` and `delta` from edge to edge; nothing is extrapolated.
pub(super) struct EdgeToEdge {
    pub(super) kind: Extrapolation,
    pub(super) smoothed: bool,
}

impl Function for EdgeToEdge {
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        let counter = self.kind != Extrapolation::Delta;
        let edges = (window.start, window.end);
        let Some(edged) = edged(window.samples, edges, self.smoothed, counter) else {
            return Ok(None);
        };
        if self.smoothed && edged.first.at.as_millis() > window.end {
            return Ok(None);
        }
        let mut change = edged.right - edged.left;
        if counter {
            let mut before = edged.left;
            let values = edged.inside.iter().map(|s| s.value);
            for value in values.chain([edged.right]) {
                if value < before {
                    change += before;
                }
                before = value;
            }
        }
        if self.kind == Extrapolation::Rate {
            change /= (window.end - window.start) as f64 / 1000.0;
        }
        Ok(Some(change))
    }
}

/// `resets` and `changes` from the last sample at or before the window on.
pub(super) struct FromAnchor(pub(super) Running);

impl Function for FromAnchor {
    fn begin(&mut self, samples: &[Sample], same_windows: bool) {
        self.0.begin(samples, same_windows);
    }

    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        let is_before = |s: &Sample| s.at.as_millis() <= window.start;
        let n_before = window.samples.partition_point(is_before);
        if n_before == window.samples.len() {
            return Ok(None);
        }
        let skipped = n_before.saturating_sub(1);
        self.0.value(Window {
            samples: &window.samples[skipped..],
            first: window.first + skipped,
            ..window
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(points: &[(i64, f64)]) -> Vec<Sample> {
        points
            .iter()
            .map(|(at, value)| Sample {
                at: Timestamp::from_millis(*at),
                value: *value,
            })
            .collect()
    }

    #[test]
    fn an_anchored_window_begins_with_the_value_before_it() {
        let all = samples(&[(0, 1.0), (10, 2.0), (20, 4.0)]);
        assert_eq!(
            samples_with_edges(&all, (15, 25), false),
            samples(&[(15, 2.0), (20, 4.0), (25, 4.0)])
        );
        assert_eq!(samples_with_edges(&all, (20, 30), false), []);
    }

    #[test]
    fn a_smoothed_window_ends_on_the_lines_between_samples() {
        let all = samples(&[(0, 1.0), (10, 2.0), (20, 4.0)]);
        assert_eq!(
            samples_with_edges(&all, (5, 15), true),
            samples(&[(5, 1.5), (10, 2.0), (15, 3.0)])
        );
        // A counter that fell is taken to have begun at zero.
        let fell = samples(&[(0, 5.0), (10, 2.0)]);
        assert_eq!(between(fell[0], fell[1], 5, true), 1.0);
        assert_eq!(between(fell[0], fell[1], 5, false), 3.5);
    }
}
