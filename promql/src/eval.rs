//! Evaluates a plan over its series, one series' whole range of steps at a time.
//!
//! Every vector operator pushes the series of its result into a sink as soon as they are known. Operators that
//! work on a series alone hold nothing; aggregations hold their groups; joins, sorts, quantiles and what renames
//! labels hold their input, within the query's limit of samples.
//!
//! Source: Prometheus, `promql/engine.go`.
mod aggregate;
pub(crate) mod arithmetic;
mod binary;
mod bits;
mod column;
pub(crate) mod functions;
mod histograms;
mod kahan;
mod looked_at;
mod merge;
mod quantile;
pub(crate) mod range;
mod result;
mod select;
mod smooth;
mod spread;
mod stats;

use std::cell::{Cell, RefCell};

use crate::{
    annotations::{Annotations, Note},
    ast::Span,
    error::EvalError,
    plan::{
        Plan, QueryOptions,
        tree::{ScalarOp, VectorOp},
    },
    source::Source,
    value::QueryValue,
};
use column::{Column, EvalSeries, Grid};
use looked_at::LookedAt;

pub use looked_at::SampleCounts;

/// Goes on, or ends the evaluation.
type Flow = Result<(), EvalError>;

/// Takes the series of a vector, one after the other.
type Sink<'s> = dyn FnMut(EvalSeries) -> Flow + 's;

/// A result and what there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The result.
    pub value: QueryValue,
    /// Warnings and infos.
    pub annotations: Annotations,
    /// The samples that it took.
    pub samples: SampleCounts,
}

/// Evaluates `plan` over `source`, which has the series of the plan's selections in their order.
///
/// `canceled` is asked regularly; once it says yes, evaluation ends soon with [`EvalError::Canceled`].
///
/// # Errors
/// [`EvalError`], with Prometheus' texts.
pub fn evaluate(
    plan: &Plan,
    source: &dyn Source,
    canceled: &(dyn Fn() -> bool + Sync),
) -> Result<Evaluation, EvalError> {
    let grid = plan.grid();
    let evaluator = Evaluator {
        source,
        options: &plan.options,
        canceled,
        n_samples: Cell::new(0),
        peak: Cell::new(0),
        looked_at: LookedAt::new(grid),
        annotations: RefCell::default(),
    };
    let value = evaluator.root(plan, grid)?;
    Ok(Evaluation {
        value,
        annotations: evaluator.annotations.into_inner(),
        samples: evaluator.looked_at.into_counts(evaluator.peak.get()),
    })
}

/// The state of one evaluation.
struct Evaluator<'a> {
    source: &'a dyn Source,
    options: &'a QueryOptions,
    canceled: &'a (dyn Fn() -> bool + Sync),
    /// How many samples are held, counted as Prometheus does.
    n_samples: Cell<usize>,
    /// The most that were held at once.
    peak: Cell<usize>,
    looked_at: LookedAt,
    annotations: RefCell<Annotations>,
}

