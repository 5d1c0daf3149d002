//! `sum_over_time` and the others that look at all values of a window alike.
use super::window::{Function, Window};
use crate::{
    error::EvalError,
    eval::{
        kahan::{Kahan, Mean},
        quantile::quantile,
    },
};

pub(super) fn count(window: Window<'_>) -> Option<f64> {
    Some(window.samples.len() as f64)
}

pub(super) fn present(_window: Window<'_>) -> Option<f64> {
    Some(1.0)
}

pub(super) fn first(window: Window<'_>) -> Option<f64> {
    Some(window.oldest().value)
}

pub(super) fn last(window: Window<'_>) -> Option<f64> {
    Some(window.newest().value)
}

pub(super) fn time_of_first(window: Window<'_>) -> Option<f64> {
    Some(window.oldest().at.as_seconds())
}

pub(super) fn time_of_last(window: Window<'_>) -> Option<f64> {
    Some(window.newest().at.as_seconds())
}

pub(super) fn sum(window: Window<'_>) -> Option<f64> {
    Some(window.values().fold(Kahan::default(), Kahan::plus).total())
}

pub(super) fn avg(window: Window<'_>) -> Option<f64> {
    let mut mean = Mean::of(window.oldest().value);
    window.values().skip(1).for_each(|value| mean.add(value));
    Some(mean.get())
}

pub(super) fn stdvar(window: Window<'_>) -> Option<f64> {
    let (mut mean, mut squares) = (Kahan::default(), Kahan::default());
    let mut count = 0.0;
    for value in window.values() {
        count += 1.0;
        let delta = value - mean.total();
        mean = mean.plus(delta / count);
        squares = squares.plus(delta * (value - mean.total()));
    }
    Some(squares.total() / count)
}

pub(super) fn stddev(window: Window<'_>) -> Option<f64> {
    stdvar(window).map(f64::sqrt)
}

/// The median of the distances from the median; NaN if a value is.
pub(super) fn mad(window: Window<'_>) -> Option<f64> {
    if window.values().any(f64::is_nan) {
        return Some(f64::NAN);
    }
    let mut values: Vec<f64> = window.values().collect();
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    Some(quantile(0.5, &mut values))
}

/// `quantile_over_time`, its quantile step by step.
pub(super) struct Quantile<'a> {
    pub(super) quantiles: &'a [f64],
    /// Holds the values while they are sorted.
    pub(super) sorted: Vec<f64>,
}

impl Function for Quantile<'_> {
    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        let q = self.quantiles[window.step];
        self.sorted.clear();
        self.sorted.extend(window.values());
        Ok(Some(quantile(q, &mut self.sorted)))
    }
}
