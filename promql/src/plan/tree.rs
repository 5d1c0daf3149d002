//! The typed operators that a plan is made of.
use model::{Histogram, Labels, Matcher, Millis, regex::Regex};

use crate::{
    ast::{BinaryOp, Edges, Grouping, Span, VectorMatching},
    eval::{
        functions::LabelOrder,
        range::{Mixed, RangeFunction},
    },
};

/// The whole of a query, by the type of its value.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    Scalar(ScalarOp),
    String(String),
    Vector(VectorOp),
    Matrix(MatrixOp),
}

/// How the time that a selector looks at follows from the time of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reference {
    /// The time in place of the step's own, in milliseconds.
    pub(crate) at: Option<i64>,
    /// Milliseconds into the past.
    pub(crate) offset: i64,
}

impl Reference {
    /// The time looked at from a step at `time`.
    pub(crate) fn time(self, time: i64) -> i64 {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }
}

/// The latest sample of each series.
#[derive(Clone, Debug)]
pub(crate) struct InstantSelect {
    pub(crate) selection: usize,
    pub(crate) reference: Reference,
    pub(crate) lookback: Millis,
    /// Values lie on the lines between samples.
    pub(crate) smoothed: bool,
    /// Count and sum are all that is needed of native histograms.
    pub(crate) stats: bool,
    pub(crate) span: Span,
    /// All series have one metric name.
    pub(crate) one_name: bool,
}

/// One number for each step.
#[derive(Clone, Debug)]
pub(crate) enum ScalarOp {
    Number(f64),
    /// The time of the step, in seconds.
    Time,
    /// The value of the only series.
    FromVector(Box<VectorOp>),
    Map(fn(f64) -> f64, Box<ScalarOp>),
    Binary(fn(f64, f64) -> f64, Box<[ScalarOp; 2]>),
    /// The value at the first step, at every step.
    Once(Box<ScalarOp>),
}

/// A window of samples a series for each step.
#[derive(Clone, Debug)]
pub(crate) struct MatrixOp {
    pub(crate) samples: SampleSource,
    /// The window's width, above zero.
    pub(crate) range: Millis,
    pub(crate) reference: Reference,
    /// What is taken for the values at the window's edges, for which the next two are looked at.
    pub(crate) edges: Edges,
    /// Time before the window, in milliseconds.
    pub(crate) before: i64,
    /// Time after the window, in milliseconds.
    pub(crate) after: i64,
    /// Where annotations say that it stands.
    pub(crate) span: Span,
}

/// Where the samples of windows come from.
#[derive(Clone, Debug)]
pub(crate) enum SampleSource {
    Select {
        selection: usize,
        one_name: bool,
        /// Count and sum are all that is needed of native histograms.
        stats: bool,
    },
    /// An expression on a grid of its own, in milliseconds.
    Subquery { expr: Box<VectorOp>, step: i64 },
}

/// A function over windows.
#[derive(Clone, Debug)]
pub(crate) struct RangeCall {
    pub(crate) function: RangeFunction,
    /// The function where windows have histograms.
    pub(crate) mixed: Mixed,
    pub(crate) matrix: MatrixOp,
    pub(crate) params: Vec<ScalarOp>,
    /// The first argument of the call.
    pub(crate) first_arg: Span,
}

/// How `label_replace` and `label_join` make labels from labels.
#[derive(Clone, Debug)]
pub(crate) enum LabelRule {
    Replace {
        destination: String,
        replacement: String,
        source: String,
        pattern: Regex,
    },
    Join {
        destination: String,
        separator: String,
        sources: Vec<String>,
    },
}

/// By what a vector is sorted.
#[derive(Clone, Debug)]
pub(crate) enum SortKey {
    Value,
    Labels(LabelOrder),
}

/// What is asked of the buckets of classic histograms.
#[derive(Clone, Debug)]
pub(crate) enum BucketQuestion {
    Quantile(ScalarOp, Span),
    Quantiles(String, Vec<(ScalarOp, Span)>),
    Fraction([ScalarOp; 2]),
}

/// `info`: labels that a vector takes over from the info metrics of its targets.
#[derive(Clone, Debug)]
pub(crate) struct InfoCall {
    pub(crate) arg: VectorOp,
    /// The info series, looked at when the argument is.
    pub(crate) infos: InstantSelect,
    /// What the name of an info metric is like.
    pub(crate) name_matchers: Vec<Matcher>,
    /// The labels that are taken over, and what they are like; all, if there are none.
    pub(crate) label_matchers: Vec<Matcher>,
}

/// An aggregation.
#[derive(Clone, Debug)]
pub(crate) struct AggregateCall {
    pub(crate) kind: AggregateKind,
    pub(crate) grouping: Grouping,
    pub(crate) arg: Box<VectorOp>,
    pub(crate) arg_span: Span,
    /// The whole aggregation.
    pub(crate) span: Span,
}

/// How a group is made into series.
#[derive(Clone, Debug)]
pub(crate) enum AggregateKind {
    /// One small state for each step.
    Fold(Fold),
    /// So many of its series.
    Best(Best, Param),
    Quantile(Param),
    /// The label that tells the values apart.
    CountValues(String),
    LimitRatio(Param),
}

/// The aggregations that hold one small state for each step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fold {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
}

