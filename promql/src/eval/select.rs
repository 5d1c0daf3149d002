//! Instant selectors: at each step the latest sample of each series within the lookback.
use std::{borrow::Cow, sync::Arc};

use model::{Series, is_stale_nan};

use super::{
    Evaluator, Flow, Sink,
    column::{Column, EvalSeries, Grid},
    merge::Unnamed,
    stats::stats_of,
};
use crate::plan::tree::{InstantSelect, VectorOp};

/// What is told of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Its value.
    Value,
    /// Its time, in seconds.
    Time,
    /// The time of a number, in seconds; a histogram itself.
    NumberTime,
    /// When its counter began, in seconds; zero if nobody knows.
    Start,
}

impl Evaluator<'_> {
    /// The values of the samples.
    pub(super) fn select(&self, select: &InstantSelect, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        match select.smoothed {
            true => self.smooth(select, grid, sink),
            false => self.latest(select, grid, Told::Value, sink),
        }
    }

    /// The times of the samples, in seconds.
    pub(super) fn sample_times(
        &self,
        select: &InstantSelect,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        self.unnamed_latest(select, grid, Told::Time, sink)
    }

    /// When the counters of the samples began, in seconds; nothing if nobody is to look at that.
    pub(super) fn start_times(
        &self,
        select: &InstantSelect,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        match self.options.start_timestamps {
            true => self.unnamed_latest(select, grid, Told::Start, sink),
            false => Ok(()),
        }
    }

    fn unnamed_latest(
        &self,
        select: &InstantSelect,
        grid: Grid,
        told: Told,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let mut unnamed = Unnamed::new(select.one_name, self.options.delayed_name_removal);
        self.latest(select, grid, told, &mut |series| unnamed.add(series, sink))?;
        unnamed.finish(sink)
    }

    /// The times of the steps, in seconds, where there is a value.
    pub(super) fn step_times(&self, arg: &VectorOp, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let times = |column: &mut Column| {
            let mut times = Column::empty(grid.len);
            for i in column.present().iter() {
                times.set(i, grid.time(i) as f64 / 1000.0);
            }
            *column = times;
        };
        self.map_values(arg, grid, &times, sink)
    }

    /// What is `told` of the latest sample of each series.
    pub(super) fn latest(
        &self,
        select: &InstantSelect,
        grid: Grid,
        told: Told,
        sink: &mut Sink<'_>,
    ) -> Flow {
        self.spread(
            select.selection,
            grid.len,
            || (),
            |(), series| latest_values(series, select, grid, told),
            |labels, column| {
                if column.is_empty() {
                    return Ok(());
                }
                self.hold(column.weight())?;
                self.looked_at.add_column(grid, &column);
                sink(EvalSeries::named(labels, column))
            },
        )
    }
}

/// Walks once through the samples while the steps go by.
fn latest_values(series: &Series, select: &InstantSelect, grid: Grid, told: Told) -> Column {
    let samples = &series.samples;
    let mut histograms = Cow::Borrowed(&series.histograms);
    if select.stats && !histograms.is_empty() {
        histograms = Cow::Owned(stats_of(&histograms));
    }
    let mut column = Column::empty(grid.len);
    let (mut n_before, mut n_histograms) = (0, 0);
    for (i, time) in grid.times().enumerate() {
        let looked_at = select.reference.time(time);
        let oldest = looked_at.saturating_sub(select.lookback.as_millis());
        while n_before < samples.len() && samples[n_before].at.as_millis() <= looked_at {
            n_before += 1;
        }
        while n_histograms < histograms.len()
            && histograms[n_histograms].at.as_millis() <= looked_at
        {
            n_histograms += 1;
        }
        let float = samples[..n_before].last();
        let histogram = histograms[..n_histograms].last();
        let histogram = histogram.filter(|h| float.is_none_or(|f| h.at > f.at));
        let (at, is_stale) = match (histogram, float) {
            (Some(sample), _) => (sample.at, sample.histogram.is_stale()),
            (None, Some(sample)) => (sample.at, is_stale_nan(sample.value)),
            (None, None) => continue,
        };
        if at.as_millis() <= oldest || is_stale {
            continue;
        }
        match (told, histogram, float) {
            (Told::Value | Told::NumberTime, Some(sample), _) => {
                column.set_histogram(i, Arc::clone(&sample.histogram));
            }
            (Told::Value, None, Some(sample)) => column.set(i, sample.value),
            (Told::Value, None, None) => {}
            (Told::Time | Told::NumberTime, ..) => column.set(i, at.as_seconds()),
            (Told::Start, ..) => {
                let found = series.starts.binary_search_by_key(&at, |s| s.at);
                column.set(
                    i,
                    found.map_or(0.0, |s| series.starts[s].start.as_seconds()),
                );
            }
        }
    }
    column
}
