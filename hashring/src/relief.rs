//! Relief of members whose shards turned out heavier than their share.
use std::cmp::Reverse;

use model::{N_SHARDS, Shard};

use crate::{Problem, ShardMap, place::Placement};

/// At most one in so many pairs moves at a time.
const MOST_MOVED: usize = 100;
/// A member is too heavy from this many hundredths of its share on.
const HEAVY_HUNDREDTHS: u64 = 125;

/// The map with a few pairs moved from members whose load is too far above their share to those with the most room.
///
/// `load` is the measured number of series of each shard, [`N_SHARDS`] of them. At most a hundredth of the pairs moves;
/// call it again after a minute. If no member is too heavy, or nothing would help, the map stays as it is.
pub fn relieve(problem: &Problem, map: &ShardMap, load: &[u64]) -> ShardMap {
    debug_assert_eq!(load.len(), N_SHARDS);
    let mut placement = Placement::keeping(problem, map);
    let n_replicas = placement.n_replicas;
    let n_members = problem.members().len();
    let mut loads = vec![0_u64; n_members];
    let mut pairs: Vec<(Shard, usize)> = Vec::new();
    for (shard, rank) in Shard::all().flat_map(|shard| (0..n_replicas).map(move |r| (shard, r))) {
        if let Some(home) = placement.home(shard, rank) {
            loads[home] += load[shard.index()];
            pairs.push((shard, rank));
        }
    }
    let total: u64 = loads.iter().sum();
    let fair: Vec<u64> = (placement.shares.iter())
        .map(|&share| (u128::from(total) * share as u128 / N_SHARDS as u128) as u64)
        .collect();
    pairs.retain(|(shard, _)| load[shard.index()] > 0);
    pairs.sort_by_key(|(shard, _)| Reverse(load[shard.index()]));
    let mut budget = n_replicas * N_SHARDS / MOST_MOVED;
    for (shard, rank) in pairs {
        let weight = load[shard.index()];
        let Some(home) = placement.home(shard, rank) else {
            continue;
        };
        if budget == 0 || loads[home] * 100 <= fair[home] * HEAVY_HUNDREDTHS {
            continue;
        }
        let taker = (placement.ring.candidates(shard, rank))
            .filter(|&c| {
                placement.is_active(c)
                    && loads[c] + weight <= fair[c]
                    && placement.fits(shard, rank, c)
            })
            .max_by_key(|&c| fair[c] - loads[c]);
        if let Some(taker) = taker {
            placement.set(shard, rank, taker);
            loads[home] -= weight;
            loads[taker] += weight;
            budget -= 1;
        }
    }
    placement.into_map()
}
