//! Windows that move over the samples of a series while the steps go by.
use std::{borrow::Cow, ops::Range};

use model::{HistogramSample, Labels, Sample, Series, StartTime, Timestamp, is_stale_nan};

use super::window::Window;
use crate::{
    error::EvalError,
    eval::{
        Flow,
        column::{Grid, weight},
        looked_at::WindowSizes,
        stats::stats_of,
    },
    plan::tree::MatrixOp,
};

/// How many samples are looked at between two questions whether to go on; some milliseconds' worth.
const WORK_UNCHECKED: usize = 1 << 20;

/// Asks whether the evaluation is to end.
pub(super) type Canceled<'c> = dyn Fn() -> bool + Sync + 'c;

/// What windows move over.
pub(in crate::eval) struct Samples<'a> {
    /// Oldest first, without staleness markers.
    pub(in crate::eval) floats: Cow<'a, [Sample]>,
    /// Oldest first, without staleness markers.
    pub(in crate::eval) histograms: Cow<'a, [HistogramSample]>,
    /// Where counting began; empty if nobody is to look at it.
    pub(in crate::eval) starts: &'a [StartTime],
}

impl<'a> Samples<'a> {
    /// The samples of a series; of histograms, with `stats`, count and sum alone.
    pub(in crate::eval) fn of(series: &'a Series, stats: bool, use_starts: bool) -> Self {
        let mut histograms = without(&series.histograms, |s| s.histogram.is_stale());
        if stats && !histograms.is_empty() {
            histograms = Cow::Owned(stats_of(&histograms));
        }
        Self {
            floats: without(&series.samples, |s| is_stale_nan(s.value)),
            histograms,
            starts: if use_starts { &series.starts } else { &[] },
        }
    }
}

/// Where the windows of the steps lie among the samples of one series after the other.
///
/// Series of one target mostly have the same times: then one walk is for all of them.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Of the numbers of the series before.
    times: Vec<Timestamp>,
    /// For each step which numbers are in its window.
    floats: Vec<Range<usize>>,
    /// The same for histograms; empty if there are none.
    histograms: Vec<Range<usize>>,
}

impl Spans {
    /// Goes on to a series. True if its numbers have the times of those before, and so the same windows.
    ///
    /// All calls are of one `op` and `grid`.
    pub(super) fn walk(&mut self, op: &MatrixOp, grid: Grid, samples: &Samples<'_>) -> bool {
        let (floats, histograms) = (&samples.floats, &samples.histograms);
        self.histograms.clear();
        if !histograms.is_empty() {
            let times = histograms.iter().map(|s| s.at);
            walk(op, grid, times, &mut self.histograms);
        }
        if self.floats.len() == grid.len && are_times(&self.times, floats) {
            return true;
        }
        self.times.clear();
        self.times.extend(floats.iter().map(|s| s.at));
        self.floats.clear();
        walk(op, grid, self.times.iter().copied(), &mut self.floats);
        false
    }
}

/// True if `times` are those of `samples`.
fn are_times(times: &[Timestamp], samples: &[Sample]) -> bool {
    let is_of = |time: Option<&Timestamp>, sample: Option<&Sample>| time == sample.map(|s| &s.at);
    times.len() == samples.len()
        && is_of(times.first(), samples.first())
        && is_of(times.last(), samples.last())
        // Without a way out in the middle this is many times at once.
        && times.iter().zip(samples).fold(true, |all, (time, s)| all & (*time == s.at))
}

/// Appends for each step which of `times` are in its window.
fn walk(
    op: &MatrixOp,
    grid: Grid,
    times: impl Iterator<Item = Timestamp> + Clone,
    windows: &mut Vec<Range<usize>>,
) {
    let (mut from, mut to) = (0, 0);
    let (mut oldest, mut newest) = (times.clone().peekable(), times.peekable());
    windows.extend(grid.times().map(|time| {
        let (start, end) = op.window(time);
        let (start, end) = (
            start.saturating_sub(op.before),
            end.saturating_add(op.after),
        );
        while newest.next_if(|at| at.as_millis() <= end).is_some() {
            to += 1;
        }
        while from < to && oldest.next_if(|at| at.as_millis() <= start).is_some() {
            from += 1;
        }
        from..to
    }));
}

/// Calls `call` at each step that has a sample in its window, at `spans`, and tells how many the windows had.
pub(super) fn slide(
    op: &MatrixOp,
    grid: Grid,
    labels: &Labels,
    samples: &Samples<'_>,
    spans: &Spans,
    canceled: &Canceled<'_>,
    mut call: impl FnMut(Window<'_>) -> Flow,
) -> Result<WindowSizes, EvalError> {
    let (mut sizes, mut work) = (WindowSizes::default(), 0);
    for (step, (time, floats)) in grid.times().zip(&spans.floats).enumerate() {
        let (start, end) = op.window(time);
        let held = match spans.histograms.is_empty() {
            true => &[],
            false => &samples.histograms[spans.histograms[step].clone()],
        };
        let size = floats.len() + held.iter().map(|s| weight(&s.histogram)).sum::<usize>();
        if size == 0 {
            continue;
        }
        sizes.add(grid.counted, step, size);
        work += size;
        if work > WORK_UNCHECKED {
            work = 0;
            if canceled() {
                return Err(EvalError::Canceled);
            }
        }
        call(Window {
            samples: &samples.floats[floats.clone()],
            histograms: held,
            starts: samples.starts,
            labels,
            first: floats.start,
            start,
            end,
            time,
            step,
        })?;
    }
    Ok(sizes)
}

/// The samples but those that are stale.
fn without<S: Clone>(samples: &[S], is_stale: impl Fn(&S) -> bool) -> Cow<'_, [S]> {
    // Without a way out in the middle this is many at once.
    let any = (samples.iter()).fold(false, |any, sample| any | is_stale(sample));
    match any {
        true => Cow::Owned(samples.iter().filter(|s| !is_stale(s)).cloned().collect()),
        false => Cow::Borrowed(samples),
    }
}
