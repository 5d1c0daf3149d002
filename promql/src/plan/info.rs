//! Plans `info`: which info series there may be, and when they are looked at.
//!
//! Source: Prometheus, `promql/info.go`.
use model::{METRIC_NAME, MatchOp, Matcher};

use super::{
    build::{Place, Planner, unwrapped},
    tree::{InfoCall, Reference},
};
use crate::{
    ast::{Call, Expr, Node, TimeModifiers},
    error::EvalError,
};

/// The info metric that is looked at unless others are named.
const TARGET_INFO: &str = "target_info";

impl Planner<'_> {
    pub(super) fn info_call(&mut self, call: &Call, place: Place) -> Result<InfoCall, EvalError> {
        let arg = self.vector(&call.args[0], place)?;
        let written: &[Matcher] = match call.args.get(1).map(|arg| &unwrapped(arg).node) {
            Some(Node::VectorSelector(selector)) => &selector.matchers,
            _ => &[],
        };
        let (names, label_matchers): (Vec<Matcher>, Vec<Matcher>) = written
            .iter()
            .cloned()
            .partition(|m| m.name() == METRIC_NAME);
        let name_matchers = effective(names);
        let all: Vec<Matcher> = label_matchers
            .iter()
            .chain(&name_matchers)
            .cloned()
            .collect();
        let reference = self.time_of_first_selector(&call.args[0])?;
        Ok(InfoCall {
            arg,
            infos: self.latest(&all, reference, &unwrapped(&call.args[0]).span, place),
            name_matchers,
            label_matchers,
        })
    }

    /// Info series are looked at when the first selector of the argument looks.
    fn time_of_first_selector(&self, arg: &Expr) -> Result<Reference, EvalError> {
        let mut path = Vec::new();
        if !first_selector(arg, &mut path) {
            return self.reference(&TimeModifiers::default());
        }
        // From the selector outwards offsets add up until a fixed time makes what is further out irrelevant.
        let mut sum = Reference {
            at: None,
            offset: 0,
        };
        for time in path.into_iter().rev() {
            let Reference { at, offset } = self.reference(time)?;
            sum.offset = sum.offset.saturating_add(offset);
            sum.at = at;
            if at.is_some() {
                break;
            }
        }
        Ok(sum)
    }
}

/// What the names of info metrics are like: at least one condition says what they are, not only what they are not.
fn effective(mut names: Vec<Matcher>) -> Vec<Matcher> {
    let says_what = |m: &Matcher| matches!(m.op(), MatchOp::Equal | MatchOp::Regex);
    if names.is_empty() {
        return vec![Matcher::equal(METRIC_NAME, TARGET_INFO)];
    }
    if !names.iter().any(says_what) {
        let any_info = Matcher::new(MatchOp::Regex, METRIC_NAME, ".+_info")
            .expect("the pattern is a regular expression");
        names.insert(0, any_info);
    }
    names
}

/// Pushes the time modifiers of the first selector and of the subqueries around it; false if there is none.
fn first_selector<'e>(expr: &'e Expr, path: &mut Vec<&'e TimeModifiers>) -> bool {
    match &expr.node {
        Node::Number(_) | Node::Duration(_) | Node::String(_) => false,
        Node::VectorSelector(selector) => {
            path.push(&selector.time);
            true
        }
        Node::MatrixSelector(matrix) => {
            path.push(&matrix.selector.time);
            true
        }
        Node::Subquery(subquery) => {
            path.push(&subquery.time);
            let found = first_selector(&subquery.expr, path);
            if !found {
                path.pop();
            }
            found
        }
        Node::Call(call) => call.args.iter().any(|arg| first_selector(arg, path)),
        Node::Aggregate(aggregate) => {
            first_selector(&aggregate.expr, path)
                || aggregate
                    .param
                    .as_ref()
                    .is_some_and(|param| first_selector(param, path))
        }
        Node::Binary(binary) => {
            first_selector(&binary.lhs, path) || first_selector(&binary.rhs, path)
        }
        Node::Unary(unary) => first_selector(&unary.expr, path),
        Node::Paren(inner) => first_selector(inner, path),
    }
}
