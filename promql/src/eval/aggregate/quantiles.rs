//! `quantile`: holds the values of each group and step.
use crate::{
    annotations::Note,
    eval::{
        Evaluator, Flow, Sink,
        column::{Column, Grid},
        quantile::quantile,
    },
    plan::tree::AggregateCall,
};

impl Evaluator<'_> {
    pub(super) fn quantiles(&self, call: &AggregateCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let held = self.n_samples.get();
        let param = self.param(call, grid)?;
        let bounds = [
            (param.has_nan(), f64::NAN),
            (param.max() > 1.0, param.max()),
            (param.min() < 0.0, param.min()),
        ];
        for (_, value) in bounds.into_iter().filter(|(invalid, _)| *invalid) {
            self.annotate(Note::InvalidQuantile(value), param.span);
        }
        let new = || vec![Vec::new(); grid.len];
        let add = |values: &mut Vec<Vec<f64>>, column: &Column| {
            column.iter().for_each(|(i, value)| values[i].push(value));
        };
        let groups = self.grouped(call, grid, new, add)?;
        let column = |mut values: Vec<Vec<f64>>| {
            let mut column = Column::empty(grid.len);
            for (i, values) in values.iter_mut().enumerate() {
                if !values.is_empty() {
                    column.set(i, quantile(param.values[i], values));
                }
            }
            column
        };
        self.hand_on(groups, held, column, sink)
    }
}
