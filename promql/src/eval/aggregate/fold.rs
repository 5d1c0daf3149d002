//! Aggregations that hold one small state for each group and step.
//!
//! Source: `aggregation` in Prometheus, `promql/engine.go`.
use crate::eval::{
    bits::Bits,
    column::Column,
    kahan::{Kahan, Mean},
};

/// The state of one group at one step.
pub(super) trait State: Clone {
    /// The state before any value came; never asked for its value.
    const NONE: Self;
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
}

impl<F: State> Folds<F> {
    pub(super) fn new(len: usize) -> Self {
        Self {
            states: vec![F::NONE; len],
            seen: Bits::none(len),
        }
    }

    /// Takes the values of a series in.
    pub(super) fn add(&mut self, column: &Column) {
        for (i, value) in column.iter() {
            if self.seen.get(i) {
                self.states[i].add(value);
            } else {
                self.states[i] = F::of(value);
            }
        }
        self.seen.add(column.present());
    }

    pub(super) fn column(self) -> Column {
        Column::new(self.states.iter().map(F::get).collect(), self.seen)
    }
}

/// `sum`
#[derive(Clone)]
pub(super) struct Sum(Kahan);

impl State for Sum {
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
