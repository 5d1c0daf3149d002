//! Series that vanish while others stay: memory forgets them long before their data is in blocks, answers do not.
use std::collections::{BTreeMap, BTreeSet};

use super::*;

const MINUTE: i64 = 60_000;
const INTERVAL: i64 = 30_000;
const STABLE: usize = 270;
const CHURNING: usize = 30;

fn open(store: &MemoryStore, now: i64) -> Tsdb {
    let options = Options {
        rows_per_segment: 16,
        ..Options::default()
    };
    Tsdb::open(Arc::new(store.clone()), options, at(now)).unwrap()
}

/// A group of which a tenth is replaced every minute; one series comes back again and again.
fn labels_at(slot: i64) -> Vec<Labels> {
    let minute = slot / MINUTE;
    let stable = (0..STABLE).map(|i| series("stable", &i.to_string()));
    let churning = (0..CHURNING).map(|i| series("churning", &format!("{minute}-{i}")));
    let returning = (minute % 30 < 2).then(|| series("returning", "1"));
    stable.chain(churning).chain(returning).collect()
}

fn run(db: &Tsdb, from: i64, to: i64, mut look: impl FnMut(i64, &Stats)) {
    for slot in (from..to).step_by(INTERVAL as usize) {
        let value = (slot / INTERVAL) as f64;
        let samples: Vec<_> = labels_at(slot).into_iter().map(|l| (l, value)).collect();
        append(db, head(slot), &samples).unwrap();
        db.maintain(at(slot)).unwrap();
        look(slot, &db.stats());
    }
}

/// What was appended of the series called `name`, by pod: slots in order.
fn expected(name: &str, from: i64, to: i64) -> BTreeMap<String, Vec<i64>> {
    let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for slot in (from..to).step_by(INTERVAL as usize) {
        let labels = labels_at(slot);
        for labels in labels.iter().filter(|l| l.metric_name() == name) {
            let slots = expected.entry(labels.value("pod").to_owned()).or_default();
            slots.push(slot);
        }
    }
    expected
}

fn found(db: &Tsdb, name: &str, range: TimeRange) -> BTreeMap<String, Vec<i64>> {
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for slice in select(db, &[Matcher::equal("__name__", name)], range) {
        for series in &slice.series {
            let slots = series.rows.iter().map(|row| slice.rows[row as usize].slot);
            let slots = slots.map(Timestamp::as_millis).collect();
            let before = found.insert(series.labels.value("pod").to_owned(), slots);
            assert_eq!(before, None, "a series is told once");
        }
    }
    found
}

fn check(db: &Tsdb, to: i64) {
    for (from, to) in [
        (0, to),
        (to / 2, to / 2 + 3 * MINUTE),
        (to - 20 * MINUTE, to),
    ] {
        let range = TimeRange::new(at(from), at(to - 1)).unwrap();
        for name in ["stable", "churning", "returning"] {
            assert_eq!(
                found(db, name, range),
                expected(name, from, to),
                "{name} in {range:?}"
            );
        }
    }
    let of = SeriesOf {
        matchers: &[],
        range: TimeRange::new(at(0), at(to)).unwrap(),
        limit: None,
    };
    let all: BTreeSet<Labels> = (0..to)
        .step_by(INTERVAL as usize)
        .flat_map(labels_at)
        .collect();
    assert_eq!(db.series(of).unwrap(), all.into_iter().collect::<Vec<_>>());
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn what_vanished_leaves_memory_and_is_still_found() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let mut most = 0;
    let end = 50 * MINUTE;
    run(&db, 0, end, |_, stats| most = most.max(stats.n_series));
    let n_active = (STABLE + CHURNING) as u64;
    assert!(most < 4 * n_active, "{most} series were in memory at once");
    check(&db, end);
    // The same after a restart, which soon forgets it again.
    let db = open(&store, end);
    check(&db, end);
    db.maintain(at(end)).unwrap();
    db.maintain(at(end + 5 * MINUTE)).unwrap();
    assert!(db.stats().n_series < 4 * n_active);
    check(&db, end);
    // And once all is in blocks.
    run(&db, end, 3 * end, |_, _| ());
    check(&db, 3 * end);
}

