//! Is the result what the script wants?
use std::collections::BTreeMap;

use model::{Histogram, Labels, Series, Timestamp, Value as SampleValue, is_stale_nan};

use super::{Eval, Expected, ExpectedNotes, SeriesValue, WrittenHistogram, run::Value};

/// The relative error that is allowed.
const EPSILON: f64 = 0.000_001;

/// Says what is wrong with `value`.
pub(super) fn value(eval: &Eval, value: &Value) -> Result<(), String> {
    match (&eval.expected, value) {
        (Expected::Scalar(wanted), Value::Scalar(got)) => {
            same(*wanted, *got, || "the scalar".to_owned())
        }
        (Expected::String(wanted), Value::String(got)) if wanted == got => Ok(()),
        (
            Expected::Series {
                series, ordered, ..
            },
            Value::Vector(got),
        ) => vector(series, *ordered, got),
        (Expected::Series { ordered: false, .. }, Value::Matrix(got)) => {
            matrix(&eval.expected, got)
        }
        (wanted, got) => Err(format!("wanted {}, got {got:?}", describe(wanted))),
    }
}

fn describe(expected: &Expected) -> String {
    match expected {
        Expected::Failure(_) => "a failure".to_owned(),
        Expected::Scalar(value) => format!("the scalar {value}"),
        Expected::String(text) => format!("the string {text:?}"),
        Expected::Series { series, .. } => format!("series {series:?}"),
    }
}

fn vector(
    wanted: &[(Labels, Vec<SeriesValue>)],
    ordered: bool,
    got: &[(Labels, SampleValue)],
) -> Result<(), String> {
    let by_labels: BTreeMap<&Labels, usize> = wanted
        .iter()
        .enumerate()
        .map(|(i, (labels, _))| (labels, i))
        .collect();
    let mut seen = vec![false; wanted.len()];
    for (i, (labels, value)) in got.iter().enumerate() {
        let Some(place) = by_labels.get(labels).copied() else {
            return Err(format!("unexpected {labels} with {}", told(value)));
        };
        if ordered && place != i {
            return Err(format!(
                "{labels} is number {}, wanted as number {}",
                i + 1,
                place + 1
            ));
        }
        let first = wanted[place].1.first().unwrap_or(&SeriesValue::Missing);
        same_value(first, Some(value), || labels.to_string())?;
        if std::mem::replace(&mut seen[place], true) {
            return Err(format!("{labels} comes twice"));
        }
    }
    match by_labels.values().find(|place| !seen[**place]) {
        None => Ok(()),
        Some(place) => Err(format!("{} is missing", wanted[*place].0)),
    }
}

fn matrix(expected: &Expected, got: &[Series]) -> Result<(), String> {
    let Expected::Series {
        start,
        step,
        end,
        series: wanted,
        ..
    } = expected
    else {
        return Err(format!("wanted {}, got a matrix", describe(expected)));
    };
    sorted(got)?;
    let points = |values: &'_ [SeriesValue]| -> Result<BTreeMap<Timestamp, SeriesValue>, String> {
        let mut points = BTreeMap::new();
        for (i, value) in values.iter().enumerate() {
            let at = Timestamp::from_millis(start.as_millis() + step.as_millis() * i as i64);
            if at > *end {
                return Err(format!(
                    "{} values are more than the time range holds",
                    values.len()
                ));
            }
            if *value != SeriesValue::Missing {
                points.insert(at, value.clone());
            }
        }
        Ok(points)
    };
    let mut missing: BTreeMap<&Labels, BTreeMap<Timestamp, SeriesValue>> = BTreeMap::new();
    for (labels, values) in wanted {
        missing.insert(labels, points(values)?);
    }
    for series in got {
        let labels = &series.labels;
        let Some(mut wanted) = missing.remove(labels) else {
            return Err(format!("unexpected {labels} with {series:?}"));
        };
        let floats = series.samples.iter();
        let floats = floats.map(|s| (s.at, SampleValue::Float(s.value)));
        let histograms = series.histograms.iter();
        let histograms = histograms.map(|s| (s.at, SampleValue::Histogram(s.histogram.clone())));
        for (at, got) in floats.chain(histograms) {
            let wanted = wanted.remove(&at).unwrap_or(SeriesValue::Missing);
            same_value(&wanted, Some(&got), || format!("{labels} at {at}"))?;
        }
        if let Some((at, wanted)) = wanted.first_key_value() {
            same_value(wanted, None, || format!("{labels} at {at}"))?;
        }
    }
    match missing.keys().next() {
        None => Ok(()),
        Some(labels) => Err(format!("{labels} is missing")),
    }
}

