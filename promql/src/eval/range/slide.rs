//! Windows that move over the samples of a series while the steps go by.
use std::borrow::Cow;

use model::{HistogramSample, Labels, Sample, Series, StartTime, is_stale_nan};

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

/// Calls `call` at each step that has a sample in its window, and tells how many the windows had.
pub(super) fn slide(
    op: &MatrixOp,
    grid: Grid,
    labels: &Labels,
    samples: &Samples<'_>,
    canceled: &Canceled<'_>,
    mut call: impl FnMut(Window<'_>) -> Flow,
) -> Result<WindowSizes, EvalError> {
    let Samples {
        floats, histograms, ..
    } = samples;
    let (mut from, mut to) = (0, 0);
    let (mut first_histogram, mut after_histogram) = (0, 0);
    let (mut sizes, mut work) = (WindowSizes::default(), 0);
    for (step, time) in grid.times().enumerate() {
        let end = op.reference.time(time);
        let start = end.saturating_sub(op.range.as_millis());
        let (oldest, newest) = (
            start.saturating_sub(op.before),
            end.saturating_add(op.after),
        );
        while to < floats.len() && floats[to].at.as_millis() <= newest {
            to += 1;
        }
        while from < to && floats[from].at.as_millis() <= oldest {
            from += 1;
        }
        while after_histogram < histograms.len()
            && histograms[after_histogram].at.as_millis() <= newest
        {
            after_histogram += 1;
        }
        while first_histogram < after_histogram
            && histograms[first_histogram].at.as_millis() <= oldest
        {
            first_histogram += 1;
        }
        let held = &histograms[first_histogram..after_histogram];
        let size = to - from + held.iter().map(|s| weight(&s.histogram)).sum::<usize>();
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
            samples: &floats[from..to],
            histograms: held,
            starts: samples.starts,
            labels,
            first: from,
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
