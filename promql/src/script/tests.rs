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
            Steps::Instant(_) => Value::Vector(series.map(|(l, s)| (l.clone(), last(s))).collect()),
            Steps::Range { .. } => Value::Matrix(
                series
                    .map(|(labels, s)| model::Series {
                        labels: labels.clone(),
                        samples: steps
                            .iter()
                            .map(|at| Sample { at, value: last(s) })
                            .collect(),
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

        eval instant at 1m sum(h)
          {} 1

        eval instant at 1m x </ 5
          x 1

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
    let skipped = |text: &str| Verdict::Skipped(text.to_owned());
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
            (38, skipped("native histograms")),
            (41, skipped("operator \"</\" is not supported")),
            (46, Verdict::Passed),
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
fn classic_histograms_are_known_to_become_native_ones() {
    let commands = read("load_with_nhcb 1m\n h_bucket{le=\"1\",a=\"b\"} 1\n h_sum 3").unwrap();
    let [Command::Load(load)] = &commands[..] else {
        panic!("{commands:?}");
    };
    let mut store = Store::default();
    store.load(load);
    let found: Vec<_> = store
        .iter()
        .map(|(labels, series)| format!("{labels} {} {}", series.samples.len(), series.histograms))
        .collect();
    assert_eq!(
        found,
        [
            "{__name__=\"h\"} 0 true",
            "{__name__=\"h\", a=\"b\"} 0 true",
            "{__name__=\"h_bucket\", a=\"b\", le=\"1\"} 1 false",
            "{__name__=\"h_sum\"} 1 false",
        ]
    );
}
