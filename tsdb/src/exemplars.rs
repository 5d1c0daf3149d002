//! Exemplars: the last so many of all series, in memory and in a family of the store.
//!
//! ```text
//! exemplars   number 8 -> version | series' labels | labels | value 8 | time | flags | checksum
//! ```
//!
//! Numbers count up for ever; one more than the limit takes the oldest away, whatever its series. The rules are those
//! of Prometheus: a series takes none that is older than its newest, and none that equals it.
//!
//! Source: `CircularExemplarStorage` in Prometheus, `tsdb/exemplar.go`.
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use model::{Exemplar, Labels, Matcher, TimeRange, Timestamp};
use parking_lot::Mutex;

use crate::{
    codec::{DecodeError, Reader, open, put_bytes, put_uvarint, put_varint, seal},
    error::TsdbError,
    store::{Batch, KeyRange, Store},
};

const FAMILY: &str = "exemplars";
const VERSION: u8 = 1;
/// More characters in the names and values of its labels make an exemplar none.
///
/// Source: `ExemplarMaxLabelSetLength` in Prometheus, `model/exemplar/exemplar.go`.
const MAX_LABELS_LENGTH: usize = 128;
/// More labels than any set within that length has.
const MAX_LABELS: usize = 1 << 16;
/// The time was given.
const TIMED: u8 = 1;

/// The exemplars of a store. All calls may come from any thread.
#[derive(Debug)]
pub struct Exemplars {
    store: Arc<dyn Store>,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    max: usize,
    /// The number of the first of `held`; the others follow.
    first: u64,
    held: VecDeque<(Labels, Exemplar)>,
    newest: HashMap<Labels, Newest>,
}

/// What is known of a series.
#[derive(Debug)]
struct Newest {
    exemplar: Exemplar,
    n_held: usize,
}

/// What became of exemplars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Stored.
    pub n_stored: u64,
    /// Equal to the newest of their series.
    pub n_known: u64,
    /// Older than the newest of their series.
    pub n_out_of_order: u64,
    /// With labels that are too long.
    pub n_too_long: u64,
}

impl Exemplars {
    /// The exemplars in `store`, of which `max` are kept; none if that is zero. What does not decode is left out.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(store: Arc<dyn Store>, max: usize) -> Result<Self, TsdbError> {
        store.create_family(FAMILY)?;
        let mut ring = Ring {
            max: usize::MAX,
            ..Ring::default()
        };
        let (mut numbers, mut n_broken) = (Vec::new(), 0);
        for entry in store.scan(FAMILY, KeyRange::ALL)? {
            let (key, value) = entry?;
            n_broken += 1;
            if let (Ok(number), Ok((series, exemplar))) = (key.try_into(), decode(&value)) {
                n_broken -= 1;
                numbers.push(u64::from_be_bytes(number));
                ring.push(series, exemplar);
            }
        }
        // What is left out, or could not be written, leaves gaps in the numbers, which must stay dense.
        let next = numbers.last().map_or(0, |last| last + 1);
        let n_held = ring.held.len() as u64;
        ring.first = next - n_held;
        let is_dense = numbers.first().is_none_or(|first| *first == ring.first);
        let exemplars = Self {
            store,
            ring: Mutex::new(ring),
        };
        if n_broken > 0 || !is_dense {
            exemplars.rewrite()?;
        }
        exemplars.resize(max)?;
        Ok(exemplars)
    }

    /// Keeps `max` exemplars from now on; the oldest beyond go at once.
    ///
    /// # Errors
    /// What the store says.
    pub fn resize(&self, max: usize) -> Result<(), TsdbError> {
        let mut ring = self.ring.lock();
        ring.max = max;
        let mut batch = Batch::new();
        ring.shrink(&mut batch);
        Ok(self.write(batch)?)
    }

    /// Takes exemplars of series in their order; durable with the store's next sync.
    ///
    /// # Errors
    /// What the store says; nothing is then known of what was given.
    pub fn add(
        &self,
        given: impl IntoIterator<Item = (Labels, Exemplar)>,
    ) -> Result<Added, TsdbError> {
        let mut ring = self.ring.lock();
        let (mut added, mut batch) = (Added::default(), Batch::new());
        for (series, exemplar) in given {
            if ring.max == 0 {
                break;
            }
            if length(&exemplar.labels) > MAX_LABELS_LENGTH {
                added.n_too_long += 1;
                continue;
            }
            match ring.newest.get(&series).map(|newest| &newest.exemplar) {
                Some(newest) if *newest == exemplar => added.n_known += 1,
                Some(newest) if is_before(&exemplar, newest) => added.n_out_of_order += 1,
                _ => {
                    let number = ring.first + ring.held.len() as u64;
                    batch.put(FAMILY, number.to_be_bytes(), encode(&series, &exemplar));
                    ring.push(series, exemplar);
                    added.n_stored += 1;
                    ring.shrink(&mut batch);
                }
            }
        }
        self.write(batch)?;
        Ok(added)
    }

    /// The exemplars in `range` of the series on which all of one of `selectors` pass, by series, oldest first.
    pub fn select(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
    ) -> BTreeMap<Labels, Vec<Exemplar>> {
        let ring = self.ring.lock();
        let is_wanted = |series: &&Labels| {
            let passes = |matchers: &Vec<Matcher>| Matcher::all_match(matchers, series);
            selectors.iter().any(passes)
        };
        let wanted = ring.newest.keys().filter(is_wanted);
        let mut found: BTreeMap<Labels, Vec<Exemplar>> =
            wanted.map(|series| (series.clone(), Vec::new())).collect();
        if !found.is_empty() {
            for (series, exemplar) in &ring.held {
                if range.contains(exemplar.at)
                    && let Some(of_series) = found.get_mut(series)
                {
                    of_series.push(exemplar.clone());
                }
            }
        }
        found.retain(|_, exemplars| !exemplars.is_empty());
        found
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.ring.lock().held.len()
    }

    /// True if none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn write(&self, batch: Batch) -> Result<(), crate::store::StoreError> {
        match batch.is_empty() {
            true => Ok(()),
            false => self.store.write(batch),
        }
    }

    /// Writes all that is held anew, under dense numbers.
    fn rewrite(&self) -> Result<(), TsdbError> {
        let ring = self.ring.lock();
        let mut batch = Batch::new();
        batch.delete_range(FAMILY, KeyRange::ALL);
        for (number, (series, exemplar)) in (ring.first..).zip(&ring.held) {
            batch.put(FAMILY, number.to_be_bytes(), encode(series, exemplar));
        }
        Ok(self.store.write(batch)?)
    }
}

