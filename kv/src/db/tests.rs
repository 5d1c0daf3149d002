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
    assert!(db.stats().unwrap().file_bytes > 0);
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
