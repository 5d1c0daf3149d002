//! Histogram literals: `{{schema:1 count:3 sum:4.5 buckets:[1 2]}}`.
use std::sync::Arc;

use model::{
    Histogram, ResetHint,
    histogram::{Buckets, CUSTOM_BUCKETS},
};

use super::{MAX_REPEATS, WrittenHistogram};
use crate::parser::number_value;

/// Reads `{{…}}`, `{{…}}x3`, or `{{…}}+{{…}}x3`.
pub(super) fn item(text: &str) -> Option<Vec<WrittenHistogram>> {
    let (first, rest) = literal(text)?;
    let (delta, rest) = match rest.strip_prefix(['+', '-']) {
        Some(delta) => {
            let (delta, behind) = literal(delta)?;
            (Some((delta, rest.starts_with('-'))), behind)
        }
        None => (None, rest),
    };
    let n = match rest.strip_prefix('x') {
        Some(n) => n.parse().ok().filter(|n| *n <= MAX_REPEATS)?,
        None if rest.is_empty() && delta.is_none() => 0,
        None => return None,
    };
    let Some((delta, is_minus)) = delta else {
        return Some(vec![first; n + 1]);
    };
    let mut written = WrittenHistogram {
        // What is said of the hint of the second holds for all.
        hint_written: delta.hint_written,
        ..first
    };
    let mut all = vec![written.clone()];
    for _ in 0..n {
        let mut next = (*written.histogram).clone();
        if next.schema > delta.histogram.schema {
            return None;
        }
        match is_minus {
            true => next.sub(&delta.histogram),
            false => next.add(&delta.histogram),
        }
        .ok()?;
        written.histogram = Arc::new(next);
        all.push(written.clone());
    }
    Some(all)
}

/// Reads the literal at the beginning of `text`, and gives what follows.
fn literal(text: &str) -> Option<(WrittenHistogram, &str)> {
    let (inner, rest) = text.strip_prefix("{{")?.split_once("}}")?;
    let mut histogram = Histogram::default();
    let (mut hint_written, mut inner) = (false, inner.trim());
    let (mut offsets, mut counts) = ([0_i32; 2], [Vec::new(), Vec::new()]);
    while !inner.is_empty() {
        let (key, behind) = inner.split_once(':')?;
        let (value, behind) = match behind.strip_prefix('[') {
            Some(list) => list.split_once(']')?,
            None => behind.split_once(' ').unwrap_or((behind, "")),
        };
        match key {
            "schema" => histogram.schema = value.parse().ok()?,
            "sum" => histogram.sum = number(value)?,
            "count" => histogram.count = number(value)?,
            "z_bucket" => histogram.zero_count = number(value)?,
            "z_bucket_w" => histogram.zero_threshold = number(value)?,
            "custom_values" => histogram.custom_values = numbers(value)?.into(),
            "buckets" => counts[0] = numbers(value)?,
            "n_buckets" => counts[1] = numbers(value)?,
            "offset" => offsets[0] = value.parse().ok()?,
            "n_offset" => offsets[1] = value.parse().ok()?,
            "counter_reset_hint" => {
                hint_written = true;
                histogram.reset_hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    _ => return None,
                };
            }
            _ => return None,
        }
        inner = behind.trim_start();
    }
    [histogram.positive, histogram.negative] = [0, 1].map(|side| {
        let counts = std::mem::take(&mut counts[side]);
        Buckets::from_first(offsets[side], counts)
    });
    if histogram.schema != CUSTOM_BUCKETS && !histogram.custom_values.is_empty() {
        return None;
    }
    let written = WrittenHistogram {
        histogram: Arc::new(histogram),
        hint_written,
    };
    Some((written, rest))
}

fn numbers(text: &str) -> Option<Vec<f64>> {
    text.split_whitespace().map(number).collect()
}

fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = number_value(unsigned)?;
    Some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: &[&str]) {
        let all = item(text).unwrap();
        let all: Vec<_> = all.iter().map(|w| w.histogram.literal().unwrap()).collect();
        assert_eq!(all, wanted);
    }

    #[test]
    fn literals_are_read_and_repeated() {
        check("{{}}", &["{{}}"]);
        let all = "{{schema:-53 count:3 sum:4.5 custom_values:[1 2.5] counter_reset_hint:gauge buckets:[1 2]}}";
        check(all, &[all]);
        check(
            "{{ sum:-1 offset:-3 buckets:[ 1 ] n_offset:2 n_buckets:[2] }}x1",
            &["{{sum:-1 offset:-3 buckets:[1] n_offset:2 n_buckets:[2]}}"; 2],
        );
        check(
            "{{sum:1 buckets:[1]}}+{{sum:2 offset:1 buckets:[3]}}x2",
            &[
                "{{sum:1 buckets:[1]}}",
                "{{sum:3 buckets:[1 3]}}",
                "{{sum:5 buckets:[1 6]}}",
            ],
        );
    }

    #[test]
    fn bad_literals_are_refused() {
        for bad in [
            "{{count:a}}",
            "{{what:1}}",
            "{{buckets:[1}}",
            "{{}}+{{}}",
            "{{schema:1}}+{{schema:0}}x1",
            "{{schema:0}}+{{schema:-53}}x1",
            "{{}}y",
        ] {
            assert!(item(bad).is_none(), "{bad}");
        }
    }
}
