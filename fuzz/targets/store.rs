//! A damaged store: whatever stands in place of what was written, opening and reading end with an error or an answer.
#![no_main]
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use model::{GroupKey, Labels, NodeId, Outcome, RowHead, Stamp, TimeRange, Timestamp};
use tsdb::{Batch, Entry, KeyRange, MemoryStore, Options, RowValues, Store, Tsdb};

const STEP: i64 = 15_000;
const BEGIN: i64 = 1_700_000_000_000;
/// Enough for rows, segments and blocks.
const ROWS: i64 = 4 * 3600 * 1000 / STEP;

/// Every entry of a whole database, with its family.
static WHOLE: LazyLock<Vec<(String, Entry)>> = LazyLock::new(|| {
    let store = MemoryStore::new();
    let db = open(&store, BEGIN).expect("open an empty store");
    let mut row = RowValues::default();
    for k in 0..ROWS {
        for group in 0..3u64 {
            let group = GroupKey(group << 48 | 7);
            let labels: Vec<Labels> = (0..6 + k % 3)
                .map(|i| Labels::from_pairs([("__name__", "m".to_owned()), ("i", i.to_string())]))
                .collect();
            let defined = db.define(group, &labels);
            row.clear(defined.dictionary);
            for (i, ordinal) in defined.ordinals.iter().enumerate() {
                row.set(*ordinal, (k * i as i64) as f64 / 10.0, None);
            }
            let at = Timestamp::from_millis(BEGIN + k * STEP);
            let stamp = Stamp {
                outcome: Outcome::Success,
                epoch: 1,
                rank: 0,
                node: NodeId(1),
            };
            let head = RowHead {
                slot: at,
                at,
                stamp,
            };
            db.append(group, head, &row).expect("append");
        }
        if k % 100 == 0 {
            db.maintain(Timestamp::from_millis(BEGIN + k * STEP))
                .expect("maintain");
        }
    }
    let mut entries = Vec::new();
    for family in store.families().expect("families of a store in memory") {
        for entry in store.scan(&family, KeyRange::ALL).expect("scan") {
            entries.push((family.clone(), entry.expect("entry")));
        }
    }
    entries
});

/// Where the damage is, and the bytes that stand there.
type Damage<'a> = (u16, u16, bool, &'a [u8]);

fuzz_target!(|damage: Damage<'_>| {
    let (entry, offset, in_key, bytes) = damage;
    let chosen = usize::from(entry) % WHOLE.len();
    let store = MemoryStore::new();
    let mut batch = Batch::new();
    for (i, (family, (key, value))) in WHOLE.iter().enumerate() {
        store
            .create_family(family)
            .expect("create a family in memory");
        let (mut key, mut value) = (key.clone(), value.clone());
        if i == chosen {
            let target = if in_key { &mut key } else { &mut value };
            let from = usize::from(offset).min(target.len());
            let to = (from + bytes.len()).min(target.len());
            target.splice(from..to, bytes.iter().copied());
        }
        batch.put(family, key, value);
    }
    store.write_synced(batch).expect("write into memory");

    let Ok(db) = open(&store, BEGIN + ROWS * STEP) else {
        return;
    };
    if let Ok(slices) = db.select(&[], TimeRange::ALL) {
        let _ = slices.count();
    }
    let _ = db.maintain(Timestamp::from_millis(BEGIN + ROWS * STEP + 3_600_000));
});

fn open(store: &MemoryStore, now: i64) -> Result<Tsdb, tsdb::TsdbError> {
    let now = Timestamp::from_millis(now);
    Tsdb::open(Arc::new(store.clone()), Options::default(), now)
}