#[test]
fn what_vanished_can_be_deleted_and_comes_back_afterwards() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let end = 40 * MINUTE;
    run(&db, 0, end, |_, _| ());
    let selector = vec![Matcher::equal("__name__", "returning")];
    let all = TimeRange::new(at(0), at(end)).unwrap();
    db.delete(vec![selector], all).unwrap();
    run(&db, end, 3 * end, |_, _| ());
    let kept = |db: &Tsdb| {
        let slices = select(
            db,
            &[Matcher::equal("__name__", "returning")],
            TimeRange::ALL,
        );
        let slice = slices.first().expect("it came back");
        let values = slice
            .series
            .iter()
            .flat_map(|s| s.rows.iter().zip(s.values.to_numbers().into_owned()));
        let values = values.filter(|(_, value)| !model::is_deleted_nan(*value));
        let slots = values.map(|(row, _)| slice.rows[row as usize].slot.as_millis());
        slots.collect::<Vec<_>>()
    };
    let expected = expected("returning", end, 3 * end).remove("1").unwrap();
    assert_eq!(kept(&db), expected);
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    db.clean_tombstones().unwrap();
    assert_eq!(kept(&db), expected);
    assert_eq!(kept(&open(&store, 3 * end)), expected);
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn an_index_made_anew_names_what_left_memory() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let end = 40 * MINUTE;
    run(&db, 0, end, |_, _| ());
    db.inner.remake_index(0).unwrap();
    check(&db, end);
}

/// Appends one row of a group.
fn append_to(db: &Tsdb, group: GroupKey, slot: i64, labels: &[Labels]) -> DictionaryNo {
    let defined = db.define(group, labels);
    let mut values = RowValues::new(defined.dictionary);
    for ordinal in &defined.ordinals {
        values.set(*ordinal, slot as f64, None);
    }
    db.append(group, head(slot), &values).unwrap();
    defined.dictionary
}

#[test]
fn what_left_memory_still_counts_for_whether_a_selection_is_little() {
    let db = open(&MemoryStore::new(), 0);
    let pods: Vec<Labels> = (0..40).map(|i| series("gone", &i.to_string())).collect();
    for slot in (0..2 * MINUTE).step_by(INTERVAL as usize) {
        append_to(&db, GROUP, slot, &pods);
        db.maintain(at(slot)).unwrap();
    }
    for minute in (0..40).step_by(5) {
        db.maintain(at(minute * MINUTE)).unwrap();
    }
    assert_eq!(db.stats().n_series, 0);
    let range = TimeRange::new(at(0), at(MINUTE)).unwrap();
    let all = Matcher::equal("__name__", "gone");
    assert!(!db.selects_little(std::slice::from_ref(&all), range));
    assert!(db.selects_little(&[all, Matcher::equal("pod", "7")], range));
}

#[test]
fn groups_that_vanish_leave_memory_and_slow_ones_stay() {
    const N_SERIES: u64 = 20;
    const N_GROUPS: i64 = 24;
    let store = MemoryStore::new();
    let db = open(&store, 0);
    // One group after the other, for five minutes each.
    let labels_of = |group: i64| -> Vec<Labels> {
        let pods = (0..N_SERIES).map(|i| series("short", &format!("{group}-{i}")));
        pods.collect()
    };
    let (slow, slow_series) = (GroupKey(GROUP.0 + 1000), [series("slow", "1")]);
    let (mut most, mut dictionaries) = (0, BTreeSet::new());
    let end = N_GROUPS * 5 * MINUTE;
    for slot in (0..end).step_by(INTERVAL as usize) {
        let group = slot / (5 * MINUTE);
        append_to(
            &db,
            GroupKey(GROUP.0 + group as u64),
            slot,
            &labels_of(group),
        );
        if slot % (20 * MINUTE) == 0 {
            dictionaries.insert(append_to(&db, slow, slot, &slow_series));
        }
        db.maintain(at(slot)).unwrap();
        most = most.max(db.stats().n_groups);
    }
    assert!(most <= 7, "{most} groups were in memory at once");
    assert_eq!(dictionaries.len(), 1);
    let check = |db: &Tsdb| {
        let all = TimeRange::new(at(0), at(end)).unwrap();
        let found = found(db, "short", all);
        assert_eq!(found.len() as u64, N_GROUPS as u64 * N_SERIES);
        for (pod, slots) in found {
            let group: i64 = pod.split('-').next().unwrap().parse().unwrap();
            let first = group * 5 * MINUTE;
            let expected: Vec<i64> = (first..first + 5 * MINUTE)
                .step_by(INTERVAL as usize)
                .collect();
            assert_eq!(slots, expected, "{pod}");
        }
        assert_eq!(select(db, &[Matcher::equal("pod", "1")], all).len(), 1);
        assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    };
    check(&db);
    let db = open(&store, end);
    check(&db);
    // One that vanished is deleted after a restart, and comes back.
    let selector = vec![Matcher::equal("pod", "3-1")];
    let all = TimeRange::new(at(0), at(2 * end)).unwrap();
    db.delete(vec![selector.clone()], all).unwrap();
    let later = end + 6 * MINUTE;
    db.maintain(at(end)).unwrap();
    db.maintain(at(later)).unwrap();
    assert!(db.inner.group(GroupKey(GROUP.0 + 3)).is_none());
    let db = open(&store, later);
    append_to(&db, GroupKey(GROUP.0 + 3), later, &labels_of(3));
    let slices = select(&db, &selector, TimeRange::at(at(later)));
    assert_eq!(slices[0].series[0].values.tail(), [later as f64]);
}
