//! The store in temporary directories.
use super::*;

fn open(path: &Path) -> Db {
    Db::open(path, Tuning::default()).unwrap()
}

fn put(family: &str, entries: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in entries {
        batch.put(family, *key, *value);
    }
    batch
}

fn keys(db: &Db, family: &str, range: KeyRange) -> Vec<String> {
    let scan = db.scan(family, range).unwrap();
    scan.map(|e| String::from_utf8(e.unwrap().0).unwrap())
        .collect()
}

#[test]
fn what_is_written_is_read_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_family("raft-log").unwrap();
    db.create_family("raft-log").unwrap();
    db.create_family("rows-1").unwrap();
    let mut batch = put(
        "raft-log",
        &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")],
    );
    batch.put("rows-1", "x", "9");
    db.write_synced(batch).unwrap();
    let mut batch = Batch::new();
    batch.delete("raft-log", "a");
    batch.delete_range("raft-log", KeyRange::starting_at("d"));
    db.write(batch).unwrap();
    drop(db);
    let db = open(folder.path());
    assert_eq!(keys(&db, "raft-log", KeyRange::ALL), ["b", "c"]);
    assert_eq!(keys(&db, "raft-log", KeyRange::between("b", "c")), ["b"]);
    assert_eq!(db.get("raft-log", b"b").unwrap(), Some(b"2".to_vec()));
    let last = db.last("raft-log", KeyRange::ALL).unwrap();
    assert_eq!(last, Some((b"c".to_vec(), b"3".to_vec())));
    let last = db.last("raft-log", KeyRange::between("a", "c")).unwrap();
    assert_eq!(last, Some((b"b".to_vec(), b"2".to_vec())));
    assert_eq!(keys(&db, "rows-1", KeyRange::ALL), ["x"]);
    db.drop_family("rows-1").unwrap();
    db.drop_family("rows-1").unwrap();
    assert_eq!(db.families().unwrap(), ["raft-log"]);
    assert!(keys(&db, "rows-1", KeyRange::ALL).is_empty());
    let error = db.write(put("rows-1", &[("y", "")])).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
}

#[test]
fn a_scan_sees_the_family_as_it_was_even_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_family("f").unwrap();
    db.write(put("f", &[("a", ""), ("b", "")])).unwrap();
    let scan = db.scan("f", KeyRange::ALL).unwrap();
    db.write(put("f", &[("c", "")])).unwrap();
    db.drop_family("f").unwrap();
    assert_eq!(scan.map(|e| e.unwrap().0).collect::<Vec<_>>(), [b"a", b"b"]);
}

#[test]
fn sorted_entries_are_taken_in_whole() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_family("blocks-1").unwrap();
    let entries = |keys: &[&str]| -> Vec<Result<Entry, StoreError>> {
        keys.iter()
            .map(|k| Ok((k.as_bytes().to_vec(), b"v".to_vec())))
            .collect()
    };
    db.ingest("blocks-1", &mut entries(&["a", "c"]).into_iter())
        .unwrap();
    db.ingest("blocks-1", &mut entries(&["b"]).into_iter())
        .unwrap();
    db.ingest("blocks-1", &mut entries(&[]).into_iter())
        .unwrap();
    assert!(
        db.ingest("blocks-1", &mut entries(&["e", "d"]).into_iter())
            .is_err()
    );
    drop(db);
    let db = open(folder.path());
    assert_eq!(keys(&db, "blocks-1", KeyRange::ALL), ["a", "b", "c"]);
    assert!(db.size_bytes("blocks-1").unwrap() > 0);
    assert!(db.usage().unwrap().file_bytes > 0);
    assert!(!folder.path().join(INGEST_FOLDER).exists());
}

#[test]
fn errors_of_opening_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let error = Db::open(folder.path(), Tuning::default()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Locked);
    let path = folder.path().display();
    assert_eq!(
        error.to_string(),
        format!(
            "open the store at {path}: another process has it open: end that one, or name another directory"
        )
    );
    db.rocks.put(FORMAT_KEY, "2").unwrap();
    drop(db);
    let error = Db::open(folder.path(), Tuning::default()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NewerFormat);
    assert_eq!(
        error.to_string(),
        format!(
            "open the store at {path}: its format is 2, this release knows 1: start the release that wrote it, or name another directory"
        )
    );
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.create_if_missing(true);
    let foreign = Rocks::open(&options, folder.path()).unwrap();
    foreign.create_cf("theirs", &options).unwrap();
    drop(foreign);
    let error = Db::open(folder.path(), Tuning::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "open the store at {}: it is a RocksDB database of another program (with theirs): name an empty directory",
            folder.path().display()
        )
    );
}

#[test]
fn a_checkpoint_is_a_store_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("a"));
    db.create_family("f").unwrap();
    db.write(put("f", &[("a", "1")])).unwrap();
    db.checkpoint(&folder.path().join("b")).unwrap();
    db.write(put("f", &[("b", "2")])).unwrap();
    let copy = open(&folder.path().join("b"));
    assert_eq!(keys(&copy, "f", KeyRange::ALL), ["a"]);
}

