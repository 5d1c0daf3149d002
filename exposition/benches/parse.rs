//! How fast pages are read: cold, and against the page before, as a scrape does.
//!
//! `cargo bench -p exposition`; with `--test` each runs once.
use std::{fmt::Write as _, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use exposition::{
    Entry, Expected, Format, HistogramRules, Item, Parser, Print, SyntaxError, read_protobuf,
};

const SERIES: u64 = 1000;

/// A page of counters, gauges and short decimals at the moment `t`.
fn page(t: u64) -> Vec<u8> {
    let mut page = String::new();
    for i in 0..SERIES {
        if i % 20 == 0 {
            let name = i / 20;
            let _ = writeln!(
                page,
                "# HELP app_http_requests_{name} Requests that were served."
            );
            let _ = writeln!(page, "# TYPE app_http_requests_{name} counter");
        }
        let value = match i % 4 {
            0 => format!("{}", 40_000 * i + t * (i % 97)),
            1 => format!("{}.{:02}", 100 * i + t, (i * 7 + t) % 100),
            2 => format!("{}", i % 50),
            _ => format!("{}", ((i + t) as f64).sqrt()),
        };
        let _ = writeln!(
            page,
            "app_http_requests_{}{{code=\"200\",handler=\"/api/v1/items\",method=\"GET\",pod=\"api-5d9f7c-{i:04}\"}} {value}",
            i / 20
        );
    }
    page.into_bytes()
}

/// The page of text `page` as messages, each series a gauge.
fn messages(page: &[u8]) -> Vec<u8> {
    let mut messages = Vec::new();
    for entry in Parser::new(page, Format::Text) {
        if let Ok(Entry::Series(series)) = entry {
            let labels = series.labels().expect("the page is a good one");
            let mut metric = Vec::new();
            for (name, value) in labels.iter().filter(|(name, _)| *name != "__name__") {
                let pair = [field(1, name.as_bytes()), field(2, value.as_bytes())];
                metric.extend(field(1, &pair.concat()));
            }
            let value = [&[1 << 3 | 1], &series.value.to_le_bytes()[..]].concat();
            metric.extend(field(2, &value));
            let family = [
                field(1, labels.metric_name().as_bytes()),
                vec![3 << 3, 1],
                field(4, &metric),
            ];
            let family = family.concat();
            number(&mut messages, family.len());
            messages.extend(family);
        }
    }
    messages
}

fn number(dst: &mut Vec<u8>, mut n: usize) {
    while n > 127 {
        dst.push(n as u8 | 0x80);
        n >>= 7;
    }
    dst.push(n as u8);
}

fn field(of: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![of << 3 | 2];
    number(&mut field, bytes.len());
    field.extend_from_slice(bytes);
    field
}

fn parse(criterion: &mut Criterion) {
    let (before, after) = (page(1000), page(1010));
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(after.len() as u64));
    group.bench_function("cold, with labels", |bencher| {
        bencher.iter(|| {
            for entry in Parser::new(&after, Format::Text) {
                if let Ok(Entry::Series(series)) = entry {
                    let _ = black_box(series.labels());
                }
            }
        });
    });
    let known: Vec<Expected> = Parser::new(&before, Format::Text)
        .filter_map(|entry| match entry {
            Ok(Entry::Series(series)) => Some(Expected::from(&series)),
            _ => None,
        })
        .collect();
    group.bench_function("against the page before", |bencher| {
        bencher.iter(|| {
            let mut parser = Parser::new(&after, Format::Text);
            for expected in &known {
                black_box(parser.next_expecting(expected));
            }
        });
    });
    let messages = messages(&after);
    // As a scrape reads them: each series is found again by what stands for its text.
    group.throughput(Throughput::Bytes(messages.len() as u64));
    group.bench_function("messages", |bencher| {
        bencher.iter(|| {
            read_protobuf(&messages, HistogramRules::default(), |item| {
                if let Item::Sample(sample) = item {
                    black_box((Print::of(sample.series.text), sample.series.value));
                }
                Ok::<(), SyntaxError>(())
            })
        });
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
