//! A database beside a plain model: whatever happens to it, both give the same answers.
//!
//! `PLEIADES_DIFFERENTIAL_CASES` sets how many random lives are lived.
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use model::{
    Histogram, HistogramSample, ResetHint, Sample, StartTime, histogram::Buckets, is_deleted_nan,
};
use proptest::prelude::*;

use super::*;
use crate::{Pushed, Refused, Store};

const SCRAPED: [u64; 3] = [1, 2 << 48, 3 << 50];
const MINUTE: i64 = 60_000;

#[derive(Clone, Debug)]
enum Step {
    /// Appends a row to a group so many minutes after its last, or before, of these series.
    Scrape {
        group: usize,
        ahead: i64,
        epoch: u64,
        series: Vec<(u8, u32)>,
    },
    /// Pushes samples: a name, a pod, minutes from now, a value, of which the higher make histograms.
    Push {
        samples: Vec<(u8, u32, i64, u32)>,
        anywhere: bool,
    },
    /// Deletes the series of a name, from so many minutes before now, for so many minutes.
    Delete {
        name: u8,
        before: i64,
        span: i64,
    },
    Clean,
    /// Time passes, and what is due is done.
    Maintain {
        minutes: i64,
    },
    Window {
        minutes: i64,
    },
    Sync,
    /// The process ends and comes back.
    Restart,
    /// The machine ends and comes back.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let series = prop::collection::vec((0u8..4, 0u32..40), 1..5);
    let scrape = (0..SCRAPED.len(), -2i64..12, 0u64..3, series);
    let scrape = scrape.prop_map(|(group, ahead, epoch, series)| Step::Scrape {
        group,
        ahead,
        epoch,
        series,
    });
    let samples = prop::collection::vec((0u8..4, 0u32..40, -200i64..50, 0u32..8), 1..30);
    let push =
        (samples, any::<bool>()).prop_map(|(samples, anywhere)| Step::Push { samples, anywhere });
    let delete = (0u8..4, 0i64..400, 0i64..400).prop_map(|(name, before, span)| Step::Delete {
        name,
        before,
        span,
    });
    let step = prop_oneof![
        20 => scrape,
        15 => push,
        10 => (0i64..90).prop_map(|minutes| Step::Maintain { minutes }),
        2 => delete,
        1 => Just(Step::Clean),
        1 => (0i64..200).prop_map(|minutes| Step::Window { minutes }),
        3 => Just(Step::Sync),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..200)
}

/// A row and its samples; a deleted one has no bits.
type Row = (RowHead, BTreeMap<Labels, Option<u64>>);

/// What should be there.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    /// Whole rows by group and slot.
    rows: BTreeMap<(GroupKey, i64), Row>,
    /// Of each pushed series and time the values that were stored and not deleted, as they came.
    pushed: BTreeMap<(Labels, i64), Vec<u64>>,
}

/// What is to be seen: by series, time, and the group if it is scraped.
type Seen = BTreeMap<(Labels, i64, Option<GroupKey>), u64>;

fn scraped_name(name: u8, pod: u32) -> Labels {
    series(&format!("s{name}"), &pod.to_string())
}

fn pushed_name(name: u8, pod: u32) -> Labels {
    // Of each name two groups.
    let job = (pod % 2).to_string();
    let pairs = [
        ("__name__", format!("s{name}")),
        ("pod", pod.to_string()),
        ("job", job),
    ];
    Labels::from_pairs(pairs)
}

/// A number, or a histogram, and since when it counts, as it is compared.
fn shown(value: f64, histogram: Option<&Histogram>, start: Option<&Timestamp>) -> u64 {
    match (histogram, start) {
        (None, None) => value.to_bits(),
        all => {
            assert!(histogram.is_none_or(|h| h.sum.to_bits() == value.to_bits()));
            let mut hasher = DefaultHasher::new();
            // What it follows upon is another question.
            let text = format!("{all:?}").replace("NotReset", "Unknown");
            (value.to_bits(), text).hash(&mut hasher);
            hasher.finish()
        }
    }
}

