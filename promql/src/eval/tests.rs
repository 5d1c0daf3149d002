//! Queries over small sets of series: what the public scripts do not tell.
use std::{num::NonZeroU64, sync::Arc};

use expect_test::{Expect, expect};
use model::{Labels, Matcher, Sample, Series, Steps, TimeRange, Timestamp, Value};

use crate::{
    EvalError, Evaluation, Options, QueryOptions, QueryValue, VectorSample, evaluate, parse_with,
    plan, source::Fetched,
};

mod looked_at;
mod steps_alike;

/// A series from its labels, as PromQL writes them, and its values a minute apart.
fn series(selector: &str, values: &[f64]) -> Series {
    let matchers = crate::parse_selector(selector).unwrap();
    let labels = matchers.iter().map(|m| (m.name(), m.value())).collect();
    let samples = values.iter().enumerate().map(|(i, value)| Sample {
        at: minute(i as i64),
        value: *value,
    });
    Series::of_samples(labels, samples.collect())
}

fn minute(n: i64) -> Timestamp {
    Timestamp::from_millis(n * 60_000)
}

/// Every minute from the epoch to the `n`th.
fn minutes(n: i64) -> Steps {
    Steps::Range {
        range: TimeRange::new(minute(0), minute(n)).unwrap(),
        step: NonZeroU64::new(60_000).unwrap(),
    }
}

/// Fetches what the plan asks for from `store`, and nothing else.
fn ask_with(
    store: &[Series],
    query: &str,
    steps: Steps,
    options: &QueryOptions,
    canceled: &(dyn Fn() -> bool + Sync),
) -> Result<Evaluation, EvalError> {
    let experimental = Options::ALL;
    let expr = parse_with(query, experimental).unwrap();
    let plan = plan(&expr, steps, options)?;
    let fetch = |selection: &crate::source::Selection| {
        store
            .iter()
            .filter(|series| Matcher::all_match(&selection.matchers, &series.labels))
            .map(|series| {
                let inside = |sample: &&Sample| selection.range.contains(sample.at);
                let samples = series.samples.iter().filter(inside).copied().collect();
                Arc::new(Series::of_samples(series.labels.clone(), samples))
            })
            .collect()
    };
    let selections = plan.selections.iter().map(fetch).collect();
    evaluate(&plan, &Fetched { selections }, canceled)
}

fn ask(store: &[Series], query: &str, steps: Steps) -> Result<Evaluation, EvalError> {
    ask_with(store, query, steps, &QueryOptions::default(), &|| false)
}

/// A sample that has a number.
fn sample_of(sample: &VectorSample) -> Sample {
    let Value::Float(value) = sample.value else {
        panic!("a number: {sample:?}");
    };
    Sample {
        at: sample.at,
        value,
    }
}

/// The result, a series a line.
fn told(labels: &Labels, samples: &[Sample]) -> String {
    let values: Vec<String> = samples
        .iter()
        .map(|s| format!("{}@{}", s.value, s.at.as_seconds()))
        .collect();
    format!("{labels} {}\n", values.join(" "))
}

#[track_caller]
fn check(store: &[Series], query: &str, steps: Steps, expected: Expect) {
    let text = match ask(store, query, steps) {
        Err(error) => format!("{error}\n"),
        Ok(Evaluation {
            value, annotations, ..
        }) => {
            let mut text = match value {
                QueryValue::Scalar(sample) => format!("{}\n", sample.value),
                QueryValue::String { text, .. } => format!("{text:?}\n"),
                QueryValue::Vector(list) => list
                    .iter()
                    .map(|s| told(&s.labels, &[sample_of(s)]))
                    .collect(),
                QueryValue::Matrix(list) => {
                    list.iter().map(|s| told(&s.labels, &s.samples)).collect()
                }
            };
            for note in annotations.iter() {
                text.push_str(&note.render(query));
                text.push('\n');
            }
            text
        }
    };
    expected.assert_eq(&text);
}

fn at(n: i64) -> Steps {
    Steps::Instant(minute(n))
}

