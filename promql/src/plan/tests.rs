//! What plans ask to be fetched.
use std::num::NonZeroU64;

use expect_test::{Expect, expect};
use model::{Steps, TimeRange, Timestamp};

use super::{QueryOptions, plan};
use crate::parse;

/// The selections of `query`, evaluated from 1000 s to 1100 s.
#[track_caller]
fn check(query: &str, expected: Expect) {
    let seconds = |s: i64| Timestamp::from_millis(s * 1000);
    let steps = Steps::Range {
        range: TimeRange::new(seconds(1000), seconds(1100)).unwrap(),
        step: NonZeroU64::new(30_000).unwrap(),
    };
    let plan = plan(&parse(query).unwrap(), steps, &QueryOptions::default()).unwrap();
    let told: String = plan
        .selections
        .iter()
        .map(|s| {
            let (start, end) = (s.range.start(), s.range.end());
            format!("{:?} {start} to {end}\n", s.matchers)
        })
        .collect();
    expected.assert_eq(&told);
}

#[test]
fn windows_and_lookbacks_are_open_to_the_left() {
    check(
        "x",
        expect![[r#"
            [__name__="x"] 700.001 to 1090.000
        "#]],
    );
    check(
        "rate(x[1m] offset 10s)",
        expect![[r#"
            [__name__="x"] 930.001 to 1080.000
        "#]],
    );
}

#[test]
fn a_fixed_time_is_looked_at_once() {
    check(
        "x @ 500 + x @ end() + sum_over_time(x[1m] @ start())",
        expect![[r#"
            [__name__="x"] 200.001 to 500.000
            [__name__="x"] 800.001 to 1100.000
            [__name__="x"] 940.001 to 1000.000
        "#]],
    );
}

#[test]
fn subqueries_reach_back_to_the_first_point_of_their_grid() {
    check(
        "max_over_time(rate(x[30s])[2m:50s] offset 1m)",
        expect![[r#"
            [__name__="x"] 820.001 to 1030.000
        "#]],
    );
    check(
        "max_over_time(x[2m:50s] @ 600)",
        expect![[r#"
            [__name__="x"] 200.001 to 600.000
        "#]],
    );
}

#[test]
fn like_selections_are_fetched_once() {
    check(
        "x / x + rate(x[5m])",
        expect![[r#"
            [__name__="x"] 700.001 to 1090.000
        "#]],
    );
}