/// What the pushed value `n` at minute `minute` stands for.
fn pushed_sample(
    n: u32,
    minute: i64,
    at: Timestamp,
) -> (Vec<Sample>, Vec<HistogramSample>, Vec<StartTime>) {
    let value = f64::from(n % 4);
    let starts = match n % 3 {
        0 => vec![StartTime {
            at,
            start: Timestamp::from_millis(minute / 50),
        }],
        _ => Vec::new(),
    };
    if n < 4 {
        return (vec![Sample { at, value }], Vec::new(), starts);
    }
    let counts = (0..minute % 4)
        .map(|i| (i * 7 % 5) as f64 + value)
        .collect();
    let histogram = Histogram {
        reset_hint: [ResetHint::Unknown, ResetHint::Gauge, ResetHint::Reset]
            [minute as usize / 8 % 3],
        schema: (minute / 16 % 3) as i32,
        zero_threshold: 0.25,
        count: minute as f64,
        sum: value,
        positive: Buckets::from_first(-1, counts),
        ..Histogram::default()
    };
    let histogram = Arc::new(histogram);
    (Vec::new(), vec![HistogramSample { at, histogram }], starts)
}

impl Model {
    fn seen(&self, matcher: &Matcher, range: TimeRange) -> Seen {
        let mut seen = Seen::new();
        for ((group, slot), (_, samples)) in &self.rows {
            for (labels, bits) in samples {
                if let Some(bits) = bits {
                    seen.insert((labels.clone(), *slot, Some(*group)), *bits);
                }
            }
        }
        for ((labels, time), values) in &self.pushed {
            if let Some(first) = values.first() {
                seen.insert((labels.clone(), *time, None), *first);
            }
        }
        seen.retain(|(labels, time, _), _| {
            range.contains(at(*time)) && matcher.matches(labels.value(matcher.name()))
        });
        seen
    }

    fn last(&self, group: GroupKey) -> Option<i64> {
        let rows = self.rows.range((group, i64::MIN)..=(group, i64::MAX));
        rows.last().map(|((_, slot), _)| *slot)
    }

    fn delete(&mut self, name: &str, range: TimeRange) {
        for ((_, slot), (_, samples)) in &mut self.rows {
            for (labels, bits) in samples {
                if labels.metric_name() == name && range.contains(at(*slot)) {
                    *bits = None;
                }
            }
        }
        for ((labels, time), values) in &mut self.pushed {
            if labels.metric_name() == name && range.contains(at(*time)) {
                values.clear();
            }
        }
    }
}

fn seen(db: &Tsdb, matcher: &Matcher, range: TimeRange) -> Seen {
    let mut seen = Seen::new();
    for slice in select(db, std::slice::from_ref(matcher), range) {
        let group = Some(slice.group).filter(|group| !group.is_pushed());
        for series in &slice.series {
            for (i, (row, value)) in series
                .rows
                .iter()
                .zip(&*series.values.to_numbers())
                .enumerate()
            {
                let histogram = series.histograms.get(i).map(|h| &**h);
                let shown = shown(*value, histogram, series.starts.get(i));
                let time = slice.rows[row as usize].at.as_millis();
                if is_deleted_nan(*value) {
                    assert!(group.is_some(), "a pushed sample that was deleted is none");
                    continue;
                }
                let key = (series.labels.clone(), time, group);
                assert_eq!(seen.insert(key, shown), None, "a sample came twice");
            }
        }
    }
    seen
}

struct Life {
    store: MemoryStore,
    db: Tsdb,
    now: i64,
    model: Model,
    /// What a crash must leave.
    synced: Model,
    /// Every row that was ever taken.
    taken: Vec<((GroupKey, i64), RowHead)>,
    /// No row of a group up to here is replaced: what was deleted of it stays so.
    deleted_to: BTreeMap<GroupKey, i64>,
}

fn everything() -> (Matcher, TimeRange) {
    let any = Matcher::new(model::MatchOp::NotEqual, "__name__", "").unwrap();
    (any, TimeRange::ALL)
}

impl Life {
    fn new() -> Self {
        let (store, now) = (MemoryStore::new(), 1000 * MINUTE);
        Self {
            db: Self::open(&store, now),
            store,
            now,
            model: Model::default(),
            synced: Model::default(),
            taken: Vec::new(),
            deleted_to: BTreeMap::new(),
        }
    }

    fn open(store: &MemoryStore, now: i64) -> Tsdb {
        let options = Options {
            rows_per_segment: 4,
            retention: None,
            ..Options::default()
        };
        Tsdb::open(Arc::new(store.clone()), options, at(now)).unwrap()
    }

