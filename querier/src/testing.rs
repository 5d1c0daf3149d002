//! What several tests need: times, maps of shards, clusters.
use std::{num::NonZeroU16, sync::Arc};

use hashring::{Health, Member, Problem, ShardMap, place};
use model::{NodeId, ReplicationFactor, TimeRange, Timestamp};
use runtime::EpochMap;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn range(start: i64, end: i64) -> TimeRange {
    TimeRange::new(at(start), at(end)).unwrap()
}

/// The map of `nodes` with `copies`, which holds from `from`.
pub(crate) fn epoch_map(epoch: u64, from: i64, nodes: &[u32], copies: u8) -> EpochMap {
    let member = |node: &u32| Member {
        node: NodeId(*node),
        weight: NonZeroU16::MIN,
        zone: String::new(),
        health: Health::Active,
    };
    let replication = ReplicationFactor::new(copies).unwrap();
    let problem = Problem::new(replication, nodes.iter().map(member));
    EpochMap {
        epoch,
        from: at(from),
        map: Arc::new(place(&problem, &ShardMap::empty())),
    }
}
