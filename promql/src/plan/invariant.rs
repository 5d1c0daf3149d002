//! Which expressions give the same at every step.
//!
//! Source: `preprocessExprHelper` in Prometheus, `promql/engine.go`.
use super::build::unwrapped;
use crate::ast::{Expr, Node};

/// Functions whose result follows from the time of evaluation, whatever their arguments.
const OF_TIME: [&str; 11] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
];

/// True if `expr` has one value at all steps, so that it is evaluated at the first alone.
pub(super) fn is_invariant(expr: &Expr) -> bool {
    match &expr.node {
        Node::Number(_) | Node::Duration(_) | Node::String(_) => true,
        Node::VectorSelector(selector) => selector.time.at.is_some(),
        Node::MatrixSelector(matrix) => matrix.selector.time.at.is_some(),
        Node::Subquery(subquery) => subquery.time.at.is_some(),
        Node::Call(call) => {
            let invariant_args = call.args.iter().all(is_invariant);
            // The time of a fixed sample is fixed.
            let fixed_timestamp = call.function.name == "timestamp"
                && call
                    .args
                    .iter()
                    .all(|arg| matches!(unwrapped(arg).node, Node::VectorSelector(_)));
            invariant_args && (fixed_timestamp || !OF_TIME.contains(&call.function.name))
        }
        Node::Aggregate(aggregate) => {
            is_invariant(&aggregate.expr) && aggregate.param.as_deref().is_none_or(is_invariant)
        }
        Node::Binary(binary) => is_invariant(&binary.lhs) && is_invariant(&binary.rhs),
        Node::Unary(unary) => is_invariant(&unary.expr),
        Node::Paren(inner) => is_invariant(inner),
    }
}
