//! From a syntax tree to what is fetched and what is computed.
//!
//! ```text
//! Expr ──plan──> Plan { selections, tree } ──the shell fetches──> Source ──evaluate──> QueryValue
//! ```
//!
//! A plan knows every time that the query will look at, so that all series can be fetched before evaluation
//! begins. Parts that give the same at every step are marked to be evaluated once.
mod build;
mod calls;
mod edges;
mod info;
mod invariant;
mod length;
pub(crate) mod selections;
pub(crate) mod tree;

use std::num::NonZeroUsize;

use model::{Millis, Steps};

use crate::{
    ast::{Expr, ValueType},
    error::EvalError,
    source::Selection,
};
use build::{Planner, value_type};
use tree::Root;

/// What a query is evaluated with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryOptions {
    /// A sample counts for an instant while it is younger than this.
    pub lookback_delta: Millis,
    /// How many samples may be held at once.
    pub max_samples: usize,
    /// The grid of subqueries that name none: the default evaluation interval.
    pub subquery_step: Millis,
    /// How many threads may work on one query; what comes out does not depend on it.
    pub threads: NonZeroUsize,
    /// Names are dropped from the result alone rather than by each function, as with
    /// `--enable-feature=promql-delayed-name-removal`.
    pub delayed_name_removal: bool,
    /// Counters are taken to begin where their samples say so, as with `--enable-feature=use-start-timestamps`.
    pub start_timestamps: bool,
    /// A counter is known by its label `__type__` rather than by its name, as with
    /// `--enable-feature=type-and-unit-labels`.
    pub metadata_labels: bool,
    /// The samples that each step looks at are counted one by one, as with `--enable-feature=promql-per-step-stats`.
    pub per_step_stats: bool,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self {
            lookback_delta: Millis::from_seconds(5 * 60),
            max_samples: 50_000_000,
            subquery_step: Millis::from_seconds(60),
            threads: NonZeroUsize::MIN,
            delayed_name_removal: false,
            start_timestamps: false,
            metadata_labels: false,
            per_step_stats: false,
        }
    }
}

/// A query, ready to be evaluated over a source that holds its selections.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The series and times to fetch; a source names them by their place in this list.
    pub selections: Vec<Selection>,
    /// The instants of the result.
    pub steps: Steps,
    /// The type of the result before it is spread over steps: a range query gives a matrix for it.
    pub value_type: ValueType,
    /// True if parts are evaluated on grids of their own, which may have many more instants than the result.
    pub has_subquery: bool,
    pub(crate) options: QueryOptions,
    pub(crate) root: Root,
}

/// Plans the evaluation of `expr`, which the parser has checked, at `steps`.
///
/// # Errors
/// [`EvalError`] where no data could give a result: arguments that no evaluation takes, and parts of the
/// language that are not supported.
pub fn plan(expr: &Expr, steps: Steps, options: &QueryOptions) -> Result<Plan, EvalError> {
    let value_type = value_type(expr);
    let has_steps = matches!(steps, Steps::Range { .. });
    if has_steps && !matches!(value_type, ValueType::Scalar | ValueType::Vector) {
        return Err(EvalError::RangeQueryType(value_type));
    }
    let mut planner = Planner::new(steps, options);
    let root = planner.root(expr)?;
    Ok(Plan {
        selections: planner.selections.list,
        steps,
        value_type,
        has_subquery: planner.has_subquery,
        options: *options,
        root,
    })
}

#[cfg(test)]
mod tests;
