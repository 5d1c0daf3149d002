//! Aggregations: series fold into groups as they come; the groups alone are held.
mod best;
mod count_values;
mod fold;
mod groups;
mod params;
mod quantiles;
mod ratio;

use super::{
    Evaluator, Flow, Sink,
    column::{Column, EvalSeries, Grid},
    range::Names,
};
use crate::{
    annotations::Notes,
    error::EvalError,
    plan::tree::{AggregateCall, AggregateKind, Fold, VectorOp},
};
use groups::{Groups, group_labels, is_blind_to_names};

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, call: &AggregateCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        match &call.kind {
            AggregateKind::Fold(fold) => match fold {
                Fold::Sum => self.fold::<fold::Sum>(call, grid, sink),
                Fold::Avg => self.fold::<fold::Avg>(call, grid, sink),
                Fold::Count => self.fold::<fold::Count>(call, grid, sink),
                Fold::Min => self.fold::<fold::Min>(call, grid, sink),
                Fold::Max => self.fold::<fold::Max>(call, grid, sink),
                Fold::Group => self.fold::<fold::Present>(call, grid, sink),
                Fold::Stdvar => self.fold::<fold::Variance>(call, grid, sink),
                Fold::Stddev => self.fold::<fold::Deviation>(call, grid, sink),
            },
            AggregateKind::Quantile(param) => self.quantiles(call, param, grid, sink),
            AggregateKind::CountValues(label) => self.count_values(call, label, grid, sink),
            AggregateKind::Best(best, param) => self.best(call, *best, param, grid, sink),
            AggregateKind::LimitRatio(param) => self.limit_ratio(call, param, grid, sink),
        }
    }

    /// Feeds the series of the argument into their groups.
    fn grouped<G>(
        &self,
        call: &AggregateCall,
        grid: Grid,
        new: impl Fn() -> G,
        mut add: impl FnMut(&mut G, &EvalSeries, &mut Notes),
    ) -> Result<Groups<G>, EvalError> {
        let (mut groups, mut notes) = (Groups::new(), Notes::default());
        let mut take = |series: EvalSeries| {
            let group = groups.of_series(&call.grouping, &series.labels, series.drop_name, &new);
            add(group, &series, &mut notes);
            Ok(())
        };
        match &*call.arg {
            VectorOp::Range(range) if is_blind_to_names(&call.grouping) => {
                self.range_call_named(range, Names::Unseen, grid, &mut take)?;
            }
            arg => self.vector(arg, grid, &mut take)?,
        }
        self.tell_of_input(call, notes);
        Ok(groups)
    }

    /// Tells what there is to say about what is aggregated.
    fn tell_of_input(&self, call: &AggregateCall, notes: Notes) {
        notes
            .into_iter()
            .for_each(|note| self.annotate(note, &call.arg_span));
    }

    /// Hands on a column for each group; the input counts as gone.
    fn hand_on<G>(
        &self,
        call: &AggregateCall,
        groups: Groups<G>,
        held: usize,
        column: impl Fn(G, &mut Notes) -> Column,
        sink: &mut Sink<'_>,
    ) -> Flow {
        self.hold_only(held, 0)?;
        for group in groups.list {
            let mut notes = Notes::default();
            let column = column(group.state, &mut notes);
            self.tell_of_input(call, notes);
            if !column.is_empty() {
                self.hold(column.weight())?;
                sink(EvalSeries {
                    labels: group.labels,
                    drop_name: group.drop_name,
                    column,
                })?;
            }
        }
        Ok(())
    }

    fn fold<F: fold::State>(&self, call: &AggregateCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let held = self.n_samples.get();
        let new = || fold::Folds::<F>::new(grid.len);
        let add = |folds: &mut fold::Folds<F>, series: &EvalSeries, notes: &mut Notes| {
            // A name that is to be dropped may still be there, see [`Names::Unseen`].
            let is_named = self.options.delayed_name_removal || !series.drop_name;
            let name = is_named.then(|| series.labels.metric_name());
            folds.add(&series.column, name.unwrap_or_default(), notes);
        };
        let groups = self.grouped(call, grid, new, add)?;
        self.hand_on(call, groups, held, fold::Folds::column, sink)
    }
}
