use expect_test::{Expect, expect};

use super::*;

/// Prints for a width of ten, so that everything must be broken; what was printed means the same.
#[track_caller]
fn check(query: &str, expected: Expect) {
    let expr = crate::parse(query).unwrap();
    let printed = pretty(&expr, 10);
    let again = crate::parse(&printed).unwrap();
    assert_eq!(again.to_string(), expr.to_string());
    expected.assert_eq(&printed);
}

#[test]
fn what_fits_stays_on_its_line() {
    for query in ["sum(foo)", "a + b", "(foo)", "(1 + 2)", "a @ 1.000", "-1"] {
        let expr = crate::parse(query).unwrap();
        assert_eq!(pretty(&expr, 10), query);
    }
}

#[test]
fn selectors_and_literals_are_never_broken() {
    for query in [
        "vector_selector @ start()",
        r#"task:errors:rate10s{job="s"}"#,
        "vector_selector[5m] offset 1h",
        r#""a long literal text""#,
        "12345678901234",
        "-vector_selector",
    ] {
        let expr = crate::parse(query).unwrap();
        assert_eq!(pretty(&expr, 10), query);
    }
}

#[test]
fn aggregations_put_their_parts_in_parentheses() {
    check(
        r#"sum by() (task:errors:rate10s{job="s"})"#,
        expect![[r#"
            sum(
              task:errors:rate10s{job="s"}
            )"#]],
    );
    check(
        r#"sum(task:errors:rate10s{job="s"}) without(job,foo)"#,
        expect![[r#"
            sum without (job, foo) (
              task:errors:rate10s{job="s"}
            )"#]],
    );
    check(
        r#"topk(10, ask:errors:rate10s{job="s"})"#,
        expect![[r#"
            topk(
              10,
              ask:errors:rate10s{job="s"}
            )"#]],
    );
    check(
        "sum by(job,foo) # One.\n(sum without(job,foo) ( # Two.\ntask:errors:rate10s{job=\"s\"}))",
        expect![[r#"
            sum by (job, foo) (
              sum without (job, foo) (
                task:errors:rate10s{job="s"}
              )
            )"#]],
    );
}

#[test]
fn operators_stand_between_their_operands() {
    check(
        "a == bool 1",
        expect![[r#"
              a
            == bool
              1"#]],
    );
    check(
        "a + ignoring(job) b",
        expect![[r#"
              a
            + ignoring (job)
              b"#]],
    );
    check(
        "foo_1 + foo_2 + foo_3",
        expect![[r#"
                foo_1
              +
                foo_2
            +
              foo_3"#]],
    );
    check(
        "foo + baar + foo_3",
        expect![[r#"
              foo + baar
            +
              foo_3"#]],
    );
    check(
        "foo_1 + ignoring(foo) foo_2 + ignoring(job) group_left foo_3 + on(instance) group_right foo_4",
        expect![[r#"
                  foo_1
                + ignoring (foo)
                  foo_2
              + ignoring (job) group_left ()
                foo_3
            + on (instance) group_right ()
              foo_4"#]],
    );
}

#[test]
fn arguments_stand_on_lines_of_their_own() {
    check(
        "histogram_quantile(0.9, rate(foo[1m] @ start()))",
        expect![[r#"
            histogram_quantile(
              0.9,
              rate(
                foo[1m] @ start()
              )
            )"#]],
    );
    check(
        r#"label_replace(label_replace(up{job="api-server",service="a:c"}, "foo", "$1", "service", "(.*):.*"), "foo", "$1", "service", "(.*):.*")"#,
        expect![[r#"
            label_replace(
              label_replace(
                up{job="api-server",service="a:c"},
                "foo",
                "$1",
                "service",
                "(.*):.*"
              ),
              "foo",
              "$1",
              "service",
              "(.*):.*"
            )"#]],
    );
}

#[test]
fn subqueries_end_on_the_line_of_what_they_are_of() {
    check(
        "max_over_time(rate(demo_api_request_duration_seconds_count[1m])[1m:] @ start() offset 1m)",
        expect![[r#"
            max_over_time(
              rate(
                demo_api_request_duration_seconds_count[1m]
              )[1m:] @ start() offset 1m
            )"#]],
    );
    check(
        "rate(long_vector_selector[10m:1m] @ start() offset 1m)",
        expect![[r#"
            rate(
              long_vector_selector[10m:1m] @ start() offset 1m
            )"#]],
    );
    // So does Prometheus.
    check(
        "max_over_time(a[1m:1s])",
        expect![[r#"
            max_over_time(
            a[1m:1s]
            )"#]],
    );
}

#[test]
fn parentheses_and_signs_enclose() {
    check(
        "((foo_long))",
        expect![[r#"
            (
              (foo_long)
            )"#]],
    );
    check(
        "((foo_long + bar_long) + bar_2_long)",
        expect![[r#"
            (
                (
                    foo_long
                  +
                    bar_long
                )
              +
                bar_2_long
            )"#]],
    );
    check(
        "(-histogram_quantile(0.9, -rate(foo[1m] @ start())))",
        expect![[r#"
            (
              -histogram_quantile(
                0.9,
                -rate(
                  foo[1m] @ start()
                )
              )
            )"#]],
    );
}

#[test]
fn alerts_of_mixins_are_read_from_top_to_bottom() {
    check(
        r#"(node_filesystem_avail_bytes{job="node",fstype!=""} / node_filesystem_size_bytes{job="node",fstype!=""} * 100 < 40 and predict_linear(node_filesystem_avail_bytes{job="node",fstype!=""}[6h], 24*60*60) < 0 and node_filesystem_readonly{job="node",fstype!=""} == 0)"#,
        expect![[r#"
            (
                        node_filesystem_avail_bytes{fstype!="",job="node"}
                      /
                        node_filesystem_size_bytes{fstype!="",job="node"}
                    *
                      100
                  <
                    40
                and
                    predict_linear(
                      node_filesystem_avail_bytes{fstype!="",job="node"}[6h],
                        24 * 60
                      *
                        60
                    )
                  <
                    0
              and
                  node_filesystem_readonly{fstype!="",job="node"}
                ==
                  0
            )"#]],
    );
    check(
        "(node_timex_offset_seconds > 0.05 and deriv(node_timex_offset_seconds[5m]) >= 0) or (node_timex_offset_seconds < -0.05 and deriv(node_timex_offset_seconds[5m]) <= 0)",
        expect![[r#"
              (
                    node_timex_offset_seconds
                  >
                    0.05
                and
                    deriv(
                      node_timex_offset_seconds[5m]
                    )
                  >=
                    0
              )
            or
              (
                    node_timex_offset_seconds
                  <
                    -0.05
                and
                    deriv(
                      node_timex_offset_seconds[5m]
                    )
                  <=
                    0
              )"#]],
    );
    check(
        r#"1 - ((node_memory_MemAvailable_bytes{job="node"} or (node_memory_Buffers_bytes{job="node"} + node_memory_Cached_bytes{job="node"}) ) / node_memory_MemTotal_bytes{job="node"})"#,
        expect![[r#"
              1
            -
              (
                  (
                      node_memory_MemAvailable_bytes{job="node"}
                    or
                      (
                          node_memory_Buffers_bytes{job="node"}
                        +
                          node_memory_Cached_bytes{job="node"}
                      )
                  )
                /
                  node_memory_MemTotal_bytes{job="node"}
              )"#]],
    );
    check(
        r#"(count by (job) (changes(process_start_time_seconds{job="alertmanager"}[10m]) > 4) / count by (job) (up{job="alertmanager"})) >= 0.5"#,
        expect![[r#"
              (
                  count by (job) (
                      changes(
                        process_start_time_seconds{job="alertmanager"}[10m]
                      )
                    >
                      4
                  )
                /
                  count by (job) (
                    up{job="alertmanager"}
                  )
              )
            >=
              0.5"#]],
    );
}

#[test]
fn a_hundred_characters_are_a_line() {
    let name = "a".repeat(94);
    let (fits, breaks) = (format!("sum({name}b)"), format!("sum({name}bc)"));
    let pretty = |query: &str| crate::parse(query).unwrap().pretty();
    assert_eq!(pretty(&fits), fits);
    assert_eq!(pretty(&breaks), format!("sum(\n  {name}bc\n)"));
}

#[test]
fn lengths_with_arithmetic_stay_in_their_brackets() {
    let expr = crate::parse("rate(foo[-5m+35m])").unwrap();
    assert_eq!(pretty(&expr, 10), "rate(\n  foo[-5m + 35m]\n)");
}
