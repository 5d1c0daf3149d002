//! What becomes of rows as time goes by: segments, blocks, retention, damage.
use super::*;
use crate::keys::Era;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Appends a row of two series a minute from `from` up to `to`, maintaining as time goes by.
fn run(db: &Tsdb, from: i64, to: i64) {
    for slot in (from..to).step_by(MINUTE as usize) {
        let (n, pod) = (slot / MINUTE, (slot / HOUR).to_string());
        append(
            db,
            head(slot),
            &[(series("a", "1"), n as f64), (series("b", &pod), 1.0)],
        )
        .unwrap();
        db.maintain(at(slot)).unwrap();
    }
}

fn names(families: &[String], era: Era) -> Vec<i64> {
    era.numbers(families)
}

#[test]
fn rows_become_segments_and_blocks_and_all_read_as_one() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    run(&db, 0, 26 * HOUR);
    let families = db.inner.store.families().unwrap();
    assert_eq!(names(&families, Era::Blocks), [0]);
    assert_eq!(names(&families, Era::Segments), [12]);
    assert!(names(&families, Era::Rows).len() <= 6);
    for db in [db.clone(), open(&store, 26 * HOUR)] {
        assert!(db.stats().n_held_rows < 96);
        let slices = select(&db, &[Matcher::equal("__name__", "a")], TimeRange::ALL);
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0].rows.len(), 26 * 60);
        let values: Vec<f64> = (0..26 * 60).map(f64::from).collect();
        assert_eq!(slices[0].series[0].values, values.into());
        // A range within one block, with the row of which the series is absent.
        let range = TimeRange::new(at(5 * HOUR - MINUTE), at(5 * HOUR)).unwrap();
        assert_eq!(
            text(&select(&db, &[Matcher::equal("pod", "4")], range)),
            ["17940000: b/4=1", "18000000:"]
        );
        let stats = db.stats();
        let range = TimeRange::new(at(0), at(26 * HOUR - MINUTE)).unwrap();
        assert_eq!(stats.time_range, Some(range));
        assert_eq!(stats.damaged_total, 0);
    }
}

#[test]
fn labels_of_history_are_found_by_day() {
    let db = open(&MemoryStore::new(), 0);
    run(&db, 0, 50 * HOUR);
    let values = |from, to, limit| {
        let of = SeriesOf {
            matchers: &[vec![Matcher::equal("__name__", "b")]],
            range: TimeRange::new(at(from), at(to)).unwrap(),
            limit,
        };
        let values = db.label_values("pod", of).unwrap();
        assert_eq!(db.series(of).unwrap().len(), values.len());
        assert_eq!(
            db.label_names(SeriesOf { limit: None, ..of }).unwrap(),
            ["__name__", "pod"]
        );
        values
    };
    let sorted = |range: std::ops::Range<i64>| {
        let mut values: Vec<String> = range.map(|i| i.to_string()).collect();
        values.sort();
        values
    };
    assert_eq!(values(3 * HOUR, 4 * HOUR, None), sorted(0..24));
    assert_eq!(values(0, 50 * HOUR, None), sorted(0..50));
    assert_eq!(values(0, 50 * HOUR, Some(3)), ["0", "1", "10"]);
}

#[test]
fn a_group_that_comes_back_is_not_mixed_with_what_it_was() {
    let store = MemoryStore::new();
    let mut db = open(&store, 0);
    append(&db, head(0), &[(series("old", "1"), 1.0)]).unwrap();
    for hour in 1..6 {
        db.maintain(at(hour * HOUR)).unwrap();
    }
    assert_eq!(db.stats().n_groups, 0);
    assert_eq!(db.stats().n_series, 0);
    db = open(&store, 6 * HOUR);
    append(&db, head(6 * HOUR), &[(series("new", "1"), 2.0)]).unwrap();
    for db in [db.clone(), open(&store, 6 * HOUR)] {
        assert_eq!(
            text(&select(&db, &[], TimeRange::ALL)),
            ["0: old/1=1", "21600000: new/1=2"]
        );
    }
}

