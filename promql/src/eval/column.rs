//! The values of one series at all steps of a grid.
use std::{borrow::Cow, sync::Arc};

use model::{Histogram, Labels, Value};

use super::{bits::Bits, looked_at::Counted};

/// The instants at which something is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) len: usize,
    /// Where the samples that its steps look at count.
    pub(crate) counted: Counted,
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

    /// The first step alone, which stands for all.
    pub(crate) fn first(self) -> Self {
        let counted = match self.counted {
            Counted::Nowhere => Counted::Nowhere,
            _ => Counted::AtEach,
        };
        Self {
            len: self.len.min(1),
            counted,
            ..self
        }
    }
}

/// A value for some of the steps: a number or a histogram.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// A number for each step; where there is none, anything.
    values: Vec<f64>,
    /// The steps that have a number.
    floats: Bits,
    /// Most columns have none.
    histograms: Option<Box<Histograms>>,
}

/// The steps that have a histogram; never one that has a number.
#[derive(Clone, Debug)]
struct Histograms {
    list: Vec<Option<Arc<Histogram>>>,
    present: Bits,
}

impl Histograms {
    fn iter(&self) -> impl Iterator<Item = (usize, &Arc<Histogram>)> {
        let list = self.list.iter().enumerate();
        list.filter_map(|(i, histogram)| Some((i, histogram.as_ref()?)))
    }
}

impl Column {
    /// No value at any of `len` steps.
    pub(crate) fn empty(len: usize) -> Self {
        Self::new(vec![0.0; len], Bits::none(len))
    }

    /// A number at every step.
    pub(crate) fn full(values: Vec<f64>) -> Self {
        let present = Bits::all(values.len());
        Self::new(values, present)
    }

    /// The number of each step in `present` from `values`.
    pub(crate) fn new(values: Vec<f64>, present: Bits) -> Self {
        Self {
            values,
            floats: present,
            histograms: None,
        }
    }

    /// The number at step `i`.
    pub(crate) fn get(&self, i: usize) -> Option<f64> {
        self.floats.get(i).then(|| self.values[i])
    }

    /// The histogram at step `i`.
    pub(crate) fn histogram(&self, i: usize) -> Option<&Arc<Histogram>> {
        self.histograms.as_ref()?.list[i].as_ref()
    }

    /// The value at step `i`.
    pub(crate) fn value(&self, i: usize) -> Option<Value> {
        match self.get(i) {
            Some(value) => Some(Value::Float(value)),
            None => self.histogram(i).cloned().map(Value::Histogram),
        }
    }

    /// Gives step `i`, which has no histogram, a number.
    pub(crate) fn set(&mut self, i: usize, value: f64) {
        self.values[i] = value;
        self.floats.set(i);
    }

    /// Gives step `i`, which has no number, a histogram.
    pub(crate) fn set_histogram(&mut self, i: usize, histogram: Arc<Histogram>) {
        let len = self.values.len();
        let histograms = self.histograms.get_or_insert_with(|| {
            Box::new(Histograms {
                list: vec![None; len],
                present: Bits::none(len),
            })
        });
        histograms.list[i] = Some(histogram);
        histograms.present.set(i);
    }

    /// Gives step `i`, which has none, a value.
    pub(crate) fn set_value(&mut self, i: usize, value: Value) {
        match value {
            Value::Float(value) => self.set(i, value),
            Value::Histogram(histogram) => self.set_histogram(i, histogram),
        }
    }

    /// The steps that have a number.
    pub(crate) fn floats(&self) -> &Bits {
        &self.floats
    }