/// The only file in `folder` whose name ends in `end`.
fn file(folder: &Path, end: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    let mut files = files.filter(|f| f.to_string_lossy().ends_with(end));
    let file = files.next().unwrap();
    assert_eq!(files.next(), None);
    file
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_broken_block_is_told_by_its_file_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_family("blocks-1").unwrap();
    let key = |i: u32| [&[1][..], &u64::from(i).to_be_bytes(), &[0, 7]].concat();
    // Values that do not compress, so that a block holds a known number of them.
    let value = |i: u64| -> Vec<u8> {
        let words = (i * 25..i * 25 + 25).map(|n| (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        words.flat_map(|n| (n ^ (n >> 29)).to_le_bytes()).collect()
    };
    let entries = (0..1000).map(|i| Ok((key(i), value(u64::from(i)))));
    db.ingest("blocks-1", &mut { entries }).unwrap();
    drop(db);
    let table = file(folder.path(), ".sst");
    let half = fs::metadata(&table).unwrap().len() as usize / 2;
    flip(&table, half);
    let db = open(folder.path());
    let (mut whole, mut broken) = (Vec::new(), Vec::new());
    for entry in db.scan("blocks-1", KeyRange::ALL).unwrap() {
        match entry {
            Ok((key, _)) => whole.push(key),
            Err(error) => broken.push(error),
        }
    }
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].kind(), StoreErrorKind::Corrupt);
    let cause = std::error::Error::source(&broken[0]).unwrap().to_string();
    let name = table.file_name().unwrap().to_string_lossy();
    assert!(cause.contains(&*name), "{cause} names {name}");
    // A block holds 16 KiB of 200 bytes each.
    assert!((900..970).contains(&whole.len()), "{}", whole.len());
    assert!(whole.is_sorted());
    assert_eq!(whole.first(), Some(&key(0)));
    assert_eq!(whole.last(), Some(&key(999)));
    let lost: Vec<u32> = (0..1000).filter(|i| !whole.contains(&key(*i))).collect();
    let last = lost[lost.len() - 1];
    assert_eq!(lost, (lost[0]..=last).collect::<Vec<_>>());
    // A range that ends in the broken block, and one that begins in it.
    let n = |from: u32, to: u32| {
        let scan = db
            .scan("blocks-1", KeyRange::between(key(from), key(to)))
            .unwrap();
        let entries: Vec<bool> = scan.map(|e| e.is_ok()).collect();
        let n_whole = entries.iter().filter(|ok| **ok).count();
        (n_whole, entries.len() - n_whole)
    };
    assert_eq!(n(0, lost[0] + 1), (lost[0] as usize, 1));
    assert_eq!(n(last, last + 4), (3, 1));
    assert_eq!(
        db.get("blocks-1", &key(lost[0])).unwrap_err().kind(),
        StoreErrorKind::Corrupt
    );
}

#[test]
fn a_broken_record_costs_its_block_of_the_log_alone_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_family("f").unwrap();
    for i in 0..500u32 {
        let mut batch = Batch::new();
        batch.put("f", i.to_be_bytes(), [7; 1000]);
        db.write(batch).unwrap();
    }
    db.sync().unwrap();
    // What stands in the log alone is not flushed at the end of a process that is killed.
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder.path())
        .unwrap()
        .map(|f| f.unwrap().path())
    {
        if file.is_file() {
            fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    drop(db);
    let logs = fs::read_dir(copy.path())
        .unwrap()
        .map(|f| f.unwrap().path());
    let log = logs.filter(|f| f.extension().is_some_and(|e| e == "log"));
    let log = log
        .max_by_key(|log| fs::metadata(log).unwrap().len())
        .unwrap();
    flip(&log, fs::metadata(&log).unwrap().len() as usize / 2);
    let strict = Tuning {
        salvage: false,
        ..Tuning::default()
    };
    let refused = Db::open(copy.path(), strict).unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Corrupt);
    let db = open(copy.path());
    // The log is read in blocks of 32 KiB.
    let n = db.scan("f", KeyRange::ALL).unwrap().count();
    assert!((460..500).contains(&n), "{n}");
    let damage = db.take_damage();
    assert_eq!(damage.len(), 1);
    assert_eq!(damage[0].kind(), StoreErrorKind::Corrupt);
    assert!(db.take_damage().is_empty());
    drop(db);
    assert!(open(copy.path()).take_damage().is_empty());
}

#[test]
fn what_is_overwritten_gives_its_room_back_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_family("blocks-1").unwrap();
    let large = |i: u64| -> Vec<u8> {
        let mut state = i + 1;
        let mut byte = || {
            // Bytes that do not compress.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        (0..10_000).map(|_| byte()).collect()
    };
    let entries = (0..100_u64).map(|i| Ok((i.to_be_bytes().to_vec(), large(i))));
    db.ingest("blocks-1", &mut entries.into_iter()).unwrap();
    let mut batch = Batch::new();
    (0..100_u64).for_each(|i| batch.put("blocks-1", i.to_be_bytes(), "x"));
    db.write(batch).unwrap();
    assert!(db.size_bytes("blocks-1").unwrap() > 900_000);
    db.compact("blocks-1").unwrap();
    db.compact("blocks-9").unwrap();
    let size = db.size_bytes("blocks-1").unwrap();
    assert!(size < 100_000, "{size} bytes");
    assert_eq!(
        db.get("blocks-1", &7_u64.to_be_bytes()).unwrap(),
        Some(b"x".to_vec())
    );
}
