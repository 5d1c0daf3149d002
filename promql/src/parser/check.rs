//! The types of an expression's parts, and the clauses that only some types allow.
//!
//! Source: `checkAST` in Prometheus, `promql/parser/parse.go`; errors are found in its order.
use model::METRIC_NAME;

use super::ParseError;
use crate::{
    ast::{
        Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, Fill, Node, Span, ValueType,
        VectorSelector,
    },
    quote::quote,
};

/// Checks `expr` and everything in it, and gives its type.
///
/// Also settles what only types can tell: set operators match many to many, and scalars are not matched at all.
pub(super) fn check(text: &str, expr: &mut Expr) -> Result<ValueType, ParseError> {
    Checker { text }.expr(expr)
}

struct Checker<'a> {
    text: &'a str,
}

type Checked<T> = Result<T, ParseError>;

impl Checker<'_> {
    fn fail<T>(&self, span: &Span, message: impl Into<String>) -> Checked<T> {
        Err(ParseError::new(self.text, span.clone(), message))
    }

    fn expr(&self, expr: &mut Expr) -> Checked<ValueType> {
        let span = &expr.span;
        match &mut expr.node {
            Node::Number(_) | Node::Duration(_) => Ok(ValueType::Scalar),
            Node::String(_) => Ok(ValueType::String),
            Node::VectorSelector(selector) => {
                self.selector(span, selector, false)?;
                Ok(ValueType::Vector)
            }
            Node::MatrixSelector(matrix) => {
                self.selector(span, &matrix.selector, false)?;
                Ok(ValueType::Matrix)
            }
            Node::Subquery(subquery) => match self.expr(&mut subquery.expr)? {
                ValueType::Vector => Ok(ValueType::Matrix),
                other => {
                    let got = other.as_str();
                    self.fail(
                        span,
                        format!("subquery is only allowed on instant vector, got {got} instead"),
                    )
                }
            },
            Node::Call(call) => self.call(span, call),
            Node::Aggregate(aggregate) => self.aggregate(aggregate),
            Node::Binary(binary) => self.binary(span, binary),
            Node::Unary(unary) => match self.expr(&mut unary.expr)? {
                good @ (ValueType::Scalar | ValueType::Vector) => Ok(good),
                other => {
                    let got = other.documented();
                    self.fail(
                        span,
                        format!("unary expression only allowed on expressions of type scalar or instant vector, got {got:?}"),
                    )
                }
            },
            Node::Paren(inner) => self.expr(inner),
        }
    }

    fn expect(&self, expr: &mut Expr, wanted: ValueType, place: &str) -> Checked<()> {
        let got = self.expr(expr)?;
        if got == wanted {
            return Ok(());
        }
        let (wanted, got) = (wanted.documented(), got.documented());
        self.fail(
            &expr.span,
            format!("expected type {wanted} in {place}, got {got}"),
        )
    }

    /// `may_be_empty`: the selector may match series without any of its labels.
    fn selector(&self, span: &Span, selector: &VectorSelector, may_be_empty: bool) -> Checked<()> {
        if let Some(name) = &selector.name {
            // The first matcher is the name before the braces.
            return match selector.matchers[1..]
                .iter()
                .find(|m| m.name() == METRIC_NAME)
            {
                None => Ok(()),
                Some(second) => {
                    let (name, second) = (quote(name), quote(second.value()));
                    self.fail(
                        span,
                        format!("metric name must not be set twice: {name} or {second}"),
                    )
                }
            };
        }
        if !may_be_empty && selector.matchers.iter().all(|m| m.matches_empty()) {
            return self.fail(
                span,
                "vector selector must contain at least one non-empty matcher",
            );
        }
        Ok(())
    }

    fn aggregate(&self, aggregate: &mut Aggregate) -> Checked<ValueType> {
        self.expect(
            &mut aggregate.expr,
            ValueType::Vector,
            "aggregation expression",
        )?;
        if let Some(param) = &mut aggregate.param {
            let wanted = match aggregate.op {
                AggregateOp::CountValues => ValueType::String,
                _ => ValueType::Scalar,
            };
            self.expect(param, wanted, "aggregation parameter")?;
        }
        Ok(ValueType::Vector)
    }

    fn call(&self, span: &Span, call: &mut Call) -> Checked<ValueType> {
        let (function, got) = (call.function, call.args.len());
        let (name, wanted) = (function.name, function.args.len());
        let message = match usize::try_from(function.variadic) {
            Ok(0) if got != wanted => Some(format!("expected {wanted} argument(s)")),
            Ok(0) => None,
            _ if got + 1 < wanted => Some(format!("expected at least {} argument(s)", wanted - 1)),
            Ok(more) if got > wanted - 1 + more => Some(format!(
                "expected at most {} argument(s)",
                wanted - 1 + more
            )),
            _ => None,
        };
        if let Some(message) = message {
            return self.fail(span, format!("{message} in call to {name:?}, got {got}"));
        }
        if name == "info" && got > 1 {
            return self.info(span, call);
        }
        for (i, arg) in call.args.iter_mut().enumerate() {
            let wanted = function.args[i.min(wanted - 1)];
            self.expect(arg, wanted, &format!("call to function {name:?}"))?;
        }
        Ok(function.returns)
    }

    /// The second argument of `info` is a selector without a name, and may match everything.
    fn info(&self, span: &Span, call: &mut Call) -> Checked<ValueType> {
        let place = "call to function \"info\"";
        let got = call.args[1].value_type();
        if got != ValueType::Vector {
            let (wanted, got) = (ValueType::Vector.documented(), got.documented());
            return self.fail(
                span,
                format!("expected type {wanted} in {place}, got {got}"),
            );
        }
        let second = &call.args[1];
        match &second.node {
            Node::VectorSelector(selector) if selector.name.is_none() => {}
            Node::VectorSelector(_) => {
                let message = "expected label selectors only, got vector selector instead";
                return self.fail(&second.span, message);
            }
            _ => return self.fail(&second.span, "expected label selectors only"),
        }
        self.expect(&mut call.args[0], ValueType::Vector, place)?;
        Ok(call.function.returns)
    }

    fn binary(&self, span: &Span, binary: &mut Binary) -> Checked<ValueType> {
        let (lhs, rhs) = (self.expr(&mut binary.lhs)?, self.expr(&mut binary.rhs)?);
        let op_span = operator_span(self.text, &binary.lhs.span, &binary.rhs.span);
        let op = binary.op;
        if binary.return_bool && !op.is_comparison() {
            return self.fail(
                &op_span,
                "bool modifier can only be used on comparison operators",
            );
        }
        let both_scalar = lhs == ValueType::Scalar && rhs == ValueType::Scalar;
        if op.is_comparison() && !binary.return_bool && both_scalar {
            return self.fail(
                &op_span,
                "comparisons between scalars must use BOOL modifier",
            );
        }
        let Some(matching) = &mut binary.matching else {
            return Ok(lhs.joined(rhs));
        };
        let twice = matching
            .labels
            .iter()
            .find(|l| matching.on && matching.include.contains(l));
        if let Some(label) = twice {
            let label = quote(label);
            let message = format!("label {label} must not occur in ON and GROUP clause at once");
            return self.fail(&op_span, message);
        }
        for (side, got) in [(&binary.lhs, lhs), (&binary.rhs, rhs)] {
            if !matches!(got, ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.fail(&side.span, message);
            }
        }
        if lhs != ValueType::Vector || rhs != ValueType::Vector {
            if !matching.labels.is_empty() {
                return self.fail(span, "vector matching only allowed between instant vectors");
            }
            if matching.fill != Fill::NONE {
                let message = "filling in missing series only allowed between instant vectors";
                return self.fail(span, message);
            }
            binary.matching = None;
        } else if op.is_set() {
            if matching.cardinality != Cardinality::OneToOne {
                return self.fail(
                    span,
                    format!("no grouping allowed for {:?} operation", op.as_str()),
                );
            }
            if matching.fill != Fill::NONE {
                let message = "filling in missing series not allowed for set operators";
                return self.fail(span, message);
            }
            matching.cardinality = Cardinality::ManyToMany;
        }
        if op.is_set() && (lhs == ValueType::Scalar || rhs == ValueType::Scalar) {
            let op = op.as_str();
            let message = format!("set operator {op:?} not allowed in binary scalar expression");
            return self.fail(span, message);
        }
        Ok(lhs.joined(rhs))
    }
}

/// What stands between the sides, without blanks around it.
fn operator_span(text: &str, lhs: &Span, rhs: &Span) -> Span {
    let between = &text[lhs.end..rhs.start];
    let blank = [' ', '\t', '\n', '\r'];
    let start = lhs.end + between.len() - between.trim_start_matches(blank).len();
    let end = lhs.end + between.trim_end_matches(blank).len();
    start..end.max(start)
}
