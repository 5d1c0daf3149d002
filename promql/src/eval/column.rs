//! The values of one series at all steps of a grid.
use model::Labels;

use super::bits::Bits;

/// The instants at which something is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) len: usize,
}

impl Grid {
    /// The time of step `i`.
    pub(crate) fn time(self, i: usize) -> i64 {
        self.start + self.step * i as i64
    }

    /// The times of all steps.
    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.len).map(move |i| self.time(i))
    }

    /// The first step alone.
    pub(crate) fn first(self) -> Self {
        Self {
            len: self.len.min(1),
            ..self
        }
    }
}

/// A value for some of the steps.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// A value for each step; where there is none, anything.
    values: Vec<f64>,
    /// The steps that have a value.
    present: Bits,
}

impl Column {
    /// No value at any of `len` steps.
    pub(crate) fn empty(len: usize) -> Self {
        Self {
            values: vec![0.0; len],
            present: Bits::none(len),
        }
    }

    /// A value at every step.
    pub(crate) fn full(values: Vec<f64>) -> Self {
        Self {
            present: Bits::all(values.len()),
            values,
        }
    }

    /// The value of each step in `present` from `values`.
    pub(crate) fn new(values: Vec<f64>, present: Bits) -> Self {
        Self { values, present }
    }

    /// The value at step `i`.
    pub(crate) fn get(&self, i: usize) -> Option<f64> {
        self.present.get(i).then(|| self.values[i])
    }

    /// Gives step `i` a value.
    pub(crate) fn set(&mut self, i: usize, value: f64) {
        self.values[i] = value;
        self.present.set(i);
    }

    /// The steps that have a value.
    pub(crate) fn present(&self) -> &Bits {
        &self.present
    }

    /// The steps that have a value, to be changed; one that is put in must have its value already.
    pub(crate) fn present_mut(&mut self) -> &mut Bits {
        &mut self.present
    }

    /// How many steps have a value.
    pub(crate) fn count(&self) -> usize {
        self.present.count()
    }

    /// How many samples it counts for: those that it has, unless a giant grid makes what is absent costly.
    ///
    /// No range query has that many steps, but subqueries can: `x[1y:1s]`.
    pub(crate) fn weight(&self) -> usize {
        const GIANT: usize = 20_000;
        match self.values.len() {
            len if len > GIANT => self.count().max(len / 4),
            _ => self.count(),
        }
    }

    /// True if no step has one.
    pub(crate) fn is_empty(&self) -> bool {
        self.present.is_none()
    }

    /// Steps and values, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.present.iter().map(|i| (i, self.values[i]))
    }

    /// Replaces each value by `f` of it.
    pub(crate) fn map(&mut self, f: impl Fn(f64) -> f64) {
        // What stands where no value is does not matter, so all of it may be computed.
        self.values.iter_mut().for_each(|v| *v = f(*v));
    }

    /// Replaces each value by `f` of its step and it, or takes it away.
    pub(crate) fn map_steps(&mut self, f: impl Fn(usize, f64) -> Option<f64>) {
        for i in 0..self.values.len() {
            if self.present.get(i) {
                match f(i, self.values[i]) {
                    Some(value) => self.values[i] = value,
                    None => self.present.unset(i),
                }
            }
        }
    }

    /// Takes over the values of `other`; false if both have one at some step.
    pub(crate) fn merge(&mut self, other: &Self) -> bool {
        if self.present.meets(&other.present) {
            return false;
        }
        for (i, value) in other.iter() {
            self.values[i] = value;
        }
        self.present.add(&other.present);
        true
    }

    /// The value of the first step, at `len` steps.
    pub(crate) fn spread(&self, len: usize) -> Self {
        match self.get(0) {
            Some(value) => Self::full(vec![value; len]),
            None => Self::empty(len),
        }
    }
}

/// A series under evaluation.
#[derive(Clone, Debug)]
pub(crate) struct EvalSeries {
    pub(crate) labels: Labels,
    /// The metric's name is to be dropped from the result.
    pub(crate) drop_name: bool,
    pub(crate) column: Column,
}

impl EvalSeries {
    /// A series whose name stays.
    pub(crate) fn named(labels: Labels, column: Column) -> Self {
        Self {
            labels,
            drop_name: false,
            column,
        }
    }
}
