//! What placement promises, over random memberships.
use std::{collections::BTreeSet, num::NonZeroU16};

use expect_test::expect;
use hashring::{Health, Member, Problem, ShardMap, place, relieve};
use model::{N_SHARDS, NodeId, ReplicationFactor, Shard};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

fn member(node: u32) -> Member {
    Member {
        node: NodeId(node),
        weight: NonZeroU16::MIN,
        zone: String::new(),
        health: Health::Active,
    }
}

fn problem(copies: u8, members: impl IntoIterator<Item = Member>) -> Problem {
    Problem::new(ReplicationFactor::new(copies).unwrap(), members)
}

fn placed(copies: u8, members: impl IntoIterator<Item = Member>) -> ShardMap {
    place(&problem(copies, members), &ShardMap::empty())
}

/// Every shard has as many distinct homes as there can be.
#[track_caller]
fn assert_whole(problem: &Problem, map: &ShardMap) {
    assert_eq!(map.n_replicas(), problem.n_replicas());
    for shard in Shard::all() {
        let homes: BTreeSet<NodeId> = map.homes(shard).collect();
        assert_eq!(homes.len(), problem.n_replicas(), "{shard:?}");
    }
}

fn at_rank(map: &ShardMap, rank: usize, node: u32) -> usize {
    Shard::all()
        .filter(|s| map.homes(*s).nth(rank) == Some(NodeId(node)))
        .count()
}

#[test]
fn a_map_is_pinned() {
    let weighted = Member {
        weight: NonZeroU16::new(2).unwrap(),
        ..member(9)
    };
    let map = placed(2, [member(1), member(2), member(5), weighted]);
    let counts: Vec<_> = map.n_shards().iter().map(|(n, c)| (n.0, *c)).collect();
    expect!["[(1, 26216), (2, 26214), (5, 26214), (9, 52428)]"].assert_eq(&format!("{counts:?}"));
    expect!["5805b8379825bb10"].assert_eq(&format!("{:016x}", xxh3_64(&map.encode())));
}

#[test]
fn without_members_there_is_nothing_to_place() {
    let map = placed(2, []);
    assert_eq!(map, ShardMap::empty());
    assert_eq!(map.replicas(Shard(7)).count(), 0);
}

#[test]
fn three_members_grow_to_five() {
    let three = placed(2, (1..=3).map(member));
    let five = place(&problem(2, (1..=5).map(member)), &three);
    let moves = five.moves_since(&three);
    let part = moves.len() as f64 / (2 * N_SHARDS) as f64;
    assert!((0.35..=0.45).contains(&part), "{part}");
    assert!(moves.iter().all(|m| m.to >= Some(NodeId(4))));
    for node in 1..=5 {
        for rank in 0..2 {
            let n_shards = at_rank(&five, rank, node);
            assert!((13107..=13108).contains(&n_shards), "{node} {n_shards}");
        }
    }
}

#[test]
fn a_second_member_takes_half_of_the_first_ranks() {
    let one = placed(2, [member(1)]);
    let two = place(&problem(2, [member(1), member(2)]), &one);
    assert_eq!(at_rank(&two, 0, 2), N_SHARDS / 2);
    let again = place(&problem(2, [member(2)]), &two);
    assert_eq!(at_rank(&again, 0, 2), N_SHARDS);
}

#[test]
fn a_rolling_restart_moves_nothing() {
    let whole = placed(2, (1..=3).map(member));
    let mut map = whole.clone();
    for down in 1..=3 {
        let members = (1..=3).map(|node| Member {
            health: [Health::Active, Health::Unhealthy][usize::from(node == down)],
            ..member(node)
        });
        map = place(&problem(2, members), &map);
        assert!(map.moves_since(&whole).is_empty());
        for shard in Shard::all() {
            let needs_one = map.homes(shard).any(|n| n == NodeId(down));
            let stand_ins: Vec<NodeId> = map.stand_ins(shard).collect();
            assert_eq!(stand_ins.len(), usize::from(needs_one));
            assert!(map.homes(shard).all(|home| !stand_ins.contains(&home)));
        }
    }
    assert_eq!(place(&problem(2, (1..=3).map(member)), &map), whole);
}

