//! `selector smoothed`: at each step the value on the line between the samples around it.
//!
//! Source: `smoothSeries` in Prometheus, `promql/engine.go`.
use std::sync::Arc;

use model::{HistogramSample, Labels, ResetHint, Sample, Timestamp};

use super::{
    Evaluator, Flow, Sink,
    column::{Column, EvalSeries, Grid},
    range::{Samples, between, interpolated},
};
use crate::{
    annotations::{Note, Notes},
    plan::tree::InstantSelect,
};

impl Evaluator<'_> {
    /// The smoothed values of each series.
    pub(super) fn smooth(&self, select: &InstantSelect, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        self.spread(
            select.selection,
            grid.len,
            || (),
            |(), series| {
                let samples = Samples::of(series, select.stats, false);
                smooth_values(&series.labels, &samples, select, grid)
            },
            |labels, (column, notes)| {
                notes
                    .into_iter()
                    .for_each(|note| self.annotate(note, &select.span));
                if column.is_empty() {
                    return Ok(());
                }
                self.hold(column.weight())?;
                self.looked_at.add_column(grid, &column);
                sink(EvalSeries::named(labels, column))
            },
        )
    }
}

/// The last sample before `time` and the first at or after it, within the lookback.
fn around<S>(
    samples: &[S],
    at: impl Fn(&S) -> Timestamp,
    (oldest, time, newest): (i64, i64, i64),
) -> (Option<&S>, Option<&S>) {
    let next = samples.partition_point(|s| at(s).as_millis() < time);
    let after = samples.get(next).filter(|s| at(s).as_millis() <= newest);
    let before = samples[..next].last();
    (before.filter(|s| at(s).as_millis() > oldest), after)
}

/// Without a sample after a step, but within the lookback, the one before it counts as it is.
fn smooth_values(
    labels: &Labels,
    samples: &Samples<'_>,
    select: &InstantSelect,
    grid: Grid,
) -> (Column, Notes) {
    let lookback = select.lookback.as_millis();
    let (mut column, mut notes) = (Column::empty(grid.len), Notes::default());
    for (step, time) in grid.times().enumerate() {
        let time = select.reference.time(time);
        let times = (
            time.saturating_sub(lookback),
            time,
            time.saturating_add(lookback),
        );
        let floats = around(&samples.floats, |s: &Sample| s.at, times);
        let histograms = around(&samples.histograms, |s: &HistogramSample| s.at, times);
        if histograms == (None, None) {
            if let Some(value) = on_line(floats, time) {
                column.set(step, value);
            }
        } else if floats == (None, None) {
            if let Some(histogram) = on_way(labels, histograms, time, &mut notes) {
                column.set_histogram(step, histogram);
            }
        } else {
            notes.add(Note::MixedFloatsHistograms(labels.metric_name().to_owned()));
        }
    }
    (column, notes)
}

fn on_line(samples: (Option<&Sample>, Option<&Sample>), time: i64) -> Option<f64> {
    match samples {
        (_, Some(now)) if now.at.as_millis() == time => Some(now.value),
        (Some(before), Some(after)) => Some(between(*before, *after, time, false)),
        (before, _) => before.map(|s| s.value),
    }
}

/// What is no gauge on both sides counts as a counter.
fn on_way(
    labels: &Labels,
    samples: (Option<&HistogramSample>, Option<&HistogramSample>),
    time: i64,
    notes: &mut Notes,
) -> Option<Arc<model::Histogram>> {
    let is_gauge = |s: &HistogramSample| s.histogram.reset_hint == ResetHint::Gauge;
    match samples {
        (_, Some(now)) if now.at.as_millis() == time => Some(Arc::clone(&now.histogram)),
        (Some(before), Some(after)) => {
            let counter = !(is_gauge(before) && is_gauge(after));
            let alike =
                before.histogram.has_custom_buckets() == after.histogram.has_custom_buckets();
            let found = alike.then(|| interpolated(before, after, time, counter, notes).ok());
            if found.is_none() {
                notes.add(Note::MixedExponentialCustom(
                    labels.metric_name().to_owned(),
                ));
            }
            found.flatten().map(Arc::new)
        }
        (before, _) => before.map(|s| Arc::clone(&s.histogram).with_hint(ResetHint::Unknown)),
    }
}
