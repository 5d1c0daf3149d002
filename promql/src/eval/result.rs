//! The result of a whole query.
use std::{num::NonZeroU64, sync::Arc};

use model::{Histogram, HistogramSample, Labels, Sample, Series, Steps, Timestamp};

use super::{
    Evaluator,
    column::{Column, EvalSeries, Grid, weight},
    looked_at::{Counted, WindowSizes},
    merge::{Merged, without_metadata},
    range::samples_with_edges,
};
use crate::{
    ast::Edges,
    error::EvalError,
    plan::{
        Plan,
        tree::{MatrixOp, Root, SampleSource},
    },
    value::{QueryValue, VectorSample},
};

impl Plan {
    /// The instants of the result.
    pub(super) fn grid(&self) -> Grid {
        let steps = self.steps;
        let step = match steps {
            Steps::Instant(_) => 1,
            Steps::Range { step, .. } => i64::try_from(NonZeroU64::get(step)).unwrap_or(i64::MAX),
        };
        Grid {
            start: steps.start().as_millis(),
            step,
            len: steps.count(),
            counted: match self.options.per_step_stats {
                true => Counted::ByStep,
                false => Counted::InTotal,
            },
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn root(&self, plan: &Plan, grid: Grid) -> Result<QueryValue, EvalError> {
        let at = plan.steps.start();
        let instant = matches!(plan.steps, Steps::Instant(_));
        match &plan.root {
            Root::String(text) => Ok(QueryValue::String {
                at,
                text: text.clone(),
            }),
            Root::Scalar(op) => {
                let column = Column::full(self.scalar(op, grid)?);
                Ok(match instant.then(|| column.get(0)).flatten() {
                    Some(value) => QueryValue::Scalar(Sample { at, value }),
                    None => {
                        let samples = samples(&column, grid);
                        QueryValue::Matrix(vec![Series::of_samples(Labels::empty(), samples)])
                    }
                })
            }
            Root::Vector(op) => {
                let mut list = Vec::new();
                self.vector(op, grid, &mut |series| {
                    list.push(series);
                    Ok(())
                })?;
                let mut list = self.named(list)?;
                if !instant || !op.is_ordered() {
                    list.sort_by(|a, b| a.labels.cmp(&b.labels));
                }
                Ok(match instant {
                    true => {
                        QueryValue::Vector(list.into_iter().filter_map(|s| only(s, at)).collect())
                    }
                    false => QueryValue::Matrix(
                        list.into_iter()
                            .map(|series| Series {
                                histograms: histograms(&series.column, grid),
                                ..Series::of_samples(series.labels, samples(&series.column, grid))
                            })
                            .collect(),
                    ),
                })
            }
            Root::Matrix(op) => self.windows_at_once(op, grid).map(QueryValue::Matrix),
        }
    }

    /// Drops the names that were marked.
    fn named(&self, list: Vec<EvalSeries>) -> Result<Vec<EvalSeries>, EvalError> {
        if !self.options.delayed_name_removal {
            return Ok(list);
        }
        let mut merged = Merged::new();
        for mut series in list {
            if series.drop_name {
                series.labels = without_metadata(&series.labels);
            }
            merged.add(series)?;
        }
        Ok(merged.into_series())
    }

    /// The samples of the one window of an instant query.
    fn windows_at_once(&self, op: &MatrixOp, grid: Grid) -> Result<Vec<Series>, EvalError> {
        let end = op.reference.time(grid.start);
        let start = end.saturating_sub(op.range.as_millis());
        let mut list = Vec::new();
        let is_subquery = matches!(op.samples, SampleSource::Subquery { .. });
        // No function takes the windows of a subquery, so its points count.
        self.samples(
            op,
            grid,
            Counted::AtEach,
            &mut |labels, drop_name, samples| {
                let (oldest, newest) = (
                    start.saturating_sub(op.before),
                    end.saturating_add(op.after),
                );
                let inside = |at: Timestamp| at.as_millis() > oldest && at.as_millis() <= newest;
                let histograms = samples.histograms.iter().filter(|s| inside(s.at));
                let histograms: Vec<HistogramSample> = histograms.cloned().collect();
                let samples = samples.floats.iter().filter(|s| inside(s.at));
                let mut samples: Vec<Sample> = samples.copied().collect();
                if op.edges != Edges::Plain && !histograms.is_empty() {
                    return Err(EvalError::EdgesOfHistograms(op.edges));
                }
                if op.edges != Edges::Plain {
                    let smoothed = op.edges == Edges::Smoothed;
                    samples = samples_with_edges(&samples, (start, end), smoothed);
                }
                let weights = histograms.iter().map(|s| weight(&s.histogram));
                let size = samples.len() + weights.sum::<usize>();
                self.hold(size)?;
                if !is_subquery {
                    let mut sizes = WindowSizes::default();
                    sizes.add(grid.counted, 0, size);
                    self.looked_at.add_windows(grid, &sizes);
                }
                if !samples.is_empty() || !histograms.is_empty() {
                    let labels = match drop_name {
                        true => without_metadata(labels),
                        false => labels.clone(),
                    };
                    list.push(Series {
                        histograms,
                        ..Series::of_samples(labels, samples)
                    });
                }
                Ok(())
            },
        )?;
        list.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(list)
    }
}

/// The values of a column with their times.
pub(super) fn samples(column: &Column, grid: Grid) -> Vec<Sample> {
    let sample = |(i, value)| Sample {
        at: Timestamp::from_millis(grid.time(i)),
        value,
    };
    column.iter().map(sample).collect()
}

/// The histograms of a column with their times.
pub(super) fn histograms(column: &Column, grid: Grid) -> Vec<HistogramSample> {
    let sample = |(i, histogram): (usize, &Arc<Histogram>)| HistogramSample {
        at: Timestamp::from_millis(grid.time(i)),
        histogram: Arc::clone(histogram),
    };
    column.histograms().map(sample).collect()
}

fn only(series: EvalSeries, at: Timestamp) -> Option<VectorSample> {
    let value = series.column.value(0)?;
    Some(VectorSample {
        labels: series.labels,
        at,
        value,
    })
}
