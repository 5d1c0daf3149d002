//! How many shards of one rank each member shall hold, so that members, ranks and zones are even.
use std::collections::BTreeMap;

use model::N_SHARDS;

use crate::{Member, Problem};

/// For each member of `problem` the number of shards that it shall hold at each rank; their sum is [`N_SHARDS`].
///
/// In proportion to weight, within two bounds: a member holds a shard at one rank only, and a zone no more replicas
/// of a shard than an even spread over zones asks for.
pub(crate) fn shares(problem: &Problem) -> Vec<usize> {
    let n_replicas = problem.n_replicas();
    if n_replicas == 0 {
        return Vec::new();
    }
    let mut zones: BTreeMap<&str, Vec<(usize, &Member)>> = BTreeMap::new();
    for (idx, member) in problem.members().iter().enumerate() {
        zones.entry(&member.zone).or_default().push((idx, member));
    }
    let most = |replicas_of_a_shard: usize| (N_SHARDS * replicas_of_a_shard).div_ceil(n_replicas);
    let of_zones = divide(
        N_SHARDS,
        &zones
            .values()
            .map(|members| Part {
                weight: members.iter().map(|(_, m)| u64::from(m.weight.get())).sum(),
                most: most(members.len().min(n_replicas.div_ceil(zones.len()))),
            })
            .collect::<Vec<_>>(),
    );
    let mut shares = vec![0; problem.members().len()];
    for (members, of_zone) in zones.values().zip(of_zones) {
        let parts: Vec<Part> = members
            .iter()
            .map(|(_, member)| Part {
                weight: u64::from(member.weight.get()),
                most: most(1),
            })
            .collect();
        for ((idx, _), share) in members.iter().zip(divide(of_zone, &parts)) {
            shares[*idx] = share;
        }
    }
    shares
}

struct Part {
    weight: u64,
    most: usize,
}

/// Divides `total` by weight; what is above a part's bound goes to the others. If the bounds leave a rest,
/// it is divided as if there were none.
fn divide(total: usize, parts: &[Part]) -> Vec<usize> {
    let mut shares = vec![0; parts.len()];
    let mut open: Vec<usize> = (0..parts.len()).collect();
    let mut left = total;
    while !open.is_empty() {
        let weight: u64 = open.iter().map(|&i| parts[i].weight).sum();
        let share = |i: usize| left as u128 * u128::from(parts[i].weight) / u128::from(weight);
        let (full, rest): (Vec<usize>, Vec<usize>) = open
            .iter()
            .partition(|&&i| share(i) >= parts[i].most as u128);
        if full.is_empty() {
            for &i in &rest {
                shares[i] = share(i) as usize;
            }
            break;
        }
        for i in full {
            shares[i] = parts[i].most;
            left = left.saturating_sub(parts[i].most);
        }
        open = rest;
    }
    even_out(&mut shares, total);
    shares
}

/// Makes `shares` sum to `total`, one at a time from the first on: rounding, and bounds that are too narrow.
fn even_out(shares: &mut [usize], total: usize) {
    let mut sum: usize = shares.iter().sum();
    while sum != total {
        for share in &mut *shares {
            if sum < total {
                (*share, sum) = (*share + 1, sum + 1);
            } else if sum > total && *share > 0 {
                (*share, sum) = (*share - 1, sum - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use model::{NodeId, ReplicationFactor};

    use super::*;
    use crate::Health;

    #[track_caller]
    fn check(copies: u8, members: &[(u16, &str)], expected: &[usize]) {
        let members = members
            .iter()
            .enumerate()
            .map(|(i, (weight, zone))| Member {
                node: NodeId(i as u32 + 1),
                weight: NonZeroU16::new(*weight).unwrap(),
                zone: (*zone).to_owned(),
                health: Health::Active,
            });
        let problem = Problem::new(ReplicationFactor::new(copies).unwrap(), members);
        assert_eq!(shares(&problem), expected);
    }

    #[test]
    fn equal_members_share_equally() {
        check(2, &[(1, ""); 4], &[16384; 4]);
        check(2, &[(1, ""); 3], &[21846, 21845, 21845]);
        check(2, &[], &[]);
    }

    #[test]
    fn weight_counts_until_a_member_would_hold_a_shard_twice() {
        check(1, &[(1, ""), (3, "")], &[16384, 49152]);
        check(2, &[(1, ""), (1, ""), (6, "")], &[16384, 16384, 32768]);
    }

    #[test]
    fn a_small_zone_holds_one_replica_of_every_shard() {
        check(
            2,
            &[(1, "a"), (1, "b"), (1, "b"), (1, "b"), (1, "b")],
            &[32768, 8192, 8192, 8192, 8192],
        );
    }

    #[test]
    fn with_fewer_zones_than_copies_each_zone_holds_its_part() {
        check(3, &[(1, "a"), (1, "b"), (1, "b")], &[21846, 21845, 21845]);
    }
}
