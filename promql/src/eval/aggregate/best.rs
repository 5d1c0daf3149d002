//! `topk`, `bottomk` and `limitk`: so many series of each group, step by step.
//!
//! Holds the series that were chosen at some step, and for each group and step which they are.
use std::cmp::Ordering;

use model::Labels;

use super::{Groups, group_labels};
use crate::{
    eval::{
        Evaluator, Flow, Sink,
        column::{Column, EvalSeries, Grid},
        quantile::nan_first,
    },
    plan::tree::AggregateCall,
};

/// Which series are chosen.
pub(super) trait Choice {
    /// `Less` if the first is chosen before the second, whatever their labels.
    fn order(a: f64, b: f64) -> Ordering;
}

/// `topk`
pub(super) struct Greatest;
/// `bottomk`
pub(super) struct Least;
/// `limitk`
pub(super) struct Any;

impl Choice for Greatest {
    fn order(a: f64, b: f64) -> Ordering {
        nan_first(b, a)
    }
}

impl Choice for Least {
    fn order(a: f64, b: f64) -> Ordering {
        nan_first(-b, -a)
    }
}

impl Choice for Any {
    fn order(_a: f64, _b: f64) -> Ordering {
        Ordering::Equal
    }
}

/// A series that was chosen at some step.
struct Chosen {
    labels: Labels,
    drop_name: bool,
}

/// The chosen of one group at each step, best first.
type Choices = Vec<Vec<(f64, usize)>>;

impl Evaluator<'_> {
    /// Of equal values the series with the least labels is chosen, so that the order of series never shows.
    pub(super) fn best<C: Choice>(
        &self,
        call: &AggregateCall,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let Some(counts) = self.param(call, grid)?.counts()? else {
            return Ok(());
        };
        let held = self.n_samples.get();
        let mut series_list: Vec<Chosen> = Vec::new();
        let mut groups: Groups<Choices> = Groups::new();
        self.vector(&call.arg, grid, &mut |series| {
            let group = group_labels(&call.grouping, &series.labels);
            let choices = groups.of(group, false, || vec![Vec::new(); grid.len]);
            let mut is_chosen = false;
            for (i, value) in series.column.iter() {
                let best = &mut choices[i];
                let before = |(other, place): &(f64, usize)| {
                    C::order(*other, value)
                        .then_with(|| series_list[*place].labels.cmp(&series.labels))
                        .is_lt()
                };
                let place = best.partition_point(before);
                if place < counts[i] {
                    best.truncate(counts[i] - 1);
                    best.insert(place, (value, series_list.len()));
                    is_chosen = true;
                }
            }
            if is_chosen {
                series_list.push(Chosen {
                    labels: series.labels,
                    drop_name: series.drop_name,
                });
            }
            Ok(())
        })?;
        self.hold_only(held, 0)?;
        self.hand_on_chosen(series_list, &groups, grid, sink)
    }

    /// Hands the chosen on: group by group, best first as of the first step that chose them.
    fn hand_on_chosen(
        &self,
        series_list: Vec<Chosen>,
        groups: &Groups<Choices>,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let mut columns: Vec<Option<Column>> = vec![None; series_list.len()];
        let mut order = Vec::new();
        for group in &groups.list {
            for (i, best) in group.state.iter().enumerate() {
                for (value, place) in best {
                    let column = columns[*place].get_or_insert_with(|| {
                        order.push(*place);
                        Column::empty(grid.len)
                    });
                    column.set(i, *value);
                }
            }
        }
        for place in order {
            let Some(column) = columns[place].take() else {
                continue;
            };
            self.hold(column.weight())?;
            sink(EvalSeries {
                labels: series_list[place].labels.clone(),
                drop_name: series_list[place].drop_name,
                column,
            })?;
        }
        Ok(())
    }
}
