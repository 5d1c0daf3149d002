//! `rate`, `increase`, `delta`, `irate` and `idelta` of histograms, and of counters that say where they began.
//!
//! Source: `extrapolatedRate`, `histogramRate` and `instantValue` in Prometheus, `promql/functions.go`.
use std::sync::Arc;

use model::{Histogram, ResetHint, Value};

use super::{Point, What, name, points};
use crate::{
    annotations::{HistogramOperation, Note, Notes},
    eval::range::{rate::Extrapolation, window::Window},
};

/// The change over a window of numbers, or of histograms.
enum Change {
    Float(f64),
    Histogram(Histogram),
    /// There is but one histogram.
    None,
}

/// The change over a window that has numbers or histograms alone, extrapolated to its ends.
///
/// One sample is enough if its counter began within the window.
pub(super) fn extrapolated(
    kind: Extrapolation,
    window: &Window<'_>,
    notes: &mut Notes,
) -> Option<Value> {
    let counter = kind != Extrapolation::Delta;
    let all: Vec<Point<'_>> = points(window).collect();
    let (first, last) = (all.first()?, all.last()?);
    if counter && all.windows(2).any(|pair| pair[1].overlaps(&pair[0])) {
        notes.add(Note::StartOverlap {
            metric: name(window),
            n_windows: 1,
        });
    }
    let mut change = match (first.what, last.what) {
        (What::Float(a), What::Float(b)) => {
            let lost = match counter {
                true => lost_by_resets(&all),
                false => 0.0,
            };
            Change::Float(b - a + lost)
        }
        _ if all.len() == 1 => Change::None,
        _ => Change::Histogram(histogram_change(counter, &all, window, notes)?),
    };
    let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1000.0;
    let (first_at, last_at) = (first.at.as_millis(), last.at.as_millis());
    let mut sampled = seconds(first_at, last_at);
    let mut to_start = seconds(window.start, first_at);
    let mut to_end = seconds(last_at, window.end);
    let mean_gap = match all.len() - 1 {
        0 => 0.0,
        n_gaps => sampled / n_gaps as f64,
    };
    let threshold = mean_gap * 1.1;
    if counter && first.start != 0 && first.start > window.start && first.start < first_at {
        // The counter began at zero within the window: nothing is to be guessed on that side.
        to_start = 0.0;
        sampled = seconds(first.start, last_at);
        change = match (change, first.what) {
            (Change::Float(change), What::Float(value)) => Change::Float(change + value),
            (Change::Histogram(mut change), What::Histogram(h)) => {
                let added = change.add(h);
                told(added, HistogramOperation::Addition, window, notes)?;
                Change::Histogram(change)
            }
            (_, What::Histogram(h)) => Change::Histogram((**h).clone()),
            (change, What::Float(_)) => change,
        };
    } else if all.len() == 1 {
        return None;
    } else {
        if to_start >= threshold {
            to_start = mean_gap / 2.0;
        }
        // A counter was not below zero, so it began no earlier than where its slope meets zero.
        let (began_with, change) = match (first.what, &change) {
            (What::Float(value), Change::Float(change)) => (value, *change),
            (What::Histogram(h), Change::Histogram(change)) => (h.count, change.count),
            _ => (0.0, 0.0),
        };
        if counter && change > 0.0 && began_with >= 0.0 {
            to_start = to_start.min(sampled * (began_with / change));
        }
    }
    if to_end >= threshold {
        to_end = mean_gap / 2.0;
    }
    let mut factor = 1.0;
    if sampled != 0.0 {
        factor = (sampled + to_start + to_end) / sampled;
    }
    if kind == Extrapolation::Rate {
        factor /= seconds(window.start, window.end);
    }
    match change {
        Change::Float(change) => Some(Value::Float(change * factor)),
        Change::Histogram(mut change) => {
            change.multiply(factor);
            Some(Value::Histogram(Arc::new(change)))
        }
        Change::None => None,
    }
}

