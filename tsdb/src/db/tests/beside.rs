//! What scraped samples are besides numbers, from the row to the block.
use std::sync::Arc;

use model::{Histogram, ResetHint, TimeRange, Timestamp, histogram::Buckets};

use super::*;

const MINUTE: i64 = 60_000;

fn counted(count: f64, reset_hint: ResetHint) -> Histogram {
    Histogram {
        reset_hint,
        count,
        sum: count * 2.0,
        positive: Buckets::from_first(3, vec![count]),
        ..Histogram::default()
    }
}

/// The histograms and starts of the series `h`, and the values of `n`, oldest first.
fn read(db: &Tsdb) -> Vec<(f64, ResetHint, Option<Timestamp>, f64)> {
    let slices = select(db, &[], TimeRange::ALL);
    let [slice] = &slices[..] else {
        panic!("one group: {slices:?}");
    };
    let of = |name: &str| {
        let mut series = slice.series.iter();
        series.find(|s| s.labels.metric_name() == name).unwrap()
    };
    let (h, n) = (of("h"), of("n"));
    assert!(n.histograms.is_empty() && n.starts.is_empty());
    assert_eq!(h.rows, n.rows);
    (0..h.rows.len())
        .map(|i| {
            let histogram = h.histograms.get(i).unwrap();
            assert_eq!(histogram.positive.counts(), [histogram.count]);
            assert_eq!(h.values.to_numbers()[i], histogram.sum);
            let start = h.starts.get(i).copied();
            (
                histogram.count,
                histogram.reset_hint,
                start,
                n.values.to_numbers()[i],
            )
        })
        .collect()
}

#[test]
fn histograms_and_starts_of_scraped_rows_are_kept() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let mut expected = Vec::new();
    for i in 0..300_i64 {
        // A reset in the midst, which nobody tells of.
        let (count, start) = match i < 200 {
            true => (i as f64, at(-5)),
            false => ((i - 200) as f64, at(200 * MINUTE)),
        };
        let defined = db.define(GROUP, &[series("n", ""), series("h", "")]);
        let mut values = RowValues::new(defined.dictionary);
        let histogram = Arc::new(counted(count, ResetHint::NotReset));
        assert!(values.set_histogram(defined.ordinals[1], histogram, None));
        values.set_start(defined.ordinals[1], start);
        values.set(defined.ordinals[0], i as f64, None);
        db.append(GROUP, head(i * MINUTE), &values).unwrap();
        db.maintain(at(i * MINUTE)).unwrap();
        expected.push((count, Some(start), i as f64));
    }
    for db in [db, open(&store, 300 * MINUTE)] {
        let read = read(&db);
        let data: Vec<_> = read.iter().map(|(c, _, s, n)| (*c, *s, *n)).collect();
        assert_eq!(data, expected);
        assert_eq!(read[200].1, ResetHint::Unknown);
        let known = read.iter().filter(|r| r.1 == ResetHint::NotReset).count();
        // Unknown are the reset and whatever came first after a segment was cut.
        assert!((250..300).contains(&known), "{known}");
    }
}