    fn live(&mut self, step: Step) {
        match step {
            Step::Scrape {
                group,
                ahead,
                epoch,
                series,
            } => self.scrape(GroupKey(SCRAPED[group]), ahead, epoch, &series),
            Step::Push { samples, anywhere } => self.push(&samples, anywhere),
            Step::Delete { name, before, span } => {
                let from = self.now - before * MINUTE;
                let range = TimeRange::new(at(from), at(from + span * MINUTE)).unwrap();
                let name = format!("s{name}");
                let selectors = vec![vec![Matcher::equal("__name__", &name)]];
                self.db.delete(selectors, range).unwrap();
                self.model.delete(&name, range);
                for group in SCRAPED.map(GroupKey) {
                    if let Some(last) = self.model.last(group) {
                        self.deleted_to.insert(group, last);
                    }
                }
                self.synced = self.model.clone();
            }
            Step::Clean => {
                self.db.clean_tombstones().unwrap();
            }
            Step::Maintain { minutes } => {
                self.now += minutes * MINUTE;
                self.db.maintain(at(self.now)).unwrap();
            }
            Step::Window { minutes } => {
                let window = Millis::new(minutes * MINUTE);
                self.db.set_out_of_order_window(window);
            }
            Step::Sync => {
                self.db.sync().unwrap();
                self.synced = self.model.clone();
            }
            Step::Restart => self.db = Self::open(&self.store, self.now),
            Step::Crash => self.crash(),
        }
        assert_eq!(self.db.stats().damaged_total, 0);
    }

    fn scrape(&mut self, group: GroupKey, ahead: i64, epoch: u64, series: &[(u8, u32)]) {
        let last = self.model.last(group);
        let slot = last.unwrap_or(self.now) + ahead * MINUTE;
        let deleted_to = self.deleted_to.get(&group);
        if slot > self.now || deleted_to.is_some_and(|deleted| slot <= *deleted) {
            return;
        }
        let mut row = head(slot);
        row.stamp.epoch = epoch;
        let labels: Vec<Labels> = (series.iter())
            .map(|(name, pod)| scraped_name(*name, *pod))
            .collect();
        let defined = self.db.define(group, &labels);
        let mut values = RowValues::new(defined.dictionary);
        let mut samples = BTreeMap::new();
        for (i, ordinal) in defined.ordinals.iter().enumerate() {
            let value = slot as f64 / 7.0 + i as f64;
            if values.set(*ordinal, value, None) {
                samples.insert(labels[i].clone(), Some(value.to_bits()));
            }
        }
        let held = self.model.rows.get(&(group, slot));
        let loses = held.is_some_and(|(held, _)| !row.stamp.wins_over(&held.stamp));
        match self.db.append(group, row, &values) {
            // A group that was idle for hours is forgotten: what comes again is sorted out when it is read.
            Ok(_) if loses => {}
            Ok(Appended::Ignored) => panic!("a row that wins was ignored"),
            Ok(_) => {
                self.taken.push(((group, slot), row));
                self.model.rows.insert((group, slot), (row, samples));
            }
            Err(TsdbError::OutOfOrder { .. }) => assert!(last.is_some_and(|last| slot <= last)),
            Err(error) => panic!("{error}"),
        }
    }

    fn push(&mut self, samples: &[(u8, u32, i64, u32)], anywhere: bool) {
        let samples: Vec<_> = (samples.iter())
            .map(|(name, pod, minutes, n)| {
                let time = self.now + minutes * MINUTE;
                let sample = pushed_sample(*n, time / MINUTE, at(time));
                (pushed_name(*name, *pod), time, sample)
            })
            .collect();
        let pushed = samples.iter();
        let pushed: Vec<_> = pushed
            .map(|(labels, _, (samples, histograms, starts))| Pushed {
                labels,
                samples,
                histograms,
                starts,
            })
            .collect();
        let stamp = |_| head(0).stamp;
        let written = match anywhere {
            true => self.db.backfill(&pushed, &stamp).unwrap(),
            false => self.db.append_pushed(&pushed, &stamp).unwrap(),
        };
        let refused = written.refused.iter().map(|r| (r.series, r.reason));
        let refused: BTreeMap<usize, Refused> = refused.collect();
        for (i, (labels, time, (samples, histograms, starts))) in samples.iter().enumerate() {
            let histogram = histograms.first().map(|h| &*h.histogram);
            let value = histogram.map_or_else(|| samples[0].value, |h| h.sum);
            let start = starts.first().map(|start| &start.start);
            let (key, bits) = ((labels.clone(), *time), shown(value, histogram, start));
            match refused.get(&i) {
                None => {
                    let known = self.model.pushed.entry(key).or_default();
                    if !known.contains(&bits) {
                        known.push(bits);
                    }
                }
                Some(Refused::Duplicate) => {
                    assert!(!self.model.pushed[&key].is_empty());
                }
                Some(Refused::OutOfOrder | Refused::TooOld) => {
                    let from = (labels.clone(), *time);
                    let mut later = self.model.pushed.range(from..);
                    let is_behind = later.next().is_some_and(|((other, _), _)| other == labels);
                    assert!(is_behind && !anywhere);
                }
                Some(Refused::OutOfBounds | Refused::TooManyBuckets) => {
                    panic!("all is within bounds")
                }
            }
        }
    }