/// What a counter had reached where it was reset.
fn lost_by_resets(all: &[Point<'_>]) -> f64 {
    let lost = all.windows(2).filter_map(|pair| {
        let (What::Float(a), What::Float(b)) = (pair[0].what, pair[1].what) else {
            return None;
        };
        (b < a || pair[1].began_after(&pair[0])).then_some(a)
    });
    lost.sum()
}

/// The change from the first to the last histogram; what resets took is added back.
fn histogram_change(
    counter: bool,
    all: &[Point<'_>],
    window: &Window<'_>,
    notes: &mut Notes,
) -> Option<Histogram> {
    let histograms: Vec<&Arc<Histogram>> = all
        .iter()
        .filter_map(|point| match point.what {
            What::Histogram(histogram) => Some(histogram),
            What::Float(_) => None,
        })
        .collect();
    let [first, .., last] = histograms[..] else {
        return None;
    };
    let is_gauge = |h: &Histogram| h.reset_hint == ResetHint::Gauge;
    let was_reset = |i: usize, before: &Histogram| {
        all[i].began_after(&all[i - 1]) || histograms[i].is_reset_after(before)
    };
    // What lies before a reset between the first two does not matter, nor does its layout.
    let nothing = Histogram {
        schema: histograms[1].schema,
        custom_values: Arc::clone(&histograms[1].custom_values),
        ..Histogram::default()
    };
    let before: &Histogram = match counter && was_reset(1, first) {
        true => &nothing,
        false => first,
    };
    let custom = before.has_custom_buckets();
    let looked_at = match counter {
        true => &histograms[1..],
        false => std::slice::from_ref(&last),
    };
    if looked_at.iter().any(|h| h.has_custom_buckets() != custom) {
        notes.add(Note::MixedExponentialCustom(name(window)));
        return None;
    }
    if counter && histograms.iter().any(|h| is_gauge(h)) {
        notes.add(Note::HistogramNotCounter(name(window)));
    }
    let are_gauges = is_gauge(first) && is_gauge(last);
    if !counter && !are_gauges {
        notes.add(Note::HistogramNotGauge(name(window)));
    }
    let coarsest = looked_at.iter().map(|h| h.schema).min();
    let mut change = (**last).clone();
    change.reduce(coarsest.map_or(before.schema, |schema| schema.min(before.schema)));
    let done = change.sub(before);
    told(done, HistogramOperation::Subtraction, window, notes)?;
    if counter {
        let mut before = before;
        for (i, now) in histograms.iter().enumerate().skip(1) {
            if was_reset(i, before) {
                let done = change.add(before);
                told(done, HistogramOperation::Addition, window, notes)?;
            }
            before = now;
        }
    }
    change.reset_hint = ResetHint::Gauge;
    change.compact(0);
    Some(change)
}

/// Says what had to be done to combine two histograms of a window; `None` if it could not be.
pub(super) fn told(
    done: Result<model::histogram::Reconciled, model::histogram::IncompatibleBuckets>,
    operation: HistogramOperation,
    window: &Window<'_>,
    notes: &mut Notes,
) -> Option<()> {
    match done {
        Ok(reconciled) => {
            if reconciled.bounds {
                notes.add(Note::BoundsReconciled(operation));
            }
            Some(())
        }
        Err(_) => {
            notes.add(Note::MixedExponentialCustom(name(window)));
            None
        }
    }
}

/// The change between the last two samples; of a counter per second.
pub(super) fn instant(is_rate: bool, window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    let mut newest = points(window).rev();
    let (last, before) = (newest.next()?, newest.next()?);
    let gap = (last.at - before.at).as_millis();
    if gap == 0 {
        return None;
    }
    let seconds = gap as f64 / 1000.0;
    match (before.what, last.what) {
        (What::Float(a), What::Float(b)) => {
            let was_reset = is_rate && (b < a || last.began_after(&before));
            let change = if was_reset { b } else { b - a };
            Some(Value::Float(if is_rate {
                change / seconds
            } else {
                change
            }))
        }
        (What::Histogram(a), What::Histogram(b)) => {
            let gauges = [a, b].map(|h| h.reset_hint == ResetHint::Gauge);
            if is_rate && gauges != [false; 2] {
                notes.add(Note::HistogramNotCounter(name(window)));
            }
            if !is_rate && gauges != [true; 2] {
                notes.add(Note::HistogramNotGauge(name(window)));
            }
            let mut change = (**b).clone();
            if !(is_rate && (last.began_after(&before) || b.is_reset_after(a))) {
                let done = change.sub(a);
                told(done, HistogramOperation::Subtraction, window, notes)?;
            }
            change.reset_hint = ResetHint::Gauge;
            change.compact(0);
            if is_rate {
                change.divide(seconds);
            }
            Some(Value::Histogram(Arc::new(change)))
        }
        _ => {
            notes.add(Note::MixedFloatsHistograms(name(window)));
            None
        }
    }
}
