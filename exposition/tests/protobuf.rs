//! Protobuf pages, written by another encoder than the reader's house.
mod client;

use client::*;
use expect_test::{Expect, expect};
use exposition::{HistogramRules, Item, SyntaxError, read_protobuf};
use model::Labels;
use proptest::prelude::*;
use prost::Message;

const NATIVE: HistogramRules = HistogramRules {
    native: true,
    always_classic: false,
    to_nhcb: false,
};

fn page(families: &[MetricFamily]) -> Vec<u8> {
    let mut page = Vec::new();
    for family in families {
        family.encode_length_delimited(&mut page).unwrap();
    }
    page
}

/// Each item as a line.
fn read(page: &[u8], rules: HistogramRules) -> Result<Vec<String>, SyntaxError> {
    let mut lines = Vec::new();
    read_protobuf(page, rules, |item| {
        lines.push(match item {
            Item::Told(entry) => format!("{entry:?}"),
            Item::Sample(sample) => {
                let labels = sample.series.labels().unwrap();
                let value = match &sample.histogram {
                    Some(histogram) => histogram.to_string(),
                    None => sample.series.value.to_string(),
                };
                let mut line = format!("{labels} {value}");
                if let Some(time) = sample.series.timestamp {
                    line += &format!(" @{time}");
                }
                if let Some(start) = sample.start {
                    line += &format!(" since {start}");
                }
                for exemplar in sample.exemplars {
                    let (labels, value) = (exemplar.labels().unwrap(), exemplar.value);
                    line += &format!(" # {labels} {value} {:?}", exemplar.timestamp);
                }
                line
            }
        });
        Ok::<(), SyntaxError>(())
    })?;
    Ok(lines)
}

#[track_caller]
fn check(families: &[MetricFamily], rules: HistogramRules, expect: Expect) {
    let text = match read(&page(families), rules) {
        Ok(lines) => lines.join("\n"),
        Err(error) => error.to_string(),
    };
    expect.assert_eq(&text);
}

