//! Pushed series: what is taken, and what becomes of it.
use std::collections::BTreeMap;

use model::Sample;
use proptest::prelude::*;

use super::*;
use crate::{Pushed, Refused, Store, Written};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A series of the group of its name.
fn named(name: &str, pod: u32) -> Labels {
    Labels::from_pairs([("__name__", name.to_owned()), ("pod", pod.to_string())])
}

fn stamp(_: GroupKey) -> Stamp {
    head(0).stamp
}

fn push(db: &Tsdb, samples: &[(Labels, i64, f64)]) -> Written {
    let samples: Vec<(&Labels, [Sample; 1])> = samples
        .iter()
        .map(|(labels, millis, value)| {
            let (at, value) = (at(*millis), *value);
            (labels, [Sample { at, value }])
        })
        .collect();
    let pushed = samples
        .iter()
        .map(|(labels, samples)| Pushed::of_samples(labels, samples));
    db.append_pushed(&pushed.collect::<Vec<_>>(), &stamp)
        .unwrap()
}

fn reasons(written: &Written) -> Vec<(usize, Refused)> {
    let refused = written.refused.iter();
    refused
        .map(|refusal| (refusal.series, refusal.reason))
        .collect()
}

#[test]
fn series_that_come_together_share_a_group_whose_rows_are_partial() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let (a, b, c) = (series("p", "1"), series("p", "2"), series("p", "3"));
    let written = push(
        &db,
        &[
            (a.clone(), 10, 1.0),
            (b.clone(), 10, 2.0),
            (a.clone(), 20, 3.0),
            (a.clone(), 20, 3.0),
            (a.clone(), 20, 4.0),
            (a.clone(), 15, 5.0),
        ],
    );
    assert_eq!((written.n_stored, written.n_known), (3, 1));
    assert_eq!(
        reasons(&written),
        [(4, Refused::Duplicate), (5, Refused::OutOfOrder)]
    );
    // Another batch of the same time; a sample sent again.
    let written = push(&db, &[(b, 20, 6.0), (c, 10, 7.0), (a, 10, 1.0)]);
    assert_eq!((written.n_stored, written.n_known), (2, 1));
    for db in [db.clone(), open(&store, 0)] {
        assert_eq!(
            text(&select(&db, &[], TimeRange::ALL)),
            ["10: p/1=1 p/2=2 p/3=7", "20: p/1=3 p/2=6"]
        );
        // A row without the selected series says nothing about it.
        let matcher = Matcher::equal("pod", "3");
        assert_eq!(
            text(&select(&db, &[matcher], TimeRange::ALL)),
            ["10: p/3=7"]
        );
        assert_eq!(db.stats().n_groups, 1);
        assert_eq!(db.stats().n_active_series, 3);
    }
    assert_eq!(db.stats().samples_known_total, 2);
    assert_eq!(db.stats().samples_refused_total[&Refused::OutOfOrder], 1);
}

#[test]
fn samples_are_taken_within_retention_and_out_of_order_within_the_window() {
    let db = open(&MemoryStore::new(), 100 * HOUR);
    let a = series("a", "1");
    let taken = |labels: &Labels, millis: i64| {
        let written = push(&db, &[(labels.clone(), millis, millis as f64)]);
        written.refused.first().map(|refusal| refusal.reason)
    };
    assert_eq!(taken(&a, 100 * HOUR), None);
    assert_eq!(taken(&a, 101 * HOUR + 1), Some(Refused::OutOfBounds));
    assert_eq!(taken(&a, 99 * HOUR), Some(Refused::OutOfOrder));
    // A series that was never heard of may begin long ago.
    assert_eq!(taken(&series("a", "2"), 99 * HOUR), None);
    assert_eq!(
        taken(&series("a", "3"), (100 - 15 * 24) * HOUR - 1),
        Some(Refused::OutOfBounds)
    );
    db.set_out_of_order_window(Millis::new(HOUR));
    assert_eq!(taken(&a, 99 * HOUR - 1), Some(Refused::TooOld));
    assert_eq!(taken(&a, 99 * HOUR), None);
    assert_eq!(taken(&a, 99 * HOUR), None);
    let samples = [Sample {
        at: at(10 * HOUR),
        value: 1.0,
    }];
    let written = db.backfill(&[Pushed::of_samples(&a, &samples)], &stamp);
    assert_eq!(written.unwrap().n_stored, 1);
    let found = select(&db, &[Matcher::equal("pod", "1")], TimeRange::ALL);
    let hours: Vec<i64> = found[0]
        .rows
        .iter()
        .map(|row| row.at.as_millis() / HOUR)
        .collect();
    assert_eq!(hours, [10, 99, 100]);
    let reasons = Refused::ALL.map(|reason| reason.to_string());
    let words = [
        "out of bounds",
        "out of order sample",
        "too old sample",
        "duplicate sample for timestamp",
        "histogram bucket limit exceeded",
    ];
    assert_eq!(reasons, words);
}