fn store() -> Vec<Series> {
    vec![
        series(r#"a{x="1"}"#, &[0.0, 60.0, 120.0, 180.0]),
        series(r#"a{x="2"}"#, &[5.0, 4.0, model::STALE_NAN, 3.0]),
        series(r#"b{x="1"}"#, &[1.0, 2.0, 3.0, 4.0]),
    ]
}

#[test]
fn a_staleness_marker_ends_a_series_until_its_next_sample() {
    check(
        &store(),
        r#"a{x="2"}"#,
        minutes(4),
        expect![[r#"
            {__name__="a", x="2"} 5@0 4@60 3@180 3@240
        "#]],
    );
}

#[test]
fn a_sample_as_old_as_the_lookback_is_not_seen() {
    check(&store(), r#"b"#, at(8), expect![[""]]);
    check(
        &store(),
        r#"b"#,
        Steps::Instant(Timestamp::from_millis(8 * 60_000 - 1)),
        expect![[r#"
            {__name__="b", x="1"} 4@479.999
        "#]],
    );
}

#[test]
fn a_rate_reads_to_the_ends_of_its_window_and_doubts_gauges() {
    check(
        &store(),
        r#"rate(a{x="1"}[2m])"#,
        at(3),
        expect![[r#"
            {x="1"} 1@180
            PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (1:6)
        "#]],
    );
}

#[test]
fn types_that_are_labels_tell_counters() {
    let store = [
        series(
            r#"{__name__="a", __type__="counter", x="1"}"#,
            &[1.0, 2.0, 3.0],
        ),
        series(
            r#"{__name__="b_total", __type__="gauge", x="2"}"#,
            &[1.0, 2.0, 3.0],
        ),
        series(r#"{__name__="c_total", x="3"}"#, &[1.0, 2.0, 3.0]),
    ];
    let options = QueryOptions {
        metadata_labels: true,
        ..QueryOptions::default()
    };
    let query = r#"rate({__name__=~".+"}[2m])"#;
    let notes = |query: &str| {
        let evaluation = ask_with(&store, query, at(2), &options, &|| false).unwrap();
        evaluation.annotations.infos(query).join("\n")
    };
    expect![[r#"
        PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "gauge": "b_total" (1:10)
        PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "": "c_total" (1:10)"#]].assert_eq(&notes(&format!("sum({query})")));
    expect![[""]].assert_eq(&notes("rate(a[2m])"));
}

#[test]
fn dropped_names_join_series_or_clash() {
    check(
        &store(),
        r#"{x="1"} * 2"#,
        at(1),
        expect![[r#"
            vector cannot contain metrics with the same labelset
        "#]],
    );
    check(
        &store(),
        r#"rate({x="1"}[5m])"#,
        at(1),
        expect![[r#"
            vector cannot contain metrics with the same labelset
        "#]],
    );
    check(
        &[
            series("a", &[1.0, model::STALE_NAN]),
            series("b", &[f64::NAN]),
        ]
        .map(|mut s| {
            if s.labels.metric_name() == "b" {
                s.samples[0].at = minute(1);
                s.samples[0].value = 7.0;
            }
            s
        }),
        r#"-{__name__=~"a|b"}"#,
        minutes(2),
        expect![[r#"
            {} -1@0 -7@60 -7@120
        "#]],
    );
}

#[test]
fn two_of_one_match_group_are_told_in_the_order_of_their_texts() {
    check(
        &store(),
        "b / on () a",
        at(1),
        expect![[r#"
            found duplicate series for the match group {} on the right hand-side of the operation: [{__name__="a", x="1"}, {__name__="a", x="2"}];many-to-many matching not allowed: matching labels must be unique on one side
        "#]],
    );
    check(
        &store(),
        "a / on () b",
        at(1),
        expect![[r#"
            multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)
        "#]],
    );
}

#[test]
fn clashes_matter_only_where_the_other_side_has_something() {
    check(&store(), "nothing / on () a", at(1), expect![[""]]);
}

#[test]
fn fixed_parts_have_their_first_value_at_every_step() {
    check(
        &store(),
        "b @ 60 + b",
        minutes(2),
        expect![[r#"
            {x="1"} 3@0 4@60 5@120
        "#]],
    );
}

#[test]
fn subqueries_look_from_a_grid_of_their_own() {
    check(
        &store(),
        "sum_over_time(b[90s:30s] @ 100)",
        at(9),
        expect![[r#"
            {x="1"} 5@540
        "#]],
    );
}

#[test]
fn sorted_results_keep_their_order_and_others_are_by_labels() {
    check(
        &store(),
        "topk(2, {x=~'.+'}) * 1",
        at(1),
        expect![[r#"
            {x="1"} 60@60
            {x="2"} 4@60
        "#]],
    );
    check(
        &store(),
        "sort_desc(sum by (x) (a))",
        at(1),
        expect![[r#"
            {x="1"} 60@60
            {x="2"} 4@60
        "#]],
    );
}

#[test]
fn windows_come_as_they_are() {
    check(
        &store(),
        "a[3m]",
        at(3),
        expect![[r#"
            {__name__="a", x="1"} 60@60 120@120 180@180
            {__name__="a", x="2"} 4@60 3@180
        "#]],
    );
}

#[test]
fn a_query_ends_at_its_limit_and_on_demand() {
    let options = QueryOptions {
        max_samples: 5,
        ..QueryOptions::default()
    };
    let limited = |query| ask_with(&store(), query, minutes(3), &options, &|| false);
    assert!(limited("b").is_ok());
    assert_eq!(limited("a").unwrap_err(), EvalError::TooManySamples);
    assert_eq!(limited("sum(a)").unwrap_err(), EvalError::TooManySamples);
    let canceled = ask_with(&store(), "b", at(1), &QueryOptions::default(), &|| true);
    assert_eq!(canceled.unwrap_err(), EvalError::Canceled);
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    for (query, expected) in [
        (
            r#"label_replace(b, "", "", "", "")"#,
            "invalid destination label name in label_replace(): ",
        ),
        (
            r#"label_replace(b, "x", "", "", "(")"#,
            "invalid regular expression in label_replace(): (",
        ),
        (r#"count_values("", b)"#, r#"invalid label name """#),
        ("topk(NaN, b)", "Parameter value is NaN"),
        ("topk(1e30, b)", "Scalar value 1e+30 overflows int64"),
        (
            "double_exponential_smoothing(b[5m], 2, 0.5)",
            "invalid smoothing factor. Expected: 0 < sf < 1, got: 2.000000",
        ),
    ] {
        assert_eq!(
            ask(&store(), query, at(1)).unwrap_err().to_string(),
            expected
        );
    }
    assert_eq!(
        ask(&store(), "b[5m]", minutes(1)).unwrap_err().to_string(),
        r#"invalid expression type "range vector" for range query, must be Scalar or instant Vector"#
    );
}

#[test]
fn threads_change_nothing() {
    let many: Vec<Series> = (0..700)
        .map(|n| {
            let values: Vec<f64> = (0..100).map(|i| f64::from((n * i) % 17)).collect();
            series(&format!(r#"m{{n="{n}", parity="{}"}}"#, n % 2), &values)
        })
        .collect();
    let with_threads = |n: usize, query: &str| {
        let options = QueryOptions {
            threads: std::num::NonZeroUsize::new(n).unwrap(),
            ..QueryOptions::default()
        };
        ask_with(&many, query, minutes(99), &options, &|| false)
    };
    for query in [
        "m",
        "sum by (parity) (rate(m[5m]))",
        "topk(3, max_over_time(m[4m]))",
        "quantile_over_time(1.5, m[5m])",
        "double_exponential_smoothing(m[5m], 2, 0.5)",
    ] {
        let alone = with_threads(1, query);
        assert_eq!(
            format!("{alone:?}"),
            format!("{:?}", with_threads(4, query))
        );
    }
}

#[test]
fn the_best_are_found_among_many() {
    let many: Vec<Series> = (0..200)
        .map(|n| series(&format!(r#"m{{n="{n:03}"}}"#), &[f64::from(n * 7 % 200)]))
        .collect();
    let names = |query: &str| match ask(&many, query, at(0)).unwrap().value {
        QueryValue::Vector(list) => list
            .iter()
            .map(|s| s.labels.value("n").to_owned())
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    // 7 n = 199, 198, 197 modulo 200
    assert_eq!(names("topk(3, m)"), ["057", "114", "171"]);
    assert_eq!(names("bottomk(2, m)"), ["000", "143"]);
    assert_eq!(names("topk(2, m * 0)"), ["000", "001"]);
    assert_eq!(names("limitk(2, m)"), ["000", "001"]);
    assert_eq!(names("topk(1e6, m)").len(), 200);
}
