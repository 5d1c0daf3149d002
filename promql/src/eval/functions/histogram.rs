//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction` over classic buckets and native histograms.
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use model::{BUCKET_LABEL, Labels};

use super::{
    buckets::{Bucket, Repair, fraction, quantile},
    native,
};
use crate::{
    annotations::{Extent, Note},
    ast::Span,
    error::EvalError,
    eval::{
        Evaluator, Flow, Sink,
        bits::Bits,
        column::{Column, EvalSeries, Grid},
        merge::{Merged, without_metadata},
    },
    number::open_metrics,
    plan::tree::{BucketQuestion, ScalarOp, VectorOp},
};

/// One histogram at all steps: classic at some, native at others, never both.
struct Histogram {
    /// Its labels but `le`.
    labels: Labels,
    /// Upper bounds and counts.
    buckets: Vec<(f64, Column)>,
    /// Those of the series itself.
    native: Option<Column>,
}

impl Histogram {
    /// The buckets that there are at step `i`, lowest bound first.
    fn at(&self, i: usize, buckets: &mut Vec<Bucket>) {
        buckets.clear();
        buckets.extend(self.buckets.iter().filter_map(|(upper, counts)| {
            let count = counts.get(i)?;
            Some(Bucket {
                upper: *upper,
                count,
            })
        }));
        buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    }
}