#[test]
fn series_with_times_of_their_own_take_little_room() {
    let store = MemoryStore::new();
    let db = open(&store, 3 * HOUR);
    let n_series = 300;
    for step in 0..240 {
        let sample = |i: u32| {
            let time = step * 30_000 + i64::from(i) * 97;
            (named("own", i), time, f64::from(i) + step as f64)
        };
        push(&db, &(0..n_series).map(sample).collect::<Vec<_>>());
        db.maintain(at(3 * HOUR + step)).unwrap();
    }
    db.maintain(at(4 * HOUR)).unwrap();
    let family = Era::Blocks.family(0);
    let bytes = db.inner.store.size_bytes(&family).unwrap() as f64;
    let n_samples = f64::from(n_series) * 240.0;
    assert!(
        bytes / n_samples < 4.0,
        "{} bytes a sample",
        bytes / n_samples
    );
    let found = select(&db, &[Matcher::equal("pod", "7")], TimeRange::ALL);
    let values: Vec<f64> = (0..240).map(|step| f64::from(step) + 7.0).collect();
    assert_eq!(found[0].series[0].values, values.into());
}

#[test]
fn a_group_may_be_larger_than_a_page_and_silent_series_leave_memory() {
    let store = MemoryStore::new();
    let db = open(&store, 0);
    let churning = |hour: i64| {
        let batch = move |pod: u32| (named("churn", pod), hour * HOUR, 1.0);
        let first = hour as u32 * 1000;
        (first..first + 1500).map(batch).chain([(
            named("churn", u32::MAX),
            hour * HOUR,
            hour as f64,
        )])
    };
    for hour in 0..12 {
        push(&db, &churning(hour).collect::<Vec<_>>());
        for quarter in 0..4 {
            db.maintain(at(hour * HOUR + quarter * HOUR / 4)).unwrap();
        }
    }
    let stats = db.stats();
    assert!(
        stats.n_series < 8_000,
        "{} series in memory",
        stats.n_series
    );
    for db in [db.clone(), open(&store, 12 * HOUR)] {
        let lasting = select(
            &db,
            &[Matcher::equal("pod", &u32::MAX.to_string())],
            TimeRange::ALL,
        );
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        assert_eq!(lasting[0].series[0].values, values.into());
        let all = select(&db, &[], TimeRange::ALL);
        assert_eq!(all[0].series.len(), 12_501);
        assert_eq!(db.stats().damaged_total, 0);
    }
}

#[test]
fn a_place_that_came_with_an_older_day_is_known_after_a_restart() {
    let store = MemoryStore::new();
    let now = 24 * HOUR + MINUTE;
    let db = open(&store, now);
    // The second day begins with two names; the third comes with a sample of the first day.
    push(
        &db,
        &[
            (series("a", "1"), now, 1.0),
            (series("a", "2"), 20 * HOUR, 1.0),
        ],
    );
    db.maintain(at(now + HOUR / 2)).unwrap();
    push(&db, &[(series("a", "3"), 20 * HOUR, 2.0)]);
    // The first day goes into blocks, and the names of the second are those that a start reads.
    db.maintain(at(now + HOUR)).unwrap();
    let db = open(&store, now + HOUR);
    push(&db, &[(series("a", "4"), now, 3.0)]);
    assert_eq!(
        text(&select(&db, &[], TimeRange::ALL)),
        ["72000000: a/2=1 a/3=2", "86460000: a/1=1 a/4=3"]
    );
}

