//! What is broken is left out, named, and told to whoever asks for it; what moved on without it, too.
use super::*;
use crate::{KeyRange, keys::Era};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const OTHER: GroupKey = GroupKey(0x0002_0000_0000_0007);

/// Appends a row a minute to each of two groups.
fn run(db: &Tsdb, from: i64, to: i64) {
    for slot in (from..to).step_by(MINUTE as usize) {
        for (group, name) in [(GROUP, "a"), (OTHER, "b")] {
            let defined = db.define(group, &[series(name, "1")]);
            let mut values = RowValues::new(defined.dictionary);
            values.set(defined.ordinals[0], (slot / MINUTE) as f64, None);
            db.append(group, head(slot), &values).unwrap();
        }
        db.maintain(at(slot)).unwrap();
    }
}

/// Flips a bit in the values of `family` whose keys begin with `prefix`; in how many, is told.
fn flip(store: &MemoryStore, family: &str, prefix: &[u8]) -> usize {
    let entries = store.scan(family, KeyRange::prefix(prefix)).unwrap();
    let entries: Vec<_> = entries.map(Result::unwrap).collect();
    for (key, mut value) in entries.iter().cloned() {
        value[3] ^= 4;
        let mut batch = Batch::new();
        batch.put(family, key, value);
        store.write(batch).unwrap();
    }
    entries.len()
}

/// How many samples of `name` are found, and what is said to be missing.
fn found(db: &Tsdb, name: &str, range: TimeRange) -> (usize, Vec<TsdbError>) {
    let (mut n, mut errors) = (0, Vec::new());
    for found in db
        .select(&[Matcher::equal("__name__", name)], range)
        .unwrap()
    {
        match found {
            Ok(slice) => n += slice.series[0].values.len(),
            Err(error) => errors.push(error),
        }
    }
    (n, errors)
}

/// How many samples of `name` are found, of which none is missing.
fn whole(db: &Tsdb, name: &str, range: TimeRange) -> usize {
    let (n, errors) = found(db, name, range);
    assert!(errors.is_empty(), "{errors:?}");
    n
}

fn segment_of(group: GroupKey) -> Vec<u8> {
    [&[1][..], &group.0.to_be_bytes()].concat()
}

#[test]
fn a_broken_segment_is_missed_aloud_also_when_it_is_merged_away() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    run(&db, 0, 2 * HOUR);
    let n_broken = flip(&store, "segments-0", &segment_of(GROUP));
    assert!(n_broken > 1);
    let (n, errors) = found(&db, "a", TimeRange::ALL);
    assert!(n < 120);
    assert_eq!(errors.len(), n_broken);
    assert!(errors.iter().all(|e| e.group() == Some(GROUP)));
    assert!(errors.iter().all(|e| e.kind() == Kind::Corrupt));
    // It is counted once, however often it is met.
    assert_eq!(found(&db, "a", TimeRange::ALL).1.len(), n_broken);
    assert_eq!(db.stats().damaged_total, n_broken as u64);
    let names = db.take_damage();
    assert_eq!(names.len(), n_broken);
    assert!(
        names[0].starts_with("decode the block of group 0001000000000007 up to "),
        "{names:?}"
    );
    assert_eq!(found(&db, "b", TimeRange::ALL).1.len(), 0);

    run(&db, 2 * HOUR, 5 * HOUR);
    assert!(!store.families().unwrap().contains(&"segments-0".to_owned()));
    let during = TimeRange::new(at(HOUR), at(3 * HOUR)).unwrap();
    let after = TimeRange::new(at(2 * HOUR), at(5 * HOUR)).unwrap();
    for db in [db.clone(), open(&store, 5 * HOUR)] {
        let (_, errors) = found(&db, "a", during);
        assert_eq!(errors.len(), n_broken, "{errors:?}");
        assert!(errors.iter().all(|e| e.group() == Some(GROUP)));
        assert_eq!(whole(&db, "a", after), 180);
        assert_eq!(whole(&db, "b", TimeRange::ALL), 300);
        assert_eq!(db.stats().damaged_total, n_broken as u64);
    }
    // When retention has passed nothing is missing any more.
    db.maintain(at(16 * 24 * HOUR)).unwrap();
    let defined = db.define(OTHER, &[series("b", "1")]);
    let mut values = RowValues::new(defined.dictionary);
    values.set(defined.ordinals[0], 1.0, None);
    db.append(OTHER, head(16 * 24 * HOUR), &values).unwrap();
    db.maintain(at(16 * 24 * HOUR + 15 * MINUTE)).unwrap();
    assert_eq!(whole(&db, "a", TimeRange::ALL), 0);
}

