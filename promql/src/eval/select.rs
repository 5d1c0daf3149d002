//! Instant selectors: at each step the latest sample of each series within the lookback.
use model::{Sample, is_stale_nan};

use super::{
    Evaluator, Flow, Sink,
    column::{Column, EvalSeries, Grid},
    merge::Unnamed,
};
use crate::plan::tree::{InstantSelect, VectorOp};

impl Evaluator<'_> {
    /// The values of the samples.
    pub(super) fn select(&self, select: &InstantSelect, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        match select.smoothed {
            true => self.smooth(select, grid, sink),
            false => self.latest(select, grid, |sample| sample.value, sink),
        }
    }

    /// The times of the samples, in seconds.
    pub(super) fn sample_times(
        &self,
        select: &InstantSelect,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let mut unnamed = Unnamed::new(select.one_name, self.options.delayed_name_removal);
        let time = |sample: Sample| sample.at.as_seconds();
        self.latest(select, grid, time, &mut |series| unnamed.add(series, sink))?;
        unnamed.finish(sink)
    }

    /// The times of the steps, in seconds, where there is a value.
    pub(super) fn step_times(&self, arg: &VectorOp, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let times = |column: &mut Column| {
            column.map_steps(|i, _| Some(grid.time(i) as f64 / 1000.0));
        };
        self.map_values(arg, grid, &times, sink)
    }

    /// What `value` tells of the latest sample of each series.
    pub(super) fn latest(
        &self,
        select: &InstantSelect,
        grid: Grid,
        value: impl Fn(Sample) -> f64 + Sync,
        sink: &mut Sink<'_>,
    ) -> Flow {
        self.spread(
            select.selection,
            grid.len,
            || (),
            |(), series| latest_values(&series.samples, select, grid, &value),
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

/// Walks once through the samples while the steps go by.
fn latest_values(
    samples: &[Sample],
    select: &InstantSelect,
    grid: Grid,
    value: impl Fn(Sample) -> f64,
) -> Column {
    let mut column = Column::empty(grid.len);
    let mut n_before = 0;
    for (i, time) in grid.times().enumerate() {
        let looked_at = select.reference.time(time);
        while n_before < samples.len() && samples[n_before].at.as_millis() <= looked_at {
            n_before += 1;
        }
        let Some(latest) = samples[..n_before].last() else {
            continue;
        };
        let oldest = looked_at.saturating_sub(select.lookback.as_millis());
        if latest.at.as_millis() > oldest && !is_stale_nan(latest.value) {
            column.set(i, value(*latest));
        }
    }
    column
}
