//! `rate`, `increase` and `delta` of histograms in `anchored` and `smoothed` windows.
//!
//! Source: `extendedHistogramRate` in Prometheus, `promql/functions.go`.
use model::{
    Histogram, HistogramSample, ResetHint,
    histogram::{IncompatibleBuckets, Reconciled},
};

use super::{name, rate::told};
use crate::{
    annotations::{HistogramOperation, Note, Notes},
    ast::Edges,
    eval::range::{rate::Extrapolation, window::Window},
};

/// The histogram at `time` on the way from `a` to `b`; a counter that was reset begins with nothing.
///
/// The flags tell whether bounds were reconciled while subtracting and while adding.
pub(in crate::eval) fn interpolated(
    a: &HistogramSample,
    b: &HistogramSample,
    time: i64,
    counter: bool,
    notes: &mut Notes,
) -> Result<Histogram, IncompatibleBuckets> {
    let (at_a, at_b) = (a.at.as_millis(), b.at.as_millis());
    if time == at_a {
        return Ok((*a.histogram).clone());
    }
    let mut result = (*b.histogram).clone();
    if time == at_b {
        return Ok(result);
    }
    let share = (time - at_a) as f64 / (at_b - at_a) as f64;
    if counter && b.histogram.is_reset_after(&a.histogram) {
        result.multiply(share);
        return Ok(result);
    }
    let mut note = |done: Reconciled, operation| {
        if done.bounds {
            notes.add(Note::BoundsReconciled(operation));
        }
    };
    note(result.sub(&a.histogram)?, HistogramOperation::Subtraction);
    result.multiply(share);
    note(result.add(&a.histogram)?, HistogramOperation::Addition);
    Ok(result)
}

/// The change from edge to edge; nothing is extrapolated.
pub(super) fn edge_to_edge(
    kind: Extrapolation,
    edges: Edges,
    window: &Window<'_>,
    notes: &mut Notes,
) -> Option<Histogram> {
    let all = window.histograms;
    let (counter, smoothed) = (kind != Extrapolation::Delta, edges == Edges::Smoothed);
    let at = |i: usize| all[i].at.as_millis();
    let mut last = all.len().checked_sub(1)?;
    let before = all[..last].partition_point(|s| s.at.as_millis() <= window.start);
    let first = before.saturating_sub(1);
    if smoothed {
        last = all[..last].partition_point(|s| s.at.as_millis() < window.end);
    }
    if at(last) <= window.start || (smoothed && at(first) > window.end) {
        return None;
    }
    let looked_at = &all[first..=last];
    let custom = looked_at[0].histogram.has_custom_buckets();
    for sample in looked_at {
        if sample.histogram.has_custom_buckets() != custom {
            notes.add(Note::MixedExponentialCustom(name(window)));
            return None;
        }
        if counter && sample.histogram.reset_hint == ResetHint::Gauge {
            notes.add(Note::HistogramNotCounter(name(window)));
        }
    }
    let from_left = smoothed && at(first) < window.start;
    let left = match from_left {
        true => interpolated(&all[first], &all[first + 1], window.start, counter, notes).ok()?,
        false => (*all[first].histogram).clone(),
    };
    let right = match smoothed && last > 0 && at(last) > window.end {
        true => interpolated(&all[last - 1], &all[last], window.end, counter, notes).ok()?,
        false => (*all[last].histogram).clone(),
    };
    let gauges = [&left, &right].map(|h| h.reset_hint == ResetHint::Gauge);
    if !counter && gauges != [true; 2] {
        notes.add(Note::HistogramNotGauge(name(window)));
    }
    let mut change = right.clone();
    let done = change.sub(&left);
    told(done, HistogramOperation::Subtraction, window, notes)?;
    if counter {
        // What `left` stands for; a reset that it spans is in it already.
        let (mut from, mut before) = (first + 1, &left);
        if from_left
            && all[first + 1]
                .histogram
                .is_reset_after(&all[first].histogram)
        {
            before = &all[first + 1].histogram;
            from += 1;
        }
        if from <= last {
            // `right` stands for the last sample, and has its hint.
            let between = all[from..last].iter().map(|s| &*s.histogram);
            let mut lost: Option<Histogram> = None;
            for histogram in between.chain([&right]) {
                if histogram.is_reset_after(before) {
                    match &mut lost {
                        None => lost = Some(before.clone()),
                        Some(lost) => {
                            let done = lost.add(before);
                            told(done, HistogramOperation::Addition, window, notes)?;
                        }
                    }
                }
                before = histogram;
            }
            if let Some(lost) = lost {
                let done = change.add(&lost);
                told(done, HistogramOperation::Addition, window, notes)?;
            }
        }
    }
    if kind == Extrapolation::Rate {
        change.divide((window.end - window.start) as f64 / 1000.0);
    }
    change.reset_hint = ResetHint::Gauge;
    change.compact(0);
    Some(change)
}