impl Ring {
    fn push(&mut self, series: Labels, exemplar: Exemplar) {
        let newest = self.newest.entry(series.clone());
        let newest = newest.or_insert_with(|| Newest {
            exemplar: exemplar.clone(),
            n_held: 0,
        });
        newest.n_held += 1;
        newest.exemplar = exemplar.clone();
        self.held.push_back((series, exemplar));
    }

    /// Lets the oldest go that are too many.
    fn shrink(&mut self, batch: &mut Batch) {
        while self.held.len() > self.max {
            let Some((series, _)) = self.held.pop_front() else {
                return;
            };
            batch.delete(FAMILY, self.first.to_be_bytes());
            self.first += 1;
            if let Some(newest) = self.newest.get_mut(&series) {
                newest.n_held -= 1;
                if newest.n_held == 0 {
                    self.newest.remove(&series);
                }
            }
        }
    }
}

/// True if `exemplar` comes before `newest` by time, then value, then labels.
fn is_before(exemplar: &Exemplar, newest: &Exemplar) -> bool {
    let by_value = exemplar.value.total_cmp(&newest.value);
    let order = exemplar.at.cmp(&newest.at).then(by_value);
    order
        .then_with(|| exemplar.labels.cmp(&newest.labels))
        .is_lt()
}

/// How many characters the names and values have together.
fn length(labels: &Labels) -> usize {
    let length = |(name, value): (&str, &str)| name.chars().count() + value.chars().count();
    labels.iter().map(length).sum()
}

fn encode(series: &Labels, exemplar: &Exemplar) -> Vec<u8> {
    let mut body = vec![VERSION];
    for labels in [series, &exemplar.labels] {
        put_uvarint(&mut body, labels.len() as u64);
        for (name, value) in labels.iter() {
            put_bytes(&mut body, name.as_bytes());
            put_bytes(&mut body, value.as_bytes());
        }
    }
    body.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    put_varint(&mut body, exemplar.at.as_millis());
    body.push(u8::from(exemplar.is_timed) * TIMED);
    seal(body)
}

fn decode(bytes: &[u8]) -> Result<(Labels, Exemplar), DecodeError> {
    let mut reader = Reader::new(open(bytes, VERSION)?);
    let series = read_labels(&mut reader)?;
    let exemplar = Exemplar {
        labels: read_labels(&mut reader)?,
        value: f64::from_bits(reader.u64_le()?),
        at: Timestamp::from_millis(reader.varint()?),
        is_timed: reader.u8()? & TIMED != 0,
    };
    reader.finish()?;
    Ok((series, exemplar))
}

