//! What ingesters hold but cannot read: missing, unless a replica has it whole.
use model::{GroupKey, NodeId, TimeRange};
use proto::v1;
use runtime::Cluster;

use crate::coverage;

/// How much of it a warning names.
const SHOWN: usize = 3;

/// What to tell of the `damage` that each ingester met in `range`; nothing if others have all of it.
pub(crate) fn warning(
    cluster: &Cluster,
    range: TimeRange,
    damage: &[(NodeId, Vec<v1::Damage>)],
) -> Option<String> {
    let mut missing = Vec::new();
    for (node, damaged) in damage {
        let member = cluster.members.iter().find(|m| m.node == node.0);
        let name = member.map_or_else(|| node.0.to_string(), |member| member.id.clone());
        let lost = damaged
            .iter()
            .filter(|lost| !has_other(cluster, range, damage, lost));
        missing.extend(lost.map(|lost| format!("{name}: {}", lost.text)));
    }
    let n = missing.len();
    missing.truncate(SHOWN);
    let shown = missing.join("; ");
    match n {
        0 => None,
        n if n > SHOWN => Some(format!(
            "damaged data is missing: {shown}; and {} more",
            n - SHOWN
        )),
        _ => Some(format!("damaged data is missing: {shown}")),
    }
}

/// True if those that answered and did not lose the same hold all of what was `lost`.
fn has_other(
    cluster: &Cluster,
    range: TimeRange,
    damage: &[(NodeId, Vec<v1::Damage>)],
    lost: &v1::Damage,
) -> bool {
    let is_same = |other: &v1::Damage| match (lost.group, other.group) {
        (Some(lost), Some(other)) => lost == other,
        // Nobody knows.
        _ => true,
    };
    let is_whole = |node: NodeId| {
        let answer = damage.iter().find(|(answered, _)| *answered == node);
        answer.is_some_and(|(_, damaged)| !damaged.iter().any(is_same))
    };
    match lost.group {
        Some(group) => {
            let shard = GroupKey(group).shard();
            !coverage::is_missing(&cluster.maps, range, shard, is_whole)
        }
        None => coverage::is_complete(&cluster.maps, range, is_whole),
    }
}

#[cfg(test)]
mod tests {
    use model::Shard;

    use super::*;
    use crate::testing::{epoch_map, range};

    fn lost(group: Option<GroupKey>) -> v1::Damage {
        v1::Damage {
            group: group.map(|group| group.0),
            text: "read a block".to_owned(),
        }
    }

    #[test]
    fn what_a_replica_has_whole_is_not_missing() {
        let cluster = Cluster {
            maps: vec![epoch_map(1, 0, &[1, 2, 3], 2)],
            ..Cluster::default()
        };
        let group = GroupKey((7 << 48) | 1);
        let replicas: Vec<NodeId> = cluster.maps[0].map.replicas(Shard(7)).collect();
        let [first, second] = replicas[..] else {
            panic!("two replicas")
        };
        let third = NodeId(6 - first.0 - second.0);
        let told = |damage: [Vec<v1::Damage>; 3]| {
            let damage: Vec<_> = [first, second, third].into_iter().zip(damage).collect();
            warning(&cluster, range(0, 9), &damage)
        };
        let text = |nodes: &[NodeId]| {
            let named: Vec<String> = nodes
                .iter()
                .map(|n| format!("{}: read a block", n.0))
                .collect();
            Some(format!("damaged data is missing: {}", named.join("; ")))
        };
        assert_eq!(told([vec![lost(Some(group))], vec![], vec![]]), None);
        assert_eq!(told([vec![lost(None)], vec![], vec![]]), None);
        let other = lost(Some(GroupKey(group.0 + 1)));
        assert_eq!(told([vec![lost(Some(group))], vec![other], vec![]]), None);
        assert_eq!(
            told([vec![lost(Some(group))], vec![lost(Some(group))], vec![]]),
            text(&[first, second])
        );
        assert_eq!(
            told([vec![lost(Some(group))], vec![], vec![lost(None)]]),
            text(&[third])
        );
        let alone = [(first, vec![lost(Some(group))])];
        assert_eq!(warning(&cluster, range(0, 9), &alone), text(&[first]));
    }
}
