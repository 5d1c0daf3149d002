//! Operators between two values, either of which may be a histogram.
//!
//! Source: `vectorElemBinop` in Prometheus, `promql/engine.go`.
use std::sync::Arc;

use model::{
    Histogram, ResetHint, Value,
    histogram::{IncompatibleBuckets, Keep, Reconciled},
};

use crate::{
    annotations::{HistogramOperation, Note},
    ast::BinaryOp,
    eval::arithmetic::scalar_operator,
};

/// What came of two values.
pub(super) enum Outcome {
    /// Arithmetic gives a value; there may be something to say about it.
    Value(Value, Option<Note>),
    /// A comparison holds, or not.
    Truth(bool),
    /// Nothing, because of this.
    Refused(Note),
}

/// Applies `op`, which is no set operator.
pub(super) fn operate(op: BinaryOp, left: &Value, right: &Value) -> Outcome {
    let refused = |left, right| {
        Outcome::Refused(Note::IncompatibleTypes {
            left,
            operator: op.as_str(),
            right,
        })
    };
    match (left, right) {
        (Value::Float(_), Value::Float(_)) if op.is_trim() => refused("float", "float"),
        (Value::Float(l), Value::Float(r)) => {
            let result = scalar_operator(op)(*l, *r);
            match op.is_comparison() {
                true => Outcome::Truth(result != 0.0),
                false => Outcome::Value(Value::Float(result), None),
            }
        }
        (Value::Float(factor), Value::Histogram(h)) => match op {
            BinaryOp::Mul => changed(h, |h| h.multiply(*factor)),
            _ => refused("float", "histogram"),
        },
        (Value::Histogram(h), Value::Float(number)) => match op {
            BinaryOp::Mul => changed(h, |h| h.multiply(*number)),
            BinaryOp::Div => changed(h, |h| h.divide(*number)),
            BinaryOp::TrimUpper => trimmed(h, *number, Keep::Below),
            BinaryOp::TrimLower => trimmed(h, *number, Keep::Above),
            _ => refused("histogram", "float"),
        },
        (Value::Histogram(l), Value::Histogram(r)) => match op {
            BinaryOp::Add => combined(op, l, r, Histogram::add, HistogramOperation::Addition),
            BinaryOp::Sub => combined(op, l, r, Histogram::sub, HistogramOperation::Subtraction),
            BinaryOp::Eq => Outcome::Truth(l.same_data(r)),
            BinaryOp::Ne => Outcome::Truth(!l.same_data(r)),
            _ => refused("histogram", "histogram"),
        },
    }
}

fn changed(histogram: &Histogram, change: impl FnOnce(&mut Histogram)) -> Outcome {
    let mut result = histogram.clone();
    change(&mut result);
    result.compact(0);
    Outcome::Value(Value::Histogram(Arc::new(result)), None)
}

fn trimmed(histogram: &Histogram, at: f64, keep: Keep) -> Outcome {
    let result = histogram.trimmed(at, keep);
    Outcome::Value(Value::Histogram(Arc::new(result)), None)
}

/// A sum or a difference; contradicting hints make it worthless.
fn combined(
    op: BinaryOp,
    left: &Histogram,
    right: &Histogram,
    combine: impl FnOnce(&mut Histogram, &Histogram) -> Result<Reconciled, IncompatibleBuckets>,
    operation: HistogramOperation,
) -> Outcome {
    let mut result = left.clone();
    let Ok(reconciled) = combine(&mut result, right) else {
        return Outcome::Refused(Note::IncompatibleBuckets(op.as_str()));
    };
    if reconciled.hints {
        return Outcome::Refused(Note::ResetCollision(operation));
    }
    if op == BinaryOp::Sub {
        result.reset_hint = ResetHint::Gauge;
    }
    result.compact(0);
    let note = reconciled
        .bounds
        .then_some(Note::BoundsReconciled(operation));
    Outcome::Value(Value::Histogram(Arc::new(result)), note)
}

/// What is said at each step: of all that there is to say, the last.
pub(super) struct LastNotes(Vec<Option<Note>>);

impl LastNotes {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes what is said at step `i`.
    pub(super) fn set(&mut self, i: usize, note: Note) {
        if self.0.len() <= i {
            self.0.resize(i + 1, None);
        }
        self.0[i] = Some(note);
    }

    /// The notes, each once.
    pub(super) fn into_notes(self) -> crate::annotations::Notes {
        let mut notes = crate::annotations::Notes::default();
        self.0
            .into_iter()
            .flatten()
            .for_each(|note| notes.add(note));
        notes
    }
}
