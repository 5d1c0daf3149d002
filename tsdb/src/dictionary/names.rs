//! Many label sets in little memory: each pair of name and value once, a set as the numbers of its pairs.
use std::{
    cmp::Ordering,
    collections::HashMap,
    hash::{BuildHasher as _, Hash as _, Hasher as _},
    ops::Range,
};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use model::{Labels, METRIC_NAME, exact};

/// A growing list of label sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// All pairs, name before value, without separators.
    text: String,
    /// For each pair where its name and its value end; it begins where the one before ends.
    ends: Vec<(u32, u32)>,
    /// The pairs' numbers by their text.
    numbers: HashTable<u32>,
    /// The numbers of the pairs of all sets.
    pairs: Vec<u32>,
    /// Where the pairs of each set end.
    sets: Vec<u32>,
}

impl Names {
    /// How many sets there are.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Appends a set.
    pub(crate) fn push(&mut self, labels: &Labels) {
        for (name, value) in labels.iter() {
            let number = self.number(name, value);
            self.pairs.push(number);
        }
        self.sets.push(self.pairs.len() as u32);
    }

    /// Appends sets that are given as numbers of `texts`: of a name and its value, names ascending within a set.
    pub(crate) fn append<'a>(
        &mut self,
        texts: &[&str],
        sets: impl Iterator<Item = &'a [(u32, u32)]>,
    ) {
        // A pair is looked up by its text once, and by its numbers from then on.
        let mut known: HashMap<(u32, u32), u32, FixedState> = HashMap::default();
        for set in sets {
            for (name, value) in set {
                let text = |number: u32| texts[number as usize];
                let number = *known
                    .entry((*name, *value))
                    .or_insert_with(|| self.number(text(*name), text(*value)));
                self.pairs.push(number);
            }
            self.sets.push(self.pairs.len() as u32);
        }
    }

    /// The set at `place`.
    pub(crate) fn get(&self, place: usize) -> Option<Labels> {
        (place < self.len()).then(|| Labels::from_sorted(self.of(place)))
    }

    /// All sets from `place` on.
    pub(crate) fn from(&self, place: usize) -> impl Iterator<Item = Labels> {
        (place..self.len()).map(|place| Labels::from_sorted(self.of(place)))
    }

    /// How the set at `place` and `labels` stand to each other: by metric name, then by labels.
    pub(crate) fn cmp(&self, place: usize, labels: &Labels) -> Ordering {
        series_order(self.of(place), labels.iter())
    }

    /// How the sets at `a` and at `b` stand to each other.
    pub(crate) fn cmp_places(&self, a: usize, b: usize) -> Ordering {
        series_order(self.of(a), self.of(b))
    }

    /// All places in the order of [`Names::cmp_places`]. Texts are compared once for each pair, not for each two sets.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut by_text: Vec<u32> = (0..self.ends.len() as u32).collect();
        by_text.sort_unstable_by(|a, b| self.pair(*a).cmp(&self.pair(*b)));
        let (mut ranks, mut is_metric) = (vec![0; by_text.len()], vec![false; by_text.len()]);
        for (rank, number) in by_text.iter().enumerate() {
            // Above what sets without a metric name have.
            ranks[*number as usize] = rank as u32 + 1;
            is_metric[*number as usize] = self.pair(*number).0 == METRIC_NAME;
        }
        let ranked: Vec<u32> = self.pairs.iter().map(|n| ranks[*n as usize]).collect();
        let metric = |place: u32| {
            let numbers = self.numbers_of(place as usize);
            let metric = numbers.iter().find(|n| is_metric[**n as usize]);
            metric.map_or(0, |number| ranks[*number as usize])
        };
        let places = 0..self.len() as u32;
        let mut places: Vec<(u32, u32)> = places.map(|place| (metric(place), place)).collect();
        let set = |place: u32| &ranked[self.bounds(place as usize)];
        places.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| set(a.1).cmp(set(b.1))));
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// What [`hash_of`] gives for the set at `place`.
    pub(crate) fn hash(&self, place: usize, hashing: &FixedState) -> u64 {
        hash_of(hashing, self.of(place))
    }

    /// Gives back what is kept in reserve.
    pub(crate) fn shrink(&mut self) {
        self.text = self.text.as_str().to_owned();
        exact(&mut self.ends);
        exact(&mut self.pairs);
        exact(&mut self.sets);
    }

    /// The numbers of the pairs of all sets from `place` on.
    pub(crate) fn pairs(&self, place: usize) -> impl Iterator<Item = &[u32]> {
        (place..self.len()).map(|place| self.numbers_of(place))
    }

    /// The pairs of the set at `place`, sorted by name.
    fn of(&self, place: usize) -> impl Iterator<Item = (&str, &str)> + Clone {
        let numbers = self.numbers_of(place);
        numbers.iter().map(|number| self.pair(*number))
    }

    fn numbers_of(&self, place: usize) -> &[u32] {
        &self.pairs[self.bounds(place)]
    }

    /// Where the pairs of the set at `place` stand.
    fn bounds(&self, place: usize) -> Range<usize> {
        let first = match place {
            0 => 0,
            _ => self.sets[place - 1] as usize,
        };
        first..self.sets[place] as usize
    }

    /// The pair that `number` stands for.
    pub(crate) fn pair(&self, number: u32) -> (&str, &str) {
        let number = number as usize;
        let start = match number {
            0 => 0,
            _ => self.ends[number - 1].1 as usize,
        };
        let (middle, end) = self.ends[number];
        let (middle, end) = (middle as usize, end as usize);
        (&self.text[start..middle], &self.text[middle..end])
    }

    /// The number of a pair, given anew if it has none.
    fn number(&mut self, name: &str, value: &str) -> u32 {
        let hash = |pair: (&str, &str)| FixedState::default().hash_one(pair);
        let found = self
            .numbers
            .find(hash((name, value)), |n| self.pair(*n) == (name, value));
        if let Some(number) = found {
            return *number;
        }
        let number = self.ends.len() as u32;
        self.text.push_str(name);
        let middle = self.text.len() as u32;
        self.text.push_str(value);
        self.ends.push((middle, self.text.len() as u32));
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.insert_unique(hash((name, value)), number, |n| hash(self.pair(*n)));
        self.numbers = numbers;
        number
    }
}

