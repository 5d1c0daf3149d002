//! Aggregations: series fold into groups as they come; the groups alone are held.
mod best;
mod count_values;
mod fold;
mod params;
mod quantiles;
mod ratio;

use foldhash::{HashMap, HashMapExt};
use model::{Labels, METRIC_NAME};

use super::{
    Evaluator, Flow, Sink,
    column::{Column, EvalSeries, Grid},
};
use crate::{
    annotations::Notes,
    ast::Grouping,
    error::EvalError,
    plan::tree::{AggregateCall, AggregateKind, Fold},
};

/// The labels of the group that a series belongs to.
fn group_labels(grouping: &Grouping, labels: &Labels) -> Labels {
    match grouping {
        Grouping::By(names) if names.is_empty() => Labels::empty(),
        Grouping::By(names) => labels.filtered(|name| names.iter().any(|n| n == name)),
        Grouping::Without(names) => {
            labels.filtered(|name| name != METRIC_NAME && names.iter().all(|n| n != name))
        }
    }
}

/// The groups of an aggregation, in the order in which they first came.
struct Groups<G> {
    places: HashMap<Labels, usize>,
    list: Vec<Group<G>>,
}

/// One group.
struct Group<G> {
    labels: Labels,
    /// A series of the group had a name that is to be dropped.
    drop_name: bool,
    state: G,
}

impl<G> Groups<G> {
    fn new() -> Self {
        Self {
            places: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// The state of the group called `labels`.
    fn of(&mut self, labels: Labels, drop_name: bool, new: impl FnOnce() -> G) -> &mut G {
        let place = *self.places.entry(labels).or_insert_with_key(|labels| {
            self.list.push(Group {
                labels: labels.clone(),
                drop_name: false,
                state: new(),
            });
            self.list.len() - 1
        });
        let group = &mut self.list[place];
        group.drop_name |= drop_name;
        &mut group.state
    }
}

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
        self.vector(&call.arg, grid, &mut |series| {
            let labels = group_labels(&call.grouping, &series.labels);
            let group = groups.of(labels, series.drop_name, &new);
            add(group, &series, &mut notes);
            Ok(())
        })?;
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
            folds.add(&series.column, series.labels.metric_name(), notes);
        };
        let groups = self.grouped(call, grid, new, add)?;
        self.hand_on(call, groups, held, fold::Folds::column, sink)
    }
}
