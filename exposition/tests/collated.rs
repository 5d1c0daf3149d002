//! Pages of which several lines make one sample.
use expect_test::{Expect, expect};
use exposition::{Format, HistogramRules, Item, LabelsError, SyntaxError, read_collated};

/// Why a page is refused.
#[derive(Debug)]
struct Failure(String);

impl From<SyntaxError> for Failure {
    fn from(error: SyntaxError) -> Self {
        Self(error.to_string())
    }
}

impl From<LabelsError> for Failure {
    fn from(error: LabelsError) -> Self {
        Self(error.to_string())
    }
}

#[track_caller]
fn check(
    page: &str,
    (format, always_classic, to_nhcb, starts): (Format, bool, bool, bool),
    expect: Expect,
) {
    let rules = HistogramRules {
        native: false,
        always_classic,
        to_nhcb,
    };
    let mut text = String::new();
    let read = read_collated(page.as_bytes(), format, rules, starts, |item| {
        match item {
            Item::Told(entry) => text += &format!("{entry:?}"),
            Item::Sample(sample) => {
                let series = &sample.series;
                text += &series.labels()?.to_string();
                text += &match &sample.histogram {
                    Some(histogram) => format!(" {histogram}"),
                    None => format!(" {}", series.value),
                };
                text += &series
                    .timestamp
                    .map(|t| format!(" @{t}"))
                    .unwrap_or_default();
                text += &sample
                    .start
                    .map(|t| format!(" since {t}"))
                    .unwrap_or_default();
                for exemplar in sample.exemplars {
                    text += &format!(" # {} {}", exemplar.labels()?, exemplar.value);
                }
            }
        }
        text.push('\n');
        Ok::<(), Failure>(())
    });
    match read {
        Ok(true) => {}
        Ok(false) => text += "nothing to be put together",
        Err(Failure(error)) => text += &error,
    }
    expect.assert_eq(&text);
}

const HISTOGRAMS: &str = "\
# TYPE h histogram
h_bucket{a=\"1\",le=\"0.5\"} 1 # {id=\"x\"} 0.4 7
h_bucket{a=\"1\",le=\"+Inf\"} 3 # {id=\"y\"} 9
h_sum{a=\"1\"} 4.5
h_count{a=\"1\"} 3
h_created{a=\"1\"} 12.5
h_bucket{a=\"2\",le=\"0.5\"} 3
h_bucket{a=\"2\",le=\"+Inf\"} 1
h_sum{a=\"2\"} 4.5
h_count{a=\"2\"} 1
# TYPE c counter
c_total{a=\"1\"} 3
c_created{a=\"1\"} 1.5
c_total{a=\"2\"} 4
# TYPE g gauge
g_created 5
# EOF
";

#[test]
fn classic_histograms_become_native_ones() {
    let om = Format::OpenMetrics;
    check(
        HISTOGRAMS,
        (om, false, true, false),
        expect![[r#"
            Type { metric: "h", kind: Histogram }
            {__name__="h", a="1"} {count:3, sum:4.5, [-Inf,0.5]:1, (0.5,+Inf]:2} # {id="x"} 0.4
            {__name__="h_created", a="1"} 12.5
            Type { metric: "c", kind: Counter }
            {__name__="c_total", a="1"} 3
            {__name__="c_created", a="1"} 1.5
            {__name__="c_total", a="2"} 4
            Type { metric: "g", kind: Gauge }
            {__name__="g_created"} 5
        "#]],
    );
    check(
        HISTOGRAMS,
        (om, true, true, true),
        expect![[r#"
        Type { metric: "h", kind: Histogram }
        {__name__="h_bucket", a="1", le="0.5"} 1 since 12.500 # {id="x"} 0.4
        {__name__="h_bucket", a="1", le="+Inf"} 3 since 12.500 # {id="y"} 9
        {__name__="h_sum", a="1"} 4.5 since 12.500
        {__name__="h_count", a="1"} 3 since 12.500
        {__name__="h", a="1"} {count:3, sum:4.5, [-Inf,0.5]:1, (0.5,+Inf]:2} since 12.500 # {id="x"} 0.4
        {__name__="h_bucket", a="2", le="0.5"} 3
        {__name__="h_bucket", a="2", le="+Inf"} 1
        {__name__="h_sum", a="2"} 4.5
        {__name__="h_count", a="2"} 1
        Type { metric: "c", kind: Counter }
        {__name__="c_total", a="1"} 3 since 1.500
        {__name__="c_total", a="2"} 4
        Type { metric: "g", kind: Gauge }
        {__name__="g_created"} 5
    "#]],
    );
    let text = "# TYPE h histogram\nh_bucket{le=\"1\"} 2 99\nh_count 2 99\nother 1\nh_sum 3\n";
    check(
        text,
        (Format::Text, false, true, true),
        expect![[r#"
            Type { metric: "h", kind: Histogram }
            {__name__="h"} {count:2, sum:0, [-Inf,1]:2} @0.099
            {__name__="other"} 1
            {__name__="h"} {count:0, sum:3}
        "#]],
    );
}

#[test]
fn created_series_tell_since_when_others_count() {
    check(
        HISTOGRAMS,
        (Format::OpenMetrics, false, false, true),
        expect![[r#"
            Type { metric: "h", kind: Histogram }
            {__name__="h_bucket", a="1", le="0.5"} 1 since 12.500 # {id="x"} 0.4
            {__name__="h_bucket", a="1", le="+Inf"} 3 since 12.500 # {id="y"} 9
            {__name__="h_sum", a="1"} 4.5 since 12.500
            {__name__="h_count", a="1"} 3 since 12.500
            {__name__="h_bucket", a="2", le="0.5"} 3
            {__name__="h_bucket", a="2", le="+Inf"} 1
            {__name__="h_sum", a="2"} 4.5
            {__name__="h_count", a="2"} 1
            Type { metric: "c", kind: Counter }
            {__name__="c_total", a="1"} 3 since 1.500
            {__name__="c_total", a="2"} 4
            Type { metric: "g", kind: Gauge }
            {__name__="g_created"} 5
        "#]],
    );
    check(
        HISTOGRAMS,
        (Format::OpenMetrics, false, false, false),
        expect!["nothing to be put together"],
    );
    let page = "# TYPE a counter\na_total 1\n# EOF\n";
    check(
        page,
        (Format::OpenMetrics, false, false, true),
        expect!["nothing to be put together"],
    );
    let page = "# TYPE a counter\na_created 1\na_total x\n# EOF\n";
    check(
        page,
        (Format::OpenMetrics, false, false, true),
        expect![[r#"
        Type { metric: "a", kind: Counter }
        strconv.ParseFloat: parsing "x": invalid syntax while parsing: "a_total x""#]],
    );
}
