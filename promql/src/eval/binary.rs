//! Binary operators with a vector on at least one side.
mod join;
mod operate;
mod set;
mod signature;

use super::{
    Evaluator, Flow, Sink,
    arithmetic::scalar_operator,
    column::{Column, EvalSeries, Grid},
    merge::Unnamed,
};
use crate::{
    ast::BinaryOp,
    plan::tree::{JoinCall, ScalarCall},
};
use model::Value;
use operate::{LastNotes, Outcome, operate};

/// What comes of two numbers: arithmetic gives a value, comparisons keep the first or, with `bool`, give 0 or 1.
fn vector_operator(op: BinaryOp, return_bool: bool) -> impl Fn(f64, f64) -> Option<f64> {
    let f = scalar_operator(op);
    let filters = op.is_comparison() && !return_bool;
    move |l, r| match filters {
        true => (f(l, r) != 0.0).then_some(l),
        false => Some(f(l, r)),
    }
}

/// The value of a comparison: the vector's own, or 0 or 1.
fn compared(holds: bool, return_bool: bool, kept: &Value) -> Option<Value> {
    match return_bool {
        true => Some(Value::Float(f64::from(u8::from(holds)))),
        false => holds.then(|| kept.clone()),
    }
}

/// True if what comes of the operator is no longer what the metric's name says.
fn drops_name(op: BinaryOp, return_bool: bool) -> bool {
    return_bool || !(op.is_comparison() || op.is_set() || op.is_trim())
}

impl Evaluator<'_> {
    /// A vector and a scalar. Comparisons keep the vector's value, wherever it stands.
    pub(super) fn with_scalar(&self, call: &ScalarCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let ScalarCall {
            op,
            return_bool,
            vector,
            scalar,
            scalar_first,
            span,
        } = call;
        let scalars = self.scalar(scalar, grid)?;
        let f = scalar_operator(*op);
        let filters = op.is_comparison() && !return_bool;
        let value = |i: usize, value: f64| {
            let result = match scalar_first {
                true => f(scalars[i], value),
                false => f(value, scalars[i]),
            };
            match filters {
                true => (result != 0.0).then_some(value),
                false => Some(result),
            }
        };
        let mut unnamed = drops_name(*op, *return_bool)
            .then(|| Unnamed::new(vector.has_one_name(), self.options.delayed_name_removal));
        let mut notes = LastNotes::new();
        let mut mixed = |column: &Column| {
            let mut result = Column::empty(grid.len);
            for i in column.present().iter() {
                let Some(kept) = column.value(i) else {
                    continue;
                };
                let scalar = Value::Float(scalars[i]);
                let outcome = match scalar_first {
                    true => operate(*op, &scalar, &kept),
                    false => operate(*op, &kept, &scalar),
                };
                let value = match outcome {
                    Outcome::Value(value, _) => Some(value),
                    Outcome::Truth(holds) => compared(holds, *return_bool, &kept),
                    Outcome::Refused(note) => {
                        notes.set(i, note);
                        None
                    }
                };
                if let Some(value) = value {
                    result.set_value(i, value);
                }
            }
            result
        };
        self.vector(vector, grid, &mut |mut series: EvalSeries| {
            match series.column.has_histograms() || op.is_trim() {
                true => series.column = mixed(&series.column),
                false => series.column.map_steps(value),
            }
            if series.column.is_empty() {
                return Ok(());
            }
            match &mut unnamed {
                Some(unnamed) => unnamed.add(series, sink),
                None => sink(series),
            }
        })?;
        notes
            .into_notes()
            .into_iter()
            .for_each(|note| self.annotate(note, span));
        unnamed.map_or(Ok(()), |unnamed| unnamed.finish(sink))
    }

    /// Two vectors.
    pub(super) fn join(&self, call: &JoinCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        match call.op {
            BinaryOp::And => self.intersection(call, grid, sink),
            BinaryOp::Unless => self.difference(call, grid, sink),
            BinaryOp::Or => self.union(call, grid, sink),
            _ => self.matched(call, grid, sink),
        }
    }
}
