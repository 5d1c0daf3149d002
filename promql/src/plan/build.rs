//! Turns each kind of expression into its operator.
use model::{Matcher, Millis, Steps};

use super::{
    QueryOptions,
    invariant::is_invariant,
    selections::{Bounds, Selections, one_name},
    tree::{
        AggregateCall, AggregateKind, Best, Fold, InstantSelect, JoinCall, MatrixOp, Param,
        Reference, Root, SampleSource, ScalarCall, ScalarOp, VectorOp,
    },
};
use crate::{
    ast::{
        Aggregate, AggregateOp, At, Binary, Cardinality, Edges, Expr, Fill, MatrixSelector, Node,
        Sign, Span, Subquery, TimeModifiers, Unary, ValueType, VectorMatching, VectorSelector,
    },
    error::EvalError,
    eval::arithmetic::scalar_operator,
    quote::is_invalid,
};

/// The type of the value of `expr`.
pub(super) fn value_type(expr: &Expr) -> ValueType {
    match &expr.node {
        Node::Number(_) | Node::Duration(_) => ValueType::Scalar,
        Node::String(_) => ValueType::String,
        Node::VectorSelector(_) | Node::Aggregate(_) => ValueType::Vector,
        Node::MatrixSelector(_) | Node::Subquery(_) => ValueType::Matrix,
        Node::Call(call) => call.function.returns,
        Node::Binary(binary) => match (value_type(&binary.lhs), value_type(&binary.rhs)) {
            (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
            _ => ValueType::Vector,
        },
        Node::Unary(Unary { expr, .. }) | Node::Paren(expr) => value_type(expr),
    }
}

/// What stands inside of all parentheses.
pub(super) fn unwrapped(expr: &Expr) -> &Expr {
    match &expr.node {
        Node::Paren(inner) => unwrapped(inner),
        _ => expr,
    }
}

/// Where in the query an expression stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The times at which it is evaluated.
    pub(super) bounds: Bounds,
    /// It is evaluated once, as a part of what surrounds it.
    pub(super) once: bool,
    /// What is needed of native histograms.
    pub(super) detail: Detail,
}

impl Place {
    /// The place of the arguments of `function`.
    pub(super) fn within(self, function: &str) -> Self {
        let detail = match (self.detail, function) {
            (Detail::All, _)
            | (_, "histogram_quantile" | "histogram_quantiles" | "histogram_fraction") => {
                Detail::All
            }
            (_, "histogram_count" | "histogram_sum" | "histogram_avg") => Detail::Stats,
            (detail, _) => detail,
        };
        Self { detail, ..self }
    }

    /// The place of what needs its histograms with all their buckets.
    fn with_buckets(self) -> Self {
        Self {
            detail: Detail::All,
            ..self
        }
    }
}

/// How much is needed of native histograms.
///
/// Source: `detectHistogramStatsDecoding` in Prometheus, `promql/engine.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Their buckets, as far as it is known.
    Unknown,
    /// Count and sum alone.
    Stats,
    /// Their buckets, whatever stands below.
    All,
}

/// The state of planning: the selections so far.
pub(super) struct Planner<'a> {
    pub(super) steps: Steps,
    pub(super) options: &'a QueryOptions,
    pub(super) selections: Selections,
    pub(super) has_subquery: bool,
}

impl<'a> Planner<'a> {
    pub(super) fn new(steps: Steps, options: &'a QueryOptions) -> Self {
        Self {
            steps,
            options,
            selections: Selections::default(),
            has_subquery: false,
        }
    }

    /// The end that was asked for, which may lie after the last step.
    pub(super) fn end(&self) -> i64 {
        match self.steps {
            Steps::Instant(at) => at.as_millis(),
            Steps::Range { range, .. } => range.end().as_millis(),
        }
    }

    pub(super) fn root(&mut self, expr: &Expr) -> Result<Root, EvalError> {
        let place = Place {
            bounds: Bounds {
                first: self.steps.start().as_millis(),
                last: self.steps.last().as_millis(),
            },
            once: false,
            detail: Detail::Unknown,
        };
        Ok(match value_type(expr) {
            ValueType::Scalar => Root::Scalar(self.scalar(expr, place)?),
            ValueType::String => Root::String(string("query", expr)?.to_owned()),
            ValueType::Vector => Root::Vector(self.vector(expr, place)?),
            ValueType::Matrix => Root::Matrix(self.matrix(expr, place)?),
        })
    }

