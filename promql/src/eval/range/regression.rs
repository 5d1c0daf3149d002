//! `deriv` and `predict_linear`: the straight line that fits a window best.
use super::window::{Function, Window};
use crate::{error::EvalError, eval::kahan::Kahan};

/// The slope per second, and the value at a time.
///
/// Source: `linearRegression` in Prometheus, `promql/functions.go`.
fn line(window: &Window<'_>, at: i64) -> (f64, f64) {
    let level = window.oldest().value;
    if window.values().skip(1).all(|value| value == level) {
        return match level.is_infinite() {
            true => (f64::NAN, f64::NAN),
            false => (0.0, level),
        };
    }
    let [mut x, mut y, mut xy, mut xx] = [Kahan::default(); 4];
    for sample in window.samples {
        let seconds = sample.at.as_millis().saturating_sub(at) as f64 / 1000.0;
        x = x.plus(seconds);
        y = y.plus(sample.value);
        xy = xy.plus(seconds * sample.value);
        xx = xx.plus(seconds * seconds);
    }
    let n = window.samples.len() as f64;
    let (x, y) = (x.total(), y.total());
    let covariance = xy.total() - x * y / n;
    let variance = xx.total() - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}

/// The slope; at least two samples make one.
pub(super) fn deriv(window: Window<'_>) -> Option<f64> {
    let origin = window.oldest().at.as_millis();
    (window.samples.len() > 1).then(|| line(&window, origin).0)
}

/// The value of the line, so many seconds after the step.
pub(super) struct Prediction<'a> {
    pub(super) seconds: &'a [f64],
}

impl Function for Prediction<'_> {
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        if window.samples.len() < 2 {
            return Ok(None);
        }
        let (slope, now) = line(&window, window.time);
        Ok(Some(slope * self.seconds[window.step] + now))
    }
}
