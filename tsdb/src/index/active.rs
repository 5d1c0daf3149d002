//! The index of the series that are active: in memory.
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use foldhash::fast::FixedState;
use model::GroupKey;
use roaring::RoaringBitmap;

use super::Postings;
use crate::{
    dictionary::Dictionary,
    error::TsdbError,
    row::{DictionaryNo, Ordinal},
};

/// Where a series stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) group: GroupKey,
    pub(crate) dictionary: DictionaryNo,
    pub(crate) ordinal: Ordinal,
}

/// Postings of all series of all dictionaries in memory, by ids that are given anew after a restart.
#[derive(Debug, Default)]
pub(crate) struct ActiveIndex {
    pub(super) names: BTreeMap<Box<str>, Values>,
    all: RoaringBitmap,
    /// By id; of ids that are free nothing.
    places: Vec<(DictionaryNo, Ordinal)>,
    /// Whose the dictionaries are: their numbers are never given twice.
    dictionaries: HashMap<DictionaryNo, GroupKey, FixedState>,
    free: Vec<u32>,
}

/// The values of one label.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) postings: BTreeMap<Box<str>, RoaringBitmap>,
    /// The series that have the label at all.
    any: RoaringBitmap,
}

impl ActiveIndex {
    /// Adds the series of `dictionary`, which is of `group`, that have no ids yet, and gives them some.
    ///
    /// A pair of name and value is looked up once, for all series that have it.
    pub(crate) fn add(&mut self, group: GroupKey, dictionary: &mut Dictionary) {
        let (number, from) = (dictionary.number, dictionary.ids.len());
        let n_new = dictionary.len() - from;
        if n_new == 0 {
            return;
        }
        let mut ids = self.take_ids(n_new);
        // Ascending, as sets take them best.
        ids.sort_unstable();
        for (ordinal, id) in (from as u32..).zip(&ids) {
            self.places[*id as usize] = (number, Ordinal(ordinal));
        }
        self.dictionaries.insert(number, group);
        put(&mut self.all, &ids);
        dictionary.ids.reserve_exact(n_new);
        dictionary.ids.extend(ids);
        let mut of_pair = Vec::new();
        for ids in by_pair(dictionary, from).chunk_by(|a, b| a.0 == b.0) {
            let (name, value) = dictionary.pair(ids[0].0);
            of_pair.clear();
            of_pair.extend(ids.iter().map(|(_, id)| *id));
            if !self.names.contains_key(name) {
                self.names.insert(name.into(), Values::default());
            }
            let values = self.names.get_mut(name).expect("it was just put in");
            if !values.postings.contains_key(value) {
                values.postings.insert(value.into(), RoaringBitmap::new());
            }
            let postings = values.postings.get_mut(value);
            let postings = postings.expect("it was just put in");
            put(&mut values.any, &of_pair);
            put(postings, &of_pair);
        }
    }

    /// Takes all series of `dictionary` out.
    pub(crate) fn remove(&mut self, dictionary: &Dictionary) {
        for ids in by_pair(dictionary, 0).chunk_by(|a, b| a.0 == b.0) {
            let (name, value) = dictionary.pair(ids[0].0);
            let Some(values) = self.names.get_mut(name) else {
                continue;
            };
            let ids: RoaringBitmap = ids.iter().map(|(_, id)| *id).collect();
            values.any -= &ids;
            if let Some(postings) = values.postings.get_mut(value) {
                *postings -= &ids;
                if postings.is_empty() {
                    values.postings.remove(value);
                }
            }
            if values.any.is_empty() {
                self.names.remove(name);
            }
        }
        self.dictionaries.remove(&dictionary.number);
        for id in &dictionary.ids {
            self.all.remove(*id);
        }
        self.free.extend(&dictionary.ids);
    }