    /// The steps that have a value.
    pub(crate) fn present(&self) -> Cow<'_, Bits> {
        match &self.histograms {
            None => Cow::Borrowed(&self.floats),
            Some(histograms) => {
                let mut present = self.floats.clone();
                present.add(&histograms.present);
                Cow::Owned(present)
            }
        }
    }

    /// Leaves the values of `steps` alone.
    pub(crate) fn keep(&mut self, steps: &Bits) {
        self.floats.keep(steps);
        self.keep_histograms(|i| steps.get(i));
    }

    /// Takes the values of `steps` away.
    pub(crate) fn remove(&mut self, steps: &Bits) {
        self.floats.remove(steps);
        self.keep_histograms(|i| !steps.get(i));
    }

    fn keep_histograms(&mut self, keep: impl Fn(usize) -> bool) {
        let Some(histograms) = &mut self.histograms else {
            return;
        };
        for (i, histogram) in histograms.list.iter_mut().enumerate() {
            if !keep(i) && histogram.take().is_some() {
                histograms.present.unset(i);
            }
        }
        if histograms.present.is_none() {
            self.histograms = None;
        }
    }

    /// True if some step has a histogram.
    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms.is_some()
    }

    /// Takes the histograms away.
    pub(crate) fn drop_histograms(&mut self) {
        self.histograms = None;
    }

    /// How many samples it counts for: those that it has, unless a giant grid makes what is absent costly.
    ///
    /// No range query has that many steps, but subqueries can: `x[1y:1s]`. A histogram counts for as many samples as
    /// take up its bytes.
    pub(crate) fn weight(&self) -> usize {
        const GIANT: usize = 20_000;
        let floats = self.floats.count();
        let floats = match self.values.len() {
            len if len > GIANT => floats.max(len / 4),
            _ => floats,
        };
        floats + self.histograms().map(|(_, h)| weight(h)).sum::<usize>()
    }

    /// True if no step has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.is_none() && self.histograms.is_none()
    }

    /// Steps and numbers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.floats.iter().map(|i| (i, self.values[i]))
    }

    /// The numbers, if there is one at each step.
    pub(crate) fn everywhere(&self) -> Option<&[f64]> {
        self.floats.is_all().then_some(&self.values[..])
    }

    /// Steps and histograms, in order.
    pub(crate) fn histograms(&self) -> impl Iterator<Item = (usize, &Arc<Histogram>)> {
        self.histograms
            .iter()
            .flat_map(|histograms| histograms.iter())
    }

    /// Replaces each number by `f` of it; histograms go.
    pub(crate) fn map(&mut self, f: impl Fn(f64) -> f64) {
        // What stands where no value is does not matter, so all of it may be computed.
        self.values.iter_mut().for_each(|v| *v = f(*v));
        self.histograms = None;
    }

    /// Changes the sign of all values.
    pub(crate) fn negate(&mut self) {
        self.values.iter_mut().for_each(|v| *v = -*v);
        self.map_histograms(|histogram| {
            let mut negative = (**histogram).clone();
            negative.multiply(-1.0);
            Arc::new(negative)
        });
    }

    /// Replaces each number by `f` of its step and it, or takes it away; histograms go.
    pub(crate) fn map_steps(&mut self, f: impl Fn(usize, f64) -> Option<f64>) {
        self.histograms = None;
        for i in 0..self.values.len() {
            if self.floats.get(i) {
                match f(i, self.values[i]) {
                    Some(value) => self.values[i] = value,
                    None => self.floats.unset(i),
                }
            }
        }
    }

    /// Replaces each histogram by `f` of it.
    pub(crate) fn map_histograms(&mut self, f: impl Fn(&Arc<Histogram>) -> Arc<Histogram>) {
        if let Some(histograms) = &mut self.histograms {
            histograms.list.iter_mut().flatten().for_each(|h| *h = f(h));
        }
    }

    /// Takes over the values of `other`; false if both have one at some step.
    pub(crate) fn merge(&mut self, other: &Self) -> bool {
        if self.present().meets(&other.present()) {
            return false;
        }
        for (i, value) in other.iter() {
            self.values[i] = value;
        }
        self.floats.add(&other.floats);
        for (i, histogram) in other.histograms() {
            self.set_histogram(i, Arc::clone(histogram));
        }
        true
    }

    /// The value of the first step, at `len` steps.
    pub(crate) fn spread(&self, len: usize) -> Self {
        let mut column = match self.get(0) {
            Some(value) => return Self::full(vec![value; len]),
            None => Self::empty(len),
        };
        if let Some(histogram) = self.histogram(0) {
            (0..len).for_each(|i| column.set_histogram(i, Arc::clone(histogram)));
        }
        column
    }
}

/// How many samples of numbers a histogram counts for.
pub(crate) fn weight(histogram: &Histogram) -> usize {
    (histogram.n_bytes() + 8) / 16
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
