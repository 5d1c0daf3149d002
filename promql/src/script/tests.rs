use expect_test::{Expect, expect};
use model::Sample;

use super::*;

#[track_caller]
fn check(text: &str, wanted: Expect) {
    wanted.assert_debug_eq(&read(text));
}

#[test]
fn an_eval_is_read_with_its_expectations() {
    check(
        "
        # A comment ends a command, as an empty line does.
        eval range from 0 to 10m step 5m sum(x)  > 1
          expect warn msg: a b
          expect no_info
          {a=\"b\"} 1 _ 3
        # comment
        ",
        expect![[r#"
            Ok(
                [
                    Eval(
                        Eval {
                            line: 3,
                            query: "sum(x)  > 1",
                            steps: Range {
                                range: TimeRange {
                                    start: Timestamp(
                                        0,
                                    ),
                                    end: Timestamp(
                                        600000,
                                    ),
                                },
                                step: 300000,
                            },
                            expected: Series {
                                ordered: false,
                                window: false,
                                start: Timestamp(
                                    0,
                                ),
                                step: Millis(
                                    300000,
                                ),
                                end: Timestamp(
                                    600000,
                                ),
                                series: [
                                    (
                                        {a="b"},
                                        [
                                            Float(
                                                1.0,
                                            ),
                                            Missing,
                                            Float(
                                                3.0,
                                            ),
                                        ],
                                    ),
                                ],
                            },
                            warnings: Matching(
                                [
                                    Text(
                                        "a b",
                                    ),
                                ],
                            ),
                            infos: None,
                        },
                    ),
                ],
            )
        "#]],
    );
}

#[test]
fn bad_scripts_are_refused_where_they_are_bad() {
    let error = |text| read(text).unwrap_err().to_string();
    assert_eq!(
        error("clear\nfetch x"),
        "line 2: invalid command \"fetch x\""
    );
    assert_eq!(
        error("load 5m\n  x 1\n  y{a} 2"),
        "line 3: unexpected \"}\" in series description"
    );
    assert_eq!(
        error("eval instant at 5 x"),
        "line 1: invalid time \"5\": not a valid duration string: \"5\""
    );
    assert_eq!(
        error("eval instant at 5m x\n  expect loudly"),
        "line 2: invalid expectation \"loudly\""
    );
    assert_eq!(
        error("eval instant at 5m x\n  x 1 2"),
        "line 2: expecting multiple values in instant evaluation not allowed"
    );
}

/// Knows one query: `x` gives the last value of every series named so.
struct LastValue;

impl Engine for LastValue {
    fn answer(&self, store: &Store, query: &str, steps: Steps) -> Result<Answer, String> {
        if !query.starts_with('x') {
            return Err(format!("what is {query}?"));
        }
        let last = |series: &StoredSeries| series.samples.last().map_or(f64::NAN, |s| s.value);
        let series = store
            .iter()
            .filter(|(labels, _)| labels.metric_name() == "x");
        let value = match steps {
            Steps::Instant(_) => Value::Vector(
                series
                    .map(|(l, s)| (l.clone(), model::Value::Float(last(s))))
                    .collect(),
            ),
            Steps::Range { .. } => Value::Matrix(
                series
                    .map(|(labels, s)| {
                        let sample = |at| Sample { at, value: last(s) };
                        model::Series::of_samples(
                            labels.clone(),
                            steps.iter().map(sample).collect(),
                        )
                    })
                    .collect(),
            ),
        };
        Ok(Answer {
            value,
            warnings: vec!["it is a toy".to_owned()],
            infos: Vec::new(),
        })
    }
}

#[test]
fn each_eval_gets_its_verdict() {
    let commands = read(
        "
        load 1m
          x{a=\"1\"} 1 2
          x{a=\"2\"} 3+1x4
          h {{sum:1}}
          @st{} 1

        eval instant at 1m x
          expect warn
          x{a=\"2\"} 7
          x{a=\"1\"} 2

        eval instant at 1m x
          expect ordered
          x{a=\"2\"} 7
          x{a=\"1\"} 2

        eval instant at 1m x
          x{a=\"1\"} 2

        eval instant at 1m x
          expect no_warn
          x{a=\"1\"} 2
          x{a=\"2\"} 7

        eval range from 0 to 1m step 1m x
          x{a=\"1\"} 2 2
          x{a=\"2\"} 7 7.1

        eval instant at 1m y
          expect fail regex: what is .*

        eval instant at 1m y
          expect fail msg: what?

        eval instant at 1m x
          expect fail

        eval instant at 1m x
          x{a='1'} 2
          x{a='2'} {{count:1}}

        clear

        eval instant at 1m x
        "
        .replace("          @st{} 1\n", "")
        .as_str(),
    )
    .unwrap();
    let verdicts: Vec<_> = run(&commands, &LastValue)
        .into_iter()
        .map(|outcome| (outcome.line, outcome.verdict))
        .collect();
    let failed = |text: &str| Verdict::Failed(text.to_owned());
    let series = |a: &str| format!("{{__name__=\"x\", a=\"{a}\"}}");
    assert_eq!(
        verdicts,
        [
            (7, Verdict::Passed),
            (
                12,
                failed(&format!(
                    "x at 60.000: {} is number 1, wanted as number 2",
                    series("1")
                ))
            ),
            (
                17,
                failed(&format!("x at 60.000: unexpected {} with 7", series("2")))
            ),
            (
                20,
                failed("x at 60.000: unexpected warning [\"it is a toy\"]")
            ),
            (
                25,
                failed(&format!("wanted 7.1 for {} at 60.000, got 7", series("2")))
            ),
            (29, Verdict::Passed),
            (
                32,
                failed("y at 60.000: wanted the error Text(\"what?\"), got \"what is y?\"")
            ),
            (35, failed("x at 60.000: wanted a failure, got a result")),
            (
                38,
                failed(&format!(
                    "x at 60.000: wanted {{{{count:1}}}} for {}, got 7",
                    series("2")
                ))
            ),
            (44, Verdict::Passed),
        ]
    );
}

#[test]
fn pinned_queries_are_asked_at_other_times() {
    let pinned = |query: &str| {
        let mut expr = crate::parse(query).unwrap();
        pin::pin(&mut expr, Timestamp::from_millis(60_000)).then(|| expr.to_string())
    };
    assert_eq!(
        pinned("x + y @ 3").as_deref(),
        Some("x @ 60.000 + y @ 3.000")
    );
    assert_eq!(
        pinned("rate(x[5m])[1h:] offset 1m").as_deref(),
        Some("rate(x[5m])[1h:] @ 60.000 offset 1m")
    );
    assert_eq!(pinned("sum(x) - scalar(timestamp(x))"), None);
    assert_eq!(pinned("max_over_time(timestamp(x)[5m:])"), None);
}

#[test]
fn classic_histograms_are_loaded_as_native_ones_too() {
    let text = "load_with_nhcb 1m\n h_bucket{le=\"1\"} 1 3\n h_bucket{le=\"2\"} 3 5\n h_sum 3 _";
    let commands = read(text).unwrap();
    let [Command::Load(load)] = &commands[..] else {
        panic!("{commands:?}");
    };
    let mut store = Store::default();
    store.load(load).unwrap();
    let found: Vec<_> = store
        .iter()
        .map(|(labels, series)| {
            let histograms = series.histograms.iter();
            let histograms = histograms.map(|s| s.histogram.literal().unwrap());
            format!(
                "{} {} {:?}",
                labels.metric_name(),
                series.samples.len(),
                histograms.collect::<Vec<_>>()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "h 0 [\"{{schema:-53 count:3 sum:3 custom_values:[1 2] buckets:[1 2]}}\", \
             \"{{schema:-53 count:5 custom_values:[1 2] counter_reset_hint:not_reset buckets:[3 2]}}\"]",
            "h_bucket 2 []",
            "h_bucket 2 []",
            "h_sum 1 []",
        ]
    );
}
