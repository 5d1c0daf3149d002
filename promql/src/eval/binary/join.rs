//! Arithmetic and comparisons between two vectors.
//!
//! Holds the side that has one series for each match group, and its result, since a series of the result may come
//! from different series at different steps.
//!
//! Source: `VectorBinop` in Prometheus, `promql/engine.go`.
use std::cell::RefCell;

use foldhash::{HashMap, HashMapExt};
use model::{Labels, LabelsBuilder};

use super::{
    compared, drops_name,
    operate::{LastNotes, Outcome, operate},
    signature::{MatchGroups, signature},
    vector_operator,
};
use crate::{
    ast::{Cardinality, Fill, VectorMatching},
    error::{EvalError, Side},
    eval::{
        Evaluator, Flow, Sink,
        bits::Bits,
        column::{Column, EvalSeries, Grid},
        merge::{Merged, without_metadata},
    },
    plan::tree::JoinCall,
};

/// The series of one match group on the side that has one at each step, and what was matched with them.
struct One {
    series: Vec<EvalSeries>,
    /// The steps at which a series has a value.
    present: Bits,
    /// One-to-one: the steps that found their match. Otherwise those of each label set of the result.
    matched: HashMap<Labels, Bits>,
}

/// Two series of one match group at one step.
struct Clash {
    steps: Bits,
    group: Labels,
    series: [Labels; 2],
}

/// How the result is named and made.
struct Joiner<'c> {
    call: &'c JoinCall,
    /// Names are marked rather than dropped.
    delayed: bool,
    notes: RefCell<LastNotes>,
}

impl Evaluator<'_> {
    pub(super) fn matched(&self, call: &JoinCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let joiner = Joiner {
            call,
            delayed: self.options.delayed_name_removal,
            notes: RefCell::new(LastNotes::new()),
        };
        let [lhs, rhs] = &*call.sides;
        let (many, one) = match call.matching.cardinality {
            Cardinality::OneToMany => (rhs, lhs),
            _ => (lhs, rhs),
        };
        let held = self.n_samples.get();
        let mut ones = MatchGroups::new(&call.matching);
        let mut clashes = Vec::new();
        // Missing series of the many are filled in by the left value, whichever side they stand on.
        let Fill {
            left: fill_many,
            right: fill_one,
        } = call.matching.fill;
        let new = || One {
            series: Vec::new(),
            present: Bits::none(grid.len),
            matched: HashMap::new(),
        };
        self.vector(one, grid, &mut |series| {
            let group = ones.of(&series.labels, new);
            if group.present.meets(&series.column.present()) {
                clashes.push(clash(group, &series, &call.matching));
            }
            group.present.add(&series.column.present());
            group.series.push(series);
            Ok(())
        })?;
        let mut many_present = Bits::none(grid.len);
        let mut merged = Merged::new();
        let mut failure = None;
        self.vector(many, grid, &mut |series| {
            many_present.add(&series.column.present());
            let group = match fill_one {
                Some(_) => Some(ones.of(&series.labels, new)),
                None => ones.get(&series.labels),
            };
            let joined = match group {
                Some(group) => joiner.join(&series, group, grid.len, &mut merged),
                None => Ok(()),
            };
            match joined {
                // That the one side is not one is told before anything else, if it matters.
                Err(error) if !clashes.is_empty() => {
                    failure.get_or_insert(error);
                    Ok(())
                }
                joined => joined,
            }
        })?;
        // Where the other side has nothing at all, and nothing is filled in, nobody asks.
        let first = |clash: &Clash| {
            let mut steps = clash.steps.clone();
            if call.matching.fill == Fill::NONE {
                steps.keep(&many_present);
            }
            steps.first()
        };
        if let Some(clash) = clashes
            .iter()
            .filter(|clash| first(clash).is_some())
            .min_by_key(|clash| first(clash))
        {
            return Err(joiner.duplicate(clash));
        }
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some(value) = fill_many {
            for group in &mut ones.list {
                joiner.fill_many(value, group, grid.len, &mut merged)?;
            }
        }
        let notes = joiner.notes.into_inner().into_notes();
        notes
            .into_iter()
            .for_each(|note| self.annotate(note, &call.span));
        let list = merged.into_series();
        self.hold_only(held, list.iter().map(|s| s.column.weight()).sum())?;
        list.into_iter().try_for_each(sink)
    }
}

fn clash(group: &One, series: &EvalSeries, matching: &VectorMatching) -> Clash {
    let present = series.column.present();
    let other = group
        .series
        .iter()
        .find(|other| other.column.present().meets(&present))
        .expect("some series of the group is present at a step at which the group is");
    let mut steps = other.column.present().into_owned();
    steps.keep(&present);
    Clash {
        steps,
        group: signature(matching, &series.labels),
        series: [other.labels.clone(), series.labels.clone()],
    }
}

/// A series that has `value` at `steps`.
fn stand_in(labels: Labels, steps: &Bits, value: f64, len: usize) -> EvalSeries {
    let mut column = Column::empty(len);
    steps.iter().for_each(|step| column.set(step, value));
    EvalSeries::named(labels, column)
}

