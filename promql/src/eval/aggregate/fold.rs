//! Aggregations that hold one small state for each group and step.
//!
//! Source: `aggregation` in Prometheus, `promql/engine.go`.
use std::{collections::BTreeMap, sync::Arc};

use crate::{
    annotations::{HistogramOperation, Note, Notes},
    eval::{
        bits::Bits,
        column::Column,
        histograms::HistogramFold,
        kahan::{Kahan, Mean},
    },
};

/// What an aggregation makes of native histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Histograms {
    /// Passes over them, which it says under this name.
    Ignored(&'static str),
    /// They count as any value does.
    Counted,
    /// Adds them up.
    Summed,
    /// Gives their mean.
    Averaged,
}

/// The state of one group at one step.
pub(super) trait State: Clone {
    /// The state before any value came; never asked for its value.
    const NONE: Self;
    /// What it makes of histograms.
    const HISTOGRAMS: Histograms;
    /// The state of one value.
    fn of(value: f64) -> Self;
    /// Takes another value in.
    fn add(&mut self, value: f64);
    /// The value of all that came.
    fn get(&self) -> f64;
}

/// The states of one group at all steps.
pub(super) struct Folds<F> {
    states: Vec<F>,
    seen: Bits,
    /// By step, where histograms came.
    histograms: BTreeMap<usize, HistogramState>,
}

/// The histograms of a group at one step.
enum HistogramState {
    Fold(Box<HistogramFold>),
    /// A number came before them.
    Mixed,
    /// Some have custom buckets, some have not; what comes after them is passed over.
    Incompatible {
        /// A number came before that was seen.
        mixed: bool,
    },
}

impl<F: State> Folds<F> {
    pub(super) fn new(len: usize) -> Self {
        Self {
            states: vec![F::NONE; len],
            seen: Bits::none(len),
            histograms: BTreeMap::new(),
        }
    }

    /// Takes the values of a series of a metric in.
    pub(super) fn add(&mut self, column: &Column, metric: &str, notes: &mut Notes) {
        for (i, histogram) in column.histograms() {
            match F::HISTOGRAMS {
                Histograms::Ignored(name) => notes.add(Note::IgnoredInAggregation(name)),
                Histograms::Counted if self.seen.get(i) => self.states[i].add(0.0),
                Histograms::Counted => {
                    self.states[i] = F::of(0.0);
                    self.seen.set(i);
                }
                Histograms::Summed | Histograms::Averaged => {
                    self.add_histogram(i, histogram, metric, notes);
                }
            }
        }
        if let Some(values) = column.everywhere().filter(|_| self.seen.is_all()) {
            // Mostly all is there, and nobody need ask at each step.
            let states = self.states.iter_mut().zip(values);
            return states.for_each(|(state, value)| state.add(*value));
        }
        for (i, value) in column.iter() {
            if self.seen.get(i) {
                self.states[i].add(value);
            } else {
                self.states[i] = F::of(value);
            }
        }
        self.seen.add(column.floats());
    }

    fn add_histogram(
        &mut self,
        i: usize,
        histogram: &model::Histogram,
        metric: &str,
        notes: &mut Notes,
    ) {
        let state = match (self.histograms.get_mut(&i), self.seen.get(i)) {
            (Some(state), _) => state,
            (None, mixed) => {
                let state = match mixed {
                    true => HistogramState::Mixed,
                    false => HistogramState::Fold(Box::new(HistogramFold::new(
                        histogram,
                        F::HISTOGRAMS == Histograms::Averaged,
                    ))),
                };
                self.histograms.insert(i, state);
                return;
            }
        };
        let HistogramState::Fold(fold) = state else {
            return;
        };
        match fold.add(histogram) {
            Ok(done) if done.bounds => {
                notes.add(Note::BoundsReconciled(HistogramOperation::Aggregation));
            }
            Ok(_) => {}
            Err(_) => {
                notes.add(Note::MixedExponentialCustom(metric.to_owned()));
                let mixed = self.seen.get(i);
                *state = HistogramState::Incompatible { mixed };
            }
        }
    }

