//! Calls a function over the windows of each series.
use model::Labels;

use super::{
    RangeFunction, mixed,
    slide::{Canceled, Samples, Spans, slide},
    window::{Function, Window},
};
use crate::{
    annotations::{Note, Notes},
    ast::Edges,
    error::EvalError,
    eval::{
        Evaluator, Flow, Sink,
        column::{Column, EvalSeries, Grid},
        looked_at::{Counted, WindowSizes},
        merge::{Distinct, has_type_or_unit, without_metadata},
    },
    plan::tree::{RangeCall, SampleSource},
};

/// What becomes of the metric's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::eval) enum Names {
    /// It goes, if the function's values no longer stand for the metric.
    Dropped,
    /// Nobody looks at it.
    Unseen,
}

/// What came of the windows of one series.
pub(super) struct Values {
    column: Column,
    sizes: WindowSizes,
    notes: Notes,
}

/// A call with all that any thread needs to work on a series.
pub(super) struct Calling<'c> {
    call: &'c RangeCall,
    params: &'c [Vec<f64>],
    grid: Grid,
    canceled: &'c Canceled<'c>,
}

impl<'c> Calling<'c> {
    fn start(&self) -> Box<dyn OverSeries + 'c> {
        let function = self.call.function;
        match self.call.matrix.edges {
            Edges::Plain => function.start(self.params),
            edges => function.start_extended(edges, self.params),
        }
    }
}

/// A function that is called series by series: what is done for each window is made for each function anew, since a
/// call through a pointer for each would cost as much as the function.
pub(super) trait OverSeries {
    /// The values of one series.
    fn values(
        &mut self,
        calling: &Calling<'_>,
        labels: &Labels,
        samples: &Samples<'_>,
    ) -> Result<Values, EvalError>;
}

/// A function, and what it has seen of the series before.
struct Over<F> {
    function: F,
    spans: Spans,
}

/// `function`, to be called series by series.
pub(super) fn over<'f>(function: impl Function + 'f) -> Box<dyn OverSeries + 'f> {
    Box::new(Over {
        function,
        spans: Spans::default(),
    })
}

/// Puts the value of a window of numbers where it belongs.
// A call would have the window put together in memory for each of millions.
#[inline(always)]
fn put_number(function: &mut impl Function, window: Window<'_>, column: &mut Column) -> Flow {
    let step = window.step;
    if let Some(value) = function.value(window)? {
        column.set(step, value);
    }
    Ok(())
}

impl<F: Function> OverSeries for Over<F> {
    fn values(
        &mut self,
        calling: &Calling<'_>,
        labels: &Labels,
        samples: &Samples<'_>,
    ) -> Result<Values, EvalError> {
        let (grid, call) = (calling.grid, calling.call);
        let mut column = Column::empty(grid.len);
        let mut notes = Notes::default();
        let (matrix, mixed) = (&call.matrix, call.mixed);
        let Self { function, spans } = self;
        let same_windows = spans.walk(matrix, grid, samples);
        function.begin(&samples.floats, same_windows);
        let looks_at_starts = !samples.starts.is_empty() && mixed.uses_starts();
        let canceled = calling.canceled;
        // Most series are numbers alone, and most of the work on them is to ask for what they do not have.
        let sizes = match samples.histograms.is_empty() && !looks_at_starts {
            true => slide(matrix, grid, labels, samples, spans, canceled, |window| {
                put_number(function, window, &mut column)
            }),
            false => slide(matrix, grid, labels, samples, spans, canceled, |window| {
                if window.histograms.is_empty() && !looks_at_starts {
                    return put_number(function, window, &mut column);
                }
                let step = window.step;
                let value = mixed::value(mixed, matrix.edges, function, window, &mut notes)?;
                if let Some(value) = value {
                    column.set_value(step, value);
                }
                Ok(())
            }),
        }?;
        Ok(Values {
            column,
            sizes,
            notes,
        })
    }
}

/// What is known of the series that came out of a call so far.
struct Called {
    /// Names are left as they are, for they are all the same and nobody looks at them.
    names_stay: bool,
    distinct: Distinct,
    /// The last metric that was doubted to be a counter.
    doubted: String,
    n_out: usize,
}

