//! `selector smoothed`: at each step the value on the line between the samples around it.
//!
//! Source: `smoothSeries` in Prometheus, `promql/engine.go`.
use model::Sample;

use super::{
    Evaluator, Flow, Sink,
    column::{Column, EvalSeries, Grid},
    range::{between, without_stale},
};
use crate::plan::tree::InstantSelect;

impl Evaluator<'_> {
    /// The smoothed values of each series.
    pub(super) fn smooth(&self, select: &InstantSelect, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        self.spread(
            select.selection,
            grid.len,
            || (),
            |(), series| smooth_values(&without_stale(&series.samples), select, grid),
            |series, column| {
                if column.is_empty() {
                    return Ok(());
                }
                self.hold(column.weight())?;
                sink(EvalSeries::named(series.labels.clone(), column))
            },
        )
    }
}

/// Without a sample after a step, but within the lookback, the one before it counts as it is.
fn smooth_values(samples: &[Sample], select: &InstantSelect, grid: Grid) -> Column {
    let lookback = select.lookback.as_millis();
    let mut column = Column::empty(grid.len);
    for (step, time) in grid.times().enumerate() {
        let time = select.reference.time(time);
        let next = samples.partition_point(|s| s.at.as_millis() < time);
        let after = samples
            .get(next)
            .filter(|s| s.at.as_millis() <= time.saturating_add(lookback));
        let before = samples[..next]
            .last()
            .filter(|s| s.at.as_millis() > time.saturating_sub(lookback));
        match (before, after) {
            (_, Some(now)) if now.at.as_millis() == time => column.set(step, now.value),
            (Some(before), Some(after)) => column.set(step, between(*before, *after, time, false)),
            (Some(before), None) => column.set(step, before.value),
            (None, _) => {}
        }
    }
    column
}
