//! A disk that becomes full and gets room again, in a small file system of the test's own.
use std::{
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use kv::{Db, StoreErrorKind, Tuning};
use model::{GroupKey, Labels, NodeId, Outcome, RowHead, Stamp, TimeRange, Timestamp};
use tsdb::{Kind, Options, RowValues, Store, Tsdb, TsdbError};

/// Set for the process that has the file system: where it is mounted.
const INSIDE: &str = "PLEIADES_TEST_SMALL_DISK";
const SIZE: &str = "size=24m";
const SECOND: i64 = 1000;
const GROUP: GroupKey = GroupKey(7);
const N_SERIES: usize = 500;

fn at(slot: i64) -> Timestamp {
    Timestamp::from_millis(slot * SECOND)
}

fn append(db: &Tsdb, slot: i64) -> Result<(), TsdbError> {
    let labels: Vec<Labels> = (0..N_SERIES)
        .map(|i| Labels::from_pairs([("__name__", format!("m{i}"))]))
        .collect();
    let defined = db.define(GROUP, &labels);
    let mut values = RowValues::new(defined.dictionary);
    for (i, ordinal) in defined.ordinals.iter().enumerate() {
        values.set(*ordinal, value(slot, i), None);
    }
    let stamp = Stamp {
        outcome: Outcome::Success,
        epoch: 1,
        rank: 0,
        node: NodeId(1),
    };
    let head = RowHead {
        slot: at(slot),
        at: at(slot),
        stamp,
    };
    // As an ingester does: one does not wait for the other.
    let maintained = db.maintain(at(slot));
    db.append(GROUP, head, &values)?;
    db.sync()?;
    maintained.map(drop)
}

/// Digits that do not compress.
fn value(slot: i64, series: usize) -> f64 {
    let mixed = (slot as u64 * 1_000_003 + series as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 12) as f64
}

/// The slots that are answered, whose values are right.
fn slots(db: &Tsdb) -> Vec<i64> {
    let select = db.select(&[], TimeRange::ALL).unwrap();
    let slices: Vec<_> = select.map(Result::unwrap).collect();
    let [slice] = &slices[..] else {
        return Vec::new();
    };
    assert_eq!(slice.series.len(), N_SERIES);
    for series in slice.series.iter().step_by(97) {
        let i = series.labels.get("__name__").unwrap()[1..].parse().unwrap();
        for (row, found) in series.rows.iter().zip(&*series.values.to_numbers()) {
            let slot = slice.rows[row as usize].slot.as_millis() / SECOND;
            assert_eq!(*found, value(slot, i));
        }
    }
    slice
        .rows
        .iter()
        .map(|row| row.slot.as_millis() / SECOND)
        .collect()
}

fn open(path: &Path, now: i64) -> (Arc<Db>, Tsdb) {
    let tuning = Tuning {
        write_buffer_bytes: 1 << 20,
        log_bytes: 1 << 20,
        ..Tuning::default()
    };
    let store = Arc::new(Db::open(path, tuning).unwrap());
    let db = Tsdb::open(store.clone(), Options::default(), at(now)).unwrap();
    (store, db)
}

/// Not a test of its own: what [`a_full_disk_stops_rows_and_nothing_else`] runs on the small disk.
#[test]
fn inside() {
    let Some(disk) = std::env::var_os(INSIDE) else {
        return;
    };
    let disk = Path::new(&disk);
    // What is written when there is no more room: files of new families, the log, tables.
    for room in [512 << 10, 2 << 20] {
        fill(disk, room);
        fs::remove_dir_all(disk.join("data")).unwrap();
    }
}

/// Fills all of `disk` but `room` bytes, appends until there is none, and gives it back.
fn fill(disk: &Path, room: u64) {
    let data = disk.join("data");
    let (store, db) = open(&data, 0);
    // All but little of the disk is taken by something else.
    let ballast = disk.join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[1; 64 << 10]).is_ok() {}
    let size = file.metadata().unwrap().len();
    file.set_len(size - room).unwrap();
    drop(file);
    let (mut taken, mut slot) = (Vec::new(), 0);
    let error = loop {
        slot += 1;
        assert!(slot < 5000, "the disk never becomes full");
        match append(&db, slot) {
            Ok(()) => taken.push(slot),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::Limit, "{error:?}");
    // Queries go on, and what was taken is there. The row that failed may be held, if only its sync did.
    let found = slots(&db);
    assert!(found.starts_with(&taken) && found.len() <= taken.len() + 1);
    let refused = append(&db, slot + 1).unwrap_err();
    assert_eq!(refused.kind(), Kind::Limit, "{refused:?}");
    // An ingester goes on syncing, which must not make it worse; little may still find room.
    for _ in 0..3 {
        if let Err(unsynced) = db.sync() {
            assert_eq!(unsynced.kind(), Kind::Limit, "{unsynced:?}");
        }
    }
    assert_eq!(
        store.create_family("more-1").unwrap_err().kind(),
        StoreErrorKind::Full
    );

    fs::remove_file(&ballast).unwrap();
    let begun = Instant::now();
    slot += 1;
    while let Err(error) = append(&db, slot) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not resume: {error:?}"
        );
        std::thread::sleep(Duration::from_millis(200));
        slot += 1;
    }
    taken.push(slot);
    for slot in slot + 1..slot + 5 {
        append(&db, slot).unwrap();
        taken.push(slot);
    }
    let found = slots(&db);
    assert!(taken.iter().all(|slot| found.contains(slot)));
    drop(db);
    drop(store);
    let (_, db) = open(&data, slot);
    let again = slots(&db);
    assert!(
        taken.iter().all(|slot| again.contains(slot)),
        "{taken:?} {again:?}"
    );
    assert_eq!(db.stats().damaged_total, 0);
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know that this one did not"
)]
fn a_full_disk_stops_rows_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o \"$1\" tmpfs \"$2\"";
    let script = |run: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "sh", "-c", &format!("{mount} && {run}"), "sh", SIZE]);
        unshare.arg(folder.path());
        unshare
    };
    if !script("true").status().is_ok_and(|status| status.success()) {
        eprintln!("not run: this machine lets nobody mount a small disk");
        return;
    }
    let status = script("exec \"$3\" --exact inside --nocapture")
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, folder.path())
        .status()
        .unwrap();
    assert!(status.success());
}
