use std::{collections::BTreeMap, sync::Arc};

use expect_test::{Expect, expect};
use model::{
    Histogram, HistogramSample, NodeId, Outcome, ResetHint, RowHead, STALE_NAN, Sample,
    SeriesSlice, Stamp, StartTime, Timestamp, is_stale_nan,
};
use proptest::prelude::*;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name)])
}

/// What one member wrote for one slot.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    group: u64,
    slot: i64,
    at: i64,
    stamp: Stamp,
    /// Name, value, and a time if the page gave one.
    samples: BTreeMap<String, (u64, Option<i64>)>,
}

/// The rows as one slice a group, as a holder sends them.
fn slices(rows: &[Row]) -> Vec<GroupSlice> {
    let mut groups: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.group).or_default().push(row);
    }
    let slice = |(group, mut rows): (u64, Vec<&Row>)| {
        rows.sort_by_key(|row| row.slot);
        let mut series: BTreeMap<&str, SeriesSlice> = BTreeMap::new();
        let explicit: Vec<&str> = (rows.iter())
            .flat_map(|row| row.samples.iter())
            .filter(|(_, (_, time))| time.is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        for (i, row) in rows.iter().enumerate() {
            for (name, (value, time)) in &row.samples {
                let column = series.entry(name).or_insert_with(|| SeriesSlice {
                    labels: labels(name),
                    ..SeriesSlice::default()
                });
                column.rows.push(i as u32);
                column.values.push(f64::from_bits(*value));
                if explicit.contains(&name.as_str()) {
                    column.times.push(at(time.unwrap_or(row.at)));
                }
            }
        }
        let head = |row: &&Row| RowHead {
            slot: at(row.slot),
            at: at(row.at),
            stamp: row.stamp,
        };
        GroupSlice {
            group: GroupKey(group),
            rows: rows.iter().map(head).collect(),
            series: series.into_values().collect(),
        }
    };
    groups.into_iter().map(slice).collect()
}

/// The same by brute force: the best row of each slot, then each series walked row by row.
fn naive(rows: &[Row], range: TimeRange) -> Vec<Series> {
    let mut best: BTreeMap<(u64, i64), &Row> = BTreeMap::new();
    for row in rows {
        let held = best.entry((row.group, row.slot)).or_insert(row);
        if row.stamp.wins_over(&held.stamp) {
            *held = row;
        }
    }
    let names: std::collections::BTreeSet<&String> =
        rows.iter().flat_map(|row| row.samples.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let mut samples: BTreeMap<i64, f64> = BTreeMap::new();
        let groups: std::collections::BTreeSet<u64> = rows.iter().map(|row| row.group).collect();
        for group in groups {
            let (mut newest, mut was_present) = (i64::MIN, false);
            for row in best.values().filter(|row| row.group == group) {
                let found = match row.samples.get(name) {
                    Some((value, time)) => {
                        was_present = time.is_none_or(|time| time == row.at);
                        Some((time.unwrap_or(row.at), f64::from_bits(*value)))
                    }
                    None => std::mem::take(&mut was_present).then_some((row.at, STALE_NAN)),
                };
                if let Some((time, value)) = found
                    && time > newest
                {
                    newest = time;
                    samples.entry(time).or_insert(value);
                }
            }
        }
        let within = |(time, _): &(i64, f64)| range.contains(at(*time));
        let sample = |(time, value)| Sample {
            at: at(time),
            value,
        };
        let samples: Vec<Sample> = samples.into_iter().filter(within).map(sample).collect();
        if !samples.is_empty() {
            all.push(Series::of_samples(labels(name), samples));
        }
    }
    all
}

fn stamp(outcome: Outcome, rank: u8) -> Stamp {
    Stamp {
        outcome,
        epoch: 1,
        rank,
        node: NodeId(u32::from(rank) + 1),
    }
}

