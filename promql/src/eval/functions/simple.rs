//! Functions that change the values of each series, and those between scalars and vectors.
use model::Labels;

use crate::{
    error::EvalError,
    eval::{
        Evaluator, Flow, Sink,
        arithmetic::{max, min},
        column::{Column, EvalSeries, Grid},
        merge::Unnamed,
    },
    plan::tree::{ScalarOp, VectorOp},
};

impl Evaluator<'_> {
    /// Changes the values of each series; the metric's name goes, since it no longer says what they are.
    pub(in crate::eval) fn map_values(
        &self,
        arg: &VectorOp,
        grid: Grid,
        change: &dyn Fn(&mut Column),
        sink: &mut Sink<'_>,
    ) -> Flow {
        let mut unnamed = Unnamed::new(arg.has_one_name(), self.options.delayed_name_removal);
        self.vector(arg, grid, &mut |mut series| {
            change(&mut series.column);
            match series.column.is_empty() {
                true => Ok(()),
                false => unnamed.add(series, sink),
            }
        })?;
        unnamed.finish(sink)
    }

    /// Holds values within bounds; nothing comes where the bounds are the wrong way round.
    pub(in crate::eval) fn clamp(
        &self,
        arg: &VectorOp,
        bounds: [Option<&ScalarOp>; 2],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let bound = |op: Option<&ScalarOp>, none| match op {
            Some(op) => self.scalar(op, grid),
            None => Ok(vec![none; grid.len]),
        };
        let lower = bound(bounds[0], f64::NEG_INFINITY)?;
        let upper = bound(bounds[1], f64::INFINITY)?;
        let clamped = |i: usize, value: f64| {
            let (lower, upper): (f64, f64) = (lower[i], upper[i]);
            // Where a bound is NaN, so is the value.
            match upper < lower {
                true => None,
                false => Some(max(lower, min(upper, value))),
            }
        };
        self.map_values(arg, grid, &|column| column.map_steps(clamped), sink)
    }

    /// Rounds to the nearest multiple of a number; halves go up.
    pub(in crate::eval) fn round(
        &self,
        arg: &VectorOp,
        to: &ScalarOp,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let to = self.scalar(to, grid)?;
        // Dividing by the inverse loses less than multiplying.
        let rounded = |i: usize, value: f64| {
            let inverse = 1.0 / to[i];
            Some((value * inverse + 0.5).floor() / inverse)
        };
        self.map_values(arg, grid, &|column| column.map_steps(rounded), sink)
    }

    /// A series without labels that has the values of a scalar.
    pub(in crate::eval) fn vector_of(
        &self,
        scalar: &ScalarOp,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let column = Column::full(self.scalar(scalar, grid)?);
        self.hold(column.weight())?;
        sink(EvalSeries::named(Labels::empty(), column))
    }

    /// The value of the only series at each step; NaN where there is none or more than one.
    pub(in crate::eval) fn only_value(
        &self,
        arg: &VectorOp,
        grid: Grid,
    ) -> Result<Vec<f64>, EvalError> {
        let held = self.n_samples.get();
        let mut values: Vec<Option<f64>> = vec![None; grid.len];
        self.vector(arg, grid, &mut |series| {
            for (i, value) in series.column.iter() {
                let other = values[i].is_some();
                values[i] = Some(if other { f64::NAN } else { value });
            }
            Ok(())
        })?;
        self.hold_only(held, 0)?;
        Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
    }
}