/// Series of a matrix come sorted by labels.
pub(super) fn sorted(matrix: &[Series]) -> Result<(), String> {
    match matrix
        .windows(2)
        .find(|pair| pair[0].labels > pair[1].labels)
    {
        None => Ok(()),
        Some(pair) => Err(format!(
            "{} comes before {}",
            pair[0].labels, pair[1].labels
        )),
    }
}

/// Says which annotations of a kind are missing, or too many.
pub(super) fn notes(wanted: &ExpectedNotes, got: &[String], kind: &str) -> Result<(), String> {
    match wanted {
        ExpectedNotes::Any => Ok(()),
        ExpectedNotes::None if got.is_empty() => Ok(()),
        ExpectedNotes::None => Err(format!("unexpected {kind} {got:?}")),
        ExpectedNotes::Matching(_) if got.is_empty() => Err(format!("no {kind} came")),
        ExpectedNotes::Matching(patterns) => {
            if let Some(lacking) = patterns
                .iter()
                .find(|p| !got.iter().any(|text| p.matches(text)))
            {
                return Err(format!("no {kind} is {lacking:?} among {got:?}"));
            }
            match got
                .iter()
                .find(|text| !patterns.iter().any(|p| p.matches(text)))
            {
                None => Ok(()),
                Some(text) => Err(format!("unexpected {kind} {text:?}")),
            }
        }
    }
}

/// Says how a value differs from what is wanted.
fn same_value(
    wanted: &SeriesValue,
    got: Option<&SampleValue>,
    place: impl FnOnce() -> String,
) -> Result<(), String> {
    let alike = match (wanted, got) {
        (SeriesValue::Float(wanted), Some(SampleValue::Float(got))) => almost_equal(*wanted, *got),
        (SeriesValue::Histogram(wanted), Some(SampleValue::Histogram(got))) => {
            same_histogram(wanted, got)
        }
        (SeriesValue::Missing, None) => true,
        _ => false,
    };
    if alike {
        return Ok(());
    }
    let wanted = match wanted {
        SeriesValue::Missing => "nothing".to_owned(),
        SeriesValue::Float(value) => value.to_string(),
        SeriesValue::Histogram(written) => literal(&written.histogram),
    };
    let got = got.map_or("nothing".to_owned(), told);
    Err(format!("wanted {wanted} for {}, got {got}", place()))
}

fn told(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => value.to_string(),
        SampleValue::Histogram(histogram) => literal(histogram),
    }
}

fn literal(histogram: &Histogram) -> String {
    histogram.literal().unwrap_or_else(|| histogram.to_string())
}

/// Without empty buckets; the hint counts only if it was written.
fn same_histogram(wanted: &WrittenHistogram, got: &Histogram) -> bool {
    let [mut a, mut b] = [(*wanted.histogram).clone(), got.clone()];
    let same_hint = !wanted.hint_written || a.reset_hint == b.reset_hint;
    a.compact(0);
    b.compact(0);
    let numbers = |h: &Histogram| {
        let sides = [&h.positive, &h.negative].map(|side| side.counts().to_vec());
        [vec![h.count, h.sum, h.zero_count], sides.concat()].concat()
    };
    let (x, y) = (numbers(&a), numbers(&b));
    same_hint
        && a.schema == b.schema
        && a.zero_threshold == b.zero_threshold
        && (!a.has_custom_buckets() || a.custom_values == b.custom_values)
        && a.positive.spans().eq(b.positive.spans())
        && a.negative.spans().eq(b.negative.spans())
        && x.iter().zip(&y).all(|(x, y)| almost_equal(*x, *y))
}

fn same(wanted: f64, got: f64, place: impl FnOnce() -> String) -> Result<(), String> {
    if almost_equal(wanted, got) {
        return Ok(());
    }
    Err(format!("wanted {wanted} for {}, got {got}", place()))
}

/// Source: Prometheus, `util/almost/almost.go`.
fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale_nan(a) || is_stale_nan(b) {
        return is_stale_nan(a) && is_stale_nan(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_compared_relative_to_their_size() {
        assert!(almost_equal(1.0, 1.000_000_5));
        assert!(!almost_equal(1.0, 1.000_01));
        assert!(almost_equal(f64::NAN, f64::NAN));
        assert!(!almost_equal(f64::NAN, model::STALE_NAN));
        assert!(!almost_equal(0.0, 1e-300));
        assert!(almost_equal(0.0, -0.0));
        assert!(almost_equal(f64::INFINITY, f64::INFINITY));
        assert!(!almost_equal(f64::INFINITY, f64::MAX));
        assert!(almost_equal(f64::MAX, f64::MAX * 0.999_999_9));
    }
}