#[test]
fn zones_never_share_a_shard() {
    let zoned = |node: u32, zone: &str| Member {
        zone: zone.to_owned(),
        ..member(node)
    };
    let members = [zoned(1, "a"), zoned(2, "b"), zoned(3, "b"), zoned(4, "c")];
    let apart = |map: &ShardMap| {
        Shard::all().all(|shard| {
            let zones: BTreeSet<&str> = map
                .homes(shard)
                .map(|n| &*members[n.0 as usize - 1].zone)
                .collect();
            zones.len() == map.n_replicas()
        })
    };
    let one_by_one = (1..=4).fold(ShardMap::empty(), |map, n| {
        place(&problem(2, members[..n].iter().cloned()), &map)
    });
    assert!(apart(&one_by_one));
    let at_once = placed(2, members.iter().cloned());
    assert!(apart(&at_once));
    let left = place(&problem(2, members[..3].iter().cloned()), &at_once);
    assert!(apart(&left));
}

#[test]
fn the_factor_grows_and_shrinks_without_moving_what_stays() {
    let two = placed(2, (1..=4).map(member));
    let three = place(&problem(3, (1..=4).map(member)), &two);
    assert!(three.moves_since(&two).iter().all(|m| m.rank == 2));
    assert_eq!(place(&problem(2, (1..=4).map(member)), &three), two);
}

#[test]
fn load_moves_from_heavy_members_a_little_at_a_time() {
    let members = problem(2, (1..=4).map(member));
    let mut map = place(&members, &ShardMap::empty());
    let load: Vec<u64> = Shard::all()
        .map(|s| {
            if map.homes(s).next() == Some(NodeId(1)) {
                30
            } else {
                10
            }
        })
        .collect();
    let of_first =
        |map: &ShardMap| -> u64 { map.shards_of(NodeId(1)).map(|(s, _)| load[s.index()]).sum() };
    let total = 2 * load.iter().sum::<u64>();
    assert!(of_first(&map) * 100 > total * 125 / 4);
    let mut steps = 0;
    loop {
        let next = relieve(&members, &map, &load);
        let moves = next.moves_since(&map).len();
        assert!(moves <= 2 * N_SHARDS / 100);
        assert_whole(&members, &next);
        if moves == 0 {
            break;
        }
        (map, steps) = (next, steps + 1);
    }
    assert!(steps > 1);
    assert!(of_first(&map) * 100 <= total * 125 / 4);
}

#[derive(Clone, Debug)]
struct Cluster {
    copies: u8,
    members: Vec<Member>,
}

impl Cluster {
    fn problem(&self) -> Problem {
        problem(self.copies, self.members.iter().cloned())
    }
}

fn clusters() -> impl Strategy<Value = Cluster> {
    let drawn = (1_u32..40, 1_u16..4, 0..3_u8);
    (1_u8..4, prop::collection::vec(drawn, 1..8), any::<bool>()).prop_map(
        |(copies, members, zoned)| Cluster {
            copies,
            members: members
                .into_iter()
                .map(|(node, weight, zone)| Member {
                    weight: NonZeroU16::new(weight).unwrap(),
                    zone: if zoned {
                        zone.to_string()
                    } else {
                        String::new()
                    },
                    ..member(node)
                })
                .collect(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn placement_is_whole_idempotent_and_survives_its_encoding(cluster in clusters()) {
        let problem = cluster.problem();
        let map = place(&problem, &ShardMap::empty());
        assert_whole(&problem, &map);
        prop_assert_eq!(&place(&problem, &map), &map);
        prop_assert_eq!(&ShardMap::decode(&map.encode()).unwrap(), &map);
    }

    #[test]
    fn what_a_join_moves_goes_to_the_newcomer(cluster in clusters()) {
        let map = place(&cluster.problem(), &ShardMap::empty());
        let mut grown = cluster;
        grown.members.push(member(99));
        let problem = grown.problem();
        let after = place(&problem, &map);
        assert_whole(&problem, &after);
        for change in after.moves_since(&map) {
            // A rank that nobody held before, for want of members, is filled from all.
            prop_assert!(change.from.is_none() || change.to == Some(NodeId(99)));
        }
        prop_assert_eq!(&place(&problem, &after), &after);
    }

    #[test]
    fn a_leave_moves_the_leavers_pairs_only(cluster in clusters(), which: prop::sample::Index) {
        let problem = cluster.problem();
        let map = place(&problem, &ShardMap::empty());
        let leaver = which.get(problem.members()).node;
        let mut left = cluster.clone();
        for member in &mut left.members {
            if member.node == leaver {
                member.health = Health::Leaving;
            }
        }
        let problem = left.problem();
        let after = place(&problem, &map);
        assert_whole(&problem, &after);
        if after.n_replicas() == map.n_replicas() {
            for change in after.moves_since(&map) {
                prop_assert_eq!(change.from, Some(leaver));
            }
        }
        prop_assert_eq!(&place(&problem, &after), &after);
    }

    #[test]
    fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
        let _ = ShardMap::decode(&bytes);
        let _ = ShardMap::decode(&[&[1, 0], &bytes[..]].concat());
    }
}
