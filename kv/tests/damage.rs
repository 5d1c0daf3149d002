//! A flipped bit anywhere in the files of a database: nothing wrong is ever answered, and nothing is missing in silence.
use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use kv::{Db, Tuning};
use model::{GroupKey, Labels, NodeId, Outcome, RowHead, Stamp, TimeRange, Timestamp};
use tsdb::{Options, RowValues, Tsdb};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const NOW: i64 = 7 * HOUR;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Seven hours of four groups with 60 series, whose values do not compress.
fn fill(path: &Path) {
    let store = Arc::new(Db::open(path, Tuning::default()).unwrap());
    let db = Tsdb::open(store, Options::default(), at(0)).unwrap();
    for slot in (0..NOW).step_by(MINUTE as usize) {
        for group in 1..=4u64 {
            let group = GroupKey(group << 48);
            let labels: Vec<Labels> = (0..60)
                .map(|i| Labels::from_pairs([("__name__", format!("m{i}"))]))
                .collect();
            let defined = db.define(group, &labels);
            let mut values = RowValues::new(defined.dictionary);
            for (i, ordinal) in defined.ordinals.iter().enumerate() {
                values.set(*ordinal, value(group, i as u64, slot), None);
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
    db.sync().unwrap();
}

fn value(group: GroupKey, series: u64, slot: i64) -> f64 {
    let mixed =
        ((group.0 >> 40) ^ (series << 20) ^ slot as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 12) as f64
}

/// How many samples are answered, each of which is right, and what is said to be missing.
fn answer(path: &Path) -> Result<(usize, Vec<String>), String> {
    let store = Db::open(path, Tuning::default()).map_err(|e| chain(&e))?;
    let db = Tsdb::open(Arc::new(store), Options::default(), at(NOW)).map_err(|e| chain(&e))?;
    let (mut n, mut errors) = (0, Vec::new());
    for found in db.select(&[], TimeRange::ALL).map_err(|e| chain(&e))? {
        match found {
            Err(error) => errors.push(error.to_string()),
            Ok(slice) => {
                for series in &slice.series {
                    let i = series.labels.get("__name__").unwrap()[1..].parse().unwrap();
                    for (row, found) in series.rows.iter().zip(&*series.values.to_numbers()) {
                        let slot = slice.rows[row as usize].slot.as_millis();
                        assert_eq!(*found, value(slice.group, i, slot));
                        n += 1;
                    }
                }
            }
        }
    }
    Ok((n, errors))
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(path).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.is_file());
    files
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect()
}

#[test]
fn a_flipped_bit_is_answered_around_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let n_samples = 4 * 60 * 7 * 60;
    assert_eq!(answer(folder.path()), Ok((n_samples, vec![])));
    let whole = files(folder.path());
    let (mut n_served, mut n_refused) = (0, 0);
    for (file, bytes) in &whole {
        let name = file.file_name().unwrap().to_string_lossy();
        let is_data = name.ends_with(".sst") || name.ends_with(".log");
        for share in 1..4 {
            if !is_data || bytes.is_empty() {
                continue;
            }
            // The directory as it was, but for one bit.
            for file in files(folder.path()).keys() {
                fs::remove_file(file).unwrap();
            }
            whole
                .iter()
                .for_each(|(file, bytes)| fs::write(file, bytes).unwrap());
            let mut bytes = bytes.clone();
            let place = bytes.len() * share / 4;
            bytes[place] ^= 0x20;
            fs::write(file, bytes).unwrap();
            match answer(folder.path()) {
                Ok((n, errors)) => {
                    assert!(
                        n == n_samples || !errors.is_empty(),
                        "{name} at {place}: {n} of {n_samples} samples, and nothing is said"
                    );
                    n_served += 1;
                }
                Err(error) => {
                    // The footer of a table that is looked at on opening.
                    let begin = format!("open the store at {}: ", folder.path().display());
                    assert!(
                        error.starts_with(&begin) && error.contains(&*name),
                        "{error}"
                    );
                    n_refused += 1;
                }
            }
        }
    }
    assert!(
        n_served > 10 && n_refused * 2 < n_served,
        "{n_served} served, {n_refused} refused"
    );
}
