//! `double_exponential_smoothing`.
use super::window::{Function, Window};
use crate::error::EvalError;

/// Smooths level and trend; both factors lie between 0 and 1, step by step.
pub(super) struct Smoothing<'a> {
    pub(super) level_factors: &'a [f64],
    pub(super) trend_factors: &'a [f64],
}

impl Function for Smoothing<'_> {
    /// Source: `funcDoubleExponentialSmoothing` in Prometheus, `promql/functions.go`.
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        let level_factor = checked("smoothing", "sf", self.level_factors[window.step])?;
        let trend_factor = checked("trend", "tf", self.trend_factors[window.step])?;
        let [first, second, ..] = window.samples else {
            return Ok(None);
        };
        let (mut before, mut level) = (0.0, first.value);
        let mut trend = second.value - first.value;
        for (i, value) in window.values().skip(1).enumerate() {
            if i > 0 {
                trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
            }
            let next = level_factor * value + (1.0 - level_factor) * (level + trend);
            before = level;
            level = next;
        }
        Ok(Some(level))
    }
}

fn checked(name: &'static str, short: &'static str, value: f64) -> Result<f64, EvalError> {
    // NaN passes, as it does in Prometheus.
    match value <= 0.0 || value >= 1.0 {
        true => Err(EvalError::Factor { name, short, value }),
        false => Ok(value),
    }
}