fn row() -> impl Strategy<Value = Row> {
    let samples = prop::collection::btree_map(
        "[a-d]",
        (0_u64..4, prop::option::weighted(0.1, 0_i64..90)),
        0..5,
    );
    let outcome = prop_oneof![
        8 => Just(Outcome::Success),
        2 => Just(Outcome::Failed),
        1 => Just(Outcome::End),
    ];
    (0_u64..3, 0_i64..8, 0_i64..3, outcome, 0_u8..3, samples).prop_map(
        |(group, slot, late, outcome, rank, mut samples)| {
            match outcome {
                Outcome::Success => {}
                Outcome::Failed => {
                    samples = BTreeMap::from([("up".to_owned(), (0, None))]);
                }
                Outcome::End => samples.clear(),
            }
            let slot = slot * 10 + group as i64;
            Row {
                group,
                slot,
                at: slot + late,
                stamp: stamp(outcome, rank),
                samples,
            }
        },
    )
}

/// Rows of which no two have one slot and one stamp: a member writes a slot once.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(), 0..40).prop_map(|rows| {
        let mut kept: Vec<Row> = Vec::new();
        for row in rows {
            let same = |k: &Row| (k.group, k.slot, k.stamp) == (row.group, row.slot, row.stamp);
            if !kept.iter().any(same) {
                kept.push(row);
            }
        }
        kept
    })
}

/// Up to four holders that together have every row.
fn holders() -> impl Strategy<Value = (Vec<Row>, Vec<Vec<Row>>)> {
    rows().prop_flat_map(|rows| {
        let n = rows.len();
        (Just(rows), prop::collection::vec(1_u8..16, n)).prop_map(|(rows, held)| {
            let holder = |bit: u8| -> Vec<Row> {
                let holds = |(_, mask): &(&Row, &u8)| **mask & (1 << bit) != 0;
                (rows.iter().zip(&held))
                    .filter(holds)
                    .map(|(row, _)| row.clone())
                    .collect()
            };
            let holders = (0..4).map(holder).collect();
            (rows, holders)
        })
    })
}

