//! How many samples are said to have been looked at: what Prometheus says in `TestQueryStatistics` and by its rules.
use super::*;
use crate::SampleCounts;

/// Asks for every step of a range, or for the last minute alone.
#[track_caller]
fn counts(query: &str, steps: Steps) -> SampleCounts {
    let values: Vec<f64> = (0..10).map(f64::from).collect();
    let store = [
        series("n{i=\"0\"}", &values),
        series("n{i=\"1\"}", &values[..5]),
    ];
    let options = QueryOptions {
        lookback_delta: model::Millis::from_seconds(90),
        per_step_stats: true,
        ..QueryOptions::default()
    };
    let told = ask_with(&store, query, steps, &options, &|| false).unwrap();
    let unasked = QueryOptions {
        per_step_stats: false,
        ..options
    };
    let in_total = ask_with(&store, query, steps, &unasked, &|| false).unwrap();
    let expected = SampleCounts {
        by_step: Vec::new(),
        ..told.samples.clone()
    };
    assert_eq!(in_total.samples, expected);
    assert_eq!(told.samples.total, told.samples.by_step.iter().sum::<u64>());
    told.samples
}

#[track_caller]
fn check(query: &str, expected: &[u64]) {
    assert_eq!(counts(query, minutes(7)).by_step, expected, "{query}");
}

#[test]
fn a_selector_counts_what_it_finds_at_each_step() {
    check("n", &[2, 2, 2, 2, 2, 2, 1, 1]);
    check("sum(n)", &[2, 2, 2, 2, 2, 2, 1, 1]);
    check("n offset 2m", &[0, 0, 2, 2, 2, 2, 2, 2]);
    check("timestamp(n)", &[2, 2, 2, 2, 2, 2, 1, 1]);
    check("n + n", &[4, 4, 4, 4, 4, 4, 2, 2]);
    check("1 + 1", &[0; 8]);
}

#[test]
fn a_window_counts_all_that_is_in_it_at_each_step() {
    check("count_over_time(n[3m])", &[2, 4, 6, 6, 6, 5, 4, 3]);
    check("absent_over_time(n[3m])", &[2, 4, 6, 6, 6, 5, 4, 3]);
}

#[test]
fn what_is_evaluated_once_counts_at_each_step() {
    check("n @ 60", &[2; 8]);
    check("count_over_time(n[3m] @ 120)", &[6; 8]);
}

#[test]
fn of_a_subquery_only_the_windows_count() {
    check(
        "sum_over_time(n{i=\"0\"}[3m:1m])",
        &[1, 2, 3, 3, 3, 3, 3, 3],
    );
    check(
        "sum_over_time(sum_over_time(n{i=\"0\"}[9m])[2m:1m])",
        &[1, 2, 2, 2, 2, 2, 2, 2],
    );
    check("sum_over_time(n{i=\"0\"}[3m:1m] @ 120)", &[3; 8]);
}

#[test]
fn an_instant_query_counts_at_its_instant() {
    let at = |query| counts(query, Steps::Instant(minute(4))).by_step;
    assert_eq!(at("n"), [2]);
    assert_eq!(at("n[3m]"), [6]);
    // No function takes its windows, so its points count.
    assert_eq!(at("n[3m:1m]"), [6]);
    assert_eq!(at("n[3m:30s]"), [12]);
}

#[test]
fn the_peak_is_the_most_that_is_held_at_once() {
    assert_eq!(counts("n", minutes(7)).peak, 14);
    assert_eq!(counts("sum(n)", minutes(7)).peak, 14);
}
