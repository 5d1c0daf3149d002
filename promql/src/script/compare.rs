//! Is the result what the script wants?
use std::collections::BTreeMap;

use model::{Labels, Sample, Series, Timestamp, is_stale_nan};

use super::{Eval, Expected, ExpectedNotes, SeriesValue, run::Value};

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
    got: &[(Labels, f64)],
) -> Result<(), String> {
    let by_labels: BTreeMap<&Labels, usize> = wanted
        .iter()
        .enumerate()
        .map(|(i, (labels, _))| (labels, i))
        .collect();
    let mut seen = vec![false; wanted.len()];
    for (i, (labels, value)) in got.iter().enumerate() {
        let Some(place) = by_labels.get(labels).copied() else {
            return Err(format!("unexpected {labels} with {value}"));
        };
        if ordered && place != i {
            return Err(format!(
                "{labels} is number {}, wanted as number {}",
                i + 1,
                place + 1
            ));
        }
        match wanted[place].1.first() {
            Some(SeriesValue::Float(wanted)) => same(*wanted, *value, || labels.to_string())?,
            other => return Err(format!("wanted {other:?} for {labels}, got {value}")),
        }
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
    let points = |values: &[SeriesValue]| -> Result<Vec<Sample>, String> {
        let mut points = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let at = Timestamp::from_millis(start.as_millis() + step.as_millis() * i as i64);
            if at > *end {
                return Err(format!(
                    "{} values are more than the time range holds",
                    values.len()
                ));
            }
            if let SeriesValue::Float(value) = value {
                points.push(Sample { at, value: *value });
            }
        }
        Ok(points)
    };
    let mut missing: BTreeMap<&Labels, Vec<Sample>> = BTreeMap::new();
    for (labels, values) in wanted {
        missing.insert(labels, points(values)?);
    }
    for series in got {
        let labels = &series.labels;
        let Some(wanted) = missing.remove(labels) else {
            return Err(format!("unexpected {labels} with {:?}", series.samples));
        };
        let times = |samples: &[Sample]| samples.iter().map(|s| s.at).collect::<Vec<_>>();
        if times(&wanted) != times(&series.samples) {
            return Err(format!(
                "wanted {wanted:?} for {labels}, got {:?}",
                series.samples
            ));
        }
        for (wanted, got) in wanted.iter().zip(&series.samples) {
            same(wanted.value, got.value, || {
                format!("{labels} at {}", got.at)
            })?;
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
