//! The labels by which series of two vectors find each other.
use foldhash::{HashMap, HashMapExt};
use model::{Labels, METRIC_NAME};

use crate::ast::VectorMatching;

/// The part of the labels that must be equal on both sides.
pub(super) fn signature(matching: &VectorMatching, labels: &Labels) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|l| l == name);
    match matching.on {
        true => labels.filtered(listed),
        false => labels.filtered(|name| name != METRIC_NAME && !listed(name)),
    }
}

/// A state for each match group.
pub(super) struct MatchGroups<'c, G> {
    matching: &'c VectorMatching,
    places: HashMap<Labels, usize>,
    pub(super) list: Vec<G>,
}

impl<'c, G> MatchGroups<'c, G> {
    pub(super) fn new(matching: &'c VectorMatching) -> Self {
        Self {
            matching,
            places: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// The state of the group that `labels` belong to.
    pub(super) fn of(&mut self, labels: &Labels, new: impl FnOnce() -> G) -> &mut G {
        let signature = signature(self.matching, labels);
        let place = *self.places.entry(signature).or_insert_with(|| {
            self.list.push(new());
            self.list.len() - 1
        });
        &mut self.list[place]
    }

    /// The state of the group that `labels` belong to, if there is one.
    pub(super) fn get(&mut self, labels: &Labels) -> Option<&mut G> {
        let place = self.places.get(&signature(self.matching, labels))?;
        Some(&mut self.list[*place])
    }
}
