//! What the queries of dashboards cost without storage and network: `cargo bench -p promql`; with `--test` each runs once.
use std::{
    hint::black_box,
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
};

use criterion::{Criterion, criterion_group, criterion_main};
use model::{Labels, Matcher, Sample, Series, Steps, TimeRange, Timestamp};
use promql::{Plan, QueryOptions, evaluate, parse, plan, source::Fetched};

const END: i64 = 1_700_000_000_000;
const INTERVAL: i64 = 15_000;
/// An hour and the longest window.
const SPAN: i64 = 5_400_000;

/// Name, query, and the step in seconds of a range query over an hour.
const QUERIES: [(&str, &str, Option<u64>); 9] = [
    ("rate_10k_1h_15s", "rate(requests_total[5m])", Some(15)),
    (
        "sum_by_10k_1h_15s",
        "sum by (code) (rate(requests_total[5m]))",
        Some(15),
    ),
    (
        "sum_by_10k_instant",
        "sum by (job) (rate(requests_total[5m]))",
        None,
    ),
    (
        "histogram_quantile_1k_x_12_1h_60s",
        "histogram_quantile(0.9, rate(duration_seconds_bucket[5m]))",
        Some(60),
    ),
    (
        "topk_10k_instant",
        "topk(10, rate(requests_total[5m]))",
        None,
    ),
    (
        "group_left_10k_instant",
        "rate(requests_total[5m]) * on (job, instance) group_left (version) info",
        None,
    ),
    (
        "subquery_10k_instant",
        "max_over_time(sum by (job) (rate(requests_total[5m]))[30m:1m])",
        None,
    ),
    (
        "regex_10k_instant",
        r#"sum(rate(requests_total{path=~"/api/.*[02468]"}[5m]))"#,
        None,
    ),
    (
        "max_over_time_10k_1h_15s",
        "max_over_time(requests_total[30m])",
        Some(15),
    ),
];

fn series(labels: Labels, slope: u64) -> Arc<Series> {
    let samples = (0..SPAN / INTERVAL).map(|i| Sample {
        // Beside the grid of steps, as scrapes are.
        at: Timestamp::from_millis(END - SPAN + i * INTERVAL + 7),
        value: (slope * i as u64) as f64 + (i % 7) as f64 * 0.5,
    });
    Arc::new(Series::of_samples(labels, samples.collect()))
}

/// 10,000 counters, 1,000 histograms of 12 buckets, and an info series for each instance.
fn corpus() -> Vec<Arc<Series>> {
    let mut all = Vec::new();
    let of = |name: &str, i: usize, more: &[(&str, String)]| {
        let mut pairs = vec![
            ("__name__", name.to_owned()),
            ("job", format!("job-{}", i % 5)),
            ("instance", format!("10.0.0.{}:8080", i % 50)),
        ];
        pairs.extend(more.iter().cloned());
        Labels::from_pairs(pairs)
    };
    for i in 0..10_000 {
        let code = ["200", "404", "500", "503"][i / 50 % 4];
        let more = [
            ("code", code.to_owned()),
            ("path", format!("/api/{}", i / 200)),
        ];
        all.push(series(of("requests_total", i, &more), i as u64 % 97));
    }
    for i in 0..1000 {
        for bucket in 0..12_u64 {
            let bound = match bucket {
                11 => "+Inf".to_owned(),
                bucket => (0.005 * f64::from(1 << bucket)).to_string(),
            };
            let more = [("path", format!("/api/{}", i / 50)), ("le", bound)];
            all.push(series(
                of("duration_seconds_bucket", i, &more),
                bucket * (i as u64 % 7 + 1),
            ));
        }
    }
    for i in 0..50 {
        all.push(series(of("info", i, &[("version", format!("1.{i}"))]), 0));
    }
    all
}

fn planned(text: &str, step: Option<u64>) -> Plan {
    let end = Timestamp::from_millis(END);
    let steps = match step {
        Some(seconds) => Steps::Range {
            range: TimeRange::new(Timestamp::from_millis(END - 3_600_000), end)
                .expect("an hour is not empty"),
            step: NonZeroU64::new(seconds * 1000).expect("no step is zero"),
        },
        None => Steps::Instant(end),
    };
    let options = QueryOptions {
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        ..QueryOptions::default()
    };
    let expr = parse(text).expect("the query is one");
    plan(&expr, steps, &options).expect("the query can be planned")
}

/// What a store would give for each selection of `plan`.
fn fetched(plan: &Plan, corpus: &[Arc<Series>]) -> Fetched {
    let selections = plan.selections.iter().map(|selection| {
        let matching = corpus
            .iter()
            .filter(|series| Matcher::all_match(&selection.matchers, &series.labels));
        let cut = matching.map(|series| {
            let samples = series.samples.iter();
            let inside = samples.filter(|sample| selection.range.contains(sample.at));
            let samples = inside.copied().collect();
            Arc::new(Series::of_samples(series.labels.clone(), samples))
        });
        cut.collect()
    });
    Fetched {
        selections: selections.collect(),
    }
}

fn queries(criterion: &mut Criterion) {
    let corpus = corpus();
    let mut group = criterion.benchmark_group("queries");
    group.sample_size(10);
    for (name, text, step) in QUERIES {
        let plan = planned(text, step);
        let source = fetched(&plan, &corpus);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let evaluation = evaluate(black_box(&plan), &source, &|| false);
                black_box(evaluation.expect("the query can be evaluated"))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, queries);
criterion_main!(benches);