#[test]
fn a_broken_row_is_missed_aloud_after_a_restart() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    run(&db, 0, 10 * MINUTE);
    let family = Era::Rows.family(0);
    // The newest row, which no segment has yet.
    let row = [
        &segment_of(GROUP)[..],
        &((1u64 << 63) | 540_000).to_be_bytes(),
    ]
    .concat();
    assert_eq!(flip(&store, &family, &row), 1);
    for _ in 0..2 {
        let db = open(&store, 10 * MINUTE);
        let (n, errors) = found(&db, "a", TimeRange::ALL);
        assert_eq!((n, errors.len()), (9, 1));
        assert_eq!(errors[0].group(), Some(GROUP));
        assert_eq!(whole(&db, "a", TimeRange::at(at(MINUTE))), 1);
        assert_eq!(whole(&db, "b", TimeRange::ALL), 10);
    }
}

#[test]
fn a_broken_index_is_made_anew() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    run(&db, 0, 8 * HOUR);
    let index = |store: &MemoryStore| -> Vec<_> {
        let scan = store.scan("index-0", KeyRange::ALL).unwrap();
        scan.map(Result::unwrap).collect()
    };
    let before = index(&store);
    for tag in 0..3u8 {
        assert!(flip(&store, "index-0", &[tag]) > 0);
        let (_, errors) = found(&db, "a", TimeRange::ALL);
        let of = SeriesOf {
            matchers: &[vec![Matcher::equal("pod", "1")]],
            range: TimeRange::new(at(0), at(HOUR)).unwrap(),
            limit: None,
        };
        match tag {
            0 | 1 => assert_eq!(errors.len(), 1, "{tag}"),
            // Only label names rest on these.
            _ => assert_eq!(db.label_names(of).unwrap_err().kind(), Kind::Corrupt),
        }
        db.maintain(at(8 * HOUR)).unwrap();
        assert_eq!(index(&store), before);
        assert_eq!(whole(&db, "a", TimeRange::ALL), 480);
        assert_eq!(db.label_names(of).unwrap().len(), 2);
    }
}

#[test]
fn what_does_not_hold_together_is_verified_by_name() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    run(&db, 0, 8 * HOUR);
    let verified = db.verify().unwrap();
    assert_eq!(verified.problems, [""; 0]);
    assert!(verified.n_rows > 0 && verified.n_blocks > 0, "{verified:?}");
    // Two series in each of three blocks, and in the segments since; the day has each once.
    assert_eq!((verified.n_indexed, verified.n_active), (2, 2));
    let take = |family: &str, prefix: &[u8]| {
        let entry = store.scan(family, KeyRange::prefix(prefix)).unwrap().next();
        let (key, value) = entry.unwrap().unwrap();
        let mut batch = Batch::new();
        batch.delete(family, key.clone());
        store.write(batch).unwrap();
        (key, value)
    };
    let restore = |family: &str, (key, value): (Vec<u8>, Vec<u8>)| {
        let mut batch = Batch::new();
        batch.put(family, key, value);
        store.write(batch).unwrap();
    };
    let all = |family: &'static str| {
        let entries = store.scan(family, KeyRange::prefix(&segment_of(GROUP)));
        let n = entries.map_or(0, Iterator::count);
        let taken = (0..n).map(|_| (family, take(family, &segment_of(GROUP))));
        taken.collect::<Vec<_>>()
    };
    // What is in segments may be in the index already.
    let mut blocks = all("blocks-0");
    blocks.extend(all("segments-3"));
    let problem = "1 series of dictionary 0 of group 0001000000000007 are in the family index-0 but have no blocks";
    assert_eq!(db.verify().unwrap().problems, [problem]);
    blocks
        .into_iter()
        .for_each(|(family, block)| restore(family, block));
    let member = take("index-0", &[0]);
    let problems = db.verify().unwrap().problems;
    let problem = "1 series of dictionary 0 of group 0001000000000007 have blocks but are not in the family index-0";
    assert!(problems.contains(&problem.to_owned()), "{problems:?}");
    restore("index-0", member);
    let label = take("index-0", &[1]);
    let problem = "1 labels of the family index-0 name other series than those that have them";
    assert_eq!(db.verify().unwrap().problems, [problem]);
    restore("index-0", label);
    let names = take("series-0", &[]);
    let problems = db.verify().unwrap().problems;
    assert!(
        problems
            .iter()
            .all(|p| p.contains("have no name") || p.contains("labels of")),
        "{problems:?}"
    );
    assert!(problems.len() > 1);
    restore("series-0", names);
    flip(&store, "blocks-0", &segment_of(OTHER));
    let problems = db.verify().unwrap().problems;
    assert!(
        problems[0].starts_with("decode the block of group 0002000000000007"),
        "{problems:?}"
    );
}
