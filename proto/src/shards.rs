//! Sets of shards: a bit each.
use model::{N_SHARDS, Shard};

use crate::WireError;

/// A set of shards as messages carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSet(Vec<u8>);

impl Default for ShardSet {
    fn default() -> Self {
        Self(vec![0; N_SHARDS / 8])
    }
}

impl ShardSet {
    /// Adds `shard`.
    pub fn insert(&mut self, shard: Shard) {
        self.0[shard.index() / 8] |= 1 << (shard.index() % 8);
    }

    /// True if `shard` is in it.
    pub fn contains(&self, shard: Shard) -> bool {
        self.0[shard.index() / 8] & 1 << (shard.index() % 8) != 0
    }
}

impl From<ShardSet> for Vec<u8> {
    fn from(set: ShardSet) -> Self {
        set.0
    }
}

impl TryFrom<Vec<u8>> for ShardSet {
    type Error = WireError;

    fn try_from(bits: Vec<u8>) -> Result<Self, WireError> {
        match bits.len() == N_SHARDS / 8 {
            true => Ok(Self(bits)),
            false => Err(WireError::Missing("a bit for each shard")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_after_the_wire_too() {
        let mut set = ShardSet::default();
        let some = [Shard(0), Shard(7), Shard(8), Shard(65_535)];
        some.iter().for_each(|shard| set.insert(*shard));
        let set = ShardSet::try_from(Vec::from(set)).unwrap();
        let held: Vec<Shard> = Shard::all().filter(|shard| set.contains(*shard)).collect();
        assert_eq!(held, some);
        assert!(ShardSet::try_from(vec![0; 3]).is_err());
    }
}
