//! Turns calls of functions into operators.
use model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher, regex::Regex};

use super::{
    build::{Place, Planner, string, unwrapped, value_type},
    edges,
    tree::{BucketQuestion, LabelRule, RangeCall, ScalarOp, SortKey, VectorOp},
};
use crate::{
    ast::{Call, Expr, Node, ValueType},
    error::EvalError,
    eval::{
        arithmetic::{max, min},
        functions::{LabelOrder, date, math, native},
        range::{Mixed, RangeFunction},
    },
    quote::is_invalid,
};

impl Planner<'_> {
    /// A call that gives a scalar.
    pub(super) fn scalar_call(&mut self, call: &Call, place: Place) -> Result<ScalarOp, EvalError> {
        let name = call.function.name;
        Ok(match name {
            "time" => ScalarOp::Time,
            "pi" => ScalarOp::Number(std::f64::consts::PI),
            "start" => ScalarOp::Number(self.steps.start().as_seconds()),
            "end" => ScalarOp::Number(self.end() as f64 / 1000.0),
            "range" => {
                let start = self.steps.start().as_millis();
                ScalarOp::Number(self.end().saturating_sub(start) as f64 / 1000.0)
            }
            "step" => ScalarOp::Number(self.step_seconds()),
            "scalar" => ScalarOp::FromVector(Box::new(self.vector_arg(call, 0, place)?)),
            "max_of" | "min_of" => {
                let sides = [
                    self.scalar_arg(call, 0, place)?,
                    self.scalar_arg(call, 1, place)?,
                ];
                let pick = if name == "max_of" { max } else { min };
                ScalarOp::Binary(pick, Box::new(sides))
            }
            _ => return Err(unsupported(name)),
        })
    }

    /// A call that gives an instant vector.
    pub(super) fn vector_call(
        &mut self,
        call: &Call,
        expr: &Expr,
        place: Place,
    ) -> Result<VectorOp, EvalError> {
        edges::check(call)?;
        let place = place.within(call.function.name);
        let name = call.function.name;
        if let Some(f) = math::named(name) {
            return Ok(VectorOp::Map(f, Box::new(self.vector_arg(call, 0, place)?)));
        }
        if let Some(f) = date::named(name) {
            return Ok(match call.args.is_empty() {
                true => VectorOp::FromScalar(ScalarOp::Map(f, Box::new(ScalarOp::Time))),
                false => VectorOp::Map(f, Box::new(self.vector_arg(call, 0, place)?)),
            });
        }
        if let Some(f) = native::named(name) {
            let arg = Box::new(self.vector_arg(call, 0, place)?);
            return Ok(VectorOp::OfHistogram(f, arg));
        }
        if let Some(function) = RangeFunction::named(name) {
            return Ok(VectorOp::Range(Box::new(
                self.range_call(function, call, place)?,
            )));
        }
        Ok(match name {
            "vector" => VectorOp::FromScalar(self.scalar_arg(call, 0, place)?),
            "timestamp" | "start_timestamp" => {
                let arg = unwrapped(&call.args[0]);
                match (&arg.node, name) {
                    (Node::VectorSelector(selector), "timestamp") => {
                        VectorOp::SampleTimes(self.select(selector, &arg.span, place)?)
                    }
                    (Node::VectorSelector(selector), _) => {
                        VectorOp::StartTimes(self.select(selector, &arg.span, place)?)
                    }
                    (_, "timestamp") => {
                        VectorOp::StepTimes(Box::new(self.vector_arg(call, 0, place)?))
                    }
                    _ => VectorOp::Nothing(Box::new(self.vector_arg(call, 0, place)?)),
                }
            }
            "absent" => {
                let labels = labels_of_absent(unwrapped(&call.args[0]));
                VectorOp::Absent(Box::new(self.vector_arg(call, 0, place)?), labels)
            }
            "absent_over_time" => {
                let labels = labels_of_absent(unwrapped(&call.args[0]));
                VectorOp::AbsentOverTime(Box::new(self.matrix(&call.args[0], place)?), labels)
            }
            "clamp" => VectorOp::Clamp {
                arg: Box::new(self.vector_arg(call, 0, place)?),
                min: Some(self.scalar_arg(call, 1, place)?),
                max: Some(self.scalar_arg(call, 2, place)?),
            },
            "clamp_min" => VectorOp::Clamp {
                arg: Box::new(self.vector_arg(call, 0, place)?),
                min: Some(self.scalar_arg(call, 1, place)?),
                max: None,
            },
            "clamp_max" => VectorOp::Clamp {
                arg: Box::new(self.vector_arg(call, 0, place)?),
                min: None,
                max: Some(self.scalar_arg(call, 1, place)?),
            },
            "round" => {
                let arg = Box::new(self.vector_arg(call, 0, place)?);
                let to = match call.args.len() {
                    1 => ScalarOp::Number(1.0),
                    _ => self.scalar_arg(call, 1, place)?,
                };
                VectorOp::Round(arg, to)
            }
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => VectorOp::Sort {
                key: match name {
                    "sort" | "sort_desc" => SortKey::Value,
                    _ => SortKey::Labels(LabelOrder::new(strings(name, &call.args[1..])?)),
                },
                descending: name.ends_with("_desc"),
                arg: Box::new(self.vector_arg(call, 0, place)?),
                span: expr.span.clone(),
            },
            "label_replace" | "label_join" => {
                let rule = match name {
                    "label_replace" => replace_rule(call)?,
                    _ => join_rule(call)?,
                };
                VectorOp::Relabel(Box::new(self.vector_arg(call, 0, place)?), Box::new(rule))
            }
            "info" => VectorOp::Info(Box::new(self.info_call(call, place)?)),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                self.bucket_call(call, place)?
            }
            _ => return Err(unsupported(name)),
        })
    }

    fn range_call(
        &mut self,
        function: RangeFunction,
        call: &Call,
        place: Place,
    ) -> Result<RangeCall, EvalError> {
        let is_matrix = |arg: &&Expr| value_type(arg) == ValueType::Matrix;
        let (windows, params): (Vec<&Expr>, Vec<&Expr>) = call.args.iter().partition(is_matrix);
        let matrix = self.matrix(windows.first().unwrap_or(&&call.args[0]), place)?;
        let params = params
            .into_iter()
            .map(|param| self.scalar(param, place))
            .collect::<Result<_, _>>()?;
        Ok(RangeCall {
            function,
            mixed: Mixed::named(call.function.name),
            matrix,
            params,
            first_arg: unwrapped(&call.args[0]).span.clone(),
        })
    }

    fn bucket_call(&mut self, call: &Call, place: Place) -> Result<VectorOp, EvalError> {
        let (question, vector) = match call.function.name {
            "histogram_quantile" => {
                let q = self.scalar_arg(call, 0, place)?;
                let span = unwrapped(&call.args[0]).span.clone();
                (BucketQuestion::Quantile(q, span), 1)
            }
            "histogram_fraction" => {
                let bounds = [
                    self.scalar_arg(call, 0, place)?,
                    self.scalar_arg(call, 1, place)?,
                ];
                (BucketQuestion::Fraction(bounds), 2)
            }
            name => {
                let label = string(name, &call.args[1])?.to_owned();
                let qs = (2..call.args.len())
                    .map(|i| {
                        let span = unwrapped(&call.args[i]).span.clone();
                        Ok((self.scalar_arg(call, i, place)?, span))
                    })
                    .collect::<Result<_, EvalError>>()?;
                (BucketQuestion::Quantiles(label, qs), 0)
            }
        };
        Ok(VectorOp::Buckets {
            question: Box::new(question),
            arg: Box::new(self.vector_arg(call, vector, place)?),
            arg_span: unwrapped(&call.args[vector]).span.clone(),
        })
    }

    fn vector_arg(&mut self, call: &Call, i: usize, place: Place) -> Result<VectorOp, EvalError> {
        self.vector(&call.args[i], place)
    }

    fn scalar_arg(&mut self, call: &Call, i: usize, place: Place) -> Result<ScalarOp, EvalError> {
        self.scalar(&call.args[i], place)
    }
}

