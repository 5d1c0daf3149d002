//! A query that sees nothing but one namespace.
//!
//! Source: prom-label-proxy's `injectproxy/enforce.go`, which the operator uses without refusing other matchers of the label.
use model::Matcher;
use promql::ast::{Expr, Node, VectorSelector};

/// Makes each selector of `expr` take only series whose `label` is `value`.
pub(crate) fn enforce(expr: &mut Expr, label: &str, value: &str) {
    let all = |exprs: Vec<&mut Expr>| exprs.into_iter().for_each(|e| enforce(e, label, value));
    match &mut expr.node {
        Node::Number(_) | Node::Duration(_) | Node::String(_) => {}
        Node::VectorSelector(selector) => narrow(selector, label, value),
        Node::MatrixSelector(matrix) => narrow(&mut matrix.selector, label, value),
        Node::Subquery(subquery) => all(vec![&mut subquery.expr]),
        Node::Call(call) => all(call.args.iter_mut().collect()),
        Node::Aggregate(aggregate) => {
            let param = aggregate.param.as_deref_mut();
            all(param.into_iter().chain([&mut *aggregate.expr]).collect());
        }
        Node::Binary(binary) => all(vec![&mut binary.lhs, &mut binary.rhs]),
        Node::Unary(unary) => all(vec![&mut unary.expr]),
        Node::Paren(inner) => all(vec![inner]),
    }
}

fn narrow(selector: &mut VectorSelector, label: &str, value: &str) {
    selector.matchers.retain(|matcher| matcher.name() != label);
    selector.matchers.push(Matcher::equal(label, value));
}
