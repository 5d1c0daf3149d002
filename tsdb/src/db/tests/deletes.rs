//! Deletion: what is hidden, what is not, and what becomes of it.
use model::{Sample, is_deleted_nan};

use super::*;
use crate::{Pushed, Store};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn from_to(from: i64, to: i64) -> TimeRange {
    TimeRange::new(at(from), at(to)).unwrap()
}

fn delete(db: &Tsdb, name: &str, range: TimeRange) {
    let selectors = vec![vec![Matcher::equal("__name__", name)]];
    db.delete(selectors, range).unwrap();
}

/// The values of a series with their times in minutes.
fn values(db: &Tsdb, name: &str) -> Vec<(i64, f64)> {
    let mut values = Vec::new();
    for slice in select(db, &[Matcher::equal("__name__", name)], TimeRange::ALL) {
        for series in &slice.series {
            for (row, value) in series.rows.iter().zip(&*series.values.to_numbers()) {
                if !is_deleted_nan(*value) {
                    values.push((slice.rows[row as usize].at.as_millis() / MINUTE, *value));
                }
            }
        }
    }
    values
}

fn push(db: &Tsdb, name: &str, minute: i64, value: f64) {
    let (labels, at) = (series(name, "1"), at(minute * MINUTE));
    let samples = [Sample { at, value }];
    let pushed = Pushed::of_samples(&labels, &samples);
    let written = db.backfill(&[pushed], &|_| head(0).stamp).unwrap();
    assert_eq!(written.n_stored, 1);
}

fn scrape(db: &Tsdb, minute: i64) {
    let samples = ["a", "b"].map(|name| (series(name, "1"), minute as f64));
    append(db, head(minute * MINUTE), &samples).unwrap();
}

#[test]
fn what_is_deleted_is_hidden_at_once_and_what_comes_later_is_seen() {
    let store = MemoryStore::new();
    let db = open(&store, HOUR);
    for minute in 0..10 {
        scrape(&db, minute);
        push(&db, "p", minute, 1.0);
        push(&db, "q", minute, 1.0);
    }
    delete(&db, "a", from_to(3 * MINUTE, 99 * MINUTE));
    delete(&db, "p", TimeRange::ALL);
    for minute in 10..12 {
        scrape(&db, minute);
        push(&db, "p", minute, 1.0);
    }
    // The newest of what was deleted, and one before it.
    push(&db, "p", 9, 2.0);
    push(&db, "p", 5, 2.0);
    let after_a = [0, 1, 2, 10, 11].map(|minute| (minute, minute as f64));
    let after_p = [(5, 2.0), (9, 2.0), (10, 1.0), (11, 1.0)];
    store.crash();
    let check = |db: &Tsdb| {
        assert_eq!(values(db, "a")[..3], after_a[..3]);
        assert_eq!(
            values(db, "b")[..10],
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|m| (m, m as f64))
        );
        assert_eq!(values(db, "q").len(), 10);
    };
    check(&db);
    assert_eq!(values(&db, "a"), after_a);
    assert_eq!(values(&db, "p"), after_p);
    // A deletion survives a crash at once, with all before it; what came after was not synced.
    let db = open(&store, HOUR);
    check(&db);
    assert_eq!(values(&db, "p"), []);
}

#[test]
fn a_deleted_sample_is_not_taken_for_one_that_was_never_there() {
    let db = open(&MemoryStore::new(), HOUR);
    (0..3).for_each(|minute| scrape(&db, minute));
    delete(&db, "a", from_to(MINUTE, MINUTE));
    let found = select(&db, &[Matcher::equal("__name__", "a")], TimeRange::ALL);
    let values = found[0].series[0].values.to_numbers();
    let is_deleted = values.iter().map(|v| is_deleted_nan(*v));
    assert!(is_deleted.eq([false, true, false]));
}

#[test]
fn merging_and_cleaning_leave_out_what_is_deleted() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let run = |hours: std::ops::Range<i64>| {
        for minute in hours.start * 60..hours.end * 60 {
            scrape(&db, minute);
            push(&db, "p", minute, minute as f64);
            db.maintain(at(minute * MINUTE)).unwrap();
        }
    };
    run(0..5);
    let mut expected: Vec<(i64, f64)> =
        (0..12 * 60).map(|minute| (minute, minute as f64)).collect();
    // Of one hour that is in blocks and one that is not.
    for (from, to) in [(60, 120), (290, 310)] {
        delete(&db, "a", from_to(from * MINUTE, to * MINUTE));
        delete(&db, "p", from_to(from * MINUTE, to * MINUTE));
        expected.retain(|(minute, _)| !(from..=to.min(299)).contains(minute));
    }
    run(5..12);
    assert_eq!(
        (values(&db, "a"), values(&db, "p")),
        (expected.clone(), expected.clone())
    );
    let tombstones = |db: &Tsdb| db.inner.tombstones.now().len();
    assert_eq!(tombstones(&db), 4);
    db.clean_tombstones().unwrap();
    store.sync().unwrap();
    for db in [db.clone(), open(&store, 12 * HOUR)] {
        assert_eq!(tombstones(&db), 0);
        assert_eq!(
            (values(&db, "a"), values(&db, "p")),
            (expected.clone(), expected.clone())
        );
        assert_eq!(values(&db, "b").len(), 12 * 60);
        assert_eq!(db.stats().damaged_total, 0);
    }
}

#[test]
fn a_series_that_is_deleted_whole_leaves_the_index() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    (0..30).for_each(|minute| scrape(&db, minute));
    delete(&db, "a", TimeRange::ALL);
    for minute in (30..300).step_by(5) {
        append(&db, head(minute * MINUTE), &[(series("b", "1"), 1.0)]).unwrap();
        db.maintain(at(minute * MINUTE)).unwrap();
    }
    for quarter in 0..20 {
        db.maintain(at(5 * HOUR + quarter * HOUR / 4)).unwrap();
    }
    let of = SeriesOf {
        matchers: &[],
        range: TimeRange::ALL,
        limit: None,
    };
    assert_eq!(db.label_values("__name__", of).unwrap(), ["b"]);
}

#[test]
fn retention_takes_tombstones_along() {
    let options = Options {
        retention: Some(Millis::new(24 * HOUR)),
        ..Options::default()
    };
    let db = Tsdb::open(Arc::new(MemoryStore::new()), options, at(0)).unwrap();
    scrape(&db, 0);
    delete(&db, "a", from_to(0, HOUR));
    for hour in 1..30 {
        scrape(&db, hour * 60);
        db.maintain(at(hour * HOUR)).unwrap();
    }
    assert!(db.inner.tombstones.now().is_empty());
}
