//! Functions over windows of samples.
//!
//! The samples of a series are walked through once while the steps go by: both ends of the window only move
//! forward. A function sees the samples between them, and may keep what it knows about the series.
mod extremes;
mod over_time;
mod rate;
mod regression;
mod resets;
mod smoothing;
mod table;
mod window;

use std::borrow::Cow;

use model::{Labels, Sample, is_stale_nan};

use super::{
    Evaluator, Flow, Sink,
    bits::Bits,
    column::{Column, EvalSeries, Grid},
    merge::{Distinct, without_metadata},
    result,
};
use crate::{
    annotations::Note,
    error::EvalError,
    plan::{
        selections::first_of_grid,
        tree::{MatrixOp, RangeCall, SampleSource, VectorOp},
    },
};
pub(crate) use table::RangeFunction;
use window::{Function, Window};

/// How many samples are looked at between two questions whether to go on; some milliseconds' worth.
const WORK_UNCHECKED: usize = 1 << 20;

/// Takes the labels, the mark of a dropped name, and the samples of a series.
type SampleSink<'s> = dyn FnMut(&Labels, bool, &[Sample]) -> Flow + 's;

impl Evaluator<'_> {
    /// Hands on the samples of each series that the windows of `op` need, without staleness markers.
    pub(super) fn samples(&self, op: &MatrixOp, grid: Grid, each: &mut SampleSink<'_>) -> Flow {
        match &op.samples {
            SampleSource::Select { selection, .. } => {
                for series in self.source.series(*selection) {
                    self.check()?;
                    each(&series.labels, false, &without_stale(&series.samples))?;
                }
                Ok(())
            }
            SampleSource::Subquery { expr, step } => {
                let Some(inner) = subquery_grid(op, *step, grid) else {
                    return Ok(());
                };
                // A single series of that many points would be too much.
                if inner.len > self.options.max_samples {
                    return Err(EvalError::TooManySamples);
                }
                self.vector(expr, inner, &mut |series| {
                    let samples = result::samples(&series.column, inner);
                    each(&series.labels, series.drop_name, &samples)
                })
            }
        }
    }

    /// Calls `call` at each step that has a sample in its window.
    fn slide(
        &self,
        op: &MatrixOp,
        grid: Grid,
        samples: &[Sample],
        mut call: impl FnMut(Window<'_>) -> Flow,
    ) -> Flow {
        let (mut from, mut to) = (0, 0);
        let mut most = 0;
        let mut work = 0;
        for (step, time) in grid.times().enumerate() {
            let end = op.reference.time(time);
            let start = end.saturating_sub(op.range.as_millis());
            while to < samples.len() && samples[to].at.as_millis() <= end {
                to += 1;
            }
            while from < to && samples[from].at.as_millis() <= start {
                from += 1;
            }
            if from < to {
                most = most.max(to - from);
                work += to - from;
                if work > WORK_UNCHECKED {
                    work = 0;
                    self.check()?;
                }
                call(Window {
                    samples: &samples[from..to],
                    first: from,
                    start,
                    end,
                    time,
                    step,
                })?;
            }
        }
        // The largest window counts while it is looked at.
        let held = self.n_samples.get();
        self.hold(most)?;
        self.hold_only(held, 0)
    }

    pub(super) fn range_call(&self, call: &RangeCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let held = self.n_samples.get();
        let params = call
            .params
            .iter()
            .map(|param| self.scalar(param, grid))
            .collect::<Result<Vec<_>, _>>()?;
        let annotate = |note| self.annotate(note, &call.first_arg);
        let mut function = call.function.start(params, &annotate);
        let delayed = self.options.delayed_name_removal;
        let mut distinct = Distinct::default();
        let mut n_out = 0;
        self.samples(&call.matrix, grid, &mut |labels, drop_name, samples| {
            let column = self.called(&mut *function, call, grid, samples)?;
            if column.is_empty() {
                return Ok(());
            }
            self.hold(column.weight())?;
            n_out += column.weight();
            if call.function.wants_counter() {
                self.doubt_counter(call, labels);
            }
            let drop_name = drop_name || !call.function.keeps_name();
            let labels = match drop_name && !delayed {
                true => without_metadata(labels),
                false => labels.clone(),
            };
            if !delayed {
                distinct.add(&labels)?;
            }
            sink(EvalSeries {
                labels,
                drop_name,
                column,
            })
        })?;
        self.hold_only(held, n_out)
    }

    fn called(
        &self,
        function: &mut dyn Function,
        call: &RangeCall,
        grid: Grid,
        samples: &[Sample],
    ) -> Result<Column, EvalError> {
        let mut column = Column::empty(grid.len);
        function.begin(samples);
        self.slide(&call.matrix, grid, samples, |window| {
            let step = window.step;
            if let Some(value) = function.value(window)? {
                column.set(step, value);
            }
            Ok(())
        })?;
        Ok(column)
    }

    /// Says so if a metric that is taken for a counter has not the name of one.
    fn doubt_counter(&self, call: &RangeCall, labels: &Labels) {
        let name = labels.metric_name();
        let suffixes = ["_total", "_sum", "_count", "_bucket"];
        if !name.is_empty() && !suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            self.annotate(Note::PossibleNonCounter(name.to_owned()), &call.matrix.span);
        }
    }

    /// One series with 1 where no series has a sample.
    pub(super) fn absent_over_time(
        &self,
        matrix: &MatrixOp,
        labels: &Labels,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let held = self.n_samples.get();
        let mut present = Bits::none(grid.len);
        self.samples(matrix, grid, &mut |_, _, samples| {
            self.slide(matrix, grid, samples, |window| {
                present.set(window.step);
                Ok(())
            })
        })?;
        self.ones_where_absent(&present, labels, held, grid, sink)
    }

    /// One series with 1 where no series has a value.
    pub(super) fn absent(
        &self,
        arg: &VectorOp,
        labels: &Labels,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let held = self.n_samples.get();
        let mut present = Bits::none(grid.len);
        self.vector(arg, grid, &mut |series| {
            present.add(series.column.present());
            Ok(())
        })?;
        self.ones_where_absent(&present, labels, held, grid, sink)
    }

    fn ones_where_absent(
        &self,
        present: &Bits,
        labels: &Labels,
        held: usize,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let column = Column::new(vec![1.0; grid.len], present.inverse());
        self.hold_only(held, column.weight())?;
        match column.is_empty() {
            true => Ok(()),
            false => sink(EvalSeries::named(labels.clone(), column)),
        }
    }
}

/// The grid of a subquery whose windows end at the steps of `grid`, if it has a point.
fn subquery_grid(op: &MatrixOp, step: i64, grid: Grid) -> Option<Grid> {
    let last_step = grid.time(grid.len.checked_sub(1)?);
    let oldest = op
        .reference
        .time(grid.start)
        .saturating_sub(op.range.as_millis());
    let start = first_of_grid(oldest, step);
    let span = op.reference.time(last_step).checked_sub(start)?;
    let len = usize::try_from(span).ok()? / step as usize + 1;
    Some(Grid { start, step, len })
}

fn without_stale(samples: &[Sample]) -> Cow<'_, [Sample]> {
    match samples.iter().any(|s| is_stale_nan(s.value)) {
        true => Cow::Owned(
            samples
                .iter()
                .filter(|s| !is_stale_nan(s.value))
                .copied()
                .collect(),
        ),
        false => Cow::Borrowed(samples),
    }
}
