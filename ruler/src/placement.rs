//! Which ruler evaluates a group: rendezvous hashing, so that a ruler's death moves its groups alone.
//!
//! Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998).
use model::{GroupKey, Labels, NodeId};
use xxhash_rust::xxh3::xxh3_64;

/// The stable key of the group `name` in `file`.
pub fn group_key(file: &str, name: &str) -> GroupKey {
    GroupKey(Labels::from_pairs([("file", file), ("group", name)]).stable_hash())
}

/// The one of `rulers` that evaluates `group`; the same on every ruler that knows the same members.
pub fn owner(group: GroupKey, rulers: impl IntoIterator<Item = NodeId>) -> Option<NodeId> {
    rulers.into_iter().max_by_key(|ruler| {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&group.0.to_le_bytes());
        bytes[8..].copy_from_slice(&ruler.0.to_le_bytes());
        (xxh3_64(&bytes), *ruler)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn groups() -> impl Iterator<Item = GroupKey> {
        (0..1000).map(|i| group_key("rules.yml", &format!("group {i}")))
    }

    #[test]
    fn a_ruler_that_leaves_moves_its_groups_alone() {
        let (all, without): (Vec<_>, Vec<_>) = (
            (1..=4).map(NodeId).collect(),
            [1, 2, 4].map(NodeId).to_vec(),
        );
        for group in groups() {
            let before = owner(group, all.iter().copied()).unwrap();
            let after = owner(group, without.iter().copied()).unwrap();
            assert!(before == after || before == NodeId(3));
        }
    }

    #[test]
    fn groups_spread_over_rulers() {
        let mut counts = BTreeMap::new();
        for group in groups() {
            *counts.entry(owner(group, (1..=4).map(NodeId))).or_insert(0) += 1;
        }
        assert!(
            counts.values().all(|n| (200..300).contains(n)),
            "{counts:?}"
        );
        assert_eq!(owner(GroupKey(1), []), None);
    }
}