#[test]
fn what_comes_after_a_restart_never_takes_the_place_of_what_was_there() {
    let store = MemoryStore::new();
    let options = Options {
        rows_per_segment: 1,
        ..Options::default()
    };
    let open = |now| Tsdb::open(Arc::new(store.clone()), options, at(now)).unwrap();
    let now = 100 * HOUR;
    let mut db = open(now);
    let life = |db: &Tsdb, pod: &str, time: i64, until: i64| {
        push(db, &[(series("a", pod), time, 1.0)]);
        db.maintain(at(until)).unwrap();
    };
    // A segment of the present, then one of long ago, which becomes a block while the first stays; the log goes.
    life(&db, "1", now, now);
    life(&db, "2", 90 * HOUR, now);
    db.maintain(at(now + HOUR / 2)).unwrap();
    // The same group and time again, in another run.
    db = open(now + HOUR / 2);
    for pod in ["3", "4"] {
        life(&db, pod, 90 * HOUR, now + HOUR / 2);
    }
    db.maintain(at(now + HOUR)).unwrap();
    assert_eq!(
        text(&select(&db, &[], TimeRange::ALL)),
        ["324000000: a/2=1 a/3=1 a/4=1", "360000000: a/1=1"]
    );
}

#[test]
fn a_long_history_does_not_pile_up_families() {
    let store = MemoryStore::new();
    let db = open(&store, 14 * 24 * HOUR);
    let (labels, n_days) = (series("old", "1"), 13);
    let backfill = |day: i64| {
        let sample = |hour: i64| Sample {
            at: at((day * 24 + hour) * HOUR),
            value: hour as f64,
        };
        let samples: Vec<Sample> = (0..24).map(sample).collect();
        let pushed = Pushed::of_samples(&labels, &samples);
        let written = db.backfill(&[pushed], &stamp).unwrap();
        assert_eq!(written.n_stored, 24);
    };
    // The newest first: each batch lies before all others.
    for day in (0..n_days).rev() {
        backfill(day);
        db.maintain(at(14 * 24 * HOUR)).unwrap();
        let families = db.inner.store.families().unwrap();
        assert!(Era::Segments.numbers(&families).len() <= 60);
    }
    db.compact(at(14 * 24 * HOUR)).unwrap();
    let families = db.inner.store.families().unwrap();
    assert_eq!(Era::Segments.numbers(&families), [0_i64; 0]);
    assert_eq!(Era::Rows.numbers(&families), [0_i64; 0]);
    for db in [db.clone(), open(&store, 14 * 24 * HOUR)] {
        let found = select(&db, &[], TimeRange::ALL);
        assert_eq!(found[0].rows.len(), 24 * n_days as usize);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Pushes batches of samples: a group, a pod, so many minutes before or after now, a value.
    Push(Vec<(u8, u32, i64, u32)>, bool),
    Maintain {
        minutes: i64,
    },
    Window(i64),
    Sync,
    Restart,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sample = (0u8..3, 0u32..12, -200i64..50, 0u32..4);
    let step = prop_oneof![
        20 => (prop::collection::vec(sample, 1..30), any::<bool>()).prop_map(|(samples, anywhere)| Step::Push(samples, anywhere)),
        8 => (0i64..90).prop_map(|minutes| Step::Maintain { minutes }),
        1 => (0i64..200).prop_map(Step::Window),
        2 => Just(Step::Sync),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..80)
}

/// By series and time, every value that was stored, the first first.
type Stored = BTreeMap<(Labels, i64), Vec<u64>>;

fn found(db: &Tsdb) -> BTreeMap<(Labels, i64), u64> {
    let mut samples = BTreeMap::new();
    for slice in select(db, &[], TimeRange::ALL) {
        assert!(slice.group.is_pushed());
        for series in &slice.series {
            for (row, value) in series.rows.iter().zip(&*series.values.to_numbers()) {
                let time = slice.rows[row as usize].at.as_millis();
                let old = samples.insert((series.labels.clone(), time), value.to_bits());
                assert_eq!(old, None);
            }
        }
    }
    samples
}

fn live(steps: Vec<Step>) {
    let store = MemoryStore::new();
    let options = Options {
        rows_per_segment: 4,
        retention: None,
        ..Options::default()
    };
    let open = |now| Tsdb::open(Arc::new(store.clone()), options, at(now)).unwrap();
    let (mut now, mut db) = (300 * MINUTE, open(300 * MINUTE));
    let (mut stored, mut synced) = (Stored::new(), Stored::new());
    for step in steps {
        match step {
            Step::Push(samples, anywhere) => {
                let samples: Vec<(Labels, [Sample; 1])> = (samples.into_iter())
                    .map(|(group, pod, minutes, value)| {
                        let (time, value) = (now + minutes * MINUTE, f64::from(value));
                        (
                            named(&format!("g{group}"), pod),
                            [Sample {
                                at: at(time),
                                value,
                            }],
                        )
                    })
                    .collect();
                let pushed: Vec<Pushed<'_>> = (samples.iter())
                    .map(|(labels, samples)| Pushed::of_samples(labels, samples))
                    .collect();
                let written = match anywhere {
                    true => db.backfill(&pushed, &stamp).unwrap(),
                    false => db.append_pushed(&pushed, &stamp).unwrap(),
                };
                let refused: BTreeMap<usize, Refused> = reasons(&written).into_iter().collect();
                let (mut n_stored, mut n_known) = (0, 0);
                for (i, (labels, [Sample { at, value }])) in samples.iter().enumerate() {
                    let key = (labels.clone(), at.as_millis());
                    let is_behind = stored.range((labels.clone(), at.as_millis())..).next();
                    let is_behind = is_behind.is_some_and(|((other, _), _)| other == labels);
                    match refused.get(&i) {
                        Some(Refused::Duplicate) => {
                            let known = &stored[&key];
                            assert!(!anywhere || known.iter().any(|bits| *bits != value.to_bits()));
                        }
                        Some(Refused::OutOfOrder | Refused::TooOld) => {
                            assert!(is_behind && !anywhere)
                        }
                        Some(Refused::OutOfBounds | Refused::TooManyBuckets) => {
                            unreachable!("all is within bounds")
                        }
                        // What is in a segment already may be stored again, and does not count.
                        None if stored
                            .get(&key)
                            .is_some_and(|known| known.contains(&value.to_bits())) =>
                        {
                            n_known += 1
                        }
                        None => {
                            n_stored += 1;
                            stored.entry(key).or_default().push(value.to_bits());
                        }
                    }
                }
                assert_eq!(written.n_stored + written.n_known, n_stored + n_known);
                assert!(written.n_stored >= n_stored);
            }
            Step::Maintain { minutes } => {
                now += minutes * MINUTE;
                db.maintain(at(now)).unwrap();
            }
            Step::Window(minutes) => db.set_out_of_order_window(Millis::new(minutes * MINUTE)),
            Step::Sync => {
                db.sync().unwrap();
                synced = stored.clone();
            }
            Step::Restart => db = open(now),
            Step::Crash => {
                store.crash();
                db = open(now);
                let after = found(&db);
                for (key, known) in &synced {
                    assert_eq!(after.get(key), known.first(), "lost {key:?}");
                }
                for (key, bits) in &after {
                    assert!(stored[key].contains(bits), "invented {key:?}");
                }
                // What was stored after the first value may be lost or not; what is read is the first that is left.
                stored = after
                    .into_iter()
                    .map(|(key, bits)| (key, vec![bits]))
                    .collect();
                synced = stored.clone();
                store.sync().unwrap();
            }
        }
        assert_eq!(db.stats().damaged_total, 0);
    }
    let expected: BTreeMap<_, _> = stored
        .into_iter()
        .map(|(key, known)| (key, known[0]))
        .collect();
    assert_eq!(found(&db), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_pushed_group_is_a_map_of_samples_whatever_happens(steps in steps()) {
        live(steps);
    }
}
