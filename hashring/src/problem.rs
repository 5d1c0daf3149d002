//! What placement starts from: the members and how many copies there shall be.
use std::num::NonZeroU16;

use model::{NodeId, ReplicationFactor};

/// One ingester as placement sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number, never reused.
    pub node: NodeId,
    /// Its share in relation to the others'.
    pub weight: NonZeroU16,
    /// Its topology zone; members without one give the empty string and count as one zone.
    pub zone: String,
    /// Whether it may hold shards.
    pub health: Health,
}

/// Whether a member may hold shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// It holds shards and may be given more.
    Active,
    /// It keeps its shards and is given none; stand-ins take its new rows.
    Unhealthy,
    /// Its shards go to others.
    Leaving,
}

/// Members and replication factor: all that placement depends on beside the map that held before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    replication: ReplicationFactor,
    /// Sorted by node; those that may hold shards.
    members: Vec<Member>,
}

impl Problem {
    /// The problem of placing on `members`, of whom those that leave count as gone; of members with one number
    /// the first counts.
    pub fn new(replication: ReplicationFactor, members: impl IntoIterator<Item = Member>) -> Self {
        let mut members: Vec<Member> = members
            .into_iter()
            .filter(|m| m.health != Health::Leaving)
            .collect();
        members.sort_by_key(|m| m.node);
        members.dedup_by_key(|m| m.node);
        Self {
            replication,
            members,
        }
    }

    /// The members that may hold shards, by number.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many replicas each shard can have: the factor, or all members if they are fewer.
    pub fn n_replicas(&self) -> usize {
        self.replication.get().min(self.members.len())
    }
}
