//! The database from outside, over a store in memory.
use std::sync::Arc;

use model::{
    GroupKey, GroupSlice, Labels, Matcher, Millis, NodeId, Outcome, RowHead, Stamp, TimeRange,
    Timestamp,
};

use super::*;
use crate::{DictionaryNo, Kind, MemoryStore, Ordinal, RowValues};

pub(super) const GROUP: GroupKey = GroupKey(0x0001_0000_0000_0007);

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn head(slot: i64) -> RowHead {
    RowHead {
        slot: at(slot),
        at: at(slot),
        stamp: Stamp {
            outcome: Outcome::Success,
            epoch: 1,
            rank: 0,
            node: NodeId(1),
        },
    }
}

pub(super) fn series(name: &str, pod: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("pod", pod)])
}

pub(super) fn open(store: &MemoryStore, now: i64) -> Tsdb {
    Tsdb::open(Arc::new(store.clone()), Options::default(), at(now)).unwrap()
}

pub(super) fn append(
    db: &Tsdb,
    head: RowHead,
    samples: &[(Labels, f64)],
) -> Result<Appended, TsdbError> {
    let labels: Vec<Labels> = samples.iter().map(|(l, _)| l.clone()).collect();
    let defined = db.define(GROUP, &labels);
    let mut values = RowValues::new(defined.dictionary);
    for (ordinal, (_, value)) in defined.ordinals.iter().zip(samples) {
        values.set(*ordinal, *value, None);
    }
    db.append(GROUP, head, &values)
}

pub(super) fn select(db: &Tsdb, matchers: &[Matcher], range: TimeRange) -> Vec<GroupSlice> {
    let slices = db.select(matchers, range).unwrap();
    slices.map(Result::unwrap).collect()
}

/// `slot: name{pod}=value …` for each row.
pub(super) fn text(slices: &[GroupSlice]) -> Vec<String> {
    let mut lines = Vec::new();
    for slice in slices {
        for (i, row) in slice.rows.iter().enumerate() {
            let mut samples: Vec<String> = slice
                .series
                .iter()
                .filter_map(|s| {
                    let at = s.rows.iter().position(|r| r as usize == i)?;
                    let time = s.times.get(at).map_or(String::new(), |t| format!("@{t}"));
                    let (name, pod) = (s.labels.metric_name(), s.labels.value("pod"));
                    Some(format!(" {name}/{pod}={}{time}", s.values.to_numbers()[at]))
                })
                .collect();
            samples.sort();
            lines.push(format!("{}:{}", row.slot.as_millis(), samples.concat()));
        }
    }
    lines
}

#[test]
fn rows_are_seen_at_once_and_after_a_restart_if_synced() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    append(
        &db,
        head(10),
        &[(series("a", "1"), 1.0), (series("b", "1"), 2.0)],
    )
    .unwrap();
    append(
        &db,
        head(20),
        &[(series("b", "1"), 3.0), (series("b", "2"), 4.0)],
    )
    .unwrap();
    db.sync().unwrap();
    append(&db, head(30), &[(series("c", "1"), 5.0)]).unwrap();
    let all = ["10: a/1=1 b/1=2", "20: b/1=3 b/2=4", "30: c/1=5"];
    assert_eq!(text(&select(&db, &[], TimeRange::ALL)), all);
    // A process that ends loses nothing, …
    assert_eq!(text(&select(&open(&store, 0), &[], TimeRange::ALL)), all);
    // … a machine that ends loses what was not synced.
    store.crash();
    let db = open(&store, 0);
    assert_eq!(text(&select(&db, &[], TimeRange::ALL)), all[..2]);
    append(&db, head(30), &[(series("d", "1"), 6.0)]).unwrap();
    let matcher = Matcher::equal("__name__", "b");
    assert_eq!(
        text(&select(&db, &[matcher], TimeRange::ALL)),
        ["10: b/1=2", "20: b/1=3 b/2=4", "30:"]
    );
    let matcher = Matcher::equal("__name__", "a");
    let range = TimeRange::new(at(15), at(40)).unwrap();
    assert_eq!(select(&db, &[matcher], range), []);
}

#[test]
fn the_better_row_of_a_slot_is_kept_whole() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let stamped = |slot, epoch| {
        let mut head = head(slot);
        head.stamp.epoch = epoch;
        head
    };
    let row = |value| [(series("a", "1"), value)];
    assert_eq!(
        append(&db, stamped(10, 2), &row(1.0)).unwrap(),
        Appended::Stored
    );
    assert_eq!(
        append(&db, stamped(20, 2), &row(2.0)).unwrap(),
        Appended::Stored
    );
    assert_eq!(
        append(&db, stamped(10, 2), &row(3.0)).unwrap(),
        Appended::Ignored
    );
    assert_eq!(
        append(&db, stamped(10, 1), &row(4.0)).unwrap(),
        Appended::Ignored
    );
    let better = [(series("b", "1"), 5.0)];
    assert_eq!(
        append(&db, stamped(10, 3), &better).unwrap(),
        Appended::Replaced
    );
    let error = append(&db, stamped(15, 9), &row(6.0)).unwrap_err();
    assert!(matches!(error, TsdbError::OutOfOrder { .. }));
    assert_eq!(error.kind(), Kind::Invalid);
    let expected = ["10: b/1=5", "20: a/1=2"];
    assert_eq!(text(&select(&db, &[], TimeRange::ALL)), expected);
    assert_eq!(
        text(&select(&open(&store, 0), &[], TimeRange::ALL)),
        expected
    );
    assert_eq!(db.stats().rows_refused_total, 1);
}