/// The aggregations that choose some series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Best {
    /// `topk`
    Greatest,
    /// `bottomk`
    Least,
    /// `limitk`
    Any,
}

/// The number that an aggregation takes, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) op: ScalarOp,
    pub(crate) span: Span,
}

/// A binary operator between a vector and a scalar.
#[derive(Clone, Debug)]
pub(crate) struct ScalarCall {
    pub(crate) op: BinaryOp,
    pub(crate) return_bool: bool,
    pub(crate) vector: VectorOp,
    pub(crate) scalar: ScalarOp,
    /// The scalar stands before the operator.
    pub(crate) scalar_first: bool,
    /// Both sides.
    pub(crate) span: Span,
}

/// A binary operator between two vectors.
#[derive(Clone, Debug)]
pub(crate) struct JoinCall {
    pub(crate) op: BinaryOp,
    pub(crate) matching: VectorMatching,
    pub(crate) return_bool: bool,
    pub(crate) sides: Box<[VectorOp; 2]>,
    /// Both sides.
    pub(crate) span: Span,
}

/// One sample a series for each step.
#[derive(Clone, Debug)]
pub(crate) enum VectorOp {
    Select(InstantSelect),
    /// `timestamp(selector)`: the times of the samples themselves.
    SampleTimes(InstantSelect),
    /// `timestamp(expr)`: the times of the steps.
    StepTimes(Box<VectorOp>),
    Range(Box<RangeCall>),
    AbsentOverTime(Box<MatrixOp>, Labels),
    Absent(Box<VectorOp>, Labels),
    FromScalar(ScalarOp),
    Map(fn(f64) -> f64, Box<VectorOp>),
    Clamp {
        arg: Box<VectorOp>,
        min: Option<ScalarOp>,
        max: Option<ScalarOp>,
    },
    Round(Box<VectorOp>, ScalarOp),
    Relabel(Box<VectorOp>, Box<LabelRule>),
    Info(Box<InfoCall>),
    Sort {
        arg: Box<VectorOp>,
        key: SortKey,
        descending: bool,
        span: Span,
    },
    Buckets {
        question: Box<BucketQuestion>,
        arg: Box<VectorOp>,
        arg_span: Span,
    },
    /// A number that a native histogram gives; numbers give nothing.
    OfHistogram(fn(&Histogram) -> f64, Box<VectorOp>),
    /// `start_timestamp(selector)`: where counting began, of the samples themselves.
    StartTimes(InstantSelect),
    /// `start_timestamp(expr)`: nobody knows.
    Nothing(Box<VectorOp>),
    Negate(Box<VectorOp>),
    Aggregate(AggregateCall),
    WithScalar(Box<ScalarCall>),
    Join(JoinCall),
    /// The value at the first step, at every step.
    Once(Box<VectorOp>),
}

impl VectorOp {
    /// True if all series that come out have one metric name, or none: then dropping the name makes no two alike.
    pub(crate) fn has_one_name(&self) -> bool {
        match self {
            Self::Select(select) | Self::SampleTimes(select) | Self::StartTimes(select) => {
                select.one_name
            }
            Self::Range(call) => call.matrix.has_one_name(),
            Self::WithScalar(call) => call.vector.has_one_name(),
            Self::StepTimes(arg)
            | Self::Map(_, arg)
            | Self::OfHistogram(_, arg)
            | Self::Clamp { arg, .. }
            | Self::Round(arg, _)
            | Self::Sort { arg, .. }
            | Self::Negate(arg)
            | Self::Once(arg) => arg.has_one_name(),
            Self::Absent(..)
            | Self::AbsentOverTime(..)
            | Self::FromScalar(_)
            | Self::Nothing(_) => true,
            Self::Aggregate(call) => match &call.grouping {
                Grouping::By(labels) => !labels.iter().any(|l| l == model::METRIC_NAME),
                Grouping::Without(_) => true,
            },
            Self::Info(call) => call.arg.has_one_name(),
            Self::Relabel(..) | Self::Buckets { .. } | Self::Join(_) => false,
        }
    }

    /// True if the order in which series come out is part of the result.
    pub(crate) fn is_ordered(&self) -> bool {
        match self {
            Self::Sort { .. } => true,
            Self::WithScalar(call) => call.vector.is_ordered(),
            Self::Aggregate(call) => matches!(
                call.kind,
                AggregateKind::Best(Best::Greatest | Best::Least, _)
            ),
            Self::StepTimes(arg)
            | Self::Map(_, arg)
            | Self::OfHistogram(_, arg)
            | Self::Clamp { arg, .. }
            | Self::Round(arg, _)
            | Self::Negate(arg)
            | Self::Relabel(arg, _)
            | Self::Once(arg) => arg.is_ordered(),
            Self::Join(call) => call.sides[0].is_ordered(),
            _ => false,
        }
    }
}

impl MatrixOp {
    /// The open start and the closed end of the window of the step at `time`, in milliseconds.
    pub(crate) fn window(&self, time: i64) -> (i64, i64) {
        let end = self.reference.time(time);
        (end.saturating_sub(self.range.as_millis()), end)
    }

    fn has_one_name(&self) -> bool {
        match &self.samples {
            SampleSource::Select { one_name, .. } => *one_name,
            SampleSource::Subquery { expr, .. } => expr.has_one_name(),
        }
    }
}
