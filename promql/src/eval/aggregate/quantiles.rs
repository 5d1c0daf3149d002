//! `quantile`: holds the values of each group and step.
use crate::{
    annotations::{Note, Notes},
    eval::{
        Evaluator, Flow, Sink,
        column::{Column, EvalSeries, Grid},
        quantile::quantile,
    },
    plan::tree::{AggregateCall, Param},
};

impl Evaluator<'_> {
    pub(super) fn quantiles(
        &self,
        call: &AggregateCall,
        param: &Param,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let n_before = self.n_samples.get();
        let values = self.param(param, grid)?;
        let bounds = [
            (values.has_nan(), f64::NAN),
            (values.max() > 1.0, values.max()),
            (values.min() < 0.0, values.min()),
        ];
        for (_, value) in bounds.into_iter().filter(|(invalid, _)| *invalid) {
            self.annotate(Note::InvalidQuantile(value), &param.span);
        }
        let new = || vec![Vec::new(); grid.len];
        let add = |group: &mut Vec<Vec<f64>>, series: &EvalSeries, notes: &mut Notes| {
            let values = series.column.iter();
            values.for_each(|(i, value)| group[i].push(value));
            if series.column.has_histograms() {
                notes.add(Note::IgnoredInAggregation("quantile"));
            }
        };
        let groups = self.grouped(call, grid, new, add)?;
        let column = |mut group: Vec<Vec<f64>>, _: &mut Notes| {
            let mut column = Column::empty(grid.len);
            for (i, held) in group.iter_mut().enumerate() {
                if !held.is_empty() {
                    column.set(i, quantile(values.0[i], held));
                }
            }
            column
        };
        self.hand_on(call, groups, n_before, column, sink)
    }
}
