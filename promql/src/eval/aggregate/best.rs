//! `topk`, `bottomk` and `limitk`: so many series of each group, step by step.
//!
//! Holds the series that may be chosen at some step, and for each group and step which they are.
use std::cmp::Ordering;

use model::{Labels, Value};

use super::{Groups, group_labels};
use crate::{
    annotations::Note,
    eval::{
        Evaluator, Flow, Sink,
        column::{Column, EvalSeries, Grid},
        quantile::nan_first,
    },
    plan::tree::{AggregateCall, Best, Param},
};

/// A series that may be chosen at some step.
struct Candidate {
    labels: Labels,
    drop_name: bool,
    /// Its values, if histograms are among them.
    mixed: Option<Column>,
}

/// A value and the place of its series among the candidates.
type Ranked = (f64, usize);

impl Best {
    /// The name under which it says that it passes over histograms, if it does.
    const fn passes_over_histograms(self) -> Option<&'static str> {
        match self {
            Self::Greatest => Some("topk"),
            Self::Least => Some("bottomk"),
            Self::Any => None,
        }
    }

    /// `Less` if the first is chosen before the second; of equal values the one with the lesser labels.
    fn order(self, candidates: &[Candidate], a: &Ranked, b: &Ranked) -> Ordering {
        let by_value = match self {
            Self::Greatest => nan_first(b.0, a.0),
            Self::Least => nan_first(-b.0, -a.0),
            Self::Any => Ordering::Equal,
        };
        by_value.then_with(|| candidates[a.1].labels.cmp(&candidates[b.1].labels))
    }
}

/// The best of one group at one step so far.
#[derive(Clone, Default)]
struct Chosen {
    list: Vec<Ranked>,
    /// The last of those that were left over when the list was pruned: what is not before it has no chance.
    last: Option<Ranked>,
}

impl Chosen {
    /// Leaves the `n` first over.
    fn prune(&mut self, n: usize, order: impl Fn(&Ranked, &Ranked) -> Ordering) {
        if self.list.len() > n {
            self.list.select_nth_unstable_by(n - 1, &order);
            self.list.truncate(n);
            self.last = self.list.last().copied();
        }
    }
}

impl Evaluator<'_> {
    /// What is chosen does not depend on the order in which series come.
    pub(super) fn best(
        &self,
        call: &AggregateCall,
        best: Best,
        param: &Param,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let Some(counts) = self.param(param, grid)?.counts()? else {
            return Ok(());
        };
        let held = self.n_samples.get();
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut groups: Groups<Vec<Chosen>> = Groups::new();
        self.vector(&call.arg, grid, &mut |series| {
            let group = group_labels(&call.grouping, &series.labels);
            let steps = groups.of(group, false, || vec![Chosen::default(); grid.len]);
            let place = candidates.len();
            let mut values: Vec<(usize, f64)> = series.column.iter().collect();
            let mut mixed = None;
            if series.column.has_histograms() {
                match best.passes_over_histograms() {
                    Some(name) => self.annotate(Note::IgnoredInAggregation(name), &call.span),
                    None => {
                        // Where histograms are taken, values do not matter.
                        values = series.column.present().iter().map(|i| (i, 0.0)).collect();
                        mixed = Some(series.column);
                    }
                }
            }
            candidates.push(Candidate {
                labels: series.labels,
                drop_name: series.drop_name,
                mixed,
            });
            let order = |a: &Ranked, b: &Ranked| best.order(&candidates, a, b);
            let mut has_chance = false;
            for (i, value) in values {
                let (chosen, n) = (&mut steps[i], counts[i]);
                let new = (value, place);
                if n == 0 || chosen.last.is_some_and(|last| order(&new, &last).is_gt()) {
                    continue;
                }
                has_chance = true;
                chosen.list.push(new);
                // Pruned now and then, each costs the same on average, however many are wanted.
                if chosen.list.len() >= n.saturating_mul(2).saturating_add(8) {
                    chosen.prune(n, order);
                }
            }
            if !has_chance {
                candidates.pop();
            }
            Ok(())
        })?;
        let order = |a: &Ranked, b: &Ranked| best.order(&candidates, a, b);
        for group in &mut groups.list {
            for (chosen, n) in group.state.iter_mut().zip(&counts) {
                chosen.prune((*n).max(1), order);
                chosen.list.sort_unstable_by(order);
            }
        }
        self.hold_only(held, 0)?;
        self.hand_on_chosen(&candidates, &groups, grid, sink)
    }

    /// Hands the chosen on: group by group, best first as of the first step that chose them.
    fn hand_on_chosen(
        &self,
        candidates: &[Candidate],
        groups: &Groups<Vec<Chosen>>,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let mut columns: Vec<Option<Column>> = vec![None; candidates.len()];
        let mut order = Vec::new();
        for group in &groups.list {
            for (i, chosen) in group.state.iter().enumerate() {
                for (number, place) in &chosen.list {
                    let column = columns[*place].get_or_insert_with(|| {
                        order.push(*place);
                        Column::empty(grid.len)
                    });
                    let mixed = candidates[*place].mixed.as_ref();
                    let value = mixed.and_then(|column| column.value(i));
                    column.set_value(i, value.unwrap_or(Value::Float(*number)));
                }
            }
        }
        for place in order {
            let Some(column) = columns[place].take() else {
                continue;
            };
            self.hold(column.weight())?;
            sink(EvalSeries {
                labels: candidates[place].labels.clone(),
                drop_name: candidates[place].drop_name,
                column,
            })?;
        }
        Ok(())
    }
}