impl Evaluator<'_> {
    /// Pushes the series of `op` into `sink`; no two have the same labels, and each has a value at some step.
    fn vector(&self, op: &VectorOp, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        self.check()?;
        match op {
            VectorOp::Select(select) => self.select(select, grid, sink),
            VectorOp::SampleTimes(select) => self.sample_times(select, grid, sink),
            VectorOp::StartTimes(select) => self.start_times(select, grid, sink),
            VectorOp::StepTimes(arg) => self.step_times(arg, grid, sink),
            VectorOp::Range(call) => self.range_call(call, grid, sink),
            VectorOp::AbsentOverTime(matrix, labels) => {
                self.absent_over_time(matrix, labels, grid, sink)
            }
            VectorOp::Absent(arg, labels) => self.absent(arg, labels, grid, sink),
            VectorOp::FromScalar(scalar) => self.vector_of(scalar, grid, sink),
            VectorOp::Map(f, arg) => self.map_values(arg, grid, &|column| column.map(f), sink),
            VectorOp::OfHistogram(f, arg) => {
                let of_histograms = |column: &mut Column| {
                    let mut numbers = Column::empty(grid.len);
                    for (i, histogram) in column.histograms() {
                        numbers.set(i, f(histogram));
                    }
                    *column = numbers;
                };
                self.map_values(arg, grid, &of_histograms, sink)
            }
            VectorOp::Negate(arg) => self.map_values(arg, grid, &Column::negate, sink),
            VectorOp::Clamp { arg, min, max } => {
                self.clamp(arg, [min.as_ref(), max.as_ref()], grid, sink)
            }
            VectorOp::Round(arg, to) => self.round(arg, to, grid, sink),
            VectorOp::Relabel(arg, rule) => self.relabel(arg, rule, grid, sink),
            VectorOp::Info(call) => self.info(call, grid, sink),
            VectorOp::Sort {
                arg,
                key,
                descending,
                span,
            } => self.sort(arg, key, *descending, span, grid, sink),
            VectorOp::Buckets {
                question,
                arg,
                arg_span,
            } => self.buckets(question, arg, arg_span, grid, sink),
            VectorOp::Nothing(arg) => {
                let held = self.n_samples.get();
                self.vector(arg, grid, &mut |_| Ok(()))?;
                self.hold_only(held, 0)
            }
            VectorOp::Aggregate(call) => self.aggregate(call, grid, sink),
            VectorOp::WithScalar(call) => self.with_scalar(call, grid, sink),
            VectorOp::Join(call) => self.join(call, grid, sink),
            VectorOp::Once(inner) => self.vector(inner, grid.first(), &mut |mut series| {
                if grid.len > 1 {
                    self.hold(grid.len - 1)?;
                    series.column = series.column.spread(grid.len);
                }
                sink(series)
            }),
        }
    }

    /// The values of a scalar at all steps.
    fn scalar(&self, op: &ScalarOp, grid: Grid) -> Result<Vec<f64>, EvalError> {
        Ok(match op {
            ScalarOp::Number(value) => vec![*value; grid.len],
            ScalarOp::Time => grid.times().map(|time| time as f64 / 1000.0).collect(),
            ScalarOp::FromVector(arg) => self.only_value(arg, grid)?,
            ScalarOp::Map(f, arg) => self.scalar(arg, grid)?.into_iter().map(f).collect(),
            ScalarOp::Binary(f, sides) => {
                let [lhs, rhs] = &**sides;
                let (lhs, rhs) = (self.scalar(lhs, grid)?, self.scalar(rhs, grid)?);
                lhs.into_iter().zip(rhs).map(|(l, r)| f(l, r)).collect()
            }
            ScalarOp::Once(inner) => {
                let first = self.scalar(inner, grid.first())?;
                first.into_iter().cycle().take(grid.len).collect()
            }
        })
    }

    /// Ends the evaluation if the caller wants it no more.
    fn check(&self) -> Flow {
        match (self.canceled)() {
            true => Err(EvalError::Canceled),
            false => Ok(()),
        }
    }

    /// Counts `n` more samples as held.
    fn hold(&self, n: usize) -> Flow {
        self.hold_only(self.n_samples.get(), n)
    }

    /// Counts `n` samples as held beside the `others`, and what else was counted as gone.
    fn hold_only(&self, others: usize, n: usize) -> Flow {
        let held = others + n;
        self.n_samples.set(held);
        self.peak.set(self.peak.get().max(held));
        match held > self.options.max_samples {
            true => Err(EvalError::TooManySamples),
            false => Ok(()),
        }
    }

    /// Counts `n` more samples as held, but only for this moment.
    fn hold_for_now(&self, n: usize) -> Flow {
        let held = self.n_samples.get();
        self.hold(n)?;
        self.hold_only(held, 0)
    }

    fn annotate(&self, note: Note, span: &Span) {
        self.annotations.borrow_mut().add(note, Some(span.clone()));
    }
}

#[cfg(test)]
mod tests;
