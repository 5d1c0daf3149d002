//! The consistent-hash ring: each (shard, rank) has its own order of preference over the members.
//!
//! The hash is XXH3 over bytes that are spelled out here, little endian, so that no release of Rust or of the ring's
//! crate moves a shard.
use std::hash::{Hash, Hasher};

use consistent_hash::{Node, RingHash, StaticHashRing};
use model::{NodeId, Shard};
use xxhash_rust::xxh3::Xxh3Default;

use crate::Problem;

/// Places on the ring for each unit of weight.
const PLACES_PER_WEIGHT: usize = 128;

/// The ring of a problem's members.
pub(crate) struct Ring(StaticHashRing<'static, Key, usize, Pinned>);

impl Ring {
    /// The ring of `problem`'s members.
    pub(crate) fn new(problem: &Problem) -> Self {
        let nodes = problem.members().iter().enumerate().map(|(idx, member)| {
            Node::new(Key(member.node))
                .value(idx)
                .quantity(usize::from(member.weight.get()) * PLACES_PER_WEIGHT)
        });
        Self(StaticHashRing::new(Pinned, nodes))
    }

    /// The members in the order in which `rank` of `shard` prefers them, as indexes into the problem's.
    pub(crate) fn candidates(&self, shard: Shard, rank: usize) -> impl Iterator<Item = usize> {
        let pair = Pair(shard, rank as u8);
        self.0.calc_candidates(&pair).map(|node| node.value)
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key(NodeId);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0.0.to_le_bytes());
    }
}

struct Pair(Shard, u8);

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high] = self.0.0.to_le_bytes();
        state.write(&[low, high, self.1]);
    }
}

/// XXH3 over the bytes that a key writes, then the number of the place.
struct Pinned;

impl RingHash for Pinned {
    fn hash_item<T: Hash>(&self, item: &T) -> u64 {
        let mut hasher = Xxh3Default::new();
        item.hash(&mut hasher);
        hasher.digest()
    }

    fn hash_vnode<K: Hash>(&self, key: &K, place: usize) -> u64 {
        let mut hasher = Xxh3Default::new();
        key.hash(&mut hasher);
        hasher.update(&(place as u32).to_le_bytes());
        hasher.digest()
    }
}
