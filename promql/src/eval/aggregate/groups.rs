//! The groups that series are aggregated into, by their labels.
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::{HashMap, HashMapExt as _, quality::FixedState};
use model::{Labels, METRIC_NAME};

use crate::{ast::Grouping, eval::merge::is_metadata};

/// The labels of the group that a series belongs to.
pub(super) fn group_labels(grouping: &Grouping, labels: &Labels) -> Labels {
    labels.filtered(|name| is_kept(grouping, name))
}

fn is_kept(grouping: &Grouping, name: &str) -> bool {
    match grouping {
        Grouping::By(names) => names.iter().any(|n| n == name),
        Grouping::Without(names) => name != METRIC_NAME && names.iter().all(|n| n != name),
    }
}

/// True if the group that a series belongs to does not follow from its metric's name, type or unit.
pub(super) fn is_blind_to_names(grouping: &Grouping) -> bool {
    match grouping {
        Grouping::By(names) => !names.iter().any(|name| is_metadata(name)),
        Grouping::Without(_) => true,
    }
}

/// The groups of an aggregation, in the order in which they first came.
pub(super) struct Groups<G> {
    /// By a hash of their labels; where that is taken by another group, the next number is tried.
    places: HashMap<u64, usize>,
    pub(super) list: Vec<Group<G>>,
}

/// One group.
pub(super) struct Group<G> {
    pub(super) labels: Labels,
    /// A series of the group had a name that is to be dropped.
    pub(super) drop_name: bool,
    pub(super) state: G,
}

impl<G> Groups<G> {
    pub(super) fn new() -> Self {
        Self {
            places: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// The state of the group called `labels`.
    pub(super) fn of(
        &mut self,
        labels: Labels,
        drop_name: bool,
        new: impl FnOnce() -> G,
    ) -> &mut G {
        let hash = hash(labels.iter());
        self.find(
            hash,
            |group| *group == labels,
            || labels.clone(),
            drop_name,
            new,
        )
    }

    /// The state of the group that the series `labels` belongs to. Most series come to a group that is known, and then
    /// no labels are made.
    pub(super) fn of_series(
        &mut self,
        grouping: &Grouping,
        labels: &Labels,
        drop_name: bool,
        new: impl FnOnce() -> G,
    ) -> &mut G {
        let is_kept = |(name, _): &(&str, &str)| is_kept(grouping, name);
        self.find(
            hash(labels.iter().filter(is_kept)),
            |group| group.iter().eq(labels.iter().filter(is_kept)),
            || group_labels(grouping, labels),
            drop_name,
            new,
        )
    }

    fn find(
        &mut self,
        mut hash: u64,
        is_it: impl Fn(&Labels) -> bool,
        labels: impl FnOnce() -> Labels,
        drop_name: bool,
        new: impl FnOnce() -> G,
    ) -> &mut G {
        let place = loop {
            match self.places.get(&hash) {
                Some(place) if is_it(&self.list[*place].labels) => break *place,
                Some(_) => hash = hash.wrapping_add(1),
                None => {
                    self.places.insert(hash, self.list.len());
                    self.list.push(Group {
                        labels: labels(),
                        drop_name: false,
                        state: new(),
                    });
                    break self.list.len() - 1;
                }
            }
        };
        let group = &mut self.list[place];
        group.drop_name |= drop_name;
        &mut group.state
    }
}

fn hash<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    for (name, value) in labels {
        hasher.write(name.as_bytes());
        hasher.write(value.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_finds_its_group_with_and_without_its_labels_made() {
        let series = Labels::from_pairs([("__name__", "x"), ("a", "1"), ("b", "2")]);
        for grouping in [
            Grouping::By(vec![]),
            Grouping::By(vec!["b".to_owned(), "c".to_owned()]),
            Grouping::Without(vec!["a".to_owned()]),
        ] {
            let mut groups = Groups::new();
            *groups.of_series(&grouping, &series, false, || 0) += 1;
            let labels = group_labels(&grouping, &series);
            *groups.of(labels.clone(), true, || 0) += 1;
            let [group] = &groups.list[..] else {
                panic!("{} groups", groups.list.len());
            };
            assert_eq!(
                (&group.labels, group.drop_name, group.state),
                (&labels, true, 2)
            );
        }
    }
}
