//! Whether the ingesters that answered hold everything that was asked for.
//!
//! Every map of shards says who took a shard's rows while it held. An answer is complete if, for each map that held
//! at some time of the asked range, every shard has a replica among those that answered.
use std::fmt;

use hashring::ShardMap;
use model::{N_SHARDS, NodeId, Shard, TimeRange, Timestamp};
use runtime::EpochMap;

/// What an answer lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// How many shards nobody answered for, at some time of the range.
    pub(crate) n_shards: usize,
    /// The first instant for which one is missing.
    pub(crate) since: Timestamp,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.n_shards as f64 / N_SHARDS as f64;
        write!(
            f,
            "{} of {N_SHARDS} shards ({share:.1}% of all series)",
            self.n_shards
        )?;
        // Before the epoch means: as long as anyone remembers.
        match chrono::DateTime::from_timestamp_millis(self.since.as_millis()) {
            Some(since) if self.since.as_millis() > 0 => {
                write!(f, " since {}", since.format("%Y-%m-%dT%H:%M:%SZ"))
            }
            _ => Ok(()),
        }
    }
}

/// What is missing of `range` if only those that `answered` says did so; none if nothing is.
///
/// `maps` come oldest first; the oldest is taken to have held since ever.
pub(crate) fn missing(
    maps: &[EpochMap],
    range: TimeRange,
    answered: impl Fn(NodeId) -> bool,
) -> Option<Missing> {
    let mut is_missing = Vec::new();
    let mut since: Option<Timestamp> = None;
    for (from, EpochMap { map, .. }) in held_in(maps, range) {
        if is_whole(map, &answered) {
            continue;
        }
        is_missing.resize(N_SHARDS, false);
        for shard in Shard::all() {
            let mut replicas = map.replicas(shard).peekable();
            if replicas.peek().is_some() && !replicas.any(&answered) {
                is_missing[shard.index()] = true;
                since.get_or_insert(from.max(range.start()));
            }
        }
    }
    since.map(|since| Missing {
        n_shards: is_missing.iter().filter(|missing| **missing).count(),
        since,
    })
}

/// True if nothing is missing of `range` if only those that `answered` says did so.
///
/// Every query asks this before the first answer and after each, so it ends at the first shard that is missing.
pub(crate) fn is_complete(
    maps: &[EpochMap],
    range: TimeRange,
    answered: impl Fn(NodeId) -> bool,
) -> bool {
    held_in(maps, range).all(|(_, EpochMap { map, .. })| {
        is_whole(map, &answered)
            || Shard::all().all(|shard| {
                let mut replicas = map.replicas(shard).peekable();
                replicas.peek().is_none() || replicas.any(&answered)
            })
    })
}

/// True if so few have not answered that each shard has a replica elsewhere, wherever its replicas are.
fn is_whole(map: &ShardMap, answered: impl Fn(NodeId) -> bool) -> bool {
    let members = map.members();
    let n_silent = members.iter().filter(|node| !answered(**node)).count();
    n_silent == 0 || n_silent < map.n_replicas()
}

/// True if `shard` is missing of `range` if only those that `answered` says did so.
pub(crate) fn is_missing(
    maps: &[EpochMap],
    range: TimeRange,
    shard: Shard,
    answered: impl Fn(NodeId) -> bool,
) -> bool {
    held_in(maps, range).any(|(_, EpochMap { map, .. })| {
        let mut replicas = map.replicas(shard).peekable();
        replicas.peek().is_some() && !replicas.any(&answered)
    })
}

/// The maps that held at some time of `range`, and since when.
fn held_in(maps: &[EpochMap], range: TimeRange) -> impl Iterator<Item = (Timestamp, &EpochMap)> {
    maps.iter().enumerate().filter_map(move |(i, held)| {
        let from = if i == 0 { Timestamp::MIN } else { held.from };
        let is_over = maps
            .get(i + 1)
            .is_some_and(|next| next.from <= range.start());
        (!is_over && from <= range.end()).then_some((from, held))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, epoch_map, range};

    /// Nodes 1 to 3 with two copies until 100, then nodes 2 to 4.
    fn maps() -> [EpochMap; 2] {
        [
            epoch_map(1, 0, &[1, 2, 3], 2),
            epoch_map(2, 100, &[2, 3, 4], 2),
        ]
    }

    #[test]
    fn one_replica_of_each_shard_is_enough() {
        let maps = maps();
        let without = |dead: u32| missing(&maps, range(0, 200), |node| node != NodeId(dead));
        assert_eq!([1, 2, 3, 4].map(without), [None; 4]);
    }

    #[test]
    fn complete_is_what_misses_nothing() {
        let copies = |n| {
            [
                epoch_map(1, 0, &[1, 2, 3], n),
                epoch_map(2, 100, &[2, 3, 4], n),
            ]
        };
        for (maps, bits) in [1, 2]
            .map(copies)
            .iter()
            .flat_map(|m| (0..16).map(move |b| (m, b)))
        {
            let answered = |node: NodeId| bits >> (node.0 - 1) & 1 == 1;
            for range in [range(0, 50), range(0, 200)] {
                let is_missing = |shard| is_missing(maps, range, shard, answered);
                let n_missing = Shard::all().filter(|shard| is_missing(*shard)).count();
                let told = missing(maps, range, answered).map_or(0, |gap| gap.n_shards);
                assert_eq!(told, n_missing, "{bits:b}");
                assert_eq!(
                    is_complete(maps, range, answered),
                    n_missing == 0,
                    "{bits:b}"
                );
            }
        }
    }

    #[test]
    fn what_is_missing_depends_on_the_map_that_held() {
        let maps = maps();
        let old = |start, end| {
            missing(&maps, range(start, end), |node| {
                ![NodeId(1), NodeId(2)].contains(&node)
            })
        };
        let gap = old(0, 99).expect("two of three are away");
        assert!((1..N_SHARDS / 2).contains(&gap.n_shards), "{gap:?}");
        assert_eq!(gap.since, at(0));
        assert_eq!(old(100, 200), None);
        // The oldest map is taken to have held since ever.
        assert_eq!(old(-50, -40).map(|gap| gap.n_shards), Some(gap.n_shards));
    }

    #[test]
    fn shards_without_holders_miss_nothing() {
        assert_eq!(missing(&[], range(0, 9), |_| false), None);
        assert_eq!(
            missing(&[epoch_map(1, 0, &[], 2)], range(0, 9), |_| false),
            None
        );
    }

    #[test]
    fn a_gap_is_told_with_its_time() {
        let gap = Missing {
            n_shards: 16384,
            since: at(1_700_000_000_000),
        };
        assert_eq!(
            gap.to_string(),
            "16384 of 65536 shards (25.0% of all series) since 2023-11-14T22:13:20Z"
        );
    }
}
