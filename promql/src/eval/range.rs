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

/// Asks whether the evaluation is to end.
type Canceled<'c> = dyn Fn() -> bool + Sync + 'c;

/// Takes the labels, the mark of a dropped name, and the samples of a series.
type SampleSink<'s> = dyn FnMut(&Labels, bool, &[Sample]) -> Flow + 's;

/// Calls `call` at each step that has a sample in its window, and tells how many the largest window had.
fn slide(
    op: &MatrixOp,
    grid: Grid,
    samples: &[Sample],
    canceled: &Canceled<'_>,
    mut call: impl FnMut(Window<'_>) -> Flow,
) -> Result<usize, EvalError> {
    let (mut from, mut to) = (0, 0);
    let (mut largest, mut work) = (0, 0);
    for (step, time) in grid.times().enumerate() {
        let end = op.reference.time(time);
        let start = end.saturating_sub(op.range.as_millis());
        while to < samples.len() && samples[to].at.as_millis() <= end {
            to += 1;
        }
        while from < to && samples[from].at.as_millis() <= start {
            from += 1;
        }
        if from == to {
            continue;
        }
        largest = largest.max(to - from);
        work += to - from;
        if work > WORK_UNCHECKED {
            work = 0;
            if canceled() {
                return Err(EvalError::Canceled);
            }
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
    Ok(largest)
}

/// A call with all that any thread needs to work on a series.
struct Calling<'c> {
    call: &'c RangeCall,
    params: &'c [Vec<f64>],
    grid: Grid,
    canceled: &'c Canceled<'c>,
}

impl<'c> Calling<'c> {
    fn start(&self) -> Box<dyn Function + 'c> {
        self.call.function.start(self.params)
    }

    /// The values of one series, and the size of its largest window.
    fn values(
        &self,
        function: &mut dyn Function,
        samples: &[Sample],
    ) -> Result<(Column, usize), EvalError> {
        let mut column = Column::empty(self.grid.len);
        function.begin(samples);
        let matrix = &self.call.matrix;
        let largest = slide(matrix, self.grid, samples, self.canceled, |window| {
            let step = window.step;
            if let Some(value) = function.value(window)? {
                column.set(step, value);
            }
            Ok(())
        })?;
        Ok((column, largest))
    }
}

/// What is known of the series that came out of a call so far.
struct Called {
    distinct: Distinct,
    /// The last metric that was doubted to be a counter.
    doubted: String,
    n_out: usize,
}

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

    pub(super) fn range_call(&self, call: &RangeCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let held = self.n_samples.get();
        let params = call
            .params
            .iter()
            .map(|param| self.scalar(param, grid))
            .collect::<Result<Vec<_>, _>>()?;
        let calling = Calling {
            call,
            params: &params,
            grid,
            canceled: self.canceled,
        };
        let mut called = Called {
            distinct: Distinct::default(),
            doubted: String::new(),
            n_out: 0,
        };
        match &call.matrix.samples {
            SampleSource::Select { selection, .. } => self.spread(
                *selection,
                grid.len,
                || calling.start(),
                |function, series| calling.values(&mut **function, &without_stale(&series.samples)),
                |series, values| {
                    let (column, largest) = values?;
                    self.hold_for_now(largest)?;
                    let series = EvalSeries::named(series.labels.clone(), column);
                    self.hand_on_called(&calling, series, &mut called, sink)
                },
            )?,
            SampleSource::Subquery { .. } => {
                let mut function = calling.start();
                self.samples(&call.matrix, grid, &mut |labels, drop_name, samples| {
                    let (column, largest) = calling.values(&mut *function, samples)?;
                    self.hold_for_now(largest)?;
                    let series = EvalSeries {
                        labels: labels.clone(),
                        drop_name,
                        column,
                    };
                    self.hand_on_called(&calling, series, &mut called, sink)
                })?;
            }
        }
        self.hold_only(held, called.n_out)
    }

    /// Hands on a series of values under its new name.
    fn hand_on_called(
        &self,
        calling: &Calling<'_>,
        mut series: EvalSeries,
        called: &mut Called,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let function = calling.call.function;
        if series.column.is_empty() {
            return Ok(());
        }
        self.hold(series.column.weight())?;
        called.n_out += series.column.weight();
        if function.wants_counter() {
            self.doubt_counter(calling.call, &series.labels, called);
        }
        if let (RangeFunction::Quantile, [qs]) = (function, calling.params) {
            self.doubt_quantiles(calling.call, qs, &series.column);
        }
        series.drop_name |= !function.keeps_name();
        if !self.options.delayed_name_removal {
            if series.drop_name {
                series.labels = without_metadata(&series.labels);
            }
            called.distinct.add(&series.labels)?;
        }
        sink(series)
    }

    /// Says so if a quantile is none where it is asked for.
    fn doubt_quantiles(&self, call: &RangeCall, qs: &[f64], column: &Column) {
        let invalid = |(i, _): (usize, f64)| Some(qs[i]).filter(|q| !(0.0..=1.0).contains(q));
        let mut last = None;
        for q in column.iter().filter_map(invalid) {
            if last != Some(q.to_bits()) {
                self.annotate(Note::InvalidQuantile(q), &call.first_arg);
            }
            last = Some(q.to_bits());
        }
    }

    /// Says so if a metric that is taken for a counter has not the name of one.
    fn doubt_counter(&self, call: &RangeCall, labels: &Labels, called: &mut Called) {
        let name = labels.metric_name();
        if called.doubted == name {
            return;
        }
        let suffixes = ["_total", "_sum", "_count", "_bucket"];
        if !name.is_empty() && !suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            self.annotate(Note::PossibleNonCounter(name.to_owned()), &call.matrix.span);
            name.clone_into(&mut called.doubted);
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
            let largest = slide(matrix, grid, samples, self.canceled, |window| {
                present.set(window.step);
                Ok(())
            })?;
            self.hold_for_now(largest)
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
