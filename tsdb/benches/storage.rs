//! What a sample costs on its way: appended, cut into a segment, encoded, decoded, selected.
//!
//! `cargo bench -p tsdb`; with `--test` each runs once. The sizes that the codecs reach are printed first.
use std::{
    hint::black_box,
    io::{Write as _, stderr},
    sync::Arc,
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use model::{
    GroupKey, Histogram, Labels, MatchOp, Matcher, NodeId, Outcome, RowHead, Stamp, TimeRange,
    Timestamp, histogram::Buckets,
};
use tsdb::{MemoryStore, Options, RowValues, Tsdb, codec};

const SERIES: usize = 1000;
const ROWS: usize = 32;
const GROUP: GroupKey = GroupKey(7);
const START: i64 = 1_700_000_000_000;
const INTERVAL: i64 = 10_000;

/// The value of a series of some kind, by its number and the row's.
type Kind = fn(u64, u64) -> f64;

/// The kinds of series that programs expose.
const KINDS: [(&str, Kind); 7] = [
    ("counter", |i, t| {
        (i * 1000 + t * (i % 90 + 1) + noise(i, t) % (i % 90 + 1)) as f64
    }),
    ("seconds", |i, t| {
        (i * 100 + t * (i % 30 + 1) + noise(i, t) % 20) as f64 / 100.0
    }),
    ("level", |i, t| {
        (500 + i + noise(i, t) % (i % 40 + 1)) as f64
    }),
    ("decimal", |i, t| {
        (50_000 + noise(i, t) % 4000) as f64 / 1000.0
    }),
    ("noise", |i, t| {
        100.0 + (t as f64 / 9.0 + i as f64).sin() * 40.0 + noise(i, t) as f64 / 1e18
    }),
    ("constant", |i, _| (i % 100) as f64),
    ("asleep", |i, t| (i * 10 + t / 20) as f64),
];

fn noise(i: u64, t: u64) -> u64 {
    let mut x = (i << 32 | t).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 29;
    x.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ x >> 32
}

fn labels() -> Vec<Labels> {
    let pod = |i: usize| format!("api-{i}");
    (0..SERIES)
        .map(|i| {
            Labels::from_pairs([
                ("__name__", "requests_total"),
                ("job", "api"),
                ("pod", &pod(i)),
            ])
        })
        .collect()
}

fn head(row: usize) -> RowHead {
    let slot = Timestamp::from_millis(START + row as i64 * INTERVAL);
    RowHead {
        slot,
        at: slot,
        stamp: Stamp {
            outcome: Outcome::Success,
            epoch: 1,
            rank: 0,
            node: NodeId(1),
        },
    }
}

/// An empty database that knows the series, and rows to append to it.
fn prepared() -> (Tsdb, Vec<RowValues>) {
    let store = Arc::new(MemoryStore::new());
    let db = Tsdb::open(store, Options::default(), head(ROWS).at).expect("an empty store opens");
    let defined = db.define(GROUP, &labels());
    let row = |t: usize| {
        let mut row = RowValues::new(defined.dictionary);
        for (i, ordinal) in defined.ordinals.iter().enumerate() {
            let (_, kind) = KINDS[i % KINDS.len()];
            row.set(*ordinal, kind(i as u64, t as u64), None);
        }
        row
    };
    (db, (0..ROWS).map(row).collect())
}

fn append_all((db, rows): &(Tsdb, Vec<RowValues>)) {
    for (i, row) in rows.iter().enumerate() {
        db.append(GROUP, head(i), row)
            .expect("the row is the newest");
    }
}

fn write_path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Elements((SERIES * ROWS) as u64));
    let size = BatchSize::LargeInput;
    group.bench_function("append", |bencher| {
        bencher.iter_batched_ref(prepared, |all| append_all(all), size);
    });
    let appended = || {
        let all = prepared();
        append_all(&all);
        all
    };
    group.bench_function("cut", |bencher| {
        bencher.iter_batched_ref(
            appended,
            |(db, _)| db.maintain(head(ROWS).at).expect("memory does not fail"),
            size,
        );
    });
    group.finish();

    let (db, rows) = appended();
    db.maintain(head(ROWS).at).expect("memory does not fail");
    let matchers = [Matcher::new(MatchOp::Equal, "job", "api").expect("a plain matcher")];
    let range = TimeRange::new(head(0).at, head(ROWS).at).expect("the start comes first");
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements((SERIES * rows.len()) as u64));
    group.bench_function("select", |bencher| {
        bencher.iter(|| {
            db.select(&matchers, range)
                .expect("the index is whole")
                .count()
        });
    });
    group.finish();
}

