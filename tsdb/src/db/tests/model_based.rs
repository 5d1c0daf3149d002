//! Random lives of a database, compared with a plain map.
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::Store;

const GROUPS: [u64; 3] = [1, 2 << 48, 3 << 50];
const MINUTE: i64 = 60_000;

#[derive(Clone, Debug)]
enum Step {
    /// Appends a row to a group so many minutes after its last, or before, of these series.
    Append {
        group: usize,
        ahead: i64,
        epoch: u64,
        series: Vec<(u8, u32)>,
    },
    /// Time passes, and what is due is done.
    Maintain {
        minutes: i64,
    },
    Sync,
    /// The process ends and comes back.
    Restart,
    /// The machine ends and comes back.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let series = prop::collection::vec((0u8..6, 0u32..40), 1..5);
    let append =
        (0..GROUPS.len(), -2i64..12, 0u64..3, series).prop_map(|(group, ahead, epoch, series)| {
            Step::Append {
                group,
                ahead,
                epoch,
                series,
            }
        });
    let step = prop_oneof![
        20 => append,
        8 => (0i64..90).prop_map(|minutes| Step::Maintain { minutes }),
        2 => Just(Step::Sync),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..150)
}

type Samples = BTreeMap<Labels, u64>;
type Row = (RowHead, Samples);
type Rows = BTreeMap<(GroupKey, i64), Row>;

fn found(db: &Tsdb) -> Rows {
    let mut rows = Rows::new();
    for slice in select(db, &[], TimeRange::ALL) {
        for (i, head) in slice.rows.iter().enumerate() {
            let mut samples = BTreeMap::new();
            for series in &slice.series {
                if let Some(at) = series.rows.iter().position(|row| row as usize == i) {
                    samples.insert(
                        series.labels.clone(),
                        series.values.to_numbers()[at].to_bits(),
                    );
                }
            }
            let old = rows.insert((slice.group, head.slot.as_millis()), (*head, samples));
            assert!(old.is_none(), "a slot came twice");
        }
    }
    rows
}

fn live(steps: Vec<Step>) {
    let store = MemoryStore::new();
    let options = Options {
        rows_per_segment: 4,
        retention: None,
        ..Options::default()
    };
    let open = |now| Tsdb::open(Arc::new(store.clone()), options, at(now)).unwrap();
    let (mut now, mut db) = (0, open(0));
    // `synced` is what must be there after a crash at least; `rows` what is there now, `taken` all that ever was.
    let (mut rows, mut synced, mut taken) = (Rows::new(), Rows::new(), Vec::new());
    for step in steps {
        match step {
            Step::Append {
                group,
                ahead,
                epoch,
                series,
            } => {
                let group = GroupKey(GROUPS[group]);
                let last = rows
                    .range((group, i64::MIN)..=(group, i64::MAX))
                    .next_back();
                let slot = last.map_or(0, |((_, slot), _)| *slot) + ahead * MINUTE;
                let mut row = head(slot);
                row.stamp.epoch = epoch;
                let labels: Vec<Labels> = series
                    .iter()
                    .map(|(name, pod)| super::series(&name.to_string(), &pod.to_string()))
                    .collect();
                let defined = db.define(group, &labels);
                let (mut values, mut samples) =
                    (RowValues::new(defined.dictionary), BTreeMap::new());
                for (i, ordinal) in defined.ordinals.iter().enumerate() {
                    let value = slot as f64 / 7.0 + i as f64;
                    if values.set(*ordinal, value, None) {
                        samples.insert(labels[i].clone(), value.to_bits());
                    }
                }
                let held = rows.get(&(group, slot));
                match db.append(group, row, &values) {
                    // A group that was idle for hours is forgotten: what comes again is sorted out when it is read.
                    Ok(_) if held.is_some_and(|held| !row.stamp.wins_over(&held.0.stamp)) => {
                        continue;
                    }
                    Ok(Appended::Stored) => {}
                    Ok(Appended::Replaced) => assert!(held.is_some()),
                    Ok(Appended::Ignored) => panic!("a row that wins was ignored"),
                    Err(TsdbError::OutOfOrder { .. }) => {
                        assert!(last.is_some_and(|((_, last), _)| slot <= *last));
                        continue;
                    }
                    Err(TsdbError::OutOfBounds { .. }) => {
                        assert!(slot > now + MAX_AHEAD.as_millis());
                        continue;
                    }
                    Err(error) => panic!("{error}"),
                }
                taken.push(((group, slot), (row, samples.clone())));
                rows.insert((group, slot), (row, samples));
            }
            Step::Maintain { minutes } => {
                now += minutes * MINUTE;
                db.maintain(at(now)).unwrap();
            }
            Step::Sync => {
                db.sync().unwrap();
                synced = rows.clone();
            }
            Step::Restart => db = open(now),
            Step::Crash => {
                store.crash();
                db = open(now);
                let after = found(&db);
                for (key, row) in &synced {
                    let found = after.get(key).map(|(head, _)| head.stamp);
                    let kept = found.is_some_and(|stamp| !row.0.stamp.wins_over(&stamp));
                    assert!(kept, "lost {key:?}");
                }
                for (key, row) in &after {
                    assert!(taken.contains(&(*key, row.clone())));
                }
                rows = after;
                synced = rows.clone();
                store.sync().unwrap();
            }
        }
        assert_eq!(db.stats().damaged_total, 0);
        assert_eq!(db.verify().unwrap().problems, [""; 0]);
    }
    assert_eq!(
        found(&db).keys().collect::<Vec<_>>(),
        rows.keys().collect::<Vec<_>>()
    );
    assert_eq!(found(&db), rows);
    // A part of it, by time and by name.
    let middle = rows
        .keys()
        .map(|(_, slot)| *slot)
        .nth(rows.len() / 2)
        .unwrap_or(0);
    let range = TimeRange::new(at(middle - 20 * MINUTE), at(middle + 20 * MINUTE)).unwrap();
    let matcher = Matcher::equal("__name__", "3");
    let mut expected: BTreeMap<GroupKey, Vec<(i64, Samples)>> = BTreeMap::new();
    for ((group, slot), (row, samples)) in &rows {
        if range.contains(row.at) {
            let mut samples = samples.clone();
            samples.retain(|labels, _| labels.metric_name() == "3");
            expected.entry(*group).or_default().push((*slot, samples));
        }
    }
    expected.retain(|_, rows| rows.iter().any(|(_, samples)| !samples.is_empty()));
    let slices = select(&db, &[matcher], range);
    assert_eq!(
        slices.iter().map(|s| s.group).collect::<Vec<_>>(),
        expected.keys().copied().collect::<Vec<_>>()
    );
    for slice in slices {
        let slots: Vec<i64> = slice.rows.iter().map(|r| r.slot.as_millis()).collect();
        let expected = &expected[&slice.group];
        assert_eq!(
            slots,
            expected.iter().map(|(slot, _)| *slot).collect::<Vec<_>>()
        );
        let n: usize = slice.series.iter().map(|s| s.rows.len()).sum();
        assert_eq!(
            n,
            expected
                .iter()
                .map(|(_, samples)| samples.len())
                .sum::<usize>()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_database_is_a_map_of_rows_whatever_happens(steps in steps()) {
        live(steps);
    }
}
