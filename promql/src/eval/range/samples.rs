//! The samples that windows look at: of a selection, or of an expression on a grid of its own.
use std::{borrow::Cow, sync::Arc};

use model::{Labels, ResetHint};

use super::slide::Samples;
use crate::{
    error::EvalError,
    eval::{Evaluator, Flow, column::Grid, looked_at::Counted, result},
    plan::{
        selections::first_of_grid,
        tree::{MatrixOp, SampleSource},
    },
};

/// Takes the labels, the mark of a dropped name, and the samples of a series.
type SampleSink<'s> = dyn FnMut(&Labels, bool, &Samples<'_>) -> Flow + 's;

impl Evaluator<'_> {
    /// Hands on the samples of each series that the windows of `op` need, without staleness markers; what the points
    /// of a subquery look at is `counted`.
    pub(in crate::eval) fn samples(
        &self,
        op: &MatrixOp,
        grid: Grid,
        counted: Counted,
        each: &mut SampleSink<'_>,
    ) -> Flow {
        match &op.samples {
            SampleSource::Select {
                selection, stats, ..
            } => {
                let n_parts = self.source.extent(*selection).n_parts;
                (0..n_parts).try_for_each(|part| {
                    self.check()?;
                    self.source.part(*selection, part, &mut |series| {
                        let samples = Samples::of(series, *stats, self.options.start_timestamps);
                        each(&series.labels, false, &samples)
                    })
                })
            }
            SampleSource::Subquery { expr, step } => {
                let Some(inner) = subquery_grid(op, *step, grid, counted) else {
                    return Ok(());
                };
                // A single series of that many points would be too much.
                if inner.len > self.options.max_samples {
                    return Err(EvalError::TooManySamples);
                }
                self.vector(expr, inner, &mut |mut series| {
                    // What is known of resets is known of neighbours that may be left out here.
                    series.column.map_histograms(|histogram| {
                        let histogram = Arc::clone(histogram);
                        match histogram.reset_hint {
                            ResetHint::Reset | ResetHint::NotReset => {
                                histogram.with_hint(ResetHint::Unknown)
                            }
                            ResetHint::Unknown | ResetHint::Gauge => histogram,
                        }
                    });
                    let samples = Samples {
                        floats: Cow::Owned(result::samples(&series.column, inner)),
                        histograms: Cow::Owned(result::histograms(&series.column, inner)),
                        starts: &[],
                    };
                    each(&series.labels, series.drop_name, &samples)
                })
            }
        }
    }
}

/// The grid of a subquery whose windows end at the steps of `grid`, if it has a point.
fn subquery_grid(op: &MatrixOp, step: i64, grid: Grid, counted: Counted) -> Option<Grid> {
    let last_step = grid.time(grid.len.checked_sub(1)?);
    let oldest = op
        .reference
        .time(grid.start)
        .saturating_sub(op.range.as_millis());
    let start = first_of_grid(oldest, step);
    let span = op.reference.time(last_step).checked_sub(start)?;
    let len = usize::try_from(span).ok()? / step as usize + 1;
    Some(Grid {
        start,
        step,
        len,
        counted,
    })
}
