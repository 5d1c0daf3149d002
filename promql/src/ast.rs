//! The syntax tree of a PromQL expression; each node knows where it stood in the text.
//!
//! Source: Prometheus, `promql/parser/ast.go`.
mod length;

use std::ops::Range;

use model::{Matcher, Timestamp};

pub(crate) use length::MAX_SECONDS;
pub use length::{Length, LengthExpr, LengthNode};

/// Where a node stood in the query: a range of bytes.
pub type Span = Range<usize>;

/// An expression and where it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// Its bytes in the query text.
    pub span: Span,
}

impl Expr {
    /// The type of its value; meant for expressions whose types were checked.
    pub fn value_type(&self) -> ValueType {
        match &self.node {
            Node::Number(_) | Node::Duration(_) => ValueType::Scalar,
            Node::String(_) => ValueType::String,
            Node::VectorSelector(_) | Node::Aggregate(_) => ValueType::Vector,
            Node::MatrixSelector(_) | Node::Subquery(_) => ValueType::Matrix,
            Node::Call(call) => call.function.returns,
            Node::Binary(binary) => binary.lhs.value_type().joined(binary.rhs.value_type()),
            Node::Unary(unary) => unary.expr.value_type(),
            Node::Paren(inner) => inner.value_type(),
        }
    }
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `1.5`
    Number(f64),
    /// `5m` as a number of seconds.
    Duration(f64),
    /// `"text"`
    String(String),
    /// `up{job="a"} offset 5m @ 0`
    VectorSelector(VectorSelector),
    /// `up{job="a"}[5m]`
    MatrixSelector(MatrixSelector),
    /// `expr[5m:1m]`
    Subquery(Subquery),
    /// `rate(...)`
    Call(Call),
    /// `sum by (job) (...)`
    Aggregate(Aggregate),
    /// `a + on (x) b`
    Binary(Binary),
    /// `-a`, `+a`
    Unary(Unary),
    /// `(a)`
    Paren(Box<Expr>),
}

/// The type of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// One number for each step.
    Scalar,
    /// A text.
    String,
    /// One sample a series for each step.
    Vector,
    /// A window of samples a series for each step.
    Matrix,
}

impl ValueType {
    /// The name in the HTTP API: `scalar`, `string`, `vector`, `matrix`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
        }
    }

    /// The type of a binary operation on values of these types.
    pub fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Scalar, Self::Scalar) => Self::Scalar,
            _ => Self::Vector,
        }
    }

    /// The name in error texts: `instant vector`, `range vector`.
    pub const fn documented(self) -> &'static str {
        match self {
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            other => other.as_str(),
        }
    }
}

/// What an `@` modifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// `@ 1609746000`
    Instant(Timestamp),
    /// `@ start()`: the first step of the query.
    Start,
    /// `@ end()`: the last step of the query.
    End,
}

/// `offset` and `@` of a selector or a subquery; both hold at once, in either order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeModifiers {
    /// Positive looks into the past.
    pub offset: Length,
    /// A fixed time in place of the step's own.
    pub at: Option<At>,
}

/// What a selector takes for the values at the edges of its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edges {
    /// There is nothing but the samples in the window.
    #[default]
    Plain,
    /// `anchored`: the sample before the window counts at its start.
    Anchored,
    /// `smoothed`: what lies on the lines between the samples around an edge.
    Smoothed,
}

impl Edges {
    /// The modifier as PromQL writes it; nothing for plain edges.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

/// Selects the latest sample of each series within the lookback.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSelector {
    /// The name before the braces, if one was written there; `matchers` holds it too.
    pub name: Option<String>,
    /// All conditions, the metric's name included, in the order written.
    pub matchers: Vec<Matcher>,
    /// Offset and `@`.
    pub time: TimeModifiers,
    /// `anchored` or `smoothed`.
    pub edges: Edges,
}

/// Selects the samples of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSelector {
    /// The series and the shift of the window.
    pub selector: VectorSelector,
    /// The window's width, above zero.
    pub range: Length,
}

