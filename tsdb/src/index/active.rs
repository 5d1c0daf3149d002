//! The index of the series that are active: in memory.
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use foldhash::fast::FixedState;
use model::{GroupKey, Labels};
use roaring::RoaringBitmap;

use super::Postings;
use crate::{
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
    /// Whose the dictionaries are, and how many series they have here: the numbers of dictionaries are never given twice.
    dictionaries: HashMap<DictionaryNo, (GroupKey, u32), FixedState>,
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
    /// Adds a series and gives it an id.
    pub(crate) fn insert(&mut self, labels: &Labels, place: Place) -> u32 {
        let Place {
            group,
            dictionary,
            ordinal,
        } = place;
        let id = self.free.pop().unwrap_or_else(|| {
            if self.places.len() == self.places.capacity() {
                // Room for an eighth more: millions of places must not be held twice over.
                self.places.reserve_exact(self.places.len() / 8 + 64);
            }
            self.places.push((dictionary, ordinal));
            (self.places.len() - 1) as u32
        });
        self.places[id as usize] = (dictionary, ordinal);
        let (_, n_series) = self.dictionaries.entry(dictionary).or_insert((group, 0));
        *n_series += 1;
        self.all.insert(id);
        for (name, value) in labels.iter() {
            if !self.names.contains_key(name) {
                self.names.insert(name.into(), Values::default());
            }
            let values = self.names.get_mut(name).expect("it was just put in");
            values.any.insert(id);
            match values.postings.get_mut(value) {
                Some(postings) => drop(postings.insert(id)),
                None => drop(
                    values
                        .postings
                        .insert(value.into(), RoaringBitmap::from_iter([id])),
                ),
            }
        }
        id
    }

    /// Takes the series `id` with its `labels` out.
    pub(crate) fn remove(&mut self, labels: &Labels, id: u32) {
        for (name, value) in labels.iter() {
            let Some(values) = self.names.get_mut(name) else {
                continue;
            };
            values.any.remove(id);
            if let Some(postings) = values.postings.get_mut(value) {
                postings.remove(id);
                if postings.is_empty() {
                    values.postings.remove(value);
                }
            }
            if values.any.is_empty() {
                self.names.remove(name);
            }
        }
        self.all.remove(id);
        let (dictionary, _) = self.places[id as usize];
        if let Some((_, n_series)) = self.dictionaries.get_mut(&dictionary) {
            *n_series -= 1;
            if *n_series == 0 {
                self.dictionaries.remove(&dictionary);
            }
        }
        self.free.push(id);
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> u64 {
        self.all.len()
    }

    /// Where the series `id` stands.
    pub(crate) fn place(&self, id: u32) -> Option<Place> {
        let (dictionary, ordinal) = *self.places.get(id as usize)?;
        let (group, _) = *self.dictionaries.get(&dictionary)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::matching;
    use model::{MatchOp, Matcher};

    fn index(series: &[Labels]) -> ActiveIndex {
        let mut index = ActiveIndex::default();
        for (i, labels) in series.iter().enumerate() {
            let place = Place {
                group: GroupKey(1),
                dictionary: DictionaryNo(0),
                ordinal: Ordinal(i as u32),
            };
            index.insert(labels, place);
        }
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
    fn a_removed_series_leaves_nothing_behind() {
        let labels = Labels::from_pairs([("a", "1")]);
        let mut index = index(std::slice::from_ref(&labels));
        index.remove(&labels, 0);
        assert_eq!(index.len(), 0);
        assert_eq!(index.names(None).count(), 0);
        assert!(index.names.is_empty());
        assert!(index.dictionaries.is_empty());
    }
}
