//! The database over RocksDB: killed in the middle, and through hours of its life.
use std::{path::Path, process::Command, sync::Arc};

use kv::{Db, MemoryStore, Store, Tuning};
use model::{GroupKey, GroupSlice, Labels, NodeId, Outcome, RowHead, Stamp, TimeRange, Timestamp};
use tsdb::{Options, RowValues, Tsdb};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Set for the process that is to be killed: where it keeps its data.
const VICTIM: &str = "PLEIADES_TEST_VICTIM";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn open(store: Arc<dyn Store>, now: i64) -> Tsdb {
    Tsdb::open(store, Options::default(), at(now)).unwrap()
}

fn database(path: &Path, now: i64) -> Tsdb {
    open(Arc::new(Db::open(path, Tuning::default()).unwrap()), now)
}

/// Appends a row a minute to each of three groups, with 60 series of which one changes every hour.
fn run(db: &Tsdb, from: i64, to: i64) {
    for slot in (from..to).step_by(MINUTE as usize) {
        for group in 1..=3u64 {
            let group = GroupKey(group << 48);
            let pod = |i: i64| if i == 0 { slot / HOUR } else { i }.to_string();
            let labels: Vec<Labels> = (0..60)
                .map(|i| Labels::from_pairs([("__name__", format!("m{}", i % 7)), ("pod", pod(i))]))
                .collect();
            let defined = db.define(group, &labels);
            let mut values = RowValues::new(defined.dictionary);
            for (i, ordinal) in defined.ordinals.iter().enumerate() {
                values.set(*ordinal, (slot / MINUTE * i as i64) as f64 / 8.0, None);
            }
            let stamp = Stamp {
                outcome: Outcome::Success,
                epoch: 1,
                rank: 0,
                node: NodeId(1),
            };
            let (slot, at) = (at(slot), at(slot));
            db.append(group, RowHead { slot, at, stamp }, &values)
                .unwrap();
        }
        db.maintain(at(slot)).unwrap();
    }
}

fn all(db: &Tsdb) -> Vec<GroupSlice> {
    let slices = db.select(&[], TimeRange::ALL).unwrap();
    let mut slices: Vec<GroupSlice> = slices.map(Result::unwrap).collect();
    for slice in &mut slices {
        slice.series.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    slices
}

/// Not a test of its own: the process that [`nothing_is_lost_when_the_process_is_killed`] starts and that dies.
#[test]
fn victim() {
    let Ok(path) = std::env::var(VICTIM) else {
        return;
    };
    let db = database(Path::new(&path), 0);
    run(&db, 0, 5 * HOUR + 17 * MINUTE);
    // No destructor runs, nothing is flushed or closed.
    std::process::abort();
}

#[test]
fn nothing_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim"])
        .env(VICTIM, folder.path())
        .status()
        .unwrap();
    assert!(!status.success());
    let now = 5 * HOUR + 17 * MINUTE;
    let recovered = database(folder.path(), now);
    let whole = open(Arc::new(MemoryStore::new()), 0);
    run(&whole, 0, now);
    assert_eq!(all(&recovered), all(&whole));
    assert_eq!(recovered.stats().damaged_total, 0);
    // And it goes on.
    run(&recovered, now, now + 3 * HOUR);
    run(&whole, now, now + 3 * HOUR);
    assert_eq!(all(&recovered), all(&whole));
}

#[test]
fn days_on_disk_are_days_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let db = Arc::new(Db::open(folder.path(), Tuning::default()).unwrap());
    let start = 20 * HOUR;
    let (disk, memory) = (
        open(db.clone(), start),
        open(Arc::new(MemoryStore::new()), start),
    );
    run(&disk, start, 27 * HOUR);
    run(&memory, start, 27 * HOUR);
    assert_eq!(all(&disk), all(&memory));
    assert!(db.families().unwrap().iter().any(|f| f == "blocks-0"));
    assert!(db.size_bytes("blocks-0").unwrap() > 0);
    drop(disk);
    assert_eq!(all(&open(db, 27 * HOUR)), all(&memory));
}
