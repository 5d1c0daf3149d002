//! Leases: which members the leader has heard of lately, and what they told.
//!
//! They live in the leader's memory alone. Time is what has passed since the leadership began, so that a new leader,
//! who has heard of nobody, judges nobody before a whole lease has passed.
use std::{collections::BTreeMap, time::Duration};

use model::{N_SHARDS, NodeId, Shard};

/// How long a member counts as well after its last heartbeat.
pub const LEASE: Duration = Duration::from_secs(10);

/// The leases since a leadership began.
#[derive(Clone, Debug, Default)]
pub struct Leases {
    held: BTreeMap<NodeId, Lease>,
}

#[derive(Clone, Debug)]
struct Lease {
    renewed: Duration,
    load: Load,
}

/// What a member tells with a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Active series.
    pub n_series: u64,
    /// Targets that it scrapes.
    pub n_targets: u64,
    /// Series of each shard that has any.
    pub shards: Vec<(Shard, u64)>,
}

/// What the leader knows of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds a lease.
    Alive,
    /// Its lease has run out.
    Lost,
    /// It was not heard of since the leadership began, which is less than a lease ago.
    Unknown,
}

impl Leases {
    /// Renews the lease of `node` at `now`.
    pub fn renew(&mut self, node: NodeId, now: Duration, load: Load) {
        self.held.insert(node, Lease { renewed: now, load });
    }

    /// What is known of `node` at `now`.
    pub fn verdict(&self, node: NodeId, now: Duration) -> Verdict {
        match self.held.get(&node) {
            Some(lease) if now < lease.renewed + LEASE => Verdict::Alive,
            None if now < LEASE => Verdict::Unknown,
            _ => Verdict::Lost,
        }
    }

    /// What each member told last.
    pub fn loads(&self) -> impl Iterator<Item = (NodeId, &Load)> {
        self.held.iter().map(|(node, lease)| (*node, &lease.load))
    }

    /// The series of each shard: the most that one of its holders told.
    pub fn series_by_shard(&self) -> Vec<u64> {
        let mut series = vec![0; N_SHARDS];
        for (shard, n_series) in self.held.values().flat_map(|lease| &lease.load.shards) {
            let known: &mut u64 = &mut series[shard.index()];
            *known = (*known).max(*n_series);
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_lost_before_a_lease_has_passed() {
        let mut leases = Leases::default();
        let seconds = Duration::from_secs;
        leases.renew(NodeId(1), seconds(3), Load::default());
        let at = |now| [1, 2].map(|node| leases.verdict(NodeId(node), seconds(now)));
        assert_eq!(at(9), [Verdict::Alive, Verdict::Unknown]);
        assert_eq!(at(12), [Verdict::Alive, Verdict::Lost]);
        assert_eq!(at(13), [Verdict::Lost, Verdict::Lost]);
    }

    #[test]
    fn a_shard_weighs_what_its_fullest_holder_says() {
        let mut leases = Leases::default();
        for (node, n_series) in [(1, 5), (2, 7)] {
            let shards = vec![(Shard(3), n_series)];
            let load = Load {
                shards,
                ..Load::default()
            };
            leases.renew(NodeId(node), Duration::ZERO, load);
        }
        assert_eq!(leases.series_by_shard()[3], 7);
    }
}