    /// The operator of a scalar.
    pub(super) fn scalar(&mut self, expr: &Expr, place: Place) -> Result<ScalarOp, EvalError> {
        let expr = unwrapped(expr);
        if let Node::Number(value) | Node::Duration(value) = expr.node {
            return Ok(ScalarOp::Number(value));
        }
        let (inner, once) = entered(expr, place);
        let op = match &expr.node {
            Node::Unary(unary) => {
                let arg = self.scalar(&unary.expr, inner)?;
                match unary.sign {
                    Sign::Plus => arg,
                    Sign::Minus => ScalarOp::Map(|v| -v, Box::new(arg)),
                }
            }
            Node::Binary(binary) => {
                let sides = [
                    self.scalar(&binary.lhs, inner)?,
                    self.scalar(&binary.rhs, inner)?,
                ];
                if binary.op.is_trim() {
                    return Err(EvalError::ScalarOperator(binary.op.as_str()));
                }
                ScalarOp::Binary(scalar_operator(binary.op), Box::new(sides))
            }
            Node::Call(call) => self.scalar_call(call, inner)?,
            _ => return Err(type_error("scalar expression", ValueType::Scalar, expr)),
        };
        Ok(match once {
            true => ScalarOp::Once(Box::new(op)),
            false => op,
        })
    }

    /// The operator of an instant vector.
    pub(super) fn vector(&mut self, expr: &Expr, place: Place) -> Result<VectorOp, EvalError> {
        let expr = unwrapped(expr);
        let (inner, once) = entered(expr, place);
        let op = match &expr.node {
            Node::VectorSelector(selector) => {
                VectorOp::Select(self.select(selector, &expr.span, inner)?)
            }
            Node::Call(call) => self.vector_call(call, expr, inner)?,
            Node::Aggregate(aggregate) => {
                VectorOp::Aggregate(self.aggregate(aggregate, &expr.span, inner)?)
            }
            Node::Binary(binary) => self.binary(binary, &expr.span, inner)?,
            Node::Unary(unary) => {
                let arg = self.vector(&unary.expr, inner)?;
                match unary.sign {
                    Sign::Plus => arg,
                    Sign::Minus => VectorOp::Negate(Box::new(arg)),
                }
            }
            _ => return Err(type_error("vector expression", ValueType::Vector, expr)),
        };
        Ok(match once {
            true => VectorOp::Once(Box::new(op)),
            false => op,
        })
    }

    /// The operator of a range vector.
    pub(super) fn matrix(&mut self, expr: &Expr, place: Place) -> Result<MatrixOp, EvalError> {
        let expr = unwrapped(expr);
        match &expr.node {
            Node::MatrixSelector(matrix) => self.range_select(matrix, expr, place),
            Node::Subquery(subquery) => self.subquery(subquery, place),
            _ => Err(type_error("range expression", ValueType::Matrix, expr)),
        }
    }

    pub(super) fn select(
        &mut self,
        selector: &VectorSelector,
        span: &Span,
        place: Place,
    ) -> Result<InstantSelect, EvalError> {
        let reference = self.reference(&selector.time)?;
        if selector.edges != Edges::Smoothed {
            return Ok(self.latest(&selector.matchers, reference, span, place));
        }
        let lookback = self.options.lookback_delta;
        let millis = lookback.as_millis();
        let times = place.bounds.through(reference).until(millis);
        let width = millis.saturating_mul(2);
        Ok(InstantSelect {
            selection: self.selections.add(&selector.matchers, times, width),
            reference,
            lookback,
            smoothed: true,
            stats: place.detail == Detail::Stats,
            span: span.clone(),
            one_name: one_name(&selector.matchers),
        })
    }

    /// The latest samples of what matches, as seen from `reference`.
    pub(super) fn latest(
        &mut self,
        matchers: &[Matcher],
        reference: Reference,
        span: &Span,
        place: Place,
    ) -> InstantSelect {
        let lookback = self.options.lookback_delta;
        let times = place.bounds.through(reference);
        InstantSelect {
            selection: self.selections.add(matchers, times, lookback.as_millis()),
            reference,
            lookback,
            smoothed: false,
            stats: place.detail == Detail::Stats,
            span: span.clone(),
            one_name: one_name(matchers),
        }
    }

