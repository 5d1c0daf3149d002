//! Functions over windows that have native histograms, or whose samples say where counting began.
//!
//! Most functions make sense of numbers alone and pass over histograms, which they say; some refuse to mix.
mod edges;
mod fold;
mod pairs;
mod rate;

use std::sync::Arc;

use model::{Timestamp, Value};

pub(in crate::eval) use edges::interpolated;

use super::{
    rate::Extrapolation,
    window::{Function, Window},
};
use crate::{
    annotations::{Note, Notes},
    ast::Edges,
    error::EvalError,
};

/// What a function makes of histograms in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mixed {
    /// Passes over them.
    Ignored,
    /// `rate`, `increase`, `delta`
    Extrapolated(Extrapolation),
    /// `irate`
    InstantRate,
    /// `idelta`
    InstantDelta,
    /// `resets`
    Resets,
    /// `changes`
    Changes,
    /// `sum_over_time`
    Sum,
    /// `avg_over_time`
    Avg,
    /// `count_over_time`
    Count,
    /// `present_over_time`
    Present,
    /// `first_over_time`
    First,
    /// `last_over_time`
    Last,
    /// `ts_of_first_over_time`
    TimeOfFirst,
    /// `ts_of_last_over_time`
    TimeOfLast,
}

impl Mixed {
    /// What the function called `name` does.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "rate" => Self::Extrapolated(Extrapolation::Rate),
            "increase" => Self::Extrapolated(Extrapolation::Increase),
            "delta" => Self::Extrapolated(Extrapolation::Delta),
            "irate" => Self::InstantRate,
            "idelta" => Self::InstantDelta,
            "resets" => Self::Resets,
            "changes" => Self::Changes,
            "sum_over_time" => Self::Sum,
            "avg_over_time" => Self::Avg,
            "count_over_time" => Self::Count,
            "present_over_time" => Self::Present,
            "first_over_time" => Self::First,
            "last_over_time" => Self::Last,
            "ts_of_first_over_time" => Self::TimeOfFirst,
            "ts_of_last_over_time" => Self::TimeOfLast,
            _ => Self::Ignored,
        }
    }

    /// True if it matters where counting began.
    pub(super) const fn uses_starts(self) -> bool {
        matches!(
            self,
            Self::Extrapolated(Extrapolation::Rate | Extrapolation::Increase)
                | Self::InstantRate
                | Self::Resets
        )
    }
}

/// The value of a window; `floats` is the function where there are numbers alone.
pub(super) fn value(
    mixed: Mixed,
    edges: Edges,
    floats: &mut dyn Function,
    window: Window<'_>,
    notes: &mut Notes,
) -> Result<Option<Value>, EvalError> {
    let number = |value: f64| Ok(Some(Value::Float(value)));
    let n_samples = window.samples.len() + window.histograms.len();
    match mixed {
        Mixed::Ignored if window.samples.is_empty() => Ok(None),
        Mixed::Ignored => {
            notes.add(Note::IgnoredInRange(name(&window)));
            Ok(floats.value(window)?.map(Value::Float))
        }
        Mixed::Extrapolated(_) | Mixed::Sum | Mixed::Avg
            if !window.samples.is_empty() && !window.histograms.is_empty() =>
        {
            notes.add(Note::MixedFloatsHistograms(name(&window)));
            Ok(None)
        }
        Mixed::Extrapolated(kind) => match (edges, window.histograms.is_empty()) {
            (Edges::Plain, _) => Ok(rate::extrapolated(kind, &window, notes)),
            (_, true) => Ok(floats.value(window)?.map(Value::Float)),
            (edges, false) => {
                let change = edges::edge_to_edge(kind, edges, &window, notes);
                Ok(change.map(|h| Value::Histogram(Arc::new(h))))
            }
        },
        Mixed::InstantRate => Ok(rate::instant(true, &window, notes)),
        Mixed::InstantDelta => Ok(rate::instant(false, &window, notes)),
        Mixed::Resets => Ok(pairs::resets(edges, &window)),
        Mixed::Changes => Ok(pairs::changes(edges, &window)),
        Mixed::Sum => Ok(fold::folded(false, &window, notes)),
        Mixed::Avg => Ok(fold::folded(true, &window, notes)),
        Mixed::Count => number(n_samples as f64),
        Mixed::Present => number(1.0),
        Mixed::First => Ok(points(&window).next().map(|point| point.value())),
        Mixed::Last => Ok(points(&window).last().map(|point| point.value())),
        Mixed::TimeOfFirst => Ok(points(&window).next().map(|point| point.time())),
        Mixed::TimeOfLast => Ok(points(&window).last().map(|point| point.time())),
    }
}

fn name(window: &Window<'_>) -> String {
    window.labels.metric_name().to_owned()
}

/// A number or a histogram of a window.
#[derive(Clone, Copy, Debug)]
struct Point<'a> {
    at: Timestamp,
    what: What<'a>,
    /// Where counting began, in milliseconds; zero if nobody knows.
    start: i64,
}

#[derive(Clone, Copy, Debug)]
enum What<'a> {
    Float(f64),
    Histogram(&'a Arc<model::Histogram>),
}

impl Point<'_> {
    fn value(&self) -> Value {
        match self.what {
            What::Float(value) => Value::Float(value),
            What::Histogram(histogram) => Value::Histogram(Arc::clone(histogram)),
        }
    }

    fn time(&self) -> Value {
        Value::Float(self.at.as_seconds())
    }

    /// True if the counter began anew between `before` and this one.
    ///
    /// Source: `isStartTimestampReset` in Prometheus, `promql/functions.go`.
    fn began_after(&self, before: &Self) -> bool {
        let (at_before, at) = (before.at.as_millis(), self.at.as_millis());
        if self.start == 0 || self.start >= at || self.start < at_before {
            return false;
        }
        // Where a counter begins at the sample before, it is one of differences, if that sample knows its own start.
        self.start > at_before || (before.start != 0 && before.start < at_before)
    }

    /// True if it began before the sample before, but not where that did.
    ///
    /// Source: `checkStartTimeOverlap` in Prometheus, `promql/functions.go`.
    fn overlaps(&self, before: &Self) -> bool {
        self.start != 0 && self.start < before.at.as_millis() && self.start != before.start
    }
}

/// The numbers and histograms of a window, oldest first.
fn points<'a>(window: &Window<'a>) -> impl DoubleEndedIterator<Item = Point<'a>> {
    let starts = window.starts;
    let start = move |at: Timestamp| match starts.binary_search_by_key(&at, |s| s.at) {
        Ok(place) => starts[place].start.as_millis(),
        Err(_) => 0,
    };
    let floats = window.samples.iter().map(|s| (s.at, What::Float(s.value)));
    let histograms = window.histograms.iter();
    let histograms = histograms.map(|s| (s.at, What::Histogram(&s.histogram)));
    let mut all: Vec<Point<'a>> = floats
        .chain(histograms)
        .map(|(at, what)| Point {
            at,
            what,
            start: start(at),
        })
        .collect();
    if !window.samples.is_empty() && !window.histograms.is_empty() {
        all.sort_by_key(|point| point.at);
    }
    all.into_iter()
}
