//! `and`, `or` and `unless`: which series of two vectors are kept.
//!
//! Of the side that is only asked whether it has something, one bit for each match group and step is held.
use super::signature::MatchGroups;
use crate::{
    eval::{
        Evaluator, Flow, Sink,
        bits::Bits,
        column::{Column, Grid},
        merge::Merged,
    },
    plan::tree::JoinCall,
};

impl Evaluator<'_> {
    /// The left side where the right has something of the same group.
    pub(super) fn intersection(&self, call: &JoinCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        self.left_where(call, grid, sink, |column, right| match right {
            Some(right) => column.keep(right),
            None => *column = Column::empty(grid.len),
        })
    }

    /// The left side where the right has nothing of the same group.
    pub(super) fn difference(&self, call: &JoinCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        self.left_where(call, grid, sink, |column, right| {
            if let Some(right) = right {
                column.remove(right);
            }
        })
    }

    fn left_where(
        &self,
        call: &JoinCall,
        grid: Grid,
        sink: &mut Sink<'_>,
        keep: impl Fn(&mut Column, Option<&Bits>),
    ) -> Flow {
        let [lhs, rhs] = &*call.sides;
        let held = self.n_samples.get();
        let mut right: MatchGroups<'_, Bits> = MatchGroups::new(&call.matching);
        self.vector(rhs, grid, &mut |series| {
            right
                .of(&series.labels, || Bits::none(grid.len))
                .add(&series.column.present());
            Ok(())
        })?;
        let mut n_out = 0;
        self.vector(lhs, grid, &mut |mut series| {
            let group = right.get(&series.labels);
            keep(&mut series.column, group.as_deref());
            n_out += series.column.weight();
            match series.column.is_empty() {
                true => Ok(()),
                false => sink(series),
            }
        })?;
        self.hold_only(held, n_out)
    }

    /// The left side, and the right where the left has nothing of the same group. Holds its result, since a series
    /// may come from one side at some steps and from the other at others.
    pub(super) fn union(&self, call: &JoinCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let [lhs, rhs] = &*call.sides;
        let mut left: MatchGroups<'_, Bits> = MatchGroups::new(&call.matching);
        let mut merged = Merged::new();
        self.vector(lhs, grid, &mut |series| {
            left.of(&series.labels, || Bits::none(grid.len))
                .add(&series.column.present());
            merged.add(series)
        })?;
        self.vector(rhs, grid, &mut |mut series| {
            if let Some(left) = left.get(&series.labels) {
                series.column.remove(left);
            }
            match series.column.is_empty() {
                true => Ok(()),
                false => merged.add(series),
            }
        })?;
        merged.drain(sink)
    }
}