    /// `n` ids that no series has.
    fn take_ids(&mut self, n: usize) -> Vec<u32> {
        let mut ids = self.free.split_off(self.free.len().saturating_sub(n));
        let (first, n_more) = (self.places.len(), n - ids.len());
        if self.places.capacity() - first < n_more {
            // Room for an eighth more: millions of places must not be held twice over.
            self.places.reserve_exact((first / 8 + 64).max(n_more));
        }
        let free = (DictionaryNo::default(), Ordinal::default());
        self.places.resize(first + n_more, free);
        ids.extend(first as u32..self.places.len() as u32);
        ids
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> u64 {
        self.all.len()
    }

    /// Where the series `id` stands.
    pub(crate) fn place(&self, id: u32) -> Option<Place> {
        let (dictionary, ordinal) = *self.places.get(id as usize)?;
        let group = *self.dictionaries.get(&dictionary)?;
        self.all.contains(id).then_some(Place {
            group,
            dictionary,
            ordinal,
        })
    }

    /// The series of the groups that `wanted` names, ascending.
    pub(super) fn ids_of(&self, wanted: impl Fn(GroupKey) -> bool) -> impl Iterator<Item = u32> {
        let ids = self.all.iter();
        ids.filter(move |id| self.place(*id).is_some_and(|place| wanted(place.group)))
    }

    /// Where the series of `ids` stand.
    pub(crate) fn places(&self, ids: &RoaringBitmap) -> impl Iterator<Item = Place> {
        ids.iter().filter_map(|id| self.place(id))
    }

    /// The names of labels that some series of `ids` (all, if none are given) have, sorted.
    pub(crate) fn names(&self, ids: Option<&RoaringBitmap>) -> impl Iterator<Item = &str> {
        self.names
            .iter()
            .filter(move |(_, values)| ids.is_none_or(|ids| !values.any.is_disjoint(ids)))
            .map(|(name, _)| &**name)
    }

    /// The values of `name` that some series of `ids` (all, if none are given) have, sorted.
    pub(crate) fn values<'a>(
        &'a self,
        name: &str,
        ids: Option<&'a RoaringBitmap>,
    ) -> impl Iterator<Item = &'a str> {
        self.names
            .get(name)
            .into_iter()
            .flat_map(|values| &values.postings)
            .filter(move |(_, postings)| ids.is_none_or(|ids| !postings.is_disjoint(ids)))
            .map(|(value, _)| &**value)
    }
}

