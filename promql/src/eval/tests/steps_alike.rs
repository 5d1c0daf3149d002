//! A range query gives at each step what an instant query gives at that time.
use std::collections::BTreeMap;

use model::{Labels, STALE_NAN, Sample, Series, Steps, Timestamp};
use proptest::prelude::*;

use super::{ask, minutes, sample_of};
use crate::{EvalError, QueryValue};

/// Expressions of all kinds over the metrics `a`, `b` and `le_bucket`.
const QUERIES: [&str; 48] = [
    "a",
    "a offset 90s",
    "a offset -1m",
    "{__name__=~'a|b'}",
    "rate(a[3m])",
    "increase(a[150s] offset 30s)",
    "delta(a[4m])",
    "irate(a[4m])",
    "idelta(a[4m])",
    "resets(a[5m])",
    "changes(a[5m])",
    "min_over_time(a[3m])",
    "max_over_time(a[3m])",
    "ts_of_max_over_time(a[4m])",
    "ts_of_min_over_time(a[30s])",
    "sum_over_time(a[3m])",
    "avg_over_time(a[3m])",
    "stddev_over_time(a[5m])",
    "quantile_over_time(0.4, a[5m])",
    "last_over_time(a[45s])",
    "deriv(a[5m])",
    "predict_linear(a[5m], 60)",
    "absent(a{x='1'})",
    "absent_over_time(a{x='1'}[1m])",
    "timestamp(a)",
    "sum(a)",
    "avg by (x) (a)",
    "count without (x) (a)",
    "min(a) + max(a)",
    "stddev(a)",
    "quantile(0.7, a)",
    "topk(1, a)",
    "bottomk by (y) (2, a)",
    "limitk(1, a)",
    "count_values('v', a)",
    "a + on (x, y) b",
    "a == on (x, y) b",
    "a > bool 2",
    "2 < a",
    "a and b",
    "a or b",
    "a unless on (x) b",
    "a * on (x) group_left () max by (x) (b)",
    "sum_over_time(rate(a[2m])[4m:1m])",
    "max_over_time((a - b)[3m:45s] offset 1m)",
    "a @ 120 + scalar(sum(b))",
    "label_replace(a, 'z', '$1', 'x', '(.)')",
    "histogram_quantile(0.5, le_bucket)",
];

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        6 => (-3i32..20).prop_map(|v| Some(f64::from(v))),
        2 => Just(None),
        1 => Just(Some(STALE_NAN)),
        1 => Just(Some(f64::NAN)),
    ]
}

/// Half of all series have times in common, as those of one target.
fn one(labels: Labels) -> impl Strategy<Value = Series> {
    let values = prop::collection::vec((value(), 0i64..20_000), 0..12);
    (values, any::<bool>()).prop_map(move |(values, in_common)| {
        let samples = values
            .into_iter()
            .enumerate()
            .filter_map(|(i, (value, jitter))| {
                let jitter = if in_common {
                    i as i64 * 7919 % 20_000
                } else {
                    jitter
                };
                Some(Sample {
                    at: Timestamp::from_millis(i as i64 * 30_000 + jitter),
                    value: value?,
                })
            })
            .collect();
        Series::of_samples(labels.clone(), samples)
    })
}

fn stores() -> impl Strategy<Value = Vec<Series>> {
    let labels = |name: &str, x: &str, y: &str| {
        let key = if name == "le_bucket" { "le" } else { "y" };
        Labels::from_pairs([("__name__", name), ("x", x), (key, y)])
    };
    let all = [
        labels("a", "1", "1"),
        labels("a", "1", "2"),
        labels("a", "2", "1"),
        labels("b", "1", "1"),
        labels("b", "2", "1"),
        labels("le_bucket", "1", "2"),
        labels("le_bucket", "1", "5"),
        labels("le_bucket", "1", "+Inf"),
    ];
    all.map(one).into_iter().collect::<Vec<_>>()
}

type Points = BTreeMap<(String, i64), u64>;

/// All points of a result; NaN of any kind is one.
fn points(value: QueryValue) -> Points {
    let point = |labels: &Labels, s: &Sample| {
        let value = if s.value.is_nan() { f64::NAN } else { s.value };
        ((labels.to_string(), s.at.as_millis()), value.to_bits())
    };
    match value {
        QueryValue::Vector(list) => list
            .iter()
            .map(|s| point(&s.labels, &sample_of(s)))
            .collect(),
        QueryValue::Matrix(list) => list
            .iter()
            .flat_map(|s| s.samples.iter().map(move |sample| point(&s.labels, sample)))
            .collect(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_range_is_its_instants(store in stores()) {
        for query in QUERIES {
            let steps = minutes(6);
            let instants: Result<Points, EvalError> =
                steps.iter().try_fold(Points::new(), |mut all, time| {
                    all.extend(points(ask(&store, query, Steps::Instant(time))?.value));
                    Ok(all)
                });
            match (ask(&store, query, steps), instants) {
                (Ok(range), Ok(instants)) => {
                    prop_assert_eq!(points(range.value), instants, "{}", query);
                }
                (Err(_), Err(_)) => {}
                (range, instants) => prop_assert!(false, "{query}: {range:?} {instants:?}"),
            }
        }
    }
}