impl Joiner<'_> {
    fn duplicate(&self, clash: &Clash) -> EvalError {
        let mut series = clash.series.each_ref().map(Labels::to_string);
        series.sort();
        EvalError::DuplicateSeries {
            group: clash.group.clone(),
            side: match self.call.matching.cardinality {
                Cardinality::OneToMany => Side::Left,
                _ => Side::Right,
            },
            series: Box::new(series),
        }
    }

    /// Joins a series of the many with its match group, and with the value that stands in for a missing one.
    fn join(&self, many: &EvalSeries, group: &mut One, len: usize, merged: &mut Merged) -> Flow {
        let One {
            series,
            matched,
            present,
        } = group;
        for one in series {
            self.pair(many, one, matched, len, merged)?;
        }
        if let Some(value) = self.call.matching.fill.right {
            let mut missing = many.column.present().into_owned();
            missing.remove(present);
            if missing.is_none() {
                return Ok(());
            }
            let labels = signature(&self.call.matching, &many.labels);
            let one = stand_in(labels, &missing, value, len);
            self.pair(many, &one, matched, len, merged)?;
        }
        Ok(())
    }

    /// Joins the series of the one side with `value` where they found none of the many.
    fn fill_many(&self, value: f64, group: &mut One, len: usize, merged: &mut Merged) -> Flow {
        let One {
            series, matched, ..
        } = group;
        for one in series {
            let mut missing = one.column.present().into_owned();
            matched.values().for_each(|found| missing.remove(found));
            if missing.is_none() {
                continue;
            }
            let labels = signature(&self.call.matching, &one.labels);
            let many = stand_in(labels, &missing, value, len);
            self.pair(&many, one, matched, len, merged)?;
        }
        Ok(())
    }

    /// Joins two series at the steps at which both have a value.
    fn pair(
        &self,
        many: &EvalSeries,
        one: &EvalSeries,
        matched: &mut HashMap<Labels, Bits>,
        len: usize,
        merged: &mut Merged,
    ) -> Flow {
        let JoinCall {
            op,
            matching,
            return_bool,
            ..
        } = self.call;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let f = vector_operator(*op, *return_bool);
        let mut both = many.column.present().into_owned();
        both.keep(&one.column.present());
        if both.is_none() {
            return Ok(());
        }
        let labels = self.labels(&many.labels, &one.labels);
        let mut column = Column::empty(len);
        let histograms = many.column.has_histograms() || one.column.has_histograms();
        if histograms || op.is_trim() {
            let mixed = [many, one].map(|side| &side.column);
            self.mixed(mixed, swapped, &mut both, &mut column);
            if both.is_none() {
                return Ok(());
            }
            self.note_match(matched, &labels, &both, len)?;
        } else {
            self.note_match(matched, &labels, &both, len)?;
            for i in both.iter() {
                let (Some(a), Some(b)) = (many.column.get(i), one.column.get(i)) else {
                    continue;
                };
                let value = if swapped { f(b, a) } else { f(a, b) };
                if let Some(value) = value {
                    column.set(i, value);
                }
            }
        }
        if column.is_empty() {
            return Ok(());
        }
        merged.add(EvalSeries {
            labels,
            drop_name: *return_bool,
            column,
        })
    }

    /// Fills `result` at the `steps` at which both columns have a value; those that do not go together are taken out
    /// of `steps`.
    fn mixed(&self, columns: [&Column; 2], swapped: bool, steps: &mut Bits, result: &mut Column) {
        let [left, right] = match swapped {
            true => [columns[1], columns[0]],
            false => columns,
        };
        let mut refused = Bits::none(steps.len());
        for i in steps.iter() {
            let (Some(left), Some(right)) = (left.value(i), right.value(i)) else {
                continue;
            };
            let (value, note) = match operate(self.call.op, &left, &right) {
                Outcome::Value(value, note) => (Some(value), note),
                Outcome::Truth(holds) => (compared(holds, self.call.return_bool, &left), None),
                Outcome::Refused(note) => {
                    refused.set(i);
                    (None, Some(note))
                }
            };
            if let Some(note) = note {
                self.notes.borrow_mut().set(i, note);
            }
            if let Some(value) = value {
                result.set_value(i, value);
            }
        }
        steps.remove(&refused);
    }

    /// Sees to it that a match group gives no result twice at a step.
    fn note_match(
        &self,
        matched: &mut HashMap<Labels, Bits>,
        labels: &Labels,
        steps: &Bits,
        len: usize,
    ) -> Flow {
        let (key, error) = match self.call.matching.cardinality {
            Cardinality::OneToOne => (Labels::empty(), EvalError::ImplicitManyToOne),
            _ => (labels.clone(), EvalError::AmbiguousGrouping),
        };
        let before = matched.entry(key).or_insert_with(|| Bits::none(len));
        if before.meets(steps) {
            return Err(error);
        }
        before.add(steps);
        Ok(())
    }

    /// The labels of the result.
    ///
    /// Source: `resultMetric` in Prometheus, `promql/engine.go`.
    fn labels(&self, many: &Labels, one: &Labels) -> Labels {
        let JoinCall {
            op,
            matching,
            return_bool,
            ..
        } = self.call;
        let arithmetic = drops_name(*op, false);
        let labels = match arithmetic || (*return_bool && !self.delayed) {
            true => without_metadata(many),
            false => many.clone(),
        };
        let listed = |name: &str| matching.labels.iter().any(|l| l == name);
        let labels = match (matching.cardinality, matching.on) {
            (Cardinality::OneToOne, true) => labels.filtered(listed),
            (Cardinality::OneToOne, false) => labels.filtered(|name| !listed(name)),
            _ => labels,
        };
        if matching.include.is_empty() {
            return labels;
        }
        let mut builder: LabelsBuilder = labels.to_builder();
        for name in &matching.include {
            builder.set(name, one.value(name));
        }
        builder.build()
    }
}
