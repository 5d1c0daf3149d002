//! Evaluation: any query over a few series ends, within the limit of samples, with a result or an error.
#![no_main]
use std::{
    num::NonZeroU64,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use libfuzzer_sys::fuzz_target;
use model::{Labels, Matcher, Sample, Series, Steps, TimeRange, Timestamp};
use promql::{
    Options, QueryOptions, evaluate, parse_with, plan,
    source::{Fetched, Selection},
};

/// Counters, gauges and buckets with gaps, resets and special values.
static STORED: LazyLock<Vec<Arc<Series>>> = LazyLock::new(|| {
    let special = [f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE, 1e300];
    let names = ["a", "b_total", "b_bucket", "up", "info"];
    let series = names.iter().enumerate().flat_map(|(n, name)| {
        (0..4).map(move |i| {
            let le = ["0.1", "1", "10", "+Inf"][i];
            let labels = [
                ("__name__", *name),
                ("job", ["x", "y"][i % 2]),
                ("le", le),
                ("instance", ["i", "j"][i / 2]),
            ];
            let samples = (0..60)
                .filter(|k| (k + n) % 11 != 0)
                .map(|k| Sample {
                    at: Timestamp::from_millis(k as i64 * 15_000),
                    value: match (k * 7 + i * 3 + n) % 23 {
                        0 => special[(k + i) % special.len()],
                        _ => ((k % 20) * (i + 1)) as f64 * 0.7,
                    },
                })
                .collect();
            let labels = Labels::from_pairs(labels);
            Arc::new(Series::of_samples(labels, samples))
        })
    });
    series.collect()
});

fuzz_target!(|input: (u8, &str)| {
    let (shape, text) = input;
    let Ok(expr) = parse_with(text, Options::ALL) else {
        return;
    };
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let steps = match shape % 3 {
        0 => Steps::Instant(at(600)),
        _ => Steps::Range {
            range: TimeRange::new(at(300), at(900)).expect("a good range"),
            step: NonZeroU64::new(60_000).expect("above zero"),
        },
    };
    let options = QueryOptions {
        max_samples: 20_000,
        delayed_name_removal: shape & 4 != 0,
        ..QueryOptions::default()
    };
    let Ok(plan) = plan(&expr, steps, &options) else {
        return;
    };
    let select = |selection: &Selection| {
        let matches = |s: &&Arc<Series>| Matcher::all_match(&selection.matchers, &s.labels);
        STORED.iter().filter(matches).cloned().collect()
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