#[test]
fn retention_drops_days_by_age_and_by_size() {
    let store = MemoryStore::new();
    let options = Options {
        retention: Some(Millis::new(24 * HOUR)),
        ..Options::default()
    };
    let db = Tsdb::open(Arc::new(store.clone()), options, at(0)).unwrap();
    run(&db, 0, 49 * HOUR);
    let first = |db: &Tsdb| select(db, &[], TimeRange::ALL)[0].rows[0].slot.as_millis();
    assert_eq!(first(&db), 24 * HOUR);
    let families = db.inner.store.families().unwrap();
    assert_eq!(names(&families, Era::Blocks), [1]);
    assert_eq!(names(&families, Era::Series), [1, 2]);
    // What is said later counts.
    db.set_retention(Retention {
        time: Some(Millis::new(HOUR / 2)),
        bytes: None,
    });
    db.maintain(at(49 * HOUR)).unwrap();
    assert_eq!(first(&db), 48 * HOUR);
    drop(db);
    let store = MemoryStore::new();
    let db = open(&store, 0);
    run(&db, 0, 49 * HOUR);
    assert_eq!(first(&db), 0);
    drop(db);
    let options = Options {
        retention_bytes: Some(10),
        ..Options::default()
    };
    let db = Tsdb::open(Arc::new(store), options, at(49 * HOUR)).unwrap();
    db.maintain(at(49 * HOUR)).unwrap();
    assert_eq!(first(&db), 48 * HOUR);
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_served() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    run(&db, 0, 10 * HOUR);
    let entry = store.scan("blocks-0", crate::KeyRange::ALL).unwrap().next();
    let (key, mut value) = entry.unwrap().unwrap();
    value[9] ^= 1;
    let mut batch = Batch::new();
    batch.put("blocks-0", key, value);
    store.write(batch).unwrap();
    let mut select = db
        .select(&[Matcher::equal("__name__", "a")], TimeRange::ALL)
        .unwrap();
    let slice = select.next().unwrap().unwrap();
    assert_eq!(slice.rows[0].slot, at(2 * HOUR));
    let error = select.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    expect_test::expect!["read the group 0001000000000007: decode the block of group 0001000000000007 up to 7140.000 by dictionary 0 in the family blocks-0: checksum does not match at byte 47"].assert_eq(&error.chain());
    assert!(select.next().is_none());
    assert_eq!(db.stats().damaged_total, 1);
}

#[test]
fn names_that_are_lost_are_not_given_to_others() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    append(&db, head(0), &[(series("a", "1"), 1.0)]).unwrap();
    append(
        &db,
        head(10),
        &[(series("a", "1"), 2.0), (series("b", "1"), 3.0)],
    )
    .unwrap();
    let last = store.last("series-0", crate::KeyRange::ALL).unwrap();
    let (key, mut value) = last.unwrap();
    value[3] ^= 1;
    let mut batch = Batch::new();
    batch.put("series-0", key, value);
    store.write(batch).unwrap();
    let db = open(&store, 0);
    assert_eq!(db.take_damage().len(), 1);
    append(
        &db,
        head(20),
        &[(series("c", "1"), 4.0), (series("d", "1"), 5.0)],
    )
    .unwrap();
    for db in [db, open(&store, 0)] {
        let (mut slices, mut errors) = (Vec::new(), Vec::new());
        for found in db.select(&[], TimeRange::ALL).unwrap() {
            match found {
                Ok(slice) => slices.push(slice),
                Err(error) => errors.push(error),
            }
        }
        let expected = ["0: a/1=1", "10: a/1=2", "20: c/1=4 d/1=5"];
        assert_eq!(text(&slices), expected);
        // That something is missing is said for the whole day.
        assert_eq!(errors.len(), 1);
    }
}

#[test]
fn explicit_times_are_found_beyond_the_edges_of_blocks() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    for slot in (0..10 * HOUR).step_by(10 * MINUTE as usize) {
        let defined = db.define(GROUP, &[series("a", "1"), series("b", "1")]);
        let mut values = RowValues::new(defined.dictionary);
        values.set(
            defined.ordinals[0],
            slot as f64,
            Some(at(slot - 30 * MINUTE)),
        );
        values.set(
            defined.ordinals[1],
            slot as f64,
            Some(at(slot - 30 * MINUTE)),
        );
        db.append(GROUP, head(slot), &values).unwrap();
        db.maintain(at(slot)).unwrap();
    }
    for db in [db.clone(), open(&store, 10 * HOUR)] {
        let range = TimeRange::new(at(110 * MINUTE), at(110 * MINUTE)).unwrap();
        assert_eq!(
            text(&select(&db, &[Matcher::equal("__name__", "b")], range)),
            [
                "6600000: b/1=6600000@4800.000",
                "8400000: b/1=8400000@6600.000"
            ]
        );
    }
}