/// Evaluates an expression on a grid of its own and gives windows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated; an instant vector.
    pub expr: Box<Expr>,
    /// The window's width, above zero.
    pub range: Length,
    /// The grid, aligned to the epoch; without it the default evaluation interval.
    pub step: Option<Length>,
    /// Offset and `@`.
    pub time: TimeModifiers,
}

/// Calls a function of the table in [`crate::functions`].
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub function: &'static crate::functions::Function,
    /// Checked against its signature.
    pub args: Vec<Expr>,
}

/// The aggregation operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the PromQL operator of its name")]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::Topk,
        Self::Bottomk,
        Self::CountValues,
        Self::Quantile,
        Self::Limitk,
        Self::LimitRatio,
    ];

    /// The operator as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// True if it takes a parameter before the expression.
    pub const fn has_param(self) -> bool {
        matches!(
            self,
            Self::Topk
                | Self::Bottomk
                | Self::CountValues
                | Self::Quantile
                | Self::Limitk
                | Self::LimitRatio
        )
    }

    /// True if it needs `--enable-feature=promql-experimental-functions`.
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

/// Whether the labels named are kept or dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// `by (...)`; without a clause, `by ()`.
    By(Vec<String>),
    /// `without (...)`; the metric's name goes too.
    Without(Vec<String>),
}

/// Folds series into groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// How.
    pub op: AggregateOp,
    /// The groups.
    pub grouping: Grouping,
    /// The parameter of `topk`, `bottomk`, `quantile`, `count_values`, `limitk` and `limit_ratio`.
    pub param: Option<Box<Expr>>,
    /// What is folded.
    pub expr: Box<Expr>,
}

/// The binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the PromQL operator of its name")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    /// What lies below a value of a histogram's observations.
    TrimUpper,
    /// What lies above a value of a histogram's observations.
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Mod,
        Self::Pow,
        Self::Atan2,
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Lt,
        Self::Ge,
        Self::Le,
        Self::And,
        Self::Or,
        Self::Unless,
    ];

    /// The operator as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Lt => "<",
            Self::Ge => ">=",
            Self::Le => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// True for `+ - * / % ^`, which lengths are computed with, too.
    pub const fn is_arithmetic(self) -> bool {
        matches!(
            self,
            Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Mod | Self::Pow
        )
    }

    /// True for `== != > < >= <=`.
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Eq | Self::Ne | Self::Gt | Self::Lt | Self::Ge | Self::Le
        )
    }

    /// True for `</` and `>/`.
    pub const fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// True for `and`, `or`, `unless`.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How many series of each side may share a match group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// One and one.
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// The set operators.
    ManyToMany,
}

/// What stands in for a series that finds no other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fill {
    /// `fill_left(0)`
    pub left: Option<f64>,
    /// `fill_right(0)`
    pub right: Option<f64>,
}

impl Fill {
    /// Every series must find another.
    pub const NONE: Self = Self {
        left: None,
        right: None,
    };
}

/// How the series of two vectors find each other.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorMatching {
    /// How many may meet.
    pub cardinality: Cardinality,
    /// True for `on`, false for `ignoring` (and for no clause at all, with no labels).
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// The labels of `group_left` or `group_right`.
    pub include: Vec<String>,
    /// What stands in for missing series.
    pub fill: Fill,
}

/// Combines two expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// How.
    pub op: BinaryOp,
    /// The left side.
    pub lhs: Box<Expr>,
    /// The right side.
    pub rhs: Box<Expr>,
    /// How series match, if both sides are vectors.
    pub matching: Option<VectorMatching>,
    /// A comparison gives 0 or 1 rather than filtering.
    pub return_bool: bool,
}

/// The sign before an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

impl Sign {
    /// The sign as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
        }
    }
}

/// An expression with a sign.
#[derive(Clone, Debug, PartialEq)]
pub struct Unary {
    /// The sign.
    pub sign: Sign,
    /// What it stands before.
    pub expr: Box<Expr>,
}