    fn crash(&mut self) {
        self.store.crash();
        self.db = Self::open(&self.store, self.now);
        let (any, all) = everything();
        let mut rows = BTreeMap::new();
        for slice in select(&self.db, std::slice::from_ref(&any), all) {
            for head in slice.rows.iter().filter(|_| !slice.group.is_pushed()) {
                rows.insert((slice.group, head.slot.as_millis()), *head);
            }
        }
        // A row may be the synced one or a better one that came later; nothing else is there.
        let after = seen(&self.db, &any, all);
        for (key, (row, samples)) in &self.synced.rows {
            let stamp = rows.get(key).map(|head| head.stamp);
            let is_kept = stamp.is_some_and(|stamp| !row.stamp.wins_over(&stamp));
            let is_empty = samples.values().all(Option::is_none);
            assert!(is_kept || is_empty, "lost {key:?}");
        }
        for (key, row) in &rows {
            assert!(self.taken.contains(&(*key, *row)), "invented {key:?}");
        }
        for ((labels, time, group), bits) in &after {
            let Some(group) = group else {
                let known = &self.model.pushed[&(labels.clone(), *time)];
                assert!(known.contains(bits), "invented {labels} at {time}");
                continue;
            };
            if let Some((row, samples)) = self.model.rows.get(&(*group, *time))
                && rows[&(*group, *time)] == *row
            {
                assert_eq!(samples.get(labels), Some(&Some(*bits)));
            }
        }
        for ((labels, time), values) in &self.synced.pushed {
            // Of what was deleted by then, a value that came later may be there.
            if let Some(synced) = values.first() {
                let found = after.get(&(labels.clone(), *time, None));
                assert_eq!(found, Some(synced), "lost {labels} at {time}");
            }
        }
        self.model = Model::default();
        for (key, row) in rows {
            self.model.rows.insert(key, (row, BTreeMap::new()));
        }
        for ((labels, time, group), bits) in after {
            match group {
                Some(group) => {
                    let row = self.model.rows.get_mut(&(group, time));
                    row.unwrap().1.insert(labels, Some(bits));
                }
                None => drop(self.model.pushed.insert((labels, time), vec![bits])),
            }
        }
        self.store.sync().unwrap();
        self.synced = self.model.clone();
    }

    /// Compares everything, and parts by name and time.
    fn compare(&self) {
        let (any, all) = everything();
        assert_eq!(seen(&self.db, &any, all), self.model.seen(&any, all));
        for name in 0..4 {
            let matcher = Matcher::equal("__name__", &format!("s{name}"));
            let from = self.now - (name + 1) * 60 * MINUTE;
            let range = TimeRange::new(at(from), at(from + 90 * MINUTE)).unwrap();
            let expected = self.model.seen(&matcher, range);
            assert_eq!(seen(&self.db, &matcher, range), expected);
        }
    }
}

fn cases() -> u32 {
    let cases = std::env::var("PLEIADES_DIFFERENTIAL_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_database_answers_as_a_plain_model_does(steps in steps()) {
        let mut life = Life::new();
        for (i, step) in steps.into_iter().enumerate() {
            life.live(step);
            if i % 16 == 15 {
                life.compare();
            }
        }
        life.compare();
    }
}

#[test]
fn a_place_that_only_an_older_day_knows_is_not_given_again() {
    let push = |life: &mut Life, samples: &[(u8, u32, i64, u32)]| {
        life.live(Step::Push {
            samples: samples.to_vec(),
            anywhere: false,
        });
    };
    let mut life = Life::new();
    // The second day's names are those of the first batch; the second batch has another, on the first day.
    life.live(Step::Maintain { minutes: 396 });
    push(&mut life, &[(0, 1, 47, 1), (0, 3, -160, 1)]);
    life.live(Step::Maintain { minutes: 43 });
    push(&mut life, &[(1, 1, -162, 2)]);
    life.live(Step::Maintain { minutes: 16 });
    life.live(Step::Restart);
    push(&mut life, &[(2, 1, -45, 3)]);
    life.compare();
}
