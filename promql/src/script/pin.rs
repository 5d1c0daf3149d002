//! The same query with `@` on everything, which must give the same result at any time of evaluation.
use model::Timestamp;

use crate::ast::{At, Expr, Node, TimeModifiers};

/// Functions whose result depends on the time of evaluation, whatever their arguments are.
const UNPINNABLE: &[&str] = &[
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

/// Puts `@ at` on every selector and subquery that names no time, outside of subqueries; false if that is not enough
/// to make the result independent of the time of evaluation.
pub(super) fn pin(expr: &mut Expr, at: Timestamp) -> bool {
    let set = |time: &mut TimeModifiers| {
        if !matches!(time.at, Some(At::Instant(_))) {
            time.at = Some(At::Instant(at));
        }
        true
    };
    match &mut expr.node {
        Node::Number(_) | Node::Duration(_) | Node::String(_) => true,
        Node::VectorSelector(selector) => set(&mut selector.time),
        Node::MatrixSelector(matrix) => set(&mut matrix.selector.time),
        Node::Subquery(subquery) => {
            set(&mut subquery.time);
            is_pinnable(&subquery.expr)
        }
        Node::Call(call) => {
            let pinnable = !UNPINNABLE.contains(&call.function.name);
            call.args.iter_mut().all(|arg| pin(arg, at)) && pinnable
        }
        Node::Aggregate(aggregate) => {
            aggregate.param.as_mut().is_none_or(|param| pin(param, at))
                && pin(&mut aggregate.expr, at)
        }
        Node::Binary(binary) => pin(&mut binary.lhs, at) && pin(&mut binary.rhs, at),
        Node::Unary(unary) => pin(&mut unary.expr, at),
        Node::Paren(inner) => pin(inner, at),
    }
}

/// True if no function in `expr` depends on the time of evaluation.
fn is_pinnable(expr: &Expr) -> bool {
    pin(&mut expr.clone(), Timestamp::from_millis(0))
}