#[test]
fn rows_far_from_now_are_refused() {
    let db = open(&MemoryStore::new(), 0);
    let error = append(&db, head(3_600_001), &[]).unwrap_err();
    assert!(matches!(error, TsdbError::OutOfBounds { .. }));
    db.maintain(at(1_000)).unwrap();
    append(&db, head(3_600_001), &[]).unwrap();
    let kept = Options::default().retention.unwrap_or(Millis::ZERO);
    let error = append(&db, head(-kept.as_millis()), &[]).unwrap_err();
    assert!(matches!(error, TsdbError::OutOfBounds { .. }));
}

#[test]
fn ordinals_that_were_never_given_are_refused() {
    let db = open(&MemoryStore::new(), 0);
    let defined = db.define(GROUP, &[series("a", "1")]);
    let mut values = RowValues::new(defined.dictionary);
    values.set(Ordinal(1), 1.0, None);
    let error = db.append(GROUP, head(10), &values).unwrap_err();
    assert!(matches!(error, TsdbError::VoidDictionary { .. }));
    // An empty row may come by any dictionary.
    let empty = RowValues::new(DictionaryNo(999));
    assert_eq!(
        db.append(GROUP, head(10), &empty).unwrap(),
        Appended::Stored
    );
}

#[test]
fn explicit_times_decide_what_is_in_range() {
    let db = open(&MemoryStore::new(), 0);
    let defined = db.define(GROUP, &[series("a", "1"), series("b", "1")]);
    for slot in [100_000, 200_000] {
        let mut values = RowValues::new(defined.dictionary);
        values.set(defined.ordinals[0], 1.0, Some(at(slot - 50_000)));
        values.set(defined.ordinals[1], 2.0, None);
        db.append(GROUP, head(slot), &values).unwrap();
    }
    let range = TimeRange::new(at(140_000), at(160_000)).unwrap();
    assert_eq!(
        text(&select(&db, &[Matcher::equal("__name__", "a")], range)),
        ["200000: a/1=1@150.000"]
    );
    assert_eq!(select(&db, &[Matcher::equal("__name__", "b")], range), []);
    // Too old for its slot: left out and counted.
    let mut values = RowValues::new(defined.dictionary);
    values.set(defined.ordinals[0], 1.0, Some(at(-4_000_000)));
    values.set(defined.ordinals[1], 2.0, None);
    db.append(GROUP, head(300_000), &values).unwrap();
    assert_eq!(db.stats().samples_out_of_window_total, 1);
}

#[test]
fn a_dictionary_that_is_mostly_empty_is_begun_anew() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let page = |from: usize, n| -> Vec<(Labels, f64)> {
        (from..from + n)
            .map(|i| (series("a", &i.to_string()), i as f64))
            .collect()
    };
    let old = db.define(
        GROUP,
        &page(0, 1000)
            .iter()
            .map(|(l, _)| l.clone())
            .collect::<Vec<_>>(),
    );
    append(&db, head(10), &page(0, 10)).unwrap();
    append(&db, head(20), &page(1000, 20)).unwrap();
    let new = db.define(GROUP, &[series("a", "1000")]);
    assert!(new.dictionary > old.dictionary);
    for db in [db.clone(), open(&store, 0)] {
        let slices = select(&db, &[], TimeRange::ALL);
        assert_eq!(slices[0].series.len(), 30);
        assert_eq!(slices[0].rows.len(), 2);
    }
}

#[test]
fn labels_and_series_are_sorted_and_limited() {
    let db = open(&MemoryStore::new(), 0);
    append(
        &db,
        head(10),
        &[(series("b", "2"), 1.0), (series("a", "1"), 2.0)],
    )
    .unwrap();
    let of = |matchers, limit| SeriesOf {
        matchers,
        range: TimeRange::ALL,
        limit,
    };
    assert_eq!(db.label_names(of(&[], None)).unwrap(), ["__name__", "pod"]);
    assert_eq!(db.label_values("pod", of(&[], None)).unwrap(), ["1", "2"]);
    assert_eq!(db.label_values("pod", of(&[], Some(1))).unwrap(), ["1"]);
    let sets = [vec![Matcher::equal("__name__", "b")]];
    assert_eq!(db.label_values("pod", of(&sets, None)).unwrap(), ["2"]);
    assert_eq!(
        db.series(of(&[], None)).unwrap(),
        [series("a", "1"), series("b", "2")]
    );
}

#[test]
fn a_newer_format_is_refused() {
    let store = MemoryStore::new();
    drop(open(&store, 0));
    let mut batch = Batch::new();
    batch.put(META, FORMAT_KEY, "3");
    store.write(batch).unwrap();
    let error = Tsdb::open(Arc::new(store), Options::default(), at(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "its format is 3, this release knows 2: start the release that wrote it, or name another directory"
    );
}

mod beside;
mod churn;
mod concurrent;
mod damage;
mod deletes;
mod differential;
mod history;
mod model_based;
mod pushed;