impl Evaluator<'_> {
    pub(in crate::eval) fn range_call(
        &self,
        call: &RangeCall,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        self.range_call_named(call, Names::Dropped, grid, sink)
    }

    /// The same for a sink that may not look at names.
    pub(in crate::eval) fn range_call_named(
        &self,
        call: &RangeCall,
        names: Names,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let held = self.n_samples.get();
        let params = call
            .params
            .iter()
            .map(|param| self.scalar(param, grid))
            .collect::<Result<Vec<_>, _>>()?;
        let calling = Calling {
            call,
            params: &params,
            grid,
            canceled: self.canceled,
        };
        let one_name = matches!(
            call.matrix.samples,
            SampleSource::Select { one_name: true, .. }
        );
        let mut called = Called {
            names_stay: names == Names::Unseen && one_name,
            distinct: Distinct::default(),
            doubted: String::new(),
            n_out: 0,
        };
        let use_starts = self.options.start_timestamps;
        match &call.matrix.samples {
            SampleSource::Select {
                selection, stats, ..
            } => self.spread(
                *selection,
                grid.len,
                || calling.start(),
                |function, series| {
                    let samples = Samples::of(series, *stats, use_starts);
                    function.values(&calling, &series.labels, &samples)
                },
                |labels, values| {
                    let Values {
                        column,
                        sizes,
                        notes,
                    } = values?;
                    self.hold_for_now(sizes.largest)?;
                    self.looked_at.add_windows(grid, &sizes);
                    self.tell(call, notes);
                    let series = EvalSeries::named(labels, column);
                    self.hand_on_called(&calling, series, &mut called, sink)
                },
            )?,
            SampleSource::Subquery { .. } => {
                let mut function = calling.start();
                self.samples(
                    &call.matrix,
                    grid,
                    Counted::Nowhere,
                    &mut |labels, drop_name, samples| {
                        let Values {
                            column,
                            sizes,
                            notes,
                        } = function.values(&calling, labels, samples)?;
                        self.hold_for_now(sizes.largest)?;
                        self.looked_at.add_windows(grid, &sizes);
                        self.tell(call, notes);
                        let series = EvalSeries {
                            labels: labels.clone(),
                            drop_name,
                            column,
                        };
                        self.hand_on_called(&calling, series, &mut called, sink)
                    },
                )?;
            }
        }
        self.hold_only(held, called.n_out)
    }

    /// Tells what there is to say about a series.
    fn tell(&self, call: &RangeCall, notes: Notes) {
        let span = match call.function {
            RangeFunction::Quantile => &call.first_arg,
            _ => &call.matrix.span,
        };
        notes.into_iter().for_each(|note| self.annotate(note, span));
    }

    /// Hands on a series of values under its new name.
    fn hand_on_called(
        &self,
        calling: &Calling<'_>,
        mut series: EvalSeries,
        called: &mut Called,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let function = calling.call.function;
        if series.column.is_empty() {
            return Ok(());
        }
        self.hold(series.column.weight())?;
        called.n_out += series.column.weight();
        if function.wants_counter() && !series.column.floats().is_none() {
            self.doubt_counter(calling.call, &series.labels, called);
        }
        if let (RangeFunction::Quantile, [qs]) = (function, calling.params) {
            self.doubt_quantiles(calling.call, qs, &series.column);
        }
        series.drop_name |= !function.keeps_name();
        let names_stay = called.names_stay && !has_type_or_unit(&series.labels);
        if !self.options.delayed_name_removal && !names_stay {
            if series.drop_name {
                series.labels = without_metadata(&series.labels);
            }
            called.distinct.add(&series.labels)?;
        }
        sink(series)
    }

    /// Says so if a quantile is none where it is asked for.
    fn doubt_quantiles(&self, call: &RangeCall, qs: &[f64], column: &Column) {
        let invalid = |(i, _): (usize, f64)| Some(qs[i]).filter(|q| !(0.0..=1.0).contains(q));
        let mut last = None;
        for q in column.iter().filter_map(invalid) {
            if last != Some(q.to_bits()) {
                self.annotate(Note::InvalidQuantile(q), &call.first_arg);
            }
            last = Some(q.to_bits());
        }
    }

    /// Says so if a metric that is taken for a counter has not the name of one, or not the type.
    fn doubt_counter(&self, call: &RangeCall, labels: &Labels, called: &mut Called) {
        let name = labels.metric_name();
        if self.options.metadata_labels {
            let kind = labels.value("__type__");
            if !name.is_empty() && !["counter", "histogram"].contains(&kind) {
                let (metric, kind) = (name.to_owned(), kind.to_owned());
                self.annotate(Note::NonCounterType { metric, kind }, &call.matrix.span);
            }
            return;
        }
        if called.doubted == name {
            return;
        }
        let suffixes = ["_total", "_sum", "_count", "_bucket"];
        if !name.is_empty() && !suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            self.annotate(Note::PossibleNonCounter(name.to_owned()), &call.matrix.span);
            name.clone_into(&mut called.doubted);
        }
    }
}