impl Evaluator<'_> {
    /// Holds all buckets.
    pub(in crate::eval) fn buckets(
        &self,
        question: &BucketQuestion,
        arg: &VectorOp,
        arg_span: &Span,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let held = self.n_samples.get();
        let mut merged = Merged::new();
        match question {
            BucketQuestion::Quantile(q, span) => {
                let qs = self.quantile_param(q, span, grid)?;
                let histograms = self.histograms(arg, arg_span, grid)?;
                for histogram in &histograms {
                    let column = self.quantiles_of(histogram, &qs, arg_span, grid);
                    merged.add(self.answer(histogram.labels.clone(), column))?;
                }
            }
            BucketQuestion::Quantiles(label, params) => {
                let params: Vec<Vec<f64>> = params
                    .iter()
                    .map(|(q, span)| self.quantile_param(q, span, grid))
                    .collect::<Result<_, _>>()?;
                let histograms = self.histograms(arg, arg_span, grid)?;
                for (qs, histogram) in params
                    .iter()
                    .flat_map(|qs| histograms.iter().map(move |histogram| (qs, histogram)))
                {
                    let column = self.quantiles_of(histogram, qs, arg_span, grid);
                    for (q, column) in by_quantile(qs, &column, grid.len) {
                        let labels = histogram.labels.with(label, &open_metrics(q));
                        merged.add(self.answer(labels, column))?;
                    }
                }
            }
            BucketQuestion::Fraction([lower, upper]) => {
                let lower = self.scalar(lower, grid)?;
                let upper = self.scalar(upper, grid)?;
                for histogram in self.histograms(arg, arg_span, grid)? {
                    let metric = self.metric_told(&histogram.labels);
                    let mut column = self.column_of_native(&histogram, arg_span, grid, |i, h| {
                        native::fraction(lower[i], upper[i], h, &metric)
                    });
                    column.merge(&column_of(&histogram, grid, |i, buckets| {
                        fraction(lower[i], upper[i], buckets)
                    }));
                    merged.add(self.answer(histogram.labels, column))?;
                }
            }
        }
        let list = merged.into_series();
        self.hold_only(held, list.iter().map(|s| s.column.weight()).sum())?;
        list.into_iter()
            .filter(|series| !series.column.is_empty())
            .try_for_each(sink)
    }

    /// The quantiles that are asked for; says so if one is none.
    fn quantile_param(&self, q: &ScalarOp, span: &Span, grid: Grid) -> Result<Vec<f64>, EvalError> {
        let qs = self.scalar(q, grid)?;
        let mut last = None;
        for q in qs.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
            if last != Some(q.to_bits()) {
                self.annotate(Note::InvalidQuantile(*q), span);
            }
            last = Some(q.to_bits());
        }
        Ok(qs)
    }

    fn histograms(
        &self,
        arg: &VectorOp,
        arg_span: &Span,
        grid: Grid,
    ) -> Result<Vec<Histogram>, EvalError> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut list: Vec<Histogram> = Vec::new();
        // Each has an `le`, or none, of its own: labels that native histograms keep.
        let mut natives: Vec<(Labels, Column)> = Vec::new();
        self.vector(arg, grid, &mut |mut series| {
            if series.column.has_histograms() {
                let mut native = Column::empty(grid.len);
                for (i, histogram) in series.column.histograms() {
                    native.set_histogram(i, Arc::clone(histogram));
                }
                natives.push((series.labels.clone(), native));
                series.column.drop_histograms();
                if series.column.is_empty() {
                    return Ok(());
                }
            }
            let bound = series.labels.value(BUCKET_LABEL);
            let Ok(upper) = bound.parse::<f64>() else {
                let note = Note::BadBucketLabel {
                    metric: self.metric_told(&series.labels),
                    value: bound.to_owned(),
                };
                self.annotate(note, arg_span);
                return Ok(());
            };
            let labels = series.labels.without(BUCKET_LABEL);
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                list.push(Histogram {
                    labels: labels.clone(),
                    buckets: Vec::new(),
                    native: None,
                });
                list.len() - 1
            });
            list[place].buckets.push((upper, series.column));
            Ok(())
        })?;
        for (labels, mut native) in natives {
            match places.get(&labels) {
                None => list.push(Histogram {
                    labels,
                    buckets: Vec::new(),
                    native: Some(native),
                }),
                Some(place) => {
                    let classic = &mut list[*place];
                    self.keep_apart(classic, &mut native, arg_span, grid);
                    classic.native = Some(native);
                }
            }
        }
        Ok(list)
    }

    /// Where a histogram is classic and native at once, nobody can tell which one is meant.
    fn keep_apart(
        &self,
        classic: &mut Histogram,
        native: &mut Column,
        arg_span: &Span,
        grid: Grid,
    ) {
        let mut both = Bits::none(grid.len);
        for (_, counts) in &classic.buckets {
            both.add(counts.floats());
        }
        both.keep(&native.present());
        if both.is_none() {
            return;
        }
        let metric = self.metric_told(&classic.labels);
        self.annotate(Note::MixedClassicNative(metric), arg_span);
        native.remove(&both);
        for (_, counts) in &mut classic.buckets {
            counts.remove(&both);
        }
    }

    fn quantiles_of(
        &self,
        histogram: &Histogram,
        qs: &[f64],
        arg_span: &Span,
        grid: Grid,
    ) -> Column {
        let metric = self.metric_told(&histogram.labels);
        let mut column = self.column_of_native(histogram, arg_span, grid, |i, native| {
            native::quantile(qs[i], native, &metric)
        });
        let classic = column_of(histogram, grid, |i, buckets| {
            let (value, repair) = quantile(qs[i], buckets);
            if let Some(Repair { buckets, max_diff }) = repair {
                let note = Note::ForcedMonotonicity {
                    metric: self.metric_told(&histogram.labels),
                    extent: Extent {
                        times: (grid.time(i), grid.time(i)),
                        buckets,
                        max_diff,
                        n_samples: 1,
                    },
                };
                self.annotate(note, arg_span);
            }
            value
        });
        column.merge(&classic);
        column
    }

    /// The answer of `f` at each step that has a native histogram.
    fn column_of_native(
        &self,
        histogram: &Histogram,
        arg_span: &Span,
        grid: Grid,
        f: impl Fn(usize, &model::Histogram) -> (f64, Option<Note>),
    ) -> Column {
        let mut column = Column::empty(grid.len);
        for (i, native) in histogram.native.iter().flat_map(Column::histograms) {
            let (value, note) = f(i, native);
            if let Some(note) = note {
                self.annotate(note, arg_span);
            }
            column.set(i, value);
        }
        column
    }

    /// The metric's name in annotations; without delayed removal it counts as dropped.
    fn metric_told(&self, labels: &Labels) -> String {
        match self.options.delayed_name_removal {
            true => labels.metric_name().to_owned(),
            false => String::new(),
        }
    }

    fn answer(&self, labels: Labels, column: Column) -> EvalSeries {
        EvalSeries {
            labels: match self.options.delayed_name_removal {
                true => labels,
                false => without_metadata(&labels),
            },
            drop_name: true,
            column,
        }
    }
}

/// The answer of `f` at each step that has a bucket.
fn column_of(
    histogram: &Histogram,
    grid: Grid,
    f: impl Fn(usize, &mut Vec<Bucket>) -> f64,
) -> Column {
    let mut present = Bits::none(grid.len);
    for (_, counts) in &histogram.buckets {
        present.add(counts.floats());
    }
    let mut column = Column::empty(grid.len);
    let mut buckets = Vec::new();
    for i in present.iter() {
        histogram.at(i, &mut buckets);
        column.set(i, f(i, &mut buckets));
    }
    column
}

/// The parts of a column at which each quantile was asked for; most often there is one.
fn by_quantile(qs: &[f64], column: &Column, len: usize) -> Vec<(f64, Column)> {
    let mut list: Vec<(f64, Column)> = Vec::new();
    for (i, value) in column.iter() {
        let like = |(q, _): &&mut (f64, Column)| *q == qs[i] || (q.is_nan() && qs[i].is_nan());
        match list.iter_mut().find(like) {
            Some((_, part)) => part.set(i, value),
            None => {
                let mut part = Column::empty(len);
                part.set(i, value);
                list.push((qs[i], part));
            }
        }
    }
    list
}