fn pair(name: &str, value: &str) -> LabelPair {
    LabelPair {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn at(millis: i64) -> Option<Time> {
    Some(Time {
        seconds: millis / 1000,
        nanos: (millis % 1000) as i32 * 1_000_000,
    })
}

fn exemplar(value: f64, time: Option<Time>) -> Exemplar {
    Exemplar {
        label: vec![pair("trace", "a\"b")],
        value,
        time,
    }
}

fn family(name: &str, kind: i32, metric: Metric) -> MetricFamily {
    MetricFamily {
        name: name.to_owned(),
        help: "Some help.".to_owned(),
        kind,
        metric: vec![metric],
        unit: String::new(),
    }
}

#[test]
fn numbers_and_summaries_are_what_a_text_page_would_have() {
    let counter = Metric {
        label: vec![pair("a.b", "x\\\"\ny"), pair("none", "")],
        counter: Some(Counter {
            value: 1.5,
            exemplar: Some(exemplar(2.0, None)),
            start: at(12_345),
        }),
        timestamp_ms: 5000,
        ..Metric::default()
    };
    let summary = Metric {
        summary: Some(Summary {
            count: 3,
            sum: 4.5,
            quantile: vec![Quantile {
                quantile: 1.0,
                value: f64::NAN,
            }],
            start: at(1),
        }),
        ..Metric::default()
    };
    let mut counters = family("my.counter", 0, counter);
    counters.unit = "bytes".to_owned();
    let empty = MetricFamily::default();
    check(
        &[counters, empty, family("s", 2, summary)],
        NATIVE,
        expect![[r#"
            Help { metric: "my.counter", help: "Some help." }
            Unit { metric: "my.counter", unit: "bytes" }
            Type { metric: "my.counter", kind: Counter }
            {__name__="my.counter", "a.b"="x\\\"\ny"} 1.5 @5.000 since 12.345 # {trace="a\"b"} 2 None
            Help { metric: "s", help: "Some help." }
            Type { metric: "s", kind: Summary }
            {__name__="s_count"} 3 since 0.001
            {__name__="s_sum"} 4.5 since 0.001
            {__name__="s", quantile="1.0"} NaN since 0.001"#]],
    );
}

/// A histogram in both forms.
fn both() -> Histogram {
    Histogram {
        count: 5,
        sum: 18.5,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: 1,
        positive_span: vec![
            BucketSpan {
                offset: -1,
                length: 2,
            },
            BucketSpan {
                offset: 3,
                length: 1,
            },
        ],
        positive_delta: vec![1, 1, -1],
        bucket: vec![
            Bucket {
                count: 2,
                bound: 1.0,
                exemplar: Some(exemplar(0.5, None)),
                ..Bucket::default()
            },
            Bucket {
                count: 4,
                bound: 1e6,
                exemplar: Some(exemplar(7.0, at(9000))),
                ..Bucket::default()
            },
        ],
        start: at(1000),
        ..Histogram::default()
    }
}

fn histogram(histogram: Histogram, kind: i32) -> MetricFamily {
    let metric = Metric {
        label: vec![pair("l", "v")],
        histogram: Some(histogram),
        ..Metric::default()
    };
    family("h", kind, metric)
}

#[test]
fn histograms_are_read_in_the_forms_that_are_asked_for() {
    let families = [histogram(both(), 4)];
    check(
        &families,
        HistogramRules::default(),
        expect![[r#"
        Help { metric: "h", help: "Some help." }
        Type { metric: "h", kind: Histogram }
        {__name__="h_count", l="v"} 5 since 1.000
        {__name__="h_sum", l="v"} 18.5 since 1.000
        {__name__="h_bucket", l="v", le="1.0"} 2 since 1.000 # {trace="a\"b"} 0.5 None
        {__name__="h_bucket", l="v", le="1e+06"} 4 since 1.000 # {trace="a\"b"} 7 Some(Timestamp(9000))
        {__name__="h_bucket", l="v", le="+Inf"} 5 since 1.000"#]],
    );
    check(
        &families,
        NATIVE,
        expect![[r#"
        Help { metric: "h", help: "Some help." }
        Type { metric: "h", kind: Histogram }
        {__name__="h", l="v"} {count:5, sum:18.5, [-0.001,0.001]:1, (0.5,0.7071067811865475]:1, (0.7071067811865475,1]:2, (2.82842712474619,4]:1} since 1.000 # {trace="a\"b"} 7 Some(Timestamp(9000))"#]],
    );
    let always_classic = true;
    check(
        &families,
        HistogramRules {
            always_classic,
            ..NATIVE
        },
        expect![[r#"
            Help { metric: "h", help: "Some help." }
            Type { metric: "h", kind: Histogram }
            {__name__="h", l="v"} {count:5, sum:18.5, [-0.001,0.001]:1, (0.5,0.7071067811865475]:1, (0.7071067811865475,1]:2, (2.82842712474619,4]:1} since 1.000 # {trace="a\"b"} 7 Some(Timestamp(9000))
            {__name__="h_count", l="v"} 5 since 1.000
            {__name__="h_sum", l="v"} 18.5 since 1.000
            {__name__="h_bucket", l="v", le="1.0"} 2 since 1.000 # {trace="a\"b"} 0.5 None
            {__name__="h_bucket", l="v", le="1e+06"} 4 since 1.000 # {trace="a\"b"} 7 Some(Timestamp(9000))
            {__name__="h_bucket", l="v", le="+Inf"} 5 since 1.000"#]],
    );
    let to_nhcb = HistogramRules {
        to_nhcb: true,
        ..HistogramRules::default()
    };
    check(
        &families,
        to_nhcb,
        expect![[r#"
        Help { metric: "h", help: "Some help." }
        Type { metric: "h", kind: Histogram }
        {__name__="h", l="v"} {count:5, sum:18.5, [-Inf,1]:2, (1,1e+06]:2, (1e+06,+Inf]:1} since 1.000 # {trace="a\"b"} 7 Some(Timestamp(9000))"#]],
    );
    let float = Histogram {
        count_float: 2.5,
        negative_span: vec![BucketSpan {
            offset: 0,
            length: 1,
        }],
        negative_count: vec![2.5],
        exemplars: vec![exemplar(1.0, None), exemplar(2.0, at(3))],
        ..Histogram::default()
    };
    check(
        &[histogram(float, 5)],
        NATIVE,
        expect![[r#"
        Help { metric: "h", help: "Some help." }
        Type { metric: "h", kind: GaugeHistogram }
        {__name__="h", l="v"} {count:2.5, sum:0, [-1,-0.5):2.5} # {trace="a\"b"} 2 Some(Timestamp(3))"#]],
    );
}

#[test]
fn what_prometheus_refuses_is_refused_in_its_words() {
    let refused = |change: fn(&mut MetricFamily), expect: Expect| {
        let mut family = histogram(both(), 4);
        change(&mut family);
        check(&[family], NATIVE, expect);
    };
    refused(|f| f.name.clear(), expect!["invalid metric name: "]);
    refused(
        |f| f.kind = 6,
        expect![[r#"unknown metric type for metric "h": 6"#]],
    );
    refused(
        |f| f.metric[0].label[0].name.clear(),
        expect![[r#"
        Help { metric: "h", help: "Some help." }
        Type { metric: "h", kind: Histogram }
        {="v", __name__="h"} {count:5, sum:18.5, [-0.001,0.001]:1, (0.5,0.7071067811865475]:1, (0.7071067811865475,1]:2, (2.82842712474619,4]:1} since 1.000 # {trace="a\"b"} 7 Some(Timestamp(9000))"#]],
    );
    refused(
        |f| {
            let histogram = f.metric[0].histogram.as_mut().unwrap();
            histogram.positive_delta.pop();
        },
        expect![[r#"histogram "h": positive side: spans require 3 buckets, have 2"#]],
    );
    refused(
        |f| f.metric[0].histogram.as_mut().unwrap().count = 9,
        expect![
            "5 observations found in buckets, but the Count field is 9: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
        ],
    );
    refused(
        |f| f.metric[0].histogram.as_mut().unwrap().schema = 9,
        expect![
            "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 9"
        ],
    );
    let bytes = |bytes: &[u8]| read(bytes, NATIVE).unwrap_err().to_string();
    expect!["clientpb: invalid varint encountered"].assert_eq(&bytes(b"\xff\xff\xff\xff\xff\x01"));
    expect!["clientpb: insufficient length of buffer, expected at least 6 bytes, got 2 bytes"]
        .assert_eq(&bytes(b"\x05\x0a"));
    expect!["unexpected EOF"].assert_eq(&bytes(b"\x02\x0a\x05"));
    expect!["proto: wrong wireType = 0 for field Name"].assert_eq(&bytes(b"\x02\x08\x05"));
    expect!["proto: illegal wireType 7"].assert_eq(&bytes(b"\x02\x0f\x05"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes: Vec<u8>) {
        let _ = read(&bytes, NATIVE);
        // Within a message that is whole from outside.
        let mut page = vec![bytes.len() as u8];
        page.extend(&bytes[..bytes.len().min(127)]);
        page[0] = (page.len() - 1) as u8;
        let _ = read(&page, NATIVE);
    }

    #[test]
    fn a_broken_page_is_read_or_refused_without_panic(at: usize, byte: u8, length: usize) {
        let mut page = page(&[histogram(both(), 4)]);
        let at = at % page.len();
        page[at] = byte;
        page.truncate(length % 256 + 1);
        let rules = HistogramRules { always_classic: true, ..NATIVE };
        let _ = read(&page, rules);
    }

    #[test]
    fn labels_of_any_text_are_read_back(name in "[^\0]{1,8}", label in "[^\0]{1,8}", value in "\\PC{1,8}|[\\\\\"\n]{1,4}") {
        prop_assume!(label != "__name__");
        let metric = Metric {
            label: vec![pair(&label, &value)],
            gauge: Some(Gauge { value: 1.0 }),
            ..Metric::default()
        };
        let mut labels = Vec::new();
        read_protobuf(&page(&[family(&name, 1, metric)]), NATIVE, |item| {
            if let Item::Sample(sample) = item {
                labels.push(sample.series.labels().unwrap());
            }
            Ok::<(), SyntaxError>(())
        }).unwrap();
        let expected = Labels::from_pairs([("__name__", &*name), (&*label, &*value)]);
        prop_assert_eq!(labels, [expected]);
    }
}
