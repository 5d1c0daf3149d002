//! Why a query could not be planned or evaluated, with Prometheus' texts.
use model::Labels;

use crate::{
    ast::{Edges, Span, ValueType},
    quote::quote,
};

/// The side of a binary operator that was to have one series per match group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the operator.
    Left,
    /// After the operator.
    Right,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// A query that has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// The function cannot look beyond the edges of its window.
    #[error("{modifier} modifier can only be used with: {functions} - not with {function}")]
    Edges {
        /// `anchored` or `smoothed`.
        modifier: &'static str,
        /// Those that can.
        functions: String,
        /// The one that cannot.
        function: &'static str,
    },
    /// The computation of a window, a step or an offset gives none.
    #[error("{}:{}: {reason}", span.start, span.end)]
    Length {
        /// The bytes that compute it.
        span: Span,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More samples than the limit would be held at once.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The caller wants no result any more.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// Two series of a result have the same labels.
    #[error("vector cannot contain metrics with the same labelset")]
    DuplicateLabelset,
    /// Two series on the side that should have one.
    #[error(
        "found duplicate series for the match group {group} on the {} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
        side.as_str(), series[0], series[1]
    )]
    DuplicateSeries {
        /// The labels that they match by.
        group: Labels,
        /// The side they stand on.
        side: Side,
        /// The two, in the order of their texts.
        series: Box<[String; 2]>,
    },
    /// Two series on the left meet one on the right.
    #[error(
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    )]
    ImplicitManyToOne,
    /// The labels of a many-to-one match do not tell its results apart.
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    AmbiguousGrouping,
    /// The label of `count_values` is none.
    #[error("invalid label name {}", quote(.0))]
    LabelName(String),
    /// The pattern of `label_replace` does not compile.
    #[error("invalid regular expression in label_replace(): {0}")]
    Pattern(String),
    /// The label to write is none.
    #[error("invalid destination label name in {function}(): {label}")]
    DestinationLabel {
        /// `label_replace` or `label_join`.
        function: &'static str,
        /// What was written.
        label: String,
    },
    /// A label to read is none.
    #[error("invalid source label name in label_join(): {0}")]
    SourceLabel(String),
    /// The number of `topk` and its like is too small for an integer.
    #[error("Scalar value {0} underflows int64")]
    Underflow(String),
    /// The number of `topk` and its like is too large for an integer.
    #[error("Scalar value {0} overflows int64")]
    Overflow(String),
    /// The number of `topk` and its like is NaN.
    #[error("Parameter value is NaN")]
    ParameterNan,
    /// The ratio of `limit_ratio` is NaN.
    #[error("Ratio value is NaN")]
    RatioNan,
    /// Two series of `info` bring different values of a label.
    #[error("conflicting label: {0}")]
    ConflictingLabel(String),
    /// A series that `info` is to take labels from holds a histogram.
    #[error("info sample should be float")]
    HistogramInfo,
    /// Two series of an info metric stand for the same target at the same time.
    #[error("found duplicate series for info metric: existing {} @ {at}, new {} @ {at}", series[0], series[1])]
    DuplicateInfo {
        /// The two.
        series: Box<[Labels; 2]>,
        /// When, in milliseconds.
        at: i64,
    },
    /// A range vector of histograms with values at its edges.
    #[error("{} modifier is not supported with histograms", .0.as_str())]
    EdgesOfHistograms(Edges),
    /// Scalars are not trimmed.
    #[error("operator {} not allowed for Scalar operations", quote(.0))]
    ScalarOperator(&'static str),
    /// A factor of `double_exponential_smoothing` lies outside its bounds.
    #[error("invalid {name} factor. Expected: 0 < {short} < 1, got: {value:.6}")]
    Factor {
        /// `smoothing` or `trend`.
        name: &'static str,
        /// `sf` or `tf`.
        short: &'static str,
        /// What was given.
        value: f64,
    },
    /// A range query of something that has no value at each step.
    #[error(
        "invalid expression type {:?} for range query, must be Scalar or instant Vector",
        .0.documented()
    )]
    RangeQueryType(ValueType),
    /// A part of the language that this engine does not evaluate.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The expression's types do not fit together; the parser refuses such texts before.
    #[error("expected type {} in {context}, got {}", expected.documented(), found.documented())]
    Type {
        /// Where.
        context: &'static str,
        /// What is needed there.
        expected: ValueType,
        /// What stands there.
        found: ValueType,
    },
}

/// What the caller can do about an [`EvalError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Write another query: it cannot be evaluated over this data.
    Execution,
    /// Ask for less, or raise the limit.
    Limit,
    /// Nothing: the caller ended it.
    Canceled,
}

impl EvalError {
    /// What the caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooManySamples => ErrorKind::Limit,
            Self::Canceled => ErrorKind::Canceled,
            _ => ErrorKind::Execution,
        }
    }
}
