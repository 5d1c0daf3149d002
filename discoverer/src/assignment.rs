//! What one ingester is told to scrape: the full set first, then what changes.
//!
//! Nothing of a job is taken away before every provider of its targets has told its first, so that a new leader, or a
//! Kubernetes API that does not answer, never empties an ingester; and no job waits for the providers of others.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hashring::ShardMap;
use model::{GroupKey, NodeId, Target};
use proto::v1;

use crate::targets::Targets;

/// What one ingester has been told.
#[derive(Debug, Default)]
pub struct Assigned {
    node: NodeId,
    /// Whether the full set was sent.
    full: bool,
    /// The jobs of which all was sent.
    whole: BTreeSet<String>,
    told: BTreeMap<GroupKey, (Arc<Target>, u8)>,
}

/// A change of what one ingester scrapes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// True if what is not among the upserts is assigned no longer.
    pub full: bool,
    /// Jobs of which what is not among the upserts is assigned no longer.
    pub whole_jobs: Vec<String>,
    /// If there are any, all jobs: what is of another is assigned no longer.
    pub all_jobs: Vec<String>,
    /// New or changed: key, target, and the ingester's rank.
    pub upserts: Vec<(GroupKey, Arc<Target>, u8)>,
    /// No longer assigned, and why.
    pub removes: Vec<(GroupKey, Reason)>,
}

/// Why a target is assigned no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Others scrape it now.
    Moved,
    /// It is gone.
    Removed,
}

impl Assigned {
    /// Nothing told yet to `node`.
    pub fn new(node: NodeId) -> Self {
        Self {
            node,
            ..Self::default()
        }
    }

    /// What is to be told now, which counts as told when this returns; none if there is nothing.
    pub fn delta(&mut self, targets: &Targets, map: &ShardMap) -> Option<Delta> {
        let mut delta = Delta {
            full: targets.is_complete() && !self.full,
            ..Delta::default()
        };
        if !delta.full && !self.full {
            let jobs = || targets.jobs().iter().map(|(job, _)| job);
            let is_new = |job: &&String| targets.is_settled(job) && !self.whole.contains(*job);
            delta.whole_jobs = jobs().filter(is_new).cloned().collect();
            if !delta.whole_jobs.is_empty() {
                delta.all_jobs = jobs().cloned().collect();
            }
        }
        let mut wanted = BTreeMap::new();
        for (key, target) in targets.by_key() {
            if let Some(rank) = map.rank(key.shard(), self.node) {
                wanted.insert(*key, (Arc::clone(target), rank));
            }
        }
        for (key, (target, rank)) in &wanted {
            let told = self.told.get(key);
            let all = delta.full || delta.whole_jobs.contains(&target.job);
            if all || told.is_none_or(|(t, r)| (t, r) != (target, rank)) {
                delta.upserts.push((*key, Arc::clone(target), *rank));
            }
        }
        for (key, told) in std::mem::take(&mut self.told) {
            if wanted.contains_key(&key) {
                continue;
            }
            if targets.by_key().contains_key(&key) {
                delta.removes.push((key, Reason::Moved));
            } else if targets.is_settled(&told.0.job) {
                delta.removes.push((key, Reason::Removed));
            } else {
                wanted.insert(key, told);
            }
        }
        self.told = wanted;
        self.full |= delta.full;
        self.whole.extend(delta.whole_jobs.iter().cloned());
        let nothing = !delta.full
            && delta.whole_jobs.is_empty()
            && delta.upserts.is_empty()
            && delta.removes.is_empty();
        (!nothing).then_some(delta)
    }
}

impl Delta {
    /// The change as the ingester is sent it.
    pub fn message(&self, epoch: u64, config_version: u64) -> v1::AssignmentDelta {
        let upsert = |(key, target, rank): &(GroupKey, Arc<Target>, u8)| v1::Assignment {
            target: Some((&**target).into()),
            key: key.0,
            rank: u32::from(*rank),
        };
        let remove = |(key, reason): &(GroupKey, Reason)| v1::Unassignment {
            key: key.0,
            reason: match reason {
                Reason::Moved => v1::unassignment::Reason::Moved.into(),
                Reason::Removed => v1::unassignment::Reason::Removed.into(),
            },
        };
        v1::AssignmentDelta {
            epoch,
            config_version,
            full: self.full,
            whole_jobs: self.whole_jobs.clone(),
            all_jobs: self.all_jobs.clone(),
            upserts: self.upserts.iter().map(upsert).collect(),
            removes: self.removes.iter().map(remove).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
