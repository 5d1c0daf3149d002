//! Lengths of time: windows, steps and offsets, which may be computed from the query's own step and range.
use model::Millis;

use super::{BinaryOp, Span};

/// The longest length in seconds: Go counts nanoseconds in 64 bits.
pub(crate) const MAX_SECONDS: f64 = i64::MAX as f64 / 1e9;

/// A length of time as a query gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Length {
    /// `5m`, `300`
    Fixed(Millis),
    /// `5m * 2`, `step()`
    Computed(Box<LengthExpr>),
}

impl Length {
    /// No time at all.
    pub const ZERO: Self = Self::Fixed(Millis::ZERO);
}

impl Default for Length {
    fn default() -> Self {
        Self::ZERO
    }
}

/// The computation of a length, in seconds, and where errors say that it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct LengthExpr {
    /// What it is.
    pub node: LengthNode,
    /// Its bytes in the query text, by Prometheus' reckoning: without outer parentheses and names of functions.
    pub span: Span,
}

impl LengthExpr {
    /// True if all of its text is read as an offset where it stands without parentheses. Of operations only those are
    /// that begin with some: behind a literal, a call or a sign they belong to the expression around the offset.
    pub(crate) fn is_offset(&self) -> bool {
        match &self.node {
            LengthNode::Binary(..) => self.begins_with_parentheses(),
            LengthNode::Negated(inner) => !matches!(inner.node, LengthNode::Binary(..)),
            _ => true,
        }
    }

    /// True if its text does, so that as an offset it goes on into an operator behind it.
    pub(crate) fn begins_with_parentheses(&self) -> bool {
        match &self.node {
            LengthNode::Paren(_) => true,
            LengthNode::Binary(_, sides) => sides[0].begins_with_parentheses(),
            _ => false,
        }
    }
}

/// The kinds of computations of lengths.
#[derive(Clone, Debug, PartialEq)]
pub enum LengthNode {
    /// `5`
    Number(f64),
    /// `5m`, in seconds.
    Duration(f64),
    /// `step()`: the distance of the query's steps; zero in an instant query.
    Step,
    /// `range()`: the time from the query's start to its end.
    Range,
    /// `min_of(a, b)`
    MinOf(Box<[LengthExpr; 2]>),
    /// `max_of(a, b)`
    MaxOf(Box<[LengthExpr; 2]>),
    /// `-a`
    Negated(Box<LengthExpr>),
    /// `(a)`
    Paren(Box<LengthExpr>),
    /// `a + b`; arithmetic alone, without `atan2`.
    Binary(BinaryOp, Box<[LengthExpr; 2]>),
}