/// Slices of one holder come with each slot once, so rows of one holder are thinned to the best.
fn sent(holder: &[Row]) -> Vec<GroupSlice> {
    let mut best: BTreeMap<(u64, i64), &Row> = BTreeMap::new();
    for row in holder {
        let held = best.entry((row.group, row.slot)).or_insert(row);
        if row.stamp.wins_over(&held.stamp) {
            *held = row;
        }
    }
    slices(&best.into_values().cloned().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_holders_that_have_all_rows_together_give_the_truth(
        (rows, holders) in holders(), start in 0_i64..90, span in 0_i64..90,
    ) {
        let range = TimeRange::new(at(start), at(start + span)).unwrap();
        let merged = merge(holders.iter().flat_map(|h| sent(h)), range);
        prop_assert_eq!(&merged, &naive(&rows, range));
        let backwards = merge(holders.iter().rev().flat_map(|h| sent(h)), range);
        prop_assert_eq!(&merged, &backwards);
        let twice = holders.iter().chain(&holders).flat_map(|h| sent(h));
        prop_assert_eq!(&merged, &merge(twice, range));
    }

    #[test]
    fn a_failed_row_never_replaces_a_success(rows in rows()) {
        let failed: Vec<Row> = rows.iter().map(|row| Row {
            stamp: Stamp { outcome: Outcome::Failed, epoch: 9, rank: 0, node: NodeId(0) },
            samples: BTreeMap::from([("up".to_owned(), (0, None))]),
            ..row.clone()
        }).collect();
        let succeeded: Vec<Row> =
            rows.into_iter().filter(|row| row.stamp.outcome == Outcome::Success).collect();
        let of_same_slots: Vec<Row> = (failed.into_iter())
            .filter(|f| succeeded.iter().any(|s| (s.group, s.slot) == (f.group, f.slot)))
            .collect();
        let both = [sent(&of_same_slots), sent(&succeeded)].concat();
        prop_assert_eq!(merge(both, TimeRange::ALL), merge(sent(&succeeded), TimeRange::ALL));
    }
}

/// A row of group 1 that holds `samples` of the form `a=1 b=2@5`.
fn scraped(slot: i64, stamp: Stamp, samples: &str) -> Row {
    let sample = |text: &str| {
        let (name, value) = text.split_once('=').unwrap();
        let (value, time) = match value.split_once('@') {
            Some((value, time)) => (value, Some(time.parse().unwrap())),
            None => (value, None),
        };
        let bits = value.parse::<f64>().unwrap().to_bits();
        (name.to_owned(), (bits, time))
    };
    Row {
        group: 1,
        slot,
        at: slot,
        stamp,
        samples: samples.split_whitespace().map(sample).collect(),
    }
}

#[track_caller]
fn check(holders: &[Vec<Row>], expect: Expect) {
    let merged = merge(holders.iter().flat_map(|h| slices(h)), TimeRange::ALL);
    let mut text = String::new();
    for series in merged {
        text.push_str(series.labels.metric_name());
        for Sample { at, value } in series.samples {
            match is_stale_nan(value) {
                true => text.push_str(&format!(" stale@{}", at.as_millis())),
                false => text.push_str(&format!(" {value}@{}", at.as_millis())),
            }
        }
        text.push('\n');
    }
    expect.assert_eq(&text);
}

const OK: Outcome = Outcome::Success;

#[test]
fn a_series_that_vanishes_is_marked_stale_once() {
    let rows = vec![
        scraped(10, stamp(OK, 0), "a=1 b=1"),
        scraped(20, stamp(OK, 0), "b=2"),
        scraped(30, stamp(OK, 0), "b=3"),
        scraped(40, stamp(OK, 0), "a=4 b=4"),
    ];
    check(
        &[rows],
        expect![[r#"
            a 1@10 stale@20 4@40
            b 1@10 2@20 3@30 4@40
        "#]],
    );
}

#[test]
fn what_was_deleted_is_not_shown_and_its_end_marks_nothing() {
    let deleted = |slot, stamp, samples| {
        let mut row = scraped(slot, stamp, samples);
        for (bits, _) in row.samples.values_mut() {
            *bits = model::DELETED_NAN.to_bits();
        }
        row
    };
    let rows = |rank| {
        vec![
            scraped(10, stamp(OK, rank), "a=1 b=1"),
            deleted(20, stamp(OK, rank), "a=2 b=2"),
            scraped(30, stamp(OK, rank), "a=3"),
            deleted(40, stamp(OK, rank), "a=4"),
            scraped(50, stamp(OK, rank), "c=5"),
        ]
    };
    let expected = expect![[r#"
        a 1@10 3@30
        b 1@10
        c 5@50
    "#]];
    check(&[rows(0)], expected);
    let (first, mut second) = (rows(0), rows(1));
    second.push(scraped(60, stamp(OK, 1), "c=6"));
    check(
        &[first, second],
        expect![[r#"
            a 1@10 3@30
            b 1@10
            c 5@50 6@60
        "#]],
    );
}

#[test]
fn what_one_replica_missed_the_other_fills_in() {
    let first = vec![
        scraped(10, stamp(OK, 0), "a=1 b=1"),
        scraped(30, stamp(OK, 0), "a=3 b=3"),
    ];
    let second = vec![scraped(20, stamp(OK, 1), "a=2")];
    check(
        std::slice::from_ref(&first),
        expect![[r#"
            a 1@10 3@30
            b 1@10 3@30
        "#]],
    );
    check(
        &[first, second],
        expect![[r#"
            a 1@10 2@20 3@30
            b 1@10 stale@20 3@30
        "#]],
    );
}

#[test]
fn a_failed_scrape_and_a_removed_target_end_their_series() {
    let rows = vec![
        scraped(10, stamp(OK, 0), "a=1 up=1"),
        scraped(20, stamp(Outcome::Failed, 0), "up=0"),
        scraped(30, stamp(OK, 0), "a=3 up=1"),
        scraped(40, stamp(Outcome::End, 0), ""),
    ];
    check(
        &[rows],
        expect![[r#"
            a 1@10 stale@20 3@30 stale@40
            up 1@10 0@20 1@30 stale@40
        "#]],
    );
}

#[test]
fn rows_are_taken_whole() {
    let first = vec![scraped(10, stamp(OK, 0), "a=1")];
    let second = vec![scraped(10, stamp(OK, 1), "a=9 b=9")];
    check(
        &[second, first],
        expect![[r#"
            a 1@10
        "#]],
    );
}

#[test]
fn explicit_times_hold_mark_nothing_and_go_only_forward() {
    let rows = vec![
        scraped(10, stamp(OK, 0), "a=1@7"),
        scraped(20, stamp(OK, 0), "a=2@7"),
        scraped(30, stamp(OK, 0), "a=3@6"),
        scraped(40, stamp(OK, 0), "a=4@37"),
        scraped(50, stamp(OK, 0), "b=5"),
    ];
    check(
        &[rows],
        expect![[r#"
            a 1@7 4@37
            b 5@50
        "#]],
    );
}

#[test]
fn of_two_groups_with_one_label_set_the_lower_key_is_believed() {
    let mut pushed = scraped(20, stamp(OK, 0), "a=9");
    pushed.group = 2;
    let mut later = scraped(25, stamp(OK, 0), "a=10");
    later.group = 2;
    let scraped = vec![
        scraped(10, stamp(OK, 0), "a=1"),
        scraped(20, stamp(OK, 0), "a=2"),
    ];
    check(
        &[vec![pushed, later], scraped],
        expect![[r#"
            a 1@10 2@20 10@25
        "#]],
    );
}

#[test]
fn a_replica_that_adds_nothing_is_dropped_whenever_it_comes() {
    let whole = vec![
        scraped(10, stamp(OK, 0), "a=1"),
        scraped(20, stamp(OK, 0), "a=2"),
    ];
    let part = vec![scraped(20, stamp(OK, 1), "a=2 b=9")];
    for order in [[&whole, &part], [&part, &whole], [&whole, &whole]] {
        let mut taken = Slices::default();
        let n_sent: usize = order
            .iter()
            .map(|rows| rows.iter().map(|r| r.samples.len()).sum::<usize>())
            .sum();
        let n_dropped: usize = order
            .iter()
            .flat_map(|rows| slices(rows))
            .map(|s| taken.add(s))
            .sum();
        assert_eq!(n_sent - n_dropped, 2);
        assert_eq!(taken.groups[&GroupKey(1)], slices(&whole));
    }
}

/// What one replica took of the group [`PUSHED`]: by series and time the bits of a value.
type Taken = BTreeMap<(String, i64), u64>;

const PUSHED: GroupKey = GroupKey(1 << 47);

/// What a replica of a rank sends: its rows are partial.
fn pushed_slice(rank: u8, taken: &Taken) -> GroupSlice {
    let mut times: Vec<i64> = taken.keys().map(|(_, time)| *time).collect();
    times.sort_unstable();
    times.dedup();
    let mut series: BTreeMap<&str, SeriesSlice> = BTreeMap::new();
    for ((name, time), bits) in taken {
        let column = series.entry(name).or_insert_with(|| SeriesSlice {
            labels: labels(name),
            ..SeriesSlice::default()
        });
        let row = times.binary_search(time).unwrap();
        if let Some(histogram) = native(*bits) {
            (column.histograms).push(column.rows.len() as u32, Arc::new(histogram));
        }
        column.rows.push(row as u32);
        column.values.push(f64::from_bits(*bits));
    }
    let head = |time: &i64| RowHead {
        slot: at(*time),
        at: at(*time),
        stamp: stamp(OK, rank),
    };
    GroupSlice {
        group: PUSHED,
        rows: times.iter().map(head).collect(),
        series: series.into_values().collect(),
    }
}

/// The gauge histogram that is meant by the bits of its sum.
fn native(bits: u64) -> Option<Histogram> {
    (bits > 2).then(|| Histogram {
        reset_hint: ResetHint::Gauge,
        count: bits as f64,
        sum: f64::from_bits(bits),
        ..Histogram::default()
    })
}

fn taken() -> impl Strategy<Value = Taken> {
    prop::collection::btree_map(("[a-c]", 0_i64..20), 0_u64..6, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_pushed_group_is_the_union_of_what_its_replicas_took(
        replicas in prop::collection::vec(taken(), 1..4), start in 0_i64..20, span in 0_i64..20,
    ) {
        let range = TimeRange::new(at(start), at(start + span)).unwrap();
        // The lower rank is believed.
        let mut expected: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
        for ((name, time), bits) in replicas.iter().rev().flatten() {
            if range.contains(at(*time)) {
                expected.entry(name.clone()).or_default().insert(*time, *bits);
            }
        }
        let series = |(name, samples): (String, BTreeMap<i64, u64>)| {
            let mut series = Series::of_samples(labels(&name), Vec::new());
            for (time, bits) in samples {
                let (at, value) = (at(time), f64::from_bits(bits));
                match native(bits).map(Arc::new) {
                    Some(histogram) => series.histograms.push(HistogramSample { at, histogram }),
                    None => series.samples.push(Sample { at, value }),
                }
            }
            series
        };
        let expected: Vec<Series> = expected.into_iter().map(series).collect();
        let sent: Vec<GroupSlice> = (0..).zip(&replicas).map(|(rank, taken)| pushed_slice(rank, taken)).collect();
        prop_assert_eq!(&merge(sent.clone(), range), &expected);
        prop_assert_eq!(&merge(sent.into_iter().rev(), range), &expected);
    }
}

#[test]
fn a_replica_that_took_no_other_sample_is_dropped() {
    let taken = |samples: &[(&str, i64)]| -> Taken {
        let sample = |(name, time): &(&str, i64)| (((*name).to_owned(), *time), 1);
        samples.iter().map(sample).collect()
    };
    let whole = pushed_slice(0, &taken(&[("a", 10), ("a", 20), ("b", 15)]));
    let part = pushed_slice(1, &taken(&[("a", 20), ("b", 15)]));
    let other = pushed_slice(1, &taken(&[("a", 30)]));
    let mut slices = Slices::default();
    assert_eq!(slices.add(part.clone()), 0);
    assert_eq!(slices.add(whole.clone()), 2);
    assert_eq!(slices.add(part), 2);
    assert_eq!(slices.add(other), 0);
    let held: usize = slices.groups.values().flatten().map(n_samples).sum();
    assert_eq!(held, 4);
}

/// A holder's rows `(slot, rank of the maker, count of the histogram or none)` of one series of a scraped group.
fn counters(rows: &[(i64, u8, Option<f64>)]) -> GroupSlice {
    let mut series = SeriesSlice {
        labels: labels("h"),
        ..SeriesSlice::default()
    };
    for (i, (slot, rank, count)) in rows.iter().enumerate() {
        let Some(count) = count else { continue };
        let place = series.rows.len() as u32;
        let histogram = Histogram {
            count: *count,
            sum: f64::from(*rank),
            ..Histogram::default()
        };
        series.rows.push(i as u32);
        series.values.push(histogram.sum);
        series.histograms.push(place, histogram.into());
        series.starts.push(place, at(*slot - 1));
    }
    let head = |(slot, rank, _): &(i64, u8, Option<f64>)| RowHead {
        slot: at(*slot),
        at: at(*slot),
        stamp: stamp(OK, *rank),
    };
    GroupSlice {
        group: GroupKey(1),
        rows: rows.iter().map(head).collect(),
        series: vec![series],
    }
}

#[test]
fn of_histograms_the_best_row_is_taken_and_resets_are_known_between_what_is_left() {
    let range = TimeRange::new(at(0), at(100)).unwrap();
    let first = counters(&[(10, 0, Some(5.0)), (20, 0, Some(7.0)), (40, 0, None)]);
    let second = counters(&[(10, 1, Some(9.0)), (30, 1, Some(6.0)), (50, 1, Some(8.0))]);
    let only = merge([first.clone()], range);
    let hints = |series: &[Series]| -> Vec<_> {
        let histograms = series[0].histograms.iter();
        let hint =
            |h: &HistogramSample| (h.at.as_millis(), h.histogram.count, h.histogram.reset_hint);
        histograms.map(hint).collect()
    };
    use ResetHint::{NotReset, Unknown};
    assert_eq!(hints(&only), [(10, 5.0, Unknown), (20, 7.0, NotReset)]);
    assert_eq!(only[0].samples.len(), 1);
    assert_eq!(only[0].samples[0].at, at(40));
    for holders in [[first.clone(), second.clone()], [second, first]] {
        let both = merge(holders, range);
        // The marker at 40 stands between the last two.
        let expected = [
            (10, 5.0, Unknown),
            (20, 7.0, NotReset),
            (30, 6.0, Unknown),
            (50, 8.0, Unknown),
        ];
        assert_eq!(hints(&both), expected);
        let start = |slot| StartTime {
            at: at(slot),
            start: at(slot - 1),
        };
        assert_eq!(both[0].starts, [10, 20, 30, 50].map(start));
    }
}
