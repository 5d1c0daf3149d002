//! Selects while rows are appended, cut into segments, merged into blocks and dropped: nothing doubled, nothing missing.
use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicI64, Ordering},
    thread,
};

use model::Sample;
use parking_lot::Mutex;

use super::*;
use crate::Pushed;

const STEP: i64 = 600_000;
/// A hundred hours: rows are cut every 80 minutes, merged every two hours, and whole days are dropped.
const N_ROWS: i64 = 600;
/// How far back is asked, well within what is retained.
const WINDOW: i64 = 100;
/// How many rows the writer may be ahead of the readers.
const AHEAD: i64 = 20;
const GROUPS: [GroupKey; 2] = [GroupKey(7), GroupKey(0x0001_0000_0000_0007)];

fn pods() -> Vec<Labels> {
    ["1", "2", "3"].map(|pod| series("a", pod)).to_vec()
}

fn pushed() -> Labels {
    Labels::from_pairs([("__name__", "a"), ("job", "j"), ("instance", "i")])
}

/// Row `i` of every group: each series has the value `i`.
fn append_all(db: &Tsdb, i: i64) {
    for group in GROUPS {
        let defined = db.define(group, &pods());
        let mut values = RowValues::new(defined.dictionary);
        for ordinal in defined.ordinals {
            values.set(ordinal, i as f64, None);
        }
        db.append(group, head(i * STEP), &values).unwrap();
    }
    let sample = Sample {
        at: at(i * STEP),
        value: i as f64,
    };
    let (labels, samples) = (pushed(), [sample]);
    let pushed = Pushed::of_samples(&labels, &samples);
    db.append_pushed(&[pushed], &|_| head(0).stamp).unwrap();
}

/// Every group has each of the rows `first..=last` once, and each series its value in each.
#[track_caller]
fn check(slices: &[GroupSlice], first: i64, last: i64) {
    let expected: Vec<i64> = (first..=last).collect();
    assert_eq!(slices.len(), GROUPS.len() + 1);
    for slice in slices {
        let rows: Vec<i64> = slice.rows.iter().map(|r| r.at.as_millis() / STEP).collect();
        assert_eq!(rows, expected, "rows of {}", slice.group);
        let n_series = if slice.group.is_pushed() { 1 } else { 3 };
        assert_eq!(slice.series.len(), n_series);
        for series in &slice.series {
            let values: Vec<i64> = series
                .values
                .to_numbers()
                .iter()
                .map(|v| *v as i64)
                .collect();
            assert_eq!(values, expected, "values of {}", series.labels);
            assert!(series.rows.iter().eq(0..expected.len() as u32));
        }
    }
}

/// Lets the others go on to their end even if a thread fails.
struct End<'n>(&'n AtomicI64);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(N_ROWS - 1, Ordering::SeqCst);
    }
}

#[test]
fn a_select_sees_each_row_once_while_rows_move() {
    let options = Options {
        retention: Some(Millis::from_seconds(24 * 3600)),
        rows_per_segment: 8,
        ..Options::default()
    };
    let db = Tsdb::open(Arc::new(MemoryStore::new()), options, at(0)).unwrap();
    let newest = AtomicI64::new(-1);
    let checked = [AtomicI64::new(0), AtomicI64::new(0)];
    thread::scope(|scope| {
        scope.spawn(|| {
            let _end = End(&newest);
            for i in 0..N_ROWS {
                // What the readers ask for must not have been dropped when they come to it.
                let is_behind = |reader: &AtomicI64| reader.load(Ordering::SeqCst) < i - AHEAD;
                while checked.iter().any(is_behind) {
                    thread::yield_now();
                }
                append_all(&db, i);
                newest.store(i, Ordering::SeqCst);
                // Often enough for the clock, which rows may not be far ahead of.
                if i % 4 == 0 {
                    db.maintain(at(i * STEP)).unwrap();
                }
            }
        });
        for reader in &checked {
            let (db, newest) = (&db, &newest);
            scope.spawn(move || {
                let _end = End(reader);
                let mut last = -1;
                while last < N_ROWS - 1 {
                    last = newest.load(Ordering::SeqCst);
                    if last < 0 {
                        thread::yield_now();
                        continue;
                    }
                    let first = (last - WINDOW).max(0);
                    let range = TimeRange::new(at(first * STEP), at(last * STEP)).unwrap();
                    let found = Mutex::new(Vec::new());
                    db.select(&[], range)
                        .unwrap()
                        .each(NonZeroUsize::MIN, &|slice| {
                            found.lock().push(slice.unwrap());
                            true
                        });
                    check(&found.into_inner(), first, last);
                    reader.store(last, Ordering::SeqCst);
                }
            });
        }
    });
    let oldest = db.stats().time_range.unwrap().start();
    assert!(oldest > at(0), "nothing was dropped");
}

#[test]
fn a_select_ends_when_its_taker_has_enough() {
    let db = open(&MemoryStore::new(), 0);
    append_all(&db, 1);
    for n_threads in [1, 2] {
        let n_taken = AtomicI64::new(0);
        let select = db.select(&[], TimeRange::ALL).unwrap();
        select.each(NonZeroUsize::new(n_threads).unwrap(), &|_| {
            n_taken.fetch_add(1, Ordering::SeqCst);
            false
        });
        assert_eq!(n_taken.into_inner(), 1);
    }
}