    fn range_select(
        &mut self,
        matrix: &MatrixSelector,
        expr: &Expr,
        place: Place,
    ) -> Result<MatrixOp, EvalError> {
        let reference = self.reference(&matrix.selector.time)?;
        let range = self.positive(&matrix.range)?;
        let lookback = self.options.lookback_delta.as_millis();
        let edges = matrix.selector.edges;
        let (before, after) = match edges {
            Edges::Plain => (0, 0),
            Edges::Anchored => (lookback, 0),
            Edges::Smoothed => (lookback, lookback),
        };
        let times = place.bounds.through(reference).until(after);
        let width = range
            .as_millis()
            .saturating_add(before)
            .saturating_add(after);
        let matchers = &matrix.selector.matchers;
        Ok(MatrixOp {
            samples: SampleSource::Select {
                stats: place.detail == Detail::Stats,
                selection: self.selections.add(matchers, times, width),
                one_name: one_name(matchers),
            },
            range,
            reference,
            edges,
            before,
            after,
            span: expr.span.clone(),
        })
    }

    fn subquery(&mut self, subquery: &Subquery, place: Place) -> Result<MatrixOp, EvalError> {
        self.has_subquery = true;
        let reference = self.reference(&subquery.time)?;
        let step = match &subquery.step {
            Some(step) => self.positive(step)?,
            None => self.options.subquery_step,
        };
        let step = step.as_millis().max(1);
        let range = self.positive(&subquery.range)?;
        let times = place.bounds.through(reference);
        let inner = Place {
            bounds: times.subquery(range.as_millis(), step),
            once: false,
            // Windows look for resets, which show in the buckets.
            detail: Detail::All,
        };
        Ok(MatrixOp {
            samples: SampleSource::Subquery {
                expr: Box::new(self.vector(&subquery.expr, inner)?),
                step,
            },
            range,
            reference,
            edges: Edges::Plain,
            before: 0,
            after: 0,
            // Prometheus evaluates subqueries apart and forgets where they stood.
            span: 0..0,
        })
    }

    fn aggregate(
        &mut self,
        call: &Aggregate,
        span: &Span,
        place: Place,
    ) -> Result<AggregateCall, EvalError> {
        let fold = AggregateKind::Fold;
        let kind = match call.op {
            AggregateOp::Sum => fold(Fold::Sum),
            AggregateOp::Avg => fold(Fold::Avg),
            AggregateOp::Count => fold(Fold::Count),
            AggregateOp::Min => fold(Fold::Min),
            AggregateOp::Max => fold(Fold::Max),
            AggregateOp::Group => fold(Fold::Group),
            AggregateOp::Stddev => fold(Fold::Stddev),
            AggregateOp::Stdvar => fold(Fold::Stdvar),
            AggregateOp::Topk => AggregateKind::Best(Best::Greatest, self.param(call, place)?),
            AggregateOp::Bottomk => AggregateKind::Best(Best::Least, self.param(call, place)?),
            AggregateOp::Limitk => AggregateKind::Best(Best::Any, self.param(call, place)?),
            AggregateOp::Quantile => AggregateKind::Quantile(self.param(call, place)?),
            AggregateOp::LimitRatio => AggregateKind::LimitRatio(self.param(call, place)?),
            AggregateOp::CountValues => match string("count_values", written_param(call)?)? {
                label if label.is_empty() || is_invalid(label) => {
                    return Err(EvalError::LabelName(label.to_owned()));
                }
                label => AggregateKind::CountValues(label.to_owned()),
            },
        };
        Ok(AggregateCall {
            kind,
            grouping: call.grouping.clone(),
            arg: Box::new(self.vector(&call.expr, place)?),
            arg_span: unwrapped(&call.expr).span.clone(),
            span: span.clone(),
        })
    }

    fn param(&mut self, call: &Aggregate, place: Place) -> Result<Param, EvalError> {
        let param = unwrapped(written_param(call)?);
        Ok(Param {
            op: self.scalar(param, place)?,
            span: param.span.clone(),
        })
    }