fn read_labels(reader: &mut Reader<'_>) -> Result<Labels, DecodeError> {
    let n_labels = reader.count(MAX_LABELS)?;
    let mut pairs = Vec::new();
    for _ in 0..n_labels {
        pairs.push((reader.text()?, reader.text()?));
    }
    Ok(Labels::from_pairs(pairs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{MemoryStore, codec::hex};

    fn series(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)])
    }

    fn exemplar(id: &str, at: i64, value: f64) -> Exemplar {
        Exemplar {
            labels: Labels::from_pairs([("id", id)]),
            value,
            at: Timestamp::from_millis(at),
            is_timed: true,
        }
    }

    fn all() -> Vec<Vec<Matcher>> {
        vec![vec![]]
    }

    fn shown(exemplars: &Exemplars) -> String {
        let found = exemplars.select(&all(), TimeRange::ALL);
        let of_series = |(series, list): (Labels, Vec<Exemplar>)| {
            let list = list
                .iter()
                .map(|e| format!("{}@{}", e.labels.value("id"), e.at.as_millis()));
            format!(
                "{}: {}\n",
                series.metric_name(),
                list.collect::<Vec<_>>().join(" ")
            )
        };
        found.into_iter().map(of_series).collect()
    }

    #[test]
    fn a_series_takes_what_comes_later_and_nothing_twice() {
        let exemplars = Exemplars::open(Arc::new(MemoryStore::default()), 10).unwrap();
        let given = [
            ("a", exemplar("1", 10, 1.0)),
            ("a", exemplar("1", 10, 1.0)),
            ("a", exemplar("2", 9, 1.0)),
            ("a", exemplar("3", 10, 0.5)),
            ("b", exemplar("4", 9, 1.0)),
            ("a", exemplar("5", 10, 2.0)),
            ("a", exemplar(&"x".repeat(127), 11, 2.0)),
        ];
        let added = exemplars
            .add(given.map(|(name, e)| (series(name), e)))
            .unwrap();
        let expected = Added {
            n_stored: 3,
            n_known: 1,
            n_out_of_order: 2,
            n_too_long: 1,
        };
        assert_eq!(added, expected);
        assert_eq!(shown(&exemplars), "a: 1@10 5@10\nb: 4@9\n");
        let untimed = |at| Exemplar {
            is_timed: false,
            ..exemplar("6", at, 3.0)
        };
        let given = [untimed(12), untimed(13)].map(|e| (series("a"), e));
        assert_eq!(exemplars.add(given).unwrap().n_known, 1);
        let range = TimeRange::new(Timestamp::from_millis(10), Timestamp::from_millis(11)).unwrap();
        let b = vec![vec![Matcher::equal("__name__", "b")]];
        assert!(exemplars.select(&b, range).is_empty());
        assert_eq!(exemplars.select(&all(), range)[&series("a")].len(), 2);
    }

    #[test]
    fn the_oldest_goes_and_the_rest_survives_a_restart() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let exemplars = Exemplars::open(Arc::clone(&store), 3).unwrap();
        for i in 0..5 {
            let name = ["a", "b"][i as usize % 2];
            exemplars
                .add([(series(name), exemplar("x", i, 1.0))])
                .unwrap();
        }
        let left = "a: x@2 x@4\nb: x@3\n";
        assert_eq!(shown(&exemplars), left);
        let again = Exemplars::open(Arc::clone(&store), 3).unwrap();
        assert_eq!(shown(&again), left);
        again.resize(1).unwrap();
        let again = Exemplars::open(Arc::clone(&store), 3).unwrap();
        assert_eq!(shown(&again), "a: x@4\n");
        again.add([(series("b"), exemplar("y", 9, 1.0))]).unwrap();

        // A broken one is left out, and what comes later is still found.
        let (key, _) = store.last(FAMILY, KeyRange::ALL).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.put(FAMILY, key, *b"garbage");
        store.write(batch).unwrap();
        let again = Exemplars::open(Arc::clone(&store), 3).unwrap();
        again.add([(series("c"), exemplar("z", 9, 1.0))]).unwrap();
        let again = Exemplars::open(store, 3).unwrap();
        assert_eq!(shown(&again), "a: x@4\nc: z@9\n");
        assert_eq!(again.len(), 2);
    }

    #[test]
    fn golden_bytes() {
        let bytes = encode(&series("a"), &exemplar("b", 1, 2.0));
        expect_test::expect!["01 01 08 5f 5f 6e 61 6d 65 5f 5f 01 61 01 02 69 64 01 62 00 00 00 00 00 00 00 40 02 01 f8 d8 ec d2"].assert_eq(&hex(&bytes));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let _ = decode(&seal(bytes));
        }
    }
}