/// The hash of a set of labels.
pub(crate) fn hash_of<'a>(
    hashing: &FixedState,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> u64 {
    let mut hasher = hashing.build_hasher();
    pairs.for_each(|pair| pair.hash(&mut hasher));
    hasher.finish()
}

/// Series by metric name, then by labels.
fn series_order<'a>(
    a: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    b: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Ordering {
    metric_name(a.clone())
        .cmp(metric_name(b.clone()))
        .then_with(|| a.cmp(b))
}

fn metric_name<'a>(mut pairs: impl Iterator<Item = (&'a str, &'a str)>) -> &'a str {
    pairs
        .find(|(name, _)| *name == METRIC_NAME)
        .map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sets_come_back_and_are_ordered_by_name_first(
            sets in prop::collection::vec(prop::collection::vec(("[a-c]|__name__", "[a-cé]{0,3}"), 0..4), 0..12),
        ) {
            let sets: Vec<_> = sets.into_iter().map(Labels::from_pairs).collect();
            let mut names = Names::default();
            sets.iter().for_each(|set| names.push(set));
            names.shrink();
            prop_assert_eq!(&names.from(0).collect::<Vec<_>>(), &sets);
            prop_assert_eq!(names.get(sets.len()), None);
            let places: Vec<u32> = (0..sets.len() as u32).collect();
            let mut expected = places.clone();
            expected.sort_by(|a, b| names.cmp_places(*a as usize, *b as usize));
            let sorted = names.sorted();
            let same = |(a, b): (&u32, &u32)| names.cmp_places(*a as usize, *b as usize).is_eq();
            prop_assert!(sorted.iter().zip(&expected).all(same));
            let mut each = sorted;
            each.sort_unstable();
            prop_assert_eq!(each, places);
            let hashing = FixedState::default();
            for (i, set) in sets.iter().enumerate() {
                prop_assert_eq!(names.hash(i, &hashing), hash_of(&hashing, set.iter()));
            }
            for (i, a) in sets.iter().enumerate() {
                for (j, b) in sets.iter().enumerate() {
                    let expected = a.metric_name().cmp(b.metric_name()).then_with(|| a.cmp(b));
                    prop_assert_eq!(names.cmp(i, b), expected);
                    prop_assert_eq!(names.cmp_places(i, j), expected);
                }
            }
        }
    }
}
