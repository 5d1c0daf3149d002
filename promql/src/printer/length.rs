//! Lengths of time as text.
use std::fmt::{self, Display, Formatter};

use model::{Millis, format_duration};

use super::number;
use crate::ast::{Length, LengthExpr, LengthNode};

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => f.write_str(&format_duration(*length)),
            Self::Computed(expr) => expr.fmt(f),
        }
    }
}

impl Display for LengthExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            LengthNode::Number(seconds) => f.write_str(&number(*seconds)),
            LengthNode::Duration(seconds) => f.write_str(&duration(*seconds)),
            LengthNode::Step => f.write_str("step()"),
            LengthNode::Range => f.write_str("range()"),
            LengthNode::MinOf(sides) => write!(f, "min_of({}, {})", sides[0], sides[1]),
            LengthNode::MaxOf(sides) => write!(f, "max_of({}, {})", sides[0], sides[1]),
            LengthNode::Negated(inner) => write!(f, "-{inner}"),
            LengthNode::Paren(inner) => write!(f, "({inner})"),
            LengthNode::Binary(op, sides) => {
                write!(f, "{} {} {}", sides[0], op.as_str(), sides[1])
            }
        }
    }
}

/// A number that was written as a duration.
pub(super) fn duration(seconds: f64) -> String {
    format_duration(Millis::new((seconds * 1000.0) as i64))
}
