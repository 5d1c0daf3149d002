//! The functions over windows by name.
use super::{
    call::{OverSeries, over},
    extended::{EdgeToEdge, FromAnchor},
    extremes::{Extreme, Sliding, Told},
    over_time::{self, Quantile},
    rate::{self, Extrapolated, Extrapolation},
    regression::{self, Prediction},
    resets::Running,
    smoothing::Smoothing,
    window::{Plain, Window},
};
use crate::ast::Edges;

/// A function that gives a value for each window of samples.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RangeFunction {
    /// `rate`, `increase`, `delta`
    Extrapolated(Extrapolation),
    /// `min_over_time` and its kind
    Extreme(Extreme, Told),
    /// `resets`
    Resets,
    /// `changes`
    Changes,
    /// `quantile_over_time`
    Quantile,
    /// `predict_linear`
    Prediction,
    /// `double_exponential_smoothing`
    Smoothing,
    /// One that keeps the metric's name.
    Named(fn(Window<'_>) -> Option<f64>),
    /// One that follows from the window alone.
    Plain(fn(Window<'_>) -> Option<f64>),
}

impl RangeFunction {
    /// The function called `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rate" => Self::Extrapolated(Extrapolation::Rate),
            "increase" => Self::Extrapolated(Extrapolation::Increase),
            "delta" => Self::Extrapolated(Extrapolation::Delta),
            "irate" => Self::Plain(rate::irate),
            "idelta" => Self::Plain(rate::idelta),
            "deriv" => Self::Plain(regression::deriv),
            "predict_linear" => Self::Prediction,
            "double_exponential_smoothing" => Self::Smoothing,
            "resets" => Self::Resets,
            "changes" => Self::Changes,
            "sum_over_time" => Self::Plain(over_time::sum),
            "avg_over_time" => Self::Plain(over_time::avg),
            "count_over_time" => Self::Plain(over_time::count),
            "min_over_time" => Self::Extreme(Extreme::Min, Told::Value),
            "max_over_time" => Self::Extreme(Extreme::Max, Told::Value),
            "stddev_over_time" => Self::Plain(over_time::stddev),
            "stdvar_over_time" => Self::Plain(over_time::stdvar),
            "mad_over_time" => Self::Plain(over_time::mad),
            "quantile_over_time" => Self::Quantile,
            "present_over_time" => Self::Plain(over_time::present),
            "first_over_time" => Self::Named(over_time::first),
            "last_over_time" => Self::Named(over_time::last),
            "ts_of_first_over_time" => Self::Plain(over_time::time_of_first),
            "ts_of_last_over_time" => Self::Plain(over_time::time_of_last),
            "ts_of_min_over_time" => Self::Extreme(Extreme::Min, Told::Time),
            "ts_of_max_over_time" => Self::Extreme(Extreme::Max, Told::Time),
            _ => return None,
        })
    }

    /// True for functions whose value stands for the metric itself.
    pub(super) const fn keeps_name(self) -> bool {
        matches!(self, Self::Named(_))
    }

    /// True for functions that make sense of counters alone and say so.
    pub(super) const fn wants_counter(self) -> bool {
        matches!(
            self,
            Self::Extrapolated(Extrapolation::Rate | Extrapolation::Increase)
        )
    }

    /// The function at work on windows that reach beyond their edges.
    pub(super) fn start_extended<'a>(
        self,
        edges: Edges,
        params: &'a [Vec<f64>],
    ) -> Box<dyn OverSeries + 'a> {
        match self {
            Self::Extrapolated(kind) => over(EdgeToEdge {
                kind,
                smoothed: edges == Edges::Smoothed,
            }),
            Self::Resets => over(FromAnchor(Running::resets())),
            Self::Changes => over(FromAnchor(Running::changes())),
            // The planner lets no other have such windows.
            other => other.start(params),
        }
    }

    /// The function at work; each of `params` has a value for every step.
    pub(super) fn start<'a>(self, params: &'a [Vec<f64>]) -> Box<dyn OverSeries + 'a> {
        let mut params = params.iter().map(Vec::as_slice);
        let mut param = || params.next().expect("the parser has counted the arguments");
        match self {
            Self::Extrapolated(kind) => over(Extrapolated::new(kind)),
            Self::Extreme(extreme, told) => over(Sliding::new(extreme, told)),
            Self::Resets => over(Running::resets()),
            Self::Changes => over(Running::changes()),
            Self::Quantile => over(Quantile {
                quantiles: param(),
                sorted: Vec::new(),
            }),
            Self::Prediction => over(Prediction { seconds: param() }),
            Self::Smoothing => over(Smoothing {
                level_factors: param(),
                trend_factors: param(),
            }),
            Self::Named(f) | Self::Plain(f) => over(Plain(f)),
        }
    }
}
