//! Figures of the active series by metric, label and value, for those who look for what there is too much of.
//!
//! Source: `MemPostings.Stats` in Prometheus, `tsdb/index/postings.go`.
use std::{cmp::Reverse, collections::BinaryHeap};

use model::{Distinct, GroupKey, METRIC_NAME, Shard};
use roaring::RoaringBitmap;

use super::ActiveIndex;

/// What there is of the series of some shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFigures {
    /// How many series.
    pub n_series: u64,
    /// Series of each metric, by name.
    pub metrics: Vec<(String, u64)>,
    /// Each label, by name.
    pub labels: Vec<LabelFigures>,
    /// The label values that most series have, as `name=value`, most first.
    pub pairs: Vec<(String, u64)>,
}

/// What there is of one label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelFigures {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Distinct,
    /// What name and value take in all the series that have it.
    pub n_bytes: u64,
}

impl ActiveIndex {
    /// The figures of the series of the shards that `wanted` names, with the `n_pairs` largest label values.
    pub(crate) fn figures(&self, wanted: impl Fn(Shard) -> bool, n_pairs: usize) -> IndexFigures {
        let is_wanted = |group: GroupKey| wanted(group.shard());
        let ids: RoaringBitmap = self.ids_of(is_wanted).collect();
        let is_all = ids.len() == self.len();
        let mut figures = IndexFigures {
            n_series: ids.len(),
            ..IndexFigures::default()
        };
        let mut largest = Largest::new(n_pairs);
        for (name, values) in &self.names {
            let mut label = LabelFigures {
                name: name.to_string(),
                ..LabelFigures::default()
            };
            for (value, postings) in &values.postings {
                let n_series = match is_all {
                    true => postings.len(),
                    false => postings.intersection_len(&ids),
                };
                if n_series == 0 {
                    continue;
                }
                label.values.insert(value);
                label.n_bytes += n_series * (size(name) + size(value));
                if **name == *METRIC_NAME {
                    figures.metrics.push((value.to_string(), n_series));
                }
                largest.offer(n_series, name, value);
            }
            if label.n_bytes > 0 {
                figures.labels.push(label);
            }
        }
        figures.pairs = largest.sorted();
        figures
    }
}

/// What Prometheus reckons for a text within a set of labels.
fn size(text: &str) -> u64 {
    let length = if text.len() < 255 { 1 } else { 4 };
    (text.len() + length) as u64
}

/// A label's value and the series that have it: more series are greater, then earlier names.
type Pair<'a> = (u64, Reverse<(&'a str, &'a str)>);

/// The largest of many pairs.
struct Largest<'a> {
    held: BinaryHeap<Reverse<Pair<'a>>>,
    limit: usize,
}

impl<'a> Largest<'a> {
    fn new(limit: usize) -> Self {
        Self {
            held: BinaryHeap::new(),
            limit,
        }
    }

    fn offer(&mut self, n_series: u64, name: &'a str, value: &'a str) {
        self.held.push(Reverse((n_series, Reverse((name, value)))));
        if self.held.len() > self.limit {
            self.held.pop();
        }
    }

    fn sorted(self) -> Vec<(String, u64)> {
        let sorted = self.held.into_sorted_vec().into_iter();
        let pair = |Reverse((n, Reverse((name, value)))): Reverse<Pair<'_>>| {
            (format!("{name}={value}"), n)
        };
        sorted.map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;
    use crate::{dictionary::Dictionary, row::DictionaryNo};

    /// Series `i` is of shard `i % 2`.
    fn index() -> ActiveIndex {
        let series: [&[(&str, &str)]; 4] = [
            &[("__name__", "up"), ("job", "a")],
            &[("__name__", "up"), ("job", "b")],
            &[("__name__", "go"), ("job", "a")],
            &[("__name__", "up"), ("job", "a"), ("x", "1")],
        ];
        let mut index = ActiveIndex::default();
        for (i, pairs) in series.iter().enumerate() {
            let group = GroupKey((i as u64 % 2) << 48 | i as u64);
            let mut dictionary = Dictionary::new(DictionaryNo(i as u32));
            dictionary.extend(&[Labels::from_pairs(pairs.iter().copied())]);
            index.add(group, &mut dictionary);
        }
        index
    }

    fn named(list: &[(&str, u64)]) -> Vec<(String, u64)> {
        list.iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect()
    }

    #[test]
    fn series_are_counted_by_metric_label_and_value() {
        let figures = index().figures(|_| true, 3);
        assert_eq!(figures.n_series, 4);
        assert_eq!(figures.metrics, named(&[("go", 1), ("up", 3)]));
        assert_eq!(
            figures.pairs,
            named(&[("__name__=up", 3), ("job=a", 3), ("__name__=go", 1)])
        );
        let labels = figures.labels.iter();
        let labels = labels.map(|l| (l.name.as_str(), l.values.count(), l.n_bytes));
        assert_eq!(
            labels.collect::<Vec<_>>(),
            [("__name__", 2, 4 * 12), ("job", 2, 4 * 6), ("x", 1, 4)]
        );
    }

    #[test]
    fn only_series_of_the_shards_named_count() {
        let (even, odd) = (
            index().figures(|shard| shard.0 == 0, 9),
            index().figures(|shard| shard.0 == 1, 9),
        );
        assert_eq!(even.metrics, named(&[("go", 1), ("up", 1)]));
        assert_eq!(odd.metrics, named(&[("up", 2)]));
        assert_eq!(odd.pairs.len(), 4);
        assert_eq!(index().figures(|_| false, 9), IndexFigures::default());
    }
}