impl Postings for ActiveIndex {
    fn all(&self) -> Result<RoaringBitmap, TsdbError> {
        Ok(self.all.clone())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, TsdbError> {
        let postings = self.names.get(name).and_then(|v| v.postings.get(value));
        Ok(postings.cloned().unwrap_or_default())
    }

    fn passing(
        &self,
        name: &str,
        prefix: &str,
        test: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, TsdbError> {
        let Some(values) = self.names.get(name) else {
            return Ok(RoaringBitmap::new());
        };
        let from: (Bound<&str>, Bound<&str>) = (Bound::Included(prefix), Bound::Unbounded);
        let postings = values
            .postings
            .range::<str, _>(from)
            .take_while(|(value, _)| value.starts_with(prefix))
            .filter(|(value, _)| test(value))
            .map(|(_, postings)| postings);
        Ok(roaring::MultiOps::union(postings))
    }
}

/// Puts `ids`, which ascend and are at least one, into `set`.
fn put(set: &mut RoaringBitmap, ids: &[u32]) {
    let (first, last) = (ids[0], ids[ids.len() - 1]);
    if ids.len() > 1 && (last - first) as usize == ids.len() - 1 {
        set.insert_range(first..=last);
    } else if set.max().is_none_or(|max| max < first) {
        let put = set.append(ids.iter().copied());
        put.expect("they ascend, from above what is there");
    } else {
        set.extend(ids);
    }
}

/// The pairs of the series of `dictionary` from place `from` on, each with the id of its series; ascending.
fn by_pair(dictionary: &Dictionary, from: usize) -> Vec<(u32, u32)> {
    let sets = dictionary.pairs(from).zip(&dictionary.ids[from..]);
    let pairs = sets.flat_map(|(pairs, id)| pairs.iter().map(|pair| (*pair, *id)));
    let mut pairs: Vec<(u32, u32)> = pairs.collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::matching;
    use model::{Labels, MatchOp, Matcher};

    fn dictionary(number: u32, series: &[Labels]) -> Dictionary {
        let mut dictionary = Dictionary::new(DictionaryNo(number));
        dictionary.extend(series);
        dictionary
    }

    fn index(series: &[Labels]) -> ActiveIndex {
        let mut index = ActiveIndex::default();
        index.add(GroupKey(1), &mut dictionary(0, series));
        index
    }

    /// The cases of `TestPostingsForMatchers` in Prometheus, `tsdb/querier_test.go`, judged label set by label set.
    #[test]
    fn matchers_select_what_they_pass_on() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let series = [
            of(&[("n", "1")]),
            of(&[("n", "1"), ("i", "a")]),
            of(&[("n", "1"), ("i", "b")]),
            of(&[("n", "1"), ("i", "\n")]),
            of(&[("n", "2")]),
            of(&[("n", "2.5")]),
        ];
        let index = index(&series);
        let values = [
            "", "1", "2", "a", "b", "a|b", "a?", "a*", ".*", ".+", "^.*$", "a|", "1|2", "2.*",
            "x|y", "(a|b)", "b.*|a", "",
        ];
        let mut single = vec![];
        for op in [
            MatchOp::Equal,
            MatchOp::NotEqual,
            MatchOp::Regex,
            MatchOp::NotRegex,
        ] {
            for name in ["n", "i", "missing"] {
                single.extend(values.map(|v| Matcher::new(op, name, v).unwrap()));
            }
        }
        let check = |matchers: &[Matcher]| {
            let expected: Vec<u32> = (0..series.len() as u32)
                .filter(|i| Matcher::all_match(matchers, &series[*i as usize]))
                .collect();
            let found: Vec<u32> = matching(&index, matchers).unwrap().iter().collect();
            assert_eq!(found, expected, "{matchers:?}");
        };
        check(&[]);
        for (i, a) in single.iter().enumerate() {
            check(std::slice::from_ref(a));
            for b in single.iter().skip(i + 1).step_by(7) {
                check(&[a.clone(), b.clone()]);
            }
        }
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind_and_its_ids_are_given_again() {
        let of = |value: &str| Labels::from_pairs([("a", value), ("b", "1")]);
        let mut first = dictionary(1, &[of("1"), of("2")]);
        let mut second = dictionary(2, &[of("2")]);
        let mut index = ActiveIndex::default();
        index.add(GroupKey(1), &mut first);
        index.add(GroupKey(2), &mut second);
        first.extend(&[of("3")]);
        index.add(GroupKey(1), &mut first);
        assert_eq!(
            (&first.ids[..], &second.ids[..]),
            (&[0, 1, 3][..], &[2][..])
        );
        let place = |ordinal| Place {
            group: GroupKey(1),
            dictionary: DictionaryNo(1),
            ordinal: Ordinal(ordinal),
        };
        assert_eq!(index.place(3), Some(place(2)));

        index.remove(&first);
        assert_eq!((index.len(), index.place(0)), (1, None));
        assert_eq!(index.values("a", None).collect::<Vec<_>>(), ["2"]);
        let mut third = dictionary(3, &[of("4"), of("5")]);
        index.add(GroupKey(1), &mut third);
        assert!(third.ids.iter().all(|id| first.ids.contains(id)));
        assert!(third.ids.is_sorted());
        index.remove(&second);
        index.remove(&third);
        assert_eq!(index.len(), 0);
        assert!(index.names.is_empty());
        assert!(index.dictionaries.is_empty());
    }
}
