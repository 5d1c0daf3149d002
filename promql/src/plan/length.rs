//! Lengths of time in numbers, once the query's step and range are known.
//!
//! Source: Prometheus, `promql/durations.go`.
use model::{Millis, Steps};

use super::build::Planner;
use crate::{
    ast::{BinaryOp, Length, LengthExpr, LengthNode, MAX_SECONDS},
    error::EvalError,
    eval::arithmetic::{max, min, scalar_operator},
};

impl Planner<'_> {
    /// An offset, which may be negative.
    pub(super) fn offset(&self, length: &Length) -> Result<Millis, EvalError> {
        self.length(length, |_| true)
    }

    /// The width of a window, or the distance of steps.
    pub(super) fn positive(&self, length: &Length) -> Result<Millis, EvalError> {
        self.length(length, |seconds| seconds > 0.0)
    }

    fn length(&self, length: &Length, is_good: fn(f64) -> bool) -> Result<Millis, EvalError> {
        let expr = match length {
            Length::Fixed(length) => return Ok(*length),
            Length::Computed(expr) => expr,
        };
        let seconds = self.seconds(expr)?;
        if !seconds.is_finite() {
            Err(bad(expr, "duration is NaN or infinite"))
        } else if !is_good(seconds) {
            Err(bad(expr, "duration must be greater than 0"))
        } else if seconds.abs() > MAX_SECONDS {
            Err(bad(expr, "duration is out of range"))
        } else {
            Ok(Millis::new((seconds * 1000.0) as i64))
        }
    }

    fn seconds(&self, expr: &LengthExpr) -> Result<f64, EvalError> {
        let both = |sides: &[LengthExpr; 2]| -> Result<_, EvalError> {
            Ok((self.seconds(&sides[0])?, self.seconds(&sides[1])?))
        };
        Ok(match &expr.node {
            LengthNode::Number(seconds) | LengthNode::Duration(seconds) => *seconds,
            LengthNode::Step => match self.steps {
                Steps::Instant(_) => 0.0,
                Steps::Range { step, .. } => step.get() as f64 / 1000.0,
            },
            LengthNode::Range => {
                let start = self.steps.start().as_millis();
                self.end().saturating_sub(start) as f64 / 1000.0
            }
            LengthNode::MinOf(sides) => both(sides).map(|(a, b)| min(a, b))?,
            LengthNode::MaxOf(sides) => both(sides).map(|(a, b)| max(a, b))?,
            LengthNode::Negated(inner) => -self.seconds(inner)?,
            LengthNode::Paren(inner) => self.seconds(inner)?,
            LengthNode::Binary(op, sides) => {
                let (a, b) = both(sides)?;
                match op {
                    BinaryOp::Div if b == 0.0 => return Err(bad(expr, "division by zero")),
                    BinaryOp::Mod if b == 0.0 => return Err(bad(expr, "modulo by zero")),
                    _ => scalar_operator(*op)(a, b),
                }
            }
        })
    }
}

fn bad(expr: &LengthExpr, reason: &'static str) -> EvalError {
    EvalError::Length {
        span: expr.span.clone(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use model::{TimeRange, Timestamp};

    use super::*;
    use crate::{QueryOptions, parse, plan};

    /// The width of the window of `x[…]` in a query of an hour by steps of a minute.
    fn window(length: &str) -> Result<i64, String> {
        let at = Timestamp::from_millis;
        let steps = Steps::Range {
            range: TimeRange::new(at(0), at(3_600_000)).unwrap(),
            step: NonZeroU64::new(60_000).unwrap(),
        };
        let expr = parse(&format!("rate(x[{length}])")).map_err(|e| e.to_string())?;
        let plan = plan(&expr, steps, &QueryOptions::default()).map_err(|e| e.to_string())?;
        // The window is open to the left.
        Ok(1 - plan.selections[0].range.start().as_millis())
    }

    #[test]
    fn lengths_are_computed_as_in_prometheus() {
        assert_eq!(window("5m * 2 - 30s"), Ok(570_000));
        assert_eq!(window("step() / 4"), Ok(15_000));
        assert_eq!(window("-step() + range()"), Ok(3_540_000));
        assert_eq!(window("min_of(step(), 10s) ^ 2"), Ok(100_000));
        assert_eq!(window("max_of(1, -2) + 7 % 4"), Ok(4_000));
    }

    #[test]
    fn lengths_that_cannot_be_are_told_with_their_bytes() {
        let error = |length| window(length).unwrap_err();
        assert_eq!(
            error("step() - 1m"),
            "7:18: duration must be greater than 0"
        );
        assert_eq!(error("1 / (step() - 60)"), "7:23: division by zero");
        assert_eq!(error("1 % (step() - 60)"), "7:23: modulo by zero");
        assert_eq!(error("10 ^ step()"), "7:18: duration is out of range");
        assert_eq!(error("(-8) ^ 0.5"), "7:17: duration is NaN or infinite");
        assert_eq!(
            error("step() - (2m)"),
            "7:19: duration must be greater than 0"
        );
    }
}