    /// The values of the group; where numbers and histograms came, there is none.
    pub(super) fn column(self, notes: &mut Notes) -> Column {
        let values = self.states.iter().map(F::get).collect();
        let mut column = Column::new(values, self.seen.clone());
        let mut spoiled = Bits::none(self.states.len());
        for (i, state) in self.histograms {
            match state {
                HistogramState::Incompatible { mixed: false } => spoiled.set(i),
                HistogramState::Incompatible { mixed: true } => {
                    notes.add(Note::MixedFloatsHistogramsInAggregation);
                    spoiled.set(i);
                }
                HistogramState::Fold(_) | HistogramState::Mixed if self.seen.get(i) => {
                    notes.add(Note::MixedFloatsHistogramsInAggregation);
                    spoiled.set(i);
                }
                HistogramState::Mixed => {}
                HistogramState::Fold(fold) => {
                    if fold.hints_collide() {
                        notes.add(Note::ResetCollision(HistogramOperation::Aggregation));
                    }
                    let mut value = fold.get();
                    value.compact(0);
                    column.set_histogram(i, Arc::new(value));
                }
            }
        }
        column.remove(&spoiled);
        column
    }
}

/// `sum`
#[derive(Clone)]
pub(super) struct Sum(Kahan);

impl State for Sum {
    const HISTOGRAMS: Histograms = Histograms::Summed;
    const NONE: Self = Self(Kahan::of(0.0));
    fn of(value: f64) -> Self {
        Self(Kahan::of(value))
    }
    fn add(&mut self, value: f64) {
        self.0 = self.0.plus(value);
    }
    fn get(&self) -> f64 {
        self.0.total()
    }
}

/// `avg`
#[derive(Clone)]
pub(super) struct Avg(Mean);

impl State for Avg {
    const HISTOGRAMS: Histograms = Histograms::Averaged;
    const NONE: Self = Self(Mean::of(0.0));
    fn of(value: f64) -> Self {
        Self(Mean::of(value))
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn get(&self) -> f64 {
        self.0.get()
    }
}

/// `count`
#[derive(Clone)]
pub(super) struct Count(u64);

impl State for Count {
    const HISTOGRAMS: Histograms = Histograms::Counted;
    const NONE: Self = Self(0);
    fn of(_value: f64) -> Self {
        Self(1)
    }
    fn add(&mut self, _value: f64) {
        self.0 += 1;
    }
    fn get(&self) -> f64 {
        self.0 as f64
    }
}

/// `group`
#[derive(Clone)]
pub(super) struct Present;

impl State for Present {
    const HISTOGRAMS: Histograms = Histograms::Counted;
    const NONE: Self = Self;
    fn of(_value: f64) -> Self {
        Self
    }
    fn add(&mut self, _value: f64) {}
    fn get(&self) -> f64 {
        1.0
    }
}

/// `min`; NaN only if there is nothing else
#[derive(Clone)]
pub(super) struct Min(f64);

impl State for Min {
    const HISTOGRAMS: Histograms = Histograms::Ignored("min");
    const NONE: Self = Self(f64::NAN);
    fn of(value: f64) -> Self {
        Self(value)
    }
    fn add(&mut self, value: f64) {
        if self.0 > value || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn get(&self) -> f64 {
        self.0
    }
}

/// `max`; NaN only if there is nothing else
#[derive(Clone)]
pub(super) struct Max(f64);

impl State for Max {
    const HISTOGRAMS: Histograms = Histograms::Ignored("max");
    const NONE: Self = Self(f64::NAN);
    fn of(value: f64) -> Self {
        Self(value)
    }
    fn add(&mut self, value: f64) {
        if self.0 < value || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn get(&self) -> f64 {
        self.0
    }
}

/// `stdvar`, as Welford has it
#[derive(Clone)]
pub(super) struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl State for Variance {
    const HISTOGRAMS: Histograms = Histograms::Ignored("stdvar");
    const NONE: Self = Self {
        count: 0.0,
        mean: 0.0,
        squares: 0.0,
    };
    fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            mean: value,
            squares: if value.is_finite() { 0.0 } else { f64::NAN },
        }
    }
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }
    fn get(&self) -> f64 {
        self.squares / self.count
    }
}

/// `stddev`
#[derive(Clone)]
pub(super) struct Deviation(Variance);

impl State for Deviation {
    const HISTOGRAMS: Histograms = Histograms::Ignored("stddev");
    const NONE: Self = Self(Variance::NONE);
    fn of(value: f64) -> Self {
        Self(Variance::of(value))
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn get(&self) -> f64 {
        self.0.get().sqrt()
    }
}