fn codecs(criterion: &mut Criterion) {
    for n_rows in [ROWS, 720] {
        let mut group = criterion.benchmark_group(format!("codec of {n_rows} rows"));
        for (name, kind) in KINDS {
            let column = |i: u64| -> Vec<f64> { (0..n_rows as u64).map(|t| kind(i, t)).collect() };
            let columns: Vec<_> = (0..32).map(column).collect();
            let encode = |column: &Vec<f64>| {
                let mut bytes = Vec::new();
                column::encode_values(&mut bytes, column);
                bytes
            };
            let encoded: Vec<_> = columns.iter().map(encode).collect();
            let n_bytes: usize = encoded.iter().map(Vec::len).sum();
            let n_samples = columns.len() * n_rows;
            let per_sample = n_bytes as f64 / n_samples as f64;
            let _ = writeln!(
                stderr(),
                "{name}, {n_rows} rows: {per_sample:.3} bytes a sample"
            );
            group.throughput(Throughput::Elements(n_samples as u64));
            group.bench_function(format!("encode {name}"), |bencher| {
                bencher.iter(|| {
                    for column in &columns {
                        black_box(encode(column));
                    }
                });
            });
            group.bench_function(format!("decode {name}"), |bencher| {
                bencher.iter(|| {
                    for bytes in &encoded {
                        let _ = black_box(column::decode_values(bytes, n_rows));
                    }
                });
            });
        }
        group.finish();
    }
}

/// Histograms of `n_rows` rows of a series whose 60 buckets all grow.
fn histograms_of(n_rows: usize) -> Vec<Histogram> {
    let row = |t: u64| {
        let bucket = |i: u64| (i * 1000 + t * (i % 7 + 1) + noise(i, t) % (i % 7 + 1)) as f64;
        let counts: Vec<f64> = (0..60).map(bucket).collect();
        let count = counts.iter().sum();
        Histogram {
            schema: 3,
            zero_threshold: 1e-3,
            count,
            sum: count / 7.0,
            positive: Buckets::from_first(-20, counts),
            ..Histogram::default()
        }
    };
    (0..n_rows as u64).map(row).collect()
}

fn histograms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec of histograms");
    for n_rows in [1, ROWS, 480] {
        let histograms = histograms_of(n_rows);
        let mut bytes = Vec::new();
        codec::encode_histograms(&mut bytes, &histograms);
        let per_histogram = bytes.len() as f64 / n_rows as f64;
        let _ = writeln!(
            stderr(),
            "60 buckets, {n_rows} rows: {per_histogram:.1} bytes a histogram"
        );
        group.throughput(Throughput::Elements(n_rows as u64));
        group.bench_function(format!("encode {n_rows} rows"), |bencher| {
            bencher.iter(|| {
                let mut bytes = Vec::new();
                codec::encode_histograms(&mut bytes, &histograms);
                black_box(bytes)
            });
        });
        group.bench_function(format!("decode {n_rows} rows"), |bencher| {
            bencher.iter(|| black_box(codec::decode_histograms(&bytes, n_rows)));
        });
    }
    group.finish();
}

criterion_group!(benches, write_path, codecs, histograms);
criterion_main!(benches);