fn unsupported(name: &str) -> EvalError {
    EvalError::Unsupported(format!("function {name:?}"))
}

fn strings(context: &'static str, args: &[Expr]) -> Result<Vec<String>, EvalError> {
    args.iter()
        .map(|arg| Ok(string(context, arg)?.to_owned()))
        .collect()
}

/// Any text but the empty one is a label's name.
fn destination(function: &'static str, label: &str) -> Result<String, EvalError> {
    match label.is_empty() || is_invalid(label) {
        true => Err(EvalError::DestinationLabel {
            function,
            label: label.to_owned(),
        }),
        false => Ok(label.to_owned()),
    }
}

fn replace_rule(call: &Call) -> Result<LabelRule, EvalError> {
    let texts = strings("label_replace", &call.args[1..])?;
    let pattern = Regex::new(&texts[3]).map_err(|_| EvalError::Pattern(texts[3].clone()))?;
    Ok(LabelRule::Replace {
        destination: destination("label_replace", &texts[0])?,
        replacement: texts[1].clone(),
        source: texts[2].clone(),
        pattern,
    })
}

fn join_rule(call: &Call) -> Result<LabelRule, EvalError> {
    let texts = strings("label_join", &call.args[1..])?;
    let sources = texts[2..].to_vec();
    if let Some(source) = sources.iter().find(|s| s.is_empty()) {
        return Err(EvalError::SourceLabel(source.clone()));
    }
    Ok(LabelRule::Join {
        destination: destination("label_join", &texts[0])?,
        separator: texts[1].clone(),
        sources,
    })
}

/// The labels that a selector names one value for: those of the series that is missing.
///
/// Source: `createLabelsForAbsentFunction` in Prometheus, `promql/functions.go`.
fn labels_of_absent(arg: &Expr) -> Labels {
    let matchers: &[Matcher] = match &arg.node {
        Node::VectorSelector(selector) => &selector.matchers,
        Node::MatrixSelector(matrix) => &matrix.selector.matchers,
        _ => &[],
    };
    let mut labels = LabelsBuilder::default();
    let mut named = Vec::new();
    for matcher in matchers.iter().filter(|m| m.name() != METRIC_NAME) {
        let name = matcher.name();
        if matcher.op() == MatchOp::Equal && !named.contains(&name) {
            labels.set(name, matcher.value());
            named.push(name);
        } else {
            labels.remove(name);
        }
    }
    labels.build()
}
