//! The changes of the state, as the Raft log holds them.
use std::{collections::BTreeMap, sync::Arc};

use hashring::ShardMap;
use model::{NodeId, ReplicationFactor, Timestamp};

use super::{ConfigBundle, Member, MemberState};

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Makes a process a member, or a known one again under the number that it has.
    Join(Member),
    /// Sets how a member is.
    SetMemberState {
        /// Which member.
        node: NodeId,
        /// How it is.
        state: MemberState,
        /// Since when.
        at: Timestamp,
    },
    /// Forgets a member; its number stays taken.
    RemoveMember(NodeId),
    /// Begins a new epoch, if the newest is still the one that the map was made from.
    SetMap {
        /// The epoch that the map was made from.
        based_on: u64,
        /// When it begins to hold.
        at: Timestamp,
        /// The map.
        map: Arc<ShardMap>,
    },
    /// Sets how many replicas each shard has.
    SetReplication(ReplicationFactor),
    /// Sets the user's part of the configuration; neither the version in it counts nor what is generated.
    SetConfig(ConfigBundle),
    /// Sets the generated part of the configuration.
    SetGenerated(BTreeMap<String, String>),
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The member has this number.
    Joined(NodeId),
    /// The state is another than before.
    Changed,
    /// The state was so already.
    Unchanged,
    /// The command does not fit the state, and why.
    Refused(String),
}

impl Outcome {
    pub(super) fn changed_if(changed: bool) -> Self {
        match changed {
            true => Self::Changed,
            false => Self::Unchanged,
        }
    }
}