    fn binary(
        &mut self,
        binary: &Binary,
        span: &Span,
        place: Place,
    ) -> Result<VectorOp, EvalError> {
        let (lhs, rhs) = (&*binary.lhs, &*binary.rhs);
        let place = match binary.op.is_trim() {
            true => place.with_buckets(),
            false => place,
        };
        let (vector, scalar, scalar_first) = match (value_type(lhs), value_type(rhs)) {
            (ValueType::Vector, ValueType::Scalar) => (lhs, rhs, false),
            (ValueType::Scalar, ValueType::Vector) => (rhs, lhs, true),
            (ValueType::Vector, ValueType::Vector) => {
                let sides = [self.vector(lhs, place)?, self.vector(rhs, place)?];
                return Ok(VectorOp::Join(JoinCall {
                    op: binary.op,
                    matching: binary
                        .matching
                        .clone()
                        .unwrap_or_else(|| all_labels(binary)),
                    return_bool: binary.return_bool,
                    sides: Box::new(sides),
                    span: span.clone(),
                }));
            }
            (ValueType::Vector | ValueType::Scalar, _) => {
                return Err(type_error("binary expression", ValueType::Vector, rhs));
            }
            _ => return Err(type_error("binary expression", ValueType::Vector, lhs)),
        };
        // In the order of the text, so that selections come in it.
        let (vector, scalar) = match scalar_first {
            true => {
                let scalar = self.scalar(scalar, place)?;
                (self.vector(vector, place)?, scalar)
            }
            false => (self.vector(vector, place)?, self.scalar(scalar, place)?),
        };
        Ok(VectorOp::WithScalar(Box::new(ScalarCall {
            op: binary.op,
            return_bool: binary.return_bool,
            vector,
            scalar,
            scalar_first,
            span: span.clone(),
        })))
    }

    pub(super) fn reference(&self, time: &TimeModifiers) -> Result<Reference, EvalError> {
        Ok(Reference {
            at: time.at.map(|at| match at {
                At::Instant(at) => at.as_millis(),
                At::Start => self.steps.start().as_millis(),
                At::End => self.end(),
            }),
            offset: self.offset(&time.offset)?.as_millis(),
        })
    }

    /// The distance of the query's steps, in seconds; an instant query has none.
    pub(super) fn step_seconds(&self) -> f64 {
        match self.steps {
            Steps::Range { range, step } if range.start() != range.end() => {
                Millis::new(i64::try_from(step.get()).unwrap_or(i64::MAX)).as_seconds()
            }
            _ => 0.0,
        }
    }
}

/// The place of an expression's parts, and whether it is itself to be evaluated once.
fn entered(expr: &Expr, place: Place) -> (Place, bool) {
    let once = !place.once && is_invariant(expr);
    // Its one evaluation is at the first step.
    let last = match once {
        true => place.bounds.first,
        false => place.bounds.last,
    };
    let inner = Place {
        bounds: Bounds {
            first: place.bounds.first,
            last,
        },
        once: place.once || once,
        detail: place.detail,
    };
    (inner, once)
}

/// The matching of an operator that names none.
fn all_labels(binary: &Binary) -> VectorMatching {
    VectorMatching {
        cardinality: match binary.op.is_set() {
            true => Cardinality::ManyToMany,
            false => Cardinality::OneToOne,
        },
        on: false,
        labels: Vec::new(),
        include: Vec::new(),
        fill: Fill::NONE,
    }
}

/// The parameter of an aggregation that takes one; the parser has seen to it that it is there.
fn written_param(call: &Aggregate) -> Result<&Expr, EvalError> {
    let missing = || EvalError::Unsupported(format!("{:?} without a parameter", call.op));
    call.param.as_deref().ok_or_else(missing)
}

/// The text of a string literal.
pub(super) fn string<'e>(context: &'static str, expr: &'e Expr) -> Result<&'e str, EvalError> {
    match &unwrapped(expr).node {
        Node::String(text) => Ok(text),
        _ => Err(type_error(context, ValueType::String, expr)),
    }
}

pub(super) fn type_error(context: &'static str, expected: ValueType, expr: &Expr) -> EvalError {
    EvalError::Type {
        context,
        expected,
        found: value_type(expr),
    }
}
