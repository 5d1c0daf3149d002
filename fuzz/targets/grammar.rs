//! Evaluation of well-formed queries: bytes choose among all that the grammar has, so that nearly each input is a query
//! over numbers, native histograms, classic buckets and staleness markers. Each ends within the limit of samples, with
//! a result or an error.
#![no_main]
use std::{
    num::NonZeroU64,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use libfuzzer_sys::fuzz_target;
use model::{Matcher, Series, Steps, TimeRange, Timestamp};
use promql::{
    Options, QueryOptions,
    ast::ValueType,
    evaluate,
    functions::FUNCTIONS,
    parse_with, plan,
    script::{self, Answer, Engine, Store, Value},
    source::{Fetched, Selection},
};

const LOADED: &str = r#"
load 15s
  a{job="x",instance="i"} 0+3x20 1 2 _ _ stale 0+1x20 NaN Inf -Inf 4x10
  a{job="x",instance="j"} 5x9 _x5 1+2x30
  a{job="y",instance="i"} -4+0.7x60
  b_total{job="x",instance="i"} 0+10x25 3+10x30
  b_total{job="y",instance="i"} 1e300x5 NaNx3 1+1x40
  b_bucket{job="x",le="0.1"} 0+1x60
  b_bucket{job="x",le="1"} 0+3x60
  b_bucket{job="x",le="+Inf"} 0+4x60
  b_bucket{job="y",le="wrong"} 0+4x60
  info{instance="i",job="x",version="1"} 1x60
  target_info{instance="i",job="x",data="d"} 1x30 _x5 1x20
  h{job="x",instance="i"} {{schema:0 sum:5 count:4 z_bucket:1 z_bucket_w:0.01 buckets:[1 2] n_buckets:[0 0]}}+{{schema:0 sum:1 count:3 buckets:[1 2]}}x30 {{schema:1 count:1 sum:1 buckets:[1]}}x20
  h{job="y",instance="i"} {{schema:-2 sum:-5 count:6 n_buckets:[1 2 3]}}x20 stale {{schema:3 count:9 sum:2 buckets:[4 0 5]}}x20
  h{job="x",instance="j"} {{schema:-53 sum:5 count:7 custom_values:[1 5 10] buckets:[1 2 3 1]}}x40
  h{job="z",instance="j"} {{schema:-53 sum:5 count:7 custom_values:[2 5] buckets:[1 5 1]}}x20 7x20
  mixed{job="x",instance="i"} 1x5 {{schema:0 sum:5 count:3 buckets:[1 2]}}x5 2x10 stale {{count:0 sum:NaN}}x9
"#;

/// Keeps what a script has loaded.
#[derive(Default)]
struct Keep(Mutex<Vec<Arc<Series>>>);

impl Engine for Keep {
    fn answer(&self, store: &Store, _: &str, _: Steps) -> Result<Answer, String> {
        let series = store.iter().map(|(labels, stored)| {
            Arc::new(Series {
                labels: labels.clone(),
                samples: stored.samples.clone(),
                histograms: stored.histograms.clone(),
                starts: stored.starts.clone(),
            })
        });
        *self.0.lock().expect("nothing panics here") = series.collect();
        Ok(Answer {
            value: Value::Scalar(0.0),
            warnings: Vec::new(),
            infos: Vec::new(),
        })
    }
}

static STORED: LazyLock<Vec<Arc<Series>>> = LazyLock::new(|| {
    let keep = Keep::default();
    let script = format!("{LOADED}\neval instant at 0 0\n  0\n");
    script::run(&script::read(&script).expect("it is a script"), &keep);
    let series = keep.0.into_inner().expect("nothing panics there");
    assert!(series.len() > 10);
    series
});

/// Bytes that choose; at their end all choices are the first.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    fn of<'c>(&mut self, all: &[&'c str]) -> &'c str {
        all[self.byte() % all.len()]
    }

    fn scalar(&mut self, depth: usize) -> String {
        match (self.byte() % 10, depth) {
            (0..=3, _) | (_, 0) => self
                .of(&[
                    "1", "0", "-1", "0.5", "2", "0x1f", "1e9", "NaN", "Inf", "-Inf", "1e-300",
                    "5m", "1_000",
                ])
                .to_owned(),
            (4, _) => format!("scalar({})", self.vector(depth - 1)),
            (5, _) => format!("-{}", self.scalar(depth - 1)),
            (6, _) => {
                let op = self.of(&[
                    "+", "-", "*", "/", "%", "^", "atan2", "> bool", "== bool", "<= bool",
                ]);
                format!(
                    "({} {op} {})",
                    self.scalar(depth - 1),
                    self.scalar(depth - 1)
                )
            }
            (7, _) => self
                .of(&["time()", "pi()", "step()", "range()", "start()", "end()"])
                .to_owned(),
            _ => self.call(ValueType::Scalar, depth),
        }
    }

    fn selector(&mut self) -> String {
        let name = self.of(&[
            "a",
            "b_total",
            "b_bucket",
            "info",
            "h",
            "mixed",
            "target_info",
            "none",
            "",
        ]);
        let matcher = self.of(&[
            "",
            "{job=\"x\"}",
            "{job!=\"x\"}",
            "{instance=~\"i|j\"}",
            "{job!~\"x.*\"}",
            "{le=\"1\"}",
            "{missing=\"\"}",
        ]);
        match (name, matcher) {
            ("", _) => "{__name__=~\"a|h|mixed\"}".to_owned(),
            (name, matcher) => format!("{name}{matcher}"),
        }
    }

    fn duration(&mut self) -> &'static str {
        self.of(&[
            "5m",
            "15s",
            "1m",
            "30s",
            "1ms",
            "1h",
            "10m",
            "90s",
            "(1m + 15s)",
            "step()",
            "max_of(15s, 1m)",
        ])
    }

    fn modifiers(&mut self) -> String {
        match self.byte() % 12 {
            0..=5 => String::new(),
            6 => format!(" offset {}", self.duration()),
            7 => " offset -45s".to_owned(),
            8 => " @ 300".to_owned(),
            9 => " @ start()".to_owned(),
            10 => " @ end() offset 1m".to_owned(),
            _ => " @ -7.5".to_owned(),
        }
    }

    fn matrix(&mut self, depth: usize) -> String {
        if depth > 0 && self.byte().is_multiple_of(4) {
            let inner = self.vector(depth - 1);
            let (range, step) = (
                self.duration(),
                self.of(&["1m", "", "15s", "7s", "1h", "30s"]),
            );
            return format!("({inner})[{range}:{step}]{}", self.modifiers());
        }
        let edges = self.of(&["", "", "", "", " anchored", " smoothed"]);
        format!(
            "{}[{}]{edges}{}",
            self.selector(),
            self.duration(),
            self.modifiers()
        )
    }

    fn text(&mut self) -> &'static str {
        self.of(&[
            "\"job\"",
            "\"instance\"",
            "\"le\"",
            "\"\"",
            "\"$1\"",
            "\"(.*)\"",
            "\"new\"",
            "\"__name__\"",
            "\"(.)(.)?\"",
            "\"${1}x$2\"",
        ])
    }

    fn call(&mut self, returns: ValueType, depth: usize) -> String {
        let all: Vec<_> = FUNCTIONS.iter().filter(|f| f.returns == returns).collect();
        let function = all[self.byte() % all.len()];
        let mut args = function.args.to_vec();
        match function.variadic {
            0 => {}
            n if n < 0 => {
                let last = args.last().copied().unwrap_or(ValueType::String);
                args.extend(std::iter::repeat_n(last, self.byte() % 3));
            }
            _ => args.truncate(args.len() - self.byte() % 2),
        }
        let args: Vec<String> = args
            .iter()
            .map(|arg| self.arg(function.name, *arg, depth.saturating_sub(1)))
            .collect();
        format!("{}({})", function.name, args.join(", "))
    }

    fn arg(&mut self, function: &str, value_type: ValueType, depth: usize) -> String {
        match (function, value_type) {
            ("info", ValueType::Vector) if self.byte().is_multiple_of(2) => {
                self.of(&["{data=~\".+\"}", "{version=\"1\"}"]).to_owned()
            }
            (_, ValueType::Scalar) => self.scalar(depth),
            (_, ValueType::Vector) => self.vector(depth),
            (_, ValueType::Matrix) => self.matrix(depth),
            _ => self.text().to_owned(),
        }
    }

    fn grouping(&mut self) -> &'static str {
        self.of(&[
            "",
            " by (job)",
            " without (instance)",
            " by ()",
            " by (job, instance)",
            " without (le)",
            " by (missing)",
        ])
    }

    fn aggregate(&mut self, depth: usize) -> String {
        let name = self.of(&[
            "sum",
            "avg",
            "min",
            "max",
            "count",
            "group",
            "stddev",
            "stdvar",
            "topk",
            "bottomk",
            "quantile",
            "count_values",
            "limitk",
            "limit_ratio",
        ]);
        let param = match name {
            "topk" | "bottomk" | "quantile" | "limitk" | "limit_ratio" => {
                self.scalar(depth - 1) + ", "
            }
            "count_values" => self.of(&["\"v\", ", "\"job\", "]).to_owned(),
            _ => String::new(),
        };
        let grouping = self.grouping();
        format!("{name}{grouping} ({param}{})", self.vector(depth - 1))
    }

    fn binary(&mut self, depth: usize) -> String {
        let lhs = self.vector(depth - 1);
        let op = self.of(&[
            "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "> bool",
            "== bool", "and", "or", "unless", "</", ">/",
        ]);
        let is_set = ["and", "or", "unless"].contains(&op);
        let on = self.of(&[
            "",
            "",
            " on (job)",
            " on (job, instance)",
            " ignoring (instance)",
            " on ()",
            " ignoring (le)",
        ]);
        let group = match is_set || on.is_empty() {
            true => "",
            false => self.of(&[
                "",
                "",
                " group_left ()",
                " group_right (version)",
                " group_left (data)",
            ]),
        };
        let fill = match is_set {
            true => "",
            false => self.of(&[
                "",
                "",
                "",
                "",
                "",
                " fill (0)",
                " fill_left (1)",
                " fill_right (NaN)",
                " fill_left (1) fill_right (2)",
            ]),
        };
        let rhs = match !is_set && on.is_empty() && self.byte().is_multiple_of(3) {
            true => return format!("({lhs}) {op} ({})", self.scalar(depth - 1)),
            false => self.vector(depth - 1),
        };
        format!("({lhs}) {op}{on}{group}{fill} ({rhs})")
    }

    fn vector(&mut self, depth: usize) -> String {
        match (self.byte() % 12, depth) {
            (0..=2, _) | (_, 0) => {
                let smoothed = self.of(&["", "", "", "", "", " smoothed", " anchored"]);
                self.selector() + smoothed + &self.modifiers()
            }
            (3..=6, _) => self.call(ValueType::Vector, depth),
            (7..=8, _) => self.aggregate(depth),
            (9, _) => format!("-({})", self.vector(depth - 1)),
            _ => self.binary(depth),
        }
    }

    fn query(&mut self) -> String {
        match self.byte() % 10 {
            0 => self.scalar(4),
            1 => self.matrix(4),
            _ => self.vector(5),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes);
    let shape = choices.byte();
    let text = choices.query();
    let Ok(expr) = parse_with(&text, Options::ALL) else {
        return;
    };
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let range = |start, end, step| Steps::Range {
        range: TimeRange::new(at(start), at(end)).expect("a good range"),
        step: NonZeroU64::new(step).expect("above zero"),
    };
    let steps = match shape % 4 {
        0 | 1 => Steps::Instant(at(600)),
        2 => range(0, 1200, 60_000),
        _ => range(297, 420, 7_001),
    };
    let options = QueryOptions {
        max_samples: 20_000,
        delayed_name_removal: shape & 4 != 0,
        start_timestamps: shape & 8 != 0,
        per_step_stats: shape & 16 != 0,
        ..QueryOptions::default()
    };
    let Ok(plan) = plan(&expr, steps, &options) else {
        return;
    };
    let select = |selection: &Selection| {
        let matches = |s: &&Arc<Series>| Matcher::all_match(&selection.matchers, &s.labels);
        let inside = |at: Timestamp| selection.range.contains(at);
        let cut = |s: &Arc<Series>| {
            Arc::new(Series {
                labels: s.labels.clone(),
                samples: s.samples.iter().filter(|s| inside(s.at)).copied().collect(),
                histograms: s
                    .histograms
                    .iter()
                    .filter(|s| inside(s.at))
                    .cloned()
                    .collect(),
                starts: s.starts.iter().filter(|s| inside(s.at)).copied().collect(),
            })
        };
        STORED
            .iter()
            .filter(matches)
            .map(cut)
            .filter(|s| !s.is_empty())
            .collect()
    };
    let source = Fetched {
        selections: plan.selections.iter().map(select).collect(),
    };
    let began = Instant::now();
    let canceled = || began.elapsed() > Duration::from_secs(1);
    let _ = evaluate(&plan, &source, &canceled);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "evaluation did not stop when canceled: {text:?}"
    );
});
